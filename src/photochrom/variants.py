"""Several plausible colourings of one picture.

A black-and-white picture does not tell what was red and what was green, so there is more than one
honest answer. A variant is the network's own answer to a somewhat different question: seen in
more detail, or with a hint that what it is least sure of has a warm, or a cool, colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.look import Match
from photochrom.color.places import Window, paint_places
from photochrom.color.smoothing import Smoothing
from photochrom.color.tone import ToneJudgement
from photochrom.engine import Network
from photochrom.errors import InputError
from photochrom.hints import ColorHint, Hint
from photochrom.pipeline import (
    DEFAULT_VIVIDNESS,
    NO_SHIFT,
    Guide,
    Size,
    Spread,
    WhiteBalance,
    chosen_spread,
    colorize,
    predict,
)

MAX_SIZE_PX: Final = 640
"""Working size up to which a variant in more detail goes, unless a larger one is asked for. The
default network takes 0.4 GB at 640 px and 1.9 GB at 1024, as it compares all places with all."""

_SEED_RADIUS: Final = 0.03
"""Of the place that a variant colours, as a share of the mean side."""
_DARKEST_L, _LIGHTEST_L = 22.0, 88.0
"""Darker and lighter places show no colour anyway."""
_MARGIN: Final = 0.12
"""At each border, as a share of the side: what matters in a photograph is rarely there."""
_BLUR: Final = 0.03
"""Sigma of the uncertainty's smoothing, as a share of the shorter side: a place, not a pixel."""
_MAX_PLACES: Final = 4
_MIN_DISTANCE: Final = 0.15
"""Between two places, as a share of the mean side."""
_UNCERTAINTY_RANGE: Final = 0.25
"""How much surer than at the first place the network may be at the others, as a share of the range
of its uncertainty over the picture."""


@dataclass(frozen=True)
class Variant:
    """One way to ask the network."""

    name: str
    """Also in the names of files."""
    size_factor: float = 1.0
    """On the working size."""
    seed: tuple[int, int, int] | None = None
    """sRGB colour, [0, 255], of the places of which the network is least sure."""
    alternative: int | None = None
    """Number of the version that `photochrom.guided.alternatives` has; None for the others."""


VARIANTS: Final = (
    Variant("likely"),
    Variant("detailed", size_factor=2.0),
    Variant("warm", seed=(176, 84, 64)),
    Variant("cool", seed=(70, 106, 166)),
)
"""As the model has it; seen in more detail; with a warm and with a cool colour where it is least
sure. The studio stores their positions here: add new ones at the end."""

MOST_ALTERNATIVES: Final = 6
"""Versions of a picture by `photochrom.guided.alternatives`, with the network's own answer, the
first."""

ALTERNATIVES: Final = (
    VARIANTS[0],
    *(Variant(f"alternative{n}", alternative=n) for n in range(2, MOST_ALTERNATIVES + 1)),
)
"""These versions, as jobs name them."""


def colorize_variant(
    rgb: NDArray[Any],
    variant: Variant,
    network: Network,
    *,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    hints: Sequence[ColorHint] = (),
    keep: ToneJudgement | None = None,
    white_balance: WhiteBalance = NO_SHIFT,
    guide: Guide | None = None,
    spread: Spread = "auto",
    smooth: Smoothing = "none",
    match: Match | None = None,
) -> NDArray[Any]:
    """Colour a picture as a variant has it; everything else as for `colorize`.

    Hints count more than the variant. Returns (H, W, 3) sRGB-encoded, of the dtype of ``rgb``
    (float32 for floating).
    """
    spread = chosen_spread(rgb, hints, spread, network.card, guide)  # by a person's hints alone
    size = _variant_size(variant, network, rgb.shape[:2], size)
    if spread == "network":
        hints = (
            *_seeds(variant, network, rgb, size),
            *hints,
        )  # where two meet, the later one counts
    return colorize(
        rgb,
        model=network,
        size=size,
        vividness=vividness,
        hints=hints,
        keep=keep,
        white_balance=white_balance,
        guide=guide,
        spread=spread,
        smooth=smooth,
        match=match,
    )


CONFIDENCE: Final = Variant("confidence")
"""No colours: how sure the network is of them, see `confidence_picture`."""


def confidence_picture(
    rgb: NDArray[Any], network: Network, size: Size = "auto"
) -> NDArray[np.uint8]:
    """How sure a network is of its colours: white where it is, black where it is not at all.

    rgb, size: as for `colorize`. Returns (H, W) uint8; the confidence times 255, linear between the
    network's own pixels. Raises InputError for a network that does not say.
    """
    confidence = predict(rgb, network, size=size).confidence
    if confidence is None:
        raise InputError(
            f"{network.card.title} does not say how sure it is; use a shipped model, such as "
            "photochrom-base"
        )
    codes = np.rint(np.clip(confidence, 0.0, 1.0) * 255.0).astype(np.uint8)
    full = (rgb.shape[1], rgb.shape[0])
    return np.asarray(cv2.resize(codes, full, interpolation=cv2.INTER_LINEAR), np.uint8)


