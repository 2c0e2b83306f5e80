"""ICC profiles are respected at both depths and come back where they can."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.imageio import lut_profile, pillow_bytes, png_bytes, profile, tables_profile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from photochrom.imageio import Picture, convert, icc, read, write


def srgb_code(linear: NDArray[Any]) -> NDArray[Any]:
    """IEC 61966-2-1, written out a second time as the reference."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def parsed(data: bytes) -> icc.Profile:
    result = icc.parse(data)
    assert result is not None
    return result


def test_the_built_in_profile_is_srgb() -> None:
    srgb = parsed(icc.srgb_bytes())
    assert icc.is_srgb(srgb)
    assert icc.holds_srgb(srgb)
    assert not icc.is_srgb(parsed(profile("RGB", 2.2)))


def test_a_grey_gamma_is_converted_with_sixteen_bits(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = pillow_bytes(grey, "PNG", icc_profile=profile("GRAY", 1.8))
    (tmp_path / "a.png").write_bytes(data)
    picture = read(tmp_path / "a.png")
    expected = srgb_code((grey / 255.0) ** (461 / 256)) * 65535
    assert picture.pixels.dtype == np.uint16
    assert picture.pixels.ndim == 2
    assert np.abs(picture.pixels - expected).max() < 2
    assert picture.metadata.bits == 8
    assert picture.metadata.icc is None


def test_rgb_is_converted_as_littlecms_does(rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    adobe = profile("RGB", 2.2)
    ours = convert.to_srgb(rgb, parsed(adobe))
    theirs = ImageCms.profileToProfile(
        Image.fromarray(rgb), io.BytesIO(adobe), ImageCms.createProfile("sRGB")
    )
    # LittleCMS has 8 bits and rounds its curves; in the dark one code more.
    assert np.abs(ours / 257.0 - np.asarray(theirs)).max() < 2.0
    assert np.abs(ours / 257.0 - np.asarray(theirs)).mean() < 0.3


def test_sixteen_bits_lose_nothing_on_the_way_there_and_back(rng: np.random.Generator) -> None:
    adobe = parsed(profile("RGB", 2.2))
    inside = convert.from_srgb(
        rng.integers(0, 65536, (40, 50, 3), dtype=np.uint16), adobe, np.uint16
    )
    back = convert.from_srgb(convert.to_srgb(inside, adobe), adobe, np.uint16)
    error = np.abs(back.astype(int) - inside)
    assert error.mean() < 3
    assert error.max() < 65535 / 255 / 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_the_profile_of_the_input_is_the_profile_of_the_output(
    tmp_path: Path, suffix: str, depth: type[np.uint8] | type[np.uint16]
) -> None:
    ramp = np.linspace(0, np.iinfo(depth).max, 64 * 48).reshape(48, 64).astype(depth)
    rgb = np.repeat(ramp[..., None], 3, axis=2)
    rgb[:, ::2, 2] -= rgb[:, ::2, 2] // 8  # yellowish, which sRGB holds
    adobe = profile("RGB", 2.2)
    packed = b"p\x00\x00" + zlib.compress(adobe)
    (tmp_path / "a.png").write_bytes(png_bytes(rgb, 2, (b"iCCP", packed)))
    first = read(tmp_path / "a.png")
    assert first.metadata.icc == adobe
    write(tmp_path / f"b{suffix}", first)
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.info["icc_profile"] == adobe
        stored = np.asarray(image)
    if suffix in (".png", ".tif", ".webp"):
        expected = rgb if depth == np.uint8 else convert.to_depth(rgb, np.uint8)
        assert np.abs(stored.astype(int) - expected).max() <= 1
    second = read(tmp_path / f"b{suffix}")
    assert second.metadata.icc == adobe


def test_neutral_pixels_of_an_srgb_curve_stay_as_they_are(tmp_path: Path) -> None:
    """A grey photograph in Display P3, which differs from sRGB in its primaries alone."""
    wide = bytearray(icc.srgb_bytes())
    count = struct.unpack_from(">I", wide, 128)[0]
    columns = {b"rXYZ": (0.515, 0.241, -0.001), b"gXYZ": (0.292, 0.692, 0.042)}
    columns[b"bXYZ"] = (0.157, 0.067, 0.784)
    for index in range(count):
        name, offset, _ = struct.unpack_from(">4sII", wide, 132 + 12 * index)
        if name in columns:
            struct.pack_into(">3i", wide, offset + 8, *(round(v * 65536) for v in columns[name]))
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    (tmp_path / "a.png").write_bytes(pillow_bytes(grey, "PNG", icc_profile=bytes(wide)))
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, grey)
    assert picture.metadata.icc == bytes(wide)


def test_a_named_gamma_counts(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    (tmp_path / "a.png").write_bytes(png_bytes(ramp, 0, (b"gAMA", (100_000).to_bytes(4, "big"))))
    expected = srgb_code(ramp[..., 0] / 255.0) * 65535
    assert np.abs(read(tmp_path / "a.png").pixels - expected).max() < 2
    (tmp_path / "b.png").write_bytes(png_bytes(ramp, 0, (b"gAMA", (45_455).to_bytes(4, "big"))))
    np.testing.assert_array_equal(read(tmp_path / "b.png").pixels, ramp[..., 0])


def test_a_damaged_profile_is_left_out_and_said(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    (tmp_path / "a.jpg").write_bytes(pillow_bytes(scene, "JPEG", icc_profile=b"nonsense" * 30))
    picture = read(tmp_path / "a.jpg")
    assert picture.metadata.icc is None
    assert "ICC profile is damaged" in picture.notes[0]


@pytest.mark.parametrize(
    "head",
    [b"nonsense" * 30, bytes(16) + b"CMYK" + bytes(16) + b"acsp"],
    ids=["nonsense", "head alone"],
)
@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_a_damaged_cmyk_profile_is_left_out_and_said(
    tmp_path: Path, name: str, head: bytes
) -> None:
    image = Image.new("CMYK", (8, 8), (0, 0, 0, 128))
    (tmp_path / "a").write_bytes(pillow_bytes(image, name, icc_profile=head + bytes(100)))
    picture = read(tmp_path / "a")
    assert np.abs(picture.pixels.astype(int) - 127).max() <= 2
    assert "ICC profile is damaged" in picture.notes[0]
    assert "CMYK" in picture.notes[1]


def test_a_damaged_profile_of_tables_is_left_out_and_said(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    tables = bytearray(lut_profile())
    tables[16:20] = b"RGB "
    (tmp_path / "a.png").write_bytes(pillow_bytes(scene, "PNG", icc_profile=bytes(tables[:300])))
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, scene)
    assert "ICC profile is damaged" in picture.notes[0]


@pytest.mark.parametrize("space", ["RGB", "GRAY"])
def test_sixteen_bits_go_through_a_profile_of_tables(
    scene16: NDArray[np.uint16], space: str
) -> None:
    """As scanners that were measured by a chart write them."""
    stored = scene16 if space == "RGB" else np.ascontiguousarray(scene16[..., 0])
    made = tables_profile(space, 1.8)

    def read_with(profile: bytes) -> Picture:
        color_type = 2 if space == "RGB" else 0
        return read(png_bytes(stored, color_type, (b"iCCP", b"x\0\0" + zlib.compress(profile))))

    picture = read_with(made)
    expected = 65535 * srgb_code((stored / 65535.0) ** 1.8)
    assert picture.pixels.dtype == np.uint16
    shown = picture.pixels if space == "RGB" else picture.pixels[..., 1]
    assert np.abs(shown - expected).mean() < 60
    assert np.abs(shown - expected).max() < 600, "near black, where a table is coarse"
    assert len(np.unique(shown)) > 0.8 * len(np.unique(stored)), "none of its depth is lost"
    damaged = read_with(made[:300])
    assert "ICC profile is damaged" in damaged.notes[0]
    np.testing.assert_array_equal(damaged.pixels, stored)


def test_a_profile_of_other_pixels_is_left_out_and_noted(
    tmp_path: Path, scene: NDArray[np.uint8]
) -> None:
    (tmp_path / "a.png").write_bytes(pillow_bytes(scene, "PNG", icc_profile=lut_profile()))
    picture = read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, scene)
    assert "profile is for Lab" in picture.notes[0]


def test_a_file_without_profile_becomes_srgb(tmp_path: Path, scene: NDArray[np.uint8]) -> None:
    for suffix in (".jpg", ".tif", ".webp", ".avif"):
        write(tmp_path / f"a{suffix}", Picture(scene))
        with Image.open(tmp_path / f"a{suffix}") as image:
            assert image.info["icc_profile"] == icc.srgb_bytes()
    write(tmp_path / "a.png", Picture(scene))
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["srgb"] == 0


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (0, (2.2,)),
        (1, (2.4, 0.9, 0.1)),
        (2, (2.4, 0.9, 0.1, 0.05)),
        (3, (2.4, 0.948, 0.052, 0.0774, 0.0405)),
        (4, (2.4, 0.9, 0.05, 0.07, 0.04, 0.01, 0.02)),
    ],
)
def test_parametric_curves_follow_the_standard(kind: int, numbers: tuple[float, ...]) -> None:
    values = [round(v * 65536) / 65536 for v in numbers]
    tag = b"para" + bytes(4) + struct.pack(">HH", kind, 0)
    tag += struct.pack(f">{len(numbers)}i", *(round(v * 65536) for v in numbers))
    grey = bytearray(profile("GRAY", 1.0))
    count = struct.unpack_from(">I", grey, 128)[0]
    for index in range(count):
        place = 132 + 12 * index
        if grey[place : place + 4] == b"kTRC":
            struct.pack_into(">II", grey, place + 4, len(grey), len(tag))
    x = np.linspace(0, 1, 65536)
    g, a, b, c, d, e, f = (*values, *[0.0] * 7)[:7]
    power = np.clip(a * x + b, 0, None) ** g
    expected = {
        0: x**g,
        1: np.where(x >= -b / a if a else 0, power, 0),
        2: np.where(x >= -b / a if a else 0, power + c, c),
        3: np.where(x >= d, power, c * x),
        4: np.where(x >= d, power + e, c * x + f),
    }[kind]
    (curve,) = parsed(bytes(grey) + tag).curves
    np.testing.assert_allclose(curve, np.clip(expected, 0, 1), atol=1e-9)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_depths_map_full_range_to_full_range(depth: type[np.uint8] | type[np.uint16]) -> None:
    every = np.arange(65536, dtype=np.uint16)
    eight = convert.to_depth(every, np.uint8)
    np.testing.assert_array_equal(eight, np.rint(every / 257.0))
    np.testing.assert_array_equal(convert.to_depth(convert.to_depth(eight, depth), np.uint8), eight)
