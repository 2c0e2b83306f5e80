"""What a report holds: a row of figures per method, as data, as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError

GREY = "grey"
"""Name of the floor: the grey picture itself as the prediction."""

TRUE = "true"
"""Name of the true pictures: among the thumbnails, and as the report's last row."""


@dataclass(frozen=True)
class MetricInfo:
    """How a metric is shown: its heading, decimals, unit, and which way is better."""

    heading: str
    decimals: int
    better: Literal["higher", "lower", "truth"]
    unit: str = ""

    def show(self, value: float) -> str:
        """The value in this metric's decimals, without its unit."""
        return f"{value:.{self.decimals}f}"


METRICS: Mapping[str, MetricInfo] = {
    "psnr": MetricInfo("PSNR", 2, "higher", "dB"),
    "ssim": MetricInfo("SSIM", 4, "higher"),
    "ciede2000": MetricInfo("CIEDE2000", 2, "lower"),
    "lpips": MetricInfo("LPIPS (squeeze)", 4, "lower"),
    "ab_l1": MetricInfo("L1 of ab, ×100/110", 2, "lower"),
    "auc": MetricInfo("raw accuracy AuC", 1, "higher", "%"),
    "auc_rebalanced": MetricInfo("AuC, class-rebalanced", 1, "higher", "%"),
    "colourfulness": MetricInfo("colourfulness", 1, "truth"),
    "colourfulness_percent": MetricInfo("colourfulness, share of true", 1, "truth", "%"),
    "delta_colourfulness": MetricInfo("ΔCF", 1, "lower"),
    "colourfulness_ddcolor": MetricInfo("colourfulness (DDColor's)", 1, "truth"),
    "delta_colourfulness_ddcolor": MetricInfo("ΔCF (DDColor's)", 1, "lower"),
    "blotchiness": MetricInfo("blotchiness", 2, "truth"),
}
"""The metrics of a report, in order."""

PICTURE_METRICS = (
    "psnr",
    "ssim",
    "ciede2000",
    "lpips",
    "ab_l1",
    "auc",
    "auc_rebalanced",
    "colourfulness",
    "colourfulness_ddcolor",
    "blotchiness",
)
"""The metrics that a single picture has too."""

TRUTH_METRICS = ("colourfulness", "colourfulness_ddcolor", "blotchiness")
"""The metrics that the true picture has by itself."""


@dataclass(frozen=True)
class Estimate:
    """A data-set value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def show(self, metric: str) -> str:
        """``23.71 [23.50, 23.93]`` in the metric's decimals."""
        show = METRICS[metric].show
        return f"{show(self.value)} [{show(self.low)}, {show(self.high)}]"


@dataclass(frozen=True)
class Row:
    """One method's figures.

    estimates: by metric; None where it was not measured. pictures: per metric of a single picture
    (P,), in the order of the scores; a metric that was not measured is missing.
    """

    method: str
    estimates: Mapping[str, Estimate | None]
    pictures: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Report:
    """The rows of all methods, and the true pictures' own colourfulness as a row."""

    rows: tuple[Row, ...]
    truth: Row

    def order(self, metric: str, row: Row) -> list[int]:
        """Indices of the pictures from worst to best by one row's metric.

        For the colourfulness, worst is farthest from the true picture's.
        Raises InputError where the metric was not measured picture by picture.
        """
        if metric not in row.pictures:
            known = ", ".join(row.pictures)
            raise InputError(f"{metric!r} was not measured; to order pictures there are {known}")
        badness = row.pictures[metric]
        if METRICS[metric].better == "higher":
            badness = -badness
        elif METRICS[metric].better == "truth":
            badness = np.abs(badness - self.truth.pictures[metric])
        return [int(i) for i in np.argsort(-badness, kind="stable")]


def to_json(report: Report) -> dict[str, object]:
    """The report as JSON-ready data: what the metrics are, and the rows, the truth last."""
    return {
        "metrics": {
            key: {"heading": info.heading, "unit": info.unit, "better": info.better}
            for key, info in METRICS.items()
        },
        "rows": [
            {
                "method": row.method,
                "values": {
                    key: None if estimate is None else asdict(estimate)
                    for key, estimate in row.estimates.items()
                },
            }
            for row in (*report.rows, report.truth)
        ],
    }


def picture_values(report: Report, index: int) -> dict[str, dict[str, float]]:
    """One picture's values, by row and metric. index: its place among the scores."""
    return {
        row.method: {key: float(values[index]) for key, values in row.pictures.items()}
        for row in (*report.rows, report.truth)
    }


def to_table(report: Report) -> list[list[str]]:
    """The report as cells of text: a line per metric, a column per method."""
    lines = [["", *(row.method for row in report.rows), report.truth.method]]
    for metric, info in METRICS.items():
        heading = info.heading + (f", {info.unit}" if info.unit else "")
        lines.append([heading, *_cells(report, metric)])
    return lines


def _cells(report: Report, metric: str) -> Iterator[str]:
    for row in report.rows:
        estimate = row.estimates[metric]
        yield "not measured" if estimate is None else estimate.show(metric)
    truth = report.truth.estimates.get(metric)
    yield "" if truth is None else truth.show(metric)
