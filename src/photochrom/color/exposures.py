"""Grey exposures through filters, put together to one picture in colour.

No colour is guessed: what a filter let through becomes red, green or blue. Sources: Lupton and
others, "Preparing Red-Green-Blue Images from CCD Data", PASP 116 (2004), 133, for the stretch;
Evangelidis and Psarakis, TPAMI 30 (2008), 1858, for ECC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose
from photochrom.color.luminance import lightness
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError

Stretch: TypeAlias = Literal["none", "linear", "asinh"]
"""Values as they are stored; from black to white evenly; faint ones raised above bright ones."""
Alignment: TypeAlias = Literal["none", "shift", "ecc"]
"""Exposures as they lie; moved by phase correlation; moved and turned by ECC."""
Plane: TypeAlias = NDArray[np.float32]

NAMES = ("R", "G", "B", "L")
_GREEN = 1
_STILL_PX = 0.05
"""A smaller movement is left alone: moving a picture by it would only blur it."""
_LEAST_RESPONSE, _SMALL_RESPONSE_PX = 0.04, 5.0
"""Of phase correlation, and in small pictures this over the short side: unrelated photographs of
256 px reach 0.02, noise of 64 px 0.06."""
_ECC_SIDE_PX = 1024
_ECC_ROUNDS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-6)
_LEAST_CORRELATION = 0.3


@dataclass(frozen=True)
class CombineOptions:
    """How exposures become a picture."""

    stretch: Stretch = "linear"
    percentiles: tuple[float, float] = (0.5, 99.5)
    """Of an exposure's values: what becomes black, and what white."""
    balance: bool = True
    """Black and white of each exposure by itself, so that the sky is grey; otherwise one range for
    all three, which keeps what was measured of their ratios."""
    softening: float = 0.05
    """Of asinh, in shares of the range: what is darker is stretched evenly, what is brighter
    logarithmically. Lupton's beta."""
    align: Alignment = "none"

    def __post_init__(self) -> None:
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise InputError(
                f"percentiles {low:g} and {high:g} do not rise from 0 or more to 100 or less"
            )
        if not 0 < self.softening < float("inf"):
            raise InputError(f"a softening of {self.softening:g} is not above 0")


class Movement(NamedTuple):
    """How an exposure was moved to lie upon the one that the others are aligned to.

    right_px, down_px: of its middle. degrees: clockwise. certainty: response of the phase
    correlation or correlation of ECC, at most 1.
    """

    right_px: float
    down_px: float
    degrees: float
    certainty: float


class CombinedExposures(NamedTuple):
    """rgb: (H, W, 3) uint16, sRGB-encoded. movements: of the exposures that were aligned."""

    rgb: NDArray[np.uint16]
    movements: dict[str, Movement]


def combine_exposures(planes: Sequence[Plane], options: CombineOptions) -> CombinedExposures:
    """One picture in colour of the exposures R, G, B and, where there is a fourth, L.

    planes: (H, W) float32 of any unit, all of one size; NaN where nothing was measured, which
    becomes black. Stretched values are taken as sRGB-encoded. A fourth exposure gives the picture's
    lightness; the others then give its chroma alone. After an alignment the picture is cut to what
    all of them show. Raises InputError where sizes differ, an exposure is even, or they do not show
    the same.
    """
    _check_sizes(planes)
    movements: dict[str, Movement] = {}
    if options.align != "none":
        planes, movements = _align(planes, options.align)
    rgb = _stretch(planes[:3], options)
    if len(planes) == len(NAMES):
        grey = _stretch(planes[3:], options)[..., 0]
        ab = np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:], np.float32)
        return CombinedExposures(compose(lightness(grey), ab, np.uint16), movements)
    return CombinedExposures(np.rint(rgb * 65535.0).astype(np.uint16), movements)


def _check_sizes(planes: Sequence[Plane]) -> None:
    if len(planes) not in (3, 4):
        raise InputError(f"{len(planes)} exposures are not R, G, B or R, G, B, L")
    height, width = planes[0].shape
    for name, plane in zip(NAMES, planes):
        if plane.shape != planes[0].shape:
            raise InputError(
                f"exposure {name} has {plane.shape[1]} x {plane.shape[0]} px, and R has {width} x "
                f"{height}; bring them to one size first"
            )


def _stretch(planes: Sequence[Plane], options: CombineOptions) -> NDArray[np.float32]:
    """(H, W, n) float32 in [0, 1]."""
    shares = _shares(planes, options)
    if options.stretch == "asinh":
        mean = np.maximum(shares, 0.0).mean(axis=-1)
        curve = np.arcsinh(mean / options.softening) / np.arcsinh(1.0 / options.softening)
        shares = np.maximum(shares, 0.0) * (curve / np.maximum(mean, 1e-9))[..., None]
        shares /= np.maximum(shares.max(axis=-1, keepdims=True), 1.0)  # keeps the hue of the bright
    return np.asarray(np.clip(np.nan_to_num(shares), 0.0, 1.0), np.float32)


def _shares(planes: Sequence[Plane], options: CombineOptions) -> NDArray[np.float32]:
    """(H, W, n): how far each value is on its way from black, 0, to white, 1."""
    stack = np.nan_to_num(np.stack(planes, axis=-1), nan=-np.inf, neginf=-np.inf)
    if options.stretch == "none":
        return np.maximum(stack, 0.0)
    ranges = [_range(name, plane, options) for name, plane in zip(NAMES, planes)]
    low, high = (np.array(edge, np.float32) for edge in zip(*ranges))
    if not options.balance:
        low, high = np.full_like(low, low.min()), np.full_like(high, high.max())
    return np.asarray(np.maximum((stack - low) / (high - low), 0.0), np.float32)


