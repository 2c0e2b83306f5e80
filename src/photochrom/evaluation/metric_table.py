"""The metrics of a report: a metric is one row here.

The table of `photochrom evaluate`, its JSON, the columns of `photochrom compare`, gallery and
captions, the choices of ``--sort-by`` and docs/metrics.md are made from the rows; the formulas are
functions of :mod:`.metrics`. What kind of metric it is, its class says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from photochrom.evaluation import metrics

if TYPE_CHECKING:
    from photochrom.evaluation.lpips import Lpips


@dataclass(frozen=True)
class Pixels:
    """A picture as metrics look at it. rgb: (H, W, 3) uint8, sRGB-encoded."""

    rgb: NDArray[np.uint8]

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """(H, W, 3) float32, CIELAB; computed once for all metrics."""
        return metrics.to_lab(self.rgb)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What every metric says of itself."""

    label: str
    """Its heading in tables."""
    better: Literal["higher", "lower", "truth"]
    """Which way is better; "truth": the nearer to the true picture's own value."""
    range: tuple[float, float]
    """Smallest and largest value; infinite where there is no limit."""
    decimals: int
    """How many are shown."""
    unit: str = ""
    summary: str
    """What it measures, with its formula: one line of docs/metrics.md."""
    source: str
    """Where it was defined; "ours" where no paper's figures compare with it."""
    caption: str = ""
    """Its short name under a picture of the gallery; without one it does not stand there."""
    compared: bool = True
    """Whether it is a column of `photochrom compare`, whose JSON has all of them."""

    @property
    def heading(self) -> str:
        """The label with the unit: ``PSNR, dB``."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def show(self, value: float) -> str:
        """The value in this metric's decimals, without its unit."""
        return f"{value:.{self.decimals}f}"

    def show_range(self) -> str:
        """``0 to 58.9 dB``, ``from 0``."""
        low, high = self.range
        unit = f" {self.unit}" if self.unit else ""
        return f"from {low:g}{unit}" if math.isinf(high) else f"{low:g} to {high:g}{unit}"


@dataclass(frozen=True, kw_only=True)
class PairMetric(Metric):
    """Of a prediction beside its true picture; the data set's value is the pictures' mean.

    function: takes prediction and truth; nan where this picture has nothing to measure.
    """

    function: Callable[[Pixels, Pixels], float]


@dataclass(frozen=True, kw_only=True)
class PictureMetric(Metric):
    """Of a picture alone, so that the true picture has a value too; the mean over pictures."""

    function: Callable[[Pixels], float]


