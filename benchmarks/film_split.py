"""How near are the frames that a training on films holds out to those that it learns from?

    python benchmarks/film_split.py FILM|FOLDER ... [--validation 8] [--frames-per-s 10]

Frames are drawn as `photochrom train` draws them, and divided once as it does, by shots and ends of
films, and once by single frames, as it did before. Told are: how many are learned from and held
out; the share of held-out frames of whose shot others are learned; the time to the nearest of
those; and what somebody would have who answered each held-out frame by the chroma of the learned
frame that is most like it, at 64 px: PSNR in dB over RGB, median and best. Wants
photochrom[train,video].
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.training.data.photo_cache import PhotoSet, load_photos, split
from photochrom.training.recipe.recipe import DataRecipe

_SIDE = 64
Small = NDArray[np.float32]


def small_pictures(photos: PhotoSet) -> Small:
    """(N, 64, 64, 3) RGB in [0, 255]."""
    size = (_SIDE, _SIDE)
    pictures = [cv2.resize(photo, size, interpolation=cv2.INTER_AREA) for photo in photos]
    return np.stack(pictures).astype(np.float32)


def copied_psnr(held_out: Small, learned: Small) -> NDArray[np.float64]:
    """(N,) dB: each frame with the a and b of the learned frame that is most like it in lightness
    and colours, beside itself.
    """
    lab = [
        np.stack([cv2.cvtColor(p / 255, cv2.COLOR_RGB2LAB) for p in pictures])
        for pictures in (held_out, learned)
    ]
    found = []
    for true, own in zip(held_out, lab[0], strict=True):
        nearest = int(np.square(lab[1] - own).mean(axis=(1, 2, 3)).argmin())
        copied = np.dstack([own[..., :1], lab[1][nearest][..., 1:]])
        rgb = np.clip(255 * cv2.cvtColor(copied, cv2.COLOR_LAB2RGB), 0, 255)
        found.append(10 * np.log10(255**2 / max(np.square(rgb - true).mean(), 1e-6)))
    return np.array(found)


def frame_distance(name: str, others: dict[str, list[int]], group: str) -> int | None:
    """Frames to the nearest learned one of the shot; None where none of it is learned."""
    numbers = others.get(group)
    return None if numbers is None else min(abs(int(name[-6:]) - other) for other in numbers)


def describe(title: str, learned: PhotoSet, held_out: PhotoSet, groups: dict[str, str]) -> None:
    """Print a line of the table."""
    by_shot: dict[str, list[int]] = {}
    for name in learned.names:
        by_shot.setdefault(groups[name], []).append(int(name[-6:]))
    distances = [frame_distance(name, by_shot, groups[name]) for name in held_out.names]
    known = [distance for distance in distances if distance is not None]
    psnr = copied_psnr(small_pictures(held_out), small_pictures(learned))
    nearest = f"{np.median(known):.0f} frames" if known else "-"
    print(
        f"{title:14} {len(learned):5} learned {len(held_out):4} held out; of a learned shot "
        f"{len(known) / len(distances):4.0%}, nearest {nearest}; copied: median "
        f"{np.median(psnr):.1f} dB, best {psnr.max():.1f} dB"
    )


def main() -> None:
    """Divide the frames both ways, by three seeds, and print what came out."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--validation", type=int, default=8)
    parser.add_argument("--frames-per-s", type=float, default=10.0)
    arguments = parser.parse_args()
    recipe = DataRecipe(
        sources=tuple(arguments.sources), validation=arguments.validation,
        frames_per_s=arguments.frames_per_s, short_side=128,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        photos = load_photos(recipe, Path(folder), print)
        groups = dict(zip(photos.names, photos.groups, strict=True))
        print(f"{len(set(photos.groups))} shots")
        for seed in range(3):
            now = replace(recipe, split_seed=seed)
            describe(f"frames, seed {seed}", *split(replace(photos, groups=()), now), groups)
            describe(f"shots, seed {seed}", *split(photos, now), groups)


if __name__ == "__main__":
    main()
