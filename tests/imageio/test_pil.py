"""Pictures from Pillow and to it, by what Pillow itself says of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import fixtures.imageio
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photochrom.errors import InputError, OutputError
from photochrom.imageio import Picture, from_pil, read


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "YCbCr"])
def test_the_pixels_are_those_that_pillow_converts_to(mode: str, scene: NDArray[np.uint8]) -> None:
    image = Image.fromarray(scene).convert(mode)
    picture = from_pil(image)
    grey = mode in ("L", "LA", "1")
    expected = np.asarray(image.convert("L" if grey else "RGB"))
    np.testing.assert_array_equal(picture.pixels, expected)
    assert (picture.alpha is None) == (mode not in ("LA", "RGBA"))


def test_16_bits_stay_16(scene16: NDArray[np.uint16]) -> None:
    grey = np.ascontiguousarray(scene16[..., 1])
    picture = from_pil(Image.fromarray(grey))
    assert picture.pixels.dtype == np.uint16
    np.testing.assert_array_equal(picture.pixels, grey)


def test_a_profile_is_applied(grey_scene: NDArray[np.uint8]) -> None:
    image = Image.fromarray(grey_scene)
    image.info["icc_profile"] = fixtures.imageio.profile("GRAY", 1.0)
    linear = from_pil(image).pixels / 65535.0
    encoded = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(encoded, grey_scene / 255.0, atol=1e-4)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_a_mode_without_a_white_is_refused(mode: str) -> None:
    with pytest.raises(InputError, match=f"its pixels are of the kind {mode}"):
        from_pil(Image.new(mode, (4, 4)))


def test_a_damaged_file_is_refused(scene: NDArray[np.uint8]) -> None:
    file = io.BytesIO()
    Image.fromarray(scene).save(file, "PNG")
    with (
        Image.open(io.BytesIO(file.getvalue()[:2000])) as image,
        pytest.raises(InputError, match=r"cannot read the Pillow image: .*truncated"),
    ):
        from_pil(image)


@pytest.mark.parametrize(
    ("shape", "dtype", "with_alpha", "mode"),
    [
        ((5, 7), np.uint8, False, "L"),
        ((5, 7), np.uint16, True, "LA"),
        ((5, 7, 3), np.uint16, False, "RGB"),
        ((5, 7, 3), np.uint8, True, "RGBA"),
    ],
)
def test_to_pil_gives_8_bits(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, with_alpha: bool, mode: str
) -> None:
    top = np.iinfo(dtype).max
    pixels = rng.integers(0, top, shape, dtype, endpoint=True)
    alpha = rng.integers(0, top, shape[:2], dtype, endpoint=True) if with_alpha else None
    image = Picture(pixels, alpha).to_pil()
    assert (image.mode, image.size) == (mode, (7, 5))
    planes = pixels if alpha is None else np.dstack([pixels, alpha])
    np.testing.assert_allclose(np.asarray(image), planes / (top / 255), atol=0.51)


def test_save_writes_what_write_writes(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    picture = Picture(scene, generator="somebody 1.0")
    picture.save(tmp_path / "scene.png")
    np.testing.assert_array_equal(read(tmp_path / "scene.png").pixels, scene)
    assert b"somebody 1.0" in (tmp_path / "scene.png").read_bytes()
    assert b"compositeWithTrainedAlgorithmicMedia" in (tmp_path / "scene.png").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        picture.save(tmp_path / "scene.png")
    picture.save(tmp_path / "scene.png", overwrite=True)
