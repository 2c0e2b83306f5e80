"""Titles, leaders and black: frames that show no scene, in which a guess would see one."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE = (192, 144)
"""Width and height at which frames are judged, px."""
_SPECKS_PX = 5
_BLUR_PX = 1.0
_BINS = 50
"""Of lightness, over 0 to 100."""
_TONE_BINS = 5
_TONES = 4
"""A drawing has few tones; grain makes each some bins wide."""
_LEAST_IN_TONES = 0.99
_LEAST_IN_TWO = 0.93
"""Shares of what is flat in a frame: in its four and in its two commonest tones."""
_LEAST_AT_FIRST_SIGHT = 0.75
"""Share of all of a frame in its two commonest tones."""
_FLAT, _EDGE = 0.7, 4.0
"""L* per px: below the first a place is flat, above the second it is an edge."""
_LEAST_FLAT = 0.55
_MOST_BETWEEN = 0.22
_DARK_L = 30.0
_DARK_SHARE = 0.5
_LEADER_EDGES, _LEADER_SYMMETRY = 0.03, 0.5
"""A leader has circles and a cross about its middle; what stands before a plain sky has not."""
_LETTER_QUANTILE, _LETTER_L, _FEW_LETTERS_PX = 0.75, 68.0, 400
"""Of what is not dark in a title, a quarter is so light, unless there is too little to judge by."""
_STRIDE = 4
"""Every so many px tell a frame's contrast, and at first sight its tones."""
_FULL_CONTRAST = 10.0
_LEAST_CERTAINTY = 0.05


def is_title_card(L: NDArray[np.float32]) -> bool:
    """Whether a frame is a title, a leader or black: few flat tones with sharp edges between.

    L: (h, w) in [0, 100].
    """
    few = cv2.blur(np.ascontiguousarray(L[::_STRIDE, ::_STRIDE]), (3, 3))
    counts = np.bincount((few * (_BINS / 100.0)).astype(np.intp).ravel(), minlength=_BINS + 1)
    if sum(_tone_shares(counts / few.size, 2)) < _LEAST_AT_FIRST_SIGHT:
        return False  # nearly all scenes, at little cost
    small = np.asarray(cv2.resize(L, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
    smooth = cv2.GaussianBlur(cv2.medianBlur(small, _SPECKS_PX), (0, 0), _BLUR_PX)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.magnitude(across, down)
    flat, edges = float(np.mean(slope <= _FLAT)), float(np.mean(slope >= _EDGE))
    if flat < _LEAST_FLAT or 1.0 - flat - edges > _MOST_BETWEEN:
        return False
    ground = smooth[slope <= _FLAT]
    tones = _tone_shares(np.histogram(ground, _BINS, (0.0, 100.0))[0] / ground.size)
    if sum(tones) < _LEAST_IN_TONES or sum(tones[:2]) < _LEAST_IN_TWO:
        return False
    light = smooth >= _DARK_L
    if float(np.mean(light)) > 1.0 - _DARK_SHARE:
        return edges >= _LEADER_EDGES and _symmetry(slope >= _EDGE) >= _LEADER_SYMMETRY
    letters = small[cv2.dilate(light.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0]
    too_few = np.count_nonzero(light) < _FEW_LETTERS_PX
    return bool(too_few or np.quantile(letters, _LETTER_QUANTILE) >= _LETTER_L)


def _symmetry(edges: NDArray[np.bool_]) -> float:
    """Share of the edges that have one in their place when the frame is turned over, either way."""
    near = cv2.dilate(edges.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return min(float(np.mean(near[flipped])) for flipped in (edges[:, ::-1], edges[::-1]))


def certainty(L: NDArray[np.float32]) -> float:
    """How much a frame's guess counts among those of its shot, up to 1: little while it is faded.

    L: (h, w) in [0, 100].
    """
    deviation = float(np.ascontiguousarray(L[::_STRIDE, ::_STRIDE]).std())
    return float(np.clip((deviation / _FULL_CONTRAST) ** 3, _LEAST_CERTAINTY, 1.0))


def _tone_shares(shares: NDArray[np.float64], count: int = _TONES) -> list[float]:
    """Shares of the commonest tones, the commonest first."""
    rest = shares.copy()
    found: list[float] = []
    half = _TONE_BINS // 2
    for _ in range(count):
        place = int(np.convolve(rest, np.ones(_TONE_BINS), "same").argmax())
        tone = slice(max(0, place - half), place + half + 1)
        found.append(float(rest[tone].sum()))
        rest[tone] = 0.0
    return found
