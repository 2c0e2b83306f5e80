"""Mutated picture files of every format: each is a picture or an error that says why, soon.

    python benchmarks/mutated_files.py                 500 of each format
    python benchmarks/mutated_files.py --minutes 60    as many as an hour has room for

Prints a table and exits with 1 if a file raised anything but an error of ours, took longer than
10 s, or if this process came to need more than 1.5 GB. The short form of it, whose files and
mutations these are, is tests/imageio/test_fuzz.py.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import skimage.data

ROOT = Path(__file__).parents[1]
MAX_SECONDS, MAX_MB = 10.0, 1500.0


def main() -> int:
    """Mutate, read and write; report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500, help="files of each format")
    parser.add_argument("--minutes", type=float, help="of all, instead of a count")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]
    sys.path.insert(0, str(ROOT / "tests" / "imageio"))
    from test_fuzz import FORMATS, mutated, sound_file

    from photochrom.errors import InputError
    from photochrom.imageio import read, write

    rng = np.random.default_rng(arguments.seed)
    stop = None if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    rgb = np.ascontiguousarray(skimage.data.astronaut()[:64, 100:188])
    table: dict[str, Counter[str]] = {name: Counter() for name in FORMATS}
    slowest = dict.fromkeys(FORMATS, 0.0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sound = {name: sound_file(folder, name, rgb) for name in FORMATS}
        for number in itertools.count():
            if (number >= arguments.count) if stop is None else (time.monotonic() > stop):
                break
            for name in FORMATS:
                data = mutated(sound[name], rng)
                damage = ("mend", "salvage", "refuse")[number % 3]
                start = time.perf_counter()
                try:
                    picture = read(data, name=name, max_pixels=1_000_000, damage=damage)
                    write(folder / "out.png", picture, overwrite=True, generator="mutation 1")
                    table[name]["picture"] += 1
                except InputError:
                    table[name]["error"] += 1
                except Exception as error:  # noqa: BLE001  # what this program is to find
                    table[name]["other"] += 1
                    print(f"{name}, file {number}: {type(error).__name__}: {error}")
                slowest[name] = max(slowest[name], time.perf_counter() - start)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    for name, counts in table.items():
        print(
            f"{name:12s} {counts['picture']:6d} pictures {counts['error']:6d} errors "
            f"{counts['other']:3d} others, slowest {slowest[name]:.2f} s"
        )
    print(f"{sum(sum(c.values()) for c in table.values())} files, {peak_mb:.0f} MB at most")
    others = sum(counts["other"] for counts in table.values())
    return int(bool(others) or max(slowest.values()) > MAX_SECONDS or peak_mb > MAX_MB)


if __name__ == "__main__":
    sys.exit(main())
