"""Pictures of how a run goes, made from the files that it writes anyway.

Losses, the discriminator's D(x) and D(G(z)), learning rate, validation figures and colourfulness
over the images seen; and the colours of the held-out photos against those of the network.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.training.reports.curves import Curves, read_curves

FOLDER = "plots"
"""Folder of the run that the plots are in."""
COLORS_NAME = "colours.npz"
"""File of the run with the histograms of true and predicted colours."""
BIN_UNITS, BIN_LIMIT = 4, 112
"""Width of the histograms' cells and their range in a and b, CIELAB units."""

_DPI = 110
_MISSING_ROWS = 4
_PANEL_INCHES = (4.6, 2.7)
_MARGIN_INCHES = (0.6, 0.15, 0.5, 0.3)
_BLUE, _ORANGE, _SOFT = "#2864b4", "#d9822b", "#8a8a92"
_TITLES = {
    "validation_psnr": "PSNR of held-out photos, dB",
    "validation_ab_error": "mean ab error of held-out photos",
    "validation_colourfulness_share": "colourfulness, share of the true photos'",
}


@dataclass(frozen=True)
class RunCurves:
    """The tables of a run."""

    losses: Curves
    validation: Curves
    epochs: Curves

    def images(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Thousands of images seen at these steps; the steps themselves where unlogged."""
        logged_steps, images = self.losses.pairs("step", "images")
        if not len(logged_steps):
            return steps
        # Nothing was seen at step 0, and beyond the last row the pace stays what it was.
        per_step = images[-1] / max(logged_steps[-1], 1.0)
        interpolation = np.interp(steps, np.append(0.0, logged_steps), np.append(0.0, images))
        extrapolation = np.clip(steps - logged_steps[-1], 0.0, None) * per_step
        return np.asarray((interpolation + extrapolation) / 1e3, np.float64)


def read_run(run: Path) -> RunCurves:
    """The tables of a run's folder, empty where it has none yet.

    The losses of a run that was too short for a row are those of its epochs.
    """
    losses, validation, epochs = (
        read_curves(run / f"{name}.csv") for name in ("losses", "validation", "epochs")
    )
    return RunCurves(losses if losses.stages else epochs, validation, epochs)


def write_plots(run: Path, out: Path) -> list[Path]:
    """Draw all that the run's files have something about, into ``out/plots``; returns the files.

    Raises OutputError where a file cannot be written.
    """
    curves = read_run(run)
    files = []
    for name, draw in PLOTS.items():
        figure = draw(run, curves)
        if figure is not None:
            path = out / FOLDER / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            data = io.BytesIO()
            figure.savefig(data, format="png", dpi=_DPI)
            write_atomically(path, data.getvalue(), overwrite=True)
            files.append(path)
    return files


def _losses(_: Path, curves: RunCurves) -> Figure | None:
    keys = [key for key in curves.losses.columns if key.startswith("loss_")]
    return _small_multiples(curves, curves.losses, keys)


def _critic(_: Path, curves: RunCurves) -> Figure | None:
    """D(x) and D(G(z)) in one panel: where they meet D has lost, far apart it has won."""
    if not len(curves.losses.pairs("step", "D_x")[0]):
        return None
    figure, (axes, *loss_axes) = _panels(1 + ("loss_D" in curves.losses.columns))
    for key, label, color in (
        ("D_x", "D(x): true photos", _BLUE),
        ("D_Gz", "D(G(z)): coloured ones", _ORANGE),
    ):
        _line(axes, curves, curves.losses, key, color, label)
    _style_axes(axes, curves, "what the critic says (probability, or score)")
    axes.legend(frameon=False, fontsize=8)
    for other in loss_axes:
        _line(other, curves, curves.losses, "loss_D", _BLUE)
        _style_axes(other, curves, "loss_D")
    return figure


def _learning_rate(_: Path, curves: RunCurves) -> Figure | None:
    figure = _small_multiples(curves, curves.losses, ["lr"], titles={"lr": "learning rate"})
    if figure is not None:
        figure.axes[0].ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useOffset=False)
        figure.axes[0].set_ylim(bottom=0)
    return figure


def _validation(_: Path, curves: RunCurves) -> Figure | None:
    keys = [
        key
        for key in curves.validation.columns
        if key.startswith("validation_") and "colourfulness" not in key
    ]
    return _small_multiples(curves, curves.validation, keys, titles=_TITLES)


def _colorfulness(_: Path, curves: RunCurves) -> Figure | None:
    key = "validation_colourfulness_share"
    figure = _small_multiples(curves, curves.validation, [key], titles=_TITLES)
    if figure is not None:
        figure.axes[0].axhline(1.0, color=_SOFT, linewidth=0.8, linestyle="--")
        figure.axes[0].set_ylim(bottom=0)
    return figure


def _colors(run: Path, _: RunCurves) -> Figure | None:
    """Where in the ab plane the colours lie, and how often each a and b occurs."""
    histograms = read_colors(run)
    if histograms is None:
        return None
    figure, panels = _panels(4, columns=4, inches=(3.2, 3.0))
    shares = {name: counts / max(counts.sum(), 1) for name, counts in histograms.items()}
    floor = 1e-6
    extent = (-BIN_LIMIT, BIN_LIMIT, -BIN_LIMIT, BIN_LIMIT)
    for axes, (name, share) in zip(panels, shares.items()):
        # Rows of the array are a, which runs to the right: turned for the picture.
        axes.imshow(
            np.maximum(share.T, floor),
            norm=LogNorm(floor, 0.1),
            origin="lower",
            extent=extent,
            cmap="magma",
        )
        axes.set_title(f"{name}: ab", fontsize=9)
        axes.set_xlabel("a", fontsize=8)
        axes.set_ylabel("b", fontsize=8)
    middles = np.arange(-BIN_LIMIT, BIN_LIMIT, BIN_UNITS) + BIN_UNITS / 2
    for axes, channel, axis in ((panels[2], "a", 1), (panels[3], "b", 0)):
        for (name, share), color in zip(shares.items(), (_BLUE, _ORANGE)):
            share_along_axis = share.sum(axis=axis)
            axes.plot(
                middles, np.maximum(share_along_axis, floor), color=color, label=name, linewidth=1.2
            )
        axes.set_yscale("log")
        axes.set_title(f"share of pixels by {channel}", fontsize=9)
        axes.legend(frameon=False, fontsize=8)
    for axes in panels:
        axes.tick_params(labelsize=7)
    return figure


Draw = Callable[[Path, RunCurves], "Figure | None"]

PLOTS: Mapping[str, Draw] = {
    "losses": _losses,
    "critic": _critic,
    "learning-rate": _learning_rate,
    "validation": _validation,
    "colourfulness": _colorfulness,
    "colours": _colors,
}
"""Every plot by the name of its file; each gives None where the run has nothing for it."""


class ColorCounts:
    """Counts how often each colour occurs among the true and the predicted pixels."""

    def __init__(self) -> None:
        side = 2 * BIN_LIMIT // BIN_UNITS
        self._counts = {name: np.zeros((side, side), np.int64) for name in ("true", "predicted")}

    def add(self, true_ab: Any, ab: Any) -> None:
        """Two tensors of (N, 2, H, W) in CIELAB units."""
        for name, colors in zip(self._counts, (true_ab, ab)):
            side = len(self._counts[name])
            cell = ((colors + BIN_LIMIT) / BIN_UNITS).floor().clamp(0, side - 1).long()
            index = (cell[:, 0] * side + cell[:, 1]).flatten()
            counts = index.bincount(minlength=side * side).reshape(side, side)
            self._counts[name] += counts.cpu().numpy()

    def write(self, run: Path) -> None:
        """Put them into the run's folder. Raises OutputError."""
        data = io.BytesIO()
        true_counts, predicted_counts = self._counts.values()
        np.savez_compressed(data, true=true_counts, predicted=predicted_counts)
        write_atomically(run / COLORS_NAME, data.getvalue(), overwrite=True)


def read_colors(run: Path) -> dict[str, NDArray[np.int64]] | None:
    """The counts of true and predicted colours, rows a, columns b; None where there are none."""
    try:
        with np.load(run / COLORS_NAME) as file:
            return {name: file[name] for name in ("true", "predicted")}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def _small_multiples(
    curves: RunCurves,
    table: Curves,
    keys: Sequence[str],
    titles: Mapping[str, str] | None = None,
) -> Figure | None:
    """A panel for each column that has values."""
    keys = [key for key in keys if len(table.pairs("step", key)[0])]
    if not keys:
        return None
    figure, panels = _panels(len(keys))
    for axes, key in zip(panels, keys, strict=True):
        _line(axes, curves, table, key, _BLUE)
        _style_axes(axes, curves, (titles or {}).get(key, key))
    return figure


def _panels(
    number: int, columns: int = 2, inches: tuple[float, float] = _PANEL_INCHES
) -> tuple[Figure, list[Axes]]:
    columns = min(columns, number)
    rows = -(-number // columns)
    width, height = inches
    figure = Figure(figsize=(columns * width, rows * height))
    left, right, bottom, top = _MARGIN_INCHES
    # matplotlib can find the margins itself, but takes as long for that as for the drawing.
    figure.subplots_adjust(
        left=left / (columns * width),
        right=1 - right / (columns * width),
        bottom=bottom / (rows * height),
        top=1 - top / (rows * height),
        wspace=(left + right) / (width - left - right),
        hspace=(bottom + top) / (height - bottom - top),
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    panels = list(grid.flat)
    for axes in panels[number:]:
        axes.remove()
    return figure, panels[:number]


def _line(
    axes: Axes, curves: RunCurves, table: Curves, key: str, color: str, label: str = ""
) -> None:
    steps, values = table.pairs("step", key)
    images = curves.images(steps)
    # Where a stage did without this loss, no line pretends that it was known.
    missing = np.diff(np.searchsorted(table.columns["step"], steps)) > _MISSING_ROWS
    gaps = np.flatnonzero(missing) + 1
    images, values = (np.insert(column, gaps, np.nan) for column in (images, values))
    marker = "o" if len(steps) < 40 else ""
    axes.plot(images, values, color=color, label=label, linewidth=1.2, marker=marker, ms=2.5)


def _style_axes(axes: Axes, curves: RunCurves, title: str) -> None:
    """Title, axis and the borders of the stages."""
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    has_images = "images" in curves.losses.columns
    axes.set_xlabel("images seen, thousands" if has_images else "step", fontsize=8)
    steps = curves.losses.columns.get("step", np.empty(0))
    for row, _ in curves.losses.stage_starts()[1:]:
        border = curves.images(steps[row - 1 : row])
        axes.axvline(float(border[0]), color=_SOFT, linewidth=0.6, linestyle=":")
