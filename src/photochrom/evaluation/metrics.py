"""What a number in a report means: one function per metric, with formula, range and source.

Which of them a report shows, and how, :data:`photochrom.evaluation.metric_table.METRICS` says.
Every function takes pictures of one size as (H, W, 3) uint8, sRGB-encoded, or what is derived from
them (CIELAB, colour bins). scikit-image computes what it has (SSIM, CIEDE2000); the rest is here.
LPIPS needs a network and lives in :mod:`photochrom.evaluation.lpips`.
"""

from __future__ import annotations

import importlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.color.colorfulness import colorfulness as hasler_suesstrunk
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, requires_extra

ACCURACY_LIMIT = 150.0
"""Largest ab error on the raw accuracy curve, CIELAB units (Zhang et al. 2016)."""

PRIOR_SIGMA = 5.0
"""Smoothing of the colour prior, CIELAB units (Zhang et al. 2016, section 2.2)."""

GREY_COLORFULNESS = 0.1
"""A picture below this has no colour of its own."""

HUE_CHROMA, LEFT_GREY_CHROMA, NEUTRAL_CHROMA = 12.0, 20.0, 4.0
"""True chroma, CIELAB units: above the first a pixel has a hue that a person names; above the
second nobody takes it for grey; below the third everybody does."""

ACCURATE_ERROR = 10.0
"""An ab error up to this, CIELAB units, counts as the right colour in the accuracy in per cent."""

GREY_CHROMA = 6.0
"""A predicted colour below this chroma looks grey."""

WRONG_HUE_DEGREES = 75.0
"""A colour whose hue is farther off is another colour: green for brown, blue for red."""

_ROUNDING_MSE = 1.0 / 12.0
_BLOTCH_SIDE = 256
_BLOTCH_EPSILON = 1.0


def check_installed() -> None:
    """Raise MissingDependencyError where scikit-image is missing: before the work, not in it."""
    _skimage("metrics")


def to_lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB of an 8-bit picture. rgb: (H, W, 3) uint8. Returns (H, W, 3) float32."""
    return rgb_to_lab(rgb.astype(np.float32) / np.float32(255.0))


def psnr(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over R, G and B; higher is better.

    ``10·log10(255² / MSE)`` with the MSE over all pixels and channels. An MSE below 1/12, the
    rounding error of 8 bits, counts as 1/12, so the range ends at 58.9 dB instead of infinity and
    the mean over a data set that holds a grey picture stays finite. A data set's PSNR is the mean
    of its pictures' PSNR.
    """
    difference = prediction.astype(np.float32) - truth.astype(np.float32)
    mse = max(float(np.mean(difference * difference, dtype=np.float64)), _ROUNDING_MSE)
    return float(10.0 * np.log10(255.0**2 / mse))


