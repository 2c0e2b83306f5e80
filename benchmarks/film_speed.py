"""How long a film takes: decoded and encoded again, in colour, and asked for every frame.

    python benchmarks/film_speed.py [FILM...] [--frames 250] [--sizes 1920x1080 640x360]
                                    [--rounds 3] [--hardware NAME] [--json FILE]

Makes one black-and-white film of each size, of equal parts of the FILMs with cuts between them,
with grain; without a FILM, of drawn scenes that a camera moves over. Each is decoded and encoded,
coloured, and coloured with ``--every-frame``, in fresh processes, in turn, so that whatever else
the machine does slows all three alike; every figure is the median over the rounds and has
start-up in it. Load is that of the machine in the minute before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from photochrom.evaluation.bench import ProcessCost, measure_process, synthetic_picture

RATE = 24
SHOTS = 3
GRAIN = 4
PLAIN = (
    "import sys; from photochrom.evaluation.bench_film import transcode_and_count as run; "
    "run(*sys.argv[1:])"
)


def main() -> None:
    """Make the films, measure them, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--sizes", nargs="+", default=["1920x1080", "640x360"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hardware", help="as of `photochrom film`, for both coloured films")
    parser.add_argument("--json", type=Path, help="write all runs to this file, too")
    args = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {args.frames} frames\n")
    print(
        "| film | what | seconds | times plain | frames a second | processor, s | MB | file, MB |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    runs: dict[str, dict[str, list[ProcessCost]]] = {}
    with tempfile.TemporaryDirectory(prefix="photochrom-speed-") as folder:
        for size in args.sizes:
            film = Path(folder) / f"{size}.mkv"
            width, height = map(int, size.split("x"))
            make_film(film, args.films, args.frames, width, height)
            runs[size] = measure(film, args.rounds, args.hardware, size, args.frames)
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1))


def make_film(path: Path, films: list[Path], frames: int, width: int, height: int) -> None:
    """Equal parts of the films, or drawn shots, in grey and with grain."""
    rng = np.random.default_rng(0)
    shots = [_read(film, width, height) for film in films]
    shots = shots or [_draw(number, width, height) for number in range(SHOTS)]
    each = -(-frames // len(shots))
    views = itertools.islice(
        itertools.chain.from_iterable(itertools.islice(shot, each) for shot in shots), frames
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        count = 0
        for view in views:
            noisy = view + rng.integers(-GRAIN, GRAIN + 1, view.shape, dtype=np.int16)
            grey = av.VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), "gray")
            container.mux(stream.encode(grey.reformat(format="yuv420p")))
            count += 1
        container.mux(stream.encode(None))
    if count < frames:
        sys.exit(f"the films have {count} frames of the {frames} that are asked for; name more")


def _read(film: Path, width: int, height: int) -> Iterator[np.ndarray]:
    with av.open(str(film)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(width=width, height=height, format="gray").to_ndarray()


def _draw(number: int, width: int, height: int) -> Iterator[np.ndarray]:
    wide = np.rot90(synthetic_picture(2.0 * width * height / 1e6)[..., 0], 2 * (number % 2))
    scene = cv2.resize(255 - wide if number % 3 else wide, (2 * width, 2 * height))
    for frame in itertools.count():
        x, y = (round(share * frame / 100) % side for share, side in ((width, width), (40, height)))
        yield scene[y : y + height, x : x + width]


def measure(
    film: Path, rounds: int, hardware: str | None, size: str, frames: int
) -> dict[str, list[ProcessCost]]:
    """All runs of one film, and its rows."""
    out = film.with_name("out.mkv")
    color = [sys.executable, "-m", "photochrom", "film", str(film), "-o", str(out), "--overwrite"]
    color += ["--hardware", hardware] if hardware else []
    plain = [sys.executable, "-c", PLAIN, str(film), str(out), str(film.with_name("count.txt"))]
    commands = {"plain": plain, "colour": color, "every frame": [*color, "--every-frame"]}
    runs: dict[str, list[ProcessCost]] = {what: [] for what in commands}
    file_mb = {}
    for _ in range(rounds):
        for what, command in commands.items():
            runs[what].append(measure_process(command))
            file_mb[what] = out.stat().st_size / 1e6
    for what, costs in runs.items():
        seconds, plain_s = (statistics.median(c.seconds for c in runs[w]) for w in (what, "plain"))
        cpu_s, peak_mb = (
            statistics.median(getattr(c, name) or 0.0 for c in costs)
            for name in ("cpu_s", "peak_mb")
        )
        print(
            f"| {size} | {what} | {seconds:.1f} | {seconds / plain_s:.2f} | {frames / seconds:.1f} "
            f"| {cpu_s:.1f} | {peak_mb:.0f} | {file_mb[what]:.1f} |",
            flush=True,
        )
    return runs


if __name__ == "__main__":
    main()
