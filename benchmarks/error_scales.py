"""How much of a model's error is the cast of a whole picture, and how much is its detail?

    python benchmarks/error_scales.py PICTURES [--model MODEL] [--limit N] [--lpips-weights FILE]

PICTURES is a folder or zip file of colour photographs; the middle of each, at 256², is made grey
and coloured. Then the true photograph corrects ever finer parts of the guess: at first its mean
colour alone, then the means of 2 × 2 fields, of 4 × 4 and so on. What a correction takes off the
error is what lay at that scale. Two more rows give the guess the true strength of colour in every
place, or the true hue.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose
from photochrom.color.luminance import lightness
from photochrom.engine import DEFAULT_MODEL, load
from photochrom.evaluation.dataset import center_crop, open_pictures, to_grey
from photochrom.evaluation.lpips import load_lpips
from photochrom.evaluation.metrics import to_lab
from photochrom.evaluation.scores import PairMeter, PairScores
from photochrom.pipeline import colorize

Planes = NDArray[np.float32]

SIDE = 256
FIELDS = (1, 2, 4, 8, 16, 32)
GREYEST = 1e-3


def main() -> None:
    """Measure every correction on every picture, and write the means."""
    arguments = parsed()
    meter = PairMeter(load_lpips(arguments.lpips_weights))
    network = load(arguments.model)
    pictures = open_pictures(arguments.pictures)
    scores: dict[str, list[PairScores]] = defaultdict(list)
    for name in pictures.sample(arguments.limit, seed=0):
        truth = center_crop(pictures.read(name), SIDE)
        grey = to_grey(truth)
        guess = to_lab(colorize(grey, model=network))[..., 1:]
        corrected = dict(corrections(guess, to_lab(truth)[..., 1:]))
        L = lightness(grey)
        colored = [compose(L, ab, np.uint8) for ab in corrected.values()]
        for row, score in zip(corrected, meter.measure(colored, truth), strict=True):
            scores[row].append(score)
    sys.stdout.write(table(scores))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("pictures", type=Path, help="folder or zip file of colour photographs")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name, path or address")
    parser.add_argument("--limit", type=int, help="number of pictures, drawn at random")
    parser.add_argument("--lpips-weights", type=Path, help="see `photochrom evaluate`")
    return parser.parse_args()


def corrections(guess: Planes, truth: Planes) -> Iterator[tuple[str, Planes]]:
    """The guess, (h, w, 2), and what it would be if the truth had corrected it, by name."""
    yield "as guessed", guess
    for fields in FIELDS:
        name = "mean colour" if fields == 1 else f"{fields} × {fields} fields"
        yield f"true {name}", guess + in_fields(truth - guess, fields)
    strength, true_strength = (np.linalg.norm(ab, axis=2, keepdims=True) for ab in (guess, truth))
    yield "true strength", guess * (true_strength / np.maximum(strength, GREYEST))
    yield "true hue", truth * (strength / np.maximum(true_strength, GREYEST))


def in_fields(ab: Planes, fields: int) -> Planes:
    """Means of ``fields`` × ``fields`` parts of (h, w, 2), with smooth borders between them."""
    height, width = ab.shape[:2]
    means = cv2.resize(np.ascontiguousarray(ab), (fields, fields), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(means, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth, dtype=np.float32)


def table(scores: dict[str, list[PairScores]]) -> str:
    """The means, a row for each correction."""
    count = len(next(iter(scores.values())))
    lines = [f"{count} pictures\n{'':20}{'PSNR':>8}{'CIEDE2000':>11}{'LPIPS':>9}"]
    for row, measured in scores.items():
        distances = [score.values["lpips"] for score in measured if "lpips" in score.values]
        lpips = f"{statistics.fmean(distances):.4f}" if distances else "-"
        psnr = statistics.fmean(score.values["psnr"] for score in measured)
        ciede = statistics.fmean(score.values["ciede2000"] for score in measured)
        lines.append(f"{row:20}{psnr:8.2f}{ciede:11.2f}{lpips:>9}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
