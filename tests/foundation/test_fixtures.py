"""The shared pictures are what their descriptions say, and tests cannot reach the network."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
GREY = sorted(path for path in EXAMPLES.glob("*.jpg") if ".color." not in path.name)


def test_the_drawn_scene_has_strong_and_different_colours(scene: NDArray[np.uint8]) -> None:
    assert scene.shape == (90, 120, 3)
    assert scene.dtype == np.uint8
    house, meadow, sky = scene[60, 25], scene[80, 110], scene[5, 5]
    assert house.argmax() == 0
    assert meadow.argmax() == 1
    assert sky.argmax() == 2


def test_the_sixteen_bit_scene_uses_its_low_bits(scene16: NDArray[np.uint16]) -> None:
    assert len(np.unique(scene16 & 0xFF)) == 256


def test_the_photographs_are_there_offline(photo: NDArray[np.uint8]) -> None:
    assert photo.ndim == 3
    assert min(photo.shape[:2]) >= 300


def test_the_network_is_out_of_reach() -> None:
    with socket.socket() as connection, pytest.raises(AssertionError, match="tests run offline"):
        connection.connect(("192.0.2.1", 80))


@pytest.mark.parametrize("path", GREY, ids=lambda path: path.name)
def test_an_example_is_small_grey_and_credited(path: Path) -> None:
    assert path.stat().st_size < 150_000
    with Image.open(path) as picture:
        assert picture.mode == "L"
    assert f"`{path.name}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
