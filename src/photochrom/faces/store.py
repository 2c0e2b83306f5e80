"""Where enrolled faces are kept: one SQLite file that its owner alone can read.

It holds names and numbers, and of each face the decoder's blurred picture; no photograph. What is
forgotten is overwritten (``secure_delete``), and the file written anew without it (``VACUUM``).
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, OutputError
from photochrom.faces.preprocess import INPUT_PX
from photochrom.faces.recognition import TWIN_ANGLES, Template

_FORMAT = 1
_PRIVATE = 0o600
_BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE face (
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    picture TEXT NOT NULL,
    added TEXT NOT NULL,
    model TEXT NOT NULL,
    embeddings BLOB NOT NULL,
    latents BLOB NOT NULL,
    reconstruction BLOB NOT NULL
);
CREATE INDEX face_person ON face (person);
"""


class EnrolledFace(NamedTuple):
    """One enrolled face. picture: its file's name, without folders. added: UTC, ISO 8601."""

    name: str
    picture: str
    added: str
    model: str
    template: Template


class FaceStore:
    """The file of enrolled faces."""

    def __init__(self, path: Path) -> None:
        """path: made when the first face is enrolled."""
        self.path = path

    def enroll(self, name: str, picture: str, model: str, template: Template) -> None:
        """Keep a face. picture: a file's name. model: identity of the network that described it.

        Raises InputError for an empty name or one of other bytes than UTF-8, OutputError when the
        file cannot be written.
        """
        if not name.strip():
            raise InputError(f"the name is {name!r}; give the person one")
        if _readable(name) != name:
            raise InputError(f"the name is {name!r}, which is no UTF-8; write it otherwise")
        added = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with self._open(create=True) as database:
            database.execute("INSERT OR IGNORE INTO person (name) VALUES (?)", (name,))
            person = database.execute("SELECT id FROM person WHERE name = ?", (name,)).fetchone()[0]
            database.execute(
                "INSERT INTO face (person, picture, added, model, embeddings, latents,"
                " reconstruction) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    person, _readable(picture), added, model,
                    template.embeddings.astype("<f2").tobytes(),
                    template.latents.astype("<f2").tobytes(),
                    template.reconstruction.tobytes(),
                ),
            )  # fmt: skip

    def faces(self) -> list[EnrolledFace]:
        """All enrolled faces, by name and then in their order; none where there is no file."""
        if not self.path.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                "SELECT person.name, picture, added, model, embeddings, latents, reconstruction"
                " FROM face JOIN person ON person.id = face.person ORDER BY person.name, face.id"
            ).fetchall()
        return [
            EnrolledFace(
                name, picture, added, model, Template(_twins(e), _twins(latents), _picture(r))
            )
            for name, picture, added, model, e, latents, r in rows
        ]

    def faces_of_model(self, model: str) -> list[EnrolledFace]:
        """All enrolled faces. Raises InputError where another model has described some."""
        faces = self.faces()
        others = sorted({face.name for face in faces if face.model != model})
        if others:
            raise InputError(
                f"{', '.join(others[:3])}{' and others' if len(others) > 3 else ''} in {self.path} "
                "were enrolled with another model; forget and enroll them again, or name that "
                "model by --model"
            )
        return faces

    def forget(self, name: str | None) -> int:
        """Delete a person with all faces, or everybody (None), so that nothing of them is left in
        the file; returns the number of faces.

        Raises InputError for somebody who is not enrolled, OutputError where it cannot be written.
        """
        names = {face.name for face in self.faces()}
        if name is not None and name not in names:
            known = ", ".join(sorted(names)[:5]) or "nobody"
            raise InputError(f"{name!r} is not enrolled in {self.path}; enrolled: {known}")
        if not self.path.exists():
            return 0
        with self._open() as database:
            where, values = ("", ()) if name is None else (" WHERE name = ?", (name,))
            count = database.execute(
                "SELECT COUNT(*) FROM face WHERE person IN (SELECT id FROM person" + where + ")",
                values,
            ).fetchone()[0]
            database.execute("DELETE FROM person" + where, values)
        with self._open() as database:
            database.execute("VACUUM")
        return int(count)

    @contextmanager
    def _open(self, create: bool = False) -> Iterator[sqlite3.Connection]:
        """The database; what was changed is kept when all went well."""
        try:
            if create:
                _make_private(self.path)
            with closing(
                sqlite3.connect(self.path.absolute().as_uri() + "?mode=rw", uri=True,
                                timeout=_BUSY_S)
            ) as database:  # fmt: skip
                database.execute("PRAGMA foreign_keys = ON")
                database.execute("PRAGMA secure_delete = ON")
                self._check_format(database)
                with database:
                    yield database
        except sqlite3.DatabaseError as error:
            raise OutputError(f"cannot use the faces in {self.path}: {error}") from error
        except OSError as error:
            raise OutputError(f"cannot write {self.path}: {error.strerror}") from error

    def _check_format(self, database: sqlite3.Connection) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        tables = database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            database.executescript(_SCHEMA + f"PRAGMA user_version = {_FORMAT};")
        elif version != _FORMAT:
            raise InputError(
                f"{self.path} is no store of faces of this version (format {version}, not "
                f"{_FORMAT}); name another by --store"
            )


def _readable(text: str) -> str:
    """Names of files may hold bytes that are no UTF-8, which SQLite and people read as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _make_private(path: Path) -> None:
    """Make the file, readable for its owner alone, or take others' rights to it away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE), "r+b"):
        pass
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(_PRIVATE)


def _twins(blob: bytes) -> NDArray[np.float32]:
    """(T, ·) float32."""
    return np.frombuffer(blob, "<f2").astype(np.float32).reshape(len(TWIN_ANGLES), -1)


def _picture(blob: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(blob, np.uint8).reshape(INPUT_PX, INPUT_PX)
