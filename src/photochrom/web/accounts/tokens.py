"""Personal tokens: secrets with which programs act for their user."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from photochrom.web.database import Token, User, db, now
from photochrom.web.errors import InvalidInput, NotFound
from photochrom.web.i18n import _

PREFIX = "pc_"
"""Begins every token, so that scanners for leaked secrets can know one."""
MAX_TOKENS = 20
"""Tokens of one user."""
SCOPES = ("write", "read")
"""What a token is good for: all that the API does, or looking and downloading alone."""
MAX_ROW_ID = 2**31 - 1
"""Of numbers of rows that PostgreSQL can be asked for; SQLite takes no hundred digits either."""
_USE_INTERVAL = timedelta(minutes=1)


def create_token(user: User, name: str, scope: str = "write", days: int = 0) -> tuple[Token, str]:
    """A new token and its secret, which is told this once and never kept.

    scope: of `SCOPES`. days: until it ends; 0: it does not.
    Raises InvalidInput where the user has too many.
    """
    # Whoever makes several at once waits here, and is counted.
    db.session.execute(
        update(User).where(User.id == user.id).values(session_epoch=User.session_epoch)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    _delete_ended(user.id)
    count = db.session.scalar(select(func.count()).where(Token.user_id == user.id)) or 0
    if count >= MAX_TOKENS:
        db.session.rollback()
        raise InvalidInput(
            _("You have 20 tokens, which is as many as there can be; revoke one first.")
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = now() + timedelta(days=days) if days else None
    token = Token(
        user_id=user.id, name=name, digest=digest(secret), scope=scope, expires_at=expires_at
    )
    db.session.add(token)
    db.session.commit()
    return token, secret


def find_token(secret: str) -> Token | None:
    """The token of a secret; None for one that is none, was revoked or has ended."""
    token = db.session.scalar(select(Token).filter_by(digest=digest(secret)))
    if token is None or token.user.disabled_at is not None:
        return None
    if token.expires_at is not None and token.expires_at <= now():
        return None
    if token.last_used_at is None or now() - token.last_used_at > _USE_INTERVAL:
        # Not through the object: it may have been revoked in this moment, which is no mistake.
        db.session.execute(update(Token).where(Token.id == token.id).values(last_used_at=now()))
        db.session.commit()
    return token


def _delete_ended(user_id: int) -> None:
    db.session.execute(delete(Token).where(Token.user_id == user_id, Token.expires_at <= now()))


def revoke_token(user: User, number: int) -> None:
    """End a token of ``user``. Raises NotFound, for somebody else's too."""
    query = select(Token).filter_by(id=number, user_id=user.id)
    token = db.session.scalar(query) if number <= MAX_ROW_ID else None
    if token is None:
        raise NotFound(_("There is no such token."))
    db.session.delete(token)
    db.session.commit()


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal; the secret is random enough to need no salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
