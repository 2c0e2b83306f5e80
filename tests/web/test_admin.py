"""The page of whoever looks after the studio."""

from __future__ import annotations

import os
import re

import pytest
from fixtures.web import EMAIL, PASSWORD, MakeApp, send, sign_up, user_of
from flask import Flask
from flask.testing import FlaskClient

from photochrom.web.accounts import admin
from photochrom.web.database import Picture, db
from photochrom.web.storage import is_worker_alive, mark_alive

pytestmark = pytest.mark.slow

ADMIN = "grace@example.org"


def make_admin(app: Flask) -> FlaskClient:
    browser = sign_up(app, ADMIN, "Grace")
    with app.app_context():
        admin.set_admin(ADMIN, True)
    return browser


def number_of(app: Flask, email: str = EMAIL) -> int:
    user = user_of(app, email)
    assert user is not None
    return user.id


def test_nobody_else_sees_that_there_is_such_a_page(app: Flask, member: FlaskClient) -> None:
    number = number_of(app)
    assert member.get("/admin").status_code == 404
    assert member.get(f"/admin/users/{number}").status_code == 404
    assert "/admin" not in member.get("/account").text
    for action in ("reset", "quota", "disable", "enable", "delete"):
        assert send(member, f"/admin/users/{number}/{action}", {"email": EMAIL}).status_code == 404
    assert app.test_client().get("/admin").location == "/log-in?next=/admin"
    assert user_of(app) is not None
    assert "/admin" in make_admin(app).get("/account").text


@pytest.mark.long
def test_space_queue_and_failures_are_told(app: Flask) -> None:
    browser = make_admin(app)
    with app.app_context():
        rows = {"user_id": number_of(app, ADMIN), "media_type": "image/jpeg", "bytes": 3_000_000}
        db.session.add(Picture(name="a.jpg", **rows))
        db.session.add(Picture(name="film.mp4", kind="film", state="working", **rows))
        problem = "cannot read Aunt Eileen.jpg: it is cut off"
        db.session.add(Picture(name="Aunt Eileen.jpg", state="failed", problem=problem, **rows))
        db.session.commit()
    alive = app.config["STUDIO"].data_dir / "worker.alive"
    assert "The worker is not at work." in browser.get("/admin").text
    mark_alive(alive.parent)
    page = browser.get("/admin").text
    assert "The worker" not in page
    os.utime(alive, (0, 0))
    assert not is_worker_alive(alive.parent)
    mark_alive(alive.parent)
    assert is_worker_alive(alive.parent)
    assert "9.0 MB" in page
    assert "Pictures: 3. Accounts: 1." in page
    queues = re.findall(r"Waiting: (\d+), in hand: (\d+)", page)
    assert queues == [("1", "0"), ("0", "1")]  # photographs and films
    assert "cannot read …: it is cut off" in page  # how pictures are called is their owners' alone
    assert "Eileen" not in page


@pytest.mark.long
def test_people_are_found_by_name_and_address(app: Flask) -> None:
    browser = make_admin(app)
    sign_up(app, "eve@example.org", "Eve 100 %")
    listed = r'href="/admin/users/\d+"><strong><bdi>([^<]+)'
    assert re.findall(listed, browser.get("/admin").text) == ["Grace", "Eve 100 %"]
    assert re.findall(listed, browser.get("/admin?q=EVE@").text) == ["Eve 100 %"]
    assert re.findall(listed, browser.get("/admin?q=%25").text) == ["Eve 100 %"]
    assert "Nobody is called that." in browser.get("/admin?q=mallory&page=2").text


@pytest.mark.usefixtures("member")
def test_an_admin_looks_after_an_account(app: Flask, member: FlaskClient) -> None:
    browser, here = make_admin(app), f"/admin/users/{number_of(app)}"
    page = send(browser, f"{here}/reset", {}).text
    link = re.search(r'value="http://localhost(/reset/[^"]+)"', page)
    assert link is not None
    assert "/reset/ey" not in browser.get(here).text  # shown once
    assert app.test_client().get(link[1]).status_code == 200

    assert send(browser, f"{here}/quota", {"megabytes": "7"}).status_code == 303
    assert "of 7.0 MB" in member.get("/account").text
    for wrong in ("0", "-1", "1.5", "a", "9" * 40):
        assert send(browser, f"{here}/quota", {"megabytes": wrong}).status_code == 400
    send(browser, f"{here}/quota", {"megabytes": ""})
    assert "of 1.0 GB" in member.get("/account").text

    send(browser, f"{here}/disable", {})
    assert member.get("/account").status_code == 302
    assert "cannot log in" in browser.get(here).text
    send(browser, f"{here}/enable", {})
    assert send(member, "/log-in", {"email": EMAIL, "password": PASSWORD}).location == "/"

    refused = send(browser, f"{here}/delete", {"email": ADMIN})
    assert refused.status_code == 400
    assert "not the address of the account" in refused.text
    assert send(browser, f"{here}/delete", {"email": " ADA@example.org"}).status_code == 303
    assert user_of(app) is None
    assert browser.get(here).status_code == 404
    assert browser.get(f"/admin/users/{10**30}").status_code == 404


@pytest.mark.long
def test_an_admin_cannot_shut_themselves_out(app: Flask) -> None:
    browser = make_admin(app)
    here = f"/admin/users/{number_of(app, ADMIN)}"
    assert send(browser, f"{here}/disable", {}).status_code == 409
    assert send(browser, f"{here}/delete", {"email": ADMIN}).status_code == 409
    assert browser.get("/admin").status_code == 200
    with app.app_context():
        admin.set_admin(ADMIN, False)
    assert browser.get("/admin").status_code == 404


@pytest.mark.long
def test_an_admin_invites(make_app: MakeApp) -> None:
    app = make_app(sign_up="invite")
    with app.app_context():
        path = admin.add_account("Grace", ADMIN)
        admin.set_admin(ADMIN, True)
    browser = app.test_client()
    send(browser, path, {"password": PASSWORD, "again": PASSWORD})
    send(browser, "/log-in", {"email": ADMIN, "password": PASSWORD})
    page = send(browser, "/admin/invitations", {}).text
    link = re.search(r'value="http://localhost(/sign-up\?invitation=[^"]+)"', page)
    assert link is not None
    assert app.test_client().get(link[1]).status_code == 200


@pytest.mark.long
def test_invitations_are_for_studios_that_take_them(app: Flask) -> None:
    assert send(make_admin(app), "/admin/invitations", {}).status_code == 400
