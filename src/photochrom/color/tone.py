"""Tell whether a photograph is grey, toned, or already in colour, and which places of it are.

A toned print (sepia, selenium, cyanotype, an aged albumen print) has colour, but only one for each
lightness: its pixels lie along a single smooth curve ab(L). Scans and snapshots of prints add what
is known of them: a cast that slopes slowly over the frame, with the light; channels that lie a
little apart, which colours edges; a page, table or frame round the print, a control strip beside
it; stains, ink and stamps. A colour photograph, however muted, spreads away from all that.

What lies far off the curve in a picture that otherwise follows it is truly coloured: a red coat in
snow, a stamp, a tinted cheek.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import rgb_to_lab

Tone = Literal["grey", "toned", "colour"]

_SIDE_PX = 96
"""Long side of the copy that is judged; averaging removes grain and JPEG's chroma noise."""
_MIN_SIDE_PX = 12
"""Smaller pictures have too few pixels for all that is fitted; the curve alone judges them."""
_GREY_CHROMA = 1.0
"""Largest chroma (CIELAB) that 95 % of a grey picture's pixels may have."""
_WEAK_CHROMA, _STRONG_CHROMA = 10.0, 30.0
_DEGREE, _SLOPE_TERMS, _EDGE_TERMS = 6, 5, 6
_FITS, _STRAIGHT_FITS = 7, 3
_FITTED_PIXELS = 2000
_NOISE = 0.6
_RIDGE, _BEND_RIDGE = 1e-6, 1e-4
_PIXELS_PER_TERM = 16
_SMOOTH_PX = 1.2
_NOISE_LEFT = 0.5
"""Coloured things cover neighbouring pixels; what is left of chroma noise does not."""

_NEAR = 4.0
"""Distance from the fit, CIELAB units, beyond which a pixel has a colour of its own."""
_SPREAD_80, _SPREAD_80_PER_CHROMA = 1.05, 0.04
_SPREAD_90, _SPREAD_90_PER_CHROMA = 1.7, 0.07
_TIGHT = 0.8
"""Largest distance from the fit that 80 % of all pixels, and 90 % of those near it, may have in a
print, and how much more for each unit of its chroma between the weak and the strong one. Of 60 old
photographs the most spread has 1.0 and 1.3. Where those near it are tight, nothing else counts."""
FAINT_CHROMA = 6.0
"""What has less is no coloured place: a scratch in a sepia print is white."""
_MAX_PLACES = 0.17
"""Share of a print that may have colours of its own."""
_MAX_SLOPE = 18.0
"""Largest change of the cast over the frame, CIELAB units: more is an evening sky, not a lamp."""
_TONER_CHROMA = 45.0
"""Larger median chroma than any toning reaches: a sunset or a clear sky, not a print."""
_TINT_CHROMA = 10.0
_COLD_TINT = -8.0
_BLACKEST_COLD = 27.0
"""A print in blue has shadows (L of its darkest 3 %); the sky and the sea have not."""
_GREEN_HUES = (112.0, 200.0)
"""Hues, in degrees, that no toning has: meadows and woods."""

_CENTER_SHARE = 0.5
_MIN_PRINT_SHARE = 0.35
_LINE_INSIDE, _LINE_OUTSIDE = 0.8, 0.55


class ToneJudgement(NamedTuple):
    """What a picture is, and which places of it are truly coloured."""

    tone: Tone
    places: NDArray[np.float32] | None
    """(h, w) float32, a small copy: CIELAB distance of each pixel from what the print's tone makes
    of its lightness, 0 where that is its colour; None where no place is coloured."""
    curve: NDArray[np.float64]
    """(K, 2): a and b of the print's tone, as a polynomial of L / 50 - 1, lowest power first."""


_GREY = ToneJudgement("grey", None, np.zeros((1, 2)))
_COLORED = _GREY._replace(tone="colour")


def tone(pixels: NDArray[Any]) -> Tone:
    """Judge a picture by a small copy of it.

    pixels: (H, W) grey or (H, W, 3) sRGB-encoded; uint8, uint16, or floating in [0, 1].
    Returns "grey" (no colour at all but for some places), "toned" (monochrome: one colour for each
    lightness) or "colour".
    """
    return judge(pixels).tone


def judge(pixels: NDArray[Any]) -> ToneJudgement:
    """The tone of a picture, and its coloured places. pixels: as for `tone`."""
    if pixels.ndim == 2:
        return _GREY
    small = _small_copy(pixels)
    if not (np.ptp(small, axis=2) > 0).any():
        return _GREY
    lab = rgb_to_lab(small)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    if float(chroma.max()) <= _GREY_CHROMA:
        return _GREY
    if min(lab.shape[:2]) < _MIN_SIDE_PX:
        grey = float(np.percentile(chroma, 95)) <= _GREY_CHROMA
        return _GREY._replace(tone="grey" if grey else _tone_of_few(lab))
    return _judge(lab)


