"""Formats that are only read, and rare kinds of TIFF: sample for sample what is in them."""

from __future__ import annotations

import base64
import contextlib
import io
import struct
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pillow_heif
import pypdfium2
import pytest
import tifffile
from fixtures.imageio import (
    XMP,
    dng_bytes,
    exif_block,
    exif_facts,
    heic_bytes,
    pillow_bytes,
    png_bytes,
    profile,
    psd_bytes,
    rare_format_bytes,
)
from numpy.typing import NDArray
from PIL import Image

from photochrom.color.space import linear_to_srgb
from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import FORMATS, exif, page_count, read

MAKE, DOCUMENT, PAGE = 271, 269, 285
LOSSY_JPEG_XL = (
    b"{|ZAu8vP%TFb{y%W(p6Dwstpx$mQg&g|z4x3l*Dw62&c3MyE13kzz+O007Wm006Ad{NKz|(XN#MIK2%>Z1S-y-Li"
    b"A(*EId>1OO9=0E_|u|EdB2P@yu)xWUW0o-aRiSWMfv&d^rd7M3K6jAN5@0*55AAcI{7+W-K70p83?dRMQ?2ml&dR"
    b"H8x(>}f0`$;cRkLB<#)#uz-v8vp`;rFt#=)6c3L{9~2F{8~c}L=^"
)
"""16 steps of grey in a profile of gamma 1.8, by `cjxl -d 0.1`, in base85."""

P3_JPEG_XL = b"{|Z4sKqfZ=2m%2Bpa4r4la7OhgacH!;5haIK>&Q{C{B>0OcncwC?4Ww;spQzz`_6k000"
"""Three colours and grey, without loss, by `cjxl -x color_space=RGB_D65_DCI_Rel_SRG`."""


