"""How much memory does each way of saying colours take, at 12 megapixels?

    python benchmarks/guided_memory.py [--megapixels 12] [--only NAME ...] [--model MODEL]

Draws a photograph and colours it by `photochrom image` (or `style`) in a process of its own for
each option, alone and without any, and prints the peak of that process's memory (RSS, as the
system counts it) and its processor time. Unix only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from photochrom.engine import DEFAULT_MODEL
from photochrom.evaluation.bench import synthetic_picture

LIMIT_MB = 1500


def main() -> None:
    """Print the table, in Markdown; exit with 1 where one is above the limit or fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="photochrom-") as name:
        folder = Path(name)
        options = make_options(folder, arguments.megapixels)
        print(f"{arguments.megapixels:g} megapixels")
        print("\n| option | peak, MB | processor, s |\n|---|--:|--:|")
        for title, command in options.items():
            if arguments.only and title not in arguments.only:
                continue
            model = [] if command[0] == "style" else ["--model", arguments.model]
            code, peak_mb, seconds = measure([*command, *model])
            mark = "" if code == 0 else f", ended with {code}"
            print(f"| {title} | {peak_mb:.0f}{mark} | {seconds:.1f} |", flush=True)
            bad += code != 0 or peak_mb > LIMIT_MB
    sys.exit(1 if bad else 0)


def make_options(folder: Path, megapixels: float) -> dict[str, list[str]]:
    """The commands by the option's name; their files are made in the folder."""
    drawn = synthetic_picture(megapixels)[..., 0]
    hues = [drawn, np.roll(drawn, drawn.shape[1] // 3, axis=1), np.roll(drawn, 64, axis=0)]
    rgb = np.stack(hues, axis=-1)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    photo, reference = folder / "photo.jpg", folder / "reference.jpg"
    cv2.imwrite(str(photo), grey)
    cv2.imwrite(str(reference), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    x, y = width // 2, height // 2
    painted = np.zeros((height, width, 4), np.uint8)
    cv2.line(painted, (x // 2, y // 2), (x, y), (30, 30, 200, 255), width // 40)
    cv2.imwrite(str(folder / "strokes.png"), painted)
    lines = [
        {"color": "crimson", "width": width / 50, "points": [[x // 2, y // 2], [x, y], [x, 10]]},
        {"color": "navy", "width": width / 50, "points": [[10, y], [x // 2, height - 10]]},
    ]
    (folder / "strokes.json").write_text(json.dumps({"strokes": lines}))
    image = ["image", str(photo), "-o", str(folder / "out.jpg"), "--overwrite"]
    several = ["image", str(photo), "-o", str(folder / "out"), "--overwrite"]
    return {
        "none": image,
        "hint": [*image, "--hint", f"{x},{y},crimson,{width // 30}"],
        "strokes, JSON": [*image, "--strokes", str(folder / "strokes.json")],
        "strokes, PNG": [*image, "--strokes", str(folder / "strokes.png")],
        "area": [*image, "--area", f"{x},{y},crimson,40"],
        "spread exact": [*image, "--spread", "exact", "--strokes", str(folder / "strokes.json")],
        "reference": [*image, "--reference", str(reference)],
        "alternatives 5, sheet": [
            *several, "--alternatives", "5", "--sheet", str(folder / "sheet.png"),
        ],
        "confidence": [*several, "--confidence"],
        "tone": [*image, "--temperature", "8", "--neutral", "1"],
        "smooth slic": [*image, "--smooth", "slic"],
        "smooth felzenszwalb": [*image, "--smooth", "felzenszwalb"],
        "smooth tv": [*image, "--smooth", "tv"],
        "smooth crf": [*image, "--smooth", "crf"],
        "restore": [*image, "--restore"],
        "style, 3 steps": [
            "style", str(photo), str(reference), "-o", str(folder / "out.jpg"), "--steps", "3",
            "--overwrite",
        ],
    }  # fmt: skip


def measure(command: list[str]) -> tuple[int, float, float]:
    """Exit code, peak memory in MB, and processor time in seconds of a run of photochrom."""
    with subprocess.Popen(
        [sys.executable, "-m", "photochrom", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return run.returncode, usage.ru_maxrss * unit / 1e6, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
