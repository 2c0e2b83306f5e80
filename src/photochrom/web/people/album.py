"""The faces in a user's pictures: looked for, grouped, named, forgotten.

Nothing is looked at before the user switches it on, and nothing is left once they switch it off:
what was found, and who it is, lies in a file beside each picture and goes with the picture.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import BadZipFile

import numpy as np
from sqlalchemy import select

from photochrom import imageio
from photochrom.errors import OutputError
from photochrom.faces.album import AlbumFace, find_album_faces, group_people
from photochrom.faces.model import FaceNet
from photochrom.faces.preprocess import Box
from photochrom.faces.recognition import Template
from photochrom.faces.store import EnrolledFace
from photochrom.web import jobs
from photochrom.web.database import Picture, User, db
from photochrom.web.errors import Conflict, InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.library import get_picture
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage, save

MAX_NAME: Final = 100
"""The longest name of a person, in characters."""
MAX_FACES: Final = 2000
"""So many faces of a user are grouped; grouping takes the square of it in memory."""
_COLUMNS: Final = ("names", "boxes", "faces", "embeddings", "latents", "reconstructions")
_TURN_S: Final = 5.0
"""One request looks at pictures for so long, and at one at least."""
_FACES_OF_A_PICTURE: Final = 40
_searching = threading.Lock()
"""Faces are looked for in one request at a time: it keeps a core busy."""


class FoundPerson(NamedTuple):
    """A face in a picture, and whose it is by the user's word; empty: they have said nothing."""

    face: AlbumFace
    name: str = ""


class Person(NamedTuple):
    """One group of faces. name: None until the user gives one."""

    name: str | None
    faces: tuple[tuple[str, int], ...]
    """Identifier of a picture and number of the face in it, from 0."""


def is_enabled(user: User) -> bool:
    """Whether the user wants people to be found."""
    return _switch(user.id).is_file()


def enable(user: User) -> None:
    """From now on faces may be looked for."""
    switch = _switch(user.id)
    switch.parent.mkdir(mode=0o700, exist_ok=True)
    switch.touch()


def disable(user: User) -> None:
    """Forget every face and every name, for good."""
    pictures = _photos(user)
    # Before the files: who looks through pictures just now takes back what they write after it.
    remove_switch(user.id)
    for picture in pictures:
        current_storage().faces(picture).unlink(missing_ok=True)
        jobs.update_size(picture, current_storage().size(picture))


def remove_switch(user_id: int) -> None:
    """Leave nothing of a user whose pictures are gone."""
    _switch(user_id).unlink(missing_ok=True)


def pictures_left(user: User) -> int:
    """In how many photographs no faces have been looked for yet."""
    return len(_new_photos(user))


def search_faces(user: User) -> int:
    """Look for faces for some seconds; returns how many photographs are left.

    Raises Conflict where it is off, or is switched off meanwhile, or somebody else's are looked
    through just now.
    """
    _require_enabled(user)
    if not _searching.acquire(timeout=_TURN_S):
        raise Conflict(_("Other pictures are being looked through. Try again in a moment."))
    try:
        until = time.monotonic() + _TURN_S
        waiting, user_id = _new_photos(user), user.id
        db.session.rollback()
        for done, picture in enumerate(waiting, 1):
            faces = find_album_faces([current_storage().grey(picture)], _net(), lambda _line: None)
            found = [FoundPerson(face) for face in faces[:_FACES_OF_A_PICTURE]]
            with _unless_deleted(picture):
                _write(user_id, picture, found)
            jobs.update_size(picture, current_storage().size(picture))
            if time.monotonic() > until:
                return len(waiting) - done
        return 0
    finally:
        _searching.release()


def people(user: User) -> list[Person]:
    """The user's people, the most frequent first; none while it is off."""
    if not is_enabled(user):
        return []
    found = [
        (picture, number, person)
        for picture in _photos(user)
        for number, person in enumerate(_read(picture))
    ][:MAX_FACES]
    enrolled = [
        EnrolledFace(person.name, picture, "", _net().identity, person.face.template)
        for picture, _number, person in found
        if person.name
    ]
    threshold = float(_net().card.thresholds["embedding"])
    groups = group_people([person.face for _, _, person in found], threshold, enrolled)
    place = {id(person.face): (picture, number) for picture, number, person in found}
    return [Person(group.name, tuple(place[id(face)] for face in group.faces)) for group in groups]


def list_faces(user: User, picture: str) -> list[FoundPerson]:
    """The faces that were found in a picture of this user; none while it is off."""
    return _read(picture) if is_enabled(user) else []


