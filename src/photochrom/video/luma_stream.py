"""Frames that come from another program, in colour: luma in, U and V out, steadily.

What a film's file says of itself, a pipe or a frame server says in other ways, so that only its
pixels are asked for here. Nothing of it can be read twice: references, hints and shots need a file.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import FILM_MODEL
from photochrom.errors import InputError
from photochrom.pipeline import DEFAULT_VIVIDNESS, Size
from photochrom.video.converter import prepare_frames
from photochrom.video.io.frame import FilmInfo, Frame, Matrix
from photochrom.video.options import FilmSettings
from photochrom.video.session import open_session
from photochrom.video.temporal.guess_interval import ASK_EVERY
from photochrom.video.temporal.smoothing import DEFAULT_STEADY, MAX_HELD_FRAMES, steady_chroma

HELD_FRAMES = MAX_HELD_FRAMES
"""Frames that `color_luma` takes before it gives the first, at most; 1 where steady is 0."""
_BITS = (8, 10)
_HD_LINES = 720
"""From so many lines on, a film that does not say is BT.709."""


@dataclass(frozen=True)
class LumaFormat:
    """What the luma planes of a stream are.

    height, width: px. bits: 8 (uint8) or 10 (uint16). full_range: whether black and white are 0 and
    2^bits - 1 (else 16 and 235, times 2^(bits - 8)). matrix: of U and V; None: BT.709 from 720
    lines on, else BT.601.
    """

    height: int
    width: int
    bits: int = 8
    full_range: bool = False
    matrix: Matrix | None = None

    def __post_init__(self) -> None:
        if self.bits not in _BITS:
            raise InputError(
                f"the stream has {self.bits} bits; it must have 8 or 10: convert it before"
            )
        if self.height < 1 or self.width < 1:
            raise InputError(
                f"the stream's frames are {self.width} x {self.height} px; each must be at least 1"
            )

    @property
    def chroma_matrix(self) -> Matrix:
        """The matrix of U and V."""
        return self.matrix or ("bt709" if self.height >= _HD_LINES else "bt601")


def color_luma(
    lumas: Iterable[NDArray[Any]],
    form: LumaFormat,
    *,
    model: str | Path = FILM_MODEL,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    steady: float = DEFAULT_STEADY,
    every_frame: bool = False,
    device: str = "auto",
    threads: int | None = None,
) -> Generator[tuple[NDArray[Any], NDArray[Any]]]:
    """The chroma of a stream of frames, one after the other, for 4:2:0.

    lumas: (H, W) codes each, of the format's bits. The others as for `FilmSettings`; every_frame:
        ask the network for each.
    Yields the same luma, and (ceil(H / 2), ceil(W / 2), 2) codes of U and V. Frames are taken in a
    thread of its own, up to `HELD_FRAMES` ahead; close the generator when you leave it early.
    Raises ModelError at once; InputError at once for settings, later at a frame of another
    format.
    """
    info = FilmInfo(
        path=Path("-"), height=form.height, width=form.width, bits=form.bits,
        full_range=form.full_range, matrix=form.chroma_matrix, time_base=Fraction(1), rate=None,
        duration_s=None, frames=None, interlaced=False, rotation=0, monochrome=True, streams=(),
    )  # fmt: skip
    settings = FilmSettings(
        model=model,
        size=size,
        vividness=vividness,
        steady=steady,
        ask_every=1 if every_frame else ASK_EVERY,
        device=device,
        threads=threads,
    )
    session = open_session(info, settings)
    held: deque[Frame] = deque()

    def frames() -> Iterator[Frame]:
        for pts, luma in enumerate(lumas):
            frame = Frame(pts, np.ascontiguousarray(luma), duration=1)
            held.append(frame)
            yield frame

    working = (prepared.working for prepared in prepare_frames(frames(), session.converter))
    colors = steady_chroma(
        working, session.guess, steady=settings.steady, ask_every=settings.ask_every
    )

    def chroma() -> Generator[tuple[NDArray[Any], NDArray[Any]]]:
        with contextlib.closing(colors):
            for color in colors:
                frame = held.popleft()
                yield frame.luma, session.converter.chroma(frame, color.ab)

    return chroma()
