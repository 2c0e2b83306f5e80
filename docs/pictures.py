"""Make the README's before/after pictures with the shipped model: ``make pictures``.

Left half as it is, right half coloured; the same picture, the same pixels.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from photochrom.colorize import colorize
from photochrom.imageio import Picture, read, write

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
HEIGHT = 360


def main() -> None:
    """Write one before/after picture for each example photograph."""
    PICTURES.mkdir(exist_ok=True)
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        grey = read(path).pixels
        before = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
        pair = np.concatenate([before, colorize(grey)], axis=1)
        width = round(pair.shape[1] * HEIGHT / pair.shape[0])
        small = np.asarray(
            cv2.resize(pair, (width, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
        write(PICTURES / path.name, Picture(small, format="JPEG"), overwrite=True, quality=88)


if __name__ == "__main__":
    main()
