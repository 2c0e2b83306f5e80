"""How a file becomes a picture of the studio: named, checked, counted, stored, and accepted."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO, Final

from sqlalchemy import select, update

from photochrom.web import jobs
from photochrom.web.database import Picture, User, db, new_id, now
from photochrom.web.errors import Conflict, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.documents import document_pages, is_document
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.library import delete_picture, quota_mb, used_bytes
from photochrom.web.pictures.models import check_choice
from photochrom.web.pictures.names import clean_file_name
from photochrom.web.pictures.space import estimate_result_bytes, require_quota, require_space
from photochrom.web.pictures.thumbnails import THUMBNAIL_PX, encode_jpeg, shrink
from photochrom.web.pictures.upload_check import UploadInfo, check_upload
from photochrom.web.settings import current_settings
from photochrom.web.storage import Storage, current_storage, save

_MEGA: Final = 1_000_000


def create_pictures(
    user: User, filename: str, stream: IO[bytes], *, chosen_model: str | None = None
) -> list[Picture]:
    """Take in a file of one picture or film, or a document, of which each page is a picture.

    Of a document all pages are taken, or none: whoever is refused sends the whole again.
    stream: can be read again from its beginning. All else as for `create_picture`.
    """
    if not is_document(stream):
        return [create_picture(user, filename, stream, chosen_model=chosen_model)]
    limit = current_settings().max_upload_mb * _MEGA
    taken: dict[str, Picture] = {}
    try:
        for name, page in document_pages(stream, clean_file_name(filename), limit, user.id):
            picture = create_picture(user, name, page, chosen_model=chosen_model)
            taken[picture.id] = picture
    except BaseException:
        for picture_id in taken:
            with contextlib.suppress(NotFound):  # their owner may have been faster
                delete_picture(user, picture_id)
        raise
    return list(taken.values())


def create_picture(
    user: User,
    filename: str,
    stream: IO[bytes],
    *,
    size: int | None = None,
    vividness: float = 1.0,
    chosen_model: str | None = None,
    film_id: str | None = None,
    film_time_s: float | None = None,
) -> Picture:
    """Take in a photo or film and have it coloured.

    filename: shown to its owner and never used as a path. stream: the file. chosen_model: as of
    `Picture`. film_id, film_time_s: as of `Picture`, of a still.
    Returns the row, committed, in state "waiting".
    Raises InvalidInput for what is no picture or film, TooLarge, QuotaExceeded,
    TooMany, DiskFull, and Conflict where there is a still of that time already.
    """
    settings, files = current_settings(), current_storage()
    name = clean_file_name(filename)
    edit = Edit.parse(1, 1, size=size, vividness=vividness, chosen_model=chosen_model)
    check_choice(chosen_model, "photo")  # what cannot be is refused before the file is read
    with files.receive(stream, settings.max_upload_mb * _MEGA) as path:
        user_id, limit_mb = user.id, quota_mb(user)
        require_space(user, path.stat().st_size)
        db.session.rollback()
        upload = check_upload(path, name, settings.max_picture_mp * _MEGA, user_id=user_id)
        check_choice(chosen_model, upload.kind)
        picture_id = new_id()
        reserved_bytes = estimate_result_bytes(upload.kind, upload.media_type, path.stat().st_size)
        try:
            _store(files, picture_id, path, upload)
            picture = Picture(
                id=picture_id,
                user_id=user_id,
                name=name,
                kind=upload.kind,
                media_type=upload.media_type,
                bytes=files.size(picture_id),
                reserved_bytes=reserved_bytes,
                width=upload.width,
                height=upload.height,
                created_at=now(),
                taken_at=upload.taken_at,
                state="waiting",
                revision=1,
                own_colors=upload.own_colors,
                notes=list(upload.notes) or None,
                film_id=film_id,
                film_time_s=film_time_s,
                **edit.columns(),
            )
            _add_row(picture, limit_mb)
            job = jobs.make_job(picture)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            files.delete(picture_id)
            raise
    # From here on the picture is accepted: the row alone is enough for the worker to find it.
    jobs.enqueue(job)
    return picture


def _store(files: Storage, picture_id: str, path: Path, upload: UploadInfo) -> None:
    """All files of a new picture, safely on the disk."""
    folder = files.make(picture_id)
    save(files.grey(picture_id), encode_jpeg(upload.screen))
    thumbnail = shrink(upload.screen, THUMBNAIL_PX)
    save(files.thumbnail(picture_id), encode_jpeg(thumbnail))
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.replace(files.original(picture_id, upload.media_type))
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _add_row(picture: Picture, limit_mb: int) -> None:
    """Add the row, in a transaction that no other upload of this user shares.

    The first statement writes to the user's row, so that uploads at the same time wait for each
    other here and cannot pass the quota together, nor make two stills of one shot. Raises
    QuotaExceeded, DiskFull, Conflict.
    """
    user_id = picture.user_id
    db.session.execute(
        update(User).where(User.id == user_id).values(session_epoch=User.session_epoch)
    )
    if picture.film_id is not None:
        same = select(Picture.id).filter_by(
            film_id=picture.film_id, film_time_s=picture.film_time_s
        )
        if db.session.scalar(same.limit(1)) is not None:
            raise Conflict(_("This picture was changed elsewhere. Load the page again."))
    db.session.add(picture)
    db.session.flush()
    require_quota(user_id, limit_mb, used_bytes(user_id))
