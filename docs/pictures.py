"""Make the README's pictures with the shipped model: ``make pictures``.

Left half as it is, right half coloured; and one picture without and with a person's hints.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.hints import Hint
from photochrom.imageio import Picture, read, write
from photochrom.pipeline import colorize

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
HEIGHT = 360


HINTED = "coffee.jpg"
HINTS = (Hint(120, 200, (200, 30, 30), 8), Hint(300, 330, (200, 30, 30), 8))


def main() -> None:
    """Write a before/after picture for each example photograph, with hints for one."""
    PICTURES.mkdir(exist_ok=True)
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        if path.name == HINTED:
            continue
        grey = read(path).pixels
        before = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
        write_pair(path.name, before, colorize(grey))
    grey = read(ROOT / "examples" / HINTED).pixels
    write_pair(f"hint-{HINTED}", colorize(grey), colorize(grey, hints=HINTS))


def write_pair(name: str, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> None:
    """Write two pictures side by side. left, right: (H, W, 3) uint8 of one size."""
    pair = np.concatenate([left, right], axis=1)
    width = round(pair.shape[1] * HEIGHT / pair.shape[0])
    small = cv2.resize(pair, (width, HEIGHT), interpolation=cv2.INTER_AREA)
    picture = Picture(np.asarray(small, dtype=np.uint8), format="JPEG")
    write(PICTURES / name, picture, overwrite=True, quality=88)


if __name__ == "__main__":
    main()
