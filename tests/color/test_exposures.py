"""Exposures through filters: a known picture comes back from its three planes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.exposures import CombineOptions, combine_exposures
from photochrom.color.luminance import lightness
from photochrom.errors import InputError


def planes_in(scene: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    return [scene[..., c].astype(np.float32) / np.float32(255) for c in range(3)]


def test_planes_as_they_are_stored_are_the_picture(scene: NDArray[np.uint8]) -> None:
    rgb = combine_exposures(planes_in(scene), CombineOptions(stretch="none")).rgb
    np.testing.assert_array_equal(rgb, scene.astype(np.uint16) * 257)


def test_a_linear_stretch_goes_from_percentile_to_percentile(rng: np.random.Generator) -> None:
    planes = [rng.normal(mean, 20, (40, 40)).astype(np.float32) for mean in (900, 100, 300)]
    rgb = combine_exposures(planes, CombineOptions(percentiles=(10, 90))).rgb
    for c, plane in enumerate(planes):
        low, high = np.percentile(plane, (10, 90))
        expected = np.clip((plane - low) / (high - low), 0, 1) * 65535
        assert np.abs(rgb[..., c] - expected).max() <= 1
    common = combine_exposures(planes, CombineOptions(percentiles=(0, 100), balance=False)).rgb
    low, high = min(p.min() for p in planes), max(p.max() for p in planes)
    expected = (planes[1] - low) / (high - low) * 65535
    assert np.abs(common[..., 1] - expected).max() <= 1


def test_asinh_raises_the_faint_and_keeps_the_hue_of_the_bright() -> None:
    """By Lupton and others, equation 2, and their rule for what would exceed white."""
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[None]
    planes = [ramp / np.float32(share) for share in (1, 2, 4)]
    options = CombineOptions("asinh", (0, 100), balance=False, softening=0.05)
    rgb = combine_exposures(planes, options).rgb / 65535
    mean = ramp[0, 10] * 1.75 / 3
    raised = np.arcsinh(mean / 0.05) / np.arcsinh(1 / 0.05)
    assert rgb[0, 10, 0] == pytest.approx(0.1 * raised / mean, abs=1e-4)
    np.testing.assert_allclose(rgb[0, 1:, 1], rgb[0, 1:, 0] / 2, atol=1e-4)
    assert rgb[0, -1, 0] == 1.0


def test_an_exposure_of_lightness_is_the_lightness(scene: NDArray[np.uint8]) -> None:
    planes = planes_in(scene)
    sharp = np.asarray(0.2 + 0.6 * planes[1], np.float32)
    rgb = combine_exposures([*planes, sharp], CombineOptions(stretch="none")).rgb
    assert np.abs(lightness(rgb) - lightness(sharp)).max() < 0.1


@pytest.mark.parametrize(("method", "degrees", "error_px"), [("shift", 0, 0.5), ("ecc", 1.5, 0.1)])
def test_moved_exposures_are_laid_upon_each_other(
    rng: np.random.Generator, method: Any, degrees: float, error_px: float
) -> None:
    drawn = cv2.GaussianBlur(rng.random((120, 150)).astype(np.float32), (0, 0), 2)
    drawn = (drawn - drawn.min()) / np.ptp(drawn)
    turn = cv2.getRotationMatrix2D((75, 60), degrees, 1.0)
    turn[:, 2] += np.array([4.0, -3.0])
    moved = np.asarray(cv2.warpAffine(drawn, turn, (150, 120), flags=2), np.float32)
    moved[30, 40] = np.nan
    done = combine_exposures([moved, drawn, drawn], CombineOptions("none", align=method))
    movement = done.movements["R"]
    assert movement.right_px == pytest.approx(-4.0, abs=error_px)
    assert movement.down_px == pytest.approx(3.0, abs=error_px)
    assert movement.degrees == pytest.approx(degrees, abs=0.1)
    height, width, _ = done.rgb.shape
    assert 110 <= height < 120
    assert 140 <= width < 150
    middle = done.rgb[20:-20, 20:-20].astype(float) / 65535
    assert np.quantile(np.abs(middle[..., 0] - middle[..., 1]), 0.99) < 0.02
    assert done.rgb[..., 0].min() == 0, "where nothing was measured"


def test_what_cannot_be_combined_is_refused(rng: np.random.Generator) -> None:
    noise = [rng.random((64, 64)).astype(np.float32) for _ in range(3)]
    plain, shift = CombineOptions(), CombineOptions(align="shift")
    for planes, options, words in (
        ([*noise[:2], noise[2][:9]], plain, "exposure B has 64 x 9 px, and R has 64 x 64"),
        (noise[:2], plain, "2 exposures are not"),
        ([*noise[:2], noise[2] * 0 + 3], plain, "exposure B is 3 from its percentile"),
        (noise, shift, "[RB] and G cannot be aligned: they agree in nothing"),
    ):
        with pytest.raises(InputError, match=words):
            combine_exposures(planes, options)
    with pytest.raises(InputError, match="percentiles 90 and 10"):
        CombineOptions(percentiles=(90, 10))
    with pytest.raises(InputError, match="softening of 0"):
        CombineOptions(softening=0)
