"""Everything that the studio keeps of a user, in one ZIP file: files, and what is known of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, BinaryIO, Final, TypeAlias

from sqlalchemy import select

from photochrom import __version__
from photochrom.web.accounts.sessions import list_logins
from photochrom.web.colors.album import list_colors
from photochrom.web.database import (
    Album,
    AlbumPicture,
    AlbumShare,
    ColorPlace,
    PastResult,
    Picture,
    SavedColor,
    Share,
    Token,
    User,
    db,
    now,
)
from photochrom.web.errors import NotFound
from photochrom.web.people.album import list_faces
from photochrom.web.pictures.downloads import Download, result_file
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.zip_stream import ZipStream

Json: TypeAlias = "dict[str, Any]"
OpenFile: TypeAlias = "tuple[Download, BinaryIO]"
DOCUMENT: Final = "photochrom.json"
"""The name, in the archive, of what is known of the files."""
FORMAT: Final = "photochrom studio export 1"
_OLDEST_FIRST: Final = (Picture.created_at, Picture.id)
_TRIES: Final = 3
"""A file that is replaced between its row and its opening is looked for anew so often."""


def export_data(user_id: int) -> Iterator[bytes]:
    """A ZIP file, piece by piece: originals/, results/ and, last, `DOCUMENT`.

    Each picture is as it is at its turn; one that is deleted meanwhile is left out. The document
    names the files that really are in the archive. The database is asked for one picture at a
    time, and let go while files are sent.
    """
    archive, pictures = ZipStream(), []
    rows = select(Picture.id).where(Picture.user_id == user_id).order_by(*_OLDEST_FIRST)
    ids = list(db.session.scalars(rows))
    for picture_id in ids:
        with ExitStack() as stack:
            found = _open_picture(user_id, picture_id, stack)
            if found is None:
                continue
            entry, files = found
            for folder, (file, source) in files.items():
                name = archive.free_name(f"{folder}/{file.name}")
                yield from archive.add_file(file.path, name, source)
                entry["files"][folder] = name
            pictures.append(entry)
    document = {**_describe_account(user_id), "pictures": pictures}
    db.session.rollback()
    yield from archive.add_text(json.dumps(document, ensure_ascii=False, indent=1), DOCUMENT)
    yield from archive.finish()


def _open_picture(
    user_id: int, picture_id: str, stack: ExitStack
) -> tuple[Json, dict[str, OpenFile]] | None:
    """What is known of a picture, and its files, by their folder; None where it is gone.

    The stills of a film's shots are frames of a file that is there: they come without theirs.
    """
    found: tuple[Json, dict[str, OpenFile]] | None = None
    for _try in range(_TRIES):
        db.session.rollback()
        db.session.expunge_all()
        user, picture = db.session.get(User, user_id), db.session.get(Picture, picture_id)
        if user is None or picture is None:
            return None
        wanted = {} if picture.film_id else {"originals": "original"}
        if wanted and picture.done_revision:
            wanted["results"] = "colour"
        found = _describe_picture(user, picture), {}
        try:
            for folder, form in wanted.items():
                file = result_file(user, picture_id, form)
                found[1][folder] = file, stack.enter_context(file.path.open("rb"))
            break
        except (FileNotFoundError, NotFound):
            continue  # there is a newer result by now
    db.session.rollback()
    return found


def _describe_account(user_id: int) -> Json:
    """The account, and what belongs to no single picture. Secrets are not known, so not there."""
    user = db.session.get_one(User, user_id)
    return {
        "format": FORMAT,
        "studio": f"photochrom {__version__}",
        "exported_at": _time(now()),
        "account": {
            "name": user.name,
            "email": user.email,
            "created_at": _time(user.created_at),
            "language": user.language,
            "chosen_model": user.chosen_model,
            "quota_mb": user.quota_mb,
            "is_admin": user.is_admin,
            "second_factor_since": _time(user.totp_enabled_at),
            "logs_in_by_another_service": user.oidc_subject is not None,
        },
        "devices": [
            {
                "agent": login.agent,
                "created_at": _time(login.created_at),
                "last_used_at": _time(login.last_used_at),
            }
            for login in list_logins(user)
        ],
        "tokens": [
            {
                "name": token.name,
                "scope": token.scope,
                "created_at": _time(token.created_at),
                "last_used_at": _time(token.last_used_at),
                "expires_at": _time(token.expires_at),
            }
            for token in _all(Token, user_id=user_id)
        ],
        "albums": [_describe_album(album) for album in _all(Album, user_id=user_id)],
        "saved_colors": [
            {
                "name": color.name,
                "color": color.color,
                "picture": color.picture_id,
                "place": [color.x, color.y],
            }
            for color in list_colors(user)
        ],
    }


def _describe_album(album: Album) -> Json:
    members = select(Picture.id).join(AlbumPicture).where(AlbumPicture.album_id == album.id)
    return {
        "name": album.name,
        "pictures": list(db.session.scalars(members.order_by(*_OLDEST_FIRST))),
        "shared_until": [_time(link.expires_at) for link in _all(AlbumShare, album_id=album.id)],
    }


def _describe_picture(user: User, picture: Picture) -> Json:
    """A picture and what was asked of it, in pixels of the upright original."""
    places = (
        select(ColorPlace, SavedColor.name)
        .join(SavedColor, SavedColor.id == ColorPlace.color_id)
        .where(ColorPlace.picture_id == picture.id)
        .order_by(SavedColor.id)
    )
    return {
        "id": picture.id,
        "name": picture.name,
        "kind": picture.kind,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.bytes,
        "film": picture.film_id,
        "film_time_s": picture.film_time_s,
        "created_at": _time(picture.created_at),
        "taken_at": _time(picture.taken_at),
        "state": picture.state,
        "problem": picture.problem,
        "notes": picture.notes,
        "revision": picture.revision,
        "done_revision": picture.done_revision,
        "finished_at": _time(picture.finished_at),
        "model": picture.model,
        "own_colors": picture.own_colors,
        "restored": picture.restored,
        "edit": Edit.from_picture(picture).columns(),
        "earlier_results": [
            {
                "revision": past.revision,
                "finished_at": _time(past.finished_at),
                "model": past.model,
                "edit": past.edit,
            }
            for past in _all(PastResult, picture_id=picture.id)
        ],
        "shared_until": [_time(link.expires_at) for link in _all(Share, picture_id=picture.id)],
        "saved_colors_found": [
            {"name": name, "place": [place.x, place.y], "state": place.state}
            for place, name in db.session.execute(places)
        ],
        "faces": [
            {"name": found.name, "box": list(found.face.box)}
            for found in list_faces(user, picture.id)
        ],
        "files": {},
    }


def _all(table: type[Any], **columns: object) -> list[Any]:
    """The rows of a table that have these values, in the order in which they were made."""
    return list(db.session.scalars(select(table).filter_by(**columns).order_by(table.id)))


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
