"""Single frames of films as pictures, for what is looked for in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import ModelCard
from photochrom.errors import InputError
from photochrom.guided.color_file import FilmFrame
from photochrom.video.converter import Converter, PreparedFrame, prepare_frames
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import nearest_pts, read_frames
from photochrom.video.stills import one_per_shot


class FilmFrames:
    """Frames of films, grey and upright, (H, W) uint8. Whole frames are made of interlaced ones."""

    def __init__(self, card: ModelCard) -> None:
        """card: of the model for which they are."""
        self._card = card

    def of_shots(self, film: Path) -> Iterator[FilmFrame]:
        """A frame of each shot, the one of its still. Raises InputError as `read_frames` does."""
        info = probe(film)
        converter = Converter(info, self._card, "auto")
        for item in one_per_shot(_prepared_frames(info, converter, None)):
            time_s = round(info.seconds(item.frame.pts), 4)
            yield FilmFrame(film, time_s, converter.grey(item.frame))

    def frame(self, film: Path, time_s: float) -> NDArray[np.uint8]:
        """The frame nearest to a second of a film. Raises InputError outside of it."""
        info = probe(film)
        converter, pts = Converter(info, self._card, "auto"), nearest_pts(info, time_s)
        before_s = info.seconds(pts) - 0.5 / float(info.nominal_rate)
        for item in _prepared_frames(info, converter, before_s):
            if item.frame.pts >= pts:
                return converter.grey(item.frame)
        raise InputError(f"{film} does not give its frame at {time_s:g} s again")


def _prepared_frames(
    info: FilmInfo, converter: Converter, start_s: float | None
) -> Iterator[PreparedFrame]:
    damage = DamageLog()
    frames = read_frames(info, start_s=start_s, deinterlace=True, damage=damage)
    return prepare_frames(frames, converter)
