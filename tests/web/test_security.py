"""What the studio refuses: forged requests, planted sessions, foreign redirects, guessing."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from fixtures.web import EMAIL, PASSWORD, MakeApp, csrf_token, send, sign_up, user_of
from flask import Flask
from flask.testing import FlaskClient

from photochrom.web.accounts.login import local_token
from photochrom.web.security import safe_next

LOG_IN = {"email": EMAIL, "password": "a wrong password"}
PAGES = ("/sign-up", "/log-in", "/reset", "/offline", "/nothing/here")


def elsewhere(number: int) -> dict[str, str]:
    return {"REMOTE_ADDR": f"192.0.2.{number}"}


# Headers


@pytest.mark.parametrize("path", [*PAGES, "/healthz", "/static/css/studio.css", "/account"])
def test_every_answer_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, buffered=True).headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for part in ("default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                 "form-action 'self'", "object-src 'none'"):  # fmt: skip
        assert part in policy.split("; ")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("status", [400, 405, 413, 500])
def test_errors_carry_the_headers_too(app: Flask, client: FlaskClient, status: int) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError

    answer = {
        400: lambda: client.post("/log-in"),
        405: lambda: client.put("/healthz"),
        413: lambda: client.post("/log-in", data=b"x" * 1_000_001),
        500: lambda: client.get("/broken"),
    }[status]()
    assert answer.status_code == status
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_browsers_are_kept_on_https(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/healthz").headers
    answer = client.get("/healthz", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_pages_of_somebodys_own_are_not_kept(member: FlaskClient) -> None:
    assert member.get("/account").headers["Cache-Control"] == "no-store"
    assert member.get("/offline").headers["Cache-Control"] == "no-store"


class _Inline(HTMLParser):
    """Collects what a policy without unsafe-inline would have to refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        inline = tag == "style" or (tag == "script" and "src" not in names)
        if inline or "style" in names or any(name.startswith("on") for name in names):
            self.found.append(f"<{tag} {names}>")


@pytest.mark.parametrize("path", [*PAGES, "/account"])
def test_pages_hold_no_inline_script_or_style(member: FlaskClient, app: Flask, path: str) -> None:
    browser = member if path == "/account" else app.test_client()
    parser = _Inline()
    parser.feed(browser.get(path).get_data(as_text=True))
    assert parser.found == []


def test_what_people_write_is_shown_and_not_run(app: Flask) -> None:
    browser = sign_up(app, name="<script>alert(1)</script>")
    page = browser.get("/account").get_data(as_text=True)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# Cookies and sessions


