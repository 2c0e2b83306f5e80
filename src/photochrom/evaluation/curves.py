"""A figure against a number, drawn with its 95 % interval; alike on all plots of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from photochrom.evaluation.metric_table import METRICS
from photochrom.evaluation.report import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#2864b4", "#c0582b", "#3c8a50", "#8a4fa3", "#8a8a92")
"""Of several curves, in order."""


def draw_curve(
    axes: Axes,
    metric: str,
    numbers: Sequence[float],
    estimates: Sequence[Estimate],
    *,
    numbers_label: str,
    color: str = COLORS[0],
    label: str = "",
) -> None:
    """Draw one metric's values against as many numbers, and name both axes.

    label: of the curve, for a legend.
    """
    axes.plot(
        numbers, [e.value for e in estimates], marker="o", ms=3, color=color, label=label or None
    )
    low, high = [e.low for e in estimates], [e.high for e in estimates]
    axes.fill_between(numbers, low, high, color=color, alpha=0.12, linewidth=0)
    axes.set_title(METRICS[metric].heading, fontsize=10)
    axes.set_xlabel(numbers_label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
