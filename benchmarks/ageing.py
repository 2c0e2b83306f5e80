"""Is the imitation of old photographs, with which networks are trained, as wide as real ones are?

    python benchmarks/ageing.py OLD MODERN [--side PX] [--rounds N]

OLD is a folder or zip file of real old photographs, MODERN one of photographs in colour. The middle
of each, at side² as the network sees it, is measured in lightness: the old ones, the modern ones as
they are, and the modern ones as `photochrom.training.data` ages them (each in several rounds). For
each measure a row gives the quantiles of all three, the share of old photographs outside of what
98 % of the imitations span (2 % if both were alike), and the Kolmogorov-Smirnov distance.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.color.space import rgb_to_lab
from photochrom.evaluation.dataset import center_crop, open_pictures
from photochrom.training.data.augment import Ager
from photochrom.training.data.views import ViewPlan
from photochrom.training.recipe.recipe import AugmentRecipe, HintRecipe

Plane = NDArray[np.float32]

QUANTILES = (5, 25, 50, 75, 95)
FLAT_SHARE = 0.25
"""Of the cells, the smoothest, in which what varies is grain."""
CELL = 16
MEASURES = {
    "darkest (1 %), L*": "black of emulsion, paper and scan",
    "lightest (99 %), L*": "white of the paper",
    "median, L*": "exposure and tone curve",
    "contrast, L*": "between the 10th and the 90th percentile",
    "local contrast, L*": "median standard deviation in cells of 16 px",
    "grain, L*": "noise of one pixel where the picture is flat",
    "clumps": "noise at two pixels against that at one: 0.5 is white, more is clumped",
    "sharpness": "steps of one pixel against steps of two, at edges: 1 is soft, 2 a single step",
    "halation, L*": "lift of dark places 3 px beside the brightest, over those 12 px away",
}


def main() -> None:
    """Measure the three kinds of pictures, and write the table."""
    arguments = parsed()
    old = [center_crop(picture, arguments.side) for picture in pictures(arguments.old)]
    modern = [center_crop(picture, arguments.side) for picture in pictures(arguments.modern)]
    aged = [L for seed in range(arguments.rounds) for L in imitations(modern, seed)]
    columns = [[measures(lightness(picture)) for picture in kind] for kind in (old, modern)]
    columns.insert(1, [measures(L) for L in aged])
    sys.stdout.write(table(*(np.array(column) for column in columns)))
    sys.stdout.write(paper_tone(old))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("old", type=Path, help="folder or zip file of real old photographs")
    parser.add_argument("modern", type=Path, help="folder or zip file of photographs in colour")
    parser.add_argument("--side", type=int, default=224, help="what the network sees, px")
    parser.add_argument("--rounds", type=int, default=2, help="imitations of each photograph")
    return parser.parse_args()


def pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """All pictures of a folder or zip file, sRGB (H, W, 3)."""
    files = open_pictures(path)
    for name in files.sample(None, seed=0):
        yield files.read(name)


def imitations(modern: Sequence[NDArray[np.uint8]], seed: int) -> list[Plane]:
    """The lightness (side, side) of photographs as training ages them, all of them."""
    plan = ViewPlan(AugmentRecipe(old=1.0), HintRecipe(), seed)
    drawn = plan.views(np.arange(len(modern)), 0).ageing
    ager = Ager(torch.device("cpu"))
    aged = []
    for row in range(len(drawn.rows)):
        rgb = torch.from_numpy(modern[int(drawn.rows[row])]).permute(2, 0, 1)[None] / 255.0
        one = type(drawn)(*(values[row : row + 1] for values in drawn))
        aged.append(ager.age(rgb, one)[0, 0].numpy())
    return aged


def measures(L: Plane) -> list[float]:
    """One number for each of `MEASURES`. L: (h, w) in [0, 100]."""
    darkest, low, median, high, lightest = np.percentile(L, (1, 10, 50, 90, 99))
    cells = in_cells(L)
    deviations = cells.std(axis=(1, 2))
    flat = np.argsort(deviations)[: max(1, int(FLAT_SHARE * len(cells)))]
    fine, coarse = noise(cells[flat], 1), noise(cells[flat], 2)
    return [
        float(darkest),
        float(lightest),
        float(median),
        float(high - low),
        float(np.median(deviations)),
        fine,
        coarse / max(fine, 1e-3),
        sharpness(L),
        halation(L, float(lightest)),
    ]


def in_cells(L: Plane) -> Plane:
    """(N, CELL, CELL): the cells that lie in a picture as a whole."""
    rows, columns = L.shape[0] // CELL, L.shape[1] // CELL
    cut = L[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    cells: Plane = cut.swapaxes(1, 2).reshape(-1, CELL, CELL)
    return cells


def noise(cells: Plane, px: int) -> float:
    """Standard deviation of noise at a scale, after Immerkær (1996): what no plane explains."""
    means = cells.reshape(len(cells), CELL // px, px, CELL // px, px).mean(axis=(2, 4))
    second = means[:, 2:] - 2 * means[:, 1:-1] + means[:, :-2]
    second = second[:, :, 2:] - 2 * second[:, :, 1:-1] + second[:, :, :-2]
    return float(np.sqrt(np.pi / 2) * np.abs(second).mean() / 6)


def sharpness(L: Plane) -> float:
    """How much steeper than over two pixels a picture is over one, where it is steepest."""
    ratios = []
    for picture in (L, L.T):
        wide = np.abs(picture[:, 3:] - picture[:, :-3])
        narrow = np.abs(picture[:, 2:-1] - picture[:, 1:-2])
        edges = wide >= np.percentile(wide, 98)
        ratios.append(float(np.median(narrow[edges] / np.maximum(wide[edges], 1e-3))))
    return 3 * float(np.mean(ratios))


def halation(L: Plane, lightest: float) -> float:
    """How much lighter dark places are near the brightest ones than further away."""
    bright = (lightest - 3.0 <= L).astype(np.uint8)
    distance = cv2.distanceTransform(1 - bright, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    dark = np.median(L) > L
    near, far = (dark & (abs(distance - px) < px / 3) for px in (3.0, 12.0))
    if near.sum() < CELL or far.sum() < CELL:
        return 0.0
    return float(L[near].mean() - L[far].mean())


def table(old: Plane, aged: Plane, modern: Plane) -> str:
    """The rows; each array (pictures, measures)."""
    lines = [
        f"{len(old)} old, {len(aged)} imitations, {len(modern)} modern; quantiles "
        + " ".join(f"{q} %" for q in QUANTILES),
        f"{'':20}{'old':34}{'imitation':34}{'modern':34}{'outside':>8}{'K-S':>6}",
    ]
    for n, name in enumerate(MEASURES):
        columns = [kind[:, n] for kind in (old, aged, modern)]
        quantiles = ("".join(f"{v:6.1f}" for v in np.percentile(c, QUANTILES)) for c in columns)
        low, high = np.percentile(aged[:, n], (1, 99))
        outside = float(((old[:, n] < low) | (old[:, n] > high)).mean())
        texts = "".join(f"{text:34}" for text in quantiles)
        lines.append(f"{name:20}{texts}{outside:8.0%}{distance(old[:, n], aged[:, n]):6.2f}")
    return "\n".join(lines) + "\n"


def distance(one: Plane, other: Plane) -> float:
    """Kolmogorov and Smirnov's: the largest difference of both distributions' shares."""
    values = np.concatenate([one, other])
    shares = (np.searchsorted(np.sort(s), values, side="right") / len(s) for s in (one, other))
    return float(np.abs(np.subtract(*shares)).max())


def paper_tone(old: Sequence[NDArray[np.uint8]]) -> str:
    """What the tone of paper and print is; the network sees lightness alone."""
    chroma = [np.median(rgb_to_lab(picture / 255.0)[..., 1:], axis=(0, 1)) for picture in old]
    toned = np.array([ab for ab in chroma if np.hypot(*ab) > 2.0])
    if not len(toned):
        return "none of the old photographs is toned\n"
    a, b = np.median(toned, axis=0)
    return (
        f"{len(toned)} of {len(old)} old photographs are toned: median a* {a:.1f}, b* {b:.1f}, "
        f"chroma up to {np.hypot(*toned.T).max():.0f}\n"
    )


if __name__ == "__main__":
    main()
