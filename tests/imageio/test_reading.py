"""Every kind of picture is read, and what is no sound picture is refused with a reason."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile
from fixtures.imageio import heic_bytes, pillow_bytes, png_bytes
from numpy.typing import NDArray
from PIL import Image, ImageCms

from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import (
    Picture,
    eight_bit_rgb,
    exif,
    is_picture_name,
    read,
    read_preview,
    write,
)


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def long(number: int) -> exif.Value:
    return exif.Value(exif.LONG, 1, struct.pack("<I", number))


@pytest.mark.parametrize("name", ["PNG", "TIFF", "GIF", "BMP"])
def test_one_bit_is_black_and_white(tmp_path: Path, name: str) -> None:
    bits = np.eye(9, 17, dtype=np.uint8) * 255
    image = Image.fromarray(bits).convert("1")
    picture = read(put(tmp_path, "a", pillow_bytes(image, name)))
    np.testing.assert_array_equal(picture.pixels, bits)
    assert picture.format == name


@pytest.mark.parametrize("name", ["PNG", "TIFF", "GIF", "BMP"])
def test_a_palette_becomes_colour(tmp_path: Path, scene: NDArray[np.uint8], name: str) -> None:
    image = Image.fromarray(scene).quantize(64)
    picture = read(put(tmp_path, "a", pillow_bytes(image, name)))
    np.testing.assert_array_equal(picture.pixels, np.asarray(image.convert("RGB")))


def test_a_palette_of_greys_becomes_grey(tmp_path: Path, grey_scene: NDArray[np.uint8]) -> None:
    image = Image.fromarray(grey_scene).convert("P")
    picture = read(put(tmp_path, "a.png", pillow_bytes(image, "PNG")))
    np.testing.assert_array_equal(picture.pixels, grey_scene)


def test_a_palette_with_transparency_has_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).convert("P")
    data = pillow_bytes(image, "PNG", transparency=5)
    alpha = read(put(tmp_path, "a.png", data)).alpha
    assert alpha is not None
    assert np.flatnonzero(alpha.ravel() == 0).tolist() == [5]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_grey_of_few_bits_is_stretched(tmp_path: Path, bits: int) -> None:
    packed = np.array([[0b00011011]], np.uint8)
    data = bytearray(png_bytes(packed[..., None], 0, bits=bits))
    struct.pack_into(">I", data, 16, 8 // bits)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    pixels = read(put(tmp_path, "a.png", bytes(data))).pixels
    top = (1 << bits) - 1
    codes = [(0b00011011 >> shift) & top for shift in range(8 - bits, -1, -bits)]
    assert pixels.ravel().tolist() == [code * 255 // top for code in codes]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_found_at_every_depth(tmp_path: Path, bits: int) -> None:
    grey = np.array([[0b00011011, 0b10110001]], np.uint16 if bits == 16 else np.uint8)
    data = bytearray(png_bytes(grey[..., None], 0, (b"tRNS", b"\x00\x01"), bits=bits))
    width = max(16 // bits, 2)
    struct.pack_into(">I", data, 16, width)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    packed = grey.astype(np.uint8).tobytes() if bits < 16 else grey.astype(">u2").tobytes()
    number, top = int.from_bytes(packed, "big"), (1 << bits) - 1
    codes = [(number >> bits * place) & top for place in reversed(range(width))]
    alpha = read(put(tmp_path, "a.png", bytes(data))).alpha
    assert alpha is not None
    full = np.iinfo(alpha.dtype).max
    assert alpha.ravel().tolist() == [0 if code == 1 else full for code in codes]


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_without_profile_is_converted_and_said(tmp_path: Path, name: str) -> None:
    image = Image.new("CMYK", (8, 8), (0, 0, 0, 128))
    picture = read(put(tmp_path, "a", pillow_bytes(image, name)))
    assert picture.pixels.shape == (8, 8, 3)
    assert np.abs(picture.pixels.astype(int) - 127).max() <= 2
    assert "CMYK" in picture.notes[0]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_alpha_of_all_kinds(
    tmp_path: Path, rng: np.random.Generator, suffix: str
) -> None:
    samples = rng.integers(0, 65536, (7, 9, 4), dtype=np.uint16)
    if suffix == ".png":
        data = png_bytes(samples, 6)
    else:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, samples, photometric="rgb", extrasamples=["unassalpha"])
        data = buffer.getvalue()
    picture = read(put(tmp_path, "a", data))
    np.testing.assert_array_equal(picture.pixels, samples[..., :3])
    np.testing.assert_array_equal(picture.alpha, samples[..., 3])


def test_sixteen_bit_png_of_grey_with_alpha_and_with_a_key(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    samples = rng.integers(0, 65536, (7, 9, 2), dtype=np.uint16)
    picture = read(put(tmp_path, "a.png", png_bytes(samples, 4)))
    np.testing.assert_array_equal(picture.pixels, samples[..., 0])
    np.testing.assert_array_equal(picture.alpha, samples[..., 1])
    key = (b"tRNS", struct.pack(">H", samples[3, 4, 0]))
    picture = read(put(tmp_path, "b.png", png_bytes(samples[..., :1], 0, key)))
    assert picture.alpha is not None
    assert picture.alpha[3, 4] == 0
    np.testing.assert_array_equal(picture.pixels, samples[..., 0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"planarconfig": "separate"},
        {"compression": "zlib", "predictor": 2},
        {"tile": (16, 16)},
        {"rowsperstrip": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_tiff_layouts(
    tmp_path: Path, rng: np.random.Generator, options: dict[str, Any], depth: type[Any]
) -> None:
    rgb = rng.integers(0, np.iinfo(depth).max, (33, 41, 3), dtype=depth)
    stored = np.moveaxis(rgb, 2, 0) if "planarconfig" in options else rgb
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", **options)
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, rgb)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
def test_tiff_white_may_be_zero(
    tmp_path: Path, rng: np.random.Generator, photometric: str, depth: type[Any]
) -> None:
    grey = rng.integers(0, np.iinfo(depth).max, (9, 11), dtype=depth)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric=photometric)
    expected = np.iinfo(depth).max - grey if photometric == "miniswhite" else grey
    np.testing.assert_array_equal(read(tmp_path / "a.tif").pixels, expected)


def test_the_first_page_of_a_tiff_is_read_and_said(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(scene, photometric="rgb")
        file.write(255 - scene, photometric="rgb")
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, scene)
    assert "2 pages" in picture.notes[0]


def test_a_preview_is_no_page(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(scene, photometric="rgb")
        file.write(scene[::4, ::4], photometric="rgb", subfiletype=1)
    assert read(tmp_path / "a.tif").notes == ()


@pytest.mark.parametrize("kind", [1, 4])
def test_a_preview_or_a_mask_is_not_taken_for_the_photograph(
    tmp_path: Path, scene: NDArray[np.uint8], kind: int
) -> None:
    data = pillow_bytes(scene, "TIFF")
    put(tmp_path, "a.tif", exif.replace_entries(data, {254: long(kind)}))
    with pytest.raises(InputError, match="first page is a preview or a mask"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("depth", "planes"), [(np.uint8, "contig"), (np.uint16, "contig"), (np.uint16, "separate")]
)
@pytest.mark.parametrize("colors", ["rgb", "minisblack"])
def test_a_channel_that_is_not_transparency_is_left_out_and_said(
    tmp_path: Path, rng: np.random.Generator, colors: str, depth: type[Any], planes: str
) -> None:
    """The infrared of a film scanner."""
    samples = rng.integers(0, np.iinfo(depth).max, (7, 9, 4), dtype=depth)
    samples = samples if colors == "rgb" else samples[..., :2]
    stored = samples if planes == "contig" else np.moveaxis(samples, -1, 0)
    options: dict[str, Any] = {"extrasamples": ["unspecified"], "planarconfig": planes}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=colors, **options)
    picture = read(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, np.squeeze(samples[..., :-1]))
    assert picture.alpha is None
    assert "not transparency" in picture.notes[0]


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
def test_sixteen_bit_tiff_of_grey_with_alpha(
    tmp_path: Path, rng: np.random.Generator, alpha: str, photometric: str, planes: str
) -> None:
    samples = rng.integers(0, 65536, (7, 9, 2), dtype=np.uint16)
    samples[..., 1] |= 1 << 14
    grey, opacity = samples[..., 0].copy(), samples[..., 1]
    if alpha == "assocalpha":
        samples[..., 0] = np.rint(grey * (opacity / 65535))
    stored = samples if planes == "contig" else np.moveaxis(samples, -1, 0)
    options: dict[str, Any] = {"extrasamples": [alpha], "planarconfig": planes}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, **options)
    picture = read(tmp_path / "a.tif")
    expected = 65535 - grey if photometric == "miniswhite" else grey
    tolerance = 4 if alpha == "assocalpha" else 0
    assert np.abs(picture.pixels.astype(int) - expected).max() <= tolerance
    np.testing.assert_array_equal(picture.alpha, opacity)
    assert picture.notes == ()


def test_a_package_that_is_missing_is_told_with_the_name_of_the_file(
    tmp_path: Path, scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = np.zeros((7, 9, 2), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack", extrasamples=[2])
    put(tmp_path, "b.heic", heic_bytes(scene))
    for module in ("tifffile", "pillow_heif"):
        monkeypatch.setitem(sys.modules, module, None)
    for name in ("a.tif", "b.heic"):
        with pytest.raises(MissingDependencyError, match=rf"cannot read .*{name}: .*\[formats\]"):
            read(tmp_path / name)


def test_a_compression_that_needs_a_package_is_not_called_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    grey = np.zeros((7, 9, 2), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="minisblack", extrasamples=[2])
    data = (tmp_path / "a.tif").read_bytes()
    put(tmp_path, "a.tif", exif.replace_entries(data, {259: long(5)}))
    with pytest.raises(MissingDependencyError, match=r"photochrom\[formats\]"):
        read(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations_are_refused(tmp_path: Path, scene: NDArray[np.uint8], name: str) -> None:
    frames = [Image.fromarray(scene), Image.fromarray(255 - scene)]
    data = pillow_bytes(frames[0], name, save_all=True, append_images=frames[1:], duration=50)
    with pytest.raises(InputError, match=r"animated .*; photochrom film colours all of it"):
        read(put(tmp_path, "a", data))


def test_an_animation_of_one_frame_is_a_still(
    scene: NDArray[np.uint8], scene16: NDArray[np.uint16]
) -> None:
    for samples in (scene, scene16):
        height, width = samples.shape[:2]
        frame = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 10, 0, 0)
        data = png_bytes(samples, 2, (b"acTL", struct.pack(">II", 1, 0)), (b"fcTL", frame))
        np.testing.assert_array_equal(read(data).pixels, samples)


@pytest.mark.parametrize("deep", [False, True])
def test_heic(tmp_path: Path, scene: NDArray[Any], scene16: NDArray[Any], deep: bool) -> None:
    expected = scene16 if deep else scene
    picture = read(put(tmp_path, "a.heic", heic_bytes(expected)))
    assert picture.pixels.dtype == expected.dtype
    tolerance = 0.02 * np.iinfo(expected.dtype).max
    assert np.abs(picture.pixels.astype(int) - expected).max() < tolerance


def test_ten_bit_white_is_white(tmp_path: Path) -> None:
    white = np.full((16, 16, 3), 65535, np.uint16)
    assert read(put(tmp_path, "a.heic", heic_bytes(white))).pixels.min() > 65300


def test_ten_bit_avif_keeps_its_bits(tmp_path: Path, scene16: NDArray[np.uint16]) -> None:
    options = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    done, data = cv2.imencode(".avif", np.ascontiguousarray(scene16[..., ::-1] >> 6), options)
    if not done:
        pytest.skip("this OpenCV writes no AVIF")
    picture = read(put(tmp_path, "a.avif", data.tobytes()))
    assert picture.pixels.dtype == np.uint16
    assert np.abs(picture.pixels.astype(int) - scene16).max() < 600


def test_cmyk_goes_through_its_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No CMYK profile is free to ship: LittleCMS is watched instead."""
    seen = []

    def convert(image: Image.Image, *_: Any, **options: Any) -> Image.Image:
        seen.append((image.mode, options["outputMode"]))
        return image.convert("RGB")

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    monkeypatch.setattr(ImageCms, "ImageCmsProfile", lambda _: None)
    profile = bytes(16) + b"CMYK" + bytes(16) + b"acsp" + bytes(100)
    data = pillow_bytes(Image.new("CMYK", (8, 8)), "TIFF", icc_profile=profile)
    assert read(put(tmp_path, "a.tif", data)).notes == ()
    assert seen == [("CMYK", "RGB")]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.99])