def test_the_session_cookie_is_for_this_site_over_https_and_for_no_script(
    client: FlaskClient,
) -> None:
    cookie = client.get("/log-in").headers["Set-Cookie"]
    assert cookie.startswith("__Host-studio=")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert attributes >= {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"}
    assert "Domain" not in cookie


def test_without_https_the_cookie_keeps_its_other_guards(make_app: MakeApp) -> None:
    cookie = make_app(secure_cookies=False).test_client().get("/log-in").headers["Set-Cookie"]
    assert cookie.startswith("studio=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize("way", ["log-in", "sign-up"])
def test_a_session_planted_before_logging_in_is_not_taken_over(app: Flask, way: str) -> None:
    sign_up(app)
    browser = app.test_client()
    with browser.session_transaction() as planted:
        planted["planted"] = "by somebody"
    token = csrf_token(browser)
    before = browser.get_cookie("__Host-studio")
    email = EMAIL if way == "log-in" else "new@example.org"
    fields = {"name": "A", "email": email, "password": PASSWORD, "again": PASSWORD}
    assert send(browser, f"/{way}", fields).status_code == 302
    after = browser.get_cookie("__Host-studio")
    assert before is not None
    assert after is not None
    assert after.value != before.value
    with browser.session_transaction() as kept:
        assert "planted" not in kept
    refusal = browser.post("/log-out", data={"csrf_token": token})
    assert refusal.status_code == 400, "forms of the old session are worth nothing"


@pytest.mark.parametrize("value", ["", "x", "eyJfdXNlcl9pZCI6IjEuMCJ9.aaaa.bbbb", "\x7f" * 9])
@pytest.mark.usefixtures("member")
def test_a_forged_session_is_nobodys(app: Flask, value: str) -> None:
    browser = app.test_client()
    browser.set_cookie("__Host-studio", value)
    assert browser.get("/account").status_code == 302


def test_another_studios_key_opens_nothing(
    make_app: MakeApp, member: FlaskClient, tmp_path: Any
) -> None:
    other = make_app(data_dir=tmp_path / "other")
    cookie = member.get_cookie("__Host-studio")
    assert cookie is not None
    sign_up(other)
    browser = other.test_client()
    browser.set_cookie("__Host-studio", cookie.value)
    assert browser.get("/account").status_code == 302


# Forged requests


def forms(app: Flask) -> list[tuple[str, str]]:
    """Every address that changes something and is not the API's, with each method that does."""
    rules = []
    for rule in app.url_map.iter_rules():
        changes = {"POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set())
        if changes and not rule.rule.startswith("/api/"):
            not_empty = re.sub(r"<int:\w+>", "1", rule.rule)
            address = re.sub(r"<[^>]+>", "a" * 16, not_empty)
            rules += [(address, method) for method in changes]
    return rules


@pytest.mark.parametrize("token", [None, "", "forged", "theirs"])
def test_no_form_is_taken_without_its_token(
    app: Flask, member: FlaskClient, token: str | None
) -> None:
    given = csrf_token(sign_up(app, "eve@example.org")) if token == "theirs" else token
    fields = {} if given is None else {"csrf_token": given}
    addresses = forms(app)
    assert {"/sign-up", "/log-in", "/log-out", "/account/delete"} <= {path for path, _ in addresses}
    for address, method in addresses:
        answer = member.open(address, method=method, data={**fields, "confirm": PASSWORD})
        assert answer.status_code == 400, address
        assert "The form had expired" in answer.get_data(as_text=True), address
    assert user_of(app) is not None
    assert member.get("/account").status_code == 200


def test_a_script_of_ours_sends_the_token_as_a_header(member: FlaskClient) -> None:
    refusal = member.post("/account/sessions", headers={"X-CSRFToken": "forged"})
    taken = member.post("/account/sessions", headers={"X-CSRFToken": csrf_token(member)})
    assert (refusal.status_code, taken.status_code) == (400, 302)


def test_over_https_another_sites_page_is_refused_even_with_a_token(app: Flask) -> None:
    browser = app.test_client()
    here = {"base_url": "https://localhost"}
    token = re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/log-in", **here).text)
    assert token is not None
    fields = {"csrf_token": token[1], **LOG_IN}
    for referrer, says in (("https://evil.example/", "expired"), ("https://localhost/", "wrong")):
        answer = browser.post("/log-in", data=fields, headers={"Referer": referrer}, **here)
        assert says in answer.text


def test_who_sees_no_cookies_is_told_why(client: FlaskClient) -> None:
    assert "over HTTPS only" in client.post("/log-in", data=LOG_IN).text


# Redirects and headers


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example",
        "/a\r\nSet-Cookie: evil=1",
        " //evil.example",
        "javascript:alert(1)",
        "evil.example",
        "http:evil.example",
        "//[evil",
        "",
        None,
    ],
)
def test_nobody_is_led_away(app: Flask, member: FlaskClient, target: str | None) -> None:
    assert safe_next(target, "/home") == "/home"
    browser = app.test_client()
    answer = send(
        browser, "/log-in", {"email": EMAIL, "password": PASSWORD}, query_string={"next": target}
    )
    assert answer.location == "/"
    assert "evil" not in str(answer.headers)
    assert member.get("/log-in", query_string={"next": target}).location == "/"


@pytest.mark.parametrize("target", ["/", "/library?q=a%20b&page=2", "/pictures/abc#top"])
def test_pages_of_ours_are_led_to(target: str) -> None:
    assert safe_next(target) == target


def test_no_header_comes_from_a_request(client: FlaskClient) -> None:
    answer = client.get("/account?a=%0d%0aX-Evil:%201", headers={"X-Request-Id": "mine"})
    assert "X-Evil" not in answer.headers
    assert answer.headers["X-Request-Id"] != "mine"
    assert "\n" not in answer.location


# Hosts


def test_a_studio_with_an_address_answers_to_no_other_name(make_app: MakeApp) -> None:
    app = make_app(public_url="https://photos.example.org", allowed_hosts=("web",))
    client = app.test_client()
    for host, status in (
        ("photos.example.org", 200),
        ("photos.example.org:443", 200),
        ("web:8000", 200),
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("evil.example", 400),
        ("photos.example.org.evil.example", 400),
        ("evil.example@localhost", 400),
        ("localhost/evil", 400),
        ("", 400),
    ):
        assert client.get("/offline", headers={"Host": host}).status_code == status, host


def test_a_page_elsewhere_cannot_pose_as_a_studio_on_this_machine(make_app: MakeApp) -> None:
    client = make_app(local=True).test_client()
    assert client.get("/account", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/account", headers={"Host": "[::1]:8000"}).status_code == 200
    assert client.get("/account", headers={"Host": "rebound.example:8000"}).status_code == 400


def test_a_studio_on_this_machine_answers_no_other(make_app: MakeApp) -> None:
    client = make_app(local=True).test_client()
    assert client.get("/account", environ_base=elsewhere(7)).status_code == 403
    assert client.get("/account", environ_base={"REMOTE_ADDR": "::1"}).status_code == 200
    proxied = {"X-Forwarded-For": "127.0.0.1"}
    assert client.get("/account", headers=proxied).status_code == 403


def test_another_user_of_this_machine_is_not_let_in(make_app: MakeApp) -> None:
    app = make_app(local=True, owner=False)
    owner, stranger = app.test_client(), app.test_client()
    token = local_token(app)
    assert local_token(make_app(local=True, owner=False)) == token, "bookmarks stay good"
    for path in ("/", "/library", "/account", "/library?token=pc_forged", "/pictures/x"):
        assert stranger.get(path).status_code == 403, path
    assert "address that photochrom serve has printed" in stranger.get("/").text
    opened = owner.get("/", query_string={"token": token})
    assert (opened.status_code, opened.location) == (302, "/")
    assert owner.get("/library").status_code == 200
    assert stranger.get("/library").status_code == 403


# Guessing


def tries(browser: FlaskClient, path: str, fields: dict[str, str], count: int) -> list[int]:
    token = csrf_token(browser)
    return [
        browser.post(path, data={**fields, "csrf_token": token}).status_code for _ in range(count)
    ]


@pytest.fixture
def strict(make_app: MakeApp) -> Flask:
    """A studio that takes three tries a minute."""
    return make_app(login_rate="3 per minute")


@pytest.mark.parametrize("path", ["/log-in", "/sign-up", "/reset"])
def test_guessing_is_slowed_down(strict: Flask, path: str) -> None:
    browser = strict.test_client()
    assert tries(browser, path, {"email": "nobody"}, 5) == [400, 400, 400, 429, 429]
    answer = send(browser, path, {})
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert "Wait a moment" in answer.text
    assert browser.get(path).status_code == 200


def test_the_right_password_comes_too_late(strict: Flask) -> None:
    sign_up(strict)
    browser = strict.test_client()
    tries(browser, "/log-in", LOG_IN, 3)
    assert send(browser, "/log-in", {"email": EMAIL, "password": PASSWORD}).status_code == 429


def test_many_addresses_together_guess_no_faster(strict: Flask) -> None:
    sign_up(strict)
    browser = strict.test_client()
    statuses = [
        send(browser, "/log-in", {**LOG_IN, "email": email}, environ_base=elsewhere(n)).status_code
        for n, email in enumerate([EMAIL, EMAIL.upper(), f" {EMAIL} ", EMAIL])
    ]
    assert statuses == [400, 400, 400, 429]
    other = {"email": "other@example.org", "password": "x"}
    assert send(browser, "/log-in", other, environ_base=elsewhere(99)).status_code == 400


def test_a_line_with_many_addresses_guesses_no_faster(strict: Flask) -> None:
    browser = strict.test_client()
    statuses = [
        send(browser, "/sign-up", {}, environ_base={"REMOTE_ADDR": f"2001:db8::{n}"}).status_code
        for n in range(4)
    ]
    assert statuses == [400, 400, 400, 429]
    neighbor = {"REMOTE_ADDR": "2001:db8:0:1::1"}
    assert send(browser, "/sign-up", {}, environ_base=neighbor).status_code == 400


def test_a_claimed_address_is_not_believed(strict: Flask) -> None:
    browser = strict.test_client()
    statuses = [
        send(browser, "/sign-up", {}, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(4)
    ]
    assert statuses[-1] == 429


def test_behind_a_proxy_each_visitor_counts_alone(make_app: MakeApp) -> None:
    browser = make_app(login_rate="1 per minute", trusted_proxies=1).test_client()
    forwarded = [{"X-Forwarded-For": f"192.0.2.{n}"} for n in (1, 2, 1)]
    statuses = [send(browser, "/sign-up", {}, headers=h).status_code for h in forwarded]
    assert statuses == [400, 400, 429]


@pytest.mark.parametrize("path", ["/account/password", "/account/delete"])
def test_an_open_session_gives_no_more_guesses(strict: Flask, path: str) -> None:
    browser = sign_up(strict)
    fields = {"current": "guessed", "confirm": "guessed"}
    assert tries(browser, path, fields, 4) == [400, 400, 400, 429]
    assert send(browser, "/account/delete", {"confirm": PASSWORD}).status_code == 429


# Sizes and places


class _Unread(io.RawIOBase):
    """A body that must not be touched."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise AssertionError("the body was read")


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "image/png"]
)
@pytest.mark.parametrize("path", ["/log-in", "/account/password", "/nothing/here", "/healthz"])
def test_a_gigabyte_is_refused_before_it_is_read(member: FlaskClient, path: str, kind: str) -> None:
    body = {"CONTENT_LENGTH": "1000000000", "wsgi.input": _Unread()}
    answer = member.post(path, content_type=kind, environ_overrides=body)
    assert answer.status_code == 413


@pytest.mark.parametrize(("accept", "status"), [("text/html", 302), ("application/json", 401)])
def test_large_bodies_are_read_only_of_those_who_are_known(
    client: FlaskClient, accept: str, status: int
) -> None:
    body = {"CONTENT_LENGTH": "50000000", "wsgi.input": _Unread()}
    kind, headers = "multipart/form-data; boundary=x", {"Accept": accept}
    answer = client.post("/pictures", content_type=kind, headers=headers, environ_overrides=body)
    assert answer.status_code == status
    elsewhere = client.post("/log-in", content_type=kind, environ_overrides=body)
    assert elsewhere.status_code == 413


def test_a_script_of_somebody_who_logged_out_elsewhere_is_told_so(client: FlaskClient) -> None:
    answer = client.post("/pictures/x/edit", json={"vividness": 1.2})
    assert answer.status_code == 401
    assert "You were logged out" in answer.get_data(as_text=True)


def test_forms_and_json_are_small(member: FlaskClient) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain"):
        answer = member.post("/account/password", data=b"x" * 1_000_001, content_type=kind)
        assert answer.status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2fsettings.py",
        "/static//etc/passwd",
        "/static/css/../../settings.py",
        "/static/..%5csettings.py",
        "/static/%00",
    ],
)
def test_static_files_are_those_below_one_folder(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code in (308, 400, 404)
    assert client.get(path, follow_redirects=True).status_code in (400, 404)
