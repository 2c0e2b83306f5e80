"""Where adversarial training should have stopped: the kept checkpoints of a run, measured.

Short adversarial training makes colours richer, and a little later too rich: they become patchy
and run over edges. NoGAN (Antic 2019) looks for the moment before by eye; here it is looked for in
three figures. Colours overshoot from the first checkpoint on that is more colourful or blotchier
than the true photographs; before it, the one nearest to them by LPIPS is picked.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import check_target, make_folder, write_atomically
from photochrom.engine import Network
from photochrom.errors import InputError, requires_extra
from photochrom.evaluation.curves import draw_curve
from photochrom.evaluation.dataset import PictureSet, to_grey
from photochrom.evaluation.metric_table import METRICS
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.report import Estimate, Row
from photochrom.evaluation.run import Method, evaluate_pictures
from photochrom.evaluation.scores import PairMeter
from photochrom.evaluation.summary import summarize
from photochrom.evaluation.views import View, sheet
from photochrom.imageio import Picture, write
from photochrom.pipeline import colorize

CSV_NAME, PLOT_NAME, SHEET_NAME = "turning-point.csv", "turning-point.png", "turning-point-look.png"
"""What is left in the run's folder."""

FIGURES = ("colourfulness", "lpips", "ciede2000", "blotchiness")
"""The columns, where measured."""

_PREVIEW_PHOTOS, _PREVIEW_CHECKPOINTS = 4, 7
_DPI = 110


@dataclass(frozen=True)
class CheckpointScores:
    """One checkpoint. name: of its file; images: seen until then; row, truth: its figures.

    previews: a few photos by name, coloured, (H, W, 3) uint8 each.
    """

    name: str
    images: int
    row: Row
    truth: Row
    previews: Mapping[str, NDArray[np.uint8]]

    def value(self, metric: str) -> float | None:
        """One figure; None where it was not measured."""
        estimate = self.row.estimates.get(metric)
        return None if estimate is None else estimate.value

    def overshooting_metric(self) -> str | None:
        """The first figure that lies above the true photographs', if one does."""
        for metric in ("colourfulness", "blotchiness"):
            truth = self.truth.estimates[metric]
            ours = self.value(metric)
            if truth is not None and ours is not None and ours > truth.value:
                return metric
        return None


@dataclass(frozen=True)
class TurningPoint:
    """best, overshoot: indices of checkpoints; overshoot is None where colours never do so.

    reason: in words.
    """

    best: int
    overshoot: int | None
    reason: str


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Make the folder; raise OutputError where its files could not be written later."""
    make_folder(folder)
    for name in (CSV_NAME, PLOT_NAME, SHEET_NAME):
        check_target(folder / name, overwrite=overwrite)


def measure_checkpoints(
    paths: Sequence[Path],
    load: Callable[[Path], tuple[int, Network]],
    pictures: PictureSet,
    meter: PairMeter,
    settings: EvaluationOptions,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[CheckpointScores]:
    """Measure the networks of checkpoints on the same pictures, one after the other.

    paths: of the checkpoints, in the order of training. load: the images seen until a checkpoint,
    and its network, which is gone before the next is loaded. progress: called with the numbers of
    colourings that are done and that there are.
    Raises InputError where no picture can be measured, ModelError.
    """
    names = pictures.sample(settings.limit, settings.seed)
    total, done = len(paths) * len(names), count(1)
    progress(0, total)

    def measure(path: Path) -> CheckpointScores:
        images, network = load(path)
        return _measure(
            path.stem, images, network, pictures, names, meter, settings,
            advance=lambda: progress(next(done), total),
        )  # fmt: skip

    return [measure(path) for path in paths]


def _measure(
    name: str,
    images: int,
    network: Network,
    pictures: PictureSet,
    names: Sequence[str],
    meter: PairMeter,
    settings: EvaluationOptions,
    advance: Callable[[], None],
) -> CheckpointScores:
    network.card.check_photographs("an evaluation on photographs")
    color = partial(colorize, model=network, size=settings.size, vividness=settings.vividness)
    method = Method(name, color)
    evaluation = evaluate_pictures(
        pictures, names, [method], meter, settings, thumbnails=False, advance=advance
    )
    if not evaluation.samples:
        raise InputError(f"none of the {len(names)} pictures of {pictures.path} could be measured")
    report = summarize(
        evaluation.scores(), meter.bins, seed=settings.seed, resamples=settings.resamples
    )
    shown = [sample.name for sample in evaluation.samples[:_PREVIEW_PHOTOS]]
    previews = {photo: method.color(to_grey(pictures.read(photo))) for photo in shown}
    return CheckpointScores(name, images, report.rows[1], report.truth, previews)


def turning_point(checkpoints: Sequence[CheckpointScores]) -> TurningPoint:
    """The best checkpoint before colours overshoot.

    checkpoints: at least one, in the order of training. By LPIPS; by CIEDE2000 where LPIPS was not
    measured. Where all of them overshoot, the best of all is picked, and the reason says so.
    """
    past = [
        index for index, checkpoint in enumerate(checkpoints) if checkpoint.overshooting_metric()
    ]
    overshoot = past[0] if past else None
    before = range(len(checkpoints)) if not past or past[0] == 0 else range(past[0])
    metric = (
        "lpips"
        if all(checkpoint.value("lpips") is not None for checkpoint in checkpoints)
        else "ciede2000"
    )
    best = min(before, key=lambda index: checkpoints[index].value(metric) or 0.0)
    reason = f"the lowest {METRICS[metric].label}"
    if overshoot is None:
        reason += "; colours never exceed the true photographs'"
    else:
        first = checkpoints[overshoot]
        beyond = f"{first.overshooting_metric()} exceeds the true photographs' from {first.name} on"
        reason += f", although {beyond}" if overshoot == 0 else f" before {beyond}"
    return TurningPoint(best, overshoot, reason)


def to_rows(checkpoints: Sequence[CheckpointScores], point: TurningPoint) -> list[list[str]]:
    """The table as text, with the true photographs' own figures last."""
    metrics = [m for m in FIGURES if checkpoints[0].value(m) is not None]
    rows = [["checkpoint", "images", *(METRICS[m].label for m in metrics), ""]]
    for index, checkpoint in enumerate(checkpoints):
        cells = [_show(checkpoint.row.estimates[m], m) for m in metrics]
        rows.append(
            [checkpoint.name, str(checkpoint.images), *cells, _mark(index, checkpoint, point)]
        )
    truth = checkpoints[0].truth.estimates
    cells = [_show(truth.get(m), m) for m in metrics]
    return [*rows, ["true", "", *cells, ""]]


