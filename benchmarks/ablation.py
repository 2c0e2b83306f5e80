"""What does a part of a recipe give in the same time? Runs with and without it, side by side.

    python benchmarks/ablation.py RECIPE PICTURES --data PHOTOS --minutes N --out FOLDER
                                  [--again SEED] [--without LOSS] [--critic NAME]
                                  [--leave-out SET] [--limit N] [--set KEY=VALUE]

Trains RECIPE on PHOTOS for N minutes as it is, once more for each --again as it is from another
seed (what chance alone does), once more for each --without with that loss at weight 0 in every
stage, once more for each --critic with that critic, and once more for each --leave-out without the
photos of that set (a source's name, or a folder in it, as in data.weights); then measures all of
them on PICTURES, which none has seen, or on --limit of these, and writes a table in Markdown. --set
changes all runs alike. Runs that are finished are not trained again, and what was stopped goes on.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import photochrom
from photochrom.errors import RecipeError
from photochrom.evaluation.metric_table import METRICS
from photochrom.tables import read_toml_value
from photochrom.training import checkpoint
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.toml import read_recipe

Settings = Mapping[str, object]

COLUMNS = ("psnr", "ciede2000", "lpips", "hue_error", "left_grey", "colourfulness_percent")
WHOLE = "as it is"


def main() -> None:
    """Train every variation, measure all, and write the table."""
    arguments = parse()
    recipe = read_recipe(recipe_path(arguments.recipe))
    common = {
        key: read_toml_value(value) for key, _, value in (s.partition("=") for s in arguments.set)
    }
    rows = variations(
        recipe, arguments.again, arguments.without, arguments.critic, arguments.leave_out
    )
    models, views = [], {}
    for name, changes in rows.items():
        folder = arguments.out / re.sub(r"[^\w.]+", "-", name)
        model = arguments.out / f"{folder.name}.onnx"
        if not model.is_file():
            settings = {"data.cache": str(arguments.out.resolve() / "cache"), **common, **changes}
            run = photochrom.train(
                arguments.recipe,
                arguments.data,
                run=folder,
                minutes=arguments.minutes,
                settings={**settings, "export.model": name},
                resume=(folder / checkpoint.NAME).is_file(),
                report=lambda line: print(line, file=sys.stderr),
            )
            run.export(model)
        models.append(model)
        views[name] = checkpoint.load(folder / checkpoint.NAME)[0].images
    figures = photochrom.evaluate(
        arguments.pictures, models=models, limit=arguments.limit, progress=True
    )
    sys.stdout.write(table(views, figures))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("recipe", help="name or file")
    parser.add_argument("pictures", type=Path, help="folder or zip file to measure on")
    parser.add_argument("--data", action="append", required=True, help="photographs to train on")
    parser.add_argument("--minutes", type=float, required=True, help="of training, for each run")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and models")
    parser.add_argument(
        "-a", "--again", type=int, action="append", default=[], metavar="SEED", help="once more"
    )
    parser.add_argument("-w", "--without", action="append", default=[], help="a loss to leave out")
    parser.add_argument("-c", "--critic", action="append", default=[], help="another critic")
    parser.add_argument("-l", "--leave-out", action="append", default=[], help="a set of photos")
    parser.add_argument("--limit", type=int, metavar="N", help="measure on so many of the pictures")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def variations(
    recipe: Recipe,
    seeds: Sequence[int],
    losses: Sequence[str],
    critics: Sequence[str],
    sets: Sequence[str],
) -> dict[str, Settings]:
    """The settings of each run, by its name.

    Raises RecipeError for a loss that no stage has, and for the critic that the recipe has anyway.
    """
    rows: dict[str, Settings] = {WHOLE: {}}
    rows |= {f"{WHOLE} seed {seed}": {"seed": seed} for seed in seeds}
    for loss in losses:
        stages = [i for i, stage in enumerate(recipe.stages) if loss in stage.losses.active()]
        if not stages:
            raise RecipeError(f"no stage of {recipe.name} has losses.{loss}; leave it out")
        rows[f"without {loss}"] = {f"stages.{i}.losses.{loss}": 0 for i in stages}
    for critic in critics:
        if critic == recipe.critic.name:
            raise RecipeError(f"{critic} is the critic of {recipe.name}; name another")
        rows[f"critic {critic}"] = {"critic.name": critic, "critic.options": {}}
    for name in sets:
        rows[f"without {name}"] = {"data.weights": {**recipe.data.weights, name: 0}}
    return rows


def table(views: Mapping[str, int], figures: Mapping[str, Mapping[str, float]]) -> str:
    """Figures with their 95 % intervals, a row for each run.

    views: of each run, by its name. figures: as `photochrom.evaluate` returns them, by names with
    versions.
    """
    heads = ("run", "views", *(METRICS[key].heading for key in COLUMNS))
    lines = [heads, tuple("---" for _ in heads)]
    for name, count in views.items():
        (row,) = (values for title, values in figures.items() if title.rpartition(" ")[0] == name)
        lines.append((name, f"{count:,}", *(estimate(key, row) for key in COLUMNS)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def estimate(key: str, row: Mapping[str, float]) -> str:
    """``23.71 [23.50, 23.93]``."""
    value, low, high = (METRICS[key].show(row[f"{key}{end}"]) for end in ("", "_low", "_high"))
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    main()
