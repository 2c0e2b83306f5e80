"""A user's pictures: taking in, finding, changing, deleting."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from sqlalchemy import delete, func, select, update

from photochrom.web import jobs
from photochrom.web.database import Picture, User, db, new_id, now
from photochrom.web.errors import Conflict, NotFound, QuotaExceeded, Refused
from photochrom.web.pictures.intake import Accepted, check_upload
from photochrom.web.pictures.previews import THUMB_PX, shrunk, webp
from photochrom.web.pictures.wishes import checked_wishes, spots
from photochrom.web.settings import current_settings
from photochrom.web.storage import Storage, save
from photochrom.web.words import _

PER_PAGE: Final = 24
MAX_NAME: Final = 120
_MEGA: Final = 1_000_000

_decoding = threading.BoundedSemaphore(2)
"""Large pictures take much memory while they are looked at: only so many at once."""


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


def storage() -> Storage:
    """The files of the app that is answering."""
    return Storage(current_settings().data_dir)


def create_picture(
    user: User,
    filename: str,
    stream: IO[bytes],
    *,
    size: int | None = None,
    vividness: float = 1.0,
) -> Picture:
    """Take in a photo or film and have it coloured.

    filename: shown to its owner and never used as a path. stream: the file.
    Returns the row, committed, in state "waiting".
    Raises Refused for what is no picture or film, TooLarge, QuotaExceeded.
    """
    settings, files = current_settings(), storage()
    name = clean_name(filename)
    checked_wishes(1, 1, size=size, vividness=vividness)
    with files.received(stream, settings.max_upload_mb * _MEGA) as path:
        length = path.stat().st_size
        _check_quota(user.id, length)
        with _decoding:
            accepted = check_upload(path, name, settings.max_picture_mp * _MEGA)
        picture_id = new_id()
        try:
            _store(files, picture_id, path, accepted)
            picture = _new_row(user.id, picture_id, name, accepted, files.size(picture_id))
            picture.size, picture.vividness = size, vividness
            job = jobs.job_of(picture)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            files.delete(picture_id)
            raise
    # From here on the picture is accepted: the row alone is enough for the worker to find it.
    jobs.enqueue(job)
    return picture


def get_picture(user: User, picture_id: str) -> Picture:
    """A picture of this user. Raises NotFound, also for those of others."""
    found = db.session.scalar(select(Picture).filter_by(id=picture_id, user_id=user.id))
    if found is None:
        raise NotFound(_("There is no such picture."))
    return found


def list_pictures(user: User, search: str = "", page: int = 1, per_page: int = PER_PAGE) -> Page:
    """A page of the user's pictures whose names contain ``search``, whatever the case."""
    rows = select(Picture).filter_by(user_id=user.id)
    words = unicodedata.normalize("NFC", search.strip())[:MAX_NAME]
    if words:
        rows = rows.where(Picture.name.icontains(words, autoescape=True))
    total = db.session.scalar(select(func.count()).select_from(rows.subquery())) or 0
    pages = max(1, -(-total // per_page))
    page = min(max(1, page), pages)
    newest = rows.order_by(Picture.created_at.desc(), Picture.id)
    items = db.session.scalars(newest.offset((page - 1) * per_page).limit(per_page)).all()
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
    """Call it something else. Raises NotFound, Refused for an empty name."""
    if not name.strip():
        raise Refused(_("Enter a name."))
    picture = get_picture(user, picture_id)
    picture.name = clean_name(name, is_path=False)
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


def clean_name(name: str, *, is_path: bool = True) -> str:
    """A name that can be shown: without slashes, control characters and what hides its ending.

    is_path: some browsers send the whole path of a file.
    """
    if is_path:
        name = name.replace("\\", "/").rpartition("/")[2]
    name = unicodedata.normalize("NFC", name)
    # Cc: control characters; Cf: among them those that turn the direction of writing; Cs: halves.
    name = "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") else " " for c in name)
    name = " ".join(name.replace("/", "-").replace("\\", "-").split()).strip(". ")
    if len(name) > MAX_NAME:
        stem, dot, suffix = name.rpartition(".")
        short = dot + suffix if stem and len(suffix) <= 5 else ""
        name = name[: MAX_NAME - len(short)].rstrip() + short
    return name or _("Picture")


def _check_quota(user_id: int, more: int) -> None:
    quota = current_settings().quota_mb * _MEGA
    used = db.session.scalar(select(func.sum(Picture.bytes)).filter_by(user_id=user_id)) or 0
    db.session.rollback()
    if int(used) + more > quota:
        raise QuotaExceeded(
            _("Your {quota} MB are used up. Delete pictures that you do not need.").format(
                quota=current_settings().quota_mb
            )
        )


def _store(files: Storage, picture_id: str, path: Path, accepted: Accepted) -> None:
    """All files of a new picture, safely on the disk."""
    folder = files.make(picture_id)
    save(files.grey(picture_id), webp(accepted.screen))
    thumb = shrunk(accepted.screen, THUMB_PX)
    save(files.thumb(picture_id), webp(thumb))
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(files.original(picture_id, accepted.media_type))
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _new_row(user_id: int, picture_id: str, name: str, accepted: Accepted, size: int) -> Picture:
    """The row, in a transaction that no other upload of this user shares.

    The first statement writes to the user's row, so that uploads at the same time wait for each
    other here and cannot pass the quota together.
    """
    db.session.execute(
        update(User).where(User.id == user_id).values(session_epoch=User.session_epoch)
    )
    db.session.add(
        picture := Picture(
            id=picture_id,
            user_id=user_id,
            name=name,
            kind=accepted.kind,
            media_type=accepted.media_type,
            bytes=size,
            width=accepted.width,
            height=accepted.height,
            created_at=now(),
            state="waiting",
            hints=[],
            variant=0,
            revision=1,
        )
    )
    db.session.flush()
    used = db.session.scalar(select(func.sum(Picture.bytes)).filter_by(user_id=user_id)) or 0
    if int(used) > current_settings().quota_mb * _MEGA:
        raise QuotaExceeded(
            _("Your {quota} MB are used up. Delete pictures that you do not need.").format(
                quota=current_settings().quota_mb
            )
        )
    return picture
