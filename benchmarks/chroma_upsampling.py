"""Which way of bringing chroma to full size comes nearest to the true photograph?

    python benchmarks/chroma_upsampling.py PICTURES [--model MODEL] [--size PX ...] [--limit N]
                                           [--lpips-weights FILE]

PICTURES is a folder or zip file of colour photographs. Each is made grey; its chroma comes from the
true picture, averaged to a quarter of the working size ("oracle"), and with --model also from the
network; every method brings both to full size. Small working sizes stand for large photographs:
what counts is the enlargement. The default of `photochrom.pipeline` is decided by the network's
rows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose
from photochrom.color.fit import shrink, shrink_lightness, working_shape
from photochrom.color.luminance import lightness
from photochrom.color.space import rgb_to_lab
from photochrom.color.upsample import upsample_chroma
from photochrom.engine import Network, load
from photochrom.evaluation.dataset import open_pictures, to_grey
from photochrom.evaluation.lpips import load_lpips
from photochrom.evaluation.scores import PairMeter, PairScores
from photochrom.pipeline import guess_chroma, hint_planes

Planes = NDArray[np.float32]

ORACLE_MULTIPLE = 32
ORACLE_STRIDE = 4


def interpolated(mode: int) -> Callable[[Planes, Planes], Planes]:
    """Plain interpolation by OpenCV, for comparison."""

    def upsample(ab: Planes, L: Planes) -> Planes:
        return np.asarray(cv2.resize(ab, L.shape[::-1], interpolation=mode), np.float32)

    return upsample


METHODS: dict[str, Callable[[Planes, Planes], Planes]] = {
    "nearest": interpolated(cv2.INTER_NEAREST),
    "bilinear": interpolated(cv2.INTER_LINEAR),
    "cubic, plain": interpolated(cv2.INTER_CUBIC),
    "bicubic": lambda ab, L: upsample_chroma(ab, L, "bicubic"),
    "guided": lambda ab, L: upsample_chroma(ab, L, "guided"),
}
REFERENCE = "bicubic"


def main() -> None:
    """Measure and write one table per source of chroma and working size."""
    arguments = parsed()
    meter = PairMeter(load_lpips(arguments.lpips_weights))
    network = load(arguments.model) if arguments.model else None
    pictures = open_pictures(arguments.pictures)
    scores: dict[tuple[str, int], dict[str, list[PairScores]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for name in pictures.sample(arguments.limit, seed=0):
        truth = pictures.read(name)
        grey = to_grey(truth)
        L = lightness(grey)
        for source, size, ab in chroma_maps(truth, grey, arguments.size, network):
            colored = [compose(L, upsample(ab, L), np.uint8) for upsample in METHODS.values()]
            for method, score in zip(METHODS, meter.measure(colored, truth), strict=True):
                scores[source, size][method].append(score)
    for (source, size), rows in scores.items():
        sys.stdout.write(table(f"{source}, working size {size} px", rows))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("pictures", type=Path, help="folder or zip file of colour photographs")
    parser.add_argument("--model", help="name, path or address; without it the oracle only")
    parser.add_argument("--size", type=int, nargs="+", default=[256], help="working sizes, px")
    parser.add_argument("--limit", type=int, help="number of pictures, drawn at random")
    parser.add_argument("--lpips-weights", type=Path, help="see `photochrom evaluate`")
    return parser.parse_args()


def chroma_maps(
    truth: NDArray[np.uint8], grey: NDArray[np.uint8], sizes: list[int], network: Network | None
) -> Iterator[tuple[str, int, Planes]]:
    """Where the chroma comes from, the working size, and the small map (h, w, 2)."""
    height, width = grey.shape
    lab = rgb_to_lab(truth.astype(np.float32) / np.float32(255))
    ab = np.ascontiguousarray(lab[..., 1:])
    for size in sizes:
        h, w = working_shape(height, width, size, ORACLE_MULTIPLE)
        yield "oracle", size, shrink(ab, (h // ORACLE_STRIDE, w // ORACLE_STRIDE))
        if network is not None:
            shape = working_shape(height, width, size, network.card.multiple)
            hints = hint_planes((), grey.shape, shape)
            yield "network", size, guess_chroma(network, shrink_lightness(grey, shape), *hints)


def table(title: str, rows: dict[str, list[PairScores]]) -> str:
    """Means, and in how many pictures LPIPS and CIEDE2000 are better than the reference's."""
    reference = rows[REFERENCE]
    heads = ("LPIPS", "better", "CIEDE2000", "better", "PSNR", "colour")
    lines = [
        f"\n{title}, {len(reference)} pictures (better = in this share of them, than {REFERENCE})",
        f"{'method':14}" + "".join(f"{head:>10}" for head in heads),
    ]
    for method, scores in rows.items():
        lpips, closer = "-", "-"
        if all("lpips" in score.values for score in scores):
            lpips, closer = (
                f"{mean(scores, 'lpips'):.4f}",
                f"{wins(scores, reference, 'lpips'):.0%}",
            )
        cells = (
            lpips,
            closer,
            f"{mean(scores, 'ciede2000'):.3f}",
            f"{wins(scores, reference, 'ciede2000'):.0%}",
            f"{mean(scores, 'psnr'):.2f}",
            f"{mean(scores, 'colourfulness'):.1f}",
        )
        lines.append(f"{method:14}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines) + "\n"


def mean(scores: list[PairScores], metric: str) -> float:
    """Over the pictures."""
    return statistics.fmean(score.values[metric] for score in scores)


def wins(scores: list[PairScores], reference: list[PairScores], metric: str) -> float:
    """In which share of the pictures a metric, lower being better, is below the reference's."""
    pairs = zip(scores, reference, strict=True)
    return statistics.fmean(ours.values[metric] < other.values[metric] for ours, other in pairs)


if __name__ == "__main__":
    main()
