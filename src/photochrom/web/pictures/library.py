"""A user's pictures: finding, changing, deleting."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Integer, Select, bindparam, delete, func, select

from photochrom.web import jobs
from photochrom.web.database import MAX_NAME, AlbumPicture, Picture, User, db
from photochrom.web.errors import Conflict, InvalidInput, NotFound
from photochrom.web.i18n import _, gettext_noop
from photochrom.web.pictures.names import clean_name
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage, drop_ballast

PER_PAGE: Final = 24

# Asked by most requests: put together once, they take half the time.
_OWN = select(Picture).where(Picture.user_id == bindparam("user_id"))
_ONE = _OWN.where(Picture.id == bindparam("picture_id"))
_LISTED = _OWN.where(Picture.film_id.is_(None))
_PART = {name: bindparam(name, type_=Integer) for name in ("limit", "offset")}
_ORDERS = {
    name: _LISTED.order_by(moment.desc(), Picture.id).limit(_PART["limit"]).offset(_PART["offset"])
    for name, moment in (
        ("added", Picture.created_at),
        ("taken", func.coalesce(Picture.taken_at, Picture.created_at)),
    )
}
ORDERS: Final = tuple(_ORDERS)
"""By when a picture came, or by when it was taken, as far as its file tells; the newest first."""
_COUNT = (
    select(func.count())
    .select_from(Picture)
    .where(Picture.user_id == bindparam("user_id"), Picture.film_id.is_(None))
)


# Of the table itself, which SQLAlchemy asks in half the time that its mapped classes take.
_TABLE = Picture.__table__.c
_USED = select(func.sum(_TABLE.bytes + _TABLE.reserved_bytes)).where(
    _TABLE.user_id == bindparam("user_id")
)


@dataclass(frozen=True)
class Page:
    """Some of a user's pictures, the newest first."""

    items: Sequence[Picture]
    page: int
    """From 1."""
    pages: int
    """At least 1."""
    total: int
    per_page: int

    @property
    def has_prev(self) -> bool:
        """Whether there is a page of newer ones."""
        return self.page > 1

    @property
    def has_next(self) -> bool:
        """Whether there is a page of older ones."""
        return self.page < self.pages


def get_picture(user: User, picture_id: str) -> Picture:
    """A picture of this user. Raises NotFound, also for those of others."""
    picture = db.session.scalar(_ONE, {"picture_id": picture_id, "user_id": user.id})
    if picture is None:
        raise NotFound(_("There is no such picture."))
    return picture


def get_photo(user: User, picture_id: str) -> Picture:
    """A picture of this user that can have hints and variants. Raises NotFound, InvalidInput."""
    picture = get_picture(user, picture_id)
    if picture.kind != "photo":
        raise InvalidInput(_("Films take neither hints nor versions."))
    return picture


def list_pictures(
    user: User,
    search: str = "",
    page: int = 1,
    per_page: int = PER_PAGE,
    *,
    order: str = "added",
    album: int | None = None,
) -> Page:
    """A page of the user's pictures whose names contain ``search``, whatever the case.

    order: of `ORDERS`. album: the number of an album; None: of all.
    """
    newest, count = _ORDERS[order], _COUNT
    text = unicodedata.normalize("NFC", search.strip())[:MAX_NAME]
    if text:
        condition = Picture.name.icontains(text, autoescape=True)
        newest, count = newest.where(condition), count.where(condition)
    if album is not None:
        members = Picture.id.in_(
            select(AlbumPicture.picture_id).where(AlbumPicture.album_id == album)
        )
        newest, count = newest.where(members), count.where(members)
    return _page(newest, count, {"user_id": user.id}, page, per_page)


def list_finished_photos(user: User, page: int = 1, per_page: int = PER_PAGE) -> Page:
    """A page of the user's photographs that have a result."""
    condition = (Picture.kind == "photo", Picture.done_revision > 0)
    newest, count = _ORDERS["added"].where(*condition), _COUNT.where(*condition)
    return _page(newest, count, {"user_id": user.id}, page, per_page)


def list_finished(album: int, page: int = 1, per_page: int = PER_PAGE) -> Page:
    """A page of the pictures of an album, by its number, that have a result."""
    members = select(AlbumPicture.picture_id).where(AlbumPicture.album_id == album)
    condition = (
        Picture.id.in_(members),
        Picture.film_id.is_(None),
        Picture.done_revision > 0,
    )
    newest = select(Picture).where(*condition).order_by(Picture.created_at.desc(), Picture.id)
    newest = newest.limit(_PART["limit"]).offset(_PART["offset"])
    return _page(newest, select(func.count(Picture.id)).where(*condition), {}, page, per_page)


def _page(
    newest: Select[Picture],
    count: Select[int],
    parameters: dict[str, object],
    page: int,
    per_page: int,
) -> Page:
    """One page of what a statement finds; the nearest one where there is none of this number.

    newest: with `_PART` as its limit and offset.
    """
    first = {**parameters, "limit": per_page, "offset": 0}
    if page <= 1:
        items = db.session.scalars(newest, first).all()
        if len(items) < per_page:  # it is all that there is
            return Page(items, 1, 1, len(items), per_page)
    total = db.session.scalar(count, parameters) or 0
    pages = max(1, -(-total // per_page))
    page = min(max(1, page), pages)
    items = db.session.scalars(newest, {**first, "offset": (page - 1) * per_page}).all()
    return Page(items, page, pages, total, per_page)


def rename_picture(user: User, picture_id: str, name: str) -> Picture:
    """Call it something else. Raises NotFound, InvalidInput for no name or too long a one."""
    if not name.strip():
        raise InvalidInput(_("Enter a name."))
    title = clean_name(name)
    if len(title) > MAX_NAME:
        raise InvalidInput(_("A name has at most {most} characters.").format(most=MAX_NAME))
    picture = get_picture(user, picture_id)
    picture.name = title
    db.session.commit()
    return picture


def stop_picture(user: User, picture_id: str) -> None:
    """Colour a picture or film no further. Raises NotFound, Conflict where nothing is at it."""
    get_picture(user, picture_id)
    if not jobs.stop(picture_id, gettext_noop("You stopped it.")):
        raise Conflict(_("It is not being coloured any more."))


def delete_picture(user: User, picture_id: str) -> None:
    """Remove a picture, its files, its results and its links; of a film also the stills of its
    shots. Raises NotFound.
    """
    get_picture(user, picture_id)
    stills = list(db.session.scalars(select(Picture.id).where(Picture.film_id == picture_id)))
    db.session.rollback()
    drop_ballast(current_settings().data_dir)
    gone = [picture_id, *stills]
    db.session.execute(delete(Picture).where(Picture.id.in_(gone)))
    db.session.commit()
    for one in gone:
        current_storage().delete(one)


def used_bytes(user_id: int) -> int:
    """What all files of a user take, and those that their pictures are about to have."""
    return int(db.session.scalar(_USED, {"user_id": user_id}) or 0)


def quota_mb(user: User) -> int:
    """The storage of a user, in MB: their own, or what the setting gives everybody."""
    return user.quota_mb or current_settings().quota_mb
