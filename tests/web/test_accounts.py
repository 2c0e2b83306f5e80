"""Accounts: signing up, logging in, changing and resetting passwords, tokens, and leaving."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner
from fixtures.web import EMAIL, PASSWORD, MakeApp, send, sign_up, user_of
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from photochrom.cli.users import users
from photochrom.web.accounts import admin, service
from photochrom.web.accounts.passwords import hash_password, is_password
from photochrom.web.accounts.tokens import MAX_TOKENS, create_token, find_token
from photochrom.web.cleanup import sweep
from photochrom.web.database import Login, Picture, Token, User, db, now
from photochrom.web.errors import InvalidInput, MailError, NotFound
from photochrom.web.mail import deliver, send_mail, wait_for_mail
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow

OTHER = "another good password"
GUESSABLE = "This is easy to guess. Use several words that do not belong."
FIELDS = {"name": "Ada", "email": EMAIL, "password": PASSWORD, "again": PASSWORD}


def errors(page: str) -> dict[str, str]:
    """The message at each field of a page."""
    return dict(re.findall(r'class="error" id="([a-z_]+)-error">([^<]+)<', page))


def is_logged_in(browser: FlaskClient) -> bool:
    return browser.get("/account").status_code == 200


def log_in(app: Flask, password: str = PASSWORD, email: str = EMAIL) -> FlaskClient:
    browser = app.test_client()
    send(browser, "/log-in", {"email": email, "password": password})
    return browser


# Signing up


def test_signing_up_makes_an_account_and_logs_in(app: Flask, client: FlaskClient) -> None:
    answer = send(client, "/sign-up", {**FIELDS, "email": " Ada@Example.ORG "})
    assert (answer.status_code, answer.location) == (302, "/")
    assert is_logged_in(client)
    user = user_of(app)
    assert user is not None
    assert (user.name, user.email) == ("Ada", "ada@example.org")


@pytest.mark.usefixtures("costly_passwords", "member")
def test_a_password_is_kept_as_argon2id_only(app: Flask) -> None:
    user = user_of(app)
    assert user is not None
    assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in user.password_hash


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", "", "Enter your name."),
        ("name", "   ", "Enter your name."),
        ("name", "Ada\r\nBcc: eve@example.org", "This holds characters that cannot be shown."),
        ("name", "A\u202eda", "This holds characters that cannot be shown."),
        ("name", "A" * 101, "Use at most 100 characters."),
        ("email", "", "Enter your email address."),
        ("email", "ada", "This is not a valid email address."),
        ("email", "ada@", "This is not a valid email address."),
        ("email", "a b@example.org", "This is not a valid email address."),
        ("email", "ada@example.org\nBcc: eve@example.org", "This is not a valid email address."),
        ("password", "", "Enter a password."),
        ("password", "too short", "Use at least 10 characters."),
        ("password", "x" * 1001, "Use at most 1000 characters."),
        ("password", "1234567890", GUESSABLE),
        ("password", "aaaaaaaaaaaa", GUESSABLE),
        ("password", " " * 10, GUESSABLE),
        ("password", "password12", GUESSABLE),
        ("password", "photochrom", GUESSABLE),
        ("password", EMAIL, GUESSABLE),
        ("password", "a" * 900, GUESSABLE),
        ("again", "something else", "The two passwords differ."),
        ("again", "", "The two passwords differ."),
    ],
)
def test_each_field_refuses_with_its_own_words(
    app: Flask, client: FlaskClient, field: str, value: str, says: str
) -> None:
    fields = {**FIELDS, field: value}
    if field == "password":
        fields["again"] = value
    answer = send(client, "/sign-up", fields)
    assert answer.status_code == 400
    assert errors(answer.get_data(as_text=True)) == {field: says}
    with app.app_context():
        assert db.session.scalars(select(User)).all() == []


def test_an_empty_form_tells_all_at_once(client: FlaskClient) -> None:
    page = send(client, "/sign-up", {}).get_data(as_text=True)
    assert errors(page) == {
        "name": "Enter your name.",
        "email": "Enter your email address.",
        "password": "Enter a password.",
    }


def test_what_was_typed_stays_in_the_form_but_for_passwords(client: FlaskClient) -> None:
    page = send(client, "/sign-up", {**FIELDS, "again": "other"}).get_data(as_text=True)
    assert 'value="Ada"' in page
    assert PASSWORD not in page


@pytest.mark.parametrize("email", [EMAIL, "ADA@example.org"])
@pytest.mark.usefixtures("member")
def test_an_email_has_one_account(app: Flask, email: str) -> None:
    answer = send(app.test_client(), "/sign-up", {**FIELDS, "email": email})
    page = answer.get_data(as_text=True)
    assert errors(page) == {"email": "This email address is already in use."}


@pytest.mark.usefixtures("member")
def test_the_second_of_two_at_the_same_moment_is_told_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "is_taken", lambda _email: False)
    page = send(app.test_client(), "/sign-up", FIELDS).get_data(as_text=True)
    assert errors(page) == {"email": "This email address is already in use."}


def test_who_is_logged_in_needs_no_forms(member: FlaskClient) -> None:
    assert member.get("/sign-up").location == "/"
    assert member.get("/log-in?next=/account").location == "/account"


# Logging in and out


def test_an_address_may_be_written_in_each_of_its_ways(app: Flask) -> None:
    sign_up(app, "J\u00fcrgen@B\u00fccher.example.org")
    for way in ("ju\u0308rgen@b\u00fccher.example.org", "J\u00dcRGEN@xn--bcher-kva.example.org "):
        assert is_logged_in(log_in(app, email=way)), way


@pytest.mark.usefixtures("member")
def test_logging_in_with_any_capitals_and_out_again(app: Flask) -> None:
    browser = log_in(app, email="ADA@Example.org")
    assert is_logged_in(browser)
    assert send(browser, "/log-out", {}).status_code == 302
    assert not is_logged_in(browser)
    assert browser.get("/log-out").status_code == 405


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org", "no address"])
@pytest.mark.usefixtures("member")
def test_a_wrong_log_in_does_not_tell_what_is_wrong(app: Flask, email: str) -> None:
    answer = send(app.test_client(), "/log-in", {"email": email, "password": "wrong password"})
    assert answer.status_code == 400
    page = answer.get_data(as_text=True)
    assert errors(page) == {"password": "Email or password is wrong."}


@pytest.mark.usefixtures("costly_passwords", "member")
def test_an_unknown_email_takes_as_long_as_a_wrong_password(app: Flask) -> None:
    def seconds(email: str) -> float:
        begun = time.thread_time()  # of this processor alone, however busy it is
        assert service.authenticate(email, "wrong password") is None
        return time.thread_time() - begun

    with app.app_context():
        for email in (EMAIL, "nobody@example.org"):
            seconds(email)
        known = min(seconds(EMAIL) for _ in range(5))
        unknown = min(seconds("nobody@example.org") for _ in range(5))
    assert 0.6 < unknown / known < 1.7


def test_an_empty_log_in_says_what_is_missing(client: FlaskClient) -> None:
    page = send(client, "/log-in", {}).get_data(as_text=True)
    assert errors(page) == {"email": "Enter your email address.", "password": "Enter a password."}


@pytest.mark.usefixtures("member")
def test_a_page_that_needs_an_account_comes_after_logging_in(app: Flask) -> None:
    browser = app.test_client()
    first = browser.get("/account?of=mine")
    assert first.status_code == 302
    assert first.location == "/log-in?next=/account?of%3Dmine"
    answer = send(browser, first.location, {"email": EMAIL, "password": PASSWORD})
    assert answer.location == "/account?of=mine"


def test_a_program_is_not_led_to_a_form(client: FlaskClient) -> None:
    answer = client.get("/account", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.get_json()["error"]) == (401, "Log in first.")


def test_the_same_word_typed_on_two_keyboards_is_the_same_password() -> None:
    assert is_password("caf\u00e9 au lait", hash_password("cafe\u0301 au lait"))
    assert not is_password("cafe au lait", hash_password("caf\u00e9 au lait"))


@pytest.mark.usefixtures("costly_passwords", "member")
def test_a_hash_of_old_parameters_is_made_anew(app: Flask) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with app.app_context():
        db.session.execute(db.update(User).values(password_hash=old))
        db.session.commit()
    assert is_logged_in(log_in(app))
    user = user_of(app)
    assert user is not None
    assert "m=19456" in user.password_hash


# The password


def change(browser: FlaskClient, **fields: str) -> Any:
    given = {"current": PASSWORD, "password": OTHER, "again": OTHER, **fields}
    return send(browser, "/account/password", given)


def test_a_new_password_ends_all_other_sessions(app: Flask, member: FlaskClient) -> None:
    phone = log_in(app)
    assert change(member).status_code == 302
    assert is_logged_in(member)
    assert not is_logged_in(phone)
    assert not is_logged_in(log_in(app, PASSWORD))
    assert is_logged_in(log_in(app, OTHER))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"current": "not mine at all"}, {"current": "This is not your password."}),
        ({"current": ""}, {"current": "Enter a password."}),
        ({"again": "different"}, {"again": "The two passwords differ."}),
        ({"password": "short", "again": "short"}, {"password": "Use at least 10 characters."}),
    ],
)
def test_a_refused_change_changes_nothing(
    app: Flask, member: FlaskClient, fields: dict[str, str], says: dict[str, str]
) -> None:
    answer = change(member, **fields)
    assert answer.status_code == 400
    assert errors(answer.get_data(as_text=True)) == says
    assert is_logged_in(log_in(app))


def test_logging_out_everywhere_else(app: Flask, member: FlaskClient) -> None:
    phone = log_in(app)
    send(member, "/account/sessions", {})
    assert is_logged_in(member)
    assert not is_logged_in(phone)


# The way back


def reset_link(app: Flask) -> str:
    with app.app_context():
        return admin.reset_path(EMAIL)


def test_a_link_sets_a_new_password_once(app: Flask, member: FlaskClient) -> None:
    browser = app.test_client()
    link = reset_link(app)
    assert browser.get(link).status_code == 200
    fields = {"password": OTHER, "again": OTHER}
    assert send(browser, link, fields).location == "/log-in"
    assert not is_logged_in(member), "sessions of before have ended"
    assert is_logged_in(log_in(app, OTHER))
    assert send(browser, link, {"password": PASSWORD, "again": PASSWORD}).location == "/reset"
    assert is_logged_in(log_in(app, OTHER))


def test_a_link_of_a_deleted_account_is_not_for_the_next_one(
    app: Flask, member: FlaskClient
) -> None:
    link = reset_link(app)
    assert send(member, "/account/delete", {"confirm": PASSWORD}).location == "/"
    next_one = sign_up(app, "ben@example.org", "Ben")
    browser = app.test_client()
    assert browser.get(link).location == "/reset"
    assert send(browser, link, {"password": OTHER, "again": OTHER}).location == "/reset"
    assert is_logged_in(next_one)


def test_a_new_password_by_link_must_be_a_good_one(app: Flask, member: FlaskClient) -> None:
    link = reset_link(app)
    answer = send(member, link, {"password": "short", "again": "short"})
    assert answer.status_code == 400
    assert errors(answer.get_data(as_text=True)) == {"password": "Use at least 10 characters."}


@pytest.mark.usefixtures("member")
def test_a_link_ends_after_an_hour(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    link = reset_link(app)
    later = time.time() + 3602
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert app.test_client().get(link).location == "/reset"


def test_a_link_ends_with_the_password_it_was_for(app: Flask, member: FlaskClient) -> None:
    link = reset_link(app)
    change(member)
    assert app.test_client().get(link).location == "/reset"


@pytest.mark.parametrize("end", ["x", ".", "/../..", "%00"])
@pytest.mark.usefixtures("member")
def test_a_forged_link_opens_nothing(app: Flask, end: str) -> None:
    answer = app.test_client().get(reset_link(app) + end)
    assert answer.status_code in (302, 400, 404)
    assert answer.location in (None, "/reset")


@pytest.mark.usefixtures("member")
def test_of_two_who_use_a_link_at_once_one_wins(app: Flask) -> None:
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        epoch = user.session_epoch
        assert service.use_reset(user, OTHER)
        stale = User(id=user.id, session_epoch=epoch)
        assert not service.use_reset(stale, PASSWORD)


def test_asking_does_not_tell_who_has_an_account(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    monkeypatch.setattr(
        "photochrom.web.accounts.routes.send_mail",
        lambda _settings, to, _subject, text: messages.append(f"{to}: {text}"),
    )
    mailing = {"mail_url": "smtp://127.0.0.1:9", "public_url": "https://localhost/"}
    for settings, sends in ((mailing, 1), ({}, 0)):
        app = make_app(**settings)
        if sends:
            sign_up(app)
        pages = []
        for email in (EMAIL, "nobody@example.org"):
            answer = send(app.test_client(), "/reset", {"email": email})
            page = answer.get_data(as_text=True)
            pages.append((answer.status_code, re.sub(r'(content|value)="[^"]{60,}"', "", page)))
        assert pages[0] == pages[1]
        assert len(messages) == sends
        assert f"{EMAIL}: " in "".join(messages) or not sends
        assert "https://localhost/reset/" in "".join(messages) or not sends
        messages.clear()
    assert "/reset/" not in "".join(capsys.readouterr()), "no link is ever in the log"


def test_the_page_says_how_the_link_will_come(make_app: MakeApp) -> None:
    plain, mailing = (
        make_app(),
        make_app(mail_url="smtp://127.0.0.1:9", public_url="http://localhost"),
    )
    for app, says in ((plain, "This studio sends no mail."), (mailing, "have sent a link")):
        assert says in send(app.test_client(), "/reset", {"email": "nobody@example.org"}).text


# Mail


class _MailHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        data = False
        for line in self.rfile:
            if data:
                data = line != b".\r\n"
                self.server.lines.append(line.decode())  # type: ignore[attr-defined]
                if not data:
                    self.wfile.write(b"250 taken\r\n")
                continue
            word = line[:4].upper()
            data = word == b"DATA"
            answers = {b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}
            self.wfile.write(answers.get(word, b"250 fine\r\n"))
            if word == b"QUIT":
                return


@pytest.fixture
def post_office() -> Iterator[tuple[str, list[str]]]:
    """A mail server: its URL and the lines that it was sent."""
    with socketserver.TCPServer(("127.0.0.1", 0), _MailHandler) as server:
        server.lines = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}", server.lines  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def mail_settings(url: str, **more: Any) -> WebSettings:
    return WebSettings(mail_url=url, public_url="https://photos.example.org", **more)


def test_a_message_reaches_the_mail_server(post_office: tuple[str, list[str]]) -> None:
    url, lines = post_office
    send_mail(mail_settings(url), EMAIL, "Your new password", "Ein Gruß")
    wait_for_mail()
    message = "".join(lines)
    assert f"To: {EMAIL}" in message
    assert "Subject: Your new password" in message
    assert "Gru" in message


def test_no_header_can_be_smuggled_into_a_message() -> None:
    with pytest.raises(ValueError, match="line"):
        send_mail(
            mail_settings("smtp://127.0.0.1:9"), EMAIL + "\nBcc: eve@example.org", "Hello", "text"
        )


def test_a_mail_server_that_is_gone_is_logged_without_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        send_mail(mail_settings("smtp://127.0.0.1:9"), EMAIL, "Hello", "text")
        wait_for_mail()
    assert "the mail server 127.0.0.1 did not take a message" in caplog.text
    assert EMAIL not in caplog.text


def test_a_password_is_never_sent_in_the_clear_to_another_machine(
    post_office: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photochrom.web.mail._is_local_host", lambda _host: False)
    url = post_office[0].replace("smtp://", "smtp://me:secret@")
    with pytest.raises(MailError, match="offers no encryption"):
        deliver(url, send_to_nobody())


def send_to_nobody() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "a@example.org", "b@example.org"
    return message


# Leaving


def test_leaving_removes_every_row_and_every_file(app: Flask, member: FlaskClient) -> None:
    user, storage = user_of(app), Storage(app_folder(app))
    assert user is not None
    with app.app_context():
        pictures = [Picture(user_id=user.id, name="x", media_type="image/png") for _ in range(3)]
        db.session.add_all(pictures)
        db.session.commit()
        numbers = [picture.id for picture in pictures]
    for number in numbers:
        (storage.make(number) / "original.png").write_bytes(b"mine")
    answer = send(member, "/account/delete", {"confirm": PASSWORD})
    assert (answer.status_code, answer.location) == (302, "/")
    assert user_of(app) is None
    assert not is_logged_in(member)
    with app.app_context():
        assert db.session.scalars(select(Picture)).all() == []
    assert not list((app_folder(app) / "pictures").rglob("*.png"))
    assert sign_up(app) is not None, "the address is free again"


def test_leaving_leaves_other_people_alone(app: Flask, member: FlaskClient) -> None:
    other = sign_up(app, "eve@example.org")
    send(member, "/account/delete", {"confirm": PASSWORD})
    assert is_logged_in(other)


def test_leaving_wants_the_password(app: Flask, member: FlaskClient) -> None:
    for given, says in (("", "Enter a password."), (OTHER, "This is not your password.")):
        answer = send(member, "/account/delete", {"confirm": given})
        assert errors(answer.get_data(as_text=True)) == {"confirm": says}
    assert user_of(app) is not None


def test_a_session_of_someone_who_has_left_is_nobodys(app: Flask, member: FlaskClient) -> None:
    phone = log_in(app)
    send(member, "/account/delete", {"confirm": PASSWORD})
    assert not is_logged_in(phone)


def app_folder(app: Flask) -> Any:
    settings: WebSettings = app.config["STUDIO"]
    return settings.data_dir


# Tokens


def new_token(browser: FlaskClient, name: str = "my script") -> str:
    page = send(browser, "/account/tokens", {"token_name": name}).get_data(as_text=True)
    found = re.search(r'value="(pc_[A-Za-z0-9_-]{43})"', page)
    assert found is not None
    return found[1]


def test_a_token_is_shown_once_and_kept_as_a_digest(app: Flask, member: FlaskClient) -> None:
    secret = new_token(member)
    page = member.get("/account").get_data(as_text=True)
    assert "my script" in page
    assert secret not in page
    with app.app_context():
        token = db.session.scalars(select(Token)).one()
        assert len(token.digest) == 64
        assert secret[3:] not in token.digest
        assert token.last_used_at is None
        found = find_token(secret)
        assert found is not None
        assert (found.user.email, token.last_used_at is not None) == (EMAIL, True)
        assert find_token(secret + "x") is None


def test_a_revoked_token_is_worth_nothing(app: Flask, member: FlaskClient) -> None:
    secret = new_token(member)
    send(member, "/account/tokens/1/revoke", {})
    with app.app_context():
        assert find_token(secret) is None


def test_somebody_elses_token_cannot_be_revoked(app: Flask, member: FlaskClient) -> None:
    secret = new_token(member)
    other = sign_up(app, "eve@example.org")
    assert send(other, "/account/tokens/1/revoke", {}).status_code == 404
    with app.app_context():
        assert find_token(secret) is not None


def test_a_token_of_no_possible_number_is_not_there(member: FlaskClient) -> None:
    assert send(member, f"/account/tokens/{10**30}/revoke", {}).status_code == 404


def test_tokens_are_named_and_not_endless(app: Flask, member: FlaskClient) -> None:
    page = send(member, "/account/tokens", {"token_name": " "}).get_data(as_text=True)
    assert errors(page) == {"token_name": "Enter a name."}
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        for number in range(MAX_TOKENS):
            create_token(user, str(number))
    answer = send(member, "/account/tokens", {"token_name": "more"})
    assert answer.status_code == 400
    assert "revoke one first" in errors(answer.get_data(as_text=True))["token_name"]


def test_tokens_end_with_the_password_and_by_themselves_and_may_be_for_reading(
    app: Flask, member: FlaskClient
) -> None:
    choice = {"token_name": "t", "scope": "read", "days": "30"}
    page = send(member, "/account/tokens", choice).get_data(as_text=True)
    assert "It can only look and download." in page
    secret = re.findall(r'value="(pc_[A-Za-z0-9_-]{43})"', page)[0]
    program = app.test_client()
    header = {"Authorization": f"Bearer {secret}"}
    assert program.get("/api/v1/pictures", headers=header).status_code == 200
    for method, path in (("POST", "pictures"), ("PATCH", "pictures/x"), ("DELETE", "pictures/x")):
        answer = program.open(f"/api/v1/{path}", method=method, headers=header)
        assert (answer.status_code, "reading" in answer.text or "looking" in answer.text) == (
            403,
            True,
        )
    assert send(member, "/account/tokens", {**choice, "scope": "all"}).status_code == 400
    with app.app_context():
        db.session.execute(db.update(Token).values(expires_at=now()))
        db.session.commit()
    assert program.get("/api/v1/pictures", headers=header).status_code == 401
    secret = new_token(member)
    change(member)
    with app.app_context():
        assert find_token(secret) is None
        assert db.session.scalars(select(Token)).all() == []


def test_tokens_that_are_made_at_once_are_counted(app: Flask, member: FlaskClient) -> None:
    def make(number: int) -> None:
        with app.app_context(), contextlib.suppress(InvalidInput):
            create_token(db.session.scalars(select(User)).one(), str(number))

    for number in range(MAX_TOKENS - 3):
        make(number)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(12)))
    with app.app_context():
        assert len(db.session.scalars(select(Token)).all()) == MAX_TOKENS
    assert is_logged_in(member)


# Sessions


def test_logging_out_ends_the_session_for_whoever_has_the_cookie(
    app: Flask, member: FlaskClient
) -> None:
    cookie = member.get_cookie("__Host-studio")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("__Host-studio", cookie.value)
    assert is_logged_in(thief)
    assert 'action="/log-out"' in member.get("/account").text
    assert 'href="/account"' in member.get("/library").text  # as on every page
    answer = send(member, "/log-out", {})
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert not is_logged_in(thief)
    assert not is_logged_in(member)


def test_a_session_ends_after_a_month_however_often_it_is_used(
    app: Flask, member: FlaskClient
) -> None:
    def age(days: int) -> None:
        with app.app_context():
            for login in db.session.scalars(select(Login)):
                login.created_at, login.last_used_at = now() - timedelta(days=days), now()
            db.session.commit()
            sweep(app.config["STUDIO"], Storage(app.config["STUDIO"].data_dir))

    age(29)
    assert is_logged_in(member)
    age(31)
    assert not is_logged_in(member)


@pytest.mark.long
def test_two_web_processes_share_log_ins_and_what_they_are_told(
    app: Flask, make_app: MakeApp, member: FlaskClient
) -> None:
    other = make_app().test_client()  # on the same folder, with the same secret
    cookie = member.get_cookie("__Host-studio")
    assert cookie is not None
    other.set_cookie("__Host-studio", cookie.value)
    assert is_logged_in(other)
    with app.app_context():
        user = user_of(app)
        assert user is not None
        picture = Picture(user_id=user.id, name="a", media_type="image/jpeg", state="done")
        db.session.add(picture)
        db.session.commit()
        number = picture.id
    assert other.get(f"/pictures/{number}/state").get_json()["state"] == "done"
    send(member, "/log-out", {})
    assert not is_logged_in(other)


def test_the_account_page_tells_where_one_is_logged_in_and_ends_it_there(
    app: Flask, member: FlaskClient
) -> None:
    phone = app.test_client()
    phone.environ_base["HTTP_USER_AGENT"] = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1"
    )
    send(phone, "/log-in", {"email": EMAIL, "password": PASSWORD})
    page = member.get("/account").text
    assert "Safari on iPhone" in page
    found = re.search(r"/account/sessions/(\d+)/end", page)
    assert found is not None
    stranger = sign_up(app, "eve@example.org")
    assert send(stranger, found[0], {}).status_code == 404
    assert is_logged_in(phone)
    assert send(member, found[0], {}).status_code == 302
    assert not is_logged_in(phone)
    assert is_logged_in(member)
    assert send(member, f"/account/sessions/{10**30}/end", {}).status_code == 404


# Whoever runs it


def run_users(app: Flask, *arguments: str) -> str:
    """What `photochrom users` prints for this studio."""
    folder = str(app_folder(app))
    environment = {"PHOTOCHROM_WEB_DATA_DIR": folder, "PHOTOCHROM_WEB_SIGN_UP": "invite"}
    result = CliRunner().invoke(users, arguments, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_accounts_are_looked_after_on_the_host(make_app: MakeApp) -> None:
    app = make_app(sign_up="invite", quota_mb=5)
    link = run_users(app, "add", " Ada@example.org", "Ada")
    assert link.startswith("http://127.0.0.1:8000/reset/")
    browser = app.test_client()
    path = link.removeprefix("http://127.0.0.1:8000")
    assert send(browser, path, {"password": OTHER, "again": OTHER}).location == "/log-in"
    ada = log_in(app, OTHER)
    secret = new_token(ada)
    [row] = json.loads(run_users(app, "list", "--json"))
    assert (row["email"], row["pictures"], row["quota_mb"]) == (EMAIL, 0, 1024)
    run_users(app, "quota", EMAIL, "7")
    assert "of 7.0 MB" in ada.get("/account").text
    assert "of 7 MB" in run_users(app, "list")
    run_users(app, "quota", EMAIL)
    assert "of 5.0 MB" in ada.get("/account").text

    run_users(app, "admin", EMAIL)
    assert ada.get("/admin").status_code == 200
    assert run_users(app, "list").endswith("admin")
    run_users(app, "admin", "--undo", EMAIL)
    assert ada.get("/admin").status_code == 404

    run_users(app, "disable", EMAIL)
    assert not is_logged_in(ada)
    assert not is_logged_in(log_in(app, OTHER))
    header = {"Authorization": f"Bearer {secret}"}
    assert browser.get("/api/v1/pictures", headers=header).status_code == 401
    run_users(app, "disable", "--undo", EMAIL)
    assert is_logged_in(log_in(app, OTHER))

    link = run_users(app, "reset", EMAIL, "--address", "https://photos.example.org/")
    assert link.startswith("https://photos.example.org/reset/")
    assert browser.get(link.removeprefix("https://photos.example.org")).status_code == 200
    run_users(app, "delete", "--yes", EMAIL)
    assert run_users(app, "list") == "There are no accounts."
    with pytest.raises(NotFound, match=r"no account with the address ada@example\.org"):
        run_users(app, "reset", EMAIL)


def test_an_invitation_makes_one_account(make_app: MakeApp) -> None:
    app = make_app(sign_up="invite")
    browser = app.test_client()
    assert "/sign-up" not in browser.get("/").text
    for path in ("/sign-up", "/sign-up?invitation=forged"):
        assert browser.get(path).status_code == 403
        assert send(browser, path, FIELDS).status_code == 403
    assert "by invitation" in browser.get("/sign-up").text
    path = run_users(app, "invite").removeprefix("http://127.0.0.1:8000")
    assert send(browser, path, {**FIELDS, "again": "different"}).status_code == 400
    assert send(browser, path, FIELDS).status_code == 302
    assert is_logged_in(browser)
    other = app.test_client()
    assert send(other, path, {**FIELDS, "email": "eve@example.org"}).status_code == 403
    assert "was used" in other.get(path).text


def test_a_closed_studio_takes_nobody(make_app: MakeApp) -> None:
    browser = make_app(sign_up="closed").test_client()
    assert send(browser, "/sign-up", FIELDS).status_code == 403
    assert "takes no new accounts" in browser.get("/sign-up").text


def test_the_address_goes_along_to_the_reset_form(client: FlaskClient) -> None:
    assert 'value="ada@example.org"' in client.get("/reset?email=ada@example.org").text


# Without accounts


def test_a_studio_on_ones_own_machine_has_no_accounts(make_app: MakeApp) -> None:
    browser = make_app(local=True).test_client()
    for path in ("/sign-up", "/log-in", "/reset", "/reset/x"):
        assert browser.get(path).status_code == 404
    for path in ("/account/password", "/account/delete", "/account/sessions", "/log-out"):
        assert send(browser, path, {}).status_code == 404
    page = browser.get("/account").get_data(as_text=True)
    assert "Tokens" in page
    assert 'type="password"' not in page


def test_everything_there_belongs_to_one_user(make_app: MakeApp) -> None:
    app = make_app(local=True)
    for _ in range(2):
        assert is_logged_in(app.test_client())
    with app.app_context():
        assert [user.email for user in db.session.scalars(select(User))] == ["local"]


def test_the_one_user_has_no_password_to_log_in_with(make_app: MakeApp) -> None:
    app = make_app(local=True)
    is_logged_in(app.test_client())
    with app.app_context():
        assert service.authenticate("local", "") is None
