"""What stands between a password, or another service's word, and a session: the second factor."""

from __future__ import annotations

import time
from typing import Final

from flask import redirect, request, session, url_for
from werkzeug.wrappers import Response

from photochrom.web.accounts import second_factor
from photochrom.web.accounts.login import begin_session
from photochrom.web.database import User, db
from photochrom.web.security import safe_next

_PENDING: Final = "pending_log_in"
"""Of the session: who has shown the first factor, and when."""
_PENDING_S: Final = 600


def continue_login(user: User, target: str | None) -> Response:
    """Log ``user`` in, or lead them to where the second factor is asked for.

    target: where they wanted to go.
    """
    if not second_factor.is_enabled(user):
        begin_session(user)
        return redirect(safe_next(target))
    session.clear()
    session[_PENDING] = [user.id, user.session_epoch, int(time.time())]
    return redirect(url_for("accounts.code_page", next=target))


def pending_user() -> User | None:
    """Who has shown the first factor in this browser, within ten minutes."""
    number, epoch, begun_s = session.get(_PENDING, (0, 0, 0))
    if time.time() - begun_s > _PENDING_S:
        return None
    user = db.session.get(User, number)
    if user is None or user.disabled_at is not None or user.session_epoch != epoch:
        return None
    return user


def pending_key() -> str:
    """Whose second factor is tried, so that many addresses together cannot guess faster."""
    return f"code:{session.get(_PENDING, [request.remote_addr])[0]}"
