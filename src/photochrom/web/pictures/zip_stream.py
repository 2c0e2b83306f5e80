"""ZIP files that are sent while they are written, and are whole neither in memory nor on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

_CHUNK: Final = 1 << 18


class ZipStream:
    """A ZIP file, piece by piece. Nothing is compressed: pictures and films are already.

    What its methods yield, one after the other, with `finish` last, is the file.
    """

    def __init__(self) -> None:
        self._pieces = _Pieces()
        self._archive = zipfile.ZipFile(self._pieces, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._used: set[str] = set()

    def free_name(self, name: str) -> str:
        """``name``, a path in the archive, or, where it is in there, one with a number; kept."""
        path, number, free = PurePosixPath(name), 1, name
        while free.casefold() in self._used:
            number += 1
            free = f"{name[: len(name) - len(path.suffix)]} ({number}){path.suffix}"
        self._used.add(free.casefold())
        return free

    def add_file(self, path: Path, name: str, source: BinaryIO) -> Iterator[bytes]:
        """A file under a `free_name`. source: ``path``, opened. Raises FileNotFoundError."""
        entry = zipfile.ZipInfo.from_file(path, name)
        with self._archive.open(entry, "w") as copy:
            while chunk := source.read(_CHUNK):
                copy.write(chunk)
                yield self._pieces.take()

    def add_text(self, text: str, name: str) -> Iterator[bytes]:
        """A text file in UTF-8."""
        self._archive.writestr(name, text.encode())
        yield self._pieces.take()

    def finish(self) -> Iterator[bytes]:
        """The list of what is in it, which ends it."""
        self._archive.close()
        yield self._pieces.take()


class _Pieces(io.RawIOBase):
    """A file that cannot go back, and hands out what was written since the last time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: object) -> int:
        """Keep some bytes until they are taken."""
        piece = bytes(data)  # type: ignore[call-overload]
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """What was written since."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
