"""One's own name and address, and everything that one has here, to take along."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fixtures.studio import Browser, ask, color_all, jpeg, model_in, upload_picture
from fixtures.web import EMAIL, PASSWORD, MakeApp, send, sign_up, user_of
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray

from photochrom.web.accounts import profile, service
from photochrom.web.accounts.data_export import export_data
from photochrom.web.accounts.tokens import create_token, find_token
from photochrom.web.database import Picture, db
from photochrom.web.errors import Conflict
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow

NEW = "lovelace@example.org"
MAILING = {"mail_url": "smtp://127.0.0.1:9", "public_url": "https://localhost/"}


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """To whom a message went, and its text."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        profile, "send_mail", lambda _s, to, _subject, text: sent.append((to, text))
    )
    return sent


def fields(**changes: str) -> dict[str, str]:
    return {"name": "Ada", "email": EMAIL, "owner": PASSWORD, **changes}


def errors(page: str) -> dict[str, str]:
    return dict(re.findall(r'class="error" id="([a-z_]+)-error">([^<]+)<', page))


def is_logged_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


def test_a_name_and_an_address_are_changed_by_whoever_has_the_password(
    make_app: MakeApp, mails: list[tuple[str, str]]
) -> None:
    app = make_app(**MAILING)
    member = sign_up(app)
    refusals = (
        ({"name": ""}, {"name": "Enter your name."}),
        ({"email": "ada at home"}, {"email": "This is not a valid email address."}),
        ({"email": NEW, "owner": "wrong password"}, {"owner": "This is not your password."}),
        ({"email": NEW, "owner": ""}, {"owner": "Enter a password."}),
        ({"email": "EVE@example.org"}, {"email": "This email address is already in use."}),
    )  # fmt: skip
    sign_up(app, "eve@example.org")
    for changes, says in refusals:
        answer = send(member, "/account/profile", fields(**changes))
        assert (answer.status_code, errors(answer.text)) == (400, says)
    user = user_of(app)
    assert user is not None
    assert user.name == "Ada"

    phone = app.test_client()
    send(phone, "/log-in", {"email": EMAIL, "password": PASSWORD})
    answer = send(member, "/account/profile", fields(name="Ada Lovelace"))
    assert answer.location == "/account"
    assert "Ada Lovelace" in phone.get("/account").text  # nobody is logged out for a name
    with app.app_context():
        user = service.find_user(EMAIL)
        assert user is not None
        link = service.reset_token(user, app.config["SECRET_KEY"])
        _token, secret = create_token(user, "a script", "read", 30)
    send(member, "/account/profile", fields(name="Ada Lovelace", email=" Lovelace@Example.org"))
    assert NEW in member.get("/account").text
    assert not is_logged_in(phone)
    with app.app_context():
        assert service.find_reset_user(link, app.config["SECRET_KEY"]) is None
        assert find_token(secret) is not None  # a program of hers is still hers
    [(to, text)] = mails
    assert to == EMAIL
    assert "another email address" in text
    assert NEW not in text
    browser = app.test_client()
    assert send(browser, "/log-in", {"email": EMAIL, "password": PASSWORD}).status_code == 400
    assert send(browser, "/log-in", {"email": NEW, "password": PASSWORD}).location == "/"


def test_the_second_who_takes_an_address_at_the_same_moment_is_told(app: Flask) -> None:
    sign_up(app)
    sign_up(app, NEW)
    with app.app_context():
        user = service.find_user(EMAIL)
        assert user is not None
        with pytest.raises(Conflict, match="already in use"):
            service.change_email(user, NEW)
    assert user_of(app) is not None


