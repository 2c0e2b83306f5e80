"""Do colours jump in a long film with cuts, where the network is asked and where segments meet?

    python benchmarks/film_long.py FILM... [--minutes 10] [--size 640x360] [--folder DIR]
                                   [--every N] [--sheets DIR]

Makes a film of shots of the FILMs, which are in colours: parts of random length, mirrored or not,
cropped by up to 40 %, backwards or not, no two of one clip side by side. ``photochrom film``
colours it in a fresh process, whose memory is watched and whose log tells for which frames the
network was asked. Then both films are compared, frame by frame, at 120 px: how far colours
change along the motion from one frame to the next (the mean distance of a*b*, over what both show),
and how far they change all together (the distance of the means). A jump is a change that is
more than twice, and 1.5 units above, the median of those beside it in its shot (three on each
side). PSNR is of RGB.
--folder keeps the films, and takes those that are there. --sheets writes the frames around the
largest jumps and around cuts as pictures. Linux only, since memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np
from film_memory import memory_mb
from numpy.typing import NDArray

from photochrom.evaluation.flicker import ColorConsistency, Correspondence
from photochrom.evaluation.metrics import psnr
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.pictures import rgb_frames
from photochrom.video.io.probe import probe

Rgb = NDArray[np.uint8]
RATE = 24
LEAST_FRAMES = 24
SMALLEST_CROP = 0.6
BESIDE = 3
JUMP_TIMES, JUMP_AB = 2.0, 1.5
SHEET_ROWS = 12
MEMORY_EVERY_S = 0.5
WATCHED_PX = 120
SHEET_PX = 160


@dataclass
class Step:
    """From a frame to the next. moved: mean distance of a*b* along the motion; shift: of the means;
    both of the coloured film, and of the true one.
    """

    number: int
    moved: float
    shift: float
    true_moved: float
    true_shift: float


@dataclass
class Watched:
    """What was seen of a coloured film."""

    steps: dict[int, Step] = field(default_factory=dict)
    """By the number of the later frame; none at cuts."""
    psnr: dict[int, float] = field(default_factory=dict)
    consistency: ColorConsistency = field(default_factory=ColorConsistency)
    true_consistency: ColorConsistency = field(default_factory=ColorConsistency)


def main() -> None:
    """Make the film, colour it, watch it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("films", nargs="+", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--folder", type=Path, help="where the films are kept")
    parser.add_argument("--every", type=int, default=1, help="watch one of so many shots")
    parser.add_argument("--sheets", type=Path, help="a folder for pictures of what jumps most")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="photochrom-long-") as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        film, colored, log = (folder / name for name in ("long.mkv", "colored.mkv", "log.txt"))
        if not film.is_file():
            cuts = make_film(film, args.films, round(args.minutes * 60 * RATE), width, height)
            film.with_suffix(".cuts").write_text(" ".join(map(str, cuts)), encoding="ascii")
        cuts = [int(n) for n in film.with_suffix(".cuts").read_text(encoding="ascii").split()]
        if not colored.is_file():
            color(film, colored, log)
        info = probe(film)
        times = _times(film)
        asked, found, seams = read_log(log.read_text(encoding="utf-8"), info, times)
        watched = watch(
            zip(rgb_frames(info, WATCHED_PX), rgb_frames(probe(colored), WATCHED_PX), strict=True),
            cuts,
            args.every,
        )
        print_cuts(cuts, found, len(times), watched)
        print_steps(watched, asked, seams)
        if args.sheets:
            write_sheets(args.sheets, colored, watched, cuts, seams)