def _range(name: str, plane: Plane, options: CombineOptions) -> tuple[float, float]:
    low, high = (float(edge) for edge in np.nanpercentile(plane, options.percentiles))
    if not low < high:
        raise InputError(
            f"exposure {name} is {low:g} from its percentile {options.percentiles[0]:g} to "
            f"{options.percentiles[1]:g}: there is nothing to stretch; widen the percentiles"
        )
    return low, high


def _align(planes: Sequence[Plane], method: Alignment) -> tuple[list[Plane], dict[str, Movement]]:
    """The exposures upon each other, cut to what all show, and how each was moved."""
    anchor = len(NAMES) - 1 if len(planes) == len(NAMES) else _GREEN
    fixed = _edges(planes[anchor])
    moved, movements = list(planes), {}
    covered = np.ones(planes[0].shape, np.uint8)
    for number, plane in enumerate(planes):
        if number == anchor:
            continue
        pair = f"{NAMES[number]} and {NAMES[anchor]}"
        edges = _edges(plane)
        way, certainty = _phase_shift(fixed, edges, pair)
        if method == "ecc":
            way, certainty = _ecc(fixed, edges, way, pair)
        movements[NAMES[number]] = _movement(way, plane.shape, certainty)
        if np.abs(way - np.eye(2, 3)).max() >= _STILL_PX:
            moved[number] = _move(plane, way)
            covered &= _warp(np.ones_like(covered), way, cv2.INTER_NEAREST)
    rows, columns = _full_part(covered)
    return [plane[rows, columns] for plane in moved], movements


def _fill_gaps(plane: Plane) -> Plane:
    """The plane with its median where nothing was measured."""
    return np.where(np.isnan(plane), np.float32(np.nanmedian(plane)), plane)


def _edges(plane: Plane) -> Plane:
    """Where a plane changes, which filters agree on more than on how bright a thing is."""
    known = _fill_gaps(plane)
    low, high = np.percentile(known, (1.0, 99.5))
    even = np.clip((known - low) / max(high - low, 1e-12), 0.0, 1.0).astype(np.float32)
    along, down = (cv2.Sobel(even, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(along, down), np.float32)


def _phase_shift(fixed: Plane, edges: Plane, pair: str) -> tuple[Plane, float]:
    """The shift as a matrix from places of the one to places of the other, and its certainty."""
    height, width = fixed.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (right, down), response = cv2.phaseCorrelate(fixed, edges, window)
    if response < max(_LEAST_RESPONSE, _SMALL_RESPONSE_PX / min(height, width)):
        raise InputError(
            f"exposures {pair} cannot be aligned: they agree in nothing (response {response:.2f}); "
            "check that they show the same, or leave the alignment out"
        )
    return np.array([[1.0, 0.0, right], [0.0, 1.0, down]], np.float32), float(response)


def _ecc(fixed: Plane, edges: Plane, way: Plane, pair: str) -> tuple[Plane, float]:
    """Shift and turn by the enhanced correlation coefficient, beginning from a shift."""
    scale = min(1.0, _ECC_SIDE_PX / max(fixed.shape))
    size = tuple(max(1, round(side * scale)) for side in fixed.shape[::-1])
    small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (fixed, edges)]
    start = way.copy()
    start[:, 2] *= scale
    try:
        certainty, found = cv2.findTransformECC(
            small[0], small[1], start, cv2.MOTION_EUCLIDEAN, _ECC_ROUNDS
        )
    except cv2.error:  # it tells in this way that it does not converge
        certainty, found = 0.0, start
    if certainty < _LEAST_CORRELATION:
        raise InputError(
            f"exposures {pair} cannot be aligned by ECC (correlation {certainty:.2f}); align them "
            "by a shift alone, or leave the alignment out"
        )
    found = np.asarray(found, np.float32).copy()
    found[:, 2] /= scale
    return found, float(certainty)


def _movement(way: Plane, shape: tuple[int, ...], certainty: float) -> Movement:
    """How the middle of an exposure moves, which goes the other way than `_warp` looks."""
    middle = np.array([shape[1] / 2, shape[0] / 2, 1.0])
    right, down = middle[:2] - way @ middle
    degrees = -np.degrees(np.arctan2(way[1, 0], way[0, 0]))
    return Movement(float(right), float(down), float(degrees), certainty)


def _move(plane: Plane, way: Plane) -> Plane:
    """The plane where ``way`` puts it, within the range of its own values; NaN goes along."""
    known = _fill_gaps(plane)
    moved = np.clip(_warp(known, way, cv2.INTER_CUBIC), known.min(), known.max())
    holes = _warp(np.isnan(plane).astype(np.uint8), way, cv2.INTER_NEAREST)
    moved[holes > 0] = np.nan
    return np.asarray(moved, np.float32)


def _warp(plane: NDArray[Any], way: Plane, interpolation: int) -> NDArray[Any]:
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(plane, way, plane.shape[::-1], flags=flags))


def _full_part(covered: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns without an uncovered place: the side with most of them goes first."""
    top, bottom, left, right = 0, covered.shape[0], 0, covered.shape[1]
    while top < bottom and left < right:
        part = covered[top:bottom, left:right]
        sides = (part[0], part[-1], part[:, 0], part[:, -1])
        bare = [1.0 - float(side.mean()) for side in sides]
        if max(bare) == 0.0:
            return slice(top, bottom), slice(left, right)
        worst = bare.index(max(bare))
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    raise InputError("the exposures have nothing in common after the alignment")
