"""Titles, leaders and black: frames that show no scene, in which a guess would see one.

A card is a smooth ground with ink on it: letters, circles and lines of one tone, thin, with sharp
edges. Things before a plain sky, a wall or the night have shades, are thick, or lie to one side.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_SIZE = (192, 144)
"""Width and height at which frames are judged, px."""
_BINS = 50
"""Of lightness, over 0 to 100."""
_TONE_BINS = 5
_TONES = 4
"""A drawing has few tones; grain makes each some bins wide."""
_LEAST_AT_FIRST_SIGHT, _LEAST_IF_SMOOTH = 0.75, 0.7
"""Share of all of a frame in its two commonest tones; less is enough where it is smooth."""
_SMOOTH_STEP_L, _SMOOTH_SHARE = 1.5, 0.57
"""L* between neighbours at first sight, and share of them that are so near in a smooth frame."""
_STRIDE = 4
"""Every so many px tell a frame's contrast, and at first sight its tones."""

# The ground, whose light may fall off to the edges: a surface of the second degree.
_FIT_STRIDE = 7
_FIT_REACH_L = (10.0, 7.0, 5.0)
"""L* within which a place counts as ground: at first, and then about the surface."""
_LEAST_FIT_PX = 200
_GROUND_L, _INK_L = 5.0, 12.0
"""L* from the ground: up to the first a place belongs to it, from the second on it is ink."""
_OPENING_PX = 11
"""What is left of ink when it is opened by so much is thick."""
_LEAST_PART_PX = 6
_FINE_SPECKS_PX, _FINE_BLUR_PX = 3, 0.8

_BLANK = (0.9, 0.002, 0.008)
"""Of a frame without anything: most deviation of the ground (L*), ink, and what is between."""
_TEXT_INK = (0.004, 0.3)
"""Share of a frame that is ink where it shows text."""
_TEXT_GROUND, _TEXT_DEVIATION_L = 0.6, 1.9
_TEXT_BETWEEN, _TEXT_BETWEEN_PER_INK = 0.02, 0.5
"""Edges and dirt of a text, at most; shades are more."""
_TEXT_CONTRAST_L, _ONE_TONE = 30.0, 0.95
_TEXT_THICK, _CLEAN_TEXT_THICK = 0.3, 0.65
_CLEAN_DEVIATION_L, _CLEAN_BETWEEN = 0.8, 0.03
"""Of a card on which bold letters are believed."""
_LETTER_PX = 6
"""Height of most parts of a text, at least; stars are smaller."""

_SPECKS_PX = 5
_BLUR_PX = 1.0
_LEAST_IN_TONES, _LEAST_IN_TWO, _LEAST_IN_TWO_CROSSED = 0.99, 0.93, 0.85
"""Shares of what is flat in a frame: in its four and in its two commonest tones."""
_FLAT, _EDGE, _CROSS_EDGE = 0.7, 4.0, 2.0
"""L* per px: below the first a place is flat, above the others it is an edge."""
_LEAST_FLAT = 0.55
_MOST_BETWEEN = 0.22
_DARK_L = 30.0
_DARK_SHARE = 0.5
_CROSS_PX, _CROSS_SHARE, _CROSS_SYMMETRY = 4, 0.85, 0.35
"""A leader's lines run near the middle, nearly all the way, both up and across."""
_CARD_EDGES, _CARD_SYMMETRY = 0.045, 0.78
"""A light card without a cross is centred; what stands before a plain sky is not."""
_LETTER_QUANTILE, _LETTER_L, _FEW_LETTERS_PX, _FEW_EDGES = 0.75, 58.0, 400, 0.025
"""Of what is not dark in a title, a quarter is so light, unless there is too little to judge by."""
_ONE_THING, _THING_SYMMETRY, _THING_THICK = 0.9, 0.6, 0.75
"""Share of the ink in its largest part from which it is one thing, not letters, unless centred; and
share that is thick, from which it is none."""

_FULL_CONTRAST = 10.0
_LEAST_CERTAINTY = 0.05


