"""Several encoders beside each other, each over several seeds: the runs, the table, the figure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from photochrom.atomic import write_atomically
from photochrom.errors import InputError, OutputError, RecipeError
from photochrom.nets import build as build_colorizer
from photochrom.pretrained import EFFICIENTNET_LITE2, MOBILENET_V2
from photochrom.tables import build
from photochrom.training import checkpoint
from photochrom.training.onnx_weights import read_onnx_weights
from photochrom.training.recipe.builtin import recipe_path, recipe_table
from photochrom.training.recipe.recipe import NetRecipe
from photochrom.training.recipe.toml import RECIPE, from_table, load_method_recipe, override
from photochrom.training.reports.curves import Curves, read_curves
from photochrom.training.transfer.metrics import MOST_SEEDS, SeedMean, seed_mean
from photochrom.training.transfer.recipe import TransferRecipe
from photochrom.training.transfer.run import LOG, TransferRun, build_net
from photochrom.training.transfer.tasks import TASKS, TransferTask
from photochrom.training.weights import start_path

SCRATCH, IMAGENET = "scratch", "imagenet"
"""Encoders that a study knows by name; others are models and checkpoints."""
TABLE, VALUES, CURVES = "transfer.md", "transfer.csv", "transfer.png"
_JSON = "transfer.json"
_RECIPES = {SCRATCH: "transfer-scratch", IMAGENET: "transfer-imagenet"}
_REUSED = "transfer-colorization"
_IMAGENET_WEIGHTS = {"lite-unet": EFFICIENTNET_LITE2, "mobile-unet": MOBILENET_V2}
_KNOWN_NETS = (
    NetRecipe(name="mobile-unet"),
    NetRecipe(name="mobile-unet", options={"deepest_stage": False}),
)
"""Those of shipped models beside the recipe's own."""
_COLORS = ("#6b6b6b", "#d9822b", "#2864b4", "#3c9a5f", "#a23b72", "#8c6d31")
_DPI = 110


def default_encoders() -> tuple[str, ...]:
    """The three rows of Table 5.1: the last is the model that the recipe starts from."""
    return SCRATCH, IMAGENET, str(recipe_table(_REUSED)["net"]["start_from"])


class StudyRow(NamedTuple):
    """One encoder: its name in the table, and the recipe of its runs but for the seed."""

    name: str
    recipe: TransferRecipe


class RowResult(NamedTuple):
    """What the runs of a row came to. figures: by name, the last epoch's of each seed.

    curves: the logs of its runs.
    """

    name: str
    figures: dict[str, tuple[float, ...]]
    curves: tuple[Curves, ...]


def study_rows(
    encoders: Sequence[str], sources: Sequence[Path], overrides: Sequence[str]
) -> tuple[StudyRow, ...]:
    """The rows of a study. Rows by name are of the network of the first checkpoint among the
    encoders, or of the first model where none is of the recipes' network, else of that.

    encoders: `SCRATCH`, `IMAGENET`, names of shipped models, model files, or checkpoints of runs.
    overrides: of the recipes' values, as ``--set`` has them. Raises InputError for an encoder that
    there is not, RecipeError for values that do not fit.
    """
    names = [_row_name(encoder) for encoder in encoders]
    if twice := [name for name in names if names.count(name) > 1]:
        raise RecipeError(f"two encoders are called {twice[0]!r}; rename one of the run's folders")
    own_net = load_method_recipe(recipe_path(_REUSED), TransferRecipe, overrides).net
    runs = {encoder: net for encoder in encoders if (net := _checkpoint_net(encoder)) is not None}
    models = {
        encoder: net
        for encoder in encoders
        if encoder not in runs and (net := _model_net(encoder, own_net)) is not None
    }
    has_own = any(e not in _RECIPES and e not in runs and e not in models for e in encoders)
    nets = {**runs, **models}
    others = runs or ({} if has_own else models)
    rows = []
    for name, encoder in zip(names, encoders, strict=True):
        path = recipe_path(_RECIPES.get(encoder, _REUSED))
        start = () if encoder in _RECIPES or encoder in nets else (_start(encoder),)
        recipe = load_method_recipe(path, TransferRecipe, (*start, *overrides))
        data = replace(recipe.data, sources=tuple(str(s.absolute()) for s in sources))
        net = nets.get(encoder) or _row_net(encoder, recipe.net, others)
        rows.append(StudyRow(name, replace(recipe, name=name, data=data, net=net)))
    return tuple(rows)


