"""Colours that a person gives to single frames: by points, or by coloured stills."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

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
from photochrom.video.io.reader import pts_near
from photochrom.video.options import FilmHint, KeyFrame
from photochrom.video.temporal.propagation import Pinned
from photochrom.video.temporal.shots import ShotFinder
from photochrom.video.temporal.smoothing import Small

_ASPECT_SLACK = 0.02
_HINT_RADIUS = 0.01
"""Of a hinted place, as a share of the short side: a point is lost on the way to the next frame."""


def pinned_colors(
    info: FilmInfo,
    converter: Converter,
    hints: Sequence[FilmHint],
    keyframes: Sequence[KeyFrame],
) -> dict[int, Pinned]:
    """What a person said, by the time of the frame nearest to the time that was named.

    Where a still and hints concern the same frame, the hints count in their places.
    Raises InputError for times and places outside of the film, and for stills that do not fit.
    """
    if not hints and not keyframes:
        return {}
    pinned: dict[int, Pinned] = {}
    for still in keyframes:
        pts = pts_near(info, still.time_s)
        pinned[pts] = _pinned_still(pts, still, converter)
    for pts, said in _by_frame(hints, info).items():
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


class ShotWatch:
    """Hands frames on and remembers where shots begin among them."""

    def __init__(self, smalls: Iterable[Small]) -> None:
        self._smalls = smalls
        self._finder = ShotFinder()
        self._times: list[int] = []
        self._begins: list[bool] = []

    def __iter__(self) -> Iterator[Small]:
        for small in self._smalls:
            self._times.append(small.pts)
            self._begins += self._finder.feed(small.L)
            yield small
        self._begins += self._finder.finish()

    def hold(self, pinned: Mapping[int, Pinned], pts: int) -> bool:
        """Whether a person has given colours in the shot of this frame, or before it in it."""
        if not self._times:
            return False
        known = self._begins[: bisect_right(self._times, pts)]
        begin = self._times[max((place for place, new in enumerate(known) if new), default=0)]
        return any(begin <= given <= pts for given in pinned)


def _by_frame(hints: Sequence[FilmHint], info: FilmInfo) -> dict[int, list[FilmHint]]:
    near = {time_s: pts_near(info, time_s) for time_s in {hint.time_s for hint in hints}}
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
                "px. Give pixels counted from the upper left corner."
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
            f"proportions of {width} x {height}. Make stills with --stills."
        )
    small = shrink(rgb.astype(np.float32) / np.float32(255), converter.working)
    ab = np.ascontiguousarray(rgb_to_lab(small)[..., 1:], dtype=np.float32)
    return Pinned(pts, ab, np.ones(ab.shape[:2], np.float32))
