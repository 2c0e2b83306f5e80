"""Damaged files of every format: a picture or an InputError, and nothing else."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fixtures.imageio import XMP, exif_block, heic_bytes, pillow_bytes, profile, rare_format_bytes
from numpy.typing import NDArray
from PIL import Image

from photochrom.errors import InputError
from photochrom.imageio import Metadata, Picture, read, write

pytestmark = pytest.mark.slow

FORMATS = (
    "a.jpg", "grey.jpg", "cmyk.jpg", "a.png", "deep.png", "palette.png", "a.tif", "deep.tif",
    "a.webp", "a.avif", "a.heic", "a.gif", "a.bmp", "a.jp2", "a.jxl", "a.pgm", "a.psd", "a.orf",
    "a.pdf", "big.tif", "a.fits", "a.dcm",
)  # fmt: skip
RARE = {
    ".jp2": "JPEG 2000", ".jxl": "JPEG XL", ".pgm": "PNM", ".psd": "Photoshop", ".orf": "Raw",
    ".pdf": "PDF", ".fits": "FITS", ".dcm": "DICOM",
}  # fmt: skip
MUTATIONS = 60


def sound_file(folder: Path, name: str, rgb: NDArray[np.uint8]) -> bytes:
    """A small file with as much metadata as the format takes."""
    metadata = Metadata(exif=exif_block(6), xmp=XMP, icc=profile("RGB", 2.2), dpi=(300.0, 300.0))
    match name:
        case "cmyk.jpg":
            return pillow_bytes(Image.fromarray(rgb).convert("CMYK"), "JPEG")
        case "palette.png":
            return pillow_bytes(Image.fromarray(rgb).quantize(16), "PNG")
        case "a.heic":
            return heic_bytes(rgb, exif_block())
        case "a.gif" | "a.bmp":
            return pillow_bytes(rgb, name[2:].upper())
    if Path(name).suffix in RARE:
        return rare_format_bytes(RARE[Path(name).suffix], rgb[..., 1].copy())
    if name == "big.tif":
        tifffile.imwrite(folder / name, rgb, bigtiff=True, photometric="rgb", compression="zlib")
        return (folder / name).read_bytes()
    pixels = rgb.astype(np.uint16) * 257 if name.startswith("deep") else rgb
    if name == "grey.jpg":
        pixels, metadata = rgb[..., 0].copy(), Metadata(exif=exif_block(8))
    write(folder / name, Picture(pixels, metadata=metadata), generator="tester 1", overwrite=True)
    return (folder / name).read_bytes()


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The file with bytes changed, cut out, doubled, or numbers made extreme."""
    new = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        # Half of the damage hits the head, where the structure is.
        reach = min(len(new), 400) if rng.random() < 0.5 else len(new)
        at = int(rng.integers(0, max(reach, 1)))
        size = int(rng.integers(1, 9))
        match int(rng.integers(0, 6)):
            case 0:
                new[at : at + size] = rng.bytes(size)
            case 1:
                new[at : at + 1] = bytes([new[at] ^ (1 << int(rng.integers(0, 8)))]) if new else b""
            case 2:
                del new[at : at + size]
            case 3:
                new[at:at] = new[at : at + 8 * size]
            case 4:
                new[at : at + 4] = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"][size % 3]
            case 5:
                del new[at + 64 * size :]
    return bytes(new)


def with_right_checksums(data: bytes) -> bytes:
    """A mutated PNG whose checksums are right again, so that the damage gets past them."""
    new, at = bytearray(data), 8
    while at + 12 <= len(new):
        end = at + 8 + int.from_bytes(new[at : at + 4], "big")
        if end + 4 > len(new):
            break
        new[end : end + 4] = zlib.crc32(new[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(new)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.long if name in ("a.fits", "a.dcm") else ())
        for name in FORMATS
    ],
)
def test_damaged_files_are_pictures_or_input_errors(
    tmp_path: Path, scene: NDArray[np.uint8], name: str
) -> None:
    rng = np.random.default_rng(sum(name.encode()))
    sound = sound_file(tmp_path, name, np.ascontiguousarray(scene[:40, :56]))
    path = tmp_path / f"damaged-{name}"
    path.write_bytes(sound)
    read(path)
    messages = []
    for number in range(MUTATIONS):
        damaged = mutated(sound, rng)
        if name.endswith(".png") and number % 4:
            damaged = with_right_checksums(damaged)
        path.write_bytes(damaged)
        try:
            picture = read(path, max_pixels=1_000_000)
            write(tmp_path / "out.png", picture, overwrite=True, generator=f"tester {number}")
        except InputError as error:
            messages.append(str(error))
    assert messages
    assert all(str(path) in message for message in messages)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("a.orf", "a.pdf")])
def test_files_cut_anywhere_are_refused_but_for_what_is_around_the_pixels(
    tmp_path: Path, scene: NDArray[np.uint8], name: str
) -> None:
    sound = sound_file(tmp_path, name, np.ascontiguousarray(scene[:40, :56]))
    path = tmp_path / f"cut-{name}"
    path.write_bytes(sound)
    whole = read(path)
    for end in np.linspace(0, len(sound) * 0.95, 12).astype(int):
        path.write_bytes(sound[:end])
        try:
            picture = read(path)
        except InputError:
            continue
        assert any("without harm to the picture" in note for note in picture.notes)
        np.testing.assert_array_equal(picture.pixels, whole.pixels)
