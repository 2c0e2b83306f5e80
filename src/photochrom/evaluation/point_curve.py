"""What hints bring: figures against the number of simulated points, as a table and a plot."""

from __future__ import annotations

import io
from pathlib import Path

from photochrom.atomic import write_atomically
from photochrom.errors import OutputError, requires_extra
from photochrom.evaluation.curves import COLORS, draw_curve
from photochrom.evaluation.report import Report
from photochrom.evaluation.run import Results

FIGURES = ("psnr", "ciede2000", "lpips")
"""The columns, where measured."""
SUFFIXES = (".png", ".svg")

_DPI = 110


def to_rows(report: Report) -> list[list[str]]:
    """The table as text: a line per method, the figures with their intervals."""
    metrics = _metrics(report)
    rows = [["method", *map(report.heading, metrics)]]
    for row in report.rows:
        estimates = [row.estimates[metric] for metric in metrics]
        cells = [e.show(m) if e else "" for m, e in zip(metrics, estimates, strict=True)]
        rows.append([row.method, *cells])
    return rows


def check_plot(path: Path) -> None:
    """Raise OutputError where a plot could not be written later."""
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"cannot draw {path}: plots are {' or '.join(SUFFIXES)} files; name one such"
        )
    with requires_extra("evaluate", "the plot"):
        import matplotlib.figure  # noqa: F401 - only whether it is there


def write_point_curve(path: Path, results: Results, *, overwrite: bool) -> None:
    """Draw the figures of each model against its numbers of points; PNG or SVG by the suffix.

    results: of an evaluation with several numbers. Raises OutputError where it cannot be written.
    """
    check_plot(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    assert results.report is not None, "hints come from the truth"
    metrics = _metrics(results.report)
    rows = {row.method: row.estimates for row in results.report.rows}
    models: dict[str, list[str]] = {}
    for method in results.methods:
        models.setdefault(method.name.rpartition(",")[0], []).append(method.name)
    points = results.settings.points
    figure = Figure(figsize=(3.4 * len(metrics), 2.9), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics):
        for number, (model, names) in enumerate(models.items()):
            estimates = [e for name in names if (e := rows[name][metric]) is not None]
            draw_curve(
                axes,
                metric,
                points,
                estimates,
                numbers_label="points",
                color=COLORS[number % len(COLORS)],
                label=model,
            )
        axes.set_xscale("symlog", linthresh=1, linscale=0.5)
        axes.xaxis.set_major_locator(FixedLocator(points))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    if len(models) > 1:
        axes.legend(fontsize=7, frameon=False)
    data = io.BytesIO()
    kind = path.suffix.lower()[1:]
    with rc_context({"svg.hashsalt": "photochrom"}):
        figure.savefig(
            data, format=kind, dpi=_DPI, metadata={"Date": None} if kind == "svg" else None
        )
    write_atomically(path, data.getvalue(), overwrite=overwrite)


def _metrics(report: Report) -> list[str]:
    return [
        metric
        for metric in FIGURES
        if any(row.estimates.get(metric) is not None for row in report.rows)
    ]
