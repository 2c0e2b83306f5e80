"""What everything about films speaks of: what a film file is, and one frame of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Matrix = Literal["bt601", "bt709"]
"""How luma is mixed from R', G', B': ITU-R BT.601 (standard definition) or BT.709."""

DEFAULT_RATE = Fraction(25)
"""Frames per second that a film is taken to have where its file does not say."""

UNSPECIFIED = 2
"""The code for "not said" of ITU-T H.273 colour primaries, transfer and matrix."""


@dataclass(frozen=True)
class Frame:
    """One frame of a film, black and white.

    pts: presentation time, in units of `FilmInfo.time_base`. No two frames of a film have the same,
        and a frame has it whatever part of the film is read, so a frame is known by it.
    luma: (H, W) uint8, or uint16 for more than 8 bits: the code values as the file has them, in
        the file's range (8 bits: 16 to 235, or 0 to 255 where `FilmInfo.full_range`).
    duration: in units of `FilmInfo.time_base`, 0 where the file does not say.
    captioned: the decoded frame, where closed captions (CEA-608, CEA-708) come with it.
    chroma: where it was asked for, (ceil(H / 2), ceil(W / 2), 2) U and V codes of luma's dtype.
    changed: where it was asked for, (H, W), which codes of luma were mended; None: none.
    """

    pts: int
    luma: NDArray[Any]
    duration: int
    captioned: VideoFrame | None = None
    chroma: NDArray[Any] | None = None
    changed: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class FilmInfo:
    """What a film file says of itself.

    height, width: pixels as coded (odd ones allowed), before `rotation`.
    bits: 8 or 10, bits of a luma code.
    full_range: whether black and white are 0 and 2^bits - 1 (else 16 and 235, times 2^(bits - 8)).
    matrix: of the luma; a file that does not say counts as BT.709 from 720 lines on, else BT.601.
    time_base: seconds of one unit of time. rate: average frames per second, None where unknown.
    duration_s, frames: as far as the file says, else None.
    interlaced: two fields in each frame. rotation: degrees to turn counter-clockwise for display.
    mirrored: left and right are swapped for display, after the rotation.
    monochrome: a grey pixel format, without any chroma planes.
    streams: the other streams in words, such as "audio: aac, eng".
    rgb: the file has R, G, B instead of luma; its luma is computed.
    sample_aspect: width of a pixel over its height.
    primaries, transfer, matrix_code: the file's tags as ITU-T H.273 numbers them, `UNSPECIFIED`
        where it has none. The tags are kept as they are; `matrix` is what is computed with.
    start_pts: of the film's first frame, in `time_base`; seconds count from there.
    alpha: its pixels can be transparent; no frame of it may be.
    packed: two frames are in some packets, as DivX had it, so that a frame's time is when it comes
        out of the decoder.
    captions: closed captions come with its pictures.
    """

    path: Path
    height: int
    width: int
    bits: int
    full_range: bool
    matrix: Matrix
    time_base: Fraction
    rate: Fraction | None
    duration_s: float | None
    frames: int | None
    interlaced: bool
    rotation: int
    monochrome: bool
    streams: tuple[str, ...]
    rgb: bool = False
    sample_aspect: Fraction = Fraction(1)
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix_code: int = UNSPECIFIED
    start_pts: int = 0
    mirrored: bool = False
    captions: bool = False
    packed: bool = False
    alpha: bool = False

    @property
    def nominal_rate(self) -> Fraction:
        """Frames per second: the file's own, or `DEFAULT_RATE` where that is unknown."""
        return self.rate or DEFAULT_RATE

    def seconds(self, pts: int) -> float:
        """Seconds from the film's first frame, as `--from`, `--to` and `--hint` count them."""
        return float((pts - self.start_pts) * self.time_base)
