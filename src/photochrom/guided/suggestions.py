"""Colours that a network thinks likely for a place, likeliest first, from its distribution.

A classifying network gives each pixel a distribution over colour bins, of which its answer is a
mean. Where it is of two minds, the two are more use to a person than what lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.color.compose import compose
from photochrom.color.luminance import check_picture, check_range, lightness
from photochrom.color.places import Window, paint_places
from photochrom.engine import FeatureExtractor
from photochrom.errors import InputError, ModelError
from photochrom.hints import ColorHint, check_inside
from photochrom.pipeline import working_lightness

DEFAULT_COUNT = 5
"""Of colours that are suggested, at most."""

_AROUND_CELLS = 1
"""Around the place's own, over which the distribution is averaged."""
_LEAST_SHARE = 0.01
"""Of the distribution, that a suggested colour has."""
_LEAST_DISTANCE = 18.0
"""Between two of them, CIELAB units; bins are 10 apart."""
_SHOWN_LIGHTNESS = (35.0, 80.0)
"""L* of suggested colours at least and at most: in a shadow, or a highlight, sRGB has next to no
chroma, so that all of them would be the same black, and the one that is chosen not what was meant.
"""
_BINS = ColorBins.in_gamut()


class Suggestion(NamedTuple):
    """A colour that a place may have."""

    rgb: tuple[int, int, int]
    """sRGB, [0, 255], at the place's own lightness, but at L* 35 at least and 80 at most, where it
    can be told from others; the lightness does not count as a hint."""
    ab: tuple[float, float]
    """CIELAB units, as the network means it."""
    probability: float
    """Share of the network's distribution that belongs to it, [0, 1]."""


def suggest_colors(
    picture: NDArray[Any],
    x: float,
    y: float,
    extractor: FeatureExtractor,
    *,
    count: int = DEFAULT_COUNT,
    hints: Sequence[ColorHint] = (),
) -> list[Suggestion]:
    """What a place of a picture may be coloured like, likeliest first.

    picture: (H, W) or (H, W, 3), as for `photochrom.pipeline.colorize`. x, y: of the place, px.
    extractor: of the network that is asked. hints: what is known already, which the network sees.
    Returns one to ``count`` colours. Raises InputError for a place outside of the picture, and
    ModelError for a network that classifies no colours or colours drawings.
    """
    check_picture(picture)
    check_range(picture)
    check_inside(x, y, picture, f"the place {x:g}, {y:g}")
    if count < 1:
        raise InputError(f"{count} colours cannot be suggested; ask for at least one")
    extractor.card.check_photographs("suggested colours")
    full = Window(0, 0, *picture.shape[:2])
    L = working_lightness(picture, "auto", extractor.card)
    shape = (L.shape[0], L.shape[1])
    places = [hint.on_picture(picture) for hint in hints]
    ab, mask = paint_places([place for place in places if place.spreads], full, shape)
    planes = np.concatenate([L[None], np.moveaxis(ab, -1, 0), mask[None]])[None]
    scores = extractor(np.ascontiguousarray(planes, np.float32)).bin_scores
    if scores is None or len(scores) != len(_BINS):
        raise ModelError(
            f"{extractor.card.title} classifies no colours, so it can suggest none; use a shipped "
            "model such as photochrom-base"
        )
    row = np.ascontiguousarray(picture[int(y + 0.5) : int(y + 0.5) + 1])
    L_at = np.clip(lightness(row)[:, int(x + 0.5) : int(x + 0.5) + 1], *_SHOWN_LIGHTNESS)
    found = []
    for share, chroma in _likely_colors(_distribution(scores, x, y, full), count):
        rgb = compose(L_at, np.asarray(chroma, np.float32)[None, None])[0, 0]
        red, green, blue = (int(value) for value in rgb)
        found.append(Suggestion((red, green, blue), (float(chroma[0]), float(chroma[1])), share))
    return found


def _distribution(
    scores: NDArray[np.float32], x: float, y: float, full: Window
) -> NDArray[np.float64]:
    """Of colour bins at a place, (Q,): the mean over its cell and those around.

    scores: (Q, h, w), logarithms.
    """
    _, h, w = scores.shape
    row, column = int((y + 0.5) * h / full.height), int((x + 0.5) * w / full.width)
    rows = slice(max(0, row - _AROUND_CELLS), row + _AROUND_CELLS + 1)
    columns = slice(max(0, column - _AROUND_CELLS), column + _AROUND_CELLS + 1)
    near = scores[:, rows, columns].reshape(len(scores), -1).astype(np.float64)
    shares = np.exp(near - near.max(axis=0))
    return np.asarray((shares / shares.sum(axis=0)).mean(axis=1))


def _likely_colors(shares: NDArray[np.float64], count: int) -> list[tuple[float, NDArray[Any]]]:
    """Clearly different colours of a distribution over bins, likeliest first, with their shares.

    The likeliest bin, then the likeliest that is not near to one before: a mode, or the shoulder of
    a broad one. Each has the share of the bins to which it is the nearest, and their mean colour.
    """
    centres = _BINS.centres.astype(np.float64)
    chosen: list[int] = []
    for index in np.argsort(-shares, kind="stable"):
        apart = np.hypot(*(centres[chosen] - centres[index]).T)
        if (apart >= _LEAST_DISTANCE).all():
            chosen.append(int(index))
        if len(chosen) == count:
            break
    distances = np.hypot(*np.moveaxis(centres[:, None] - centres[chosen], -1, 0))
    owners = distances.argmin(axis=1)
    found = []
    for number in range(len(chosen)):
        weights = shares * (owners == number)
        share = float(weights.sum())
        found.append((share, weights @ centres / max(share, 1e-12)))
    found.sort(key=lambda entry: -entry[0])
    return [entry for entry in found if entry[0] >= _LEAST_SHARE] or found[:1]
