"""Who is logged in where: a row for each, so that logging out ends it whoever kept the cookie."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from flask import request, session
from sqlalchemy import bindparam, delete, select, update

from photochrom.web.accounts.tokens import MAX_ROW_ID, digest
from photochrom.web.database import Login, User, db, now
from photochrom.web.errors import NotFound
from photochrom.web.i18n import _, gettext_noop

_KEY: Final = "login"
"""Of the session: the secret that its row is found by."""
_USE_INTERVAL: Final = timedelta(hours=1)
_RECENT: Final = timedelta(minutes=10)
_BROWSERS: Final = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "Mac"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
_UNKNOWN_BROWSER: Final = gettext_noop("A browser")
_ON: Final = " on "
# Asked at every request: put together once, it takes half the time.
_FIND = (
    select(User, Login.id, Login.last_used_at)
    .join(Login)
    .where(User.id == bindparam("number"), Login.digest == bindparam("digest"))
)


def add_login(user: User) -> None:
    """Write down that this browser logs in as ``user``; the session keeps the secret."""
    session[_KEY] = secrets.token_urlsafe(24)
    agent = describe_agent(request.headers.get("User-Agent", ""))
    db.session.add(Login(user_id=user.id, digest=digest(session[_KEY]), agent=agent))
    db.session.commit()


def find_login_user(number: int) -> User | None:
    """The user of that number, if this session's log-in as them has not ended."""
    parameters = {"number": number, "digest": digest(str(session.get(_KEY, "")))}
    row = db.session.execute(_FIND, parameters).first()
    if row is None or row[0].disabled_at is not None:
        return None
    user, login, last_used_at = row
    if now() - last_used_at > _USE_INTERVAL:
        statement = update(Login).where(Login.id == login).values(last_used_at=now())
        db.session.execute(statement.execution_options(synchronize_session=False))
        db.session.commit()
    return user


def list_logins(user: User) -> Sequence[Login]:
    """Where ``user`` is logged in, the latest first."""
    rows = select(Login).filter_by(user_id=user.id).order_by(Login.last_used_at.desc(), Login.id)
    return db.session.scalars(rows).all()


def is_current(login: Login) -> bool:
    """Whether it is this browser's own."""
    return login.digest == digest(str(session.get(_KEY, "")))


def is_recent() -> bool:
    """Whether this browser has logged in within ten minutes."""
    login = db.session.scalar(select(Login).filter_by(digest=digest(str(session.get(_KEY, "")))))
    return login is not None and now() - login.created_at < _RECENT


def end_login() -> None:
    """End this browser's own: a copy of its cookie is worth nothing from now on."""
    db.session.execute(delete(Login).where(Login.digest == digest(str(session.get(_KEY, "")))))
    db.session.commit()
    session.clear()


def revoke_login(user: User, number: int) -> None:
    """End one of the user's log-ins. Raises NotFound, for somebody else's too."""
    query = select(Login).filter_by(id=number, user_id=user.id)
    login = db.session.scalar(query) if number <= MAX_ROW_ID else None
    if login is None:
        raise NotFound(_("This device is logged out already."))
    db.session.delete(login)
    db.session.commit()


def describe_agent(header: str) -> str:
    """A browser and its system, in English, by its User-Agent header."""
    browser = next((name for part, name in _BROWSERS if part in header), _UNKNOWN_BROWSER)
    system = next((name for part, name in _SYSTEMS if part in header), "")
    return f"{browser}{_ON}{system}" if system else browser


def translate_agent(agent: str) -> str:
    """What `describe_agent` wrote down, in the reader's language."""
    browser, on, system = agent.partition(_ON)
    browser = _(browser) if browser == _UNKNOWN_BROWSER else browser
    return _("{browser} on {system}").format(browser=browser, system=system) if on else browser
