"""Each metric gives the number that its formula or its source gives."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.evaluation import metrics


def noisy(rgb: NDArray[np.uint8], sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.clip(rgb + rng.normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8)


def lab_pixels(*pixels: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array([pixels], np.float32)


def test_psnr_of_a_constant_error_follows_the_formula() -> None:
    truth = np.full((20, 30, 3), 100, np.uint8)
    assert metrics.psnr(truth + 10, truth) == pytest.approx(20 * np.log10(25.5))


def test_psnr_agrees_with_scikit_image(scene: NDArray[np.uint8], rng: np.random.Generator) -> None:
    prediction = noisy(scene, 12, rng)
    expected = peak_signal_noise_ratio(scene, prediction)
    assert metrics.psnr(prediction, scene) == pytest.approx(expected, abs=1e-4)


def test_psnr_of_equal_pictures_ends_at_the_rounding_error(scene: NDArray[np.uint8]) -> None:
    assert metrics.psnr(scene, scene) == pytest.approx(10 * np.log10(255**2 * 12))


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise(
    scene: NDArray[np.uint8], rng: np.random.Generator
) -> None:
    values = [metrics.ssim(noisy(scene, sigma, rng), scene) for sigma in (4, 12, 36)]
    assert metrics.ssim(scene, scene) == pytest.approx(1.0)
    assert 1 > values[0] > values[1] > values[2] > 0


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    tiny = np.zeros((10, 40, 3), np.uint8)
    with pytest.raises(InputError, match="11×11"):
        metrics.ssim(tiny, tiny)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_gives_the_published_test_values(
    one: tuple[float, float, float], other: tuple[float, float, float], expected: float
) -> None:
    """Values of Sharma, Wu, Dalal (2005), table 1."""
    assert metrics.ciede2000(lab_pixels(one), lab_pixels(other)) == pytest.approx(
        expected, abs=2e-4
    )


def test_grey_has_no_colourfulness(scene: NDArray[np.uint8]) -> None:
    grey = np.repeat(scene[..., :1], 3, axis=-1)
    assert metrics.colorfulness(grey) < metrics.GREY_COLORFULNESS
    assert metrics.colorfulness_ddcolor(grey) == 0


def test_colourfulness_of_one_colour_is_its_distance_from_grey() -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    expected = 0.3 * np.hypot(255, 127.5)
    assert metrics.colorfulness(red) == pytest.approx(expected, abs=0.01)
    assert metrics.colorfulness_ddcolor(red) == pytest.approx(expected)


def test_colourfulness_of_two_colours_is_their_spread() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:4, :, 0] = picture[4:, :, 1] = 200  # rg = ±200, yb = 100 everywhere
    assert metrics.colorfulness(picture) == pytest.approx(200 + 0.3 * 100, abs=0.01)
    assert metrics.colorfulness_ddcolor(picture) == pytest.approx(0.3 * np.hypot(200, 100))


def test_pixel_accuracy_is_the_area_under_the_accuracy_curve() -> None:
    truth = lab_pixels(*[(50, 0, 0)] * 4)
    prediction = lab_pixels((50, 0, 0), (20, 9, 12), (50, 0, 75), (50, 160, 0))
    error = np.array([0.0, 15.0, 75.0, 160.0])
    thresholds = np.linspace(0, 150, 15001)
    area = (error[:, None] <= thresholds).mean(axis=1)
    assert metrics.pixel_accuracy(prediction, truth)[0] == pytest.approx(area, abs=1e-3)


def test_rebalancing_weighs_rare_colours_up_and_the_mean_pixel_one() -> None:
    bins = ColorBins.in_gamut()
    index = metrics.nearest_bin(lab_pixels((50, 0, 0), (50, 60, 40)), bins)[0]
    share = np.zeros(len(bins))
    share[index] = 0.9, 0.1
    weights = metrics.rebalancing_weights(share, bins)
    assert weights @ share == pytest.approx(1.0)
    assert weights[index[1]] > 8 * weights[index[0]]
    assert np.count_nonzero(weights) == 2


def test_the_nearest_bin_is_nearest(rng: np.random.Generator) -> None:
    bins = ColorBins.in_gamut()
    lab = np.concatenate([np.full((40, 1), 50), rng.uniform(-25, 25, (40, 2))], axis=1)
    chosen = bins.centres[metrics.nearest_bin(lab.astype(np.float32), bins)]
    # Half the diagonal of a bin, and the 2-unit table that the bins are looked up in.
    assert np.linalg.norm(chosen - lab[:, 1:], axis=1).max() < np.hypot(5, 5) + np.hypot(1, 1)


def test_blotches_are_colour_that_lightness_does_not_explain() -> None:
    rng = np.random.default_rng(0)
    L = np.cumsum(rng.normal(0, 1, (64, 96)), axis=1).astype(np.float32) + 50
    follows = np.stack([L, 0.8 * L - 40, -0.5 * L], axis=-1).astype(np.float32)
    patches = np.kron(rng.normal(0, 20, (8, 12, 2)), np.ones((8, 8, 1)))
    blotchy = np.concatenate([L[..., None], patches], axis=-1).astype(np.float32)
    grey = np.stack([L, 0 * L, 0 * L], axis=-1)
    assert metrics.blotchiness(grey) == 0
    assert metrics.blotchiness(follows) < 1.0
    assert metrics.blotchiness(blotchy) > 10
    half = blotchy.copy()
    half[..., 1:] *= 0.5
    assert metrics.blotchiness(half) == pytest.approx(metrics.blotchiness(blotchy) / 2, rel=1e-5)


def test_blotchiness_hardly_depends_on_the_size() -> None:
    rng = np.random.default_rng(1)
    small = rng.normal(0, 10, (12, 12, 3)).astype(np.float32)
    sizes = [cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC) for side in (256, 768)]
    one, other = (metrics.blotchiness(np.asarray(lab, np.float32)) for lab in sizes)
    assert one == pytest.approx(other, rel=0.03)


def test_the_l1_of_ab_is_in_the_units_of_pix2pix() -> None:
    truth = np.zeros((4, 4, 3), np.float32)
    off = truth + np.array([9.0, 11.0, 22.0], np.float32)  # lightness does not count
    assert metrics.ab_l1(off, truth) == pytest.approx(15.0)


def test_hue_errors_are_colours_of_another_name_among_coloured_pixels() -> None:
    truth = lab_pixels((50, 20, 0), (50, 20, 0), (50, 20, 0), (50, 0, 13), (50, 0, 11))
    #                   76° away,  74° away,        grey: none,  opposite,   true is no colour
    turned = [(10 * np.cos(np.radians(d)), 10 * np.sin(np.radians(d))) for d in (76, 74)]
    prediction = lab_pixels(
        (50, *turned[0]), (50, *turned[1]), (50, -5.9, 0), (50, 0, -7), (50, 0, -40)
    )
    assert metrics.hue_error(prediction, truth) == pytest.approx(2 / 4)
    assert metrics.hue_error(truth, truth) == 0
    assert np.isnan(metrics.hue_error(prediction[:, 4:], truth[:, 4:]))


def test_left_grey_are_vivid_pixels_without_colour() -> None:
    truth = lab_pixels((50, 12, 16.5), (50, -21, 0), (50, 0, 80), (50, 0, 19))
    prediction = lab_pixels((50, 3, 4), (50, 5, 4), (50, 0, -30), (50, 0, 0))  # 5, 6.4, 30, -
    assert metrics.left_grey(prediction, truth) == pytest.approx(1 / 3)
    assert np.isnan(metrics.left_grey(prediction[:, 3:], truth[:, 3:]))


def test_the_brown_bias_is_the_mean_tint_of_what_is_grey_in_life() -> None:
    truth = lab_pixels((50, 0, 1), (50, 3, -2), (50, 0, 4.1), (50, 30, 30))
    prediction = lab_pixels((50, 0, 9), (50, 0, 3), (50, 0, 90), (50, 0, -90))
    assert metrics.brown_bias(prediction, truth) == pytest.approx((9 + 3) / 2 - (1 - 2) / 2)
    blue = lab_pixels((50, 0, -9), (50, 0, -3), (50, 0, 0), (50, 0, 0))
    assert metrics.brown_bias(blue, truth) == pytest.approx(6 - 0.5)
    assert np.isnan(metrics.brown_bias(prediction[:, 2:], truth[:, 2:]))


def test_colour_accuracy_is_the_share_of_pixels_whose_ab_error_is_at_most_ten() -> None:
    truth = lab_pixels((50, 0, 0), (50, 3, 4), (50, 20, 0), (50, 0, -60))
    prediction = lab_pixels((50, 6, 8), (9, 3, 15), (50, 10.5, 0), (50, 0, 0))  # 10, 11, 9.5, 60
    assert metrics.accurate(prediction, truth).tolist() == [[1, 0, 1, 0]]
    assert metrics.accuracy_of_colored(prediction, truth) == pytest.approx(1 / 2)
    assert np.isnan(metrics.accuracy_of_colored(prediction[:, :2], truth[:, :2]))
