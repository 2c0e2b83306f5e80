"""Codes of a phone, and recovery codes, after the password."""

from __future__ import annotations

import base64
import re
import time

import pyotp
import pytest
from fixtures.web import EMAIL, PASSWORD, MakeApp, send, user_of
from flask import Flask
from flask.testing import FlaskClient

from photochrom.web.accounts import admin, second_factor
from photochrom.web.database import db

pytestmark = pytest.mark.slow

PAGE = "/account/second-factor"
STEP = 59_000_000
"""Of thirty seconds each; the clock stands still here."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_factor, "_current_step", lambda: STEP)


def is_logged_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


def set_up(browser: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """The phone, and the recovery codes."""
    key = re.search(r"<code>([A-Z2-7 ]+)</code>", browser.get(PAGE).text)
    assert key is not None
    phone = pyotp.TOTP(key[1].replace(" ", ""))
    answer = send(browser, PAGE, {"code": phone.generate_otp(STEP), "confirm": PASSWORD})
    assert answer.status_code == 200
    return phone, re.findall(r"<code>([a-z2-7-]+)</code>", answer.text)


def first_step(app: Flask, next_page: str = "/account") -> FlaskClient:
    """A browser in which the password was right."""
    browser = app.test_client()
    answer = send(browser, f"/log-in?next={next_page}", {"email": EMAIL, "password": PASSWORD})
    assert answer.location == f"/log-in/code?next={next_page}"
    assert not is_logged_in(browser)
    return browser


def enter(browser: FlaskClient, code: str) -> int:
    return send(browser, "/log-in/code?next=/account", {"code": code}).status_code


def later(phone: pyotp.TOTP) -> str:
    """The next code, which a phone whose clock is ahead shows already."""
    return phone.generate_otp(STEP + 1)


def test_the_phone_is_asked_after_the_password(app: Flask, member: FlaskClient) -> None:
    page = member.get(PAGE).text
    picture = re.search(r'src="(data:image/svg\+xml[^"]+)"', page)
    assert picture is not None
    for fields, says in (
        ({"code": "000000", "confirm": "wrong password"}, "This is not your password."),
        ({"code": "", "confirm": PASSWORD}, "Enter the code."),
        ({"code": "12345a", "confirm": PASSWORD}, "This is not the code."),
    ):
        answer = send(member, PAGE, fields)
        assert (answer.status_code, says in answer.text) == (400, True), fields
    phone, codes = set_up(member)
    assert len(set(codes)) == 10
    assert all(len(base64.b32decode(code.replace("-", "").upper())) == 15 for code in codes)

    browser = first_step(app)
    used = phone.generate_otp(STEP)
    assert enter(browser, used) == 400, "it has set up the phone, and is good once"
    assert not is_logged_in(browser)
    assert enter(browser, f" {later(phone)} ") == 302
    assert is_logged_in(browser)
    again = first_step(app)
    assert enter(again, later(phone)) == 400

    assert enter(again, codes[0].upper().replace("-", " ")) == 302
    assert is_logged_in(again)
    third = first_step(app)
    assert enter(third, codes[0]) == 400
    assert "that are left: 9." in member.get(PAGE).text
    new = send(member, f"{PAGE}/codes", {"confirm": PASSWORD}).text
    assert enter(third, codes[1]) == 400, "those of before have ended"
    assert enter(third, re.findall(r"<code>([a-z2-7-]+)</code>", new)[0]) == 302


@pytest.mark.long
def test_what_is_kept_makes_no_codes(app: Flask, member: FlaskClient) -> None:
    phone, codes = set_up(member)
    with app.app_context():
        tables = ("users", "recovery_codes")
        rows = [db.session.execute(db.text(f"SELECT * FROM {name}")).all() for name in tables]
        kept = str(rows)
    assert phone.secret not in kept
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)


@pytest.mark.long
def test_it_is_switched_off_by_whoever_has_the_password(app: Flask, member: FlaskClient) -> None:
    set_up(member)
    assert send(member, f"{PAGE}/off", {"confirm": "wrong password"}).status_code == 400
    first_step(app)
    assert send(member, f"{PAGE}/off", {"confirm": PASSWORD}).location == "/account"
    browser = app.test_client()
    assert send(browser, "/log-in", {"email": EMAIL, "password": PASSWORD}).location == "/"
    assert is_logged_in(browser)
    set_up(member)
    with app.app_context():
        admin.disable_second_factor(EMAIL)
        user = admin.find_account(EMAIL)
        assert not second_factor.use_code(user, "000000")
        assert second_factor.count_recovery_codes(user) == 0


def test_the_second_step_ends(
    app: Flask, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, _codes = set_up(member)
    browser = first_step(app)
    with app.app_context():
        admin.set_disabled(EMAIL, True)
    assert browser.get("/log-in/code").location == "/log-in"
    with app.app_context():
        admin.set_disabled(EMAIL, False)
    browser = first_step(app)
    moment = time.time() + 700
    monkeypatch.setattr("photochrom.web.accounts.login_steps.time.time", lambda: moment)
    assert send(browser, "/log-in/code", {"code": later(phone)}).location == "/log-in"
    assert not is_logged_in(browser)
    nobody = app.test_client()
    assert send(nobody, "/log-in/code", {"code": later(phone)}).location == "/log-in"


@pytest.mark.long
def test_codes_cannot_be_guessed_fast(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(login_rate="3 per minute")
    with app.app_context():
        path = admin.add_account("Ada", EMAIL)
    browser = app.test_client()
    send(browser, path, {"password": PASSWORD, "again": PASSWORD})
    user = user_of(app)
    assert user is not None
    monkeypatch.setattr(second_factor, "is_enabled", lambda _user: True)
    answers: list[int] = []
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
        browser.environ_base["REMOTE_ADDR"] = address
        if not answers:
            send(browser, "/log-in", {"email": EMAIL, "password": PASSWORD})
        answers.append(enter(browser, "000000"))
    assert answers == [400, 400, 400, 429]
