"""Grey pictures that are stored as three equal channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.imageio import Picture, with_one_channel


def grey(dtype: Any) -> NDArray[Any]:
    return np.random.default_rng(5).integers(0, np.iinfo(dtype).max, (300, 211)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_equal_channels_become_one_and_nothing_else_changes(dtype: Any) -> None:
    plane = grey(dtype)
    picture = Picture(np.dstack([plane] * 3), plane, format="JPEG", notes=("a",))
    one = with_one_channel(picture)
    np.testing.assert_array_equal(one.pixels, plane)
    assert one.alpha is picture.alpha
    assert (one.format, one.notes, one.metadata) == ("JPEG", ("a",), picture.metadata)


@pytest.mark.parametrize("place", [(0, 0), (299, 210), (150, 7)])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_pixel_in_colour_keeps_three(place: tuple[int, int], channel: int) -> None:
    pixels = np.dstack([grey(np.uint8)] * 3)
    pixels[place][channel] ^= 1
    picture = Picture(pixels)
    assert with_one_channel(picture) is picture
