"""How well is damage mended, by kind, and how often is a clean photograph touched?

    python benchmarks/restoration.py --data PHOTOS [--pictures 50] [--kinds dust] [--network FILE]
    python benchmarks/restoration.py --data PHOTOS --clean
    python benchmarks/restoration.py --data PHOTOS --color
    python benchmarks/restoration.py --data PHOTOS --cost

Photographs are made grey and damaged as `photochrom.restoration.simulation` does it, the same way
each time. For each kind: PSNR and LPIPS (squeeze; where its weights are there) of the damaged
picture, of what photochrom makes of it when it has to find out by itself ("measured") and when the
kind is named, and of other means as OpenCV and scikit-image have them, whose one setting suits them
best of those tried; and which pictures come out worse than they were. "true mask" is what filling
gains where somebody knows what is covered.

--clean counts the photographs, undamaged and in grey, in which something is found. --color colours
prints of several screens: the mean CIEDE2000 to the true colours, and the colourfulness, of the
clean photograph in grey, of the print, and of the mended print. --cost: processor time for 12
megapixels in colour with damage of each kind, and the most memory of all.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.engine import DEFAULT_MODEL, load, local_model
from photochrom.evaluation.dataset import grey_to_rgb, open_pictures, to_grey
from photochrom.evaluation.lpips import Lpips, load_lpips
from photochrom.evaluation.metrics import ciede2000, colorfulness, to_lab
from photochrom.pipeline import colorize
from photochrom.restoration import KINDS, Kind, parse_kinds
from photochrom.restoration.blur import measure_blur
from photochrom.restoration.covers import fill
from photochrom.restoration.grain import measure_grain
from photochrom.restoration.halftone import find_screen
from photochrom.restoration.network import RestorationNetwork, load_network
from photochrom.restoration.repair import restore_pixels
from photochrom.restoration.simulation import (
    add_damage,
    dust_and_mask,
    print_halftone,
    scratches_and_mask,
)

Plane = NDArray[np.float32]
Codes = NDArray[np.uint8]
Method = Callable[[Plane], Plane]
SCREENS = tuple(itertools.product((3.0, 4.5, 6.5), (15.0, 45.0)))


def codes(plane: NDArray[np.floating]) -> Codes:
    """A plane in [0, 1] as 8 bits."""
    return np.rint(np.clip(plane, 0, 1) * 255).astype(np.uint8)


def non_local_means(plane: Plane) -> Plane:
    """OpenCV's, as strong as the measured grain."""
    grain = measure_grain(plane)
    sigma = 10.0 if grain is None else 255 * grain.sigma
    return cv2.fastNlMeansDenoising(codes(plane), None, sigma, 5, 15) / np.float32(255)


def total_variation(plane: Plane) -> Plane:
    """scikit-image's, after Chambolle."""
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(plane, weight=0.1).astype(np.float32)


def richardson_lucy(plane: Plane) -> Plane:
    """scikit-image's, by a Gaussian of the measured σ."""
    from skimage.restoration import richardson_lucy as iterate

    sigma = max(0.5, measure_blur(plane))
    line = np.exp(-(np.arange(-8, 9) ** 2) / (2 * sigma**2))
    kernel = np.outer(line, line) / line.sum() ** 2
    wide = np.pad(plane, 8, mode="reflect")
    return iterate(wide, kernel, num_iter=8)[8:-8, 8:-8].astype(np.float32)


def unsharp(plane: Plane) -> Plane:
    """What sharpening does in most programs."""
    return np.clip(2.0 * plane - cv2.GaussianBlur(plane, (0, 0), 1.5), 0, 1)


def local_equalization(plane: Plane) -> Plane:
    """OpenCV's CLAHE."""
    return cv2.createCLAHE(2.0, (4, 4)).apply(codes(plane)) / np.float32(255)


def screen_blur(plane: Plane) -> Plane:
    """A Gaussian of half the screen's period, of encoded values."""
    screen = find_screen(plane)
    period = 5.0 if screen is None else screen.period_px
    return cv2.GaussianBlur(plane, (0, 0), 0.5 * period)


def median(plane: Plane) -> Plane:
    """OpenCV's, of 5 px."""
    return cv2.medianBlur(codes(plane), 5) / np.float32(255)


def bilateral(plane: Plane) -> Plane:
    """OpenCV's."""
    return cv2.bilateralFilter(plane, 5, 0.08, 2.0)


OTHERS: Mapping[Kind, Mapping[str, Method]] = {
    "blocks": {"non-local means": non_local_means, "bilateral": bilateral, "TV": total_variation},
    "halftone": {"Gaussian": screen_blur, "median": median, "TV": total_variation},
    "scratches": {"median": median},
    "dust": {"median": median},
    "grain": {"non-local means": non_local_means, "TV": total_variation},
    "blur": {"Richardson-Lucy": richardson_lucy, "unsharp mask": unsharp},
    "fading": {"CLAHE": local_equalization},
}
MASKED = {"scratches": scratches_and_mask, "dust": dust_and_mask}


