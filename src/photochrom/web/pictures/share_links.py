"""Links with which anybody can look at one picture for some days."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from flask import current_app
from sqlalchemy import bindparam, delete, select

from photochrom.web.database import Picture, Share, User, db, now
from photochrom.web.errors import NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.library import get_picture
from photochrom.web.settings import current_settings

_TOKEN_LENGTH: Final = 32
_SHARE: Final = select(Share).where(
    Share.picture_id == bindparam("picture_id"), Share.expires_at > bindparam("now")
)


class ShareLink(NamedTuple):
    """Where others can look at a picture, and until when."""

    token: str
    expires_at: datetime


def create_link(user: User, picture_id: str) -> ShareLink:
    """Make a link with which anybody sees this picture for some days; one before it ends.

    Raises NotFound, also while it is not finished.
    """
    picture = get_picture(user, picture_id)
    if not picture.done_revision:
        raise NotFound(_("It is not finished yet."))
    expires_at = now() + timedelta(days=current_settings().share_days)
    token = _token(picture_id, expires_at)
    db.session.rollback()
    db.session.execute(delete(Share).where(Share.picture_id == picture_id))
    db.session.add(Share(picture_id=picture_id, digest=_digest(token), expires_at=expires_at))
    db.session.commit()
    return ShareLink(token, expires_at)


def find_link(picture: Picture) -> ShareLink | None:
    """The link of a picture, if one holds."""
    if not picture.done_revision:
        return None
    share = db.session.scalar(_SHARE, {"picture_id": picture.id, "now": now()})
    if share is None:
        return None
    token = _token(picture.id, share.expires_at)
    # After a change of the secret key old links still hold, but cannot be told again.
    return ShareLink(token, share.expires_at) if _digest(token) == share.digest else None


def revoke_links(user: User, picture_id: str) -> None:
    """End the links of a picture. Raises NotFound."""
    get_picture(user, picture_id)
    db.session.rollback()
    db.session.execute(delete(Share).where(Share.picture_id == picture_id))
    db.session.commit()


def open_link(token: str) -> tuple[Picture, ShareLink]:
    """The picture that a link shows. Raises NotFound for links that ended or never were."""
    share = None
    if len(token) == _TOKEN_LENGTH:
        share = db.session.scalar(
            select(Share).where(Share.digest == _digest(token), Share.expires_at > now())
        )
    if share is None:
        raise NotFound(_("This link has ended, or it was never there."))
    return share.picture, ShareLink(token, share.expires_at)


def _token(picture_id: str, expires_at: datetime) -> str:
    """The secret of a link: it follows from the studio's key, so the database need not hold it."""
    moment = round(expires_at.astimezone(timezone.utc).timestamp() * 1_000_000)
    key = str(current_app.config["SECRET_KEY"]).encode()
    mark = hmac.new(key, f"share:{picture_id}:{moment}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mark[:24]).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
