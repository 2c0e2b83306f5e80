"""What do black bars around a picture do to its colours?

    python benchmarks/black_bars.py [PICTURE...] [--model photochrom-film photochrom-base]
                                    [--door film photo]

Every colour picture is made grey and coloured as it is, and again between black bars of several
kinds: as a photograph, and as a film of one frame. The error is the mean distance of a*b* from the
true ones inside the picture; the table has it without bars, with them, and their ratio. Without
pictures, photographs of scikit-image's wheel.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.space import rgb_to_lab
from photochrom.engine import DEFAULT_MODEL, FILM_MODEL, Network, load, local_model
from photochrom.imageio import eight_bit_rgb, read
from photochrom.pipeline import guess_chroma, predict
from photochrom.video.converter import Converter
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.temporal.smoothing import steady_chroma

PHOTOS = ("astronaut", "cat", "coffee", "rocket")
Bars = tuple[float, float, float, float]
NO_BARS: Bars = (0.0, 0.0, 0.0, 0.0)
KINDS: dict[str, tuple[Bars, int, float]] = {
    "letterbox 12 %": ((0.16, 0.16, 0.0, 0.0), 0, 0.0),
    "pillarbox 12 %": ((0.0, 0.0, 0.17, 0.17), 0, 0.0),
    "window": ((0.12, 0.12, 0.12, 0.12), 0, 0.0),
    "rim of 2 %": ((0.02, 0.02, 0.02, 0.02), 0, 0.0),
    "left and right 1.5 %": ((0.0, 0.0, 0.015, 0.015), 0, 0.0),
    "letterbox, code 8": ((0.16, 0.16, 0.0, 0.0), 8, 0.0),
    "rounded corners": ((0.0, 0.0, 0.0, 0.0), 0, 0.08),
    "rounded window": ((0.03, 0.03, 0.06, 0.06), 0, 0.08),
}
"""Bars above, below, left and right, as shares of the picture, their code, and the radius of the
picture's corners, a share of its short side."""

Colors = Callable[[NDArray[np.uint8], Network], NDArray[np.float32]]


def as_photograph(grey: NDArray[np.uint8], network: Network) -> NDArray[np.float32]:
    """ab of a grey picture, (h', w', 2)."""
    return predict(grey, network).ab


def as_film(grey: NDArray[np.uint8], network: Network) -> NDArray[np.float32]:
    """ab of a film of one frame, (h', w', 2)."""
    height, width = grey.shape
    info = FilmInfo(
        Path("film"),
        height,
        width,
        bits=8,
        full_range=True,
        matrix="bt601",
        time_base=Fraction(1, 25),
        rate=None,
        duration_s=None,
        frames=None,
        interlaced=False,
        rotation=0,
        monochrome=True,
        streams=(),
    )
    frame = Converter(info, network.card, "auto").working_frame(Frame(0, grey, 0))

    def guess(*planes: NDArray[np.float32], **bars: object) -> NDArray[np.float32]:
        return guess_chroma(network, *planes, **bars)  # type: ignore[arg-type]

    (colored,) = steady_chroma([frame], guess, steady=0.0)
    return colored.ab


DOORS: dict[str, Colors] = {"photo": as_photograph, "film": as_film}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--model", nargs="*", default=[FILM_MODEL, DEFAULT_MODEL])
    parser.add_argument("--door", nargs="*", choices=DOORS, default=list(DOORS))
    arguments = parser.parse_args()
    pictures = [eight_bit_rgb(read(path)) for path in arguments.pictures]
    pictures = pictures or [getattr(skimage.data, name)() for name in PHOTOS]
    print(f"{'model':16} {'as':6} {'bars':22} without   with  ratio")
    for model in arguments.model:
        network = load(local_model(model), device="cpu")
        for door in arguments.door:
            colors = DOORS[door]
            for kind, (bars, code, radius) in KINDS.items():
                pairs = [errors(rgb, network, colors, bars, code, radius) for rgb in pictures]
                without, with_bars = np.mean(pairs, axis=0)
                print(
                    f"{model:16} {door:6} {kind:22} {without:7.2f} {with_bars:6.2f}  "
                    f"{with_bars / without:.3f}",
                    flush=True,
                )


def errors(
    rgb: NDArray[np.uint8],
    network: Network,
    colors: Colors,
    bars: Bars,
    code: int,
    radius: float,
) -> tuple[float, float]:
    """Mean distance of a*b* where the picture is seen, without its bars and with them."""
    height, width = rgb.shape[:2]
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    seen = seen_places((height, width), radius)
    return (
        error(grey, seen, rgb, network, colors, NO_BARS, None),
        error(grey, seen, rgb, network, colors, bars, code),
    )


def seen_places(shape: tuple[int, int], radius: float) -> NDArray[np.float32]:
    """1 where the picture is seen, 0 in its rounded corners."""
    height, width = shape
    px = round(radius * min(shape))
    seen = np.zeros(shape, np.uint8)
    seen[px : height - px or None] = seen[:, px : width - px or None] = 1
    for x in (px, width - 1 - px):
        for y in (px, height - 1 - px):
            cv2.circle(seen, (x, y), px, 1, -1)
    return seen.astype(np.float32)


def error(
    grey: NDArray[np.uint8],
    seen: NDArray[np.float32],
    rgb: NDArray[np.uint8],
    network: Network,
    colors: Colors,
    bars: Bars,
    code: int | None,
) -> float:
    """Mean distance of a*b* where the picture is seen; code None: the corners are as they were."""
    height, width = grey.shape
    sides = [round(share * side) for share, side in zip(bars, (height, height, width, width))]
    around = (sides[:2], sides[2:])
    cut = grey if code is None else np.where(seen > 0, grey, code).astype(np.uint8)
    barred = np.pad(cut, around, constant_values=code or 0)
    ab = colors(barred, network)
    truth = rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]
    truth = np.pad(truth, (*around, (0, 0)))
    shape = (ab.shape[0], ab.shape[1])
    whole = shrink(np.pad(seen, around), shape) > 1.0 - 1e-4
    distance = np.linalg.norm(ab - shrink(np.asarray(truth, np.float32), shape), axis=-1)
    return float(distance[whole].mean())


if __name__ == "__main__":
    main()
