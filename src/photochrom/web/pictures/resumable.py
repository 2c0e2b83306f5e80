"""Uploads in parts, which go on where they broke off: each a folder below its user's.

A part is written as it comes; how far an upload is, is the length of its file. The whole is checked
and stored like any other file, once its last part is there.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

from photochrom.atomic import write_atomically
from photochrom.locks import file_lock
from photochrom.web.database import User, new_id
from photochrom.web.errors import (
    Conflict,
    DiskFull,
    InvalidInput,
    NotFound,
    StudioError,
    TooLarge,
    TooMany,
)
from photochrom.web.i18n import _
from photochrom.web.pictures.models import check_choice
from photochrom.web.pictures.names import clean_file_name
from photochrom.web.pictures.space import require_space
from photochrom.web.pictures.uploads import create_pictures
from photochrom.web.settings import current_settings

KEEP_S: Final = 86_400.0
"""An upload to which nothing was added for so long is removed."""
MAX_OPEN: Final = 50
"""Unfinished uploads of one user."""
_CHUNK: Final = 1 << 20
_ID: Final = re.compile(r"[A-Za-z0-9_-]{16}")


class UploadState(NamedTuple):
    """How far an upload is."""

    id: str
    length: int
    """Bytes of the whole file."""
    offset: int
    """Bytes that are there."""
    picture_ids: tuple[str, ...]
    """What it has become; none before it is whole."""


class _Info(NamedTuple):
    length: int
    name: str
    picture_ids: tuple[str, ...] = ()
    chosen_model: str | None = None


def create_upload(user: User, length: int, name: str, chosen_model: str | None = None) -> str:
    """Make room for a file that comes in parts; returns its identifier.

    length: bytes, at least 1. name, chosen_model: as for `create_pictures`.
    Raises InvalidInput for a model that is not offered, TooLarge, TooMany, QuotaExceeded and
    DiskFull, before anything is sent.
    """
    check_choice(chosen_model, "photo")
    limit_mb = current_settings().max_upload_mb
    if length > limit_mb * 1_000_000:
        raise TooLarge(_("The file is larger than {megabytes} MB.").format(megabytes=limit_mb))
    open_uploads = [info.length for _folder, info in _uploads(user) if not info.picture_ids]
    if len(open_uploads) >= MAX_OPEN:
        raise TooMany(_("You have too many uploads that are not finished."))
    require_space(user, sum(open_uploads) + length)
    upload_id = new_id()
    folder = _root(user.id) / upload_id
    folder.mkdir(mode=0o700, parents=True)
    (folder / "data").touch(mode=0o600)
    _write_info(folder, _Info(length, clean_file_name(name), (), chosen_model))
    return upload_id


def read_state(user: User, upload_id: str) -> UploadState:
    """How far it is. Raises NotFound, for somebody else's too."""
    folder = _folder(user, upload_id)
    info = _read_info(folder)
    if info.picture_ids:
        return UploadState(upload_id, info.length, info.length, info.picture_ids)
    return UploadState(upload_id, info.length, _data(folder).stat().st_size, ())


def append_part(user: User, upload_id: str, offset: int, stream: IO[bytes]) -> UploadState:
    """Add a part; with the last one the file becomes a picture, a film, or several pictures.

    offset: where the part begins. stream: what there is of it is kept, also where it breaks off.
    Raises NotFound, Conflict where it is to begin elsewhere or another part is being written,
    InvalidInput where it is longer than the file, and as `create_pictures`; by that the upload is
    gone, but for TooMany and DiskFull: sending an empty part later tries again.
    """
    folder = _folder(user, upload_id)
    with file_lock(folder / "lock", 0) as is_ours:
        if not is_ours:
            raise Conflict(_("Another part of this file is being written."))
        state = read_state(user, upload_id)
        if state.picture_ids:
            return state
        if offset != state.offset:
            raise Conflict(_("The next part begins at {offset}.").format(offset=state.offset))
        with _data(folder).open("ab") as file:
            while chunk := stream.read(_CHUNK):
                offset += len(chunk)
                if offset > state.length:
                    raise InvalidInput(_("This is more than the file was said to have."))
                file.write(chunk)
        if offset == state.length:
            _finish(user, folder)
    return read_state(user, upload_id)


def delete_upload(user: User, upload_id: str) -> None:
    """Give an upload up. Raises NotFound."""
    shutil.rmtree(_folder(user, upload_id), ignore_errors=True)


def delete_uploads(user_id: int) -> None:
    """Give all uploads of a user up."""
    shutil.rmtree(_root(user_id), ignore_errors=True)


def sweep_uploads(data_dir: Path) -> None:
    """Remove uploads to which nothing was added for a day, and those that became pictures then."""
    for folder in (data_dir / "uploads").glob("*/*"):
        with contextlib.suppress(FileNotFoundError):
            newest_s = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if newest_s < time.time() - KEEP_S:
                shutil.rmtree(folder, ignore_errors=True)


def _finish(user: User, folder: Path) -> None:
    info = _read_info(folder)
    try:
        with _data(folder).open("rb") as file:
            pictures = create_pictures(user, info.name, file, chosen_model=info.chosen_model)
    except (TooMany, DiskFull):
        raise
    except StudioError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _write_info(folder, info._replace(picture_ids=tuple(picture.id for picture in pictures)))
    _data(folder).unlink()


def _uploads(user: User) -> Iterator[tuple[Path, _Info]]:
    for folder in _root(user.id).glob("*"):
        with contextlib.suppress(NotFound):  # it may be going
            yield folder, _read_info(folder)


def _root(user_id: int) -> Path:
    return current_settings().data_dir / "uploads" / str(user_id)


def _folder(user: User, upload_id: str) -> Path:
    folder = _root(user.id) / upload_id
    if not _ID.fullmatch(upload_id) or not folder.is_dir():
        raise NotFound(_("There is no such upload (any more)."))
    return folder


def _data(folder: Path) -> Path:
    return folder / "data"


def _write_info(folder: Path, info: _Info) -> None:
    write_atomically(folder / "info", json.dumps(info).encode(), overwrite=True)


def _read_info(folder: Path) -> _Info:
    try:
        length, name, picture_ids, *chosen = json.loads((folder / "info").read_bytes())
    except FileNotFoundError:
        raise NotFound(_("There is no such upload (any more).")) from None
    return _Info(length, name, tuple(picture_ids), *chosen)  # none of one that began before
