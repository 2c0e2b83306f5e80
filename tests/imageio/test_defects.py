"""What is broken around the pixels is mended and noted; missing pixels are refused, or salvaged."""

from __future__ import annotations

import io
import re
import struct
import time
import zlib

import numpy as np
import pytest
import tifffile
from fixtures.imageio import (
    exif_block,
    heic_bytes,
    pillow_bytes,
    png_bytes,
    profile,
    psd_bytes,
    rare_format_bytes,
)
from numpy.typing import NDArray
from PIL import Image

from photochrom.errors import InputError
from photochrom.imageio import jpeg_decoder, mending, read
from photochrom.imageio.containers import PNG_SIGNATURE, jpeg_header

ICC = profile("GRAY", 2.2)


@pytest.fixture
def grey(grey_scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return grey_scene


def segment(marker: int, payload: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """The JPEG with more after its JFIF segment."""
    (length,) = struct.unpack_from(">H", jpeg, 4)
    return jpeg[: 4 + length] + b"".join(segments) + jpeg[4 + length :]


def icc_segment(number: int, count: int, part: bytes) -> bytes:
    return segment(0xE2, b"ICC_PROFILE\x00" + bytes([number, count]) + part)


def broken_jpegs(grey: NDArray[np.uint8]) -> dict[str, bytes]:
    """JPEGs whose pixels are all there, by what is wrong with them."""
    jpeg = pillow_bytes(grey, "JPEG", quality=90)
    restarts = pillow_bytes(grey, "JPEG", quality=90, restart_marker_rows=2)
    place = restarts.index(b"\xff\xd1", 600)
    # Rows beyond the height that the header says, as a scanner leaves them.
    tall = bytearray(
        pillow_bytes(np.vstack([grey, grey]), "JPEG", quality=90, restart_marker_rows=1)
    )
    frame = tall.index(b"\xff\xc0") + 5
    tall[frame : frame + 2] = struct.pack(">H", grey.shape[0] - grey.shape[0] % 8)
    after_jfif = 4 + struct.unpack_from(">H", jpeg, 4)[0]
    return {
        "no end": jpeg[:-2],
        "no end, and a phone's trailer": jpeg[:-2] + b"\x00\x00SEFH" + bytes(range(64)) + b"SEFT",
        "bytes between segments": jpeg[:after_jfif] + b"junk\x00\xff\x00" + jpeg[after_jfif:],
        "FF00 between segments": jpeg[:after_jfif] + b"\xff\x00" + jpeg[after_jfif:],
        "a newline before": b"\n" + jpeg,
        "a part of the profile missing": with_segments(jpeg, icc_segment(1, 2, ICC[:200])),
        "profile numbered from 0, cut": with_segments(jpeg, icc_segment(0, 0, ICC[:200])),
        "zeros before the end": jpeg[:-2] + bytes(40) + jpeg[-2:],
        "rubbish before another marker": jpeg[:-2] + b"\x12\x34\x56" * 9 + b"\xff\x01" + jpeg[-2:],
        "rubbish before a restart": restarts[:place] + b"\x99rubbish" * 3 + restarts[place:],
        "rows beyond the height": bytes(tall),
    }


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def broken_pngs(grey: NDArray[np.uint8]) -> dict[str, bytes]:
    """PNGs whose pixels are all there, by what is wrong with them."""
    text = chunk(b"tEXt", b"Title\x00Grandmother")
    png = png_bytes(grey[..., None], 0, (b"tEXt", b"Title\x00Grandmother"))
    wrong = text[:-1] + bytes([text[-1] ^ 1])
    data = png.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", png, data)
    idat = png[data : data + 12 + length]
    return {
        "wrong checksum of a comment": png.replace(text, wrong),
        "no end": png[:-12],
        "the end is cut": png[:-5],
        "wrong checksum of sound pixels": png.replace(idat, idat[:-1] + bytes([idat[-1] ^ 1])),
        "a profile that cannot be unpacked": png_bytes(
            grey[..., None], 0, (b"iCCP", b"x\x00\x00not zlib")
        ),
        "cut inside a comment at the end": png[:-12] + text[:-9],
        "a newline before": b"\r\n" + png,
    }


def test_harmless_damage_of_a_jpeg_is_mended_and_noted(grey: NDArray[np.uint8]) -> None:
    expected = read(pillow_bytes(grey, "JPEG", quality=90)).pixels
    for what, data in broken_jpegs(grey).items():
        picture = read(data, name=what)
        shown = expected[: picture.pixels.shape[0]]
        np.testing.assert_array_equal(picture.pixels, shown, err_msg=what)
        assert len(picture.notes) == 1, (what, picture.notes)
        assert re.search("without harm to the picture|ICC profile is damaged", picture.notes[0])
        with pytest.raises(InputError):
            read(data, damage="refuse")


def test_harmless_damage_of_a_png_is_mended_and_noted(grey: NDArray[np.uint8]) -> None:
    for what, data in broken_pngs(grey).items():
        picture = read(data, name=what)
        np.testing.assert_array_equal(picture.pixels, grey, err_msg=what)
        noted = " ".join(picture.notes)
        assert re.search("without harm to the picture|ICC profile is damaged", noted), what
        with pytest.raises(InputError):
            read(data, damage="refuse")


def test_a_sound_file_has_no_note_of_damage(grey: NDArray[np.uint8]) -> None:
    for name in ("JPEG", "PNG", "TIFF", "PPM"):
        assert read(pillow_bytes(grey, name), damage="refuse").notes == ()


def test_a_profile_in_parts_with_wrong_numbers_is_put_together(grey: NDArray[np.uint8]) -> None:
    jpeg = pillow_bytes(grey, "JPEG", quality=90)
    half = len(ICC) // 2
    for numbers in (((1, 2), (2, 2)), ((0, 0), (0, 0)), ((0, 2), (1, 2)), ((2, 2), (1, 2))):
        parts = [ICC[:half], ICC[half:]]
        if numbers[0][0] > numbers[1][0]:
            parts.reverse()
        data = with_segments(jpeg, *(icc_segment(*n, p) for n, p in zip(numbers, parts)))
        right = with_segments(jpeg, icc_segment(1, 1, ICC))
        np.testing.assert_array_equal(read(data).pixels, read(right).pixels)


def test_a_profile_of_ten_parts_is_in_order(grey: NDArray[np.uint8]) -> None:
    jpeg = pillow_bytes(grey, "JPEG", quality=90)
    size = -(-len(ICC) // 12)
    parts = [ICC[at : at + size] for at in range(0, len(ICC), size)]
    segments = [icc_segment(n, len(parts), part) for n, part in enumerate(parts, 1)]
    data = with_segments(jpeg, *reversed(segments))
    assert read(data).notes == ()
    np.testing.assert_array_equal(
        read(data).pixels, read(with_segments(jpeg, icc_segment(1, 1, ICC))).pixels
    )


def tiff_cut(grey: NDArray[np.uint8]) -> bytes:
    """A TIFF whose directory comes first, cut inside its pixels."""
    image = tifffile.TiffWriter(buffer := io.BytesIO())
    image.write(grey, rowsperstrip=10, metadata=None)
    image.close()
    data = buffer.getvalue()
    return data[: len(data) - grey.size // 3]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "interlaced", "deep", "TIFF", "PPM"])
def test_missing_pixels_are_refused_with_advice_and_salvaged(
    kind: str, scene16: NDArray[np.uint16], grey: NDArray[np.uint8]
) -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(grey.astype(int) + rng.integers(-9, 9, grey.shape), 1, 254).astype(np.uint8)
    whole = {
        "JPEG": pillow_bytes(noisy, "JPEG", quality=90),
        "PNG": pillow_bytes(noisy, "PNG"),
        "interlaced": interlaced_png(noisy),
        "deep": png_bytes(scene16, 2),
        "TIFF": b"",
        "PPM": pillow_bytes(noisy, "PPM"),
    }[kind]
    data = tiff_cut(noisy) if kind == "TIFF" else whole[: len(whole) * 2 // 3]
    with pytest.raises(InputError, match=r"\d %.*missing.*--damaged salvage"):
        read(data)
    with pytest.raises(InputError):
        read(data, damage="refuse")
    picture = read(data, damage="salvage")
    assert picture.pixels.shape[:2] == noisy.shape
    note = " ".join(picture.notes)
    share = float(re.search(r"([\d.]+) % of the picture are missing", note)[1])  # type: ignore[index]
    assert 15 < share < 60 if kind != "deep" else share > 15
    expected = scene16 if kind == "deep" else noisy
    rows = 20 if kind != "interlaced" else 0
    tolerance = 25 if kind == "JPEG" else 0
    there = picture.pixels[:rows].astype(int)
    assert np.abs(there - expected[:rows]).max(initial=0) <= tolerance


def sound_files(rgb: NDArray[np.uint8]) -> dict[str, tuple[bytes, float]]:
    """Files, and the share of rows that at least are there in the first two thirds of each."""
    image = Image.fromarray(rgb)
    planes = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    tiffs = {}
    for compression in (None, "zlib", "lzw"):
        buffer = io.BytesIO()
        with tifffile.TiffWriter(buffer) as writer:
            writer.write(rgb, compression=compression, rowsperstrip=len(rgb), metadata=None)
            tiffs[f"TIFF, one strip, {compression}"] = (buffer.getvalue(), 0.5)
    return {
        "WebP": (pillow_bytes(rgb, "WEBP", quality=90), 0.3),
        "WebP without loss": (pillow_bytes(rgb, "WEBP", lossless=True), 0.4),
        "AVIF": (pillow_bytes(rgb, "AVIF", quality=90), 0.2),
        "HEIC": (heic_bytes(rgb), 0.2),
        "GIF": (pillow_bytes(image.quantize(), "GIF", interlace=0), 0.5),
        "GIF, interlaced": (pillow_bytes(image.quantize(), "GIF", interlace=1), 0.5),
        "BMP": (pillow_bytes(rgb, "BMP"), 0.6),
        "PSD": (psd_bytes(planes[:1], 1), 0.5),
        "PSD, not packed": (psd_bytes(planes[:1], 1, packed=False), 0.6),
        **tiffs,
    }


def test_what_is_left_of_a_file_that_is_cut_off_is_salvaged(scene: NDArray[np.uint8]) -> None:
    for what, (whole, share) in sound_files(np.ascontiguousarray(scene)).items():
        data, expected = whole[: len(whole) * 2 // 3], read(whole).pixels
        with pytest.raises(InputError, match=r"\d %.*missing.*--damaged salvage"):
            read(data, name=what)
        with pytest.raises(InputError, match="damaged"):
            read(data, name=what, damage="refuse")
        picture = read(data, name=what, damage="salvage")
        missing = re.search(r"([\d.]+) % of the picture are missing", picture.notes[-1])
        assert missing is not None, what
        right = (picture.pixels == expected).reshape(len(scene), -1).all(axis=1).mean()
        assert right >= max(share, 0.99 - float(missing[1]) / 100), (what, right, missing[0])


def test_green_and_blue_that_are_missing_are_taken_as_red(scene: NDArray[np.uint8]) -> None:
    planes = np.ascontiguousarray(np.moveaxis(scene, -1, 0))
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        options = {"photometric": "rgb", "planarconfig": "separate", "rowsperstrip": 16}
        writer.write(planes, metadata=None, **options)
        tiff = buffer.getvalue()
    for data in (psd_bytes(planes, 3), psd_bytes(planes, 3, packed=False), tiff):
        picture = read(data[: len(data) // 2], damage="salvage")
        np.testing.assert_array_equal(picture.pixels[..., 0], scene[..., 0])
        np.testing.assert_array_equal(picture.pixels[..., 2], scene[..., 0])


def test_a_format_of_which_nothing_can_be_salvaged_says_why(grey: NDArray[np.uint8]) -> None:
    for name in ("JPEG 2000", "JPEG XL", "Raw", "PDF"):
        data = rare_format_bytes(name, grey)
        for damage in ("mend", "salvage"):
            with pytest.raises(InputError, match="nothing of the picture can be salvaged: its lib"):
                read(data[: len(data) * 2 // 3], damage=damage)


def test_a_pdf_that_ends_early_is_refused_though_pdfium_reads_it(grey: NDArray[np.uint8]) -> None:
    data = rare_format_bytes("PDF", grey)
    cut = data[: data.rindex(b"%%EOF")]
    with pytest.raises(InputError, match=r"ends early.*--damaged salvage"):
        read(cut)
    assert "ends early" in read(cut, damage="salvage").notes[-1]


def test_a_heic_that_lacks_only_what_lies_behind_the_picture_is_mended(
    scene: NDArray[np.uint8],
) -> None:
    data = heic_bytes(np.ascontiguousarray(scene)) + struct.pack(">I4s", 100, b"free") + bytes(20)
    picture = read(data)
    assert "without harm to the picture" in picture.notes[-1]
    np.testing.assert_array_equal(picture.pixels, read(data[:-28]).pixels)


def interlaced_png(grey: NDArray[np.uint8]) -> bytes:
    """An interlaced PNG (Adam7), which Pillow does not write."""
    rows = []
    for x, y, dx, dy in (
        *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
        *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
    ):
        rows += [b"\x00" + row.tobytes() for row in grey[y::dy, x::dx] if row.size]
    height, width = grey.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(chunk(name, body) for name, body in parts)


def test_an_interlaced_png_without_end_is_mended(grey: NDArray[np.uint8]) -> None:
    data = interlaced_png(grey)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), grey)
    np.testing.assert_array_equal(read(data[:-12]).pixels, grey)


def test_damaged_pixels_of_a_png_are_not_called_harmless(grey: NDArray[np.uint8]) -> None:
    data = bytearray(png_bytes(grey[..., None], 0))
    place = data.index(b"IDAT") + 200
    data[place] ^= 0xFF
    with pytest.raises(InputError, match="--damaged salvage"):
        read(bytes(data))
    assert "missing" in read(bytes(data), damage="salvage").notes[0]


def test_a_bomb_is_refused_before_it_is_mended() -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    data = PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    with pytest.raises(InputError, match="--max-megapixels"):
        read(data, damage="salvage")


def test_a_damaged_exif_segment_costs_no_pixels(grey: NDArray[np.uint8]) -> None:
    jpeg = pillow_bytes(grey, "JPEG", quality=90)
    data = with_segments(jpeg, segment(0xE1, b"Exif\x00\x00" + exif_block()[:40]))
    np.testing.assert_array_equal(read(data).pixels, read(jpeg).pixels)


def test_a_sound_jpeg_of_rare_sampling_may_end_in_white(
    grey: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_on_paper = np.vstack([grey, np.full((40, grey.shape[1]), 255, np.uint8)])
    jpeg = pillow_bytes(np.dstack([print_on_paper] * 3), "JPEG", quality=90)
    expected = read(jpeg).pixels.astype(int)

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("tjDecompressHeader3(): Could not determine subsampling level of it")

    monkeypatch.setattr("simplejpeg.decode_jpeg", refuse)
    assert np.abs(read(jpeg).pixels - expected).max() <= 2
    with pytest.raises(InputError, match="--damaged salvage"):
        read(jpeg[:-200] + jpeg[-2:])


def test_what_cannot_be_mended_is_tried_once(
    grey: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    jpeg = pillow_bytes(np.tile(grey, (4, 1)), "JPEG", restart_marker_rows=1)
    header = jpeg_header(jpeg)
    core, scan, _ = mending.jpeg_core(jpeg, header)
    tried = []

    def fail(data: bytes, _space: str) -> tuple[None, str]:
        tried.append(data)
        return None, "Corrupt JPEG data: 2 extraneous bytes before marker 0xd1"

    monkeypatch.setattr(jpeg_decoder, "_decode_or_failure", fail)
    with pytest.raises(ValueError, match="extraneous"):
        jpeg_decoder._without_rubbish(core, scan, header, "GRAY")
    assert len(tried) == 1 + core.count(b"\xff\xd1", scan)


def test_fill_bytes_cost_no_time() -> None:
    start = time.process_time()
    assert not list(mending.jpeg_without_rubbish(b"\xff" * 30_000 + b"\x00", 0, 9, 0xD9))
    assert time.process_time() - start < 0.5