@pytest.fixture
def samples(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Noise of 16 bits, (23, 31, 4)."""
    return rng.integers(0, 65536, (23, 31, 4), dtype=np.uint16)


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def same(data: bytes, expected: NDArray[Any], alpha: NDArray[Any] | None = None) -> None:
    picture = read(data)
    assert picture.pixels.dtype == expected.dtype
    np.testing.assert_array_equal(picture.pixels, expected)
    if alpha is None:
        assert picture.alpha is None
    else:
        np.testing.assert_array_equal(picture.alpha, alpha)


def stretched(codes: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    """Codes of some bits over the range of 16, by rounding the exact value."""
    return np.floor(codes * (65535 / ((1 << bits) - 1)) + 0.5).astype(np.uint16)


@pytest.mark.parametrize("kind", ["jp2", "j2k"])
def test_jpeg_2000(samples: NDArray[np.uint16], kind: str) -> None:
    def encoded(pixels: NDArray[Any], **options: Any) -> bytes:
        options |= {"level": 0, "codecformat": kind}
        return bytes(imagecodecs.jpeg2k_encode(np.ascontiguousarray(pixels), **options))

    eight = (samples >> 8).astype(np.uint8)
    same(encoded(eight[..., 0]), eight[..., 0])
    same(encoded(eight[..., :3]), eight[..., :3])
    same(encoded(samples[..., 0]), samples[..., 0])
    same(encoded(samples[..., :3]), samples[..., :3])
    same(encoded(samples), samples[..., :3], samples[..., 3])
    for bits in (10, 12):
        codes = samples[..., 0] >> (16 - bits)
        same(encoded(codes, bitspersample=bits), stretched(codes, bits))


def test_jpeg_2000_keeps_what_its_boxes_say(grey_scene: NDArray[np.uint8]) -> None:
    data = rare_format_bytes("JPEG 2000", grey_scene)
    uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    data += box(b"uuid", uuid + XMP) + box(b"uuid", b"JpgTiffExif->JP2" + exif_block())
    color = data.index(b"colr") - 4
    (length,) = struct.unpack_from(">I", data, color)
    icc = box(b"colr", b"\x02\x00\x00" + profile("GRAY", 1.8))
    header = data.index(b"jp2h") - 4
    (whole,) = struct.unpack_from(">I", data, header)
    data = data[:color] + icc + data[color + length :]
    data = data[:header] + struct.pack(">I", whole + len(icc) - length) + data[header + 4 :]
    picture = read(data)
    right = read(pillow_bytes(grey_scene, "PNG", icc_profile=profile("GRAY", 1.8)))
    np.testing.assert_array_equal(picture.pixels, right.pixels)
    assert picture.metadata.xmp is not None
    assert b"Grandmother" in picture.metadata.xmp
    assert picture.metadata.exif is not None
    assert exif_facts(picture.metadata.exif)[MAKE] == "Eastman Kodak C"


@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl(samples: NDArray[np.uint16], container: bool) -> None:
    def encoded(pixels: NDArray[Any]) -> bytes:
        pixels = np.ascontiguousarray(pixels)
        return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=container))

    eight = (samples >> 8).astype(np.uint8)
    same(encoded(eight[..., 0]), eight[..., 0])
    same(encoded(eight[..., :3]), eight[..., :3])
    same(encoded(eight), eight[..., :3], eight[..., 3])
    # imagecodecs says of 16 bits that they are linear.
    light = samples / 65535
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    for pixels in (samples[..., 0], samples[..., :3]):
        shown = read(encoded(pixels)).pixels
        expected = curve[..., 0] if pixels.ndim == 2 else curve[..., :3]
        assert shown.dtype == np.uint16
        assert np.abs(shown / 65535 - expected).max() < 1e-4
    np.testing.assert_array_equal(read(encoded(samples)).alpha, samples[..., 3])


@pytest.mark.parametrize("bits", [1, 4, 10, 12, 14])
def test_jpeg_xl_of_odd_bits(samples: NDArray[np.uint16], bits: int) -> None:
    codes = samples >> (16 - bits)
    pixels = codes if bits > 8 else codes.astype(np.uint8)
    data = bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, bitspersample=bits))
    picture = read(data)
    white = np.iinfo(picture.pixels.dtype).max
    assert picture.alpha is not None
    shown = np.dstack([picture.pixels, picture.alpha])
    if bits > 8:  # imagecodecs says that they are linear
        shown, codes = shown[..., 3], codes[..., 3]
    assert np.abs(shown / white - codes / ((1 << bits) - 1)).max() < (0.003 if bits < 8 else 1e-4)


def test_lossy_jpeg_xl_with_a_profile_is_not_dark() -> None:
    picture = read(base64.b85decode(LOSSY_JPEG_XL))
    steps = np.repeat(np.arange(0, 256, 16, dtype=np.uint8)[None], 16, axis=0)
    right = read(pillow_bytes(steps, "PNG", icc_profile=profile("GRAY", 1.8))).pixels / 257
    assert picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels - right).max() <= 2


def test_display_p3_of_jpeg_xl_is_that_of_png() -> None:
    colors = np.array([[(200, 60, 50), (50, 180, 60)], [(40, 60, 190), (128, 128, 128)]], np.uint8)
    colors = np.repeat(np.repeat(colors, 4, axis=0), 4, axis=1)
    right = read(png_bytes(colors, 2, (b"cICP", bytes([12, 13, 0, 1]))))
    picture = read(base64.b85decode(P3_JPEG_XL))
    np.testing.assert_array_equal(picture.pixels, right.pixels)


def test_packed_metadata_of_jpeg_xl(grey_scene: NDArray[np.uint8]) -> None:
    plain = bytes(imagecodecs.jpegxl_encode(grey_scene, lossless=True, usecontainer=True))

    def packed(name: bytes, content: bytes) -> bytes:
        return box(b"brob", name + bytes(imagecodecs.brotli_encode(content)))

    data = plain + packed(b"Exif", bytes(4) + exif_block(6)) + packed(b"xml ", XMP)
    picture = read(data)
    np.testing.assert_array_equal(picture.pixels, grey_scene)
    assert picture.metadata.exif is not None
    assert exif_facts(picture.metadata.exif)[MAKE] == "Eastman Kodak C"
    assert picture.metadata.xmp is not None
    assert b"Grandmother" in picture.metadata.xmp
    broken = read(plain + box(b"brob", b"Exif" + b"no Brotli"))
    assert broken.notes == ("its EXIF data are damaged and were left out",)


def test_a_jpeg_in_jpeg_xl_is_that_jpeg(grey_scene: NDArray[np.uint8]) -> None:
    block = b"Exif\x00\x00" + exif_block(6)
    jpeg = pillow_bytes(grey_scene, "JPEG", icc_profile=profile("GRAY", 1.8), exif=block)
    picture = read(bytes(imagecodecs.jpegxl_encode_jpeg(jpeg, usecontainer=True)))
    np.testing.assert_array_equal(picture.pixels, read(jpeg).pixels)
    assert picture.metadata.exif == read(jpeg).metadata.exif


def test_netpbm(samples: NDArray[np.uint16]) -> None:
    eight = (samples >> 8).astype(np.uint8)
    for depth in (eight, samples):
        for pixels in (depth[..., 0], depth[..., :3]):
            swapped = np.ascontiguousarray(pixels if pixels.ndim == 2 else pixels[..., ::-1])
            for binary in (0, 1):
                suffix = ".pgm" if pixels.ndim == 2 else ".ppm"
                bgr: Any = swapped
                done, data = cv2.imencode(suffix, bgr, [cv2.IMWRITE_PXM_BINARY, binary])
                assert done
                same(data.tobytes(), pixels)
    bits = np.eye(9, 17, dtype=np.uint8) * 255
    same(pillow_bytes(Image.fromarray(bits).convert("1"), "PPM"), bits)
    same(b"P1\n# a comment\n3 2\n0 1 0\n1 1 0\n", np.array([[255, 0, 255], [0, 0, 255]], np.uint8))
    same(b"P2 2 1 100\n0 100\n", np.array([[0, 255]], np.uint8))
    same(b"P5 2 1 1023\n\x00\x00\x03\xff", np.array([[0, 65535]], np.uint16))
    head = b"P7\nWIDTH 31\nHEIGHT 23\nDEPTH 4\nMAXVAL 65535\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
    same(head + samples.astype(">u2").tobytes(), samples[..., :3], samples[..., 3])
    grey = (samples[..., 0] / 65535).astype(np.float32)
    done, data = cv2.imencode(".pfm", grey)
    assert done
    same(data.tobytes(), samples[..., 0])
    done, data = cv2.imencode(".pfm", grey * 2)
    with pytest.raises(InputError, match=r"do not lie in \[0, 1\]"):
        read(data.tobytes())
    with pytest.raises(InputError, match="its pixels are CMYK"):
        read(head.replace(b"RGB_ALPHA", b"CMYK") + samples.astype(">u2").tobytes())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_photoshop(samples: NDArray[np.uint16], packed: bool, depth: type[Any]) -> None:
    pixels = samples if depth == np.uint16 else (samples >> 8).astype(np.uint8)
    planes = np.moveaxis(pixels, -1, 0)
    same(psd_bytes(planes[:1], 1, packed=packed), pixels[..., 0])
    same(psd_bytes(planes[:3], 3, packed=packed), pixels[..., :3])
    transparent = struct.pack(">Ih", 2, -1) + bytes(2)
    data = psd_bytes(planes, 3, layers=transparent, packed=packed)
    same(data, pixels[..., :3], pixels[..., 3])
    with_mask = read(psd_bytes(planes, 3, packed=packed))
    assert with_mask.alpha is None
    assert "not transparency" in with_mask.notes[0]
    if depth == np.uint8:
        shown = Image.open(io.BytesIO(psd_bytes(planes, 4, packed=packed)))
        cmyk = read(psd_bytes(planes, 4, packed=packed))
        np.testing.assert_array_equal(cmyk.pixels, np.asarray(shown.convert("RGB")))
        assert "CMYK without a profile" in cmyk.notes[0]


def resource(number: int, body: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + bytes(len(body) % 2)


def test_photoshop_with_many_channels_takes_no_more_memory(rng: np.random.Generator) -> None:
    planes = rng.integers(0, 256, (56, 64, 64), dtype=np.uint8)
    for packed in (False, True):
        data = psd_bytes(planes, 3, packed=packed)
        read(data)  # which imports what it needs
        tracemalloc.start()
        picture = read(data)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        np.testing.assert_array_equal(picture.pixels, np.moveaxis(planes[:3], 0, -1))
        assert most < 30 * 64 * 64
        with pytest.raises(InputError, match=r"it ends early|truncated"):
            read(data[:-100], damage="refuse")


def test_photoshop_keeps_what_it_says(grey_scene: NDArray[np.uint8]) -> None:
    caption = b"\x1c\x02\x78\x00\x0bGrandmother"
    resources = resource(1028, caption) + resource(1058, exif_block()) + resource(1060, XMP)
    resources += resource(1039, profile("GRAY", 1.8))
    picture = read(psd_bytes(grey_scene[None], 1, resources=resources))
    right = read(pillow_bytes(grey_scene, "PNG", icc_profile=profile("GRAY", 1.8)))
    np.testing.assert_array_equal(picture.pixels, right.pixels)
    assert picture.metadata.iptc == caption
    flat_missing = resource(1057, struct.pack(">IB", 1, 0) + bytes(12))
    with pytest.raises(InputError, match="save it with maximum compatibility"):
        read(psd_bytes(grey_scene[None], 1, resources=flat_missing))


@pytest.mark.parametrize(
    ("shape", "dpi"), [((350, 248), 300), ((100, 2480), 300), ((77, 101), 150), ((20, 1654), 200)]
)
def test_a_scan_in_a_pdf_keeps_its_pixels(
    rng: np.random.Generator, shape: tuple[int, int], dpi: int
) -> None:
    grain = rng.integers(0, 256, shape, dtype=np.uint8)
    scan = read(pillow_bytes(grain, "JPEG", quality=95)).pixels
    for turn in (0, 90):
        picture = read(turned_page(pillow_bytes(grain, "PDF", quality=95, resolution=dpi), turn))
        expected = np.rot90(scan, -turn // 90)
        assert picture.pixels.shape == expected.shape
        assert np.abs(picture.pixels.astype(int) - expected).max() <= 2
        assert picture.metadata.dpi == pytest.approx((dpi, dpi), rel=1e-3)


def turned_page(pdf: bytes, degrees: int) -> bytes:
    """The PDF with its page turned, clockwise."""
    document = pypdfium2.PdfDocument(pdf)
    document[0].set_rotation(degrees)
    document.save(buffer := io.BytesIO())
    document.close()
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_dng_is_developed(grey_scene: NDArray[np.uint8], orientation: int) -> None:
    grey_scene[:8, :8] = 255  # LibRaw takes the brightest for white
    codes = grey_scene / 255.0
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    linear = np.rint(np.repeat(light[..., None], 3, axis=2) * 65535).astype(np.uint16)
    picture = read(dng_bytes(linear, orientation=orientation))
    shown = picture.pixels.astype(float) / 257
    upright = np.rot90(grey_scene, -1) if orientation == 6 else grey_scene
    assert shown.shape[:2] == upright.shape
    assert np.abs(shown[4:-4, 4:-4].mean(axis=2) - upright[4:-4, 4:-4]).mean() < 4
    assert "raw file; it was developed" in picture.notes[0]


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, metadata=None, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
def test_big_tiff_is_read_with_its_metadata(samples: NDArray[np.uint16], order: str) -> None:
    tags = [(DOCUMENT, 2, None, "MS 1234", True), (274, 3, 1, 6, True), (34675, 7, None, b"", True)]
    for pixels in (samples[..., 0], samples[..., :3], (samples >> 8).astype(np.uint8)[..., :3]):
        kind = "minisblack" if pixels.ndim == 2 else "rgb"
        data = tiff(
            np.ascontiguousarray(pixels),
            bigtiff=True,
            byteorder=order,
            photometric=kind,
            extratags=tags[:2],
        )
        picture = read(data)
        np.testing.assert_array_equal(picture.pixels, np.rot90(pixels, -1))
        assert picture.metadata.exif is not None
        assert exif_facts(picture.metadata.exif)[DOCUMENT] == "MS 1234"


def packed_tiff(planes: NDArray[Any], bits: int, order: str, photometric: int) -> bytes:
    """A TIFF of codes (P, H, W, C) in P strips, packed from the highest bit on, each row whole."""
    count, height, width, channels = planes.shape
    places = np.arange(bits - 1, -1, -1)
    rows = (planes[..., None] >> places & 1).astype(np.uint8).reshape(count, height, -1)
    strips = [np.packbits(strip, axis=-1).tobytes() for strip in rows]
    samples = max(count, channels)
    facts = (
        *((256, [width]), (257, [height]), (258, [bits] * samples), (259, [1])),
        *((262, [photometric]), (273, strips), (277, [samples]), (278, [height])),
        *((279, [len(strip) for strip in strips]), (284, [2 if count > 1 else 1])),
    )
    data = (b"II*\x00" if order == "<" else b"MM\x00*") + bytes(4)
    places_of = []
    for strip in strips:
        places_of.append(len(data))
        data += strip + bytes(len(strip) % 2)
    records = b""
    for tag, entry in facts:
        values = places_of if tag == 273 else entry
        field = struct.pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            field, data = struct.pack(order + "I", len(data)), data + field
        records += struct.pack(order + "HHI", tag, 4, len(values)) + field
    head = data[:4] + struct.pack(order + "I", len(data))
    return head + data[8:] + struct.pack(order + "H", len(facts)) + records + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_tiff_of_odd_bits(samples: NDArray[np.uint16], bits: int, order: str) -> None:
    codes = samples[..., :3] >> (16 - bits)
    grey, rgb = stretched(codes[..., 0], bits), stretched(codes, bits)
    same(packed_tiff(codes[None, ..., :1], bits, order, 1), grey)
    same(packed_tiff(codes[None, ..., :1], bits, order, 0), 65535 - grey)
    same(packed_tiff(codes[None], bits, order, 2), rgb)
    same(packed_tiff(np.moveaxis(codes, -1, 0)[..., None], bits, order, 2), rgb)


@pytest.mark.parametrize("bits", [2, 4])
def test_tiff_of_few_bits_in_colour(samples: NDArray[np.uint16], bits: int) -> None:
    codes = (samples[..., :3] >> (16 - bits)).astype(np.uint8)
    top = (1 << bits) - 1
    expected = (codes.astype(int) * 255 // top).astype(np.uint8)
    same(tiff(codes, photometric="rgb", bitspersample=bits), expected)


def test_tiff_of_cmyk_with_transparency(samples: NDArray[np.uint16]) -> None:
    inks = (samples >> 8).astype(np.uint8)
    alpha = inks[..., :1]
    data = tiff(
        np.concatenate([inks, alpha], axis=2), photometric="separated", extrasamples=["unassalpha"]
    )
    picture = read(data)
    expected = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    np.testing.assert_array_equal(picture.pixels, expected)
    np.testing.assert_array_equal(picture.alpha, alpha[..., 0])


def test_tiff_of_a_palette_with_transparency(samples: NDArray[np.uint16]) -> None:
    indices = (samples[..., :2] >> 8).astype(np.uint8)
    colors = np.ascontiguousarray(samples.reshape(-1)[: 3 * 256].reshape(3, 256))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, indices, photometric="minisblack", planarconfig="contig",
        extrasamples=["unassalpha"], metadata=None,
    )  # fmt: skip
    palette = {
        262: exif.Value(exif.SHORT, 1, struct.pack("<H", 3)),
        320: exif.Value(exif.SHORT, colors.size, colors.astype("<u2").tobytes()),
        338: exif.Value(exif.SHORT, 1, struct.pack("<H", 1)),  # which Pillow does not read
    }
    data = exif.replace_entries(buffer.getvalue(), palette)
    same(data, colors.T[indices[..., 0]], indices[..., 1] * np.uint16(257))


@pytest.mark.parametrize("deep", [False, True])
def test_tiff_palettes_of_16_bits(rng: np.random.Generator, deep: bool) -> None:
    colors = rng.integers(0, 65536, (3, 256)).astype(np.uint16)
    colors = colors if deep else colors // 257 * 257
    indices = rng.integers(0, 256, (7, 9)).astype(np.uint8)
    expected = colors.T[indices]
    data = tiff(indices, photometric="palette", colormap=colors)
    picture = read(data)
    if not deep:
        expected = (expected // 257).astype(np.uint8)
    np.testing.assert_array_equal(picture.pixels, expected)


@pytest.mark.parametrize("compression", ["jpeg2000", "lzma", "zstd", "packbits", "lerc", "webp"])
def test_tiff_of_rare_compressions(
    samples: NDArray[np.uint16], compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    rgb = np.ascontiguousarray((samples[..., :3] >> 8).astype(np.uint8))
    arguments = {"level": 0} if compression == "jpeg2000" else {}
    arguments = {"level": 100, "lossless": True} if compression == "webp" else arguments
    data = tiff(rgb, photometric="rgb", compression=compression, compressionargs=arguments)
    same(data, rgb)
    assert capfd.readouterr().err == "", "libtiff has its own words for what it does not know"


def test_a_thumbnail_as_first_page_gives_way_to_the_photograph(scene: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(scene[::4, ::4], photometric="rgb", subfiletype=1)
        file.write(scene, photometric="rgb")
        file.write(255 - scene, photometric="rgb")
    picture = read(buffer.getvalue())
    np.testing.assert_array_equal(picture.pixels, scene)
    assert any("its first page is a preview" in note for note in picture.notes)
    assert page_count(buffer.getvalue()) == 2
    np.testing.assert_array_equal(read(buffer.getvalue(), page=2).pixels, 255 - scene)


def test_pages_by_their_number(tmp_path: Path, grey_scene: NDArray[np.uint8]) -> None:
    pages = [Image.fromarray(np.roll(grey_scene, 9 * step, 1)) for step in range(3)]
    heif = pillow_heif.from_pillow(pages[0])
    for page in pages[1:]:
        heif.add_from_pillow(page)
    heif.save(tmp_path / "a.heic", quality=-1)
    files = {
        name: pillow_bytes(pages[0], name, save_all=True, append_images=pages[1:])
        for name in ("TIFF", "PDF", "MPO")
    }
    files["HEIC"] = (tmp_path / "a.heic").read_bytes()
    for name, data in files.items():
        assert page_count(data) == 3, name
        assert any("the file holds 3 " in note for note in read(data).notes), name
        for number, page in enumerate(pages, 1):
            picture = read(data, page=number)
            assert not any("the file holds" in note for note in picture.notes), name
            shown = picture.pixels if picture.pixels.ndim == 2 else picture.pixels[..., 1]
            assert np.abs(shown.astype(int) - np.asarray(page)).mean() < 4, (name, number)
        with pytest.raises(InputError, match="there is no page 4 in it; it holds 3 "):
            read(data, page=4)
    with pytest.raises(InputError, match="there is no page 2 in it; it holds one picture"):
        read(pillow_bytes(pages[0], "PNG"), page=2)


def test_a_page_of_many_takes_the_memory_of_a_page(grey_scene: NDArray[np.uint8]) -> None:
    pages = [Image.fromarray(np.roll(grey_scene, step, 1)) for step in range(60)]
    pages[0].save(
        buffer := io.BytesIO(), "TIFF", save_all=True, append_images=pages[1:], exif=exif_block()
    )
    data = buffer.getvalue()
    read(data, page=2)  # which imports what it needs
    tracemalloc.start()
    picture = read(data, page=30)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(picture.pixels, np.asarray(pages[29]))
    assert most < len(data) / 2
    assert read(data[:-100], page=30).notes == ()


def test_a_preview_in_a_multi_picture_file_is_no_page(grey_scene: NDArray[np.uint8]) -> None:
    image = Image.fromarray(grey_scene)
    data = bytearray(pillow_bytes(image, "MPO", save_all=True, append_images=[image]))
    kind = data.index(b"MPF\x00")
    attribute = data.index(struct.pack("<I", 0), kind + 60)
    data[attribute : attribute + 4] = struct.pack("<I", 0x010001)
    assert read(bytes(data)).notes == ()


@pytest.mark.parametrize(
    ("name", "package"),
    [
        *(("JPEG 2000", "imagecodecs"), ("JPEG XL", "imagecodecs"), ("Photoshop", "imagecodecs")),
        *(("Raw", "rawpy"), ("PDF", "pypdfium2"), ("HEIC", "pillow_heif")),
    ],
)
def test_without_its_package_a_format_names_its_extra(
    grey_scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    if name == "HEIC":
        pillow_heif.from_pillow(Image.fromarray(grey_scene)).save(buffer := io.BytesIO())
        data = buffer.getvalue()
    else:
        data = rare_format_bytes(name, grey_scene)
    monkeypatch.setitem(sys.modules, package, None)
    extra = rf"photochrom\[{FORMATS[name].extra}\]"
    with pytest.raises(MissingDependencyError, match=rf"(?i)reading .*{name[:3]}.*{extra}"):
        read(data) if name != "Raw" else read(data, name="raw.orf")


@pytest.mark.parametrize(
    "kind", [{"bigtiff": True}, {"bitspersample": 12, "byteorder": ">"}, {"compression": "lerc"}]
)
def test_without_tifffile_rare_tiffs_name_their_extra(
    samples: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch, kind: dict[str, Any]
) -> None:
    grey = np.ascontiguousarray(samples[..., 0] >> 4)
    if "compression" in kind:
        grey = (grey >> 4).astype(np.uint8)
    data = tiff(grey, photometric="minisblack", **kind)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(MissingDependencyError, match=r"reading TIFF of this kind.*\[formats\]"):
        read(data)


@pytest.mark.parametrize(
    ("file", "head", "words"),
    [
        ("a.tga", bytes(18), "TGA is not supported"),
        ("a", b"gimp xcf file", "GIMP's XCF is not supported"),
        ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG is not supported"),
        ("a", b"AT&TFORM", "DjVu is not supported"),
        ("a.mp4", b"\x00\x00\x00\x18ftypisom", "photochrom film"),
    ],
)
def test_formats_that_are_not_read_are_called_by_their_names(
    file: str, head: bytes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read(head + bytes(64), name=file)


def test_colors_of_heic_that_were_multiplied_by_alpha_are_as_before() -> None:
    alpha = np.repeat(np.arange(64, 256, 3, dtype=np.uint8)[None], 64, axis=0)
    grey = np.full((64, 64), 200, np.uint8)
    multiplied = np.rint(grey * (alpha / 255)).astype(np.uint8)
    file = pillow_heif.from_bytes("RGBa", (64, 64), np.dstack([multiplied] * 3 + [alpha]).tobytes())
    file.save(buffer := io.BytesIO(), quality=-1, chroma=444)
    picture = read(buffer.getvalue())
    np.testing.assert_array_equal(picture.alpha, alpha)
    assert np.abs(picture.pixels.astype(int) - 200).max() <= 6


def test_a_heic_without_hevc_is_not_called_damaged(
    grey_scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As libheif's own JPEG 2000 and uncompressed files; this encoder writes HEVC alone."""
    file = pillow_heif.from_pillow(Image.fromarray(grey_scene))
    file.save(buffer := io.BytesIO())
    monkeypatch.setattr(pillow_heif, "open_heif", lambda *_, **__: [])
    with pytest.raises(InputError, match="no picture that is coded as HEVC; convert it"):
        read(buffer.getvalue())


def test_what_tifffile_says_of_damage_is_not_shown(
    samples: NDArray[np.uint16], capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(tiff(np.ascontiguousarray(samples[..., 0]), bigtiff=True))
    (start,) = struct.unpack_from("<Q", data, 8)
    data[start + 8 + 20 * 9 + 2] = 0
    with pytest.raises(InputError):
        read(bytes(data[: start + 100]))
    with contextlib.suppress(InputError):
        read(bytes(data))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("upside_down", [True, False])
def test_a_bitmap_says_by_masks_where_its_colours_are(bits: int, upside_down: bool) -> None:
    """Windows' BITMAPV3INFOHEADER, with masks that Pillow does not know."""
    rng = np.random.default_rng(4)
    widths = (4, 4, 3, 5) if bits == 16 else (10, 8, 3, 8)
    values = [rng.integers(0, 1 << width, (7, 5)) for width in widths]
    shifts = np.cumsum((0, *widths[:-1]))
    masks = [((1 << width) - 1) << int(shift) for width, shift in zip(widths, shifts)]
    pixels = sum(value << int(shift) for value, shift in zip(values, shifts))
    rows = np.zeros((7, -(-5 * bits // 32) * 32 // bits), f"<u{bits // 8}")
    rows[:, :5] = pixels
    height = 7 if upside_down else -7
    header = struct.pack("<IiiHHIIiiII4I", 56, 5, height, 1, bits, 3, 0, 1, 1, 0, 0, *masks)
    body = (rows[::-1] if upside_down else rows).tobytes()
    data = b"BM" + struct.pack("<IHHI", 14 + 56 + len(body), 0, 0, 70) + header + body
    picture = read(data)
    top = 255 if bits == 16 else 65535  # of ten bits two would be lost
    expected = [np.rint(v * top / ((1 << w) - 1)) for v, w in zip(values, widths)]
    np.testing.assert_array_equal(picture.pixels, np.dstack(expected[:3]))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, expected[3])
    with pytest.raises(InputError, match=r"rare kind of BMP .*save it as PNG"):
        read(data[:30] + struct.pack("<I", 4) + data[34:])  # pixels that are a JPEG
    with pytest.raises(InputError, match="its masks make no sense"):
        read(data[:54] + struct.pack("<I", 5) + data[58:])


def bitmap_of_masks(alpha: NDArray[np.uint16], profile: bytes = b"") -> bytes:
    """Mid-grey as BITMAPV5HEADER and A1R5G5B5 have it. alpha: (H, W), 0 or 1."""
    height, width = alpha.shape
    body = (alpha << 15 | 0b10000_10000_10000).astype("<u2")[::-1].tobytes()
    size = (width, height, 1, 16, 3, 0, 11811, 11811, 0, 0)
    masks = (0x7C00, 0x3E0, 0x1F, 0x8000)
    header = struct.pack("<IiiHHIIiiII4I", 124, *size, *masks) + b"DEBM" * bool(profile)
    header = header.ljust(112, b"\0") + struct.pack("<III", 124 + len(body), len(profile), 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 138) + header + body + profile


def test_sixteen_bits_of_a_bitmap_may_have_one_for_alpha() -> None:
    alpha = np.array([[0, 1], [1, 1], [0, 0]], np.uint16)
    picture = read(bitmap_of_masks(alpha))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, 255 * alpha)
    np.testing.assert_array_equal(picture.pixels, 132)
    assert picture.metadata.dpi == pytest.approx((300, 300), abs=0.01)
    assert read(bitmap_of_masks(0 * alpha)).alpha is None, "of which nothing would be seen"
    cut = read(bitmap_of_masks(alpha)[:-5], damage="salvage")  # the upper row comes last
    assert cut.pixels[:, 0, 0].tolist() == [0, 0, 132]
    assert "67 % of the picture are missing" in cut.notes[0]


def test_the_profile_of_a_bitmap_counts() -> None:
    alpha = np.ones((2, 2), np.uint16)
    picture = read(bitmap_of_masks(alpha, profile("RGB", 1.0)))
    expected = 65535 * linear_to_srgb(np.float64(132 / 255))
    np.testing.assert_allclose(picture.pixels, expected, atol=20)


def test_rare_sampling_is_read_by_pillow(
    scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    jpeg = pillow_bytes(scene, "JPEG", quality=95, subsampling=0)
    jp2 = bytes(imagecodecs.jpeg2k_encode(scene, level=0, codecformat="jp2"))
    expected = read(jpeg).pixels.astype(int)

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("tjDecompressHeader3(): Could not determine subsampling level of it")

    def refuse_subsampling(*_: object, **__: object) -> None:
        raise NotImplementedError("subsampling not supported")

    monkeypatch.setattr("simplejpeg.decode_jpeg", refuse)
    assert np.abs(read(jpeg).pixels - expected).max() <= 2
    with pytest.raises(InputError, match="--damaged salvage"):
        read(jpeg[: len(jpeg) // 2])
    monkeypatch.setattr("imagecodecs.jpeg2k_decode", refuse_subsampling)
    np.testing.assert_array_equal(read(jp2).pixels, scene)


def test_what_is_only_unknown_is_not_called_damaged(
    scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = heic_bytes(np.ascontiguousarray(scene))
    for reason, words in (
        ("Error while loading plugin: Support for VVC has not been built in", "does not read"),
        ("Invalid input: No or invalid primary item", "sequence of pictures"),
    ):

        def refuse(*_: object, reason: str = reason, **__: object) -> None:
            raise ValueError(reason)

        monkeypatch.setattr("pillow_heif.open_heif", refuse)
        with pytest.raises(InputError, match=words):
            read(data)
    for head, words in (
        (b"\x00\x00\x00\x10ftypmif3heic" + bytes(20), "short header is not supported"),
        (b"BA(\x00\x00\x00" + bytes(8) + b"BM" + bytes(20), "OS/2 bitmap array is not supported"),
    ):
        with pytest.raises(InputError, match=words):
            read(head)


def test_chunks_beside_the_pixels_that_are_too_short_are_mended(scene: NDArray[np.uint8]) -> None:
    for name in (b"cHRM", b"pHYs", b"sRGB"):
        picture = read(png_bytes(scene, 2, (name, b"")))
        np.testing.assert_array_equal(picture.pixels, scene)
        assert f"its {name.decode()} chunk is too short" in picture.notes[0]
