"""Motion between two frames, at the small size at which colour is carried along.

Dense inverse search (Kroeger, Timofte, Dai, Van Gool, *Fast Optical Flow using Dense Inverse
Search*, ECCV 2016) as OpenCV has it, in both directions: where the two disagree, or where
lightness does not fit, something was covered or uncovered and nothing can be carried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink

Planes: TypeAlias = NDArray[np.float32]

LIGHTNESS_SIGMA = 3.0
"""Difference of lightness (L*) along the motion at which trust falls to 0.6."""
RETURN_SIGMA_PX = 0.5
"""Distance (px of twice the carried size) between a place and where motion forth and back leads
from it, at which trust falls to 0.6."""

# Grain and small errors of the motion must not wear trust down, which is multiplied frame by frame.
_ALLOWED_MISFIT = 1.0
_RETURN_PER_MOTION = 0.1
_REFINEMENTS = 2
"""Without any, trust is less than that of OpenCV's "fast"; more cost time and change nothing."""
_BLUR_PX = 0.7
_L_WHITE = 100.0
_ABSENT: Any = None  # OpenCV takes None here; its type stubs do not say so
_FINER = 2
_LEAST_DEVIATION = 0.5
_LARGEST_GAIN = 3.0
_SAME_L, _SAME_GAIN = 0.2, 0.01
"""Differences of two exposures that count for nothing."""
_STRIDE = 4
"""Every so many px tell a frame's exposure, and whether two frames are alike."""


@dataclass(frozen=True)
class Warp:
    """How planes of one frame become planes of a neighbouring frame."""

    origin: Planes
    """(h', w', 2): x and y in the source's plane, px, of every pixel of the target's plane."""
    trust: Planes
    """(h', w'), [0, 1]: 0 where the source does not show what the target shows."""

    def apply(self, planes: Planes) -> Planes:
        """The source's chroma, (h', w', C), as the target has it.

        Cubic interpolation: a linear one, repeated from frame to frame, would blur. What comes from
        outside the picture takes the nearest edge.
        """
        return remap(planes, self.origin, cv2.INTER_CUBIC)

    def apply_linear(self, planes: Planes) -> Planes:
        """The same without overshoot (linear interpolation), for weights and coordinates."""
        return remap(planes, self.origin, cv2.INTER_LINEAR)


@dataclass(frozen=True)
class Motion:
    """Between two frames, at the size at which it was looked for."""

    earlier: Planes
    later: Planes
    """L, (h, w) in [0, 100]."""
    forward: Planes
    """(h, w, 2): from every pixel of the earlier frame to where the later one shows it, px."""
    backward: Planes
    """(h, w, 2): from the later frame to the earlier one."""

    def warps(self, shape: tuple[int, int]) -> tuple[Warp, Warp]:
        """(From the earlier frame to the later, from the later to the earlier).

        shape: (h', w') of the planes that will be carried.
        """
        # Trust needs finer planes than chroma, and not as fine as the motion.
        fine = (_FINER * shape[0], _FINER * shape[1])
        forward, backward = _scale_flow(self.forward, fine), _scale_flow(self.backward, fine)
        before, after = shrink(self.earlier, fine), shrink(self.later, fine)
        return (
            _make_warp(before, after, backward, forward, shape),
            _make_warp(after, before, forward, backward, shape),
        )


