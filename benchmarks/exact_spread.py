"""How long does an exact spread take, at the size that `photochrom image --spread exact` works at?

    python benchmarks/exact_spread.py [PICTURE...]          the shipped examples unless given

Processor time in milliseconds of one change (six strokes at random places, the median of five), and
of the next one that begins from its answer.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from photochrom import read
from photochrom.color.fit import shrink_lightness, working_shape
from photochrom.color.optimization import ColorSpreader

SHORT_PX = 256
STROKES = 6
REPEATS = 5


def main(paths: list[str]) -> None:
    """Print a line for each picture."""
    rng = np.random.default_rng(0)
    for path in paths:
        pixels = read(path).pixels
        shape = working_shape(*pixels.shape[:2], SHORT_PX, 1)
        spreader = ColorSpreader(shrink_lightness(pixels, shape))
        first, next_ms = [], []
        for _ in range(REPEATS):
            ab = np.zeros((*shape, 2), np.float32)
            mask = np.zeros(shape, np.float32)
            for _ in range(STROKES):
                y, x = (int(rng.integers(0, side - 20)) for side in shape)
                mask[y : y + 4, x : x + 20] = 1
                ab[y : y + 4, x : x + 20] = rng.normal(0, 40, 2)
            start = time.process_time()
            answer = spreader.spread(ab, mask)
            first.append(1000 * (time.process_time() - start))
            mask[5:9, 5:25] = 1
            start = time.process_time()
            spreader.spread(ab, mask, start=answer)
            next_ms.append(1000 * (time.process_time() - start))
        name = Path(path).name
        print(
            f"{name}: {shape[1]} x {shape[0]} px, {statistics.median(first):.0f} ms, "
            f"the next change {statistics.median(next_ms):.0f} ms"
        )


if __name__ == "__main__":
    examples = Path(__file__).parent.parent / "examples"
    main(sys.argv[1:] or [str(path) for path in sorted(examples.glob("*.jpg"))])
