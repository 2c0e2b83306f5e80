"""What whoever runs the studio does with accounts, at its machine or on the page of admins."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from flask import current_app
from sqlalchemy import delete, func, or_, select, update

from photochrom.web.accounts import second_factor, service
from photochrom.web.accounts.forms import stored_email, tidy
from photochrom.web.accounts.tokens import MAX_ROW_ID, digest
from photochrom.web.database import Invitation, Login, Picture, User, db, now
from photochrom.web.errors import InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.settings import current_settings

INVITATION_DAYS: Final = 14
"""How long an invitation can be used, once."""


class Account(NamedTuple):
    """What is shown of an account."""

    id: int
    name: str
    email: str
    created_at: datetime
    is_disabled: bool
    is_admin: bool
    has_second_factor: bool
    pictures: int
    stored_bytes: int
    quota_mb: int


def list_accounts(search: str = "", start: int = 0, limit: int | None = None) -> list[Account]:
    """Accounts, the oldest first.

    search: what their name or address contains, whatever the case. start, limit: which of them.
    """
    count = func.count(Picture.id)
    stored = func.coalesce(func.sum(Picture.bytes), 0)
    rows = select(User, count, stored).outerjoin(Picture).group_by(User.id).order_by(User.id)
    if search:
        parts = (column.icontains(search, autoescape=True) for column in (User.name, User.email))
        rows = rows.where(or_(*parts))
    default = current_settings().quota_mb
    return [
        Account(
            user.id,
            user.name,
            user.email,
            user.created_at,
            user.disabled_at is not None,
            user.is_admin,
            second_factor.is_enabled(user),
            pictures,
            int(size),
            user.quota_mb or default,
        )
        for user, pictures, size in db.session.execute(rows.offset(start).limit(limit))
    ]


def add_account(name: str, email: str) -> str:
    """A new account; returns the path with which its owner sets a password.

    Raises InvalidInput for what is no name or address, Conflict where it is taken.
    """
    name, address = tidy(name)[:100], stored_email(email)
    if not name or not address:
        raise InvalidInput(_("An account needs a name and an email address."))
    return reset_path(service.create_user(name, address, secrets.token_urlsafe(32)).email)


def invitation_path() -> str:
    """The path of a new invitation, with which one person can sign up."""
    secret = secrets.token_urlsafe(24)
    expires_at = now() + timedelta(days=INVITATION_DAYS)
    db.session.execute(delete(Invitation).where(Invitation.expires_at < now()))
    db.session.add(Invitation(digest=digest(secret), expires_at=expires_at))
    db.session.commit()
    return f"/sign-up?invitation={secret}"


def reset_path(email: str) -> str:
    """The path with which the owner of an account sets a new password, once, within an hour."""
    token = service.reset_token(find_account(email), str(current_app.config["SECRET_KEY"]))
    return f"/reset/{token}"


def disable_second_factor(email: str) -> None:
    """Let somebody in by the password alone, whose phone and recovery codes are gone."""
    second_factor.disable(find_account(email))


def set_disabled(email: str, disabled: bool) -> None:
    """Keep somebody out, with browsers and with programs, or let them in again.

    Their links to pictures and albums open nothing meanwhile (`share_links.open_link`).
    """
    user = find_account(email)
    user.disabled_at = now() if disabled else None
    user.session_epoch += 1
    db.session.execute(delete(Login).where(Login.user_id == user.id))
    db.session.commit()


def set_admin(email: str, is_admin: bool) -> None:
    """Let somebody look after the studio in a browser, or no longer."""
    number = find_account(email).id
    db.session.execute(update(User).where(User.id == number).values(is_admin=is_admin))
    db.session.commit()


def set_quota(email: str, quota_mb: int | None) -> None:
    """The storage of one user, in MB; None: what the setting says."""
    number = find_account(email).id
    db.session.execute(update(User).where(User.id == number).values(quota_mb=quota_mb))
    db.session.commit()


def find_account(email: str) -> User:
    """The user with that address. Raises NotFound."""
    user = service.find_user(stored_email(email) or email)
    if user is None:
        raise NotFound(_("There is no account with the address {email}.").format(email=email))
    return user


def find_account_by_id(number: int) -> User:
    """The user of that number. Raises NotFound."""
    user = db.session.get(User, number) if number <= MAX_ROW_ID else None
    if user is None:
        raise NotFound(_("There is no such account."))
    return user