def damaged_and_mended(
    kind: Kind, truth: Plane, number: int, network: RestorationNetwork | None
) -> Iterator[tuple[str, Plane]]:
    """The damaged picture, and what each method makes of it."""
    seed = (KINDS.index(kind), number)
    damaged = add_damage(truth, kind, np.random.default_rng(seed))
    yield "damaged", damaged
    yield "measured", restore_pixels(damaged).pixels
    yield "named", restore_pixels(damaged, [kind]).pixels
    if kind in MASKED:
        _, cover = MASKED[kind](truth, np.random.default_rng(seed))
        mask = cv2.dilate((cover > 0.1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        yield "true mask", fill(damaged, mask)
        if network is not None:
            yield "network", restore_pixels(damaged, [kind], network).pixels
    for name, method in OTHERS[kind].items():
        yield name, method(damaged)


def score(truth: Plane, candidate: Plane, lpips: Lpips | None) -> tuple[float, float]:
    """PSNR and LPIPS."""
    error = float(np.mean(np.square(candidate.astype(np.float64) - truth)))
    pair = [grey_to_rgb(codes(plane)) for plane in (truth, candidate)]
    distance = float("nan") if lpips is None else lpips.distances(pair[0], pair[1][None])[0]
    return -10 * np.log10(max(error, 1e-10)), float(distance)


def table(
    data: Path,
    pictures: int,
    kinds: tuple[Kind, ...],
    lpips: Lpips | None,
    network: RestorationNetwork | None,
) -> None:
    """Print PSNR and LPIPS of every method, by kind."""
    planes = [to_grey(rgb) / np.float32(255) for rgb in read(data, pictures)]
    print("| kind | means | PSNR, dB | LPIPS |\n|---|---|---|---|")
    for kind in kinds:
        scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for number, truth in enumerate(planes):
            for name, plane in damaged_and_mended(kind, truth, number, network):
                scores[name].append(score(truth, plane, lpips))
        for name, values in scores.items():
            decibels, distance = np.mean(values, axis=0)
            print(f"| {kind} | {name} | {decibels:.2f} | {distance:.3f} |", flush=True)
        losses = [
            f"{before:.2f} to {after:.2f}"
            for (before, _), (after, _) in zip(scores["damaged"], scores["measured"], strict=True)
            if after < before
        ]
        print(f"\n{kind}: {len(losses)} of {len(planes)} lose: {'; '.join(losses)} dB\n")


def count_touched(data: Path, pictures: int, network: RestorationNetwork | None) -> None:
    """Print in how many clean photographs something is found, and what."""
    found: Counter[str] = Counter()
    total = touched = 0
    for rgb in read(data, pictures):
        done = restore_pixels(to_grey(rgb), network=network)
        found.update(finding.kind for finding in done.findings)
        total += 1
        touched += bool(done.findings)
    kinds = ", ".join(f"{kind} in {count}" for kind, count in found.most_common())
    print(f"{touched} of {total} clean photographs are changed: {kinds or 'none'}")


def color_prints(data: Path, pictures: int) -> None:
    """Print how near the colours of prints come, mended and not."""
    network = load(local_model(DEFAULT_MODEL))
    scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, rgb in enumerate(read(data, pictures)):
        grey = to_grey(rgb)
        period, angle = SCREENS[number % len(SCREENS)]
        printed = print_halftone(
            grey / np.float32(255), np.random.default_rng(number), period, angle
        )
        mended = restore_pixels(codes(printed)).pixels
        truth = to_lab(rgb)
        for name, plane in (("clean", grey), ("print", codes(printed)), ("mended", mended)):
            colored = colorize(plane, model=network)
            scores[name].append((ciede2000(to_lab(colored), truth), colorfulness(colored)))
            if name != "clean":
                lab = to_lab(colored)
                lab[..., 0] = truth[..., 0]
                scores[f"{name}, colours alone"].append((ciede2000(lab, truth), np.nan))
        scores["true"].append((0.0, colorfulness(rgb)))
    print("| picture | CIEDE2000 | colourfulness |\n|---|---|---|")
    for name, values in scores.items():
        difference, colorful = np.mean(values, axis=0)
        print(f"| {name} | {difference:.2f} | {colorful:.1f} |")


def print_cost(data: Path) -> None:
    """Print time and memory of 12 megapixels, made of one damaged photograph side by side."""
    truth = to_grey(next(read(data, 1))) / np.float32(255)
    for kind in KINDS:
        tile = codes(add_damage(truth, kind, np.random.default_rng(0)))
        height, width = tile.shape
        plane = np.tile(tile, (-(-3000 // height), -(-4000 // width)))[:3000, :4000]
        start = time.process_time()
        done = restore_pixels(grey_to_rgb(plane))
        found = done.description or "nothing found"
        print(f"{kind}: {time.process_time() - start:.1f} s ({found})", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"at most {peak:.2f} GB")


def read(data: Path, pictures: int) -> Iterator[Codes]:
    """So many pictures of a folder or zip file, drawn at random but always the same, (H, W, 3)."""
    found = open_pictures(data)
    for name in found.sample(pictures, seed=0):
        yield found.read(name)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--lpips-weights", type=Path)
    parser.add_argument("--network", type=Path)
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--color", action="store_true")
    parser.add_argument("--cost", action="store_true")
    arguments = parser.parse_args()
    network = None if arguments.network is None else load_network(arguments.network)
    if arguments.clean:
        count_touched(arguments.data, arguments.pictures, network)
    elif arguments.cost:
        print_cost(arguments.data)
    elif arguments.color:
        color_prints(arguments.data, arguments.pictures)
    else:
        kinds = parse_kinds(arguments.kinds.split(","))
        lpips = load_lpips(arguments.lpips_weights)
        table(arguments.data, arguments.pictures, kinds, lpips, network)


if __name__ == "__main__":
    main()