def run_study(
    rows: Sequence[StudyRow],
    seeds: int,
    folder: Path,
    report: Callable[[str], None],
    progress: Callable[[float, str], None],
    threads: int | None,
) -> str:
    """Train what is left of all rows over seeds 0, 1, ...; write table, figure and values, and
    return the table.

    A run that is finished stays, one that was stopped goes on. Raises InputError for pictures that
    cannot be used and for a folder with runs of other settings; else as `MethodRun.run`.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise RecipeError(f"seeds is {seeds}; it lies in 1 to {MOST_SEEDS}")
    plan = [
        (row.name, seed, replace(row.recipe, seed=seed)) for seed in range(seeds) for row in rows
    ]
    for name, seed, recipe in plan:
        _check_settings(_run_folder(folder, name, seed), recipe)
    for row in rows:
        build_net(row.recipe)
    task = TASKS[rows[0].recipe.task]
    data = task.read(rows[0].recipe.data, rows[0].recipe.size, report)
    for number, (name, seed, recipe) in enumerate(plan):
        run_folder = _run_folder(folder, name, seed)
        is_begun = (run_folder / checkpoint.NAME).exists()
        run = TransferRun(
            recipe, run_folder, lambda _: None, resume=is_begun, threads=threads, data=data
        )
        run.run(partial(_study_progress, progress, number, len(plan), f"{name}, seed {seed}"))
        last = _last_figures(run_folder, task.figures)
        text = ", ".join(f"{key} {value:.1%}" for key, value in last.items())
        report(f"{name}, seed {seed}: {text}")
    results = [_row_result(row.name, seeds, folder, task.figures) for row in rows]
    return write_study(folder, results, task, data)


def write_study(folder: Path, results: Sequence[RowResult], task: TransferTask, data: Any) -> str:
    """Write what came out: a table, the figure, CSV and JSON; returns the table (Markdown).

    Raises OutputError.
    """
    table = study_table(results, task, data)
    write_atomically(folder / TABLE, table.encode(), overwrite=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("encoder", "seed", *task.figures))
    for result in results:
        for seed, values in enumerate(zip(*result.figures.values(), strict=True)):
            writer.writerow((result.name, seed, *(f"{value:.6f}" for value in values)))
    write_atomically(folder / VALUES, text.getvalue().encode(), overwrite=True)
    means = {
        result.name: {key: _as_json(seed_mean(values)) for key, values in result.figures.items()}
        for result in results
    }
    content = {"chance": task.chance(data.held_out), "encoders": means}
    write_atomically(folder / _JSON, json.dumps(content, indent=1).encode(), overwrite=True)
    picture = io.BytesIO()
    _draw(results, task.figures).savefig(picture, format="png", dpi=_DPI)
    write_atomically(folder / CURVES, picture.getvalue(), overwrite=True)
    return table


def study_table(results: Sequence[RowResult], task: TransferTask, data: Any) -> str:
    """A row for each encoder with the 95 % interval of its mean over seeds, and one of chance.

    data: as the task reads it.
    """
    heads = " | ".join(f"{key}, %" for key in task.figures)
    lines = [f"| encoder | {heads} |", "|---|---:|---:|"]
    for result in results:
        cells = [_percent(seed_mean(result.figures[key])) for key in task.figures]
        lines.append(f"| {result.name} | {' | '.join(cells)} |")
    chance = task.chance(data.held_out)
    cells = [f"{100 * chance[key]:.1f}" for key in task.figures]
    lines.append(f"| chance | {' | '.join(cells)} |")
    training, held_out = data
    seeds = len(results[0].figures[task.figures[0]])
    over = f"mean over {seeds} seeds ± half its 95 % interval" if seeds > 1 else "one seed"
    lines += [
        "",
        f"{len(training.pictures)} grey pictures to learn from, {len(held_out.pictures)} held out, "
        f"{len(training.classes)} classes, {task.description(held_out)}; {over}, last epoch.",
        "",
    ]
    return "\n".join(lines)


def _row_name(encoder: str) -> str:
    """What the table calls an encoder: a run by its folder."""
    path = Path(encoder)
    return path.resolve().parent.name if path.name == checkpoint.NAME else path.stem


def _checkpoint_net(encoder: str) -> NetRecipe | None:
    """The network of a run's checkpoint, to start from it; None for what is no checkpoint.

    Raises InputError for a missing or damaged one, or one of another method.
    """
    path = Path(encoder)
    if path.is_dir():
        path = path / checkpoint.NAME
    if path.suffix != Path(checkpoint.NAME).suffix:
        return None
    _, table, _ = checkpoint.load(path)
    if "method" in table:
        raise InputError(
            f"{path} is of the method {table['method']!r}, and no colorization network; name the "
            "checkpoint of one that colours"
        )
    net = from_table(table).net
    return replace(net, encoder_weights="", start_from=str(path.absolute()))


def _model_net(encoder: str, own: NetRecipe) -> NetRecipe | None:
    """The network of a model's file, to start from it; None where it is the recipe's own, and for
    what is no model that is known. Raises ModelError for a damaged file.
    """
    path = start_path(encoder)
    if path.suffix != ".onnx" or not path.is_file():
        return None
    weights = read_onnx_weights(path)
    for net in (own, *_KNOWN_NETS):
        if _fits(net, weights):
            start = str(path.absolute()) if path == Path(encoder) else encoder
            return None if net is own else replace(net, start_from=start)
    return None


def _fits(net: NetRecipe, weights: Mapping[str, Tensor]) -> bool:
    """Whether a file's weights are those of a network, but for counters."""
    state = build_colorizer(net.name, net.options).state_dict()
    shapes = {k: v.shape for k, v in state.items() if not k.endswith("num_batches_tracked")}
    return shapes == {name: tensor.shape for name, tensor in weights.items()}