def ssim(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Structural similarity, mean over R, G and B; at most 1, higher is better.

    Wang, Bovik, Sheikh, Simoncelli, *Image Quality Assessment* (IEEE TIP 2004): Gaussian window of
    σ = 1.5 cut at 11 px, K1 = 0.01, K2 = 0.03, dynamic range 255; computed by scikit-image.
    Raises InputError for pictures smaller than the window (11 px).
    """
    if min(truth.shape[:2]) < 11:
        raise InputError(f"SSIM needs at least 11×11 px, the picture has {truth.shape[:2]}")
    similarity = _skimage("metrics").structural_similarity(
        prediction.astype(np.float32),
        truth.astype(np.float32),
        channel_axis=-1,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(similarity)


def ciede2000(prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """Mean colour difference ΔE00 over all pixels; 0 is equal, about 1 just visible, lower better.

    CIE 142-2001; Sharma, Wu, Dalal, *The CIEDE2000 Color-Difference Formula* (2005), with
    kL = kC = kH = 1; computed by scikit-image. prediction_lab, truth_lab: (H, W, 3) float32.
    """
    difference = _skimage("color").deltaE_ciede2000(truth_lab, prediction_lab)
    return float(np.mean(difference, dtype=np.float64))


def colorfulness(rgb: NDArray[np.uint8]) -> float:
    """Colourfulness M3; 0 for grey, about 45 for an everyday photograph, 110 for a very vivid one.

    ``sqrt(σrg² + σyb²) + 0.3·sqrt(μrg² + μyb²)`` with ``rg = R − G``, ``yb = (R + G)/2 − B`` on
    values of 0..255. Hasler, Süsstrunk, *Measuring Colourfulness in Natural Images* (2003).
    """
    return float(hasler_suesstrunk(np.moveaxis(rgb, -1, 0).astype(np.float64)))


def colorfulness_ddcolor(rgb: NDArray[np.uint8]) -> float:
    """Colourfulness as DDColor's code computes it: of |rg| and |yb|; not the standard.

    Kang et al., *DDColor* (ICCV 2023). Only to compare with figures of that paper and its
    followers; it is not the measure that Hasler and Süsstrunk defined.
    """
    r, g, b = np.moveaxis(rgb, -1, 0).astype(np.float64)
    rg, yb = np.abs(r - g), np.abs(0.5 * (r + g) - b)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def ab_l1(prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """L1 distance of the chroma as pix2pix's training reports it; 0 is equal, lower is better.

    ``100 · mean |Δab| / 110`` over pixels and both channels: the loss of Isola et al. (CVPR 2017)
    with λ = 100 and ab scaled to [-1, 1] by 110. Times 1.1 it is in CIELAB units.
    """
    error = np.abs(prediction_lab[..., 1:] - truth_lab[..., 1:])
    return float(100.0 / 110.0 * np.mean(error, dtype=np.float64))


def blotchiness(lab: NDArray[np.float32]) -> float:
    """Colour that changes where the lightness does not; 0 for grey, 5 to 8 for most photographs.

    In a window around each pixel, an eighth of the short side wide, a and b are fitted as linear
    functions of L (as the guided filter does: He, Sun, Tang, ECCV 2010, with ε = 1). What is left
    is colour that no edge or shading explains: ``mean over pixels of sqrt(var(a|L) + var(b|L))``,
    CIELAB units. Photographs have some of it, of paint and print; blotches add to it, and so does
    a colour that runs over an edge. It grows with the colourfulness, so read both.
    Measured with the short side at most 256 px, so that it hardly depends on the size.
    """
    scale = _BLOTCH_SIDE / min(lab.shape[:2])
    if scale < 1:
        size = (round(lab.shape[1] * scale), round(lab.shape[0] * scale))
        lab = np.asarray(cv2.resize(lab, size, interpolation=cv2.INTER_AREA), np.float32)
    radius = max(1, round(min(lab.shape[:2]) / 16))

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        window = (2 * radius + 1, 2 * radius + 1)
        return np.asarray(cv2.blur(plane, window, borderType=cv2.BORDER_REFLECT_101))

    L = lab[..., 0].astype(np.float64)
    mean_L = mean(L)
    variance_L = mean(L * L) - mean_L**2
    left = np.zeros_like(L)
    for channel in (1, 2):
        c = lab[..., channel].astype(np.float64)
        mean_c = mean(c)
        covariance = mean(L * c) - mean_L * mean_c
        left += mean(c * c) - mean_c**2 - covariance**2 / (variance_L + _BLOTCH_EPSILON)
    return float(np.mean(np.sqrt(np.maximum(left, 0.0))))


def hue_error(prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """Share of the coloured pixels that are given another colour, [0, 1]; lower is better.

    Of the pixels with a true chroma ``C* = hypot(a*, b*)`` above 12, those whose colour has a
    chroma above 6 and a hue angle ``h = atan2(b*, a*)`` more than 75° away: a green horse, a blue
    face. Grey has none, so read it beside :func:`left_grey`. Ours; thresholds in the constants of
    this module.

    prediction_lab, truth_lab: (H, W, 3) float32. Returns nan where no pixel has such a true chroma.
    """
    ab, true_ab = (lab[..., 1:].astype(np.float64) for lab in (prediction_lab, truth_lab))
    chroma, true_chroma = np.linalg.norm(ab, axis=-1), np.linalg.norm(true_ab, axis=-1)
    alike = (ab * true_ab).sum(axis=-1) >= np.cos(np.radians(WRONG_HUE_DEGREES)) * (
        chroma * true_chroma
    )
    return _share((chroma > GREY_CHROMA) & ~alike, true_chroma > HUE_CHROMA)


def left_grey(prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """Share of the vivid pixels that stay grey, [0, 1]; lower is better, grey has 1.

    Of the pixels with a true chroma above 20, those whose colour has a chroma below 6. Ours.

    prediction_lab, truth_lab: (H, W, 3) float32. Returns nan where no pixel has such a true chroma.
    """
    chroma, true_chroma = (
        np.linalg.norm(lab[..., 1:], axis=-1) for lab in (prediction_lab, truth_lab)
    )
    return _share(chroma < GREY_CHROMA, true_chroma > LEFT_GREY_CHROMA)


def brown_bias(prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]) -> float:
    """How far what is grey in life is tinted, CIELAB units of b*; 0 is none, lower is better.

    ``|mean b* − mean true b*|`` over the pixels with a true chroma below 4: the brown (or blue)
    wash over walls, streets and snow. Ours.

    prediction_lab, truth_lab: (H, W, 3) float32. Returns nan where no pixel is that grey.
    """
    neutral = np.linalg.norm(truth_lab[..., 1:], axis=-1) < NEUTRAL_CHROMA
    if not neutral.any():
        return float("nan")
    b, true_b = prediction_lab[..., 2][neutral], truth_lab[..., 2][neutral]
    return abs(float(np.mean(b, dtype=np.float64) - np.mean(true_b, dtype=np.float64)))


def _share(hit: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(hit[among].mean()) if among.any() else float("nan")


def pixel_accuracy(
    prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What each pixel adds to the raw accuracy AuC; 1 is the true colour, 0 is 150 units off.

    Raw accuracy is the share of pixels whose ab error is at most t, swept over t = 0..150; the area
    under that curve (AuC), normalised to 1, is the mean over pixels of ``1 − min(e, 150)/150``,
    which this returns, so the sweep is exact. Zhang, Isola, Efros, *Colorful Image Colorization*
    (ECCV 2016), section 3.1. Grey scores high because most pixels are nearly grey; see
    :func:`rebalancing_weights`.

    prediction_lab, truth_lab: (H, W, 3) float32. Returns (H, W) float32 in [0, 1].
    """
    error = np.linalg.norm(prediction_lab[..., 1:] - truth_lab[..., 1:], axis=-1)
    accuracy: NDArray[np.float32] = 1.0 - np.minimum(error, ACCURACY_LIMIT) / np.float32(
        ACCURACY_LIMIT
    )
    return accuracy


def accurate(
    prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Which pixels have the right colour: 1 where the ab error is at most 10 CIELAB units, else 0.

    One point, t = 10, of the curve whose area :func:`pixel_accuracy` is. Grey has what is nearly
    grey in life, so read it with rare colours weighted up, or of the coloured pixels alone.

    prediction_lab, truth_lab: (H, W, 3) float32. Returns (H, W) float32.
    """
    error = np.linalg.norm(prediction_lab[..., 1:] - truth_lab[..., 1:], axis=-1)
    hit: NDArray[np.float32] = (error <= ACCURATE_ERROR).astype(np.float32)
    return hit


def accuracy_of_colored(
    prediction_lab: NDArray[np.float32], truth_lab: NDArray[np.float32]
) -> float:
    """Share of the coloured pixels, those with a true chroma above 12, that are :func:`accurate`.

    prediction_lab, truth_lab: (H, W, 3) float32. Returns [0, 1]; nan where no pixel is coloured.
    """
    colored = np.linalg.norm(truth_lab[..., 1:], axis=-1) > HUE_CHROMA
    return _share(accurate(prediction_lab, truth_lab) > 0, colored)


def nearest_bin(lab: NDArray[np.float32], bins: ColorBins) -> NDArray[np.intp]:
    """Index of the colour bin nearest to each pixel. lab: (H, W, 3). Returns (H, W)."""
    index, _ = bins.soft_encode(lab[..., 1:])
    nearest: NDArray[np.intp] = index[..., 0].astype(np.intp)
    return nearest


def rebalancing_weights(share_per_bin: NDArray[np.float64], bins: ColorBins) -> NDArray[np.float64]:
    """Weight of each colour bin in the class-rebalanced raw accuracy.

    ``1 / p̃(q)``, where p̃ is the share of pixels per bin smoothed over the ab plane with a Gaussian
    of σ = 5 (Zhang et al. 2016, equation 4 with λ = 0): rare, saturated colours count as much as
    the greys that fill most pictures. The prior is that of the true pictures under evaluation (the
    paper's is ImageNet's), so compare such figures only on one data set. Bins without a pixel
    weigh 0.

    share_per_bin: (Q,), not all zero. Returns (Q,), scaled so that the mean weight of a pixel is 1.
    """
    prior = share_per_bin / share_per_bin.sum()
    distance2 = ((bins.centres[:, None] - bins.centres[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-distance2.astype(np.float64) / (2 * PRIOR_SIGMA**2))
    smooth = kernel @ prior / kernel.sum(axis=1)
    weight = np.divide(1.0, smooth, out=np.zeros_like(smooth), where=prior > 0)
    scaled: NDArray[np.float64] = weight / float(weight @ prior)
    return scaled


def _skimage(module: str) -> Any:
    with requires_extra("evaluate", "measuring"):
        return importlib.import_module(f"skimage.{module}")
