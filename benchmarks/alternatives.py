"""How different are the alternatives, and how much nearer the truth is the best of them?

    python benchmarks/alternatives.py PHOTOS.zip [--count 5] [--limit 60]

Each photograph whose number has no factor in common with 30 (what there is to choose was chosen on
others) is made grey and coloured in so many versions. The best is the one with the highest PSNR, as
somebody who knows the picture would choose it; two differ by the mean ΔE00 of their pixels.
"""

from __future__ import annotations

import argparse
import math
from itertools import combinations, islice
from pathlib import Path

import numpy as np

from photochrom.engine import DEFAULT_MODEL, load, local_model
from photochrom.evaluation.dataset import grey_to_rgb, open_pictures, to_grey
from photochrom.evaluation.metrics import ciede2000, psnr, to_lab
from photochrom.guided.alternatives import AlternativeMaker
from photochrom.pipeline import colorize

UNSEEN = 30
DIFFERENT = 5.0


def main() -> None:
    """Print the means over the photographs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    network = load(local_model(arguments.model), device="cpu")
    maker = AlternativeMaker(network)
    pictures = open_pictures(arguments.photos)
    names = [name for i, name in enumerate(pictures.names) if math.gcd(i, UNSEEN) == 1]
    scores, widest = [], []
    for name in islice(names, arguments.limit):
        truth = pictures.read(name)
        grey = grey_to_rgb(to_grey(truth))
        guides = [None] + [maker.guide(i, arguments.count) for i in range(2, arguments.count + 1)]
        versions = [colorize(grey, model=network, guide=guide) for guide in guides]
        scores.append([psnr(version, truth) for version in versions])
        labs = [to_lab(version) for version in versions]
        widest.append(max(ciede2000(a, b) for a, b in combinations(labs, 2)))
    table = np.array(scores)
    best = table.max(axis=1)
    print(f"photographs: {len(table)}")
    print(f"PSNR of each version, dB: {', '.join(f'{mean:.2f}' for mean in table.mean(axis=0))}")
    print(f"best over first, dB: {(best - table[:, 0]).mean():.2f}")
    print(f"the first is the best: {(best == table[:, 0]).mean():.0%}")
    print(
        f"ΔE00 of the two that differ most: {np.mean(widest):.1f}, median {np.median(widest):.1f}"
    )
    print(f"of at least {DIFFERENT:g}: {(np.array(widest) >= DIFFERENT).mean():.0%} of photographs")


if __name__ == "__main__":
    main()