@dataclass(frozen=True, kw_only=True)
class NetworkMetric(Metric):
    """Of pairs, by the LPIPS network, which looks at a true picture once for all predictions.

    function: takes the network, the truth (H, W, 3) and the predictions (N, H, W, 3), both uint8,
    and returns (N,). Not measured where the network's weights are missing.
    """

    function: Callable[[Lpips, NDArray[np.uint8], NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class RebalancedMetric(Metric):
    """Of the pixels of all pairs, each weighted by how rare its true colour is in the data set.

    function: takes prediction and truth, and returns (H, W); for the weights see
    :func:`.metrics.rebalancing_weights`.
    """

    function: Callable[[Pixels, Pixels], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class SetMetric(Metric):
    """Of a whole data set, from its means of other metrics; a single picture has no value.

    function: takes the means by metric, those of the true pictures as ``true_...``, each an array
    of data sets (one, or the bootstrap's), and returns an array alike; nan where not measured.
    """

    function: Callable[[Mapping[str, NDArray[np.float64]]], NDArray[np.float64]]


def _share_of_true(means: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    ours, true = means["colourfulness"], means["true_colourfulness"]
    absent = np.full_like(ours, np.nan)  # a share of nothing
    return np.divide(100 * ours, true, out=absent, where=true >= metrics.GREY_COLORFULNESS)


METRICS: dict[str, Metric] = {
    "psnr": PairMetric(
        label="PSNR", better="higher", range=(0, 58.9), decimals=2, unit="dB", caption="PSNR",
        summary="10·log10(255² / mean squared error) over R, G, B, at most that of rounding",
        source="the usual definition",
        function=lambda ours, true: metrics.psnr(ours.rgb, true.rgb),
    ),
    "ssim": PairMetric(
        label="SSIM", better="higher", range=(-1, 1), decimals=4,
        summary="structural similarity of R, G, B, Gaussian window of σ = 1.5",
        source="Wang et al. 2004",
        function=lambda ours, true: metrics.ssim(ours.rgb, true.rgb),
    ),
    "ciede2000": PairMetric(
        label="CIEDE2000", better="lower", range=(0, math.inf), decimals=2, caption="ΔE",
        summary="mean colour difference over all pixels; about 1 is just visible",
        source="CIE 142-2001; Sharma et al. 2005",
        function=lambda ours, true: metrics.ciede2000(ours.lab, true.lab),
    ),
    "lpips": NetworkMetric(
        label="LPIPS (squeeze)", better="lower", range=(0, math.inf), decimals=4, caption="LPIPS",
        summary="learned perceptual distance, version 0.1, SqueezeNet",
        source="Zhang et al. 2018",
        function=lambda network, true, ours: network.distances(true, ours),
    ),
    "ab_l1": PairMetric(
        label="L1 of ab, ×100/110", better="lower", range=(0, math.inf), decimals=2,
        summary="mean absolute error of a\\* and b\\* as pix2pix's training counts it (λ = 100)",
        source="Isola et al. 2017",
        function=lambda ours, true: metrics.ab_l1(ours.lab, true.lab),
    ),
    "auc": PairMetric(
        label="raw accuracy AuC", better="higher", range=(0, 100), decimals=1, unit="%",
        compared=False,
        summary="share of pixels whose ab error is below t, area under the curve over t = 0..150",
        source="Zhang et al. 2016",
        function=lambda ours, true: 100 * float(
            metrics.pixel_accuracy(ours.lab, true.lab).mean(dtype=np.float64)
        ),
    ),
    "auc_rebalanced": RebalancedMetric(
        label="AuC, class-rebalanced", better="higher", range=(0, 100), decimals=1, unit="%",
        summary="the same with rare colours weighted up; the prior is the data set's own",
        source="Zhang et al. 2016",
        function=lambda ours, true: 100 * metrics.pixel_accuracy(ours.lab, true.lab),
    ),
    "accuracy": PairMetric(
        label="colour accuracy", better="higher", range=(0, 100), decimals=1, unit="%",
        summary="share of pixels whose ab error is at most 10 CIELAB units",
        source="Zhang et al. 2016, one point of their curve",
        function=lambda ours, true: 100 * float(
            metrics.accurate(ours.lab, true.lab).mean(dtype=np.float64)
        ),
    ),
    "accuracy_rebalanced": RebalancedMetric(
        label="colour accuracy, class-rebalanced", better="higher", range=(0, 100), decimals=1,
        unit="%",
        summary="the same with rare colours weighted up, as in AuC",
        source="Zhang et al. 2016, likewise",
        function=lambda ours, true: 100 * metrics.accurate(ours.lab, true.lab),
    ),
    "accuracy_colored": PairMetric(
        label="colour accuracy, coloured pixels", better="higher", range=(0, 100), decimals=1,
        unit="%",
        summary="the same of the pixels with true chroma above 12 alone",
        source="ours",
        function=lambda ours, true: 100 * metrics.accuracy_of_colored(ours.lab, true.lab),
    ),
    "hue_error": PairMetric(
        label="hue errors", better="lower", range=(0, 100), decimals=1, unit="%", caption="hue off",
        summary="of the pixels with true chroma above 12: those with chroma above 6 and a hue more "
        "than 75° away",
        source="ours; see below",
        function=lambda ours, true: 100 * metrics.hue_error(ours.lab, true.lab),
    ),
    "left_grey": PairMetric(
        label="left grey", better="lower", range=(0, 100), decimals=1, unit="%",
        caption="left grey",
        summary="of the pixels with true chroma above 20: those with chroma below 6",
        source="ours; see below",
        function=lambda ours, true: 100 * metrics.left_grey(ours.lab, true.lab),
    ),
    "brown_bias": PairMetric(
        label="brown bias", better="lower", range=(0, math.inf), decimals=2,
        summary="|mean b\\* − mean true b\\*| over the pixels with true chroma below 4",
        source="ours; see below",
        function=lambda ours, true: metrics.brown_bias(ours.lab, true.lab),
    ),
    "colourfulness": PictureMetric(
        label="colourfulness", better="truth", range=(0, math.inf), decimals=1, caption="CF",
        summary="spread and mean of R − G and (R + G)/2 − B; everyday photographs have about 45, "
        "very vivid ones 110",
        source="Hasler, Süsstrunk 2003",
        function=lambda picture: metrics.colorfulness(picture.rgb),
    ),
    "colourfulness_percent": SetMetric(
        label="colourfulness, share of true", better="truth", range=(0, math.inf), decimals=1,
        unit="%", compared=False,
        summary="mean colourfulness divided by that of the true pictures",
        source="ours",
        function=_share_of_true,
    ),
    "delta_colourfulness": SetMetric(
        label="ΔCF", better="lower", range=(0, math.inf), decimals=1, compared=False,
        summary="difference of the two data-set means of colourfulness",
        source="Kang et al. 2023",
        function=lambda means: np.abs(means["colourfulness"] - means["true_colourfulness"]),
    ),
    "colourfulness_ddcolor": PictureMetric(
        label="colourfulness (DDColor's)", better="truth", range=(0, math.inf), decimals=1,
        compared=False,
        summary="as DDColor's code has it, of absolute values; not the standard",
        source="Kang et al. 2023",
        function=lambda picture: metrics.colorfulness_ddcolor(picture.rgb),
    ),
    "delta_colourfulness_ddcolor": SetMetric(
        label="ΔCF (DDColor's)", better="lower", range=(0, math.inf), decimals=1, compared=False,
        summary="likewise, of DDColor's colourfulness",
        source="Kang et al. 2023",
        function=lambda means: np.abs(
            means["colourfulness_ddcolor"] - means["true_colourfulness_ddcolor"]
        ),
    ),
    "blotchiness": PictureMetric(
        label="blotchiness", better="truth", range=(0, math.inf), decimals=2,
        summary="colour that changes where the lightness does not, CIELAB units",
        source="ours; see below",
        function=lambda picture: metrics.blotchiness(picture.lab),
    ),
}  # fmt: skip
"""The metrics of a report by their key in the JSON, in the order of the table."""


def picture_metrics() -> tuple[str, ...]:
    """The metrics that a single picture has too."""
    return tuple(key for key, metric in METRICS.items() if not isinstance(metric, SetMetric))


def captions() -> dict[str, str]:
    """The metrics below a picture of the gallery, with their short names."""
    return {key: metric.caption for key, metric in METRICS.items() if metric.caption}
