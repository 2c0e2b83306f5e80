"""Log-ins by another service, played by a server of our own; and addresses that are proved."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fixtures.web import EMAIL, PASSWORD, MakeApp, send, user_of
from flask import Flask
from flask.testing import FlaskClient

from photochrom.web.accounts import admin, second_factor
from photochrom.web.database import db
from photochrom.web.errors import SettingsError
from photochrom.web.settings import WebSettings

jwt = pytest.importorskip("joserfc.jwt", reason="pip install 'photochrom[oidc]'")
jwk = pytest.importorskip("joserfc.jwk")
pytestmark = pytest.mark.slow

HERE = "http://localhost"
ACCESS_TOKEN = "what the service lets in with"
KEY = jwk.ECKey.generate_key("P-256", {"kid": "1", "alg": "ES256", "use": "sig"})


class Provider(ThreadingHTTPServer):
    """An OpenID Connect service that lets everybody in, as whom the test says."""

    claims: dict[str, Any]
    nonce = ""
    other_issuer = ""
    challenge = ""
    key = KEY

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        issuer = self.server.issuer
        if self.path.endswith("/openid-configuration"):
            self.reply(
                issuer=self.server.other_issuer or issuer,
                authorization_endpoint=f"{issuer}/authorize",
                token_endpoint=f"{issuer}/token",
                jwks_uri=f"{issuer}/keys",
                id_token_signing_alg_values_supported=["ES256"],
            )
        else:
            self.reply(keys=[KEY.as_dict(private=False)])

    def do_POST(self) -> None:
        fields = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        proof = hashlib.sha256(fields["code_verifier"][0].encode()).digest()
        assert urlsafe_b64encode(proof).decode().rstrip("=") == self.server.challenge
        claims = {
            "iss": self.server.issuer,
            "aud": "studio",
            "iat": int(time.time()),
            "exp": int(time.time()) + 60,
            "nonce": self.server.nonce,
            **self.server.claims,
        }
        token = jwt.encode({"alg": "ES256", "kid": "1"}, claims, self.server.key)
        self.reply(access_token=ACCESS_TOKEN, token_type="Bearer", id_token=token)

    def reply(self, **values: Any) -> None:
        body = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_values: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider(("127.0.0.1", 0), _Handler)
    server.claims = {"sub": "7", "email": "Ada@example.org", "email_verified": True, "name": "Ada"}
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def studio(make_app: MakeApp, provider: Provider) -> Flask:
    return make_app(
        public_url=HERE,
        sign_up="closed",
        oidc_issuer=provider.issuer,
        oidc_client_id="studio",
        oidc_client_secret="s",
        oidc_name="Club",
    )


def come_back(browser: FlaskClient, provider: Provider, **changes: str) -> str:
    """Go to the service and back; where that leads."""
    start = browser.get("/log-in/oidc")
    query = {name: values[0] for name, values in parse_qs(urlsplit(start.location).query).items()}
    assert start.location.startswith(f"{provider.issuer}/authorize?")
    assert query["redirect_uri"] == f"{HERE}/log-in/oidc/callback"
    assert query["code_challenge_method"] == "S256"
    provider.nonce, provider.challenge = query["nonce"], query["code_challenge"]
    fields = {"code": "c", "state": query["state"], **changes}
    location: str = browser.get("/log-in/oidc/callback", query_string=fields).location
    return location


def notes(browser: FlaskClient) -> list[str]:
    return re.findall(r'<p class="note[^"]*">([^<]+)</p>', browser.get("/offline").text)


def test_the_service_makes_an_account_and_logs_in(
    studio: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = studio.test_client()
    assert "Log in with Club" in browser.get("/log-in").text
    assert come_back(browser, provider) == "/"
    user = user_of(studio)
    assert user is not None
    assert (user.name, user.password_hash) == ("Ada", "")
    cookie = browser.get_cookie("__Host-studio")
    assert cookie is not None
    with studio.app_context():
        kept = [
            str(db.session.execute(table.select()).all()) for table in db.metadata.sorted_tables
        ]
    begun = [urlsafe_b64decode(f"{part}===") for part in cookie.value.lstrip(".").split(".")[:1]]
    kept += [str(zlib.decompress(part) if part[:1] == b"x" else part) for part in begun]
    assert not any(ACCESS_TOKEN in text or "eyJhbGciOiJFUzI1NiI" in text for text in kept)
    page = browser.get("/account").text
    assert "Your account is connected" in page
    assert "Change the password" not in page
    again = studio.test_client()
    provider.claims["email"] = "renamed@example.org"  # who it is, its number says
    assert come_back(again, provider) == "/"
    assert EMAIL in again.get("/account").text
    for password in ("", "any word at all"):  # it has none
        answer = send(studio.test_client(), "/log-in", {"email": EMAIL, "password": password})
        assert answer.status_code == 400

    monkeypatch.setattr(second_factor, "is_enabled", lambda _user: True)
    third = studio.test_client()
    assert come_back(third, provider).startswith("/log-in/code")
    assert third.get("/account").status_code == 302
    assert send(browser, "/account/delete", {}).location == "/"  # its log-in is not long ago
    assert user_of(studio) is None


def test_what_proves_nobody_lets_nobody_in(studio: Flask, provider: Provider) -> None:
    browser, honest = studio.test_client(), dict(provider.claims)
    for claims, says in (
        ({"email_verified": False}, "has not proved your email address"),
        ({"email": None}, "has not proved your email address"),
        ({"nonce": "another"}, "This did not work."),
        ({"aud": "another"}, "This did not work."),
        ({"iss": "https://evil.example.org"}, "This did not work."),
        ({"exp": 1}, "This did not work."),
    ):
        provider.claims = honest | claims
        assert come_back(browser, provider) == "/log-in", claims
        assert any(says in note for note in notes(browser)), claims
    assert user_of(studio) is None


def test_a_forged_answer_lets_nobody_in(studio: Flask, provider: Provider) -> None:
    browser = studio.test_client()
    assert come_back(browser, provider, state="forged") == "/log-in"
    provider.key = jwk.ECKey.generate_key("P-256", {"kid": "1"})
    assert come_back(browser, provider) == "/log-in"
    assert come_back(browser, provider, error="access_denied") == "/log-in"
    assert browser.get("/account").status_code == 302
    browser.application.extensions["photochrom-oidc"].server_metadata.clear()
    provider.other_issuer = "https://accounts.example.org"
    assert browser.get("/log-in/oidc").location == "/log-in"


@pytest.mark.long
def test_an_account_of_before_is_connected_by_its_owner(
    studio: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio.app_context():
        path = admin.add_account("Ada", EMAIL)
    browser = studio.test_client()
    send(browser, path, {"password": PASSWORD, "again": PASSWORD})
    assert come_back(browser, provider) == "/log-in"
    assert any("Log in with its password" in note for note in notes(browser))
    send(browser, "/log-in", {"email": EMAIL, "password": PASSWORD})
    monkeypatch.setattr("photochrom.web.accounts.oidc.is_recent", lambda: False)
    assert browser.get("/log-in/oidc").location == "/account"
    monkeypatch.undo()
    assert come_back(browser, provider) == "/account"
    assert come_back(studio.test_client(), provider) == "/"

    with studio.app_context():
        admin.set_disabled(EMAIL, True)
    assert come_back(studio.test_client(), provider) == "/log-in"


@pytest.mark.long
def test_a_service_that_is_away_is_told(make_app: MakeApp) -> None:
    app = make_app(
        public_url=HERE,
        oidc_issuer="http://127.0.0.1:9",
        oidc_client_id="studio",
        oidc_client_secret="s",
    )
    browser = app.test_client()
    assert browser.get("/log-in/oidc").location == "/log-in"
    assert "This did not work." in notes(browser)[0]


def test_settings_that_lack_something_are_refused() -> None:
    with pytest.raises(SettingsError, match="oidc_issuer needs public_url and oidc_client_id"):
        WebSettings(oidc_issuer="https://sso.example.org")
    with pytest.raises(SettingsError, match="oidc_issuer must start with https://"):
        WebSettings(oidc_issuer="http://sso.example.org")
    with pytest.raises(SettingsError, match="confirm_email needs mail_url"):
        WebSettings(confirm_email=True)


# Addresses that are proved


@pytest.mark.long
def test_an_address_is_proved_before_there_is_an_account(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "photochrom.web.accounts.routes.send_mail",
        lambda _settings, to, _subject, text: messages.append((to, text)),
    )
    app = make_app(mail_url="smtp://127.0.0.1:9", public_url=HERE, confirm_email=True)
    browser = app.test_client()
    assert 'type="password"' not in browser.get("/sign-up").text
    fields = {"name": "Ada", "email": EMAIL, "password": PASSWORD, "again": PASSWORD}
    assert "have sent a message" in send(browser, "/sign-up", fields).text
    assert user_of(app) is None
    link = re.search(rf"{HERE}(/sign-up\?proof=\S+)", messages[0][1])
    assert link is not None
    assert EMAIL in browser.get(link[1]).text
    for forged in (link[1] + "x", "/sign-up?proof=" + app.config["SECRET_KEY"]):
        assert "have sent a message" in send(browser, forged, fields).text
    other = {**fields, "email": "eve@example.org"}
    assert send(browser, link[1], other).location == "/"  # what was proved counts
    assert user_of(app) is not None
    assert user_of(app, "eve@example.org") is None

    page = send(app.test_client(), "/sign-up", {"email": EMAIL}).text
    assert "have sent a message" in page  # who has an account is told to nobody else
    assert "There is one already" in messages[-1][1]
    assert "proof=" not in messages[-1][1]
    assert send(app.test_client(), link[1], fields).status_code == 400