def _tone_of_few(lab: NDArray[Any]) -> Tone:
    """The tone of a picture of few pixels, by the curve alone."""
    flat = lab.reshape(-1, 3)
    degree = min(4, len(flat) // _PIXELS_PER_TERM)
    terms = np.vander(flat[:, 0] / 50.0 - 1.0, degree + 1)[:, None]
    distance = np.hypot(*(flat[:, 1:] - _product(terms[:, 0], _fit(terms, flat[:, None]))).T)
    return "toned" if _follows_a_curve(distance, flat) else "colour"


def _judge(lab: NDArray[Any]) -> ToneJudgement:
    terms = _terms(lab[..., 0])
    box = _print_box(lab, terms)
    fit = _fit(terms[box], lab[box])
    distance = _distance(terms, fit, lab)
    part = lab[box]
    if not _follows_a_curve(distance[box], part) or not _is_a_print(part, terms[box], fit):
        return _COLORED
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    grey = float(np.percentile(chroma[box][distance[box] <= _NEAR], 90)) <= 2 * _GREY_CHROMA
    colored = (distance > _NEAR) & (chroma > FAINT_CHROMA)
    places = np.where(colored, distance, 0.0).astype(np.float32)
    curve = fit[: _DEGREE + 1]
    return ToneJudgement("grey" if grey else "toned", places if places.any() else None, curve)


def _follows_a_curve(distance: NDArray[Any], lab: NDArray[Any]) -> bool:
    """Whether the pixels lie along the fit, but for some places."""
    typical = float(np.percentile(np.hypot(lab[..., 1], lab[..., 2]), 75))
    strong = min(max(typical, _WEAK_CHROMA), _STRONG_CHROMA) - _WEAK_CHROMA
    near = distance[distance <= _NEAR]
    if near.size < (1 - _MAX_PLACES) * distance.size:
        return False
    tight = float(np.percentile(near, 90))
    if tight <= _TIGHT:
        return True  # with ink all over it, say
    return bool(
        np.percentile(distance, 80) <= _SPREAD_80 + _SPREAD_80_PER_CHROMA * strong
        and tight <= _SPREAD_90 + _SPREAD_90_PER_CHROMA * strong
    )


def _is_a_print(lab: NDArray[Any], terms: NDArray[Any], fit: NDArray[Any]) -> bool:
    """Whether the curve is one that toning or age may have, and the slope one that a lamp may."""
    slopes = slice(_DEGREE + 1, _DEGREE + 1 + _SLOPE_TERMS)
    slope_terms = np.ascontiguousarray(terms[..., slopes].reshape(-1, _SLOPE_TERMS))
    sloped = _product(slope_terms, np.ascontiguousarray(fit[slopes]))
    if float(np.percentile(np.hypot(*sloped.T), 98)) > _MAX_SLOPE:
        return False
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    if float(np.median(chroma)) > _TONER_CHROMA:
        return False
    tinted = chroma > _TINT_CHROMA
    if float(tinted.mean()) < 0.2:
        return True
    a, b = (float(np.median(lab[..., channel][tinted])) for channel in (1, 2))
    hue = np.degrees(np.arctan2(b, a)) % 360
    if _GREEN_HUES[0] < hue < _GREEN_HUES[1]:
        return False
    blackest = float(np.percentile(lab[..., 0], 3))
    return b > _COLD_TINT or blackest <= _BLACKEST_COLD


def _print_box(lab: NDArray[Any], terms: NDArray[Any]) -> tuple[slice, slice]:
    """Rows and columns of the print, where it lies on a ground of another colour; else of all.

    The middle is taken for the print. Its sides are where, along a whole line, pixels stop having
    its colours; a thing of some colour in a photograph has no such straight sides all round.
    """
    height, width = lab.shape[:2]
    whole = (slice(0, height), slice(0, width))
    margins = [round(side * (1 - _CENTER_SHARE) / 2) for side in (height, width)]
    middle = (slice(margins[0], height - margins[0]), slice(margins[1], width - margins[1]))
    near = _distance(terms, _fit(terms[middle], lab[middle]), lab) <= _NEAR
    if near.mean() > 0.97 or near[middle].mean() < 1 - _MAX_PLACES:
        return whole
    top, bottom, left, right = margins[0], height - margins[0], margins[1], width - margins[1]
    for _ in range(2):
        top, bottom = _extent(near[:, left:right].mean(axis=1), top, bottom)
        left, right = _extent(near[top:bottom].mean(axis=0), left, right)
    box = (slice(top, bottom), slice(left, right))
    if (bottom - top) * (right - left) < _MIN_PRINT_SHARE * height * width:
        return whole
    within = near[box]
    lines = [within[0], within[-1], within[:, 0], within[:, -1]]
    grounds = [near[:top], near[bottom:], near[:, :left], near[:, right:]]
    for line, ground in zip(lines, grounds):
        if ground.size and (line.mean() < _LINE_INSIDE or 1 - ground.mean() < _LINE_OUTSIDE):
            return whole
    return box


def _extent(share: NDArray[Any], start: int, stop: int) -> tuple[int, int]:
    """The lines round ``start`` to ``stop`` that have the print's colours at all."""
    while start > 0 and share[start - 1] >= _LINE_INSIDE:
        start -= 1
    while stop < len(share) and share[stop] >= _LINE_INSIDE:
        stop += 1
    return start, stop


def _terms(L: NDArray[Any]) -> NDArray[np.float64]:
    """(h, w, K): powers of lightness; slopes over the frame, in proportion to it; its edges, to
    the second order.
    """
    height, width = L.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    share, level = L / 100.0, L / 50.0 - 1.0
    powers = [level**power for power in range(_DEGREE + 1)]
    slopes = [x * share, y * share, x * x * share, x * y * share, y * y * share]
    across, down, along, between, upright = (
        cv2.Sobel(L, cv2.CV_64F, *order, ksize=3, scale=0.125)
        for order in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    )
    edges = [across, down, x * across + y * down, along, between, upright]
    return np.stack([*powers, *slopes, *edges], axis=-1)


def _fit(terms: NDArray[Any], lab: NDArray[Any]) -> NDArray[np.float64]:
    """(K, 2): coefficients of a and b for (h, w, K) terms, by iteratively reweighted least squares
    (Cauchy weights), so that a coloured object does not bend the curve. A part of the pixels does.
    """
    every = max(1, lab.shape[0] * lab.shape[1] // _FITTED_PIXELS)
    rows = np.ascontiguousarray(terms.reshape(-1, terms.shape[-1])[::every])
    ab = np.ascontiguousarray(lab[..., 1:].reshape(-1, 2)[::every], np.float64)
    weights = np.ones(len(rows))
    bends = np.zeros(rows.shape[1])
    bends[2 : rows.shape[1] if rows.shape[1] <= _DEGREE else _DEGREE + 1] = 1.0
    ridge = len(rows) * (_RIDGE * np.eye(rows.shape[1]) + np.diag(_BEND_RIDGE * bends))
    fit: NDArray[np.float64] = np.zeros((rows.shape[1], 2))
    for step in range(_FITS):
        # First a straight line: a curve would go through a red coat that alone is as dark as it.
        straight = np.diag(len(rows) * bends * (step < _STRAIGHT_FITS))
        weighted = rows * weights[:, None]
        normal = _product(weighted, rows, transposed=True) + ridge + straight
        solved = np.linalg.solve(normal, _product(weighted, ab, transposed=True))
        fit = np.asarray(solved, np.float64)
        distance = np.hypot(*(ab - _product(rows, fit)).T)
        scale = max(2.0 * float(np.median(distance)), _NOISE)
        weights = 1.0 / (1.0 + (distance / scale) ** 2)
    return fit


def _product(
    first: NDArray[np.float64], second: NDArray[np.float64], *, transposed: bool = False
) -> NDArray[np.float64]:
    """The product of two matrices, the first transposed if asked. NumPy's would start threads,
    which wait for each other at such sizes wherever other work is done beside.
    """
    flags = cv2.GEMM_1_T if transposed else 0
    nothing: Any = None
    return np.asarray(cv2.gemm(first, second, 1.0, nothing, 0.0, flags=flags), np.float64)


def _distance(terms: NDArray[Any], fit: NDArray[Any], lab: NDArray[Any]) -> NDArray[np.float64]:
    """(h, w): distance in the ab plane of every pixel from the fit, smoothed, without its noise."""
    flat = np.ascontiguousarray(terms.reshape(-1, terms.shape[-1]))
    modelled = _product(flat, fit).reshape(*lab.shape[:2], 2)
    rest = lab[..., 1:] - modelled
    smooth = cv2.GaussianBlur(rest, (0, 0), _SMOOTH_PX)
    noise = float(np.median(np.hypot(*np.moveaxis(rest - smooth, -1, 0))))
    squares = (smooth**2).sum(axis=-1) - (_NOISE_LEFT * noise) ** 2
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))


def _small_copy(rgb: NDArray[Any]) -> NDArray[np.float32]:
    height, width = rgb.shape[:2]
    shrink = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = rgb if shrink == 1.0 else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    top = np.iinfo(rgb.dtype).max if np.issubdtype(rgb.dtype, np.integer) else 1
    return np.divide(small, top, dtype=np.float32)
