"""Albums: names under which a user finds some of their pictures; a picture may be in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.exc import IntegrityError

from photochrom.web.accounts.tokens import MAX_ROW_ID
from photochrom.web.database import Album, AlbumPicture, Picture, User, db
from photochrom.web.errors import Conflict, InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.names import clean_name

MAX_ALBUM_NAME: Final = 100
MAX_ALBUMS: Final = 200
"""Of one user."""


# Asked by each library page: put together once, of the tables themselves.
_ALBUMS, _MEMBERS = Album.__table__, AlbumPicture.__table__
_SUMMARIES = (
    select(_ALBUMS.c.id, _ALBUMS.c.name, func.count(_MEMBERS.c.picture_id))
    .select_from(_ALBUMS.outerjoin(_MEMBERS))
    .where(_ALBUMS.c.user_id == bindparam("user_id"))
    .group_by(_ALBUMS.c.id, _ALBUMS.c.name)
    .order_by(func.lower(_ALBUMS.c.name), _ALBUMS.c.id)
)


class AlbumSummary(NamedTuple):
    """What is shown of an album."""

    id: int
    name: str
    pictures: int


def list_albums(user: User) -> list[AlbumSummary]:
    """A user's albums, by name."""
    return [AlbumSummary(*row) for row in db.session.execute(_SUMMARIES, {"user_id": user.id})]


def get_album(user: User, number: int) -> Album:
    """An album of this user. Raises NotFound, for somebody else's too."""
    query = select(Album).filter_by(id=number, user_id=user.id)
    album = db.session.scalar(query) if 0 < number <= MAX_ROW_ID else None
    if album is None:
        raise NotFound(_("There is no such album."))
    return album


def add_to_album(user: User, name: str, picture_ids: Sequence[str]) -> Album:
    """Put pictures into the album of that name, which is made if there is none.

    picture_ids: of this user; others, and those that are in it, are left out.
    Raises InvalidInput for what is no name, and where there are too many albums.
    """
    title = _clean_album_name(name)
    album = db.session.scalar(select(Album).filter_by(user_id=user.id, name=title))
    if album is None:
        count = select(func.count()).select_from(Album).where(Album.user_id == user.id)
        if (db.session.scalar(count) or 0) >= MAX_ALBUMS:
            raise InvalidInput(_("There can be {most} albums.").format(most=MAX_ALBUMS))
        album = Album(user_id=user.id, name=title)
        db.session.add(album)
        _flush()
    own = select(Picture.id).where(Picture.user_id == user.id, Picture.id.in_(picture_ids))
    known = select(AlbumPicture.picture_id).where(AlbumPicture.album_id == album.id)
    new = set(db.session.scalars(own)) - set(db.session.scalars(known))
    db.session.add_all(AlbumPicture(album_id=album.id, picture_id=one) for one in sorted(new))
    _flush()
    db.session.commit()
    return album


def remove_from_album(user: User, number: int, picture_ids: Sequence[str]) -> None:
    """Take pictures out of an album; they stay. Raises NotFound."""
    get_album(user, number)
    rows = delete(AlbumPicture).where(
        AlbumPicture.album_id == number, AlbumPicture.picture_id.in_(picture_ids)
    )
    db.session.execute(rows)
    db.session.commit()


def rename_album(user: User, number: int, name: str) -> None:
    """Call an album something else. Raises NotFound, InvalidInput, Conflict for a taken name."""
    album = get_album(user, number)
    album.name = _clean_album_name(name)
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("There is an album of this name already.")) from None


def delete_album(user: User, number: int) -> None:
    """Remove an album; its pictures stay. Raises NotFound."""
    db.session.delete(get_album(user, number))
    db.session.commit()


def _flush() -> None:
    """Have the database take what was added. Raises Conflict for twice at the same moment."""
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(_("The album was changed elsewhere. Try again.")) from None


def _clean_album_name(name: str) -> str:
    if not name.strip():
        raise InvalidInput(_("Enter a name."))
    title = clean_name(name)
    if len(title) > MAX_ALBUM_NAME:
        raise InvalidInput(_("A name has at most {most} characters.").format(most=MAX_ALBUM_NAME))
    return title
