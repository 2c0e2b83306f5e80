"""Pictures to numbers: the metrics of one method over pairs of (prediction, truth).

Nothing here knows models or files; whatever makes predictions can be measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.evaluation import metrics
from photochrom.evaluation.metric_table import (
    METRICS,
    NetworkMetric,
    PairMetric,
    PictureMetric,
    Pixels,
    RebalancedMetric,
)

if TYPE_CHECKING:
    from photochrom.evaluation.lpips import Lpips


@dataclass(frozen=True)
class PairScores:
    """One prediction measured against one true picture; what each metric is: `METRICS`.

    values: of the prediction, by metric; nan where this picture has nothing to measure; a metric
    whose network is missing is not there. true_values: of the true picture, by the metrics that a
    picture has by itself.
    share_per_bin: (Q,) float64, the share of pixels whose true colour falls into a colour bin;
    sum 1. sums_per_bin: (Q,) by rebalanced metric, the same weighted by the pixels' value.
    Together they make the metric, plain or rebalanced, of any set of pictures.
    """

    values: Mapping[str, float]
    true_values: Mapping[str, float]
    share_per_bin: NDArray[np.float64]
    sums_per_bin: Mapping[str, NDArray[np.float64]]


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
        true = Pixels(truth)
        bin_index = metrics.nearest_bin(true.lab, self.bins).ravel()
        share = np.bincount(bin_index, minlength=len(self.bins)) / bin_index.size
        true_values = {
            key: metric.function(true)
            for key, metric in METRICS.items()
            if isinstance(metric, PictureMetric)
        }
        networks = self._network_values(predictions, truth)
        scores = []
        for index, ours in enumerate(map(Pixels, predictions)):
            values: dict[str, float] = {}
            sums: dict[str, NDArray[np.float64]] = {}
            for key, metric in METRICS.items():
                match metric:
                    case PairMetric():
                        values[key] = metric.function(ours, true)
                    case PictureMetric():
                        values[key] = metric.function(ours)
                    case NetworkMetric() if key in networks:
                        values[key] = float(networks[key][index])
                    case RebalancedMetric():
                        pixels = metric.function(ours, true).ravel()
                        sums[key] = np.bincount(bin_index, pixels, len(self.bins)) / pixels.size
            scores.append(PairScores(values, true_values, share, sums))
        return scores

    def _network_values(
        self, predictions: Sequence[NDArray[np.uint8]], truth: NDArray[np.uint8]
    ) -> dict[str, NDArray[np.float32]]:
        """What the LPIPS network measures, (N,) by metric; empty without the network."""
        if self.lpips is None or not predictions:
            return {}
        stacked = np.stack(predictions)
        return {
            key: metric.function(self.lpips, truth, stacked)
            for key, metric in METRICS.items()
            if isinstance(metric, NetworkMetric)
        }


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
