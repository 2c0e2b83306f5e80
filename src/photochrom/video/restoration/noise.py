"""What differs from frame to frame where the scene stays: grain, and what is left of a codec's
blocks. It is averaged along the motion, and of grain what is left then is taken by its spectrum.

Frames are compared without their noise (a *pilot*), so that what really differs is told from it:
each neighbour counts for less, the more it does (compare Buades and Lisani, *Video denoising with
optical flow estimation*, IPOL 2018). Two frames before and two after are asked, never the result
of one, so a frame comes out the same wherever reading begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.grain import LEAST_SIGMA, Grain, filter_grain, is_grainy
from photochrom.restoration.jpeg import BLOCK_PX, DCT, split_blocks

Plane = NDArray[np.float32]

REACH = 2
"""Frames before and after one that it is averaged with."""
_WINDOW_PX = 9
_EXPECTED = 0.3
"""Mean square by which two pilots of the same thing differ, as a share of the noise's variance."""
_DISTRUST = 1.2
_STEP_PX = 4
_CALM_SHARE = 0.3
"""Of the blocks, by how little they change to the next frame, those that tell the grain of both."""
_OF_BOTH = 1.4
"""Variance of the difference of two frames' grain in such blocks, of one's grain: less than 2,
since fetching a frame along the motion softens it."""
_FEWEST_BLOCKS, _MOST_BLOCKS = 48, 6000


def shot_grain(samples: Iterable[Grain | None], usual: Grain | None) -> Grain | None:
    """The grain of a shot; None where most of its samples have none.

    samples: what `renewed_grain` has found in single frames. usual: the film's, which it has where
    none of them tells.
    """
    measurements = [grain for grain in samples if grain is not None]
    if not measurements:
        return usual
    found = [grain for grain in measurements if is_grainy(grain)]
    if 2 * len(found) < len(measurements):
        return None
    every = np.stack([grain.variances for grain in found])
    variances = np.asarray(every.mean(axis=0), np.float32)
    spread = float(np.median([grain.spread for grain in found]))
    return Grain(float(np.sqrt(variances.mean())), variances, spread)


def renewed_grain(frame: Plane, neighbor: Plane, grain: Grain | None) -> Grain | None:
    """What of a frame's grain, as measured by itself, is another in its neighbour: what stays in
    its place is texture. None where the frame does not tell.

    frame, neighbor: (H, W), shares of white; the neighbour as the frame has it (`motion.fetch`).
    """
    if grain is None or (grain.sigma >= LEAST_SIGMA and not is_grainy(grain)):
        return None
    blocks = split_blocks(frame - neighbor, 0, 0).reshape(-1, BLOCK_PX, BLOCK_PX)
    dct = DCT.astype(np.float32)
    power = np.square(dct @ blocks[:: max(1, len(blocks) // _MOST_BLOCKS)] @ dct.T)
    calmest = np.argsort(power.sum(axis=(1, 2)))[: int(_CALM_SHARE * len(power))]
    if len(calmest) < _FEWEST_BLOCKS:
        return None
    changed = power[calmest].mean(axis=0) / np.float32(_OF_BOTH)
    variances = np.minimum(grain.variances, changed)
    return grain._replace(sigma=float(np.sqrt(variances.mean())), variances=variances)


def rough_pilot(frame: Plane, variances: NDArray[np.float32]) -> Plane:
    """A frame roughly without its grain, to compare by; (H, W)."""
    return filter_grain(frame, variances, step_px=_STEP_PX, passes=1)


def mean_over_time(
    frame: Plane, pilot: Plane, neighbors: Sequence[tuple[Plane, Plane]], variance: float
) -> tuple[Plane, Plane]:
    """The mean of a frame and its neighbours, and the share of the noise's variance that it has.

    frame, pilot: (H, W). neighbors: likewise, as the frame has them. variance: of the noise.
    """
    total, weights, squares = frame.copy(), np.ones_like(frame), np.ones_like(frame)
    for there, other in neighbors:
        differs = cv2.blur(np.square(pilot - other), (_WINDOW_PX, _WINDOW_PX))
        excess = np.maximum(differs / np.float32(variance) - np.float32(_EXPECTED), 0.0)
        weight = np.square(1.0 / (1.0 + np.float32(_DISTRUST) * excess))
        total += weight * there
        weights += weight
        squares += weight * weight
    return total / weights, squares / (weights * weights)


def take_grain(mean: Plane, variances: NDArray[np.float32], share: Plane) -> Plane:
    """A mean over time without what is left of its grain, (H, W)."""
    return filter_grain(mean, variances, share, step_px=_STEP_PX)
