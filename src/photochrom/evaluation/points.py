"""Points of colour as a person who knows the picture would say them, for measuring with hints."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photochrom.hints import Hint

_RADIUS_SHARE = 3 / 256
"""Radius of a point as a share of the picture's short side: 7 px in 256."""


def simulated_points(
    truth: NDArray[np.uint8], number: int, name: str, seed: int = 0
) -> Sequence[Hint]:
    """Hints at ``number`` random places, each of the mean colour that the picture has there.

    truth: (H, W, 3) uint8, sRGB-encoded. name, seed: the same places for the same picture in each
    evaluation; of more points, the first ones are those of fewer.
    """
    height, width = truth.shape[:2]
    radius = _RADIUS_SHARE * min(height, width)
    reach = int(radius)
    random = np.random.default_rng([seed, zlib.crc32(name.encode(errors="surrogatepass"))])
    hints = []
    for down, right in random.random((number, 2)):
        y, x = int(down * height), int(right * width)
        place = truth[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        red, green, blue = np.rint(place.mean(axis=(0, 1))).astype(int).tolist()
        hints.append(Hint(x, y, (red, green, blue), radius=radius))
    return hints
