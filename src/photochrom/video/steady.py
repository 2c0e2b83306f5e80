"""One steady stream of colour out of single guesses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from photochrom.video.guessing import Guess

DEFAULT_STEADY = 0.8
"""How far colour follows the motion: 0 colours every frame by itself, 1 is as steady as can be."""
LOOKAHEAD = 24
"""Most frames that are held before the first of them gets its colour."""

_NOTHING: Mapping[int, Pinned]


@dataclass(frozen=True)
class Small:
    """One frame at the network's working size."""

    index: int
    L: NDArray[np.float32]
    """(h, w), [0, 100]; h and w multiples of the card's."""


@dataclass(frozen=True)
class Pinned:
    """What a person says of a frame's colours; they hold through the shot."""

    index: int
    ab: NDArray[np.float32]
    """(h, w, 2), CIELAB units."""
    mask: NDArray[np.float32]
    """(h, w), 1 where a colour is given, else 0."""


_NOTHING = MappingProxyType({})


def steady_chroma(
    smalls: Iterable[Small],
    guess: Guess,
    *,
    steady: float = DEFAULT_STEADY,
    pinned: Mapping[int, Pinned] = _NOTHING,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Chroma of a film's frames, in their order, one for each.

    smalls: frames in their order. guess: see `Guess`. steady: [0, 1]. pinned: by frame index.
    Yields (index, ab (h', w', 2) float32 in CIELAB units).
    """
    for small in smalls:
        L = small.L[None]
        said = pinned.get(small.index)
        ab = np.zeros((*L.shape, 2), np.float32) if said is None else said.ab[None]
        mask = np.zeros_like(L) if said is None else said.mask[None]
        yield small.index, guess(L, ab, mask)[0]
