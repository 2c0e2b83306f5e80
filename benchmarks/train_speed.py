"""How many views a second a processor trains on, for each stage of a recipe, and what a step costs.

    python benchmarks/train_speed.py RECIPE PHOTOS [PHOTOS ...] [--stages N ...] [--threads 2]
                                     [--batch N] [--steps 3] [--rounds 3] [--set KEY=VALUE]
                                     [--profile] [--channels-last] [--against CHECKOUT]

A step is all that training does with a batch: losses, gradients, optimizers, the moving average;
batches are made beforehand (benchmarks/data_path.py measures those, too). Of each stage it prints
views a second by the clock, and by the processor's time, in which other programs do not count;
medians over the rounds. A batch of the recipe's own size is what counts: with fewer than 16 views
and one thread, PyTorch takes slower ways for convolutions of 1 × 1.

--profile names the operations that take more than a hundredth of a step. --against measures
another checkout in turn, each in processes of its own, and prints how many times as fast this one
is by processor time. Older ones, such as commit 029540b, are measured by recipes that they know:
photochrom-base-0.2 with ``--set stages.0.crop=160``, and with the files of its weights by name,
``--set net.encoder_weights=FILE --set vgg_weights=FILE``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = r"""
import json, sys, time
from pathlib import Path
import torch
task = json.loads(sys.argv[1])
torch.set_num_threads(task["threads"])
try:
    from photochrom.training.data.loader import BatchMaker
    from photochrom.training.data.photo_cache import load_photos, split
    from photochrom.training.distributed import Ranks
    from photochrom.training.models import Models
    from photochrom.training.recipe.toml import load_recipe
    from photochrom.training.step import StageStep
    make_models = Models.from_recipe
except ModuleNotFoundError:  # version 0.2 and before
    from photochrom.train.batches import BatchMaker
    from photochrom.train.data import load_photos, split
    from photochrom.train.players import Players
    from photochrom.train.ranks import Ranks
    from photochrom.train.recipe_file import load_recipe
    from photochrom.train.step import StageStep
    make_models = Players.of
recipe = load_recipe(Path(task["recipe"]), task["set"])
stage, ranks = recipe.stages[task["stage"]], Ranks()
photos, _ = split(load_photos(recipe.data, Path(task["folder"])), recipe.data)
models = make_models(recipe, ranks)
if task["channels_last"]:
    models.generator.to(memory_format=torch.channels_last)
maker = BatchMaker(photos, recipe.hints, recipe.augment, recipe.seed)
size = task["batch"] or stage.batch
batches = [maker.make(k * size, size, stage.crop) for k in range(stage.accumulate)]
models.settle(iter([batches[0].inputs]))
step = StageStep(recipe, stage, models, photos, ranks)
step(batches, 0.5, 0)
start, used = time.perf_counter(), time.process_time()
for number in range(task["steps"]):
    step(batches, 0.5, 1 + number)
seconds, used = time.perf_counter() - start, time.process_time() - used
views = task["steps"] * size * len(batches)
found = {"stage": stage.name, "crop": stage.crop, "batch": f"{size} x {stage.accumulate}",
         "clock": views / seconds, "processor": views / used, "operations": []}
if task["profile"]:
    from torch.profiler import ProfilerActivity, profile
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step(batches, 0.5, 1 + task["steps"])
    rows = [(row.key, row.self_cpu_time_total, row.count) for row in profiler.key_averages()]
    whole = sum(row[1] for row in rows)
    found["operations"] = [(name, used / whole, n) for name, used, n in rows if used > whole / 100]
print(json.dumps(found))
"""


def main() -> int:
    """Measure and print."""
    arguments = parse()
    sources = [ROOT] + ([arguments.against.resolve()] if arguments.against else [])
    print(
        f"{os.cpu_count()} processors, {arguments.threads} threads, load {os.getloadavg()[0]:.1f}"
    )
    print("\n| stage | crop | batch | who | views a second | by processor time | x the other |")
    print("|---|---|---|---|---|---|---|")
    operations: dict[str, list[tuple[str, float, int]]] = {}
    with tempfile.TemporaryDirectory(prefix="photochrom-train-speed-") as folder:
        for stage in arguments.stages:
            runs = [
                [measure(source, stage, arguments, folder) for source in sources]
                for _ in range(arguments.rounds)
            ]
            ratios = [round_[0]["processor"] / round_[-1]["processor"] for round_ in runs]
            for place, source in enumerate(sources):
                found = runs[0][place]
                clock, processor = (
                    statistics.median(round_[place][kind] for round_ in runs)
                    for kind in ("clock", "processor")
                )
                other = f"{statistics.median(ratios):.2f}" if sources[1:] and not place else ""
                print(
                    f"| {found['stage']} | {found['crop']} | {found['batch']} | {source.name} "
                    f"| {clock:.2f} | {processor:.2f} | {other} |",
                    flush=True,
                )
            operations[runs[0][0]["stage"]] = runs[0][0]["operations"]
    for name, rows in operations.items():
        if rows:
            print(f"\n{name}: shares of a step, times called\n")
            for operation, share, count in sorted(rows, key=lambda row: -row[1]):
                print(f"{100 * share:5.1f} %  {count:5d}  {operation}")
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="name or file")
    parser.add_argument("photos", nargs="+", type=Path, help="folders or archives of photographs")
    parser.add_argument("--stages", nargs="+", type=int, default=[0], help="numbers, from 0")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch", type=int, help="in place of the recipe's")
    parser.add_argument("--steps", type=int, default=3, help="that are timed in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument(
        "--channels-last", action="store_true", help="keep the network's weights in that order"
    )
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn")
    return parser.parse_args()


def measure(source: Path, stage: int, arguments: argparse.Namespace, folder: str) -> dict:
    """One stage, in a process of its own that imports this checkout's photochrom."""
    recipe = Path(arguments.recipe)
    if recipe.suffix != ".toml":
        recipe = ROOT / "recipes" / f"{recipe}.toml"
    photos = json.dumps([str(path.resolve()) for path in arguments.photos])
    cache = Path(folder) / source.name
    cache.mkdir(exist_ok=True)
    task = {
        "recipe": str(recipe.resolve()),
        "set": [f"data.sources={photos}", "data.limit=500", *arguments.set],
        "stage": stage,
        "threads": arguments.threads,
        "batch": arguments.batch,
        "steps": arguments.steps,
        "profile": arguments.profile,
        "channels_last": arguments.channels_last,
        "folder": str(cache),
    }
    done = subprocess.run(
        [sys.executable, "-c", WORK, json.dumps(task)],
        env={**os.environ, "PYTHONPATH": str(source / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{source}: ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main())