def _mark(index: int, checkpoint: CheckpointScores, point: TurningPoint) -> str:
    if index == point.best:
        return "picked"
    return "overshoots" if checkpoint.overshooting_metric() else ""


def _show(estimate: Estimate | None, metric: str) -> str:
    return "" if estimate is None else estimate.show(metric)


def write_turning_point(
    folder: Path,
    checkpoints: Sequence[CheckpointScores],
    point: TurningPoint,
    pictures: PictureSet,
    *,
    overwrite: bool,
) -> list[Path]:
    """Table, plot, and a sheet of a few photos over the checkpoints; returns the files.

    pictures: those that were measured on. Raises OutputError where one cannot be written.
    """
    paths = [folder / name for name in (CSV_NAME, PLOT_NAME, SHEET_NAME)]
    write_atomically(paths[0], _csv(checkpoints, point).encode(), overwrite=overwrite)
    write_atomically(paths[1], _plot(checkpoints, point), overwrite=overwrite)
    preview = sheet(_preview_rows(checkpoints, point, pictures))
    write(paths[2], Picture(preview), overwrite=overwrite)
    return paths


def _csv(checkpoints: Sequence[CheckpointScores], point: TurningPoint) -> str:
    text = io.StringIO(newline="")
    metrics = [m for m in FIGURES if checkpoints[0].value(m) is not None]
    columns = [f"{m}{end}" for m in metrics for end in ("", "_low", "_high")]
    writer = csv.writer(text)
    writer.writerow(["checkpoint", "images", *columns, "overshoots", "picked"])
    for index, checkpoint in enumerate(checkpoints):
        figures = [checkpoint.row.estimates[m] for m in metrics]
        cells = [f"{v:.6g}" for e in figures if e for v in (e.value, e.low, e.high)]
        marks = [checkpoint.overshooting_metric() or "", int(index == point.best)]
        writer.writerow([checkpoint.name, checkpoint.images, *cells, *marks])
    return text.getvalue()


def _plot(checkpoints: Sequence[CheckpointScores], point: TurningPoint) -> bytes:
    with requires_extra("evaluate", "the plot"):
        from matplotlib.figure import Figure
    metrics = [m for m in FIGURES if checkpoints[0].value(m) is not None]
    images = [checkpoint.images / 1e3 for checkpoint in checkpoints]
    figure = Figure(figsize=(4.2 * len(metrics), 3.2), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics):
        figures = [
            e for checkpoint in checkpoints if (e := checkpoint.row.estimates[metric]) is not None
        ]
        draw_curve(axes, metric, images, figures, numbers_label="images seen, thousands")
        truth = checkpoints[0].truth.estimates.get(metric)
        if truth is not None:
            axes.axhline(truth.value, color="#8a8a92", linestyle="--", linewidth=1)
            axes.annotate(
                "true photos", (images[0], truth.value), fontsize=7, va="bottom", color="#63636b"
            )
        axes.axvline(images[point.best], color="#d9822b", linewidth=1)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=_DPI)
    return data.getvalue()


def _preview_rows(
    checkpoints: Sequence[CheckpointScores], point: TurningPoint, pictures: PictureSet
) -> list[list[View]]:
    """A row for each photo: some of the checkpoints, the picked one among them, and the truth."""
    places = (
        np.linspace(0, len(checkpoints) - 1, min(len(checkpoints), _PREVIEW_CHECKPOINTS))
        .round()
        .astype(int)
    )
    shown = sorted({*places.tolist(), point.best})
    rows = []
    for photo in checkpoints[0].previews:
        row = []
        for index in shown:
            checkpoint = checkpoints[index]
            note = _mark(index, checkpoint, point)
            row.append(View("", f"{checkpoint.images} images", note, checkpoint.previews[photo]))
        rows.append([*row, View("", "true", "", pictures.read(photo))])
    return rows
