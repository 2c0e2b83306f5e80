"""Log-ins by another service: OpenID Connect with PKCE, by Authlib."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, Final

from flask import Blueprint, Flask, current_app, flash, redirect, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from photochrom.errors import requires_extra
from photochrom.web.accounts import service
from photochrom.web.accounts.forms import MAX_NAME_LENGTH, stored_email, tidy
from photochrom.web.accounts.login import this_user
from photochrom.web.accounts.login_steps import continue_login
from photochrom.web.accounts.sessions import is_recent
from photochrom.web.database import User, db
from photochrom.web.errors import Conflict
from photochrom.web.i18n import _
from photochrom.web.security import forbid_caching, limiter, login_rate
from photochrom.web.settings import WebSettings, current_settings

blueprint = Blueprint("oidc", __name__, url_prefix="/log-in/oidc")
blueprint.after_request(forbid_caching)
_EXTENSION: Final = "photochrom-oidc"
_TIMEOUT_S: Final = 10
_log = logging.getLogger(__name__)


def init_oidc(app: Flask, settings: WebSettings) -> None:
    """Let people log in by the service of the settings, where there is one.

    Raises MissingDependencyError where Authlib is not there. The service is asked for nothing yet.
    """
    if not settings.oidc_issuer or settings.local:
        return
    with requires_extra("oidc", "logging in by another service"):
        from authlib.integrations.flask_client import OAuth
    app.extensions[_EXTENSION] = OAuth(app).register(
        "oidc",
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT_S,
        },
    )
    app.register_blueprint(blueprint)


@blueprint.get("")
@limiter.limit(login_rate)
def begin() -> Response:
    """Lead to the service; whoever is logged in connects their account with it."""
    if current_user.is_authenticated and not is_recent():
        flash(_("Log out and in again first: your log-in was a while ago."), "error")
        return redirect("/account")
    start = current_settings().public_url.rstrip("/")
    try:
        answer: Response = _service().authorize_redirect(start + url_for("oidc.finish"))
    except _service_errors() as error:
        return _refuse(error)
    return answer


@blueprint.get("/callback")
@limiter.limit(login_rate)
def finish() -> Response:
    """Come back from the service: log in, sign up, or connect the account."""
    try:
        claims = _service().authorize_access_token().get("userinfo") or {}
    except _service_errors() as error:
        return _refuse(error)
    if not claims.get("sub"):
        return _refuse(ValueError("no ID token"))
    subject = _subject(str(claims["sub"]))
    user = db.session.scalar(select(User).filter_by(oidc_subject=subject))
    if current_user.is_authenticated:
        return _connect(this_user(), user, subject)
    if user is None:
        try:
            user = _create_user(subject, claims)
        except Conflict as error:
            return _lead_back(str(error))
    if user.disabled_at is not None:
        return _lead_back(_("This account is disabled. Ask whoever runs the studio."))
    return continue_login(user, None)


def _connect(own: User, other: User | None, subject: str) -> Response:
    if other is not None and other.id != own.id:
        flash(_("Another account is connected with it already."), "error")
    else:
        own.oidc_subject = subject
        db.session.commit()
        flash(_("You can log in that way from now on."))
    return redirect("/account")


def _create_user(subject: str, claims: dict[str, Any]) -> User:
    """An account without a password. Raises Conflict, in words for who asks, where there is none.

    Who has an account by that address connects it themselves: else whoever signed up with
    somebody else's address before would share the account with its owner.
    """
    if not current_settings().oidc_sign_up:
        raise Conflict(
            _("This studio takes no new accounts. Whoever runs it can make one for you.")
        )
    email = stored_email(str(claims.get("email") or ""))
    if not email or claims.get("email_verified") is not True:
        raise Conflict(_("The service has not proved your email address, so no account is made."))
    if service.is_taken(email):
        raise Conflict(
            _("There is an account with your address. Log in with its password, and connect it on "
              "the account page.")
        )  # fmt: skip
    name = tidy(str(claims.get("name") or ""))[:MAX_NAME_LENGTH]
    name = name if name.isprintable() and name else email.partition("@")[0][:MAX_NAME_LENGTH]
    user = User(name=name, email=email, password_hash="", oidc_subject=subject)
    db.session.add(user)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("Somebody was faster. Try again.")) from None
    return user


def _subject(subject: str) -> str:
    """What is kept of how the service of this issuer knows somebody."""
    return hashlib.sha256(f"{current_settings().oidc_issuer}\n{subject}".encode()).hexdigest()


def _refuse(error: Exception) -> Response:
    # Not its text: it may hold the code that the service sent.
    _log.warning("a log-in by the OpenID Connect service failed (%s)", type(error).__name__)
    return _lead_back(_("This did not work. Try again, or log in with your password."))


def _lead_back(message: str) -> Response:
    flash(message, "error")
    return redirect("/account" if current_user.is_authenticated else "/log-in")


def _service() -> Any:
    """The service, once it has named itself as the settings do. Raises as `_service_errors` has it.

    What poses as another one there could have its own accounts taken for that one's.
    """
    service = current_app.extensions[_EXTENSION]
    issuer = str(service.load_server_metadata().get("issuer", ""))
    if issuer.rstrip("/") != current_settings().oidc_issuer.rstrip("/"):
        raise ValueError("another issuer")
    return service


def _service_errors() -> tuple[type[Exception], ...]:
    """What is raised where the service is away, refuses, or answers what it should not."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    return AuthlibBaseError, JoseError, RequestException, RuntimeError, ValueError, KeyError
