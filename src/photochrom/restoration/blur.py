"""Blur: measured at the sharpest edges, taken back by Van Cittert's iteration.

How much a known blur changes an edge tells how blurred it was: with a second Gaussian of σ₀, the
slope of an edge of σ falls by R = √((σ² + σ₀²) / σ²) (Zhuo and Sim, *Defocus map estimation from a
single image*, 2011). Only where even the sharpest edges of a picture are soft, all of it is.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_LEAST_SIGMA_PX, _MOST_SIGMA_PX = 1.02, 3.0
_SECOND_PX = 1.0
_EDGE_SLOPE = 0.02
"""Least slope of an edge, share of white per px."""
_EDGE_SHARE = 0.1
_SHARPEST = 15.0
"""Percentile of the edges' σ that stands for the sharpest."""
_FEWEST_EDGES = 100
_MEASURED_PX = 1_500_000
_MOST_STEPS = 12
_NOISE_BUDGET = 0.02


def measure_blur(plane: Plane) -> float:
    """σ of a picture's blur, px; 0 where it has too few edges to tell.

    plane: (H, W) in [0, 1], sRGB-encoded.
    """
    part = _middle(plane)
    soft = cv2.GaussianBlur(part, (0, 0), _SECOND_PX, borderType=cv2.BORDER_REFLECT_101)
    first, second = _slope(part), _slope(np.asarray(soft, np.float32))
    bound = max(_EDGE_SLOPE, float(np.quantile(first, 1 - _EDGE_SHARE)))
    # On the ridge of an edge the slope is that of the middle of its profile.
    ridge = (first >= bound) & (first >= cv2.dilate(first, np.ones((3, 3), np.uint8)) * 0.98)
    if int(ridge.sum()) < _FEWEST_EDGES:
        return 0.0
    ratio = np.square(first[ridge] / np.maximum(second[ridge], 1e-6))
    sigma = _SECOND_PX / np.sqrt(np.maximum(ratio - 1.0, 1e-3))
    return float(np.percentile(sigma, _SHARPEST))


def is_blurred(sigma_px: float) -> bool:
    """Whether it is more than a clean picture has."""
    return sigma_px >= _LEAST_SIGMA_PX


def mend_blur(plane: Plane, sigma_px: float, noise: float) -> Plane:
    """The picture sharpened by its own blur, (H, W) in [0, 1].

    noise: standard deviation of what grain is left, which sharpening would raise: the more there
    is, the fewer steps are taken.
    """
    sigma = min(sigma_px, _MOST_SIGMA_PX)
    steps = max(1, min(_MOST_STEPS, round(_NOISE_BUDGET / max(noise, 1e-4))))
    found = plane.copy()
    for _ in range(steps):
        again = cv2.GaussianBlur(found, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
        found += plane - again
    # No lighter and no darker than what the blur has gathered from: no rims at edges.
    size = 2 * math.ceil(sigma) + 1
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    least, most = cv2.erode(plane, near), cv2.dilate(plane, near)
    room = np.float32(0.25) * (most - least)
    sharp: Plane = np.clip(np.clip(found, least - room, most + room), 0.0, 1.0)
    return sharp


def _slope(plane: Plane) -> Plane:
    dx = cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dy = cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    return np.asarray(cv2.magnitude(dx, dy), np.float32)


def _middle(plane: Plane) -> Plane:
    """The middle of a picture, as large as is enough to measure."""
    height, width = plane.shape
    share = min(1.0, math.sqrt(_MEASURED_PX / (height * width)))
    h, w = round(height * share), round(width * share)
    top, left = (height - h) // 2, (width - w) // 2
    return np.ascontiguousarray(plane[top : top + h, left : left + w])
