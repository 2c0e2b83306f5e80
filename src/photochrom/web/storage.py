"""Where the files of pictures lie, and how they get there whole.

Each picture has a folder named by its identifier. Names inside come from revisions and a short
list of suffixes, never from what a person or a browser said.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Final

from photochrom.atomic import remove_leftovers, write_atomically
from photochrom.imageio import FORMATS
from photochrom.web.errors import NotFound, TooLarge
from photochrom.web.i18n import _
from photochrom.web.settings import current_settings

_FILM_SUFFIXES: Final = {
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/x-matroska": ".mkv",
    "video/webm": ".webm",
    "video/x-msvideo": ".avi",
    "video/mpeg": ".mpg",
    "video/mp2t": ".ts",
    "video/x-ms-wmv": ".wmv",
    "video/ogg": ".ogv",
}
"""Of the films that are kept, by the media type that their content was found to have."""
_FILM_RESULTS: Final = (".mp4", ".mov", ".mkv")
PICTURE_ID: Final = re.compile(r"[A-Za-z0-9_-]{16}")
_CHUNK: Final = 1 << 20
_REVISION: Final = re.compile(r"(?:result|preview|side)-(\d+)\.[a-z0-9]+")


def kept_suffixes() -> dict[str, str]:
    """Every kind of file that is kept: suffix by media type."""
    return {
        row.media_type: row.suffix for row in FORMATS.values() if not row.is_document
    } | _FILM_SUFFIXES


def kept_type(suffix: str) -> str:
    """The media type of a kept file, by the suffix of its name."""
    return next(kind for kind, name_end in kept_suffixes().items() if name_end == suffix)


def _result_suffixes() -> tuple[str, ...]:
    suffixes = (row.suffix for row in FORMATS.values() if row.encode is not None)
    return (*suffixes, *_FILM_RESULTS)


class Storage:
    """The files of all pictures, below one folder."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "pictures"
        self._incoming = data_dir / "incoming"

    @contextlib.contextmanager
    def receive(self, stream: IO[bytes], limit: int) -> Iterator[Path]:
        """What somebody sends, as a file that is gone after the block unless `keep` took it.

        limit: bytes. Raises TooLarge as soon as there are more; nothing is left of them.
        """
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._incoming / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                size = 0
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > limit:
                        megabytes = limit // 1_000_000
                        raise TooLarge(
                            _("The file is larger than {megabytes} MB.").format(megabytes=megabytes)
                        )
                    file.write(chunk)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def folder(self, picture_id: str) -> Path:
        """The folder of a picture, whether or not it is there. Raises NotFound for odd names."""
        if not PICTURE_ID.fullmatch(picture_id):
            raise NotFound(_("There is no such picture."))
        return self._root / picture_id[:2] / picture_id

    def make(self, picture_id: str) -> Path:
        """The folder of a new picture."""
        folder = self.folder(picture_id)
        folder.mkdir(mode=0o700, parents=True)
        return folder

    def original(self, picture_id: str, media_type: str) -> Path:
        """The file as it was sent."""
        return self.folder(picture_id) / f"original{kept_suffixes()[media_type]}"

    def result(self, picture_id: str, revision: int) -> Path | None:
        """The coloured file of a revision; None where it is not finished."""
        stem = self.folder(picture_id) / f"result-{revision}"
        paths = (stem.with_suffix(suffix) for suffix in _result_suffixes())
        return next((path for path in paths if path.is_file()), None)

    def new_result(self, picture_id: str, revision: int, suffix: str) -> Path:
        """The name that a revision's coloured file gets once it is whole."""
        assert suffix in _result_suffixes(), suffix
        return self.folder(picture_id) / f"result-{revision}{suffix}"

    def preview(self, picture_id: str, revision: int) -> Path:
        """The coloured picture at the size of a screen."""
        return self.folder(picture_id) / f"preview-{revision}.jpg"

    def side_by_side(self, picture_id: str, revision: int) -> Path:
        """Before and after in one picture."""
        return self.folder(picture_id) / f"side-{revision}.jpg"

    def grey(self, picture_id: str) -> Path:
        """The original at the size of a screen."""
        return self.folder(picture_id) / "preview-grey.jpg"

    def mended_copy(self, picture_id: str, *, scratched: bool) -> Path:
        """The original without its damage, at the size of a screen; scratched: as of `Picture`."""
        name = "preview-mended-scratched.jpg" if scratched else "preview-mended.jpg"
        return self.folder(picture_id) / name

    def change_overlay(self, picture_id: str) -> Path:
        """Where that was changed, to lay over it."""
        return self.folder(picture_id) / "changes.png"

    def thumbnail(self, picture_id: str) -> Path:
        """The small picture of the library."""
        return self.folder(picture_id) / "thumb.jpg"

    def reference(self, picture_id: str, reference_id: str) -> Path:
        """The copy of a picture that gives this one colours. Raises NotFound for odd names."""
        if not PICTURE_ID.fullmatch(reference_id):
            raise NotFound(_("There is no such picture."))
        return self.folder(picture_id) / f"reference-{reference_id}.jpg"

    def forget_references(
        self, picture_id: str, keep: Collection[str | None], older_s: float
    ) -> None:
        """Remove copies of references that were not chosen for so long, but for some."""
        limit, names = time.time() - older_s, {f"reference-{one}.jpg" for one in keep}
        for path in self.folder(picture_id).glob("reference-*.jpg"):
            with contextlib.suppress(FileNotFoundError):
                if path.name not in names and path.stat().st_mtime < limit:
                    path.unlink()

    def past_thumbnail(self, picture_id: str, revision: int) -> Path:
        """The small picture of an earlier result."""
        return self.folder(picture_id) / f"past-{revision}.jpg"

    def forget_past(self, picture_id: str, keep: Collection[int]) -> None:
        """Remove the small pictures of earlier results, but for those of some revisions."""
        names = {f"past-{revision}.jpg" for revision in keep}
        for path in self.folder(picture_id).glob("past-*.jpg"):
            if path.name not in names:
                path.unlink(missing_ok=True)

    def faces(self, picture_id: str) -> Path:
        """The faces that were found in it."""
        return self.folder(picture_id) / "faces.npz"

    def film_preview(self, picture_id: str) -> Path:
        """A minute or less of a film, before and after."""
        return self.folder(picture_id) / "preview.mp4"

    def shots(self, picture_id: str) -> Path:
        """When each shot of a film has its still, as a list in JSON."""
        return self.folder(picture_id) / "shots.json"

    def shot_thumbnail(self, picture_id: str, number: int) -> Path:
        """A frame of a film's shot, small; shots count from 1."""
        return self.folder(picture_id) / f"shot-{number:05}.jpg"

    def shot_file(self, picture_id: str) -> Path:
        """What is said of a film's shots (`photochrom.video.shots_file`)."""
        return self.folder(picture_id) / "shots.toml"

    def shot_segments(self, picture_id: str) -> Path:
        """The finished segments of a film, by which single shots of it are coloured again."""
        return self.folder(picture_id) / "segments"

    def size(self, picture_id: str) -> int:
        """Bytes of all files of a picture but those that are being written, and the parts of a film
        that is not finished.
        """
        total = 0
        segments = self.shot_segments(picture_id).glob("[!.]*")
        for path in (*self.folder(picture_id).glob("[!.]*"), *segments):
            with contextlib.suppress(FileNotFoundError):  # it may go meanwhile
                total += path.stat().st_size if path.is_file() else 0
        return total

    def forget_revisions(self, picture_id: str, before: int, *, keep: int = 0) -> None:
        """Remove results, previews and pairs of older revisions, and films' unfinished parts.

        keep: a revision that stays all the same.
        """
        self.remove_segments(picture_id)
        for path in self.folder(picture_id).glob("*-*.*"):
            match = _REVISION.fullmatch(path.name)
            if match is not None and int(match[1]) < before and int(match[1]) != keep:
                path.unlink(missing_ok=True)

    def remove_segments(self, picture_id: str) -> None:
        """Remove the unfinished parts of a film, of whatever revision."""
        for parts in self.folder(picture_id).glob(".result-*.photochrom-parts"):
            shutil.rmtree(parts, ignore_errors=True)

    def delete(self, picture_id: str) -> None:
        """Remove everything of a picture. What cannot go now, goes with `strays`."""
        shutil.rmtree(self.folder(picture_id), ignore_errors=True)

    def strays(self, older_s: float) -> Iterator[str]:
        """Identifiers of folders that were not touched for so long; their rows may be gone."""
        limit = time.time() - older_s
        for folder in self._root.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                if PICTURE_ID.fullmatch(folder.name) and folder.stat().st_mtime < limit:
                    yield folder.name

    def forget_leftovers(self) -> None:
        """Remove what was being written into pictures' folders when a process was killed."""
        for folder in self._root.glob("*/*"):
            remove_leftovers(folder)

    def forget_incoming(self, older_s: float) -> None:
        """Remove what was being received when a process was killed."""
        limit = time.time() - older_s
        for path in self._incoming.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()


