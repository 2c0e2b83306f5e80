"""Lightness is the file's, whatever range, curve, depth or orientation it is stored with."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pillow_heif
import pytest
from fixtures.imageio import XMP, exif_block, pillow_bytes, png_bytes
from numpy.typing import NDArray
from PIL import Image, ImageOps

from photochrom.errors import InputError
from photochrom.imageio import read, write
from photochrom.imageio.icc import srgb_bytes

RAMP = np.repeat(np.arange(256)[None] / 255.0, 16, axis=0)
"""Every grey of 8 bits, in [0, 1]."""


def limited(bits: int) -> NDArray[np.uint16]:
    """The ramp as codes of limited range."""
    unit = 1 << (bits - 8)
    return np.rint(16 * unit + RAMP * 219 * unit).astype(np.uint16)


def limited_avif(codes: NDArray[Any], bits: int) -> bytes:
    """An AVIF whose codes are said to be of limited range; they are stored as they are."""
    layout = "400" if codes.ndim == 2 else "444"
    data = bytes(
        imagecodecs.avif_encode(
            codes, level=100, bitspersample=bits, pixelformat=layout, primaries=1, transfer=13
        )
    )
    place = data.index(b"colrnclx") + 14
    assert data[place] & 0x80
    return data[:place] + bytes([data[place] & 0x7F]) + data[place + 1 :]


@pytest.mark.parametrize("bits", [10, 12])
def test_grey_avif_of_limited_range_goes_from_black_to_white(bits: int) -> None:
    data = limited_avif(limited(bits), bits)
    pixels = read(data).pixels
    assert pixels.dtype == np.uint16
    assert np.abs(pixels / 65535 - RAMP).max() < 0.51 / (219 << (bits - 8)) + 1e-5
    independent = imagecodecs.avif_decode(data) / ((1 << bits) - 1)
    assert np.abs(pixels / 65535 - independent).max() < 1e-3
    by_pillow = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    assert np.abs(pixels / 257 - by_pillow).max() < 1


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("layout", ["400", "420", "444"])
def test_avif_of_full_range(bits: int, layout: str) -> None:
    codes = np.rint(RAMP * ((1 << bits) - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    pixels = read(
        bytes(imagecodecs.avif_encode(codes, level=100, bitspersample=bits, pixelformat=layout))
    ).pixels
    shown = pixels if pixels.ndim == 2 else pixels[..., 1]
    assert np.abs(shown / np.iinfo(shown.dtype).max - RAMP).max() < 0.003


@pytest.mark.parametrize("full_range", [0, 1])
@pytest.mark.parametrize("mode", ["L", "L;16", "RGB;16"])
def test_heic_of_both_ranges(mode: str, full_range: int) -> None:
    codes = np.rint(RAMP * (255 if mode == "L" else 65535))
    codes = codes.astype(np.uint8 if mode == "L" else np.uint16)
    codes = np.repeat(codes[..., None], 3, axis=2) if mode == "RGB;16" else codes
    height, width = codes.shape[:2]
    file = pillow_heif.from_bytes(mode, (width, height), codes.tobytes())
    file.save(buffer := io.BytesIO(), quality=-1, chroma=444, full_range_flag=full_range)
    pixels = read(buffer.getvalue()).pixels
    shown = pixels if pixels.ndim == 2 else pixels[..., 1]
    assert np.abs(shown / np.iinfo(shown.dtype).max - RAMP).max() < 0.003


def test_a_heic_is_not_hdr_by_what_is_beside_its_picture() -> None:
    codes = np.rint(np.repeat(RAMP[..., None], 3, axis=2) * 255).astype(np.uint8)
    file = pillow_heif.from_bytes("RGB", codes.shape[1::-1], codes.tobytes())
    info: dict[str, Any] = file[0].info
    info |= {"icc_profile": srgb_bytes(), "icc_profile_type": "prof"}
    file.save(buffer := io.BytesIO(), quality=-1, chroma=444)
    assert b"colrnclx" not in buffer.getvalue()
    other = b"colrnclx" + struct.pack(">HHHB", 9, 16, 9, 128)  # as a gain map has it: PQ
    data = buffer.getvalue() + struct.pack(">I", 8 + len(other)) + b"free" + other
    assert np.abs(read(data).pixels[..., 1] / 255 - RAMP).max() < 0.02
    for key in ("icc_profile", "icc_profile_type"):
        info.pop(key)
    file.save(buffer := io.BytesIO(), quality=-1, chroma=444, transfer_characteristics=16)
    with pytest.raises(InputError, match=r"HDR picture \(PQ or HLG\)"):
        read(buffer.getvalue())


def png(*chunks: tuple[bytes, bytes], deep: bool = False) -> bytes:
    codes = np.rint(RAMP * (65535 if deep else 255)).astype(np.uint16 if deep else np.uint8)
    return png_bytes(codes[..., None], 0, *chunks)


def cicp(primaries: int, transfer: int, full_range: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, full_range])


def srgb_curve(light: NDArray[Any]) -> NDArray[Any]:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(("transfer", "gamma"), [(4, 2.2), (5, 2.8), (8, 1.0)])
def test_the_curve_that_a_png_names(transfer: int, gamma: float, deep: bool) -> None:
    pixels = read(png(cicp(1, transfer), deep=deep)).pixels
    assert np.abs(pixels / 65535 - srgb_curve(RAMP**gamma)).max() < 2e-3


@pytest.mark.parametrize("transfer", [1, 13])
def test_cicp_counts_and_not_a_gamma_or_a_profile_beside_it(transfer: int) -> None:
    gamma = (b"gAMA", struct.pack(">I", 100_000))
    pixels = read(png(gamma, (b"iCCP", b"x\x00\x00broken"), cicp(1, transfer))).pixels
    np.testing.assert_array_equal(pixels, np.rint(RAMP * 255))


def test_narrow_range_of_a_png_is_stretched() -> None:
    codes = limited(8).astype(np.uint8)
    pixels = read(png_bytes(codes[..., None], 0, cicp(1, 13, 0))).pixels
    assert np.abs(pixels - RAMP * 255).max() <= 0.51 * 255 / 219 + 0.5


@pytest.mark.parametrize("transfer", [16, 18])
def test_an_hdr_png_is_refused_like_an_hdr_avif(transfer: int) -> None:
    with pytest.raises(InputError, match=r"HDR picture \(PQ or HLG\)"):
        read(png(cicp(9, transfer)))
    codes = np.rint(RAMP * 1023).astype(np.uint16)
    data = imagecodecs.avif_encode(codes, level=100, bitspersample=10, transfer=transfer)
    with pytest.raises(InputError, match=r"HDR picture \(PQ or HLG\)"):
        read(bytes(data))


def test_wide_primaries_of_a_png_are_converted() -> None:
    """Display P3, by the matrix that CSS Color 4 prints."""
    rgb = np.array([[[200, 60, 60], [80, 120, 90], [128, 128, 128]]], np.uint8)
    to_srgb = np.array([[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]])
    codes = rgb / 255.0
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    expected = srgb_curve(np.clip(light @ to_srgb.T, 0, 1))
    pixels = read(png_bytes(rgb, 2, cicp(12, 13))).pixels
    assert np.abs(pixels / 65535 - expected).max() < 2e-3


def xmp_packet(orientation: int, form: str) -> bytes:
    old = b'tiff:Orientation="6"'
    number = str(orientation).encode()
    new = {
        "attribute": b'tiff:Orientation="' + number + b'"',
        "spaced": b"tiff:Orientation = '" + number + b"'",
        "element": b'x:y="">\n<tiff:Orientation> ' + number + b" </tiff:Orientation",
        "prefix": b'xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="' + number + b'"',
    }[form]
    return XMP.replace(old, new)


@pytest.mark.parametrize("form", ["attribute", "spaced", "element", "prefix"])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_that_only_xmp_says_is_applied_once(
    scene: NDArray[np.uint8], name: str, form: str
) -> None:
    for orientation in range(1, 9):
        packet = xmp_packet(orientation, form)
        if name == "PNG":
            data = png_bytes(scene, 2, (b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet))
        else:
            options: dict[str, Any] = {"tiffinfo": {700: packet}} if name == "TIFF" else {}
            options = options or {"xmp": packet, "quality": 95}
            data = pillow_bytes(scene, name, **options)
        first = read(data)
        tag = Image.Exif()
        tag[0x0112] = orientation
        turned = Image.fromarray(read(pillow_bytes(scene, "PNG")).pixels)
        turned.info["exif"] = tag.tobytes()
        upright = np.asarray(ImageOps.exif_transpose(turned))
        assert first.pixels.shape == upright.shape
        assert np.abs(first.pixels.astype(int) - upright).mean() < 8
        write(buffer := io.BytesIO(), first, format_name="PNG")
        np.testing.assert_array_equal(read(buffer.getvalue()).pixels, first.pixels)
        assert first.metadata.xmp is not None
        assert b"Grandmother" in first.metadata.xmp


def test_exif_comes_before_xmp_and_xmp_is_not_left_behind(scene: NDArray[np.uint8]) -> None:
    exif = b"Exif\x00\x00" + exif_block(3)
    data = pillow_bytes(scene, "JPEG", quality=95, exif=exif, xmp=xmp_packet(6, "attribute"))
    picture = read(data)
    assert np.abs(picture.pixels.astype(int) - scene[::-1, ::-1]).mean() < 8
    assert picture.metadata.xmp is not None
    assert b'tiff:Orientation="1"' in picture.metadata.xmp


def raw_profile(name: bytes, block: bytes, chunk: bytes) -> tuple[bytes, bytes]:
    """A text chunk as ImageMagick writes it."""
    digits = block.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\n%s\n%8d\n%s\n" % (name, len(block), lines)
    keyword = b"Raw profile type " + name + b"\x00"
    if chunk == b"zTXt":
        import zlib

        return chunk, keyword + b"\x00" + zlib.compress(text)
    return chunk, keyword + (bytes(4) if chunk == b"iTXt" else b"") + text


@pytest.mark.parametrize("chunk", [b"tEXt", b"zTXt", b"iTXt"])
@pytest.mark.parametrize("name", [b"exif", b"APP1"])
def test_raw_profiles_of_a_png_are_read(
    scene: NDArray[np.uint8], chunk: bytes, name: bytes
) -> None:
    block = b"Exif\x00\x00" + exif_block(6)
    picture = read(png_bytes(scene, 2, raw_profile(name, block, chunk)))
    np.testing.assert_array_equal(picture.pixels, np.rot90(scene, -1))
    assert picture.notes == ()
    assert picture.metadata.exif is not None
    assert b"Eastman Kodak C" in picture.metadata.exif
    packet = b"http://ns.adobe.com/xap/1.0/\x00" + xmp_packet(6, "attribute")
    picture = read(png_bytes(scene, 2, raw_profile(b"APP1", packet, chunk)))
    np.testing.assert_array_equal(picture.pixels, np.rot90(scene, -1))


def test_a_damaged_raw_profile_is_left_out_and_noted(scene: NDArray[np.uint8]) -> None:
    name, data = raw_profile(b"exif", b"Exif\x00\x00" + exif_block(6), b"tEXt")
    picture = read(png_bytes(scene, 2, (name, data[:-9] + b"no digits")))
    np.testing.assert_array_equal(picture.pixels, scene)
    assert "'Raw profile type exif' is damaged" in picture.notes[0]


def test_ten_bit_grey_avif_keeps_its_alpha_of_full_range() -> None:
    codes = np.repeat(limited(10)[..., None], 2, axis=2)
    codes[..., 1] = np.rint(RAMP * 1023)
    done, data = cv2.imencode(
        ".avif",
        np.dstack([codes[..., :1]] * 3 + [codes[..., 1:]]),
        [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100],
    )
    if not done:
        pytest.skip("this OpenCV writes no AVIF")
    picture = read(data.tobytes())
    assert picture.alpha is not None
    assert np.abs(picture.alpha / 65535 - RAMP).max() < 0.005
