"""Flicker: another exposure in every frame, measured along the motion and evened out.

Between neighbouring frames, one gain and one offset tell how the same things have changed their
light. Chained, they tell it between any two frames of a shot. Each frame then gets the light that
the frames around it have in the mean: what changes slowly stays, and nothing is compared over a
cut. The light of what comes into the picture, or leaves it, counts for nothing, unlike with means
or histograms of whole frames (compare Delon, *Movie and video scale-time equalization application
to flicker reduction*, 2006).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.video.restoration.motion import (
    FlowFinder,
    Flows,
    pixel_grid,
    small_codes,
)
from photochrom.video.temporal.optical_flow import remap

Plane = NDArray[np.float32]

REACH = 12
"""Frames before and after one that its light is evened out with."""
LEAST_FLICKER = 0.009
"""Standard deviation, as a share of white, from which a shot flickers."""
MOST_GAIN, MOST_OFFSET = 1.5, 0.2
"""A frame that would have to change by more is lit otherwise (a flash), and stays."""

_SIGMA_FRAMES = 5.0
_STRIDE = 2
_ROUNDS = 4
_OUTLIER = 2.5
_RETURN_PX = 1.0
_FEWEST_PIXELS = 200
_LEAST_DEVIATION = 0.01


class Exposure(NamedTuple):
    """How a frame's light becomes another one's: gain * x + offset, in shares of white."""

    gain: float
    offset: float

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return self == NO_CHANGE


NO_CHANGE = Exposure(1.0, 0.0)


class FrameLight(NamedTuple):
    """One frame among others. change: of the light of the frame before into its own; None at a
    shot's first frame. mean: of its pixels.
    """

    change: Exposure | None
    mean: float


def exposure_change(earlier: Plane, later: Plane, finder: FlowFinder) -> tuple[Exposure, Flows]:
    """How the light of a frame becomes that of the next one, and the motion between both.

    earlier, later: small frames, (h, w) in shares of white.
    """
    rough = _rough_change(earlier, later)
    aligned = np.asarray(earlier * np.float32(rough.gain) + np.float32(rough.offset), np.float32)
    flows = finder.find(small_codes(aligned), small_codes(later))
    height, width = later.shape
    place = flows.back + pixel_grid(height, width)
    there = remap(earlier, place, cv2.INTER_LINEAR)
    apart = flows.back + remap(flows.forth, place, cv2.INTER_LINEAR)
    seen = cv2.magnitude(*cv2.split(apart)) < _RETURN_PX
    x, y = (plane[::_STRIDE, ::_STRIDE][seen[::_STRIDE, ::_STRIDE]] for plane in (there, later))
    return _fit(x, y, rough), flows


def even_out(frames: Sequence[FrameLight]) -> tuple[list[Exposure], float]:
    """What each frame of a shot is to be changed by, and how much the shot flickers: the standard
    deviation of its frames' mean from what they become, as a share of white.
    """
    changes = [_frame_change(frames, index) for index in range(len(frames))]
    steps = [c.gain * f.mean + c.offset - f.mean for c, f in zip(changes, frames, strict=True)]
    return changes, float(np.std(steps)) if len(steps) > 2 else 0.0


def _frame_change(frames: Sequence[FrameLight], index: int) -> Exposure:
    """What one frame is to be changed by: the mean, by weights, of its light at those around."""
    found: dict[int, Exposure] = {index: NO_CHANGE}
    for other in range(index + 1, min(len(frames), index + REACH + 1)):
        step = frames[other].change
        if step is None:
            break
        found[other] = _chain(found[other - 1], step)
    for other in range(index - 1, max(-1, index - REACH - 1), -1):
        step = frames[other + 1].change
        if step is None:
            break
        found[other] = _chain(found[other + 1], inverse(step))
    places = np.array(sorted(found), np.float64)
    weights = _local_line_weights(places - index)
    gains = np.array([found[int(place)].gain for place in places])
    offsets = np.array([found[int(place)].offset for place in places])
    mean = frames[index].mean
    gain = float(np.exp(weights @ np.log(gains)))
    level = float(weights @ (gains * mean + offsets))
    change = Exposure(gain, level - gain * mean)
    if not 1 / MOST_GAIN <= gain <= MOST_GAIN or abs(level - mean) > MOST_OFFSET:
        return NO_CHANGE
    return change


def _local_line_weights(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a straight line fitted by a Gaussian window, read at distance 0: so a light that
    rises or falls is kept also at a shot's ends.
    """
    window = np.exp(-0.5 * np.square(distances / _SIGMA_FRAMES))
    total, first, second = (float((window * distances**power).sum()) for power in (0, 1, 2))
    spread = total * second - first * first
    if spread <= 1e-9:
        return window / total
    return window * (second - first * distances) / spread


def _chain(first: Exposure, second: Exposure) -> Exposure:
    return Exposure(first.gain * second.gain, second.gain * first.offset + second.offset)


def inverse(change: Exposure) -> Exposure:
    """What takes a change back."""
    return Exposure(1 / change.gain, -change.offset / change.gain)


def _rough_change(earlier: Plane, later: Plane) -> Exposure:
    """By mean and deviation of whole frames: enough to find the motion."""
    gain = float(later.std()) / max(float(earlier.std()), _LEAST_DEVIATION)
    gain = min(max(gain, 1 / MOST_GAIN), MOST_GAIN)
    return Exposure(gain, float(later.mean()) - gain * float(earlier.mean()))


def _fit(x: NDArray[np.float32], y: NDArray[np.float32], rough: Exposure) -> Exposure:
    """The line through pairs of one thing's light, without the outliers; its slope is the ratio of
    the deviations, which noise of both frames does not flatten.
    """
    if x.size < _FEWEST_PIXELS:
        return rough
    kept = np.ones(x.size, np.bool_)
    change = rough
    for _ in range(_ROUNDS):
        few_x, few_y = x[kept].astype(np.float64), y[kept].astype(np.float64)
        if few_x.size < _FEWEST_PIXELS:
            break
        deviation = float(few_x.std())
        gain = float(few_y.std()) / deviation if deviation > _LEAST_DEVIATION else 1.0
        gain = min(max(gain, 1 / MOST_GAIN), MOST_GAIN)
        change = Exposure(gain, float(few_y.mean()) - gain * float(few_x.mean()))
        misfit = np.abs(change.gain * x + change.offset - y)
        kept = misfit <= max(_OUTLIER * 1.48 * float(np.median(misfit)), 1e-3)
    return change
