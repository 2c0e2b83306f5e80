"""A film's frames as colour pictures: RGB, or the 8-bit 4:2:0 that players get, by libav's scaler.

What is coloured needs none of this: it goes by the luma plane (`reader.read_frames`). This is for
learning from films, for measuring them, and for looking at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photochrom.video.io.container import plane_codes
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.orientation import orientation
from photochrom.video.io.probe import MATRIX_CODES
from photochrom.video.io.reader import decoded_frames

_BYTE = np.dtype(np.uint8)


class Planes420(NamedTuple):
    """A frame as 8-bit 4:2:0, in the film's range."""

    luma: NDArray[np.uint8]
    """(H, W) codes; the file's own where it has 8-bit 4:2:0."""
    chroma: NDArray[np.uint8]
    """(ceil(H / 2), ceil(W / 2), 2), U and V codes."""
    continues: bool = True
    """Whether nothing was left out between it and the one before."""


def planes_420(info: FilmInfo, damage: DamageLog) -> Iterator[Planes420]:
    """The film's frames as players get them, but those that may be damaged.

    Raises InputError as `decoded_frames` does.
    """
    for frame, continues in _intact_frames(info, damage):
        luma, u, v = (plane_codes(p, _BYTE) for p in frame.reformat(format="yuv420p").planes)
        yield Planes420(luma.copy(), np.stack([u, v], axis=-1), continues)


def rgb_from_420(planes: Planes420, info: FilmInfo) -> NDArray[np.uint8]:
    """(H, W, 3) sRGB of a frame, as the way to the screen makes it."""
    frame = VideoFrame(info.width, info.height, "yuv420p")
    codes = (planes.luma, planes.chroma[..., 0], planes.chroma[..., 1])
    for plane, values in zip(frame.planes, codes, strict=True):
        plane_codes(plane, _BYTE)[:] = values
    picture = frame.reformat(
        format="rgb24",
        src_colorspace=MATRIX_CODES[info.matrix],
        src_color_range=2 if info.full_range else 1,
        dst_color_range=2,
    )
    return np.asarray(picture.to_ndarray(), np.uint8)


def rgb_frames(
    info: FilmInfo, short_px: int | None = None, damage: DamageLog | None = None
) -> Iterator[NDArray[np.uint8]]:
    """The film's frames as upright pictures, (h, w, 3) uint8 sRGB, but those that may be damaged.

    short_px: their short side at most, None: the film's own size. Where they are shrunk, areas are
        averaged.
    damage: as for `decoded_frames`; frames that are left out are counted there.
    Raises InputError as `decoded_frames` does, and for films turned by no quarter turns.
    """
    scale = 1.0 if short_px is None else min(1.0, short_px / min(info.height, info.width))
    way = orientation(info.path, info.rotation, info.mirrored)
    for frame, _ in _intact_frames(info, damage or DamageLog()):
        small = frame.reformat(
            width=max(1, round(info.width * scale)),
            height=max(1, round(info.height * scale)),
            format="rgb24",
            src_colorspace=None if info.rgb else MATRIX_CODES[info.matrix],
            src_color_range=2 if info.full_range or info.rgb else 1,
            dst_color_range=2,
            interpolation="AREA",
        )
        yield way.to_upright(np.asarray(small.to_ndarray(), np.uint8))


def _intact_frames(info: FilmInfo, damage: DamageLog) -> Iterator[tuple[VideoFrame, bool]]:
    """Frames that are as they were, and whether nothing was left out just before."""
    continues = True
    for decoded in decoded_frames(info, damage=damage):
        if not decoded.intact:
            damage.left_out += 1
            continues = False
            continue
        yield decoded.picture, continues and decoded.wrong is None
        continues = True
