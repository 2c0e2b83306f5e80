"""A film's frames in colour, one after the other, for programs that go on with them."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose_upsampled
from photochrom.video.frame_buffer import FrameBuffer
from photochrom.video.io.frame import Frame
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmSettings
from photochrom.video.session import FilmSession, open_session
from photochrom.video.temporal.propagation import UserColors
from photochrom.video.temporal.smoothing import steady_chroma
from photochrom.video.threads import Prefetcher
from photochrom.video.user_colors import user_colors_by_shot

_QUEUE_FRAMES = 8
_NO_END = 1 << 31
"""More frames than any film has."""


def color_frames(
    source: Path, settings: FilmSettings
) -> Generator[tuple[float, NDArray[np.uint8]]]:
    """The frames of a film in colour, steadily, upright; memory does not grow with the film.

    Yields the seconds from the film's first frame, and (H, W, 3) uint8, sRGB-encoded. Close the
    generator when you leave it early. Raises InputError and ModelError, at once where the film or
    the model cannot be used, else when the frame is reached where the film breaks off.
    """
    session = open_session(probe(source), settings)
    return _compose_frames(session, user_colors_by_shot(session))


def _compose_frames(
    session: FilmSession, user_colors: Mapping[int, UserColors]
) -> Generator[tuple[float, NDArray[np.uint8]]]:
    settings = session.settings
    with contextlib.closing(
        steady_frames(session, user_colors, settings.start_s, settings.end_s)
    ) as frames:
        for frame, ab in frames:
            rgb = compose_upsampled(session.converter.grey(frame), ab)
            yield session.info.seconds(frame.pts), np.asarray(rgb, np.uint8)
    session.warn_of_damage()


def steady_frames(
    session: FilmSession,
    user_colors: Mapping[int, UserColors],
    start_s: float | None,
    end_s: float | None,
) -> Generator[tuple[Frame, NDArray[np.float32]]]:
    """The frames of a part of a film with their steady colours.

    user_colors: colours that a person gave, by the times of their frames. start_s, end_s: as for
    `read_frames`. Yields frames and ab (h', w', 2) float32 in CIELAB units, upright.
    """
    with Prefetcher(session.frames(start_s, end_s), _QUEUE_FRAMES) as items:
        buffer = FrameBuffer(items, 1, 1)
        colors = steady_chroma(
            buffer.working_frames(_NO_END),
            session.guess,
            steady=session.settings.steady,
            ask_every=session.settings.ask_every,
            user_colors=user_colors,
            known_colors=session.known_colors,
        )
        with contextlib.closing(colors):
            for steady in colors:
                yield buffer.pop().frame, steady.ab
