"""Colours that a person gives to single frames, by points or by coloured stills, and what they are
in earlier frames of the same shots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.imageio import eight_bit_rgb, read
from photochrom.pipeline import Hint, hint_planes
from photochrom.video.converter import Converter
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import nearest_pts
from photochrom.video.options import FilmHint, KeyFrame
from photochrom.video.session import FilmSession
from photochrom.video.temporal.backward import ShotFrame, propagate_backward
from photochrom.video.temporal.optical_flow import lightness_codes
from photochrom.video.temporal.propagation import Pinned
from photochrom.video.temporal.shots import with_shots

FARTHEST = 1000
"""Frames that are looked back over at most, for the beginning of a shot."""

_REACHES = (32, 128, 512, FARTHEST)
_ASPECT_SLACK = 0.02
_HINT_RADIUS = 0.01
"""Of a hinted place, as a share of the short side: a point is lost on the way to the next frame."""


def user_colors_by_shot(session: FilmSession) -> dict[int, Pinned]:
    """`user_colors`, and what they are in earlier frames of the same shots.

    Raises InputError as `user_colors` does, and where the film cannot be read.
    """
    return propagate_to_shot_starts(session, user_colors(session))


def propagate_to_shot_starts(
    session: FilmSession, given: Mapping[int, Pinned]
) -> dict[int, Pinned]:
    """Colours by their frames' times, and what they are in earlier frames of the shots."""
    propagated: dict[int, Pinned] = {}
    for pts in sorted(given, reverse=True):
        shot = _shot_up_to(pts, session)
        for earlier in propagate_backward(given[pts], shot, propagated):
            later = propagated.get(earlier.pts)
            propagated[earlier.pts] = earlier if later is None else earlier.over(later)
    return {**propagated, **given}


def user_colors(session: FilmSession) -> dict[int, Pinned]:
    """The hints and key frames of the settings, by the time of the frame nearest to theirs.

    Where a still and hints concern the same frame, the hints count in their places.
    Raises InputError for times and places outside of the film, and for stills that do not fit.
    """
    info, converter = session.info, session.converter
    pinned: dict[int, Pinned] = {}
    for still in session.settings.keyframes:
        pts = nearest_pts(info, still.time_s)
        pinned[pts] = _pinned_still(pts, still, converter)
    for pts, said in _by_frame(session.settings.hints, info).items():
        ab, mask = _pinned_places(said, converter)
        if pts in pinned:
            ab = np.where(mask[..., None] > 0, ab, pinned[pts].ab)
            mask = np.ones_like(mask)
        pinned[pts] = Pinned(pts, ab, mask)
    return pinned


def carried_on(ab: NDArray[np.float32], pts: int, working: tuple[int, int]) -> dict[int, Pinned]:
    """The colours at the end of a segment as something that the next one has to hold on to.

    ab: (h', w', 2). pts: time of the frame. working: (h, w).
    """
    h, w = working
    full = np.asarray(cv2.resize(ab, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    return {pts: Pinned(pts, full, np.ones((h, w), np.float32))}


def _shot_up_to(pts: int, session: FilmSession) -> list[ShotFrame]:
    """The frames of a shot from its first one up to this."""
    info = session.info
    shot: list[ShotFrame] = []
    for reach in _REACHES:
        start_s = info.seconds(pts) - (reach + 0.5) / float(info.nominal_rate)
        shot, found_cut = [], start_s <= 0
        smalls = (item.small for item in session.frames(start_s))
        for small, begins in with_shots(smalls, lambda small: small.L):
            if begins and shot:
                shot, found_cut = [], True
            shot.append(ShotFrame(small.pts, lightness_codes(small.L)))
            if small.pts >= pts:
                break
        if found_cut:
            break
    return shot


def _by_frame(hints: Sequence[FilmHint], info: FilmInfo) -> dict[int, list[FilmHint]]:
    near = {time_s: nearest_pts(info, time_s) for time_s in {hint.time_s for hint in hints}}
    frames: dict[int, list[FilmHint]] = {}
    for hint in hints:
        frames.setdefault(near[hint.time_s], []).append(hint)
    return frames


def _pinned_places(
    hints: Sequence[FilmHint], converter: Converter
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = converter.shown_shape
    for hint in hints:
        if not (0 <= hint.x <= width - 1 and 0 <= hint.y <= height - 1):
            raise InputError(
                f"the hint at {hint.x:g}, {hint.y:g} lies outside the film of {width} x {height} "
                "px; give pixels counted from the upper left corner"
            )
    radius = _HINT_RADIUS * min(height, width)
    places = [Hint(hint.x, hint.y, hint.rgb, radius) for hint in hints]
    return hint_planes(places, (height, width), converter.working)


def _pinned_still(pts: int, still: KeyFrame, converter: Converter) -> Pinned:
    rgb = eight_bit_rgb(read(still.picture))
    height, width = converter.shown_shape
    if abs(rgb.shape[1] / rgb.shape[0] / (width / height) - 1.0) > _ASPECT_SLACK:
        raise InputError(
            f"{still.picture} is {rgb.shape[1]} x {rgb.shape[0]} px; a still of this film has the "
            f"proportions of {width} x {height}; make stills with --stills"
        )
    small = shrink(rgb.astype(np.float32) / np.float32(255), converter.working)
    ab = np.ascontiguousarray(rgb_to_lab(small)[..., 1:], dtype=np.float32)
    return Pinned(pts, ab, np.ones(ab.shape[:2], np.float32))
