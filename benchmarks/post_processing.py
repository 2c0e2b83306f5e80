"""What smoothing does to a network's colours: figures, and how they differ from none.

    python benchmarks/post_processing.py PHOTOS.zip [--limit 100] [--seed 0]

Every photograph is made grey and coloured with each `--smooth` of `photochrom image`. The second
table has the differences from none, picture by picture, with 95 % bootstrap intervals: a method
wins where PSNR is above 0 or CIEDE2000 and LPIPS are below, and none of them is worse.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np

from photochrom.color.smoothing import SMOOTHINGS
from photochrom.engine import DEFAULT_MODEL, load, local_model
from photochrom.evaluation.lpips import load_lpips
from photochrom.evaluation.metric_table import METRICS
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.run import Method, evaluate
from photochrom.evaluation.scores import PairMeter
from photochrom.pipeline import colorize

FIGURES = ("psnr", "ciede2000", "lpips", "colourfulness", "blotchiness")
RESAMPLES = 2000


def main() -> None:
    """Print both tables, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--methods", nargs="+", default=SMOOTHINGS, choices=SMOOTHINGS)
    arguments = parser.parse_args()
    network = load(local_model(arguments.model), device="cpu", threads=1)
    seconds = dict.fromkeys(arguments.methods, 0.0)

    def color(grey, *, smooth, hints=()):  # type: ignore[no-untyped-def]
        start = time.process_time()
        colored = colorize(grey, model=network, smooth=smooth, hints=hints)
        seconds[smooth] += time.process_time() - start
        return colored

    methods = [Method(name, partial(color, smooth=name)) for name in arguments.methods]
    settings = EvaluationOptions(limit=arguments.limit, seed=arguments.seed)
    results = evaluate(methods, arguments.photos, PairMeter(load_lpips(None)), settings)
    report = results.report
    assert report is not None, "the photographs are in colour"
    rows = {row.method: row for row in report.rows}
    figures = [m for m in FIGURES if rows[arguments.methods[0]].estimates.get(m) is not None]
    headings = [METRICS[m].heading for m in figures]
    print(f"{len(results.evaluation.samples)} photographs")
    print(f"| --smooth | {' | '.join(headings)} | ms |")
    print(f"|---|{'---|' * (len(figures) + 1)}")
    for name in arguments.methods:
        cells = [rows[name].estimates[m].show(m) for m in figures]
        ms = 1000 * seconds[name] / len(results.evaluation.samples)
        print(f"| {name} | {' | '.join(cells)} | {ms:.0f} |")
    truth = [e.show(m) if (e := report.truth.estimates.get(m)) else "" for m in figures]
    print(f"| true | {' | '.join(truth)} | |")
    print(f"\n| difference from none | {' | '.join(headings)} |")
    print(f"|---|{'---|' * len(figures)}")
    random = np.random.default_rng(arguments.seed)
    draws = random.integers(len(results.evaluation.samples), size=(RESAMPLES, settings.limit))
    for name in arguments.methods:
        if name == "none":
            continue
        cells = []
        for metric in figures:
            change = rows[name].pictures[metric] - rows["none"].pictures[metric]
            low, high = np.percentile(change[draws].mean(axis=1), [2.5, 97.5])
            places = METRICS[metric].decimals
            cells.append(f"{change.mean():+.{places}f} [{low:+.{places}f}, {high:+.{places}f}]")
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