def name_person(user: User, faces: list[tuple[str, int]], name: str) -> None:
    """Give the person whom these faces show a name. Raises InvalidInput, NotFound, Conflict."""
    _require_enabled(user)
    name = " ".join(name.split())
    if not name:
        raise InvalidInput(_("Enter a name."))
    if len(name) > MAX_NAME:
        raise InvalidInput(_("A name has at most {most} characters.").format(most=MAX_NAME))
    if not faces:
        raise InvalidInput(_("Choose a person first."))
    for picture in dict.fromkeys(picture for picture, _number in faces):
        numbers = {number for place, number in faces if place == picture}
        found = _faces(user, picture)
        if not numbers <= set(range(len(found))):
            raise NotFound(_("There is no such face."))
        named = [p._replace(name=name) if n in numbers else p for n, p in enumerate(found)]
        _write(user.id, picture, named)


def forget_person(user: User, name: str) -> None:
    """Forget a name. Raises NotFound, Conflict."""
    _require_enabled(user)
    forgotten = False
    for picture in _photos(user):
        found = _read(picture)
        if any(person.name == name for person in found):
            unnamed = [p._replace(name="") if p.name == name else p for p in found]
            _write(user.id, picture, unnamed)
            forgotten = True
    if not forgotten:
        raise NotFound(_("There is nobody of that name."))


def face_png(user: User, picture: str, number: int) -> bytes:
    """One face, upright, as a PNG file. Raises NotFound, Conflict."""
    file = io.BytesIO()
    found = _faces(user, picture)
    if number >= len(found):
        raise NotFound(_("There is no such face."))
    pixels = np.repeat(found[number].face.face[..., None], 3, axis=2)
    imageio.write(file, imageio.Picture(pixels), format_name="png")
    return file.getvalue()


@cache
def _net() -> FaceNet:
    return FaceNet(threads=1)


def _switch(user_id: int) -> Path:
    """The file that is there where a user wants people to be found."""
    return current_settings().data_dir / "people" / f"{user_id}.on"


def _require_enabled(user: User) -> None:
    if not is_enabled(user):
        raise Conflict(_("Finding people is switched off."))


def _photos(user: User) -> list[str]:
    """Identifiers of the user's photographs, the newest first."""
    rows = select(Picture.id).filter_by(user_id=user.id, kind="photo")
    return list(db.session.scalars(rows.order_by(Picture.created_at.desc(), Picture.id)))


def _new_photos(user: User) -> list[str]:
    storage = current_storage()
    return [
        picture
        for picture in _photos(user)
        if storage.grey(picture).is_file() and not storage.faces(picture).is_file()
    ]


def _faces(user: User, picture: str) -> list[FoundPerson]:
    """What was found in a picture of this user. Raises NotFound, Conflict."""
    _require_enabled(user)
    return _read(get_picture(user, picture).id)


@contextlib.contextmanager
def _unless_deleted(picture: str) -> Iterator[None]:
    """What cannot be written of a picture that is gone need not be."""
    try:
        yield
    except OutputError:
        if current_storage().folder(picture).is_dir():
            raise


def _write(user_id: int, picture: str, people: list[FoundPerson]) -> None:
    """The faces of a picture, also none, so that it is not looked through again.

    Raises Conflict where their user has switched it off by now, and leaves nothing then.
    """
    file = io.BytesIO()
    columns = {"identity": np.array(_net().identity)}
    if people:
        faces = [person.face for person in people]
        templates = [face.template for face in faces]
        columns |= {
            "names": np.array([person.name for person in people]),
            "boxes": np.array([face.box for face in faces], np.int32),
            "faces": np.stack([face.face for face in faces]),
            "embeddings": np.stack([t.embeddings for t in templates]).astype(np.float16),
            "latents": np.stack([t.latents for t in templates]).astype(np.float16),
            "reconstructions": np.stack([t.reconstruction for t in templates]),
        }
    np.savez(file, **columns)  # type: ignore[arg-type]
    path = current_storage().faces(picture)
    save(path, file.getvalue())
    if not _switch(user_id).is_file():
        path.unlink(missing_ok=True)
        raise Conflict(_("Finding people is switched off."))


def _read(picture: str) -> list[FoundPerson]:
    """The faces of a picture; none where nobody has looked, or an earlier model has."""
    path = current_storage().faces(picture)
    try:
        with np.load(path, allow_pickle=False) as columns:
            if str(columns["identity"]) != _net().identity or "faces" not in columns:
                return []
            rows = zip(*(columns[name] for name in _COLUMNS), strict=True)
            return [
                FoundPerson(
                    AlbumFace(
                        Path(picture), Box(*map(int, box)), face,
                        Template(embedding.astype(np.float32), latent.astype(np.float32), rebuilt),
                    ),
                    str(name),
                )
                for name, box, face, embedding, latent, rebuilt in rows
            ]  # fmt: skip
    except (OSError, KeyError, ValueError, BadZipFile):
        return []
