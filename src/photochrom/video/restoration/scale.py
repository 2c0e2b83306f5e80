"""Luma codes of a film as shares of white, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]


class LumaScale:
    """What the codes of one film mean."""

    def __init__(self, bits: int, full_range: bool) -> None:
        """bits, full_range: as of `FilmInfo`."""
        self._top = (1 << bits) - 1
        self._black = 0 if full_range else 16 << (bits - 8)
        self._span = self._top if full_range else 219 << (bits - 8)
        self._dtype = np.uint8 if bits == 8 else np.uint16

    def shares(self, luma: NDArray[Any]) -> Plane:
        """(H, W) float32: 0 is the film's black, 1 its white; what lies beyond stays."""
        codes: Plane = luma.astype(np.float32)
        codes -= np.float32(self._black)
        codes *= np.float32(1.0 / self._span)
        return codes

    def codes(self, shares: Plane) -> NDArray[Any]:
        """(H, W) codes, rounded; what no code says becomes the nearest one."""
        codes = shares * np.float32(self._span)
        codes += np.float32(self._black)
        return np.asarray(np.clip(np.rint(codes, out=codes), 0, self._top), self._dtype)