def test_an_address_is_proved_before_it_counts(
    make_app: MakeApp, mails: list[tuple[str, str]]
) -> None:
    sign_up(make_app(), "eve@example.org")
    sign_up(make_app())
    app = make_app(confirm_email=True, **MAILING)
    member, eve = app.test_client(), app.test_client()
    send(member, "/log-in", {"email": EMAIL, "password": PASSWORD})
    send(eve, "/log-in", {"email": "eve@example.org", "password": PASSWORD})
    assert "A link is sent to a new address first." in member.get("/account").text

    for email in ("eve@example.org", NEW):  # whether it has an account is told to its owner alone
        assert send(member, "/account/profile", fields(email=email)).location == "/account"
        assert f"We have sent a message to {email}." in member.get("/account").text
    assert [to for to, _text in mails] == ["eve@example.org", NEW]
    assert "another account" in mails[0][1]
    assert "/account/email/" not in mails[0][1]
    path = re.findall(r"https://localhost(/account/email/\S+)", mails[1][1])[0]

    assert NEW in member.get(path).text
    assert user_of(app) is not None  # to open the link changes nothing yet
    assert app.test_client().get(path).location.startswith("/log-in")
    for browser, address in ((eve, path), (member, f"{path}x")):
        assert send(browser, address, {}).location == "/account"
        assert user_of(app, NEW) is None
    assert send(member, path, {}).location == "/account"
    assert user_of(app, NEW) is not None
    assert send(member, path, {}).location == "/account"
    assert "This link has been used or is too old." in member.get("/account").text


def test_without_accounts_there_is_nothing_to_change(make_app: MakeApp) -> None:
    browser = make_app(local=True).test_client()
    page = browser.get("/account").text
    assert "/account/profile" not in page
    assert "/account/export" in page
    assert send(browser, "/account/profile", fields()).status_code == 404
    assert send(browser, "/account/email/x", {}).status_code == 404


def test_everything_of_a_user_comes_in_one_file(
    make_app: MakeApp,
    tmp_path: Path,
    grey_scene: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = WebSettings(data_dir=tmp_path / "studio", model=model_in(tmp_path), device="cpu")
    app = make_app(model=settings.model, device="cpu")
    app.test_client_class = Browser
    member, eve, photo = sign_up(app), sign_up(app, "eve@example.org"), jpeg(grey_scene)
    urls = [upload_picture(member, photo, name) for name in ("a.jpg", "A.jpg")]
    upload_picture(eve, photo, "eve's.jpg")
    color_all(app, settings)
    ask(member, f"{urls[0]}/edit", {"hints": [[10, 12, "#aa3311"]], "revision": 1})
    waiting = upload_picture(member, photo, "waiting.jpg")
    ids = [url.rpartition("/")[2] for url in (*urls, waiting)]
    send(member, "/library/album", {"album_name": "Summer 1943", "picture": ids})
    token = {"token_name": "a script", "scope": "read", "days": "30"}
    page = send(member, "/account/tokens", token).text
    [secret] = re.findall(r'id="new-token"[^>]+value="([^"]+)', page)

    answer = send(member, "/account/export", {})
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(
        r'attachment; filename="photochrom-\d{4}-\d\d-\d\d\.zip"',
        answer.headers["Content-Disposition"],
    )
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "originals/a.jpg",
            "results/a.color.jpg",
            "originals/A (2).jpg",
            "results/A.color (2).jpg",
            "originals/waiting.jpg",
            "photochrom.json",
        ]
        assert archive.read("originals/waiting.jpg") == photo
        assert archive.read("results/a.color.jpg") == member.get(f"{urls[0]}/download").data
        text = archive.read("photochrom.json").decode()
    data = json.loads(text)
    assert data["account"]["email"] == EMAIL
    assert data["albums"] == [{"name": "Summer 1943", "pictures": ids, "shared_until": []}]
    assert [one["name"] for one in data["tokens"]] == ["a script"]
    assert [picture["id"] for picture in data["pictures"]] == ids
    assert data["pictures"][0]["edit"]["hints"] == [[10.0, 12.0, "#aa3311"]]
    assert len(data["pictures"][0]["earlier_results"]) == 1
    assert data["pictures"][2]["files"] == {"originals": "originals/waiting.jpg"}
    user = user_of(app)
    assert user is not None
    assert not any(word in text for word in ("eve", secret, user.password_hash))

    # What is deleted while it is sent is left out; the same download does not run twice.
    storage = Storage(settings.data_dir)
    parts = export_data(user.id)
    with app.test_request_context():
        first = next(parts)
        with app.app_context():
            db.session.query(Picture).filter_by(id=ids[1]).delete()
            db.session.commit()
        storage.delete(ids[1])
        whole = first + b"".join(parts)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert "originals/A (2).jpg" not in archive.namelist()
    monkeypatch.setattr(profile, "_exports", {user.id})
    assert send(member, "/account/export", {}).status_code == 429
