"""How long does a change of a photograph's colours take in the studio?

    python benchmarks/studio_change.py [--picture FILE] [--rounds 5]

Colours a photograph at the size of the studio's preview as the studio does, after one change of
what a person says of it: a further point, a further area (the first, the tenth), the strength, the
temperature. Prints the processor time of each, the least of some rounds, which are paired: each
round is begun by the state before the change, as a person begins it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from photochrom.engine import load_with_features, local_model
from photochrom.evaluation.bench import synthetic_picture
from photochrom.guided.areas import Area
from photochrom.hints import Hint
from photochrom.imageio import eight_bit_rgb, read
from photochrom.pipeline import WhiteBalance
from photochrom.web.pictures.edit_colorizer import EditColorizer
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.live_preview import PREVIEW_PIXELS
from photochrom.web.pictures.thumbnails import encode_jpeg

LIMIT_MS = 150


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--picture", type=Path, help="a photograph; drawn unless given")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    grey = _preview(arguments.picture)
    height, width = grey.shape
    rng = np.random.default_rng(0)
    colors = ("crimson", "navy", "olive", "teal", "gold", "sienna", "orchid", "khaki", "plum")
    areas = tuple(
        Area(*rng.uniform((0, 0), (width - 1, height - 1)), color, 30.0)
        for color in (*colors, "salmon")
    )
    point = Hint(width / 2, height / 2, "crimson")
    none, nine = Edit(), Edit(hints=areas[:9])
    changes = {
        "a point": (none, replace(none, hints=(point,))),
        "the first area": (none, replace(none, hints=areas[:1])),
        "the tenth area": (nine, replace(nine, hints=areas)),
        "another colour of the tenth area": (
            Edit(hints=areas),
            Edit(hints=(*areas[:9], replace(areas[9], color="tan"))),
        ),
        "the strength": (nine, replace(nine, vividness=1.3)),
        "the temperature": (nine, replace(nine, white_balance=WhiteBalance(temperature=8.0))),
    }
    network = load_with_features(local_model("photochrom-base"))
    print(f"{width} x {height} px\n\n| change | processor, ms |\n|---|--:|")
    for title, (before, after) in changes.items():
        times = []
        for _ in range(arguments.rounds):
            colorizer = EditColorizer(network)
            colorizer.colorize(grey, before, None)
            start_s = time.process_time()
            encode_jpeg(colorizer.colorize(grey, after, None)[0])
            times.append(1e3 * (time.process_time() - start_s))
        print(f"| {title} | {min(times):.0f} |", flush=True)


def _preview(path: Path | None) -> np.ndarray:
    """A photograph in grey, at the size of a preview."""
    rgb = synthetic_picture(PREVIEW_PIXELS / 1e6) if path is None else eight_bit_rgb(read(path))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    scale = (PREVIEW_PIXELS / grey.size) ** 0.5
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
