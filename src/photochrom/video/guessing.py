"""The network as films ask it: lightness of some frames in, chroma out, without files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.colorize import DEFAULT_VIVIDNESS
from photochrom.engine import Network

Planes: TypeAlias = NDArray[np.float32]
Guess: TypeAlias = Callable[[Planes, Planes, Planes], Planes]
"""(L (N, h, w), hint ab (N, h, w, 2), mask (N, h, w)) to ab (N, h', w', 2), CIELAB units."""

_MIN_HINT_GAIN = 0.5
_AB_LIMIT = 128.0


def network_guess(network: Network, vividness: float = DEFAULT_VIVIDNESS) -> Guess:
    """The guess of a network for some frames, as vivid as asked.

    vividness: factor on the chroma; hints keep the colour that was asked for.
    Returns a callable; it raises ModelError when the network fails.
    """
    gain = network.card.chroma_gain * vividness

    def guess(L: Planes, hint_ab: Planes, mask: Planes) -> Planes:
        # As in `colorize.guess_chroma`: a hint is heard so that it comes out as asked.
        heard = np.clip(hint_ab / max(gain, _MIN_HINT_GAIN), -_AB_LIMIT, _AB_LIMIT)
        inputs = np.concatenate([L[:, None], heard.transpose(0, 3, 1, 2), mask[:, None]], axis=1)
        ab = network(np.ascontiguousarray(inputs, dtype=np.float32)).ab
        return np.ascontiguousarray(gain * ab.transpose(0, 2, 3, 1), dtype=np.float32)

    return guess
