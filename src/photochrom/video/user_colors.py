"""Colours that a person gives to single frames, by points or by coloured stills, and what they are
in earlier frames of the same shots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import starmap
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.places import Window, paint_places
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.guided.areas import Area
from photochrom.guided.color_file import ColorFile
from photochrom.hints import ColorHint, Hint
from photochrom.imageio import eight_bit_rgb, read
from photochrom.video.converter import Converter
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import nearest_pts
from photochrom.video.options import FilmHint, FilmSettings, KeyFrame
from photochrom.video.session import FilmSession
from photochrom.video.shot_spans import look_back_s
from photochrom.video.temporal.backward import ShotFrame, propagate_backward
from photochrom.video.temporal.optical_flow import lightness_to_codes
from photochrom.video.temporal.propagation import UserColors
from photochrom.video.temporal.shots import with_shots

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
    for still in all_keyframes(session.settings):
        pts = nearest_pts(info, still.time_s)
        colors[pts] = _still_colors(pts, still, converter)
    for pts, frame_hints in _hints_by_frame(all_hints(session.settings, info.path), info).items():
        ab, mask = _hint_colors(frame_hints, pts, session)
        if pts in colors:
            ab = np.where(mask[..., None] > 0, ab, colors[pts].ab)
            mask = np.ones_like(mask)
        colors[pts] = UserColors(pts, ab, mask)
    return colors


def all_keyframes(settings: FilmSettings) -> tuple[KeyFrame, ...]:
    """Those of the shots, and those given by themselves, which count more."""
    of_shots = (KeyFrame(shot.time_s, shot.still) for shot in settings.shots if shot.still)
    return (*of_shots, *settings.keyframes)


def all_hints(settings: FilmSettings, film: Path) -> tuple[FilmHint, ...]:
    """Saved colours of a film, those of the shots, and those given by themselves; later ones count
    more. Raises InputError where the file of saved colours cannot be read.
    """
    saved: Iterable[FilmHint] = ()
    if settings.color_file is not None:
        saved = starmap(FilmHint, ColorFile(settings.color_file).film_hints(film))
    of_shots = (FilmHint(shot.time_s, hint) for shot in settings.shots for hint in shot.hints)
    return (*saved, *of_shots, *settings.hints)


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
    for start_s in look_back_s(info, pts):
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


def _hints_by_frame(hints: Sequence[FilmHint], info: FilmInfo) -> dict[int, list[ColorHint]]:
    pts_by_time = {time_s: nearest_pts(info, time_s) for time_s in {hint.time_s for hint in hints}}
    frames: dict[int, list[ColorHint]] = {}
    for hint in hints:
        frames.setdefault(pts_by_time[hint.time_s], []).append(hint.hint)
    return frames


def _hint_colors(
    hints: Sequence[ColorHint], pts: int, session: FilmSession
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = session.converter.shown_shape
    radius = _HINT_RADIUS * min(height, width)
    discs = [
        replace(hint, radius=radius) if isinstance(hint, Hint) and not hint.radius else hint
        for hint in hints
    ]
    picture = np.broadcast_to(np.uint8(0), (height, width))
    if any(isinstance(hint, Area) for hint in hints):
        picture = _grey_frame(pts, session)  # only areas ask for more than its size
    places = [hint.on_picture(picture) for hint in discs]
    return paint_places(places, Window(0, 0, height, width), session.converter.working_shape)


def _grey_frame(pts: int, session: FilmSession) -> NDArray[np.uint8]:
    """A frame as a grey picture, (H, W)."""
    before_s = session.info.seconds(pts) - 0.5 / float(session.info.nominal_rate)
    for prepared in session.frames(before_s):
        if prepared.frame.pts >= pts:
            return session.converter.grey(prepared.frame)
    raise InputError(f"{session.info.path} does not give its frame at {before_s:.3f} s again")


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