def make_film(path: Path, films: Sequence[Path], frames: int, width: int, height: int) -> list[int]:
    """A film of parts of others; the numbers of the frames with which its shots begin."""
    rng = np.random.default_rng(21)
    cuts: list[int] = []
    count, clip = 0, -1
    with av.open(str(path), "w") as container:
        options = {"crf": "18", "preset": "superfast"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        while count < frames:
            clip = int(rng.choice([n for n in range(len(films)) if n != clip or len(films) == 1]))
            cuts.append(count)
            for view in _shot(films[clip], rng, width, height):
                frame = av.VideoFrame.from_ndarray(view, "rgb24")
                container.mux(stream.encode(frame.reformat(format="yuv420p")))
                count += 1
                if count == frames:
                    break
        container.mux(stream.encode(None))
    return cuts


def _shot(film: Path, rng: np.random.Generator, width: int, height: int) -> Iterator[Rgb]:
    """Some of the frames of a film, as a shot of another."""
    with av.open(str(film)) as container:
        views = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    length = int(rng.integers(min(LEAST_FRAMES, len(views)), len(views) + 1))
    start = int(rng.integers(0, len(views) - length + 1))
    tall, wide = views[0].shape[:2]
    share = min(wide / width, tall / height) * rng.uniform(SMALLEST_CROP, 1.0)
    rows, columns = round(share * height), round(share * width)
    top, left = int(rng.integers(0, tall - rows + 1)), int(rng.integers(0, wide - columns + 1))
    mirrored, backwards = rng.random(2) < (0.5, 0.25)
    chosen = views[start : start + length]
    for view in reversed(chosen) if backwards else chosen:
        part = view[top : top + rows, left : left + columns]
        part = cv2.resize(part[:, ::-1] if mirrored else part, (width, height), None, 0, 0, 3)
        yield np.ascontiguousarray(part)


def color(film: Path, out: Path, log: Path) -> None:
    """Colour the film in a process of its own, and print what memory it takes and how long."""
    command = [sys.executable, "-m", "photochrom", "film", str(film), "-o", str(out), "-vv"]
    began, memory, peak = time.monotonic(), [], 0.0
    with log.open("wb") as lines, subprocess.Popen(command, stderr=lines) as run:
        while run.poll() is None:
            now_mb, most_mb = memory_mb(run.pid)
            memory.append(now_mb)
            peak = max(peak, most_mb)
            time.sleep(MEMORY_EVERY_S)
    if run.returncode:
        sys.exit(log.read_text(encoding="utf-8"))
    usage = os.times()
    print(
        f"coloured in {time.monotonic() - began:.0f} s, {usage[2] + usage[3]:.0f} s of processor "
        f"time, load {os.getloadavg()[1]:.1f}; peak {peak:.0f} MB"
    )
    tenths = np.array_split(np.array(memory), 10)
    print("MB in each tenth of the time:", *(f"{np.median(tenth):.0f}" for tenth in tenths), "\n")


def _times(film: Path) -> list[int]:
    with av.open(str(film)) as container:
        return [frame.pts for frame in container.decode(video=0)]


def read_log(text: str, info: FilmInfo, times: list[int]) -> tuple[set[int], set[int], list[int]]:
    """Numbers of the frames for which the network was asked, of those with which shots begin as
    they were found, and of those with which segments begin.
    """
    found = {
        _number(float(seconds), info, times)
        for seconds in re.findall(r"a shot begins at (\S+) s", text)
    }
    ends = [
        _number(float(seconds), info, times) + 1
        for seconds in re.findall(r"segment \d+: \d+ frames, to (\S+) s", text)
    ]
    runs: list[list[int]] = [[]]  # a segment's begin again before it, to warm up
    for pts in map(int, re.findall(r"the network is asked for the frame at (\d+)", text)):
        number = bisect_left(times, pts)
        if runs[-1] and number <= runs[-1][-1]:
            runs.append([])
        runs[-1].append(number)
    asked: set[int] = set()
    for run, first, end in zip(runs, [0, *ends], ends, strict=False):
        asked |= {number for number in run if first <= number < end}
        if run[0] < first:
            found.discard(run[0])  # no shot begins there, but the warming up
    return asked, found, ends[:-1]


def _number(seconds: float, info: FilmInfo, times: list[int]) -> int:
    return int(np.argmin([abs(info.seconds(pts) - seconds) for pts in times]))


def watch(pairs: Iterable[tuple[Rgb, Rgb]], cuts: list[int], every: int = 1) -> Watched:
    """Go through both films side by side. pairs: of a frame of the true film and the coloured one,
    small. cuts: numbers of the frames with which shots begin. every: one of so many is watched.
    """
    watched = Watched()
    before: tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]] | None = None
    for number, (true, ours) in enumerate(pairs):
        if (bisect_right(cuts, number) - 1) % every:
            continue
        watched.psnr[number] = psnr(ours, true)
        if number in cuts:
            before = None
            watched.consistency.interrupt()
            watched.true_consistency.interrupt()
        watched.true_consistency.add(true)
        watched.consistency.add(ours)
        grey = cv2.cvtColor(true, cv2.COLOR_RGB2GRAY)
        true_ab, ab = _ab(true), _ab(ours)
        if before is not None:
            motion = Correspondence(before[0], grey)
            if motion.visible.any():
                figures = []
                for earlier, later in ((before[2], ab), (before[1], true_ab)):
                    apart = motion.changes(earlier, later)
                    figures.append(np.linalg.norm(apart, axis=-1).mean())
                    figures.append(np.linalg.norm(apart.mean(axis=0)))
                watched.steps[number] = Step(number, *map(float, figures))
        before = (grey, true_ab, ab)
    return watched


