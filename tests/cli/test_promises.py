"""What `photochrom image` promises of every file: its lightness, size, depth, metadata, profile.

The files are made and read again by other programs' libraries, not by photochrom's own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import fixtures.imageio
import numpy as np
import pytest
import skimage.color
import tifffile
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import main

MAKE, ORIENTATION, EXIF_IFD, DATE, WIDTH, HEIGHT = 0x010F, 0x0112, 0x8769, 0x9003, 0xA002, 0xA003
THUMBNAIL = b"\xff\xd8\xff\xdb a grey thumbnail \xff\xd9"

Array = NDArray[Any]


def by_pillow(name: str, **options: Any) -> Callable[[Path, Array], None]:
    def save(path: Path, grey: Array) -> None:
        Image.fromarray(grey).save(path, name, **options)

    return save


def by_opencv(path: Path, grey: Array) -> None:
    assert cv2.imwrite(str(path), grey)


FILES: dict[str, tuple[Callable[[Path, Array], object], type, float, float]] = {
    "jpeg.jpg": (by_pillow("JPEG", quality=90), np.uint8, 5.0, 0.25),
    "eight.png": (by_pillow("PNG"), np.uint8, 0.5, 0.25),
    "eight.tif": (by_pillow("TIFF", compression="tiff_lzw"), np.uint8, 0.5, 0.25),
    "eight.webp": (by_pillow("WEBP", lossless=True), np.uint8, 0.5, 0.25),
    "eight.avif": (by_pillow("AVIF", quality=90), np.uint8, 0.8, 0.25),
    "deep.png": (by_opencv, np.uint16, 0.05, 0.01),
    "deep.tif": (tifffile.imwrite, np.uint16, 0.05, 0.01),
}
"""How a file is made, its depth, and how far its L* may move: anywhere, and on average.

JPEG and AVIF cannot hold lightness to 0.5 everywhere: the rounding of their own transforms to
8 bits passes that, in JPEG often, in AVIF for few colours and by little.
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


def pixels_of(path: Path) -> Array:
    """(H, W) or (H, W, 3): by Pillow, or with 16 bits by OpenCV and tifffile."""
    if path.stem != "deep":
        with Image.open(path) as image:
            return np.asarray(image)
    if path.suffix == ".tif":
        return np.asarray(tifffile.imread(path))
    samples = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
    return np.asarray(samples if samples.ndim == 2 else samples[..., ::-1])


def lightness(pixels: Array) -> Array:
    """L*, by scikit-image."""
    rgb = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
    return np.asarray(skimage.color.rgb2lab(rgb / np.iinfo(rgb.dtype).max)[..., 0])


@pytest.mark.parametrize("vividness", ["1", "4"])
@pytest.mark.parametrize("name", FILES)
def test_lightness_depth_and_size_stay(
    tmp_path: Path, tiny: str, grey_scene: Array, name: str, vividness: str
) -> None:
    save, dtype, anywhere, average = FILES[name]
    steps: Array = np.linspace(0, np.iinfo(dtype).max, 120 * 32).astype(dtype).reshape(32, 120)
    scale = np.iinfo(dtype).max // 255
    photo, out = tmp_path / name, tmp_path / "out"
    save(photo, np.vstack([grey_scene.astype(dtype) * scale, steps]))
    arguments = ["image", str(photo), "-o", str(out), "--model", tiny, "--device", "cpu"]
    assert main([*arguments, "--vividness", vividness]) == 0
    before, after = pixels_of(photo), pixels_of(out / name)
    assert (after.dtype, after.shape) == (np.dtype(dtype), (122, 120, 3))
    assert np.ptp(after.astype(int), axis=-1).max() > 0.1 * np.iinfo(dtype).max  # has colour
    moved = np.abs(lightness(after) - lightness(before))
    assert moved.max() <= anywhere
    assert moved.mean() <= average


def exif_with_thumbnail() -> bytes:
    """A portrait's EXIF as a camera writes it: turned, dated, with its size and a thumbnail."""
    exif = Image.Exif()
    exif[MAKE], exif[ORIENTATION] = "Eastman", 6
    exif._ifds[EXIF_IFD] = {DATE: "1923:05:01 12:00:00", WIDTH: 120, HEIGHT: 90}
    block = bytearray(exif.tobytes().removeprefix(b"Exif\x00\x00"))
    order = "little" if block[:2] == b"II" else "big"
    first = int.from_bytes(block[4:8], order)  # type: ignore[arg-type]
    following = first + 2 + 12 * int.from_bytes(block[first : first + 2], order)  # type: ignore[arg-type]

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)  # type: ignore[arg-type]

    block[following : following + 4] = number(len(block), 4)
    data = len(block) + 2 + 2 * 12 + 4
    block += number(2, 2)
    for tag, value in ((0x0201, data), (0x0202, len(THUMBNAIL))):
        block += number(tag, 2) + number(4, 2) + number(1, 4) + number(value, 4)
    return b"Exif\x00\x00" + bytes(block) + bytes(4) + THUMBNAIL


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_metadata_and_profile_stay_and_the_grey_thumbnail_goes(
    tmp_path: Path, tiny: str, grey_scene: Array, name: str
) -> None:
    profile = fixtures.imageio.profile("RGB", 2.2)
    photo = tmp_path / f"photo.{name.lower()}"
    options: dict[str, Any] = {"lossless": True} if name == "WEBP" else {}
    rgb = Image.fromarray(np.dstack([grey_scene] * 3))
    rgb.save(
        photo, name, exif=exif_with_thumbnail(), icc_profile=profile, dpi=(600, 600), **options
    )
    assert THUMBNAIL in photo.read_bytes()
    assert main(["image", str(photo), "--model", tiny, "--device", "cpu"]) == 0
    result = photo.with_name(f"photo.color.{name.lower()}")
    with Image.open(result) as image:
        exif = image.getexif()
        assert image.size == (90, 120)  # upright
        assert image.info["icc_profile"] == profile
    inner = exif.get_ifd(EXIF_IFD)
    assert (exif[MAKE], exif.get(ORIENTATION, 1)) == ("Eastman", 1)
    assert (inner[DATE], inner[WIDTH], inner[HEIGHT]) == ("1923:05:01 12:00:00", 90, 120)
    assert THUMBNAIL not in result.read_bytes()
    assert b"compositeWithTrainedAlgorithmicMedia" in result.read_bytes()


@pytest.mark.parametrize("name", ["cut.png", "cut.tif", "cut.webp"])
def test_transparency_stays(tmp_path: Path, tiny: str, grey_scene: Array, name: str) -> None:
    alpha = np.tile(np.arange(120, dtype=np.uint8), (90, 1))
    options: dict[str, Any] = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    Image.fromarray(np.dstack([*[grey_scene] * 3, alpha])).save(tmp_path / name, **options)
    out = tmp_path / "out"
    assert main(["image", str(tmp_path / name), "-o", str(out), "--model", tiny]) == 0
    after = pixels_of(out / name)
    np.testing.assert_array_equal(after[..., 3], alpha)
    assert np.abs(lightness(after[..., :3]) - lightness(grey_scene)).max() <= 0.5
