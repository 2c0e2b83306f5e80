"""How long a film takes yet: guessed by its size before it is begun, then by how it goes."""

from __future__ import annotations

import statistics
import time
from typing import Final

from sqlalchemy import select

from photochrom.web.database import Picture, db

_FRAME_S: Final = 0.017
_MEGAPIXEL_S: Final = 0.026
"""Of two processors, for a frame and for each megapixel of it (docs/performance.md)."""
_GUESS_SHARE: Final = 0.05
"""The guess counts as much as having seen this share of the work."""
_LEAST_SHARE: Final = 0.5
"""Of the work, before it says how long films take here."""
_LAST_FILMS: Final = 5


def usual_pace(*, restore: bool) -> float:
    """How long the studio's last films took, beside what was guessed of them; 1 before the first.

    restore: of those that were mended, or of those that were not.
    """
    rows = (
        select(Picture.film_pace)
        .where(Picture.film_pace.is_not(None), Picture.restore == restore)
        .order_by(Picture.finished_at.desc())
        .limit(_LAST_FILMS)
    )
    paces = [pace for pace in db.session.scalars(rows) if pace]
    return statistics.median(paces) if paces else 1.0


def whole_seconds_left(picture: Picture) -> int | None:
    """Until a film that is being coloured is done; None for all else, and where it is not known."""
    if picture.state != "working" or picture.seconds_left is None:
        return None
    return round(picture.seconds_left)


class FilmClock:
    """What is known of a film's time while it is coloured; it runs from the start."""

    def __init__(self, frames: float, megapixels: float, usual_pace: float) -> None:
        """frames: all that are to be coloured; 0: not known, and nothing is guessed.
        megapixels: of a frame. usual_pace: as the function of this name has it.
        """
        self._guess_s = frames * (_FRAME_S + _MEGAPIXEL_S * megapixels)
        self._usual_pace = usual_pace
        self._start_s = time.monotonic()

    def seconds_left(self, done: float, worked: float) -> float | None:
        """Until all is done; None where nothing is known yet.

        done: share of the work, [0, 1]. worked: of that, since the clock runs; the rest was there.
        """
        weight = _GUESS_SHARE if self._guess_s else 0.0
        if not weight + worked:
            return None
        taken_s = time.monotonic() - self._start_s + weight * self._usual_pace * self._guess_s
        return (1.0 - done) * taken_s / (weight + worked)

    def pace(self, worked: float) -> float | None:
        """The time that it took beside the guess, as `usual_pace` counts it; None: too little was
        worked to say. worked: share of the work since the clock runs.
        """
        if not self._guess_s or worked < _LEAST_SHARE:
            return None
        return (time.monotonic() - self._start_s) / worked / self._guess_s