def test_truncated_files_are_refused(
    tmp_path: Path, scene: NDArray[np.uint8], suffix: str, share: float
) -> None:
    write(tmp_path / f"a{suffix}", Picture(scene))
    data = (tmp_path / f"a{suffix}").read_bytes()
    with pytest.raises(InputError, match=f"cannot read .*b{suffix}"):
        read(put(tmp_path, f"b{suffix}", data[: int(len(data) * share)]))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic", ".gif"])
@pytest.mark.parametrize("content", [b"", b"Dear diary, this is no picture.\n", b"\x00" * 100])
def test_what_is_no_picture_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    reason = "the file is empty" if not content else f"is not a {suffix[1:].upper()[:2]}"
    reason = {".jpg": "is not a JPEG", ".webp": "is not a WebP"}.get(suffix, reason)
    with pytest.raises(InputError, match=reason if content else "the file is empty"):
        read(put(tmp_path, f"a{suffix}", content))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "GIF", "BMP"])
def test_large_pictures_are_refused_before_they_are_decoded(tmp_path: Path, name: str) -> None:
    data = pillow_bytes(np.zeros((300, 400, 3), np.uint8), name)
    with pytest.raises(InputError, match=r"400 x 300 pixels.*--max-megapixels 1"):
        read(put(tmp_path, "a", data), max_pixels=300 * 400 - 1)
    assert read(tmp_path / "a", max_pixels=300 * 400).pixels.shape[:2] == (300, 400)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    bomb = bytearray(png_bytes(np.zeros((1, 1, 3), np.uint8), 2))
    struct.pack_into(">II", bomb, 16, 100_000, 100_000)
    struct.pack_into(">I", bomb, 29, zlib.crc32(bomb[12:29]))
    with pytest.raises(InputError, match="--max-megapixels 10000"):
        read(put(tmp_path, "a.png", bytes(bomb)))


