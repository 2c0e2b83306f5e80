"""Pictures to numbers: the metrics of one method over pairs of (prediction, truth).

Nothing here knows models or files; whatever makes predictions can be measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.evaluation import metrics

if TYPE_CHECKING:
    from photochrom.evaluation.lpips import Lpips


@dataclass(frozen=True)
class PairScores:
    """One prediction measured against one true picture; units as in :mod:`.metrics`.

    lpips is None where it was not measured. true_colourfulness and true_blotchiness belong to the
    true picture.
    share_per_bin: (Q,) float64, the share of pixels whose true colour falls into a colour bin;
    sum 1. accuracy_per_bin: the same weighted by the pixels' accuracy. Together they make the AuC,
    plain and class-rebalanced, of any set of pictures.
    """

    psnr: float
    ssim: float
    ciede2000: float
    lpips: float | None
    ab_l1: float
    blotchiness: float
    true_blotchiness: float
    colourfulness: float
    colourfulness_ddcolor: float
    true_colourfulness: float
    true_colourfulness_ddcolor: float
    share_per_bin: NDArray[np.float64]
    accuracy_per_bin: NDArray[np.float64]

    @property
    def auc(self) -> float:
        """Raw accuracy AuC of this picture, [0, 1]."""
        return float(self.accuracy_per_bin.sum())


class PairMeter:
    """Measures predictions; what belongs to the true picture is computed once for all of them."""

    def __init__(self, lpips: Lpips | None = None) -> None:
        """lpips: the loaded network, or None to leave LPIPS unmeasured.

        Raises MissingDependencyError without scikit-image.
        """
        metrics.check_installed()
        self.lpips = lpips
        self.bins = ColorBins.in_gamut()

    def measure(
        self, predictions: Sequence[NDArray[np.uint8]], truth: NDArray[np.uint8]
    ) -> list[PairScores]:
        """Scores of each prediction, in order.

        predictions, truth: (H, W, 3) uint8, sRGB-encoded, of one size.
        Raises InputError for another shape or dtype, and for pictures too small to measure.
        """
        for picture in (truth, *predictions):
            _check_picture(picture, truth.shape)
        truth_lab = metrics.lab_of(truth)
        bin_index = metrics.nearest_bin(truth_lab, self.bins).ravel()
        share = np.bincount(bin_index, minlength=len(self.bins)) / bin_index.size
        colourfulness = metrics.colorfulness(truth)
        colourfulness_ddcolor = metrics.colorfulness_ddcolor(truth)
        blotchiness = metrics.blotchiness(truth_lab)
        distances = self._lpips(predictions, truth)
        scores = []
        for prediction, distance in zip(predictions, distances, strict=True):
            lab = metrics.lab_of(prediction)
            accuracy = metrics.pixel_accuracy(lab, truth_lab).ravel()
            scores.append(
                PairScores(
                    psnr=metrics.psnr(prediction, truth),
                    ssim=metrics.ssim(prediction, truth),
                    ciede2000=metrics.ciede2000(lab, truth_lab),
                    lpips=distance,
                    ab_l1=metrics.ab_l1(lab, truth_lab),
                    blotchiness=metrics.blotchiness(lab),
                    true_blotchiness=blotchiness,
                    colourfulness=metrics.colorfulness(prediction),
                    colourfulness_ddcolor=metrics.colorfulness_ddcolor(prediction),
                    true_colourfulness=colourfulness,
                    true_colourfulness_ddcolor=colourfulness_ddcolor,
                    share_per_bin=share,
                    accuracy_per_bin=np.bincount(bin_index, accuracy, len(self.bins))
                    / bin_index.size,
                )
            )
        return scores

    def _lpips(
        self, predictions: Sequence[NDArray[np.uint8]], truth: NDArray[np.uint8]
    ) -> list[float | None]:
        if self.lpips is None or not predictions:
            return [None] * len(predictions)
        return [float(d) for d in self.lpips.distances(truth, np.stack(predictions))]


def evaluate_pairs(
    pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]], lpips: Lpips | None = None
) -> list[PairScores]:
    """Measure one method. pairs: (prediction, truth), each (H, W, 3) uint8, sRGB-encoded.

    Sizes may differ from pair to pair. Errors as :meth:`PairMeter.measure`.
    """
    meter = PairMeter(lpips)
    return [meter.measure([prediction], truth)[0] for prediction, truth in pairs]


def _check_picture(picture: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] != 3:
        raise InputError(
            f"metrics compare (H, W, 3) uint8 pictures, this one is {picture.shape} {picture.dtype}"
        )
    if picture.shape != shape:
        raise InputError(f"prediction and truth differ in size: {picture.shape} and {shape}")