class _Ink(NamedTuple):
    """What lies on a frame's ground; shares of the frame unless said otherwise."""

    ground: float
    deviation: float
    """Of the ground from a smooth surface, L*."""
    ink: float
    between: float
    """Neither ground nor ink: edges, shades."""
    one_tone: float
    """Share of the ink that is on the same side of the ground, lighter or darker."""
    thick: float
    """Share of the ink."""
    contrast: float
    """L*."""
    part_height: float
    """Px, of the middle one of the ink's parts."""
    largest: float
    """Share of the ink in its largest part."""

    @property
    def is_blank(self) -> bool:
        deviation, ink, between = _BLANK
        return self.deviation < deviation and self.ink < ink and self.between < between

    @property
    def is_text(self) -> bool:
        least, most = _TEXT_INK
        clean = self.deviation < _CLEAN_DEVIATION_L and self.between < _CLEAN_BETWEEN
        return (
            least < self.ink < most
            and self.ground > _TEXT_GROUND
            and self.between < _TEXT_BETWEEN + _TEXT_BETWEEN_PER_INK * self.ink
            and self.deviation < _TEXT_DEVIATION_L
            and self.one_tone > _ONE_TONE
            and self.thick < (_CLEAN_TEXT_THICK if clean else _TEXT_THICK)
            and self.contrast > _TEXT_CONTRAST_L
            and self.part_height >= _LETTER_PX
        )


def is_title_card(L: NDArray[np.float32]) -> bool:
    """Whether a frame is a title, a leader, a slate or black: ink on a smooth ground.

    L: (h, w) in [0, 100].
    """
    few = cv2.blur(np.ascontiguousarray(L[::_STRIDE, ::_STRIDE]), (3, 3))
    counts = np.bincount((few * (_BINS / 100.0)).astype(np.intp).ravel(), minlength=_BINS + 1)
    in_two = sum(_tone_shares(counts / few.size, 2))
    if in_two < _LEAST_IF_SMOOTH:
        return False  # nearly all scenes, at little cost
    if in_two < _LEAST_AT_FIRST_SIGHT:
        smooth = np.mean(np.abs(np.diff(few, axis=1)) < _SMOOTH_STEP_L)
        if smooth < _SMOOTH_SHARE:
            return False
    small = np.asarray(cv2.resize(L, _SIZE, interpolation=cv2.INTER_AREA), np.float32)
    ink = _find_ink(small)
    return ink.is_blank or ink.is_text or _is_drawing(small, ink)


def _find_ink(small: NDArray[np.float32]) -> _Ink:
    smooth = _blur(cv2.medianBlur(small, _FINE_SPECKS_PX), _FINE_BLUR_PX)
    apart = np.asarray(smooth - _ground(smooth), np.float32)
    near = np.abs(apart) < _GROUND_L
    inked = np.abs(apart) > _INK_L
    px = int(np.count_nonzero(inked))
    if px == 0:
        deviation = float(apart[near].std()) if near.any() else _INK_L
        return _Ink(float(near.mean()), deviation, 0.0, float(1 - near.mean()), *[0.0] * 5)
    lighter = np.count_nonzero(apart > _INK_L) / px
    mask = inked.astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_OPENING_PX, _OPENING_PX))
    thick = np.count_nonzero(cv2.morphologyEx(mask, cv2.MORPH_OPEN, disc)) / px
    parts = cv2.connectedComponentsWithStats(mask)[2][1:]
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= _LEAST_PART_PX]
    areas = parts[:, cv2.CC_STAT_AREA]
    share = px / mask.size
    return _Ink(
        ground=float(near.mean()),
        deviation=float(apart[near].std()) if near.any() else _INK_L,
        ink=share,
        between=float(1.0 - near.mean() - share),
        one_tone=max(lighter, 1.0 - lighter),
        thick=thick,
        contrast=float(np.quantile(np.abs(apart[inked]), 0.9)),
        part_height=float(np.median(parts[:, cv2.CC_STAT_HEIGHT])) if len(parts) else 0.0,
        largest=float(areas.max() / areas.sum()) if len(parts) else 0.0,
    )


