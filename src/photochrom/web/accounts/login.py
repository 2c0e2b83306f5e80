"""Who is logged in, as the session tells it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import (
    Flask,
    Response,
    after_this_request,
    current_app,
    redirect,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, current_user, login_user
from flask_login import login_required as _login_required
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts.sessions import add_login, find_login_user
from photochrom.web.accounts.tokens import PREFIX
from photochrom.web.database import User, db
from photochrom.web.error_pages import wants_json
from photochrom.web.errors import Forbidden, LoginRequired
from photochrom.web.i18n import _, current_language, keep_language
from photochrom.web.settings import current_settings

P = ParamSpec("P")
T = TypeVar("T")
_OWNER = "owner"
"""Of the session, in a studio without accounts: that its browser has shown the token."""
LOCAL_EMAIL = "local"
"""Instead of an email address, of the one person of a studio without accounts."""


def init_login(app: Flask) -> None:
    """Let Flask-Login know users by their session."""
    manager = LoginManager()
    # Its protection ends a session whose network address changes, as a phone's does all day.
    manager.session_protection = None
    manager.user_loader(_find_session_user)
    manager.request_loader(lambda _request: local_user() if session.get(_OWNER) else None)
    manager.unauthorized_handler(_handle_unauthorized)
    manager.init_app(app)
    if app.config["STUDIO"].local:
        app.before_request(_open_by_token)


def login_required(view: Callable[P, T]) -> Callable[P, T]:
    """A view for those who are logged in; others are led to the log-in page, programs get 401."""
    guard: Callable[P, T] = _login_required(view)
    return guard


def this_user() -> User:
    """The user who is logged in, in a view that is only for such."""
    user = current_user._get_current_object()
    assert isinstance(user, User), "only views with login_required ask"
    return user


def begin_session(user: User) -> None:
    """Log ``user`` in; nothing of the session before it stays, as somebody may have planted it."""
    session.clear()
    session.permanent = True
    login_user(user)
    add_login(user)
    _speak_their_language(user)


def _speak_their_language(user: User) -> None:
    """Let this browser read what its user has chosen; the first log-in takes what it reads."""
    if user.language is None:
        user.language = current_language().code
        db.session.commit()
    code = user.language

    @after_this_request
    def keep(response: Response) -> Response:
        return keep_language(response, code)


def local_user() -> User | None:
    """The one user of a studio without accounts, made when first needed; else nobody."""
    if not current_settings().local:
        return None
    find = select(User).filter_by(email=LOCAL_EMAIL)
    user = db.session.scalar(find)
    if user is None:
        db.session.add(User(name=_("You"), email=LOCAL_EMAIL, password_hash=""))
        try:
            db.session.commit()
        except IntegrityError:  # another request was faster
            db.session.rollback()
        user = db.session.scalar(find)
    return user


def _find_session_user(key: str) -> User | None:
    if current_settings().local:
        return local_user() if session.get(_OWNER) else None
    number, _dot, epoch = key.partition(".")
    user = find_login_user(int(number)) if number.isdecimal() else None
    return user if user is not None and epoch == str(user.session_epoch) else None


def local_token(app: Flask) -> str:
    """What shows, in a studio without accounts, that one is its owner and not just at its machine.

    It follows from the studio's key, which nobody else reads, and stays the same.
    """
    key = str(app.config["SECRET_KEY"]).encode()
    return PREFIX + hmac.new(key, b"the owner of this machine's studio", "sha256").hexdigest()


def is_local_token(text: str) -> bool:
    """Whether it is that of the app that is answering."""
    return hmac.compare_digest(text.encode(), local_token(current_app).encode())


def _open_by_token() -> AnyResponse | None:
    """Let the browser in that comes by the address that was printed; it stays logged in."""
    if request.method != "GET" or not is_local_token(request.args.get("token", "")):
        return None
    session.clear()
    session.permanent = True
    session[_OWNER] = True
    # Without the token, which is to be seen by nobody who looks at the screen.
    return redirect(request.path)


def _handle_unauthorized() -> AnyResponse:
    if current_settings().local:
        raise Forbidden(_("Open the address that photochrom serve has printed, with its token."))
    if wants_json():
        raise LoginRequired(_("Log in first."))
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    answer: Response = redirect(url_for("accounts.log_in_page", next=target))  # type: ignore[assignment]
    return answer
