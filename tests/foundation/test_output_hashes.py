"""benchmarks/output_hashes.py sees each pixel, each frame and its time, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from fixtures.film import Film, make_film
from fixtures.programs import load_program
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "output_hashes.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM.is_file(), reason="benchmarks/ is only in the repository"),
]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load_program(PROGRAM)


def test_a_picture_counts_by_its_pixels_and_not_by_its_file(
    program: ModuleType, tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    plain, told, other = (tmp_path / f"{name}.png" for name in ("plain", "told", "other"))
    Image.fromarray(scene).save(plain)
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", "something else")
    Image.fromarray(scene).save(told, pnginfo=words, compress_level=1)
    scene[3, 5, 2] ^= 1
    Image.fromarray(scene).save(other)
    assert plain.read_bytes() != told.read_bytes()
    assert program.picture_hash(plain) == program.picture_hash(told)
    assert program.picture_hash(plain) != program.picture_hash(other)


def test_the_lowest_bit_and_the_transparency_count(
    program: ModuleType, tmp_path: Path, scene16: NDArray[np.uint16]
) -> None:
    def hashed(pixels: NDArray[np.uint16]) -> str:
        path = tmp_path / "deep.png"
        assert cv2.imwrite(str(path), pixels)
        digest: str = program.picture_hash(path)
        return digest

    whole = np.dstack([scene16, np.full(scene16.shape[:2], 65535, np.uint16)])
    before = hashed(whole)
    for channel in range(4):
        changed = whole.copy()
        changed[7, 9, channel] ^= 1
        assert hashed(changed) != before


def test_a_film_counts_by_its_frames_and_their_times(program: ModuleType, tmp_path: Path) -> None:
    film = Film(frames=5)

    def hashed(name: str, film: Film) -> Any:
        return program.frame_hashes(make_film(tmp_path / name, film))

    before = hashed("a.mkv", film)
    assert len(set(before)) == 5
    assert hashed("a.avi", replace(film, format="avi")) == before
    grainier = hashed("b.mkv", replace(film, grain=9))
    assert all(a != b for a, b in zip(before, grainier, strict=True))
    slower = hashed("c.mkv", replace(film, rate=Fraction(12)))
    assert [a == b for a, b in zip(before, slower, strict=True)] == [True] + [False] * 4


def test_what_differs_is_named(program: ModuleType) -> None:
    before = {"same": ["a"], "picture": ["a"], "gone": ["a"], "film": ["a", "b", "c"], "cut": ["a"]}
    now = {
        "same": ["a"],
        "picture": ["b"],
        "new": ["a"],
        "film": ["a", "x", "y"],
        "cut": ["a", "b"],
    }
    assert program.differences(before, before) == []
    assert program.differences(before, now) == [
        "cut: 2 frames instead of 1",
        "film: 2 of 3 frames differ: 1, 2",
        "gone: is missing now",
        "picture: differs",
    ]