RESERVE_MB: Final = 100
"""No upload takes the last of the disk: deleting and correcting need some, too."""


_ALIVE: Final = "worker.alive"
_ALIVE_INTERVAL_S: Final = 5.0
_ALIVE_S: Final = 60.0


def mark_alive(data_dir: Path) -> None:
    """Say, every few seconds, that the worker goes on; on a full disk nobody says so."""
    path = data_dir / _ALIVE
    with contextlib.suppress(OSError):
        if not path.exists() or path.stat().st_mtime < time.time() - _ALIVE_INTERVAL_S:
            path.touch()


def is_worker_alive(data_dir: Path) -> bool:
    """Whether a worker of this data folder has gone on within the last minute."""
    try:
        return (data_dir / _ALIVE).stat().st_mtime > time.time() - _ALIVE_S
    except OSError:
        return False


_BALLAST: Final = "ballast"
_BALLAST_BYTES: Final = 4_000_000
"""Enough for the database to write down that much is deleted."""


def make_ballast(data_dir: Path) -> None:
    """Keep some space that `drop_ballast` gives back, so that a full disk can be deleted from.

    Raises OutputError where it cannot be written, which leaves nothing.
    """
    path = data_dir / _BALLAST
    if path.is_file() or free_bytes(data_dir) < RESERVE_MB * 1_000_000:
        return
    write_atomically(path, os.urandom(_BALLAST_BYTES), overwrite=True)  # no disk packs it smaller


def drop_ballast(data_dir: Path) -> None:
    """Give the space back that was kept, where the disk is full; `make_ballast` keeps it again."""
    if free_bytes(data_dir) < 2 * _BALLAST_BYTES:
        (data_dir / _BALLAST).unlink(missing_ok=True)


def free_bytes(data_dir: Path) -> int:
    """Space that is left on the disk of the data folder."""
    return shutil.disk_usage(data_dir).free


def make_private(data_dir: Path) -> None:
    """Keep other users of the machine out of what this process writes, and of the databases."""
    if os.name != "posix":
        return
    os.umask(0o077)
    for path in data_dir.glob("*.db*"):
        path.chmod(0o600)


def current_storage() -> Storage:
    """The files of the app that is answering."""
    return Storage(current_settings().data_dir)


def save(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all. Raises OutputError."""
    write_atomically(path, data, overwrite=True)
