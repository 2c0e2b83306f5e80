"""Programs sign up and log in by the API: they get a token, by the rules of the pages."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures.api import API
from fixtures.web import MakeApp, app, make_app
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from photochrom.web.accounts import second_factor
from photochrom.web.api.accounts import APP_ORIGIN
from photochrom.web.database import User, db

__all__ = ["app", "make_app"]

GOOD = {
    "name": "Ada",
    "email": "Ada@Example.org",
    "password": "correct horse battery",
    "again": "correct horse battery",
}


GOOD_LOG_IN = {"email": GOOD["email"], "password": GOOD["password"]}


def post(app: Flask, path: str, values: Any, **headers: str) -> TestResponse:
    client = app.test_client(use_cookies=False)
    return client.post(API + path, json=values, headers=headers)


def test_four_fields_make_an_account_and_each_refuses_in_its_own_words(app: Flask) -> None:
    for changed, field, message in (
        ({"name": " "}, "name", "Enter your name."),
        ({"email": ""}, "email", "Enter your email address."),
        ({"email": "ada at home"}, "email", "This is not a valid email address."),
        ({"password": "", "again": ""}, "password", "Enter a password."),
        ({"password": "short", "again": "short"}, "password", "Use at least 10 characters."),
        ({"again": "another"}, "again", "The two passwords differ."),
    ):
        refused = post(app, "/accounts", {**GOOD, **changed}, **{"Accept-Language": "de"})
        assert refused.status_code == 400
        assert refused.get_json()["fields"] == {field: message}, "in English, as all of the API"
        assert refused.get_json()["error"] == message
    made = post(app, "/accounts", {**GOOD, "program": "Android"})
    assert (made.status_code, made.get_json()["name"]) == (201, "Ada")
    assert made.headers["Cache-Control"] == "no-store"
    assert not made.headers.getlist("Set-Cookie")
    token = {"Authorization": f"Bearer {made.get_json()['token']}"}
    answer = app.test_client(use_cookies=False).get(f"{API}/pictures", headers=token)
    assert answer.get_json()["total"] == 0
    again = post(app, "/accounts", GOOD).get_json()["fields"]
    assert again == {"email": "This email address is already in use."}
    for half in ({"password": "\ud800" * 12}, {"program": "\ud800"}):
        assert post(app, "/tokens", {**GOOD_LOG_IN, **half}).status_code == 400
    both = post(app, "/accounts", {"name": "", "email": "x", "password": "short", "again": "y"})
    assert both.get_json()["fields"].keys() >= {"name", "email", "password", "again"}


def test_email_password_and_code_make_a_token(app: Flask) -> None:
    post(app, "/accounts", GOOD)
    right = {"email": "ada@example.org", "password": GOOD["password"]}
    assert post(app, "/tokens", right).status_code == 201
    for values in ({**right, "password": "wrong"}, {**right, "email": "eve@example.org"}):
        assert post(app, "/tokens", values).get_json()["fields"] == {
            "password": "Email or password is wrong."
        }
    with app.app_context():
        user = db.session.scalar(select(User))
        assert user is not None
        import pyotp

        secret = second_factor.begin_setup(user)
        codes = second_factor.finish_setup(user, pyotp.TOTP(secret).now())
    assert post(app, "/tokens", right).get_json()["fields"] == {"code": "Enter the code."}
    assert post(app, "/tokens", {**right, "code": codes[0]}).status_code == 201
    used = post(app, "/tokens", {**right, "code": codes[0]}).get_json()["fields"]["code"]
    assert used == "This is not the code, or it was used already."
    wrong = post(app, "/tokens", {**right, "password": 7})
    assert (wrong.status_code, wrong.get_json()["error"]) == (400, "“password” must be text.")


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        ({"sign_up": "invite"}, 403, "made in a browser"),
        ({"sign_up": "closed"}, 403, "made in a browser"),
        ({"local": True}, 404, "has no accounts"),
    ],
)
def test_accounts_are_not_made_where_people_may_not(
    make_app: MakeApp, settings: dict[str, Any], status: int, message: str
) -> None:
    refused = post(make_app(**settings), "/accounts", GOOD)
    assert refused.status_code == status
    assert message in refused.get_json()["error"]


def test_a_shipped_model_may_be_named_in_the_one_request(app: Flask) -> None:
    import io

    from fixtures.api import Program, png
    from werkzeug.datastructures import FileStorage

    def colorize(model: str) -> TestResponse:
        form = {"file": FileStorage(io.BytesIO(png()), "a.png"), "model": model}
        return program.call("POST", "/colorize", data=form, content_type="multipart/form-data")

    program = Program(app, "ada@example.org")
    assert colorize("photochrom-film").status_code == 200
    refused = colorize("../secret.onnx")
    error = "There is no model “../secret.onnx” here. Choose another one."
    assert (refused.status_code, refused.get_json()["error"]) == (400, error)


def test_tries_are_counted_for_each_account_and_address(make_app: MakeApp) -> None:
    app = make_app(login_rate="2 per minute")
    wrong = {"email": "ada@example.org", "password": "wrong"}
    statuses = [post(app, "/tokens", wrong).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_pages_of_the_app_may_read_answers_and_no_others(app: Flask) -> None:
    client = app.test_client(use_cookies=False)
    asked = client.options(f"{API}/colorize", headers={"Origin": APP_ORIGIN})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == APP_ORIGIN
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    refused = client.post(f"{API}/colorize", headers={"Origin": APP_ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == APP_ORIGIN
    for origin in ("https://example.org", "null", "http://app.photochrom.invalid"):
        other = client.get(f"{API}/openapi.json", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in other.headers
    assert (
        "Access-Control-Allow-Origin"
        not in client.get("/log-in", headers={"Origin": APP_ORIGIN}).headers
    )
