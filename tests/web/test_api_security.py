"""Who may use the API: holders of tokens, each for their own pictures, at a bearable rate."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from fixtures.api import API, Program, png, token_of
from fixtures.web import EMAIL, MakeApp, app, csrf_token, make_app, member, send, sign_up
from flask import Flask

from photochrom.web.accounts.login import local_token
from photochrom.web.accounts.tokens import revoke_token
from photochrom.web.database import Token, User, db
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.slow

__all__ = ["app", "make_app", "member"]


def calls(picture_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every address that is about one picture."""
    path = f"/pictures/{picture_id}"
    yield "GET", path, {}
    yield "PATCH", path, {"json": {"vividness": 2}}
    yield "PATCH", path, {"json": {"name": "mine"}}
    yield "DELETE", path, {}
    for form in ("colour", "side-by-side", "original"):
        yield "GET", f"{path}/result?form={form}", {}


def test_anothers_picture_is_not_there_by_any_address(app: Flask) -> None:
    owner, other = Program(app, EMAIL), Program(app, "eve@example.org")
    picture_id = owner.picture()
    for method, path, sent in calls(picture_id):
        nowhere = other.call(method, path.replace(picture_id, "A" * 16), **sent)
        answer = other.call(method, path, **sent)
        assert (answer.status_code, answer.get_json()) == (404, nowhere.get_json()), path
    assert other.call("GET", "/pictures").get_json()["total"] == 0
    record = owner.call("GET", f"/pictures/{picture_id}").get_json()
    assert (record["name"], record["revision"]) == ("Grandmother.png", 1)


def test_every_address_asks_for_a_token_before_anything_else(app: Flask) -> None:
    picture_id = Program(app, EMAIL).picture()
    everything = [*calls(picture_id), ("GET", "/pictures?page=x", {}), ("POST", "/pictures", {})]
    for method, path, sent in everything:
        answer = app.test_client().open(API + path, method=method, **sent)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "token" in answer.get_json()["error"]


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer wrong",
        "Bearer \xff\xfe",
        "Basic YWRhOmFkYQ==",
        "Digest nonsense",
        "bearer x=1, y=2",
        "{token}",
        "Bearer {token}x",
        "Bearer local",
    ],
)
def test_what_is_no_token_is_refused(app: Flask, header: str) -> None:
    value = header.format(token=token_of(app, EMAIL))
    answer = app.test_client().get(f"{API}/pictures", headers={"Authorization": value})
    assert answer.status_code == 401


def test_a_revoked_token_is_refused_at_once(app: Flask) -> None:
    program = Program(app, EMAIL)
    assert program.call("GET", "/pictures").status_code == 200
    with app.app_context():
        token = db.session.query(Token).one()
        assert token.last_used_at is not None
        revoke_token(token.user, token.id)
    assert program.call("GET", "/pictures").status_code == 401


def test_the_tokens_of_a_deleted_account_are_refused(app: Flask) -> None:
    program = Program(app, EMAIL)
    with app.app_context():
        db.session.delete(db.session.query(User).one())
        db.session.commit()
    assert program.call("GET", "/pictures").status_code == 401


def test_cookies_open_nothing_and_none_are_set(app: Flask, member: Any) -> None:
    assert member.get("/account").status_code == 200
    answer = member.get(f"{API}/pictures")
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" not in Program(app, EMAIL).call("GET", "/pictures").headers


def test_no_csrf_token_is_needed(app: Flask) -> None:
    assert Program(app, EMAIL).send().status_code == 201


@pytest.mark.parametrize("path", ["edit", "preview", "rename"])
def test_deeply_nested_json_is_refused_by_pages_too(app: Flask, member: Any, path: str) -> None:
    picture_id = Program(app, EMAIL).picture()
    answer = member.post(
        f"/pictures/{picture_id}/{path}",
        data=b'{"hints": ' + b"[" * 200_000,
        headers={"X-CSRFToken": csrf_token(member), "Content-Type": "application/json"},
    )
    assert answer.status_code == 400


def test_pages_elsewhere_are_not_let_in_by_browsers(app: Flask) -> None:
    answer = Program(app, EMAIL).call(
        "OPTIONS",
        "/pictures",
        headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"},
    )
    assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")]


def test_a_huge_body_is_refused_by_its_announced_length(app: Flask) -> None:
    program = Program(app, EMAIL)
    for path, kind in (("/pictures", "multipart/form-data; boundary=x"), ("/pictures/x", "text/x")):
        answer = program.call(
            "POST" if path == "/pictures" else "PATCH",
            path,
            headers={"Content-Type": kind},
            environ_overrides={"CONTENT_LENGTH": "1000000000"},
        )
        assert (answer.status_code, answer.get_json()["status"]) == (413, 413)


def test_a_file_larger_than_allowed_is_refused(make_app: MakeApp) -> None:
    program = Program(make_app(max_upload_mb=1), EMAIL)
    answer = program.send(png() + bytes(1_000_001))
    assert (answer.status_code, answer.get_json()["error"]) == (
        413,
        "The file is larger than 1 MB.",
    )


def test_too_many_requests_are_told_when_to_come_back(make_app: MakeApp) -> None:
    app = make_app(api_rate="3 per day")
    program, other = Program(app, EMAIL), Program(app, "eve@example.org")
    answers = [program.call("GET", "/pictures") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 86_401
    program.token = token_of(app, EMAIL)
    assert program.call("GET", "/pictures").status_code == 429, "another token of the same user"
    assert other.call("GET", "/pictures").status_code == 200


def test_guessing_tokens_is_slowed_down(make_app: MakeApp) -> None:
    client = make_app(api_rate="3 per day").test_client()
    headers = [{"Authorization": f"Bearer guess{number}"} for number in range(4)]
    statuses = [client.get(f"{API}/pictures", headers=each).status_code for each in headers]
    assert statuses == [401, 401, 401, 429]


def test_uploads_have_a_rate_of_their_own(make_app: MakeApp) -> None:
    program = Program(make_app(upload_rate="1 per day"), EMAIL)
    assert [program.send().status_code for _ in range(2)] == [201, 429]
    assert program.call("GET", "/pictures").status_code == 200


def test_uploads_of_pages_and_programs_are_counted_together(make_app: MakeApp) -> None:
    app = make_app(upload_rate="1 per day")
    browser = sign_up(app)
    form = {"file": (io.BytesIO(png()), "a.png")}
    assert send(browser, "/pictures", form).status_code == 303
    assert Program(app, EMAIL).send().status_code == 429


def test_uploads_count_among_all_requests(make_app: MakeApp) -> None:
    program = Program(make_app(api_rate="1 per day"), EMAIL)
    assert [program.send().status_code for _ in range(2)] == [201, 429]


def test_without_accounts_the_token_is_that_of_the_printed_address(make_app: MakeApp) -> None:
    app = make_app(local=True, owner=False)
    client = app.test_client()
    for header in ({}, {"Authorization": "Bearer local"}):
        assert client.get(f"{API}/pictures", headers=header).status_code == 401
    allowed = {"Authorization": f"Bearer {local_token(app)}"}
    assert client.get(f"{API}/pictures", headers=allowed).status_code == 200
    foreign = client.get(f"{API}/pictures", headers={**allowed, "Host": "evil.example"})
    assert foreign.status_code == 400


def test_settings_refuse_a_rate_that_is_none() -> None:
    with pytest.raises(Exception, match="api_rate must be"):
        WebSettings(api_rate="often")
