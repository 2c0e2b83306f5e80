"""Can nearest neighbours tell true colours from generated ones?

    python benchmarks/knn_critic.py MODEL... --data PHOTOS

One of the reports says that its discriminator "is trained using the K-nearest neighbour algorithm".
Here is that critic: square patches of Lab, true ones and those of a model on the same photographs,
are stored; patches of other photographs are put where their k nearest stored ones are. 50 % is a
model that it cannot tell from the truth, 100 % one that it always can. Beside it stand the same
critic with the lightness alone (a check: nothing can be told from it) and with ab alone.

PHOTOS: a folder or archive. MODEL: a shipped name or an .onnx file. Wants the extra classic.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
SIDE_PX = 64
"""Short side of the photographs as the patches are cut."""


def main() -> None:
    """Score each model, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="folder of colour photographs")
    parser.add_argument("--photographs", type=int, default=100)
    parser.add_argument("--patches", type=int, default=200, help="of each photograph")
    parser.add_argument("--patch", type=int, default=9, help="side of a patch, px; odd")
    parser.add_argument("-k", type=int, default=15)
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT / "src")]
    from photochrom import Colorizer
    from photochrom.color.space import rgb_to_lab
    from photochrom.evaluation.dataset import grey_to_rgb, open_pictures, to_grey

    pictures = open_pictures(arguments.data)
    names = pictures.sample(arguments.photographs, seed=0)
    photos = [small(pictures.read(name)) for name in names]
    if len(photos) < 10:
        sys.exit(f"{arguments.data} holds {len(photos)} photographs; 10 are the least")
    print("| model | colours and lightness | colours alone | lightness alone |")
    print("|---|---:|---:|---:|")
    for name in arguments.models:
        color = Colorizer(name)
        true, made = [], []
        for number, rgb in enumerate(photos):
            generated = color(grey_to_rgb(to_grey(rgb)))
            places = np.random.default_rng(number)
            corners = cut_corners(places, rgb.shape, arguments.patch, arguments.patches)
            true.append(cut(rgb_to_lab(rgb / np.float32(255)), corners, arguments.patch))
            made.append(cut(rgb_to_lab(generated / np.float32(255)), corners, arguments.patch))
        parts = (slice(0, 3), slice(1, 3), slice(0, 1))
        cells = [f"{accuracy(true, made, part, arguments.k):.1%}" for part in parts]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) with a short side of SIDE_PX."""
    scale = SIDE_PX / min(rgb.shape[:2])
    size = (max(SIDE_PX, round(rgb.shape[1] * scale)), max(SIDE_PX, round(rgb.shape[0] * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def cut_corners(
    random: np.random.Generator, shape: tuple[int, ...], side: int, count: int
) -> NDArray[np.int64]:
    """Upper left corners of patches, (count, 2)."""
    return random.integers(0, (shape[0] - side + 1, shape[1] - side + 1), (count, 2))


def cut(lab: NDArray[np.float32], corners: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    """(count, side, side, 3) of a picture in Lab."""
    return np.stack([lab[y : y + side, x : x + side] for y, x in corners])


def accuracy(
    true: list[NDArray[np.float32]], made: list[NDArray[np.float32]], part: slice, k: int
) -> float:
    """Share of the patches of every second photograph that are put on the right side."""
    from sklearn.neighbors import KNeighborsClassifier

    def table(rows: slice) -> tuple[NDArray[Any], NDArray[Any]]:
        both = [np.concatenate(kind[rows])[..., part] for kind in (true, made)]
        patches = np.concatenate([kind.reshape(len(kind), -1) for kind in both])
        return patches, np.repeat([1, 0], [len(both[0]), len(both[1])])

    critic = KNeighborsClassifier(k).fit(*table(slice(0, None, 2)))
    return float(critic.score(*table(slice(1, None, 2))))


if __name__ == "__main__":
    main()
