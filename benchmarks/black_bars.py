"""What do black bars around a picture do to its colours?

    python benchmarks/black_bars.py [PICTURE...] [--model photochrom-film photochrom-base]

Every colour picture is made grey and coloured as it is, and again between black bars of several
kinds. The error is the mean distance of a*b* from the true ones inside the picture; the table has
it without bars, with them, and their ratio. Without pictures, photographs of scikit-image's wheel.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.space import rgb_to_lab
from photochrom.engine import DEFAULT_MODEL, FILM_MODEL, Network, load, local_model
from photochrom.imageio import eight_bit_rgb, read
from photochrom.pipeline import predict

PHOTOS = ("astronaut", "cat", "coffee", "rocket")
Bars = tuple[float, float, float, float]
KINDS: dict[str, tuple[Bars, int]] = {
    "letterbox 12 %": ((0.16, 0.16, 0.0, 0.0), 0),
    "pillarbox 12 %": ((0.0, 0.0, 0.17, 0.17), 0),
    "window": ((0.12, 0.12, 0.12, 0.12), 0),
    "rim of 2 %": ((0.02, 0.02, 0.02, 0.02), 0),
    "left and right 1.5 %": ((0.0, 0.0, 0.015, 0.015), 0),
    "letterbox, code 8": ((0.16, 0.16, 0.0, 0.0), 8),
}
"""Bars above, below, left and right, as shares of the picture, and their code."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--model", nargs="*", default=[FILM_MODEL, DEFAULT_MODEL])
    arguments = parser.parse_args()
    pictures = [eight_bit_rgb(read(path)) for path in arguments.pictures]
    pictures = pictures or [getattr(skimage.data, name)() for name in PHOTOS]
    print(f"{'model':18} {'bars':22} without   with  ratio")
    for model in arguments.model:
        network = load(local_model(model), device="cpu")
        plain = [error(rgb, network, (0.0, 0.0, 0.0, 0.0), 0) for rgb in pictures]
        for kind, (bars, code) in KINDS.items():
            barred = [error(rgb, network, bars, code) for rgb in pictures]
            without, with_bars = float(np.mean(plain)), float(np.mean(barred))
            print(
                f"{model:18} {kind:22} {without:7.2f} {with_bars:6.2f}  {with_bars / without:.3f}"
            )


def error(rgb: NDArray[np.uint8], network: Network, bars: Bars, code: int) -> float:
    """Mean distance of a*b* inside the picture."""
    height, width = rgb.shape[:2]
    sides = [round(share * side) for share, side in zip(bars, (height, height, width, width))]
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    barred = np.pad(grey, (sides[:2], sides[2:]), constant_values=code)
    ab = predict(barred, network).ab
    truth = np.pad(
        rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:],
        (sides[:2], sides[2:], (0, 0)),
    )
    inside = np.pad(np.ones((height, width), np.float32), (sides[:2], sides[2:]))
    shape = (ab.shape[0], ab.shape[1])
    whole = shrink(inside, shape) > 1.0 - 1e-4
    distance = np.linalg.norm(ab - shrink(np.asarray(truth, np.float32), shape), axis=-1)
    return float(distance[whole].mean())


if __name__ == "__main__":
    main()
