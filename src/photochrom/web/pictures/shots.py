"""The shots of a film: a still of each, which is a picture of its own and is corrected as one.

What was said of the stills is written into one file of shots, as `photochrom film --shots` takes
it, and by that the worker colours the film; only shots of which something else is said than before.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from photochrom.errors import InputError
from photochrom.imageio import Picture as ImagePicture
from photochrom.pipeline import NO_SHIFT
from photochrom.web.database import Picture, User, db
from photochrom.web.errors import Conflict, InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.decoding import FILM_MP, current_decoding_space
from photochrom.web.pictures.edits import Edit, edit_picture
from photochrom.web.pictures.library import get_picture
from photochrom.web.pictures.names import picture_title
from photochrom.web.pictures.uploads import create_picture
from photochrom.web.storage import Storage, current_storage

if TYPE_CHECKING:
    from photochrom.video.options import Shot

_SAME_TIME_S = 1e-3


@dataclass(frozen=True)
class FilmShot:
    """A shot of a film. number: from 1. time_s: of its still."""

    number: int
    time_s: float
    still: Picture | None
    """The picture in which it is corrected, once somebody has opened it."""

    @property
    def is_corrected(self) -> bool:
        """Whether something is said of it."""
        return self.still is not None and is_corrected(Edit.from_picture(self.still))


@dataclass(frozen=True)
class StillEdit:
    """What is said of one shot, as the worker takes it."""

    still_id: str
    time_s: float
    revision: int
    """Of the still's result."""
    edit: Edit


def is_corrected(edit: Edit) -> bool:
    """Whether an edit says anything of its shot."""
    own_colors, keep_colors, scratched = edit.own_colors, edit.keep_colors, edit.scratched
    return edit != Edit(own_colors=own_colors, keep_colors=keep_colors, scratched=scratched)


def list_shots(film: Picture) -> list[FilmShot]:
    """The shots of a film; none as long as the worker has not found them."""
    stills = _stills(film.id)
    shots = []
    for number, time_s in enumerate(shot_times(current_storage(), film.id), 1):
        still = next((s for s in stills if _has_time(s, time_s)), None)
        shots.append(FilmShot(number, time_s, still))
    return shots


def shot_times(storage: Storage, film_id: str) -> list[float]:
    """Seconds of the stills of a film's shots; none where they are not known."""
    try:
        return [float(time_s) for time_s in json.loads(storage.shots(film_id).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def open_shot(user: User, film_id: str, number: int) -> Picture:
    """The still of a shot, as a picture of the user; made where there is none yet.

    Raises NotFound, InvalidInput where the film does not give the frame, and as `create_picture`.
    """
    film = get_film(user, film_id)
    shot = next((shot for shot in list_shots(film) if shot.number == number), None)
    if shot is None:
        raise NotFound(_("There is no such shot."))
    if shot.still is not None:
        return shot.still
    name = _("{film}, shot {number}").format(film=picture_title(film.name), number=number)
    original = current_storage().original(film.id, film.media_type)
    db.session.rollback()
    png = io.BytesIO(_frame_png(original, shot.time_s, film_id))
    try:
        return create_picture(user, f"{name}.png", png, film_id=film_id, film_time_s=shot.time_s)
    except Conflict:  # it was opened twice at the same moment, and the other one was faster
        return open_shot(user, film_id, number)


def color_shots(user: User, film_id: str) -> Picture:
    """Have a film coloured again by what is said of its shots.

    Raises NotFound, InvalidInput where nothing is or was said, Conflict while a still is coloured,
    and as `edit_picture`.
    """
    film = get_film(user, film_id)
    stills = _stills(film.id)
    if not any(still.revision > 1 for still in stills):
        raise InvalidInput(_("No shot of this film is corrected yet."))
    if any(still.state in ("waiting", "working") for still in stills):
        raise Conflict(_("A shot is still being coloured. Try again in a moment."))
    return edit_picture(user, film_id, {})


def still_edits(film: Picture) -> tuple[StillEdit, ...]:
    """What is said of a film's shots, in the order of their times."""
    found = []
    for still in _stills(film.id):
        edit = Edit.from_picture(still)
        if still.film_time_s is not None and is_corrected(edit):
            found.append(StillEdit(still.id, still.film_time_s, still.done_revision, edit))
    return tuple(found)


def to_shots(edits: Sequence[StillEdit], storage: Storage) -> tuple[Shot, ...]:
    """What is said of a film's shots, as `photochrom.video` takes it.

    Of a still that is another version, or whose colours have another strength, detail or model,
    the picture itself counts. Raises InputError where it is not coloured.
    """
    from photochrom.video.options import Shot

    shots = []
    for still_edit in edits:
        edit = still_edit.edit
        plain = edit.vividness == Edit().vividness and edit.chosen_model is None
        if edit.variant or edit.size is not None or not plain:
            still = storage.result(still_edit.still_id, still_edit.revision)
            if still is None:
                raise InputError(_("A shot is still being coloured. Try again in a moment."))
            shots.append(Shot(still_edit.time_s, still=still))
            continue
        references: tuple[Path, ...] = ()
        if edit.reference is not None:
            references = (storage.reference(still_edit.still_id, edit.reference),)
        tone = None if edit.white_balance == NO_SHIFT else edit.white_balance
        shots.append(Shot(still_edit.time_s, edit.hints, references=references, white_balance=tone))
    return tuple(shots)


def get_film(user: User, film_id: str) -> Picture:
    """A film of this user. Raises NotFound, InvalidInput for what is no film."""
    film = get_picture(user, film_id)
    if film.kind != "film":
        raise InvalidInput(_("Only films have shots."))
    return film


def _stills(film_id: str) -> list[Picture]:
    order = (Picture.film_time_s, Picture.created_at, Picture.id)
    stills = select(Picture).where(Picture.film_id == film_id).order_by(*order)
    return list(db.session.scalars(stills))


def _has_time(still: Picture, time_s: float) -> bool:
    return still.film_time_s is not None and abs(still.film_time_s - time_s) < _SAME_TIME_S


def _frame_png(original: Path, time_s: float, film_id: str) -> bytes:
    """A frame of a film as a PNG."""
    from photochrom.web.pictures.film_info import film_frame

    try:
        with current_decoding_space().take(FILM_MP):
            grey = film_frame(original, time_s)
    except InputError as error:
        text = str(error).replace(str(original), film_id)
        raise InvalidInput(text[:1].upper() + text[1:]) from None
    png = io.BytesIO()
    ImagePicture(grey).save(png, format_name="PNG")
    return png.getvalue()
