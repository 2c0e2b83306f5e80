"""What do many grey photographs give a colourizer that sees few in colour?

    python benchmarks/few_in_color.py PICTURES --data PHOTOS --grey PHOTOS --out FOLDER
                                      [--limit N] [--seeds N] [--recipe NAME] [--set KEY=VALUE]
                                      [--crop PX] [--limit-pictures N]

Trains the recipe `semi-supervised` on --limit of PHOTOS in colour, without grey ones and with
them, once for each seed (which also draws the photographs). Both see as many views in colour. All
runs are then measured on PICTURES, which none has seen, and a table in Markdown says the mean over
the seeds, how far it can be trusted (95 %, Student's t), and the same of the differences seed by
seed. --set changes all runs alike. Runs that are finished are not trained again; what was stopped
goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import photochrom
from photochrom.evaluation.metric_table import METRICS
from photochrom.tables import read_toml_value
from photochrom.training import checkpoint
from photochrom.training.transfer.metrics import seed_mean

COLUMNS = ("psnr", "ciede2000", "lpips", "hue_error", "colourfulness")
WITHOUT, WITH = "without the grey ones", "with them"

Figures = Mapping[str, float]


def main() -> None:
    """Train every pair, measure all, and write the table."""
    arguments = parse()
    models = {
        (row, seed): trained(arguments, row, seed)
        for seed in range(arguments.seeds)
        for row in (WITHOUT, WITH)
    }
    figures = photochrom.evaluate(
        arguments.pictures, models=list(models.values()), limit=arguments.limit_pictures,
        crop=arguments.crop, progress=True,
    )  # fmt: skip
    by_name = {title.rpartition(" ")[0]: values for title, values in figures.items()}
    rows = {
        row: [by_name[models[row, seed].stem] for seed in range(arguments.seeds)]
        for row in (WITHOUT, WITH)
    }
    sys.stdout.write(table(rows, figures["grey"], figures["true"]))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("pictures", type=Path, help="folder or zip file to measure on")
    parser.add_argument("--data", action="append", required=True, help="photographs in colour")
    parser.add_argument("--grey", required=True, help="photographs that are seen in grey")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and models")
    parser.add_argument("--limit", type=int, default=1000, help="photographs in colour")
    parser.add_argument("--seeds", type=int, default=3, help="pairs of runs")
    parser.add_argument("--recipe", default="semi-supervised", help="name or file")
    parser.add_argument("--crop", type=int, help="measured is the centre square at so many px")
    parser.add_argument("--limit-pictures", type=int, help="measure on so many of the pictures")
    parser.add_argument("--threads", type=int, help="of the processor")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def trained(arguments: argparse.Namespace, row: str, seed: int) -> Path:
    """The exported model of a run, which is trained unless it has been."""
    name = f"{'grey' if row == WITH else 'without'}-{seed}"
    model: Path = arguments.out / f"{name}.onnx"
    if model.is_file():
        return model
    common = {
        key: read_toml_value(value) for key, _, value in (s.partition("=") for s in arguments.set)
    }
    folder = arguments.out / name
    run = photochrom.train(
        arguments.recipe,
        arguments.data,
        run=folder,
        settings={
            "data.cache": str(arguments.out.resolve() / "cache"), **common,
            "data.limit": arguments.limit, "seed": seed, "data.split_seed": seed,
            "data.grey": arguments.grey if row == WITH else "", "export.model": name,
        },
        resume=(folder / checkpoint.NAME).is_file(),
        threads=arguments.threads,
        report=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    run.export(model)
    return model


def table(rows: Mapping[str, Sequence[Figures]], grey: Figures, true: Figures) -> str:
    """A row each for grey, without, with, the differences of pairs, and the truth.

    rows: the figures of `WITHOUT` and of `WITH`, a mapping for each seed.
    """
    lines = [
        ("", *(METRICS[key].heading for key in COLUMNS)),
        tuple("---" for _ in range(len(COLUMNS) + 1)),
        ("grey", *(METRICS[key].show(grey[key]) for key in COLUMNS)),
    ]
    for row, seeds in rows.items():
        lines.append((row, *(_estimate(key, [each[key] for each in seeds]) for key in COLUMNS)))
    pairs = list(zip(rows[WITH], rows[WITHOUT], strict=True))
    differences = (
        _estimate(key, [more[key] - less[key] for more, less in pairs]) for key in COLUMNS
    )
    lines.append(("difference, seed by seed", *differences))
    lines.append(("true", *(_known(key, true) for key in COLUMNS)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _estimate(key: str, values: Sequence[float]) -> str:
    """``23.71 ± 0.22``."""
    mean, half_width = seed_mean(values)
    return f"{METRICS[key].show(mean)} ± {METRICS[key].show(half_width)}"


def _known(key: str, figures: Figures) -> str:
    value = figures.get(key, float("nan"))
    return METRICS[key].show(value) if value == value else ""


if __name__ == "__main__":
    main()