def _ab(rgb: Rgb) -> NDArray[np.float32]:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[..., 1:]


def print_cuts(cuts: list[int], found: set[int], frames: int, watched: Watched) -> None:
    """How many cuts were found, and how steady and near the truth the whole is."""
    hits = len(found & set(cuts))
    print(f"{frames} frames in {len(cuts)} shots: {hits} found, {len(found) - hits} more")
    first = np.mean([watched.psnr[number] for number in cuts if number in watched.psnr])
    mean = np.mean(list(watched.psnr.values()))
    print(
        f"PSNR {mean:.2f} dB, of the first frames of shots {first:.2f}; CDC in thousandths "
        f"{1e3 * watched.consistency.value:.2f}, of the true film "
        f"{1e3 * watched.true_consistency.value:.2f}\n"
    )


def print_steps(watched: Watched, asked: set[int], seams: list[int]) -> None:
    """Changes where the network is asked, where segments meet, and elsewhere."""
    kinds: dict[str, list[Step]] = defaultdict(list)
    for number, step in watched.steps.items():
        if number in seams:
            kinds["segments meet"].append(step)
        kinds["asked" if number in asked else "not asked"].append(step)
    print(
        "| frames | number | change, mean | 99th percentile | change of the means | jumps "
        "| true film: change | of the means | jumps |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in ("asked", "not asked", "segments meet"):
        steps = kinds[kind]
        if not steps:
            continue
        moved, shift, true_moved, true_shift = np.array(
            [(s.moved, s.shift, s.true_moved, s.true_shift) for s in steps]
        ).T
        jumps = sum(excess(watched.steps, s.number, "moved") > 0 for s in steps)
        true_jumps = sum(excess(watched.steps, s.number, "true_moved") > 0 for s in steps)
        print(
            f"| {kind} | {len(steps)} | {moved.mean():.2f} | {np.percentile(moved, 99):.2f} "
            f"| {shift.mean():.2f} | {jumps} | {true_moved.mean():.2f} | {true_shift.mean():.2f} "
            f"| {true_jumps} |"
        )


def excess(steps: dict[int, Step], number: int, what: str) -> float:
    """By how many units a change is more than a jump has to be; below 0: it is none."""
    beside = [
        getattr(steps[other], what)
        for way in (-1, 1)
        for other in range(number + way, number + way * (BESIDE + 1), way)
        if other in steps
    ]
    usual = float(np.median(beside)) if beside else 0.0
    return float(getattr(steps[number], what)) - max(JUMP_TIMES * usual, usual + JUMP_AB)


def write_sheets(
    folder: Path, colored: Path, watched: Watched, cuts: list[int], seams: list[int]
) -> None:
    """Rows of five frames, the third of which is the first after a step or a cut."""
    folder.mkdir(parents=True, exist_ok=True)
    worst = sorted(watched.steps, key=lambda n: -excess(watched.steps, n, "moved"))
    chosen = {
        "jumps": worst[:SHEET_ROWS],
        "cuts": cuts[1 :: max(1, len(cuts) // SHEET_ROWS)][:SHEET_ROWS],
        "seams": seams[:SHEET_ROWS],
    }
    wanted = {n + off for numbers in chosen.values() for n in numbers for off in range(-2, 3)}
    frames = enumerate(rgb_frames(probe(colored), SHEET_PX))
    views = {number: rgb for number, rgb in frames if number in wanted}
    for name, numbers in chosen.items():
        if not numbers:
            continue
        blank = np.zeros_like(next(iter(views.values())))
        rows = [np.hstack([views.get(n + off, blank) for off in range(-2, 3)]) for n in numbers]
        path = folder / f"{name}.png"
        cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])
        print(f"{path}: at frames", *numbers)


if __name__ == "__main__":
    main()
