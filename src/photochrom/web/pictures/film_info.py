"""What the studio asks of films before they are coloured: their size and a picture of them."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import FILM_MODEL, model_card
from photochrom.errors import InputError
from photochrom.guided.color_file import FilmFrame
from photochrom.video.film_frames import FilmFrames
from photochrom.video.io.decoder import check_complete
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.orientation import orientation
from photochrom.video.io.pictures import rgb_frames
from photochrom.video.io.probe import frame_size, probe
from photochrom.video.io.reader import read_frames
from photochrom.video.yuv import FilmPlanes
from photochrom.web.errors import TooLarge
from photochrom.web.i18n import _
from photochrom.web.pictures.space import check_film_length
from photochrom.web.pictures.thumbnails import SCREEN_PX, shrink

_SKIP_S = 1.0
"""Films begin black: the picture is from a little later."""
_SKIP_FRAMES = 12
"""Of a preview, likewise."""


def inspect_film(
    path: Path, max_pixels: int, max_minutes: int
) -> tuple[int, int, NDArray[np.uint8]]:
    """Height and width (px, as shown) of a film, and a grey frame (h, w, 3) uint8 for the screen.

    max_pixels: of a frame; larger ones are not decoded. max_minutes: of the film.
    Raises TooLarge, and InputError for what is no film that can be coloured, also for one that is
    cut off; its message names ``path``.
    """
    _check_frame_size(path, max_pixels)
    info = probe(path)
    check_film_length(info.duration_s, max_minutes)
    check_complete(info)
    display = orientation(path, info.rotation, info.mirrored)
    frame = _frame_to_show(info)
    planes = FilmPlanes(info.height, info.width, info.bits, info.full_range, info.matrix)
    grey = display.to_upright(planes.grey(frame.luma))
    height, width = grey.shape
    small = shrink(grey, SCREEN_PX)
    return height, width, np.dstack([small] * 3)


def _frame_to_show(info: FilmInfo) -> Frame:
    """One from a little into a film; its first where none begins there, as in a slide show."""
    if (info.duration_s or 0.0) > 2 * _SKIP_S:
        with contextlib.suppress(InputError):
            return next(read_frames(info, start_s=_SKIP_S, deinterlace=True))
    return next(read_frames(info, deinterlace=True))


def _check_frame_size(path: Path, max_pixels: int) -> None:
    """By what the file says of itself, before memory is taken for a frame."""
    height, width = frame_size(path)
    if height * width > max_pixels:
        raise TooLarge(
            _("The frames of this film have more than {limit} megapixels.").format(
                limit=max_pixels // 1_000_000
            )
        )


def colored_frame(preview: Path) -> NDArray[np.uint8]:
    """A frame of a preview film, its coloured half: (H, W, 3) uint8. Raises InputError."""
    info = probe(preview)
    rgb = deque(islice(rgb_frames(info), _SKIP_FRAMES), maxlen=1).pop()
    way = orientation(preview, info.rotation, info.mirrored)
    coded = way.to_coded(rgb)
    return np.asarray(way.to_upright(coded[:, coded.shape[1] // 2 :]), np.uint8)


def film_frame(path: Path, time_s: float) -> NDArray[np.uint8]:
    """The frame nearest to a second of a film, (H, W) grey and upright. Raises InputError."""
    return FilmFrames(model_card(FILM_MODEL)).frame(path, time_s)


def shot_frames(path: Path) -> Iterator[FilmFrame]:
    """A frame of each shot of a film. Raises InputError."""
    return FilmFrames(model_card(FILM_MODEL)).of_shots(path)