def _start(encoder: str) -> str:
    """The override that lets a run start from a shipped model or a file."""
    return override("net.start_from", encoder)


def _row_net(encoder: str, own: NetRecipe, nets: Mapping[str, NetRecipe]) -> NetRecipe:
    """The network of a row and what it starts from. own: the recipe's. nets: of other rows."""
    if encoder not in _RECIPES or not nets:
        return own
    first, base = next(iter(nets.items()))
    if base.name == own.name:
        return replace(own, options={**base.options, **own.options})
    if encoder == SCRATCH:
        return replace(base, encoder_weights="", start_from="")
    if base.name not in _IMAGENET_WEIGHTS:
        raise RecipeError(
            f"there are no ImageNet weights for the network {base.name!r} of {first}; name the "
            f"encoders without {IMAGENET!r}"
        )
    return replace(base, encoder_weights=_IMAGENET_WEIGHTS[base.name], start_from="")


def _run_folder(folder: Path, name: str, seed: int) -> Path:
    return folder / name / f"seed-{seed}"


def _check_settings(folder: Path, recipe: TransferRecipe) -> None:
    """Raise InputError where a folder holds a run of other settings."""
    if not (folder / checkpoint.NAME).exists():
        return
    table = checkpoint.load(folder / checkpoint.NAME)[1]
    if build(TransferRecipe, table, RECIPE) != recipe:
        raise InputError(
            f"{folder} holds a run of other pictures or settings; go on with those, or name "
            "another folder with --out"
        )


def _study_progress(
    progress: Callable[[float, str], None], number: int, count: int, label: str, share: float,
    facts: str,
) -> None:  # fmt: skip
    """The progress of run ``number`` as that of the study."""
    progress((number + share) / count, f"{label}: {facts}")


def _last_figures(folder: Path, names: Sequence[str]) -> dict[str, float]:
    """Raises OutputError where the log is not what the run has written."""
    columns = read_curves(folder / f"{LOG}.csv").columns
    if any(not len(columns.get(key, ())) for key in names):
        raise OutputError(f"{folder / f'{LOG}.csv'} has vanished while the study went on")
    return {key: float(columns[key][-1]) for key in names}


def _row_result(name: str, seeds: int, folder: Path, names: Sequence[str]) -> RowResult:
    folders = [_run_folder(folder, name, seed) for seed in range(seeds)]
    values = [_last_figures(path, names) for path in folders]
    figures = {key: tuple(own[key] for own in values) for key in names}
    return RowResult(name, figures, tuple(read_curves(path / f"{LOG}.csv") for path in folders))


def _as_json(value: SeedMean) -> dict[str, float | None]:
    """JSON has no nan."""
    half_width = None if np.isnan(value.half_width) else value.half_width
    return {"mean": value.mean, "half_width": half_width}


def _percent(value: SeedMean) -> str:
    if np.isnan(value.half_width):
        return f"{100 * value.mean:.1f}"
    return f"{100 * value.mean:.1f} ± {100 * value.half_width:.1f}"


def _draw(results: Sequence[RowResult], names: Sequence[str]) -> Figure:
    """Each figure by epoch, a thin line for each seed, and a thick one for their mean."""
    figure = Figure(figsize=(8.0, 3.2), layout="constrained")
    panels: Any = figure.subplots(1, len(names))
    for axes, key in zip(panels, names, strict=True):
        for index, result in enumerate(results):
            color = _COLORS[index % len(_COLORS)]
            pairs = [curves.pairs("epoch", key) for curves in result.curves]
            for epochs, values in pairs:
                axes.plot(epochs, 100 * values, color=color, linewidth=0.6, alpha=0.5)
            shortest = min(len(epochs) for epochs, _ in pairs)
            mean = np.mean([values[:shortest] for _, values in pairs], axis=0)
            axes.plot(
                pairs[0][0][:shortest], 100 * mean, color=color, linewidth=1.8, label=result.name
            )
        axes.set_xlabel("epoch", fontsize=8)
        axes.set_title(f"{key} of held-out pictures, %", fontsize=9)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.25)
    panels[0].legend(frameon=False, fontsize=8)
    return figure
