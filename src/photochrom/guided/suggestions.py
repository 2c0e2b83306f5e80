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
from photochrom.color.luminance import check_picture, lightness
from photochrom.color.places import Window
from photochrom.color.tone import ToneJudgement
from photochrom.engine import FeatureExtractor
from photochrom.errors import InputError, ModelError
from photochrom.hints import ColorHint, check_inside
from photochrom.pipeline import DEFAULT_VIVIDNESS, Size, network_input

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
    """CIELAB units, with the vividness that is asked for."""
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
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    keep: ToneJudgement | None = None,
) -> list[Suggestion]:
    """What a place of a picture may be coloured like, likeliest first.

    picture, size, vividness, keep: as for `photochrom.pipeline.colorize`, which gives the network
    the same to see. x, y: of the place, px. extractor: of the network that is asked. hints: what is
    known already, which the network sees.
    Returns one to ``count`` colours; on black bars, which stay grey, grey alone. Raises InputError
    for a place outside of the picture, and ModelError for a network that classifies no colours or
    colours drawings.
    """
    check_picture(picture)
    check_inside(x, y, picture, f"the place {x:g}, {y:g}")
    if count < 1:
        raise InputError(f"{count} colours cannot be suggested; ask for at least one")
    extractor.card.check_photographs("suggested colours")
    planes, window = network_input(
        picture, extractor.card, size=size, vividness=vividness, hints=hints, keep=keep
    )
    scores = extractor(planes).bin_scores
    if scores is None or len(scores) != len(_BINS):
        raise ModelError(
            f"{extractor.card.title} classifies no colours, so it can suggest none; use a shipped "
            "model such as photochrom-base"
        )
    row = np.ascontiguousarray(picture[int(y + 0.5) : int(y + 0.5) + 1])
    L_at = np.clip(lightness(row)[:, int(x + 0.5) : int(x + 0.5) + 1], *_SHOWN_LIGHTNESS)
    # The model's gain is for its answer, which is greyer than what is likely; not for its bins.
    centres = vividness * _BINS.centres.astype(np.float64)
    colors = [(1.0, np.zeros(2))]
    if _is_inside(x, y, window):
        shares = _distribution(scores, x - window.left, y - window.top, window)
        colors = _likely_colors(shares, centres, count)
    found = []
    for share, chroma in colors:
        rgb = compose(L_at, np.asarray(chroma, np.float32)[None, None])[0, 0]
        red, green, blue = (int(value) for value in rgb)
        found.append(Suggestion((red, green, blue), (float(chroma[0]), float(chroma[1])), share))
    return found


def _is_inside(x: float, y: float, window: Window) -> bool:
    """Whether the pixel of a place, px of the picture, is in a part of it."""
    row, column = int(y + 0.5) - window.top, int(x + 0.5) - window.left
    return 0 <= row < window.height and 0 <= column < window.width


def _distribution(
    scores: NDArray[np.float32], x: float, y: float, window: Window
) -> NDArray[np.float64]:
    """Of colour bins at a place, (Q,): the mean over its cell and those around.

    scores: (Q, h, w), logarithms. x, y: px of the window, which they are of.
    """
    _, h, w = scores.shape
    row = min(int((y + 0.5) * h / window.height), h - 1)
    column = min(int((x + 0.5) * w / window.width), w - 1)
    rows = slice(max(0, row - _AROUND_CELLS), row + _AROUND_CELLS + 1)
    columns = slice(max(0, column - _AROUND_CELLS), column + _AROUND_CELLS + 1)
    near = scores[:, rows, columns].reshape(len(scores), -1).astype(np.float64)
    shares = np.exp(near - near.max(axis=0))
    return np.asarray((shares / shares.sum(axis=0)).mean(axis=1))


def _likely_colors(
    shares: NDArray[np.float64], centres: NDArray[np.float64], count: int
) -> list[tuple[float, NDArray[Any]]]:
    """Clearly different colours of a distribution over bins, likeliest first, with their shares.

    centres: (Q, 2), of the bins, as vivid as they come out.
    The likeliest bin, then the likeliest that is not near to one before: a mode, or the shoulder of
    a broad one. Each has the share of the bins to which it is the nearest, and their mean colour.
    """
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