class MotionFinder:
    """Finds motion between frames; holds OpenCV's buffers, so one belongs to one thread."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._dis.setVariationalRefinementIterations(_REFINEMENTS)

    def find(self, earlier: Planes, later: Planes) -> Motion:
        """earlier, later: L, (h, w) in [0, 100]; the earlier one is taken at the exposure of the
        later (`match_exposure`).
        """
        earlier = match_exposure(earlier, later)
        first, second = lightness_to_codes(earlier), lightness_to_codes(later)
        forward = np.asarray(self._dis.calc(first, second, _ABSENT), np.float32)
        backward = np.asarray(self._dis.calc(second, first, _ABSENT), np.float32)
        return Motion(earlier, later, forward, backward)


def match_exposure(source: Planes, target: Planes) -> Planes:
    """A frame's lightness as it is at another frame's exposure: one gain, one offset.

    Hand-cranked film and old shutters expose every frame otherwise; what is carried along the
    motion must not take that for another thing. Both are from the frames' means and deviations;
    where they bring the frames no closer, something else has come into the picture, and the frame
    stays as it is.
    source, target: L, (h, w) in [0, 100].
    """
    few, target_few = (np.ascontiguousarray(p[::_STRIDE, ::_STRIDE]) for p in (source, target))
    gain = float(target_few.std()) / max(float(few.std()), _LEAST_DEVIATION)
    if not 1 / _LARGEST_GAIN <= gain <= _LARGEST_GAIN:
        return source  # a fade to nothing, or another picture
    mean, target_mean = float(few.mean()), float(target_few.mean())
    if abs(target_mean - mean) < _SAME_L and abs(gain - 1.0) < _SAME_GAIN:
        return source
    offset = target_mean - gain * mean
    apart = np.median(np.abs(few - target_few))
    if np.median(np.abs(few * gain + offset - target_few)) >= apart:
        return source
    return np.asarray(cv2.addWeighted(source, gain, source, 0.0, offset), np.float32)


def lightness_to_codes(L: Planes) -> NDArray[np.uint8]:
    """L in [0, 100] as codes from 0 to 255: all that motion is found by."""
    return np.asarray(cv2.convertScaleAbs(L, alpha=255.0 / _L_WHITE), np.uint8)


def lightness_from_codes(codes: NDArray[np.uint8]) -> Planes:
    """L in [0, 100], float32, of `lightness_to_codes`."""
    return np.asarray(codes * np.float32(_L_WHITE / 255.0), np.float32)


def _scale_flow(flow: Planes, shape: tuple[int, int]) -> Planes:
    """Flow for planes of another size, in their px."""
    height, width = flow.shape[:2]
    smaller = shrink(flow, shape)
    smaller *= np.array([shape[1] / width, shape[0] / height], np.float32)
    return smaller


def _make_warp(
    source: Planes, target: Planes, flow: Planes, opposite: Planes, shape: tuple[int, int]
) -> Warp:
    """flow: (h, w, 2) from target to source, px; opposite: from source to target."""
    height, width = target.shape
    origin = flow + _grid(height, width)
    misfit = (remap(source, origin, cv2.INTER_LINEAR) - target) ** 2
    misfit *= 1.0 / LIGHTNESS_SIGMA**2
    error_x, error_y = cv2.split(flow + remap(opposite, origin, cv2.INTER_LINEAR))
    motion_x, motion_y = cv2.split(flow)
    allowed = RETURN_SIGMA_PX + _RETURN_PER_MOTION * cv2.magnitude(motion_x, motion_y)
    misfit += (cv2.magnitude(error_x, error_y) / allowed) ** 2
    doubt = np.maximum(misfit - _ALLOWED_MISFIT, 0.0)
    trust = cv2.GaussianBlur(cv2.exp(-0.5 * doubt), (5, 5), _BLUR_PX)
    x, y = cv2.split(origin)
    inside = (x > -1.0) & (x < width) & (y > -1.0) & (y < height)
    trust = shrink(np.asarray(trust * inside, np.float32), shape)
    return Warp(_scale_flow(flow, shape) + _grid(*shape), trust)


def remap(planes: NDArray[Any], origin: Planes, interpolation: int) -> Planes:
    """Planes read at other places: (H, W) or (H, W, C) at ``origin`` (h, w, 2), x and y in px.

    interpolation: one of OpenCV's. Places outside take the nearest edge. Returns float32.
    """
    found = cv2.remap(planes, origin, _ABSENT, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


@cache
def _grid(height: int, width: int) -> Planes:
    """(h, w, 2): x and y of every pixel. Shared: not to be written to."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.stack([x, y], axis=-1)
    grid.setflags(write=False)
    return grid
