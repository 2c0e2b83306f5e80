"""A user's pictures: finding, changing, deleting."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, func, select, update

from photochrom.web import jobs
from photochrom.web.database import MAX_NAME, Picture, User, db
from photochrom.web.errors import Conflict, NotFound, Refused
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import checked_wishes, spots
from photochrom.web.pictures.names import clean_name
from photochrom.web.pictures.uploads import storage

PER_PAGE: Final = 24

# Asked by most requests: put together once, they take half the time.
_OWN = select(Picture).where(Picture.user_id == bindparam("user_id"))
_ONE = _OWN.where(Picture.id == bindparam("picture_id"))
_NEWEST = _OWN.order_by(Picture.created_at.desc(), Picture.id)
_COUNT = select(func.count()).select_from(Picture).where(Picture.user_id == bindparam("user_id"))


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
    found = db.session.scalar(_ONE, {"picture_id": picture_id, "user_id": user.id})
    if found is None:
        raise NotFound(_("There is no such picture."))
    return found


def list_pictures(user: User, search: str = "", page: int = 1, per_page: int = PER_PAGE) -> Page:
    """A page of the user's pictures whose names contain ``search``, whatever the case."""
    newest, count, asked = _NEWEST, _COUNT, {"user_id": user.id}
    words = unicodedata.normalize("NFC", search.strip())[:MAX_NAME]
    if words:
        named = Picture.name.icontains(words, autoescape=True)
        newest, count = newest.where(named), count.where(named)
    total = db.session.scalar(count, asked) or 0
    pages = max(1, -(-total // per_page))
    page = min(max(1, page), pages)
    some = newest.offset((page - 1) * per_page).limit(per_page)
    items = db.session.scalars(some, asked).all()
    return Page(items, page, pages, total, per_page)


def edit_picture(
    user: User,
    picture_id: str,
    *,
    hints: object = None,
    size: object = None,
    vividness: object = None,
    variant: object = None,
    expected_revision: object = None,
) -> Picture:
    """Ask for other colours; the picture is coloured anew as its next revision.

    hints: [[x, y, "#rrggbb"], …] in px of the upright original. hints, vividness and variant stay
        as they are where None; size None is the model's own.
    expected_revision: the revision that the person saw; None: whatever it is.
    Raises NotFound, Refused, Conflict where the picture has changed since it was seen.
    """
    picture = get_picture(user, picture_id)
    if expected_revision is not None and expected_revision != picture.revision:
        raise Conflict(_("This picture was changed elsewhere. Load the page again."))
    wishes = checked_wishes(
        picture.height,
        picture.width,
        hints=picture.hints if hints is None else hints,
        size=size,
        vividness=picture.vividness if vividness is None else vividness,
        variant=picture.variant if variant is None else variant,
    )
    if picture.kind == "film" and (wishes.hints or wishes.variant):
        raise Refused(_("Films take neither hints nor versions."))
    seen = picture.revision
    db.session.rollback()
    changed = db.session.execute(
        update(Picture)
        .where(Picture.id == picture_id, Picture.user_id == user.id, Picture.revision == seen)
        .values(
            hints=spots(wishes.hints),
            size=wishes.size,
            vividness=wishes.vividness,
            variant=wishes.variant,
            revision=seen + 1,
            state="waiting",
            problem=None,
            progress=0.0,
            attempts=0,
            claimed_by=None,
        )
        .returning(Picture.id)
        .execution_options(synchronize_session=False)
    ).first()
    db.session.commit()
    if changed is None:
        raise Conflict(_("This picture was changed elsewhere. Load the page again."))
    picture = get_picture(user, picture_id)
    jobs.enqueue(jobs.job_of(picture))
    return picture


def rename_picture(user: User, picture_id: str, name: str) -> Picture:
    """Call it something else. Raises NotFound, Refused for a name that is empty or too long."""
    if not name.strip():
        raise Refused(_("Enter a name."))
    cleaned = clean_name(name)
    if len(cleaned) > MAX_NAME:
        raise Refused(_("A name has at most {most} characters.").format(most=MAX_NAME))
    picture = get_picture(user, picture_id)
    picture.name = cleaned
    db.session.commit()
    return picture


def delete_picture(user: User, picture_id: str) -> None:
    """Remove a picture, its files, its results and its links. Raises NotFound."""
    get_picture(user, picture_id)
    db.session.rollback()
    db.session.execute(delete(Picture).where(Picture.id == picture_id))
    db.session.commit()
    storage().delete(picture_id)


def delete_everything(user: User) -> None:
    """Remove all pictures of a user, with their files; the user stays."""
    owned = list(db.session.scalars(select(Picture.id).filter_by(user_id=user.id)))
    user_id = user.id
    db.session.rollback()
    db.session.execute(delete(Picture).where(Picture.user_id == user_id))
    db.session.commit()
    for picture_id in owned:
        storage().delete(picture_id)


def used_bytes(user: User) -> int:
    """What all files of a user take."""
    return int(db.session.scalar(select(func.sum(Picture.bytes)).filter_by(user_id=user.id)) or 0)
