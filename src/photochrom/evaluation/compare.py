"""Several models side by side: their figures, what they cost, and a page to look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from photochrom.atomic import check_target, make_folder, write_atomically
from photochrom.engine import load, model_card
from photochrom.errors import InputError
from photochrom.evaluation.blind_test import blind_test_html
from photochrom.evaluation.cost import count_macs, milliseconds
from photochrom.evaluation.dataset import center_crop, to_grey
from photochrom.evaluation.methods import network_method
from photochrom.evaluation.metric_table import METRICS
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.outputs import gallery_page, results_json
from photochrom.evaluation.report import GREY, TRUE, Estimate, Report, Row
from photochrom.evaluation.run import Method, Results

JSON_NAME, TABLE_NAME, GALLERY_NAME = "compare.json", "compare.md", "gallery.html"
BLIND_TEST_NAME = "blind-test.html"
"""What a comparison leaves in its folder."""

COST_HEADINGS = {
    "parameters": "parameters, M",
    "macs": "MACs at 256², G",
    "images": "images seen, thousands",
    "images_per_s": "images/s in training",
    "ms_per_photo": "ms per photo",
}
"""The other columns, by field of `Cost`."""

_TIMED_PHOTOS = 9


@dataclass(frozen=True)
class Contender:
    """A model to compare.

    name: its column. model: its file, or a name that `photochrom.engine.load` knows.
    images, images_per_s: of its training, where known. run: its folder or checkpoint, where it is
    one.
    """

    name: str
    model: str
    images: int | None = None
    images_per_s: float | None = None
    run: Path | None = None


@dataclass(frozen=True)
class Cost:
    """What a model costs. macs: multiply-accumulates (see `cost.count_macs`); ms_per_photo: here.

    None is unknown: a published model does not tell how fast it was trained. So are 0 parameters,
    of a guest.
    """

    parameters: int
    macs: int
    images: int | None
    images_per_s: float | None
    ms_per_photo: float

    def show(self) -> dict[str, str]:
        """Each figure as text, in the units of `COST_HEADINGS`."""
        return {
            "parameters": f"{self.parameters / 1e6:.2f}" if self.parameters else "",
            "macs": f"{self.macs / 1e9:.2f}",
            "images": "" if self.images is None else f"{self.images / 1e3:.1f}",
            "images_per_s": "" if self.images_per_s is None else f"{self.images_per_s:.1f}",
            "ms_per_photo": f"{self.ms_per_photo:.0f}",
        }


def contender_methods(contenders: Sequence[Contender], settings: EvaluationOptions) -> list[Method]:
    """One method per contender, under its own name.

    Raises InputError where two have the same name or one has the name of a fixed row, ModelError
    for a model that does not load.
    """
    names = [contender.name for contender in contenders]
    clashes = {name for name in names if names.count(name) > 1 or name in (GREY, TRUE)}
    if clashes:
        raise InputError(f"two columns would be called {', '.join(sorted(clashes))}; rename a run")
    return [
        network_method(contender.name, load(contender.model, device=settings.device), settings)
        for contender in contenders
    ]


def contender_costs(
    contenders: Sequence[Contender], methods: Sequence[Method], results: Results
) -> dict[str, Cost]:
    """What each contender costs, by name; the times are taken on a few of the photos."""
    pictures = results.pictures
    names = [sample.name for sample in results.evaluation.samples[:_TIMED_PHOTOS]]
    crop = results.settings.crop
    photos = [pictures.read(name) for name in names]
    greys = [to_grey(photo if crop is None else center_crop(photo, crop)) for photo in photos]
    costs = {}
    for contender, ms in zip(contenders, milliseconds(methods, greys), strict=True):
        costs[contender.name] = Cost(
            model_card(contender.model).parameters,
            count_macs(contender.model),
            contender.images,
            contender.images_per_s,
            ms,
        )
    return costs


def to_rows(report: Report, costs: Mapping[str, Cost], *, intervals: bool) -> list[list[str]]:
    """The table as cells: a line per method, the truth last; a column per figure.

    intervals: each value as ``23.71 [23.50, 23.93]``, for a page; else as ``23.71 ±0.22``, half of
    the interval, for a terminal.
    """
    metrics = [
        key for key, metric in METRICS.items() if metric.compared and _is_measured(report, key)
    ]
    lines = [["method", *map(report.heading, metrics), *COST_HEADINGS.values()]]
    for row in (*report.rows, report.truth):
        figures = costs[row.method].show() if row.method in costs else {}
        cost_cells = [figures.get(key, "") for key in COST_HEADINGS]
        lines.append([row.method, *_cells(row, metrics, intervals), *cost_cells])
    return lines


def _is_measured(report: Report, metric: str) -> bool:
    return any(row.estimates.get(metric) is not None for row in report.rows)


def _cells(row: Row, metrics: Sequence[str], intervals: bool) -> Iterator[str]:
    for metric in metrics:
        estimate = row.estimates.get(metric)
        if estimate is None:
            yield ""
        else:
            yield estimate.show(metric) if intervals else _half_width(estimate, metric)


def _half_width(estimate: Estimate, metric: str) -> str:
    show = METRICS[metric].show
    return f"{show(estimate.value)} ±{show((estimate.high - estimate.low) / 2)}"


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError where a comparison could not be written later."""
    make_folder(folder)
    for name in (JSON_NAME, TABLE_NAME, GALLERY_NAME, BLIND_TEST_NAME):
        check_target(folder / name, overwrite=overwrite)


def write_comparison(
    folder: Path, results: Results, costs: Mapping[str, Cost], *, overwrite: bool
) -> list[Path]:
    """Table as Markdown, everything as JSON, gallery and blind test; returns the files.

    results: with a report. Raises OutputError where one cannot be written.
    """
    if results.report is None:
        raise InputError("a comparison needs pictures with known colours")
    rows = to_rows(results.report, costs, intervals=True)
    content = results_json(results)
    content["costs"] = {name: asdict(cost) for name, cost in costs.items()}
    figures = {
        heading: {name: cost.show()[key] for name, cost in costs.items()}
        for key, heading in COST_HEADINGS.items()
    }
    files = {
        folder / JSON_NAME: json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False),
        folder / TABLE_NAME: _markdown(rows),
        folder / GALLERY_NAME: gallery_page(results, figures),
        folder / BLIND_TEST_NAME: blind_test_html(
            results.evaluation, title=f"Blind test on {results.pictures.path.resolve().name}"
        ),
    }
    for path, text in files.items():
        data = f"{text}\n".encode("utf-8", "backslashreplace")
        write_atomically(path, data, overwrite=overwrite)
    return list(files)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
