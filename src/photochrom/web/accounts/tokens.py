"""Personal tokens: secrets with which programs act for their user."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import func, select, update

from photochrom.web.database import Token, User, db, now
from photochrom.web.errors import InvalidInput, NotFound
from photochrom.web.i18n import _

PREFIX = "pc_"
"""Begins every token, so that scanners for leaked secrets can know one."""
MAX_TOKENS = 20
"""Tokens of one user."""
_MAX_ROW_ID = 2**31 - 1
"""Of numbers of rows that PostgreSQL can be asked for; SQLite takes no hundred digits either."""
_USE_INTERVAL = timedelta(minutes=1)


def create_token(user: User, name: str) -> tuple[Token, str]:
    """A new token and its secret, which is told this once and never kept.

    Raises InvalidInput where the user has too many.
    """
    count = db.session.scalar(select(func.count()).where(Token.user_id == user.id)) or 0
    if count >= MAX_TOKENS:
        raise InvalidInput(
            _("You have 20 tokens, which is as many as there can be; revoke one first.")
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(user_id=user.id, name=name, digest=digest(secret))
    db.session.add(token)
    db.session.commit()
    return token, secret


def find_token_user(secret: str) -> User | None:
    """Whom a program acts for; None for a secret that is no token or was revoked."""
    token = db.session.scalar(select(Token).filter_by(digest=digest(secret)))
    if token is None:
        return None
    user = token.user
    if token.last_used_at is None or now() - token.last_used_at > _USE_INTERVAL:
        # Not through the object: it may have been revoked in this moment, which is no mistake.
        db.session.execute(update(Token).where(Token.id == token.id).values(last_used_at=now()))
        db.session.commit()
    return user


def revoke_token(user: User, number: int) -> None:
    """End a token of ``user``. Raises NotFound, for somebody else's too."""
    query = select(Token).filter_by(id=number, user_id=user.id)
    token = db.session.scalar(query) if number <= _MAX_ROW_ID else None
    if token is None:
        raise NotFound(_("There is no such token."))
    db.session.delete(token)
    db.session.commit()


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal; the secret is random enough to need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
