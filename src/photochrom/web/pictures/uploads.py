"""How a file becomes a picture of the studio: named, checked, counted, stored, and accepted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final

from sqlalchemy import update

from photochrom.web import jobs
from photochrom.web.database import Picture, User, db, new_id, now
from photochrom.web.errors import DiskFull, QuotaExceeded
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.library import used_bytes
from photochrom.web.pictures.names import clean_file_name
from photochrom.web.pictures.thumbnails import THUMBNAIL_PX, encode_jpeg, shrink
from photochrom.web.pictures.upload_check import UploadInfo, check_upload
from photochrom.web.settings import current_settings
from photochrom.web.storage import RESERVE_MB, Storage, current_storage, free_bytes, save

_MEGA: Final = 1_000_000


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
    Raises InvalidInput for what is no picture or film, TooLarge, QuotaExceeded,
    TooMany, DiskFull.
    """
    settings, files = current_settings(), current_storage()
    name = clean_file_name(filename)
    edit = Edit.parse(1, 1, size=size, vividness=vividness)
    with files.receive(stream, settings.max_upload_mb * _MEGA) as path:
        if free_bytes(settings.data_dir) < RESERVE_MB * _MEGA:
            raise DiskFull(
                _("There is no space for more pictures. Whoever runs it must make some.")
            )
        total_bytes = used_bytes(user.id)
        db.session.rollback()
        _check_quota(total_bytes + path.stat().st_size)
        upload = check_upload(path, name, settings.max_picture_mp * _MEGA)
        picture_id = new_id()
        try:
            _store(files, picture_id, path, upload)
            size_bytes = files.size(picture_id)
            picture = _new_row(user.id, picture_id, name, upload, edit, size_bytes)
            job = jobs.make_job(picture)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            files.delete(picture_id)
            raise
    # From here on the picture is accepted: the row alone is enough for the worker to find it.
    jobs.enqueue(job)
    return picture


def _check_quota(total_bytes: int) -> None:
    """Raise QuotaExceeded if a user's files take more. used: bytes."""
    quota = current_settings().quota_mb
    if total_bytes > quota * _MEGA:
        raise QuotaExceeded(
            _("Your {quota} MB are used up. Delete pictures that you do not need.").format(
                quota=quota
            )
        )


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


def _new_row(
    user_id: int, picture_id: str, name: str, upload: UploadInfo, edit: Edit, size_bytes: int
) -> Picture:
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
            kind=upload.kind,
            media_type=upload.media_type,
            bytes=size_bytes,
            width=upload.width,
            height=upload.height,
            created_at=now(),
            state="waiting",
            revision=1,
            **edit.columns(),
        )
    )
    db.session.flush()
    _check_quota(used_bytes(user_id))
    return picture
