"""The network as films ask it: lightness of some frames in, chroma out, without files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import Network
from photochrom.pipeline import DEFAULT_VIVIDNESS, network_chroma

Planes: TypeAlias = NDArray[np.float32]
Guess: TypeAlias = Callable[[Planes, Planes, Planes], Planes]
"""(L (N, h, w), hint ab (N, h, w, 2), mask (N, h, w)) to ab (N, h', w', 2), CIELAB units."""


def network_guess(network: Network, vividness: float = DEFAULT_VIVIDNESS) -> Guess:
    """The guess of a network for some frames, as vivid as asked.

    vividness: factor on the chroma; hints keep the colour that was asked for.
    Returns a callable; it raises ModelError when the network fails.
    """

    def guess(L: Planes, hint_ab: Planes, mask: Planes) -> Planes:
        return network_chroma(network, L, hint_ab, mask, vividness)

    return guess
