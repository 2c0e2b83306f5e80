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
from photochrom.hints import Hint
from photochrom.imageio import eight_bit_rgb, read
from photochrom.pipeline import hint_planes
from photochrom.video.converter import Converter
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import nearest_pts
from photochrom.video.options import FilmHint, KeyFrame
from photochrom.video.session import FilmSession
from photochrom.video.temporal.backward import ShotFrame, propagate_backward
from photochrom.video.temporal.optical_flow import lightness_to_codes
from photochrom.video.temporal.propagation import UserColors
from photochrom.video.temporal.shots import with_shots

MOST_FRAMES_BACK = 1000
"""Frames that are looked back over at most, for the beginning of a shot."""

_REACHES = (32, 128, 512, MOST_FRAMES_BACK)
_ASPECT_SLACK = 0.02
_HINT_RADIUS = 0.01
"""Of a hinted place, as a share of the short side: a point is lost on the way to the next frame."""


def user_colors_by_shot(session: FilmSession) -> dict[int, UserColors]:
    """`user_colors`, and what they are in earlier frames of the same shots.

    Raises InputError as `user_colors` does, and where the film cannot be read.
    """
    return propagate_to_shot_starts(session, user_colors(session))


def propagate_to_shot_starts(
    session: FilmSession, given: Mapping[int, UserColors]
) -> dict[int, UserColors]:
    """Colours by their frames' times, and what they are in earlier frames of the shots."""
    propagated: dict[int, UserColors] = {}
    for pts in sorted(given, reverse=True):
        shot = _read_shot(pts, session)
        for earlier in propagate_backward(given[pts], shot, propagated):
            later = propagated.get(earlier.pts)
            propagated[earlier.pts] = earlier if later is None else earlier.override(later)
    return {**propagated, **given}


def user_colors(session: FilmSession) -> dict[int, UserColors]:
    """The hints and key frames of the settings, by the time of the frame nearest to theirs.

    Where a still and hints concern the same frame, the hints count in their places.
    Raises InputError for times and places outside of the film, and for stills that do not fit.
    """
    info, converter = session.info, session.converter
    colors: dict[int, UserColors] = {}
    for still in session.settings.keyframes:
        pts = nearest_pts(info, still.time_s)
        colors[pts] = _still_colors(pts, still, converter)
    for pts, frame_hints in _hints_by_frame(session.settings.hints, info).items():
        ab, mask = _hint_colors(frame_hints, converter)
        if pts in colors:
            ab = np.where(mask[..., None] > 0, ab, colors[pts].ab)
            mask = np.ones_like(mask)
        colors[pts] = UserColors(pts, ab, mask)
    return colors


def segment_start_colors(
    ab: NDArray[np.float32], pts: int, shape: tuple[int, int]
) -> dict[int, UserColors]:
    """The colours at the end of a segment as something that the next one has to hold on to.

    ab: (h', w', 2). pts: time of the frame. shape: (h, w), that the network sees.
    """
    h, w = shape
    full = np.asarray(cv2.resize(ab, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    return {pts: UserColors(pts, full, np.ones((h, w), np.float32))}


def _read_shot(pts: int, session: FilmSession) -> list[ShotFrame]:
    """The frames of a shot from its first one up to this."""
    info = session.info
    shot: list[ShotFrame] = []
    for reach in _REACHES:
        start_s = info.seconds(pts) - (reach + 0.5) / float(info.nominal_rate)
        shot, found_cut = [], start_s <= 0
        frames = (prepared.working for prepared in session.frames(start_s))
        for frame, begins in with_shots(frames, lambda frame: frame.L):
            if begins and shot:
                shot, found_cut = [], True
            shot.append(ShotFrame(frame.pts, lightness_to_codes(frame.L)))
            if frame.pts >= pts:
                break
        if found_cut:
            break
    return shot


def _hints_by_frame(hints: Sequence[FilmHint], info: FilmInfo) -> dict[int, list[FilmHint]]:
    pts_by_time = {time_s: nearest_pts(info, time_s) for time_s in {hint.time_s for hint in hints}}
    frames: dict[int, list[FilmHint]] = {}
    for hint in hints:
        frames.setdefault(pts_by_time[hint.time_s], []).append(hint)
    return frames


def _hint_colors(
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
    return hint_planes(places, (height, width), converter.working_shape)


def _still_colors(pts: int, still: KeyFrame, converter: Converter) -> UserColors:
    rgb = eight_bit_rgb(read(still.picture))
    height, width = converter.shown_shape
    if abs(rgb.shape[1] / rgb.shape[0] / (width / height) - 1.0) > _ASPECT_SLACK:
        raise InputError(
            f"{still.picture} is {rgb.shape[1]} x {rgb.shape[0]} px; a still of this film has the "
            f"proportions of {width} x {height}; make stills with --stills"
        )
    small = shrink(rgb.astype(np.float32) / np.float32(255), converter.working_shape)
    ab = np.ascontiguousarray(rgb_to_lab(small)[..., 1:], dtype=np.float32)
    return UserColors(pts, ab, np.ones(ab.shape[:2], np.float32))
