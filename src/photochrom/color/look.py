"""The look that pictures of a series share: which cast they have, and how vivid they are.

A network colours each picture for itself, so that of two pictures of one afternoon one comes out
warmer or paler than the other. Here the colours of a picture are brought to a common look: shifted
from its own cast to the common one, and scaled about it. Lightness has no part in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink, working_shape
from photochrom.color.luminance import check_picture
from photochrom.color.space import rgb_to_lab
from photochrom.color.white_balance import cast_evidence, color_cast, shift_by_lightness, shows_cast
from photochrom.errors import InputError

DEFAULT_STRENGTH = 0.5
"""Of a match: what a picture shows is a part of its look, and is not to be evened out."""

_MEASURED_PX = 256
_LEAST_EVIDENCE = 0.02
"""Share of a picture's pixels that are neither black nor white, below which it has no look."""
_LEAST_VIVIDNESS = 1.0
"""CIELAB units, below which a picture is grey and stays so."""
_MOST_FACTOR = 2.0
"""On a picture's chroma, and its inverse."""
_MOST_SHIFT = 12.0
"""Of a picture's cast, CIELAB units."""


class Look(NamedTuple):
    """How a picture is coloured as a whole."""

    cast: NDArray[np.float32]
    """(2,) a* and b* of what is grey in it, as `color_cast` finds them."""
    vividness: float
    """Mean distance of its colours from the cast, CIELAB units."""


@dataclass(frozen=True)
class Match:
    """A look that pictures are brought to. Raises InputError for another strength."""

    look: Look
    strength: float = DEFAULT_STRENGTH
    """Which share of the way, [0, 1]."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise InputError(f"the strength of a match is {self.strength}; it must be from 0 to 1")


def find_look(ab: NDArray[np.float32], L: NDArray[np.float32]) -> Look | None:
    """The look of a picture; None where it is all but black and white.

    ab: (h, w, 2) float32, CIELAB units. L: (h', w') float32, [0, 100], of the same size or larger.
    """
    small_L = shrink(L, (ab.shape[0], ab.shape[1]))
    if cast_evidence(small_L) < _LEAST_EVIDENCE:
        return None
    cast = color_cast(ab, small_L)
    away = ab[shows_cast(small_L)] - cast
    return Look(cast, float(np.hypot(away[:, 0], away[:, 1]).mean()))


def picture_look(rgb: NDArray[Any]) -> Look | None:
    """The look of a picture in colours, (H, W, 3), sRGB-encoded; uint8, uint16 or in [0, 1].

    None where it is grey, or all but black and white.
    """
    check_picture(rgb)
    if rgb.ndim != 3:
        return None
    height, width = rgb.shape[:2]
    shape = working_shape(height, width, min(_MEASURED_PX, height, width), 1)
    white = np.float32(np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0)
    lab = rgb_to_lab(shrink(rgb, shape) / white)
    look = find_look(np.ascontiguousarray(lab[..., 1:]), np.ascontiguousarray(lab[..., 0]))
    return None if look is None or look.vividness < _LEAST_VIVIDNESS else look


def common_look(looks: Sequence[Look]) -> Look:
    """The median look of pictures, at least one, so that a single odd one counts for little."""
    casts = np.stack([look.cast for look in looks])
    vividness = math.exp(
        float(np.median([math.log(max(look.vividness, _LEAST_VIVIDNESS)) for look in looks]))
    )
    return Look(np.asarray(np.median(casts, axis=0), np.float32), vividness)


def match_chroma(
    ab: NDArray[np.float32], L: NDArray[np.float32], match: Match
) -> NDArray[np.float32]:
    """Chroma nearer to a common look.

    ab, L: as for `find_look`. Returns (h, w, 2) float32; the same where the picture has no look.
    """
    own = find_look(ab, L)
    if own is None or not match.strength:
        return ab
    shift = match.strength * (match.look.cast - own.cast)
    shift *= min(1.0, _MOST_SHIFT / max(float(np.hypot(*shift)), 1e-6))
    factor = 1.0
    if own.vividness >= _LEAST_VIVIDNESS:
        factor = (match.look.vividness / own.vividness) ** match.strength
    factor = min(max(factor, 1 / _MOST_FACTOR), _MOST_FACTOR)
    small_L = shrink(L, (ab.shape[0], ab.shape[1]))
    scaled = own.cast + np.float32(factor) * (ab - own.cast)
    return np.asarray(
        scaled + shift_by_lightness(small_L, np.asarray(shift, np.float32)), np.float32
    )