def _ground(smooth: NDArray[np.float32]) -> NDArray[np.float32]:
    """The surface that the commonest tone of a frame lies on."""
    tones = np.bincount((smooth * (_BINS / 100.0)).astype(np.intp).ravel(), minlength=_BINS + 1)
    commonest = int(np.convolve(tones, np.ones(_TONE_BINS), "same").argmax())
    surface = np.full(smooth.shape, (commonest + 0.5) * (100.0 / _BINS), np.float32)
    basis, values = _surface_basis(), smooth.ravel()[::_FIT_STRIDE].astype(np.float64)
    sampled = basis[::_FIT_STRIDE]
    first, *later = _FIT_REACH_L
    ground = np.abs(values - surface[0, 0]) < first
    for reach in later:
        if np.count_nonzero(ground) < _LEAST_FIT_PX:
            break
        places = sampled[ground]
        square = places.T @ places + 1e-3 * np.eye(basis.shape[1])
        fitted = basis @ np.linalg.solve(square, places.T @ values[ground])
        surface = fitted.astype(np.float32).reshape(smooth.shape)
        ground = np.abs(values - fitted[::_FIT_STRIDE]) < reach
    return surface


@cache
def _surface_basis() -> NDArray[np.float64]:
    """(px, 6): 1, x, y, x², y², xy over a frame of `_SIZE`, from -1 to 1."""
    width, height = _SIZE
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    planes = (np.ones_like(x), x, y, x * x, y * y, x * y)
    basis = np.stack(planes, axis=-1).reshape(-1, len(planes))
    basis.setflags(write=False)
    return basis


def _is_drawing(small: NDArray[np.float32], ink: _Ink) -> bool:
    """Whether a frame has few flat tones with sharp edges between, as leaders and slates have."""
    smooth = _blur(cv2.medianBlur(small, _SPECKS_PX), _BLUR_PX)
    slope = _slope(smooth)
    flat, edges = float(np.mean(slope <= _FLAT)), float(np.mean(slope >= _EDGE))
    if flat < _LEAST_FLAT or 1.0 - flat - edges > _MOST_BETWEEN:
        return False
    ground = smooth[slope <= _FLAT]
    tones = _tone_shares(np.histogram(ground, _BINS, (0.0, 100.0))[0] / ground.size)
    symmetry = _symmetry(slope >= _EDGE) if edges else 0.0
    fine_slope = _slope(_blur(small, _BLUR_PX))  # lines are as thin as specks
    crossed = symmetry >= _CROSS_SYMMETRY and _has_cross(fine_slope >= _CROSS_EDGE)
    least_in_two = _LEAST_IN_TWO_CROSSED if crossed else _LEAST_IN_TWO
    if sum(tones) < _LEAST_IN_TONES or sum(tones[:2]) < least_in_two:
        return False
    if crossed:
        return True
    light = smooth >= _DARK_L
    if float(np.mean(light)) > 1.0 - _DARK_SHARE:
        centred = edges >= _CARD_EDGES and symmetry >= _CARD_SYMMETRY
        return centred and ink.one_tone > _ONE_TONE
    if np.count_nonzero(light) < _FEW_LETTERS_PX:
        return edges < _FEW_EDGES
    one_thing = ink.largest > _ONE_THING and symmetry < _THING_SYMMETRY
    if one_thing or ink.thick > _THING_THICK:
        return False
    letters = small[cv2.dilate(light.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0]
    return bool(np.quantile(letters, _LETTER_QUANTILE) >= _LETTER_L)


def _blur(plane: NDArray[Any], sigma_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)


def _slope(smooth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of lightness, L* per px."""
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _symmetry(edges: NDArray[np.bool_]) -> float:
    """Share of the edges that have one in their place when the frame is turned over, either way."""
    near = cv2.dilate(edges.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return min(float(np.mean(near[flipped])) for flipped in (edges[:, ::-1], edges[::-1]))


def _has_cross(edges: NDArray[np.bool_]) -> bool:
    """Whether lines run through the middle from edge to edge, both ways."""
    height, width = edges.shape
    middle = slice(width // 2 - _CROSS_PX, width // 2 + _CROSS_PX)
    upright = float(edges[:, middle].any(axis=1).mean())
    middle = slice(height // 2 - _CROSS_PX, height // 2 + _CROSS_PX)
    return min(upright, float(edges[middle].any(axis=0).mean())) >= _CROSS_SHARE


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
