"""FITS and DICOM: what was measured, and how it is shown."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest
from fixtures.science import dicom_bytes, fits_bytes
from numpy.typing import NDArray

from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import page_count, read, read_values


@pytest.fixture
def sky(rng: np.random.Generator) -> NDArray[np.float32]:
    """A dark sky with a bright star in its upper left, a dead pixel beside it."""
    values = rng.normal(100.0, 5.0, (24, 40)).astype(np.float32)
    values[2, 3], values[2, 4] = 60_000.0, np.nan
    return values


def test_a_fits_plane_is_upright_and_keeps_its_unit(sky: NDArray[np.float32]) -> None:
    stored = read_values(fits_bytes(sky))
    np.testing.assert_array_equal(stored.values, sky)
    assert stored.has_unit
    picture = read(fits_bytes(sky))
    assert picture.pixels.dtype == np.uint16
    assert picture.pixels[2, 3] == 65535
    assert picture.pixels[2, 4] == 0, "nothing was measured there"
    low, high = np.nanpercentile(sky, (0.5, 99.5))
    assert f"from {low:.6g} to {high:.6g} are shown as black to white" in picture.notes[0]
    middle = np.rint((sky[10, 10] - low) / (high - low) * 65535)
    assert abs(int(picture.pixels[10, 10]) - middle) <= 1


def test_planes_of_fits_are_counted_through_its_images(
    sky: NDArray[np.float32], rng: np.random.Generator
) -> None:
    cube = rng.integers(0, 60_000, (3, 24, 40), dtype=np.uint16)  # stored as signed, with BZERO
    data = fits_bytes(cube, sky)
    assert page_count(data) == 4
    np.testing.assert_array_equal(read_values(data, page=2).values, cube[1])
    np.testing.assert_array_equal(read_values(data, page=4).values, sky)
    assert read(data).notes[0] == "the file holds 4 planes; only the first was read"
    bytes_alone = rng.integers(0, 256, (5, 7), dtype=np.uint8)
    as_bytes = read(fits_bytes(bytes_alone))
    np.testing.assert_array_equal(as_bytes.pixels, bytes_alone)
    for picture in (as_bytes, read(data), read(fits_bytes(sky))):
        assert picture.notes[-1] == (
            "colours that are given to an exposure are pseudo-colour, and say nothing of stars or "
            "gas"
        )
    assert not any("pseudo-colour" in note for note in read_values(data).notes), "as combine reads"


def test_bytes_of_fits_that_stand_for_other_values_are_shown_as_these() -> None:
    signed = np.arange(-128, 128, dtype=np.int8).reshape(16, 16)  # stored with BZERO
    shown = read(fits_bytes(signed)).pixels.astype(int).ravel()
    assert (np.diff(shown) >= 0).all()
    assert (shown[0], shown[-1]) == (0, 65535)


def test_a_dicom_palette_of_8_bits_has_white(rng: np.random.Generator) -> None:
    table = rng.integers(0, 256, (3, 256), dtype=np.uint16)
    table[:, 255] = 255
    facts: dict[str, Any] = {}
    for color, entries in zip(("Red", "Green", "Blue"), table):
        facts[f"{color}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        facts[f"{color}PaletteColorLookupTableData"] = (entries << 8).astype("<u2").tobytes()
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read(dicom_bytes(indices, "PALETTE COLOR", **facts))
    np.testing.assert_array_equal(picture.pixels, table.T[indices].astype(np.uint8))


def test_a_dicom_window_is_applied_after_its_rescale(rng: np.random.Generator) -> None:
    stored = rng.integers(0, 4096, (2, 12, 20)).astype(np.int16)
    window: dict[str, Any] = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    window |= {"WindowCenter": [40, 300], "WindowWidth": [400, 1500]}
    data = dicom_bytes(stored, **window)
    hounsfield = stored[0] - 1024.0
    share = np.clip((hounsfield - (40 - 0.5)) / (400 - 1) + 0.5, 0, 1)  # PS3.3, C.11.2.1.2.1
    picture = read(data)
    assert np.abs(picture.pixels - share * 65535).max() <= 0.5
    notes = " ".join(picture.notes)
    for words in ("2 frames; only the first", "center 40 and width 400", "pseudo-colour"):
        assert words in notes
    assert page_count(data) == 2
    np.testing.assert_array_equal(read_values(data, page=2).values, stored[1] - 1024)
    # X-ray film's files say that their least value is white.
    inverted = read(dicom_bytes(stored[0], "MONOCHROME1", **window)).pixels
    np.testing.assert_array_equal(inverted, 65535 - picture.pixels)
    bare = read(dicom_bytes(stored[0]))
    assert (bare.pixels.min(), bare.pixels.max()) == (0, 65535)
    assert "it has no window" in bare.notes[0]
    assert picture.metadata.exif is None
    assert picture.metadata.texts == (), "names of patients stay in their file"


def test_a_dicom_that_begins_as_a_tiff_is_one_and_oddities_are_not_warned_of(
    rng: np.random.Generator, recwarn: pytest.WarningsRecorder
) -> None:
    pixels = rng.integers(0, 4096, (24, 32)).astype(np.uint16)
    data = dicom_bytes(pixels, PixelData=pixels.tobytes() + bytes(128))
    picture = read(data)
    for beginning in (b"II*\x00", b"MM\x00*"):
        twin = read(beginning + data[4:])
        assert twin.format == "DICOM"
        np.testing.assert_array_equal(twin.pixels, picture.pixels)
    assert not recwarn.list


def test_a_dicom_in_color_is_that_picture(scene: NDArray[np.uint8]) -> None:
    picture = read(dicom_bytes(np.ascontiguousarray(scene), "RGB"))
    np.testing.assert_array_equal(picture.pixels, scene)
    assert picture.notes == ()
    with pytest.raises(InputError, match="its pixels are RGB, not measured values"):
        read_values(dicom_bytes(np.ascontiguousarray(scene), "RGB"))


def test_files_without_a_picture_say_what_they_are(sky: NDArray[np.float32]) -> None:
    data = fits_bytes(sky)
    for broken, words in (
        (data[:3000], "bytes are missing at the end"),
        (fits_bytes(np.full((3, 4), np.nan, np.float32)), "nothing was measured"),
        (fits_bytes(np.zeros((2, 1, 0), np.float32)), "tables or spectra, and no image"),
        (dicom_bytes(np.ones((9, 9), np.uint8))[:-40], "the DICOM data are damaged"),
    ):
        with pytest.raises(InputError, match=words):
            read(broken)
    with pytest.raises(InputError, match=r"no page 2 in it; it holds one picture"):
        read(data, page=2)
    with pytest.raises(InputError, match="megapixels allowed"):
        read(data, max_pixels=100)


@pytest.mark.parametrize(("module", "data"), [("astropy.io", "FITS"), ("pydicom", "DICOM")])
def test_without_the_libraries_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, module: str, data: str
) -> None:
    even = np.ones((4, 4), np.uint8)
    content = fits_bytes(even) if data == "FITS" else dicom_bytes(even)
    monkeypatch.setitem(sys.modules, module, None)
    words = rf"reading {data} needs {module[:7]}.*\[science\]"
    with pytest.raises(MissingDependencyError, match=words):
        read(content)
