"""The figures of a run of digits: samples by epoch, a walk through the noise, what they show."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from photochrom.atomic import write_atomically
from photochrom.errors import OutputError
from photochrom.nets.digits import DIGITS
from photochrom.training.digits.classifier import Recognition
from photochrom.training.reports.curves import read_curves

GRIDS, EPOCHS, WALK, CLASSES = "grids", "epochs.png", "walk.png", "classes.png"
NAMES = (f"{GRIDS}/", EPOCHS, WALK, CLASSES)
"""What a run draws: the folder of grids, and figures."""

_SEPARATION_PX = 2
_SHOWN_EPOCHS, _SHOWN_ROWS = 8, 2
_DPI = 110
_BLUE, _ORANGE = "#2864b4", "#d9822b"


def mosaic(pictures: Tensor, columns: int) -> NDArray[np.uint8]:
    """(N, 1, h, w) in [-1, 1] as one grey picture, row by row, ink dark on white."""
    shades = (127.5 * (1.0 - pictures[:, 0].clamp(-1, 1))).round().byte().numpy()
    gap = _SEPARATION_PX
    cells = np.pad(shades, ((0, 0), (gap, 0), (gap, 0)), constant_values=255)
    rows = [np.concatenate(list(row), axis=1) for row in _chunks(cells, columns)]
    whole = np.concatenate(rows)
    return np.pad(whole, ((0, gap), (0, gap)), constant_values=255)


def write_grid(folder: Path, epoch: int, pictures: Tensor, columns: int) -> None:
    """The samples of an epoch, of the same noise at each. Raises OutputError."""
    _write_png(folder / GRIDS / f"epoch-{epoch:04d}.png", mosaic(pictures, columns))


def write_walk(folder: Path, pictures: Tensor) -> None:
    """Samples on the way from one noise to the next, eight a row. Raises OutputError."""
    _write_png(folder / WALK, mosaic(pictures, 8))


def write_epochs(folder: Path) -> None:
    """The first samples at up to eight epochs, one row each, above the figures of all epochs."""
    files = sorted((folder / GRIDS).glob("epoch-*.png"))
    chosen = sorted({round(i) for i in np.linspace(0, len(files) - 1, _SHOWN_EPOCHS)})
    cell = 32 + _SEPARATION_PX
    figure = Figure(figsize=(7.5, 0.45 * len(chosen) + 2.4), layout="constrained")
    grid = figure.add_gridspec(len(chosen) + 1, 3, height_ratios=[*(1 for _ in chosen), 5])
    for place, at in enumerate(chosen):
        picture = cv2.imread(str(files[at]), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise OutputError(f"{files[at]} has vanished while the run went on")
        rows = [picture[r * cell : (r + 1) * cell] for r in range(_SHOWN_ROWS)]
        strip = np.concatenate(rows, axis=1)
        axes = figure.add_subplot(grid[place, :])
        axes.imshow(strip, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        axes.text(-8, cell / 2, f"epoch {int(files[at].stem[6:])}", ha="right", va="center", size=7)
    curves = read_curves(folder / "epochs.csv")
    panels = (
        ("share recognised", ("recognized", "balance"), (0, 1.02)),
        ("digits present", ("classes",), (0, 10.5)),
        ("critic", ("D_x", "D_Gz"), None),
    )
    for column, (title, keys, limits) in enumerate(panels):
        axes = figure.add_subplot(grid[len(chosen), column])
        for key, color in zip(keys, (_BLUE, _ORANGE)):
            epochs, values = curves.pairs("epoch", key)
            axes.plot(epochs, values, color=color, linewidth=1.2, label=key)
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xlabel("epoch", fontsize=7)
        if limits:
            axes.set_ylim(*limits)
        if len(keys) > 1:
            axes.legend(frameon=False, fontsize=7)
    _write_figure(folder / EPOCHS, figure)


def write_classes(folder: Path, samples: Recognition, real: Recognition) -> None:
    """How common each digit is, and how sure the classifier, beside real digits held out."""
    figure = Figure(figsize=(7.5, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    bins = np.linspace(0, 1, 21)
    pairs = (("samples", samples, -0.2, _BLUE), ("real digits", real, 0.2, _ORANGE))
    for label, found, shift, color in pairs:
        share = (found.counts / found.counts.sum().clamp_min(1)).numpy()
        left.bar(np.arange(DIGITS) + shift, share, 0.4, color=color, label=label)
        confidence = found.confidence.numpy()
        weights = np.full(len(confidence), 1 / len(confidence))
        right.hist(
            confidence, bins=bins.tolist(), weights=weights, histtype="step", color=color,
            label=f"{label}: {found.recognized:.1%} recognised",
        )  # fmt: skip
    left.set_xticks(range(DIGITS))
    left.set_title("share of each digit among the recognised", fontsize=8)
    right.set_title("probability of the most probable digit", fontsize=8)
    for axes in (left, right):
        axes.tick_params(labelsize=7)
        axes.legend(frameon=False, fontsize=7)
    _write_figure(folder / CLASSES, figure)


def _chunks(cells: NDArray[np.uint8], columns: int) -> list[NDArray[np.uint8]]:
    return [cells[i : i + columns] for i in range(0, len(cells) - columns + 1, columns)]


def _write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    coded, data = cv2.imencode(".png", picture)
    if not coded:
        raise OutputError(f"OpenCV could not encode {path} as PNG")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {path.parent}: {error.strerror}") from error
    write_atomically(path, data.tobytes(), overwrite=True)


def _write_figure(path: Path, figure: Figure) -> None:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=_DPI)
    write_atomically(path, data.getvalue(), overwrite=True)
