"""Scratches of film: vertical lines that stand at one place of the picture for many frames.

A grain of dirt in a camera or projector scratches the film as it runs, so the line goes from the
upper to the lower edge, keeps its tone whatever it crosses, and stays, or wanders a little, while
the scene moves. Lines of a scene end somewhere, or move with it. (Compare Kokaram, *Motion Picture
Restoration*, 1998, chapter 8.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BANDS = 12
"""Parts of the height that are looked at one by one."""
_SURE_BANDS, _LIKELY_BANDS = 0.9, 0.6
"""Share of the bands in which a line stands out: of one that is new, and of one that is known."""
_CONTRAST = 0.03
"""Share of white by which it stands out at least."""
_USUAL = 4.0
"""What it is more than, in units of what is usual in its band."""
_WIDTH = 1 / 120
"""Of the widest line, as a share of the short side."""
_LEAST_WIDTH_PX = 5
_TILT_PX = 2
_WANDERS = 1 / 160
"""How far a line may be from where it was, as a share of the width."""
_MARGIN = 0.02
"""Share of the width at both sides where film has an edge of its own."""
_FEWEST_SAMPLES = 3
"""Samples one behind the other in which a line has to be."""
_MOST_LINES = 24
"""More are a fence, or reeds."""


class Line(NamedTuple):
    """A vertical line in one frame. x: its middle, px. is_light: lighter than what it crosses."""

    x: float
    is_light: bool


@dataclass(frozen=True)
class LineTrack:
    """A line through frames of a shot, at most so many px from `x`."""

    x: float
    is_light: bool
    first_pts: int
    last_pts: int


def find_lines(frame: Plane) -> list[Line]:
    """The lines of a frame that go from edge to edge. frame: (H, W), shares of white."""
    found: list[tuple[float, Line]] = []
    for is_light in (True, False):
        bands = _bands(_stands_out(frame, is_light))
        height_of = cv2.dilate(bands, np.ones((1, 2 * _TILT_PX + 1), np.uint8))
        usual = np.median(bands, axis=1, keepdims=True)
        stands = height_of > np.maximum(np.float32(_CONTRAST), np.float32(_USUAL) * usual)
        whole = stands.mean(axis=0) >= _SURE_BANDS
        strength = np.median(height_of, axis=0) * whole
        margin = max(2, round(_MARGIN * frame.shape[1]))
        strength[:margin] = strength[-margin:] = 0.0
        while len(found) <= _MOST_LINES and (best := int(strength.argmax())) >= 0:
            if strength[best] <= 0:
                break
            # The widened maximum is flat; the line is where the sum of its bands is highest.
            near = slice(max(0, best - 2 * _TILT_PX), best + 2 * _TILT_PX + 1)
            x = near.start + int(bands[:, near].sum(axis=0).argmax())
            found.append((float(strength[best]), Line(float(x), is_light)))
            reach = _widest_px(frame.shape) + 2 * _TILT_PX
            strength[max(0, x - reach) : x + reach + 1] = 0.0
    return [] if len(found) > _MOST_LINES else [line for _, line in sorted(found, reverse=True)]


def track_lines(
    samples: Sequence[tuple[int, Sequence[Line]]], width: int, spans: Sequence[tuple[int, int]]
) -> tuple[LineTrack, ...]:
    """Lines that stay from sample to sample of one shot.

    samples: times of frames, rising, and what `find_lines` has found in each. width: px. spans: of
    each sample, the times of the frames that it speaks for, first and last.
    """
    reach = wander_px(width)
    open_tracks: list[list[tuple[int, Line]]] = []
    finished: list[list[tuple[int, Line]]] = []
    for number, (_, lines) in enumerate(samples):
        left = list(lines)
        still_open = []
        for track in open_tracks:
            last = track[-1][1]
            near = [
                line for line in left
                if line.is_light == last.is_light and abs(line.x - last.x) <= reach
            ]  # fmt: skip
            if near:
                line = min(near, key=lambda line: abs(line.x - last.x))
                left.remove(line)
                track.append((number, line))
            if number - track[-1][0] <= 1:  # one sample may miss it
                still_open.append(track)
            else:
                finished.append(track)
        open_tracks = still_open + [[(number, line)] for line in left]
    tracks = []
    for track in finished + open_tracks:
        if len(track) >= min(_FEWEST_SAMPLES, max(2, len(samples))):
            x = float(np.median([line.x for _, line in track]))
            begin, end = spans[track[0][0]][0], spans[track[-1][0]][1]
            tracks.append(LineTrack(x, track[0][1].is_light, begin, end))
    return tuple(sorted(tracks, key=lambda track: (track.first_pts, track.x)))


def wander_px(width: int) -> float:
    """How far a line may be from where it was before, px."""
    return max(2.0, _WANDERS * width)


def fill_lines(frame: Plane, lines: Iterable[LineTrack]) -> tuple[Plane, Mask, int]:
    """A frame without the lines that are in it.

    Returns the frame, (H, W): what was covered, and how many lines there were. Each row is filled
    in a straight line from what is left to what is right of it.
    """
    mask = np.zeros(frame.shape, np.bool_)
    filled, number = frame, 0
    outs: dict[bool, Plane] = {}
    for track in lines:
        if track.is_light not in outs:
            outs[track.is_light] = _stands_out(frame, track.is_light)
        place = _follow(outs[track.is_light], track.x)
        if place is None:
            continue
        if number == 0:
            filled = frame.copy()
        number += 1
        centers, half = place
        _fill_line(filled, mask, centers, half)
    return filled, mask, number


def _follow(outside: Plane, x: float) -> tuple[NDArray[np.intp], int] | None:
    """Where a known line is in each row of a frame, and half its width; None where it is not."""
    height, width = outside.shape
    reach = int(np.ceil(wander_px(width))) + _TILT_PX
    left = max(0, round(x) - reach)
    strip = outside[:, left : round(x) + reach + 1]
    bands = _bands(strip)
    usual = np.median(_bands(outside), axis=1)
    best = bands.argmax(axis=1)
    strengths = bands.max(axis=1)
    stands = strengths > np.maximum(0.6 * _CONTRAST, 0.6 * _USUAL * usual)
    if stands.mean() < _LIKELY_BANDS:
        return None
    middles = (np.arange(_BANDS) + 0.5) * height / _BANDS
    at = np.interp(np.arange(height), middles[stands], best[stands].astype(np.float64))
    centers = np.rint(at).astype(np.intp) + left
    # Width: how many columns beside the middle still stand out, in the mean of all rows.
    offsets = np.arange(-_widest_px(outside.shape), _widest_px(outside.shape) + 1)
    columns = np.clip(centers[:, None] + offsets, 0, width - 1)
    profile = np.take_along_axis(outside, columns, axis=1).mean(axis=0)
    seen = profile > 0.3 * profile.max()
    half = int(np.abs(offsets[seen]).max()) if seen.any() else 1
    return centers, min(half + 1, _widest_px(outside.shape))


def _fill_line(frame: Plane, mask: Mask, centers: NDArray[np.intp], half: int) -> None:
    """Fill the columns around a middle in each row, in place."""
    height, width = frame.shape
    rows = np.arange(height)
    offsets = np.arange(-half, half + 1)
    sides = []
    for sign in (-1, 1):
        outer = np.clip(centers[:, None] + sign * (half + np.array([1, 2])), 0, width - 1)
        sides.append(np.take_along_axis(frame, outer, axis=1).mean(axis=1))
    share = ((offsets + half + 1) / (2 * half + 2)).astype(np.float32)
    values = sides[0][:, None] + (sides[1] - sides[0])[:, None] * share
    columns = np.clip(centers[:, None] + offsets, 0, width - 1)
    frame[rows[:, None], columns] = values
    mask[rows[:, None], columns] = True


def _stands_out(frame: Plane, is_light: bool) -> Plane:
    """How much lighter, or darker, each place is than what is left and right of it, (H, W)."""
    size = 2 * _widest_px(frame.shape) + 1
    element = np.ones((1, size), np.uint8)
    if is_light:
        return np.asarray(frame - cv2.morphologyEx(frame, cv2.MORPH_OPEN, element), np.float32)
    return np.asarray(cv2.morphologyEx(frame, cv2.MORPH_CLOSE, element) - frame, np.float32)


def _bands(plane: Plane) -> Plane:
    """(bands, W): the means of a plane's bands."""
    size = (plane.shape[1], _BANDS)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _widest_px(shape: tuple[int, ...]) -> int:
    """Half of the widest line, px."""
    return max(_LEAST_WIDTH_PX // 2, round(_WIDTH * min(shape) / 2) + 1)