def test_a_file_far_too_large_is_not_even_loaded(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="--max-megapixels"):
        read(tmp_path / "a.tif")


def test_float_tiff_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match="floating-point"):
        read(tmp_path / "a.tif")


def test_folders_missing_files_and_pipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder"):
        read(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "a.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(InputError, match="not a regular file"):
            read(tmp_path / "pipe.png")


def test_padding_before_the_end_marker_is_harmless(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    data = pillow_bytes(scene, "JPEG")
    padded = data[:-2] + bytes(8) + data[-2:]
    clean = read(put(tmp_path, "a.jpg", data)).pixels
    np.testing.assert_array_equal(read(put(tmp_path, "b.jpg", padded)).pixels, clean)


@pytest.mark.parametrize("padding", [b"\x00", b"\x00\x00\xff\xff", b"\xff\x00" * 3, b"\xff" * 5])
@pytest.mark.parametrize("after", [b"", b"\xff\xd8 another picture \xff\xd9"])
def test_padding_of_every_kind_is_harmless(
    tmp_path: Path, scene: NDArray[np.uint8], padding: bytes, after: bytes
) -> None:
    data = pillow_bytes(scene, "JPEG")
    padded = data[:-2] + padding + data[-2:] + after
    clean = read(put(tmp_path, "a.jpg", data)).pixels
    np.testing.assert_array_equal(read(put(tmp_path, "b.jpg", padded)).pixels, clean)


def test_a_flipped_bit_that_leaves_pixels_over_is_refused(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    """libjpeg says the same of it as of padding: bytes are left over before the end marker."""
    data = pillow_bytes(scene, "JPEG")
    rng = np.random.default_rng(7)

    def flipped() -> bytes:
        damaged = bytearray(data)
        damaged[rng.integers(650, len(data) - 2)] ^= 1 << rng.integers(8)
        return bytes(damaged)

    def is_left_over(damaged: bytes) -> bool:
        try:
            simplejpeg.decode_jpeg(damaged, "RGB")
        except ValueError as error:
            return "extraneous bytes before marker 0xd9" in str(error)
        return False

    damaged = next(filter(is_left_over, (flipped() for _ in range(1000))))
    with pytest.raises(InputError, match="damaged"):
        read(put(tmp_path, "a.jpg", damaged))


def test_damage_inside_a_jpeg_is_refused(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    data = bytearray(pillow_bytes(scene, "JPEG", quality=95))
    middle = len(data) // 2
    data[middle : middle + 60] = b"\xff\x00" * 30
    with pytest.raises(InputError, match="damaged"):
        read(put(tmp_path, "a.jpg", bytes(data)))


def test_progressive_jpeg(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    data = pillow_bytes(scene, "JPEG", progressive=True, quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    assert np.abs(read(put(tmp_path, "a.jpg", data)).pixels.astype(int) - expected).max() <= 2


def test_bytes_at_hand_are_read_like_a_file(tmp_path: Path, scene16: NDArray[np.uint16]) -> None:
    data = png_bytes(scene16, 2)
    picture = read(data, name="album.zip/scene.png")
    np.testing.assert_array_equal(picture.pixels, read(put(tmp_path, "a.png", data)).pixels)
    with pytest.raises(InputError, match=r"album\.zip/scene\.png"):
        read(data[:50], name="album.zip/scene.png")


def test_eight_bit_rgb_rounds_and_repeats() -> None:
    deep = Picture(np.array([[0, 128, 129, 65535]], np.uint16))
    assert eight_bit_rgb(deep).tolist() == [[[0] * 3, [0] * 3, [1] * 3, [255] * 3]]


def test_hidden_files_are_no_pictures() -> None:
    assert is_picture_name("album/scene.JPG")
    assert is_picture_name("DCIM/IMG_0001.HIF"), "as Canon and Fujifilm call their HEIC"
    assert is_picture_name("album/scan.pdf", documents=True)
    assert not is_picture_name("data-set/paper.pdf")
    for name in ("notes.txt", "album/._scene.jpg", "__MACOSX/scene.jpg"):
        assert not is_picture_name(name)


def test_a_preview_has_the_pixels_that_are_enough(tmp_path: Path) -> None:
    path, ramp = tmp_path / "a.jpg", np.linspace(20, 235, 800)[None, :] + np.zeros((600, 1))
    write(path, Picture(np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)))
    whole = read(path).pixels
    for longest, size in ((900, 800), (800, 800), (401, 800), (400, 400), (150, 200), (3, 100)):
        small = read_preview(path, longest).pixels
        assert small.shape == (size * 3 // 4, size, 3)
        average = cv2.resize(whole, small.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - average).max() <= 3
    png = tmp_path / "a.png"
    write(png, Picture(whole))
    np.testing.assert_array_equal(read_preview(png, 100).pixels, whole)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match="missing"):
        read_preview(path, 200)
