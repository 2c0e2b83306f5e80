"""Luma and chroma of films against the formulas of the standards, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.video.io.frame import Matrix
from photochrom.video.yuv import FilmPlanes
from photochrom.video.yuv_table import LUMA_WEIGHTS

MATRICES: tuple[Matrix, ...] = ("bt601", "bt709")


def decoded(
    luma: NDArray[np.generic], chroma: NDArray[np.generic], bits: int, full: bool, matrix: Matrix
) -> NDArray[np.float64]:
    """R'G'B' as a player makes it of codes: (..., 3), not clipped."""
    top = (1 << bits) - 1
    black, span, swing = (
        (0, top, top) if full else (16 << bits - 8, 219 << bits - 8, 224 << bits - 8)
    )
    y = (luma.astype(float) - black) / span
    pb, pr = np.moveaxis((chroma.astype(float) - (1 << bits - 1)) / swing, -1, 0)
    kr, kg, kb = LUMA_WEIGHTS[matrix]
    red, blue = y + 2 * (1 - kr) * pr, y + 2 * (1 - kb) * pb
    return np.stack([red, (y - kr * red - kb * blue) / kg, blue], axis=-1)


def planes(
    bits: int = 8, full: bool = False, matrix: Matrix = "bt709", side: int = 64
) -> FilmPlanes:
    return FilmPlanes(side, side, bits, full, matrix)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", MATRICES)
def test_a_colour_comes_back_with_its_ab_and_its_luma(
    bits: int, full: bool, matrix: Matrix, rng: np.random.Generator
) -> None:
    """Flat frames of known colours: U and V are those of the standard, within rounding."""
    converter = planes(bits, full, matrix, side=2)
    weights = np.array(LUMA_WEIGHTS[matrix])
    errors = []
    for rgb in np.clip(rng.uniform(0.15, 0.85, (200, 1)) + rng.normal(0, 0.08, (200, 3)), 0, 1):
        top = (1 << bits) - 1
        black, span = (0, top) if full else (16 << bits - 8, 219 << bits - 8)
        code = round(black + span * float(weights @ rgb))
        luma = np.full((2, 2), code, np.uint8 if bits == 8 else np.uint16)
        ab = rgb_to_lab(rgb)[1:].astype(np.float32).reshape(1, 1, 2)
        shown = decoded(luma[:1, :1], converter.chroma(luma, ab), bits, full, matrix)[0, 0]
        errors.append(np.abs(rgb_to_lab(np.clip(shown, 0, 1))[1:] - ab[0, 0]).max())
    assert np.median(errors) < 0.6
    assert np.percentile(errors, 98) < 2.5


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
def test_no_colour_is_the_neutral_code_exactly(bits: int, full: bool) -> None:
    converter = planes(bits, full)
    luma = np.arange(64 * 64).reshape(64, 64) % (1 << bits)
    codes = luma.astype(np.uint8 if bits == 8 else np.uint16)
    chroma = converter.chroma(codes, np.zeros((16, 16, 2), np.float32))
    assert (chroma == 1 << bits - 1).all()
    assert converter.neutral == 1 << bits - 1
    assert chroma.dtype == codes.dtype


@pytest.mark.parametrize("matrix", MATRICES)
def test_what_is_outside_srgb_loses_chroma_and_not_luma(
    matrix: Matrix, rng: np.random.Generator
) -> None:
    converter = planes(matrix=matrix)
    luma = np.repeat(np.repeat(rng.integers(16, 236, (8, 8)), 8, 0), 8, 1).astype(np.uint8)
    ab = np.repeat(np.repeat(rng.normal(0, 80, (2, 2, 2)), 16, 0), 16, 1).astype(np.float32)
    rgb = decoded(luma[::2, ::2], converter.chroma(luma, ab), 8, False, matrix)
    assert rgb.min() > -0.03
    assert rgb.max() < 1.03


def test_lightness_is_that_of_a_grey_picture(rng: np.random.Generator) -> None:
    luma = rng.integers(16, 236, (64, 64)).astype(np.uint8)
    grey = (luma.astype(float) - 16) / 219
    expected = rgb_to_lab(np.repeat(grey[..., None], 3, axis=-1))[..., 0]
    np.testing.assert_allclose(planes().lightness(luma, (64, 64)), expected, atol=1e-3)
    ten = planes(10).lightness(luma.astype(np.uint16) * 4, (64, 64))
    np.testing.assert_allclose(ten, expected, atol=1e-3)
    assert planes(full=True).lightness(np.full((64, 64), 255, np.uint8), (32, 32)).min() > 99.99


@pytest.mark.parametrize("bits", [8, 10])
def test_a_shrunk_frame_is_averaged(bits: int, rng: np.random.Generator) -> None:
    converter = FilmPlanes(270, 480, bits, True, "bt709")
    luma = rng.integers(100, 200, (270, 480)).astype(np.uint8 if bits == 8 else np.uint16)
    small = converter.lightness(luma, (32, 64))
    mean = shrink(luma.astype(np.float32), (32, 64))
    nearest = np.rint(mean).astype(luma.dtype)
    expected = FilmPlanes(32, 64, bits, True, "bt709").lightness(nearest, (32, 64))
    assert np.abs(small - expected).mean() < 1.0


def test_averaged_chroma_is_the_map_that_was_given(rng: np.random.Generator) -> None:
    """At constant luma, so that nothing but the interpolation is seen."""
    converter = planes(10, side=256)
    ab = rng.normal(0, 12, (16, 16, 2)).astype(np.float32)
    chroma = converter.chroma(np.full((256, 256), 500, np.uint16), ab).astype(np.float32)
    rgb = decoded(np.full((128, 128), 500), chroma, 10, False, "bt709")
    back = shrink(rgb_to_lab(rgb)[..., 1:].astype(np.float32), (16, 16))
    assert np.abs(back - ab).mean() < 0.7


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (479, 853), (2, 1)])
def test_odd_sizes_have_one_chroma_sample_more(shape: tuple[int, int]) -> None:
    converter = FilmPlanes(*shape, 8, False, "bt601")
    luma = np.full(shape, 120, np.uint8)
    chroma = converter.chroma(luma, np.full((2, 3, 2), 20.0, np.float32))
    assert chroma.shape == (-(-shape[0] // 2), -(-shape[1] // 2), 2)
    assert len(np.unique(chroma.reshape(-1, 2), axis=0)) == 1
    assert converter.lightness(luma, (32, 64)).shape == (32, 64)


def test_a_grey_picture_of_a_frame_spans_the_whole_range() -> None:
    luma = np.array([[0, 16], [235, 255]], np.uint8)
    assert planes(side=2).grey(luma).tolist() == [[0, 0], [255, 255]]


def test_another_films_frame_is_refused() -> None:
    with pytest.raises(InputError, match=r"uint8 of \(64, 64\)"):
        planes().chroma(np.zeros((64, 64), np.uint16), np.zeros((4, 4, 2), np.float32))
    with pytest.raises(InputError, match="chroma map"):
        planes().chroma(np.zeros((64, 64), np.uint8), np.zeros((4, 4), np.float32))
