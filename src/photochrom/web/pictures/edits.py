"""What a person may ask of a picture, checked; and several plausible versions of it.

A black-and-white picture does not tell what was red and what was green, so there is more than one
honest answer. A version is the network's own answer to a somewhat different question: seen in
more detail, or told that the thing of which it is least sure has a warm, or a cool, colour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.engine import Network
from photochrom.pipeline import (
    DEFAULT_VIVIDNESS,
    Hint,
    Size,
    guess_chroma,
    hint_planes,
    parse_color,
    working_lightness,
)
from photochrom.web.errors import Refused
from photochrom.web.i18n import _

MIN_SIZE_PX: Final = 32
MAX_SIZE_PX: Final = 1024
"""The render factors that are taken; a larger one would hold up everybody."""
MAX_VIVIDNESS: Final = 3.0
MAX_HINTS: Final = 200

Spot: TypeAlias = "list[Any]"
"""[x, y, "#rrggbb"]: px of the upright original, and the colour there."""

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Version:
    """One way to ask the network."""

    size_factor: float = 1.0
    """On the working size."""
    seed: tuple[int, int, int] | None = None
    """sRGB colour of the places of which the network is least sure."""


VERSIONS: Final = (
    Version(),
    Version(size_factor=2.0),
    Version(seed=(176, 84, 64)),
    Version(seed=(70, 106, 166)),
)
"""By their number in ``Picture.variant``: as the model likes it; seen in more detail; with a warm
and with a cool colour at the place of doubt."""

_SEED_RADIUS: Final = 0.03
"""Of the place that a version colours, as a share of the mean side."""
_SHADOW_L, _SHINE_L = 22.0, 88.0
"""Darker and lighter places show no colour anyway."""
_MARGIN: Final = 0.12
_SEEDS: Final = 4
_APART: Final = 0.15
"""Of two places, as a share of the mean side."""
_AS_DOUBTFUL: Final = 0.25
"""How much surer than at the first place the network may be at the others, of all its doubt."""


@dataclass(frozen=True)
class Wishes:
    """What is asked of a picture."""

    size: int | None = None
    vividness: float = DEFAULT_VIVIDNESS
    hints: tuple[Hint, ...] = ()
    variant: int = 0


def checked_wishes(
    height: int,
    width: int,
    *,
    hints: object = (),
    size: object = None,
    vividness: object = DEFAULT_VIVIDNESS,
    variant: object = 0,
) -> Wishes:
    """The wishes that a browser or program sent for a picture of this size.

    Raises Refused for what makes no sense, naming it.
    """
    if size is not None and not (
        isinstance(size, int) and not isinstance(size, bool) and MIN_SIZE_PX <= size <= MAX_SIZE_PX
    ):
        raise Refused(
            _("The render factor must be a whole number from {least} to {most}, or none.").format(
                least=MIN_SIZE_PX, most=MAX_SIZE_PX
            )
        )
    strength = _number(vividness)
    if strength is None or not 0.0 <= strength <= MAX_VIVIDNESS:
        raise Refused(_("The vividness must be from 0 to {most}.").format(most=MAX_VIVIDNESS))
    if (
        not isinstance(variant, int)
        or isinstance(variant, bool)
        or not 0 <= variant < len(VERSIONS)
    ):
        raise Refused(_("There are versions 0 to {last}.").format(last=len(VERSIONS) - 1))
    if not isinstance(hints, Sequence) or isinstance(hints, str) or len(hints) > MAX_HINTS:
        raise Refused(_("Hints are a list of at most {most}.").format(most=MAX_HINTS))
    said = tuple(_hint(spot, height, width) for spot in hints)
    return Wishes(size, strength, said, variant)


def spots(hints: Sequence[Hint]) -> list[Spot]:
    """Hints as they are stored and sent."""
    return [[hint.x, hint.y, "#{:02x}{:02x}{:02x}".format(*hint.rgb)] for hint in hints]


def asked_of_network(
    network: Network, pixels: NDArray[Any], wishes: Wishes
) -> tuple[Size, tuple[Hint, ...]]:
    """The working size and the hints with which the network gives the version asked for.

    pixels: the picture, (H, W) or (H, W, 3). The hints are in its pixels, as are those returned.
    """
    version = VERSIONS[wishes.variant]
    size: Size = "auto" if wishes.size is None else wishes.size
    if version.size_factor != 1.0:
        chosen = network.card.size if wishes.size is None else wishes.size
        most = min(MAX_SIZE_PX, max(*pixels.shape[:2], network.card.multiple))
        size = max(1, min(round(chosen * version.size_factor), most))
    if version.seed is None:
        return size, wishes.hints
    radius = _SEED_RADIUS * math.sqrt(pixels.shape[0] * pixels.shape[1])
    places = places_of_doubt(network, pixels, size)
    seeds = tuple(Hint(x, y, version.seed, radius) for x, y in places)
    # What the person says comes later, and so counts where the two meet.
    return size, (*seeds, *wishes.hints)


def places_of_doubt(
    network: Network, pixels: NDArray[Any], size: Size
) -> list[tuple[float, float]]:
    """Where the network is least sure of its colours: x and y in px of ``pixels``, apart.

    By its own confidence, or where it gives none, by how faint its colour is; over places that
    are neither black nor white and not at the border.
    """
    L = working_lightness(pixels, size, network.card)
    ab, mask = hint_planes((), pixels.shape[:2], L.shape)
    planes = np.concatenate([L[None], ab.transpose(2, 0, 1), mask[None]])[None]
    prediction = network(np.ascontiguousarray(planes, dtype=np.float32))
    if prediction.confidence is not None:
        doubt = 1.0 - prediction.confidence[0, 0]
    else:
        doubt = 100.0 - np.hypot(prediction.ab[0, 0], prediction.ab[0, 1])
    h, w = doubt.shape
    small_L = cv2.resize(L, (w, h), interpolation=cv2.INTER_AREA)
    doubt = cv2.GaussianBlur(np.asarray(doubt, np.float32), (0, 0), max(1.0, 0.03 * min(h, w)))
    allowed = (small_L > _SHADOW_L) & (small_L < _SHINE_L)
    top, left = int(_MARGIN * h), int(_MARGIN * w)
    inside = np.zeros((h, w), np.bool_)
    inside[top : h - top, left : w - left] = True
    if (allowed & inside).any():
        allowed &= inside
    elif not allowed.any():
        allowed = inside
    left_over = np.where(allowed, doubt, -np.inf)
    enough = float(left_over.max()) - _AS_DOUBTFUL * float(np.ptp(left_over[allowed]))
    rows, columns = np.indices((h, w))
    places: list[tuple[float, float]] = []
    while len(places) < _SEEDS and left_over.max() >= enough:
        row, column = (int(i) for i in np.unravel_index(int(np.argmax(left_over)), (h, w)))
        places.append(_in_pixels(row, column, (h, w), pixels.shape[:2]))
        near = np.hypot(rows - row, columns - column) < _APART * math.sqrt(h * w)
        left_over[near] = -np.inf
    return places


def _in_pixels(
    row: int, column: int, small: tuple[int, int], full: tuple[int, ...]
) -> tuple[float, float]:
    (h, w), (height, width) = small, full
    x = min((column + 0.5) * width / w, width - 1.0)
    y = min((row + 0.5) * height / h, height - 1.0)
    return x, y


def chroma(network: Network, pixels: NDArray[Any], wishes: Wishes) -> NDArray[np.float32]:
    """The colours of a picture as they are asked for: (h, w, 2) float32, CIELAB units."""
    size, hints = asked_of_network(network, pixels, wishes)
    L = working_lightness(pixels, size, network.card)
    hint_ab, mask = hint_planes(hints, pixels.shape[:2], L.shape)
    return guess_chroma(network, L, hint_ab, mask, wishes.vividness)


def _number(value: object) -> float | None:
    """A finite number; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _hint(spot: object, height: int, width: int) -> Hint:
    if not isinstance(spot, Sequence) or isinstance(spot, str) or len(spot) != 3:
        raise Refused(_("A hint is x, y and a colour such as #c1272d."))
    x, y, color = _number(spot[0]), _number(spot[1]), spot[2]
    if x is None or y is None or not (0 <= x <= width - 1 and 0 <= y <= height - 1):
        raise Refused(
            _("A hint lies outside of the picture, which has {width} × {height} pixels.").format(
                width=width, height=height
            )
        )
    if not isinstance(color, str) or not _COLOR.fullmatch(color):
        raise Refused(_("The colour of a hint is written like #c1272d."))
    return Hint(x, y, parse_color(color))
