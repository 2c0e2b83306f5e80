"""Which user a program acts for: by the token in its Authorization header, and by nothing else.

A cookie counts for nothing here, so no other page can make a browser act for its user, and no CSRF
token is needed.
"""

from __future__ import annotations

from flask import g, request

from photochrom.web.accounts.login import is_local_token, local_user
from photochrom.web.accounts.tokens import find_token
from photochrom.web.database import User
from photochrom.web.errors import Forbidden, LoginRequired
from photochrom.web.security import visitor_key
from photochrom.web.settings import current_settings


def caller() -> User | None:
    """The user that this request's token belongs to; None without a valid one."""
    if "caller" not in g:
        g.caller = _find_header_user()
    user: User | None = g.caller
    return user


def this_caller() -> User:
    """The same, where there must be one. Raises LoginRequired."""
    user = caller()
    if user is None:
        raise LoginRequired(
            "Send a token of yours: Authorization: Bearer TOKEN. Your account's page makes them."
        )
    return user


def this_writer() -> User:
    """The same, where the token may change something. Raises LoginRequired, Forbidden."""
    user = this_caller()
    if g.get("token_scope", "write") != "write":
        raise Forbidden("This token is for looking and downloading alone.")
    return user


def rate_key() -> str:
    """Whose requests are counted together: a user's, or those of an address without a token."""
    user = caller()
    return f"address:{visitor_key()}" if user is None else f"user:{user.id}"


def _find_header_user() -> User | None:
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        return None
    if current_settings().local and is_local_token(authorization.token):
        return local_user()
    token = find_token(authorization.token)
    if token is None:
        return None
    g.token_scope = token.scope
    return token.user
