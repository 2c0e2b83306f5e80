"""Links with which anybody can look at one picture, or at the pictures of an album, for some days.

What a link shows is what there is when it is opened: a picture as it is coloured by then, and of an
album those that are in it and in colour by then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from typing import Final, NamedTuple

from flask import current_app
from sqlalchemy import bindparam, delete, select

from photochrom.web.database import Album, AlbumPicture, AlbumShare, Picture, Share, User, db, now
from photochrom.web.errors import NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.albums import get_album
from photochrom.web.pictures.library import PER_PAGE, Page, get_picture, list_finished
from photochrom.web.settings import current_settings

_TOKEN_LENGTH: Final = 32
_SHARE: Final = select(Share).where(
    Share.picture_id == bindparam("picture_id"), Share.expires_at > bindparam("now")
)


class ShareLink(NamedTuple):
    """Where others can look at a picture or an album, and until when."""

    token: str
    expires_at: datetime


class SharedView(NamedTuple):
    """What a link shows: one of the two."""

    picture: Picture | None
    album: Album | None
    link: ShareLink


def create_link(user: User, picture_id: str) -> ShareLink:
    """Make a link with which anybody sees this picture for some days; one before it ends.

    Raises NotFound, also while it is not finished.
    """
    picture = get_picture(user, picture_id)
    if not picture.done_revision:
        raise NotFound(_("It is not finished yet."))
    link = _new_link(picture_id)
    db.session.rollback()
    db.session.execute(delete(Share).where(Share.picture_id == picture_id))
    db.session.add(
        Share(picture_id=picture_id, digest=_digest(link.token), expires_at=link.expires_at)
    )
    db.session.commit()
    return link


def create_album_link(user: User, number: int) -> ShareLink:
    """Make a link with which anybody sees this album for some days; one before it ends.

    Raises NotFound, also while no picture of it is finished.
    """
    album_id = get_album(user, number).id
    if not list_finished(album_id, per_page=1).total:
        raise NotFound(_("No picture of this album is finished yet."))
    link = _new_link(_album_key(album_id))
    db.session.rollback()
    db.session.execute(delete(AlbumShare).where(AlbumShare.album_id == album_id))
    db.session.add(
        AlbumShare(album_id=album_id, digest=_digest(link.token), expires_at=link.expires_at)
    )
    db.session.commit()
    return link


def find_link(picture: Picture) -> ShareLink | None:
    """The link of a picture, if one holds."""
    if not picture.done_revision:
        return None
    share = db.session.scalar(_SHARE, {"picture_id": picture.id, "now": now()})
    return None if share is None else _known_link(picture.id, share)


def find_album_link(album: Album) -> ShareLink | None:
    """The link of an album, if one holds."""
    rows = select(AlbumShare).where(AlbumShare.album_id == album.id, AlbumShare.expires_at > now())
    share = db.session.scalar(rows)
    return None if share is None else _known_link(_album_key(album.id), share)


def revoke_links(user: User, picture_id: str) -> None:
    """End the links of a picture. Raises NotFound."""
    get_picture(user, picture_id)
    db.session.rollback()
    db.session.execute(delete(Share).where(Share.picture_id == picture_id))
    db.session.commit()


def revoke_album_links(user: User, number: int) -> None:
    """End the links of an album. Raises NotFound."""
    album_id = get_album(user, number).id
    db.session.rollback()
    db.session.execute(delete(AlbumShare).where(AlbumShare.album_id == album_id))
    db.session.commit()


def open_link(token: str) -> SharedView:
    """What a link shows. Raises NotFound for links that ended or never were.

    Those of a disabled account open nothing, and open again once its owner is let in again.
    """
    if len(token) == _TOKEN_LENGTH:
        digest = _digest(token)
        share = db.session.scalar(
            select(Share)
            .join(Share.picture)
            .join(Picture.user)
            .where(Share.digest == digest, Share.expires_at > now(), User.disabled_at.is_(None))
        )
        if share is not None:
            return SharedView(share.picture, None, ShareLink(token, share.expires_at))
        of_album = db.session.scalar(
            select(AlbumShare)
            .join(AlbumShare.album)
            .join(User, User.id == Album.user_id)
            .where(
                AlbumShare.digest == digest,
                AlbumShare.expires_at > now(),
                User.disabled_at.is_(None),
            )
        )
        if of_album is not None:
            return SharedView(None, of_album.album, ShareLink(token, of_album.expires_at))
    raise NotFound(_("This link has ended, or it was never there."))


def shared_picture(token: str, picture_id: str | None = None) -> tuple[Picture, ShareLink]:
    """A picture that a link shows.

    picture_id: of which picture of an album; None: the one that the link is for. Raises NotFound
    for what the link does not show, as if it were not there.
    """
    view = open_link(token)
    picture = view.picture
    if view.album is not None and picture_id is not None:
        members = select(AlbumPicture.picture_id).where(AlbumPicture.album_id == view.album.id)
        picture = db.session.scalar(
            select(Picture).where(
                Picture.id == picture_id,
                Picture.id.in_(members),
                Picture.film_id.is_(None),
                Picture.done_revision > 0,
            )
        )
    elif picture_id is not None:
        picture = None
    if picture is None:
        raise NotFound(_("There is no such picture."))
    return picture, view.link


def shared_pictures(album: Album, page: int) -> Page:
    """A page of what the link of an album shows, in the order of the library."""
    return list_finished(album.id, page, PER_PAGE)


def _new_link(key: str) -> ShareLink:
    expires_at = now() + timedelta(days=current_settings().share_days)
    return ShareLink(_token(key, expires_at), expires_at)


def _known_link(key: str, share: Share | AlbumShare) -> ShareLink | None:
    """The link of a row. After a change of the secret key old ones hold, but are not known."""
    token = _token(key, share.expires_at)
    return ShareLink(token, share.expires_at) if _digest(token) == share.digest else None


def _album_key(album_id: int) -> str:
    """What stands for an album where a picture has its identifier, which is never so short."""
    return f"album {album_id}"


def _token(key: str, expires_at: datetime) -> str:
    """The secret of a link: it follows from the studio's key, so the database need not hold it."""
    moment = round(expires_at.astimezone(timezone.utc).timestamp() * 1_000_000)
    secret = str(current_app.config["SECRET_KEY"]).encode()
    mark = hmac.new(secret, f"share:{key}:{moment}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mark[:24]).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
