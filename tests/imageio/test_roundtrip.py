"""What is written is what is read: every format, depth and kind of picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.space import rgb_to_lab
from photochrom.imageio import FORMATS, Metadata, Picture, output_name, read, write

WRITTEN = [row for row in FORMATS.values() if row.encode is not None]
LOSSLESS = [row.suffix for row in WRITTEN if row.quality is None]
DEEP = [row.suffix for row in WRITTEN if row.deep]
SUFFIXES = [row.suffix for row in WRITTEN]


def lightness(pixels: NDArray[Any]) -> NDArray[Any]:
    """L* by the formula, (H, W), of any pixels that imageio hands out."""
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return rgb_to_lab(rgb / float(np.iinfo(rgb.dtype).max))[..., 0]


def kinds(scene: NDArray[Any]) -> dict[str, Picture]:
    """Grey and colour, with and without transparency."""
    grey = np.ascontiguousarray(scene[..., 1])
    alpha = np.ascontiguousarray(scene[::-1, :, 0])
    return {
        "grey": Picture(grey),
        "colour": Picture(scene),
        "grey and alpha": Picture(grey, alpha),
        "colour and alpha": Picture(scene, alpha),
    }


@pytest.mark.parametrize("kind", ["grey", "colour", "grey and alpha", "colour and alpha"])
@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("depth", [8, 16])
def test_lossless_formats_return_every_sample(
    tmp_path: Path,
    scene: NDArray[np.uint8],
    scene16: NDArray[np.uint16],
    suffix: str,
    kind: str,
    depth: int,
) -> None:
    if depth == 16 and suffix not in DEEP:
        pytest.skip("it has 8 bits")
    picture = kinds(scene if depth == 8 else scene16)[kind]
    write(tmp_path / f"a{suffix}", picture)
    back = read(tmp_path / f"a{suffix}")
    expected = picture.pixels
    if back.pixels.ndim > expected.ndim:  # grey in a format that has only colour
        expected = np.repeat(expected[..., None], 3, axis=2)
    np.testing.assert_array_equal(back.pixels, expected)
    assert back.pixels.dtype == picture.pixels.dtype
    if picture.alpha is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, picture.alpha)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lightness_is_kept(tmp_path: Path, astronaut: NDArray[np.uint8], suffix: str) -> None:
    write(tmp_path / f"a{suffix}", Picture(astronaut))
    error = np.abs(lightness(read(tmp_path / f"a{suffix}").pixels) - lightness(astronaut))
    if suffix == ".jpg":  # JPEG's own rounding: see FORMATS
        assert error.mean() < 0.3
        assert np.mean(error > 0.5) < 0.15
        assert error.max() < 3.0
    else:
        assert error.max() <= 0.5


@pytest.mark.parametrize("suffix", DEEP)
def test_sixteen_bits_are_kept(tmp_path: Path, scene16: NDArray[np.uint16], suffix: str) -> None:
    write(tmp_path / f"a{suffix}", Picture(scene16))
    error = np.abs(lightness(read(tmp_path / f"a{suffix}").pixels) - lightness(scene16))
    assert error.mean() <= 0.01


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_sixteen_bits_are_rounded_where_the_format_has_eight(
    tmp_path: Path, scene16: NDArray[np.uint16], suffix: str
) -> None:
    write(tmp_path / f"a{suffix}", Picture(scene16))
    back = read(tmp_path / f"a{suffix}").pixels
    assert back.dtype == np.uint8
    assert np.abs(back - scene16 / 257.0).max() < (0.51 if suffix == ".webp" else 10.0)


def test_an_eight_bit_file_stays_one(tmp_path: Path, scene16: NDArray[np.uint16]) -> None:
    write(tmp_path / "a.png", Picture(scene16, metadata=Metadata(bits=8)))
    assert read(tmp_path / "a.png").pixels.dtype == np.uint8


def test_a_grey_jpeg_is_read_as_grey(tmp_path: Path, grey_scene: NDArray[np.uint8]) -> None:
    write(tmp_path / "a.jpg", Picture(grey_scene), quality=100)
    back = read(tmp_path / "a.jpg")
    assert back.pixels.shape == grey_scene.shape
    assert back.format == "JPEG"
    assert np.abs(back.pixels.astype(int) - grey_scene).max() <= 2


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 5)])
def test_tiny_pictures_are_pictures(tmp_path: Path, suffix: str, shape: tuple[int, int]) -> None:
    write(tmp_path / f"a{suffix}", Picture(np.full((*shape, 3), 100, np.uint8)))
    back = read(tmp_path / f"a{suffix}").pixels
    assert back.shape == (*shape, 3)
    assert np.abs(back.astype(int) - 100).max() <= 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_picture_gives_the_same_file(
    tmp_path: Path, scene: NDArray[np.uint8], suffix: str
) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}{suffix}", Picture(scene), generator="tester 1")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", "a.new.JPG"),
        ("a.b.tiff", "a.b.new.tiff"),
        ("a.heic", "a.heic.new.jpg"),
        ("a.gif", "a.gif.new.png"),
        ("a", "a.new.png"),
    ],
)
def test_formats_that_are_only_read_have_a_neighbour_to_write(name: str, expected: str) -> None:
    assert output_name(name, mark=".new") == expected
    assert output_name(name) == expected.replace(".new", "")


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), np.float32), np.zeros((0, 2), np.uint8)],
)
def test_a_picture_has_a_valid_shape_and_type(pixels: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="pixels must be"):
        Picture(pixels)