def uncertain_places(
    rgb: NDArray[Any],
    network: Network,
    size: Size = "auto",
    hints: Sequence[ColorHint] = (),
) -> list[tuple[float, float]]:
    """Where the network is least sure of its colours.

    By its own confidence, or where it gives none, by how faint its colour is; over places that
    are neither black nor white, not at the border, and of which no hint says a colour.
    rgb, size, hints: as for `colorize`. Returns x and y in px of ``rgb``, at most four places apart
    from each other, the least sure first; one at least where there are no hints.
    """
    guess = predict(rgb, network, size=size, hints=hints)
    uncertainty: NDArray[Any]
    if guess.confidence is not None:
        uncertainty = 1.0 - guess.confidence
    else:
        uncertainty = 100.0 - np.hypot(guess.ab[..., 0], guess.ab[..., 1])
    h, w = uncertainty.shape
    small_L = cv2.resize(guess.L, (w, h), interpolation=cv2.INTER_AREA)
    sigma_px = max(1.0, _BLUR * min(h, w))
    uncertainty = cv2.GaussianBlur(np.asarray(uncertainty, np.float32), (0, 0), sigma_px)
    candidates = _candidates(np.asarray(small_L)) & ~_near_hints(rgb, hints, (h, w))
    open_places = np.where(candidates, uncertainty, -np.inf)
    finite = open_places[candidates]
    if not finite.size:
        return []
    least = float(finite.max()) - _UNCERTAINTY_RANGE * float(np.ptp(finite))
    rows, columns = np.indices((h, w))
    places: list[tuple[float, float]] = []
    while len(places) < _MAX_PLACES and open_places.max() >= least:
        row, column = (int(i) for i in np.unravel_index(int(np.argmax(open_places)), (h, w)))
        places.append(_full_size_place(row, column, (h, w), rgb.shape[:2]))
        near = np.hypot(rows - row, columns - column) < _MIN_DISTANCE * math.sqrt(h * w)
        open_places[near] = -np.inf
    return places


def _variant_size(variant: Variant, network: Network, shape: tuple[int, ...], size: Size) -> Size:
    """The working size; more detail than the picture has there is none."""
    if variant.size_factor == 1.0:
        return size
    px = network.card.size if size == "auto" else size
    most = min(max(MAX_SIZE_PX, px), max(*shape, network.card.multiple))
    return max(1, min(round(px * variant.size_factor), most))


class _Seed(Hint):
    """A colour that nobody asked for at just this place."""

    @property
    def is_exact(self) -> bool:
        """It is for the network alone."""
        return False


def _seeds(variant: Variant, network: Network, rgb: NDArray[Any], size: Size) -> tuple[Hint, ...]:
    """Hints of the variant's own colour, where the network is least sure."""
    if variant.seed is None:
        return ()
    radius_px = _SEED_RADIUS * math.sqrt(rgb.shape[0] * rgb.shape[1])
    places = uncertain_places(rgb, network, size)
    return tuple(_Seed(x, y, variant.seed, radius_px) for x, y in places)


def _candidates(L: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a colour would be seen: (h, w), of which at least one is true. L: (h, w), [0, 100]."""
    h, w = L.shape
    visible = (L > _DARKEST_L) & (L < _LIGHTEST_L)
    top, left = int(_MARGIN * h), int(_MARGIN * w)
    inside = np.zeros((h, w), np.bool_)
    inside[top : h - top, left : w - left] = True
    if (visible & inside).any():
        return visible & inside
    return visible if visible.any() else inside


def _near_hints(
    rgb: NDArray[Any], hints: Sequence[ColorHint], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Where hints say colours, and what is no further from them than two places from each other."""
    places = [hint.on_picture(rgb) for hint in hints]
    _, mask = paint_places(places, Window(0, 0, *rgb.shape[:2]), shape)
    if not mask.any():
        return np.zeros(shape, np.bool_)
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.asarray(distance < _MIN_DISTANCE * math.sqrt(shape[0] * shape[1]), np.bool_)


def _full_size_place(
    row: int, column: int, small: tuple[int, int], full: tuple[int, ...]
) -> tuple[float, float]:
    """x and y in px of the picture of the centre of a small pixel."""
    (h, w), (height, width) = small, full
    x = min((column + 0.5) * width / w, width - 1.0)
    y = min((row + 0.5) * height / h, height - 1.0)
    return x, y
