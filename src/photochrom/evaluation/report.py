"""What a report holds: a row of figures per method, as data, as JSON and as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.evaluation.metric_table import METRICS

GREY = "grey"
"""Name of the floor: the grey picture itself as the prediction."""

TRUE = "true"
"""Name of the true pictures: among the thumbnails, and as the report's last row."""


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
    (P,), in the order of the scores, nan where a picture has nothing to measure; a metric that was
    not measured is missing.
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

        For a metric whose best is the true picture's value, worst is farthest from it. Pictures
        that have nothing to measure come last.
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

    def heading(self, metric: str) -> str:
        """A metric's heading; with the number of pictures where some have nothing to measure."""
        heading = METRICS[metric].heading
        values = self.rows[0].pictures.get(metric)
        if values is None or np.isfinite(values).all():
            return heading
        return f"{heading} ({np.isfinite(values).sum()} of {len(values)} pictures)"


def to_json(report: Report) -> dict[str, object]:
    """The report as JSON-ready data: what the metrics are, and the rows, the truth last."""
    return {
        "metrics": {
            key: {
                "heading": metric.label,
                "unit": metric.unit,
                "better": metric.better,
                "range": [limit if math.isfinite(limit) else None for limit in metric.range],
            }
            for key, metric in METRICS.items()
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


def picture_values(report: Report, index: int) -> dict[str, dict[str, float | None]]:
    """One picture's values, by row and metric; None where it has nothing to measure.

    index: its place among the scores.
    """
    return {
        row.method: {
            key: float(values[index]) if np.isfinite(values[index]) else None
            for key, values in row.pictures.items()
        }
        for row in (*report.rows, report.truth)
    }


def to_table(report: Report) -> list[list[str]]:
    """The report as cells of text: a line per metric, a column per method."""
    lines = [["", *(row.method for row in report.rows), report.truth.method]]
    lines += ([report.heading(metric), *_cells(report, metric)] for metric in METRICS)
    return lines


def _cells(report: Report, metric: str) -> Iterator[str]:
    for row in report.rows:
        estimate = row.estimates[metric]
        yield "not measured" if estimate is None else estimate.show(metric)
    truth = report.truth.estimates.get(metric)
    yield "" if truth is None else truth.show(metric)
