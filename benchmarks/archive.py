"""The archive edition, measured: throughput, kills, scaling, the planner, and a simulated cluster.

    python benchmarks/archive.py make FOLDER --count 20000       generated scans, 1 % of them broken
    python benchmarks/archive.py throughput FOLDER               image, archive, archive by Ray
    python benchmarks/archive.py kill FOLDER --times 20          SIGKILL at random, then resume
    python benchmarks/archive.py scaling FOLDER                  1 and 2 workers, by shards
    python benchmarks/archive.py estimate FOLDER                 --dry-run beside what came out
    python benchmarks/archive.py simulate [--picture-s S]        1 to 1,000 workers

Each prints a table; --json prints the numbers. Times are by the wall, so the machine has to be
quiet; processor seconds (of all processes) stand beside them. Ray needs the extra `archive`.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

COMMAND = [sys.executable, "-m", "photochrom"]
FORMATS = (("jpg", 60), ("png", 15), ("tif", 15), ("webp", 5), ("bmp", 5))
"""Endings, and how many of a hundred scans have them."""
SIZES = (240, 320, 480, 640)
"""Long sides, px."""


def make(folder: Path, count: int, seed: int) -> None:
    """Write grey scans of drawn scenes; one in a hundred is cut off, empty or text."""
    rng = np.random.default_rng(seed)
    endings = [ending for ending, share in FORMATS for _ in range(share)]
    for number in range(count):
        place = folder / f"box {number // 500:03d}" / f"{number:06d}.{endings[number % 100]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        content = _scan(rng, place.suffix)
        if number % 100 == 37:
            content = (content[: len(content) // 3], b"", b"Dear Sir or Madam,\n" * 40)[
                number // 100 % 3
            ]
        place.write_bytes(content)


def _scan(rng: np.random.Generator, suffix: str) -> bytes:
    long_px = int(rng.choice(SIZES))
    height, width = (
        (long_px, long_px * 3 // 4) if rng.random() < 0.4 else (long_px * 3 // 4, long_px)
    )
    y = np.linspace(0, 1, height)[:, None]
    grey = np.broadcast_to(190 - 110 * y, (height, width)).copy()
    for _ in range(12):
        x0, y0 = int(rng.integers(0, width)), int(rng.integers(0, height))
        radius = int(rng.integers(8, long_px // 4))
        cv2.circle(grey, (x0, y0), radius, float(rng.integers(20, 235)), -1, cv2.LINE_AA)
    grey = cv2.GaussianBlur(grey, (0, 0), 1.2) + rng.normal(0, 4, grey.shape)
    picture = np.clip(grey, 0, 255).astype(np.uint8)
    return cv2.imencode(suffix, picture)[1].tobytes()


class Run:
    """A command, with its wall and processor seconds and the peak of its memory (all processes)."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start_s = time.perf_counter()
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        self.memory_mb: list[float] = []
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(process.pid, done))
        watcher.start()
        self.output, errors = process.communicate()
        done.set()
        watcher.join()
        self.errors = errors.decode()
        self.wall_s = time.perf_counter() - start_s
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.code = process.returncode

    def _watch(self, leader: int, done: threading.Event) -> None:
        while not done.wait(1.0):
            total = sum(_private_mb(pid) for pid in _session(leader))
            if total:
                self.memory_mb.append(total)

    def flatness(self) -> float:
        """Memory of the last quarter of the run beside its second one; 1 is flat."""
        quarter = len(self.memory_mb) // 4
        if not quarter:
            return float("nan")
        return float(
            np.median(self.memory_mb[-quarter:]) / np.median(self.memory_mb[quarter : 2 * quarter])
        )


def _session(leader: int) -> list[int]:
    """The processes of a session, whose leader is one of them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader:
                found.append(int(entry.name))
    return found


def _private_mb(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return (
        sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))
        / 1024.0
    )


def images(folder: Path) -> int:
    """How many scans there are."""
    return sum(path.is_file() for path in folder.rglob("*"))


def states(target: Path) -> dict[str, int]:
    """What `photochrom archive report` says of a target."""
    done = subprocess.run(
        [*COMMAND, "archive", "report", str(target), "--json"], capture_output=True, check=True
    )
    return {k: v for k, v in json.loads(done.stdout)["states"].items() if v}


def contents(target: Path) -> dict[str, str]:
    """The hashes of what is in a target, hidden files too, but for the manifest."""
    return {
        path.relative_to(target).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(target.rglob("*"))
        if path.is_file() and ".sqlite" not in path.name
    }


def throughput(folder: Path, work: Path, actors: int) -> Iterator[dict[str, Any]]:
    """`image`, `archive` in one process, and `archive` by Ray, on the same files."""
    count = images(folder)
    one = {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}
    ways = {
        "image": ["image", str(folder), "--recursive", "-o", str(work / "image"), "-q"],
        "archive": ["archive", str(folder), str(work / "archive"), "--no-verify", "-q"],
        "archive, verified": ["archive", str(folder), str(work / "verified"), "-q"],
        f"archive --actors {actors}": [
            "archive", str(folder), str(work / "ray"), "--actors", str(actors), "--no-verify", "-q"
        ],
    }  # fmt: skip
    base_s = None
    for name, arguments in ways.items():
        run = Run(arguments, one)
        base_s = base_s or run.wall_s
        target = work / {"image": "image", "archive": "archive"}.get(
            name, "verified" if "verified" in name else "ray"
        )
        same = contents(target) == contents(work / "image")
        yield {
            "way": name, "pictures": count, "wall_s": round(run.wall_s, 1),
            "pictures_per_s": round(count / run.wall_s, 2),
            "to_image": round(base_s / run.wall_s, 3),
            "processor_s": round(run.processor_s, 1),
            "memory_mb": round(max(run.memory_mb, default=0.0)),
            "memory_end_to_middle": round(run.flatness(), 3),
            "same_files_as_image": same, "states": {} if name == "image" else states(target),
        }  # fmt: skip


def kill(folder: Path, work: Path, times: int, actors: int, seed: int) -> Iterator[dict[str, Any]]:
    """SIGKILL of the driver, or of any process of its cluster, at random moments; then to its end.

    Without actors the driver alone is killed. Head (GCS, raylet), readers, writers and actors are
    all processes of the driver's session.
    """
    chance = random.Random(seed)
    base = ["archive", str(folder)]
    way = ["-q", "--no-verify", *(["--actors", str(actors)] if actors else [])]
    whole = work / "whole"
    start_s = time.perf_counter()
    Run([*base, str(whole), "-q"])
    took_s = time.perf_counter() - start_s
    expected, expected_states = contents(whole), states(whole)
    target = work / "killed"
    count = images(folder)
    for number in range(1, times + 1):
        process = subprocess.Popen(
            [*COMMAND, *base, str(target), *way], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        share = chance.random()
        limit_s = time.monotonic() + (share * took_s if not actors else 240.0)
        wanted = int(share * count)
        begun = _done(target)
        while time.monotonic() < limit_s and process.poll() is None:
            if actors and _done(target) - begun >= min(wanted, count - begun) // 4 + 1:
                break
            time.sleep(0.02)
        victims = _session(process.pid)
        victim = process.pid if not actors or number % 4 == 0 else chance.choice(victims)
        name = _name(victim)
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            name = "none: it was done"
        if victim == process.pid:
            for pid in victims:  # what a dead driver leaves of a cluster of its own
                _kill(pid)
            process.wait()
        else:
            try:
                process.wait(timeout=300)
            except subprocess.TimeoutExpired:
                name += ", then the driver: it hung"
            for pid in _session(process.pid):
                _kill(pid)
            process.wait()
        after_s = _done(target)
        yield {"kill": number, "of": name, "done_before": begun, "done_after": after_s}
        if states(target) == expected_states:
            _compare(target, expected, expected_states)
            shutil.rmtree(target)
    if target.exists():
        Run([*base, str(target), "-q"])
        _compare(target, expected, expected_states)
    yield {"kill": "all", "of": "resumed", "done_before": "", "done_after": "equal, no orphans"}


def _compare(target: Path, expected: dict[str, str], expected_states: dict[str, int]) -> None:
    found = contents(target)
    if found != expected or states(target) != expected_states:
        extra, lacking = set(found) - set(expected), set(expected) - set(found)
        raise SystemExit(f"NOT EQUAL: extra {sorted(extra)[:5]}, lacking {sorted(lacking)[:5]}")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _name(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return "gone"
    if line.startswith("ray::"):
        return line.split()[0]
    return Path(line.split()[0]).name if line and "photochrom" not in line else "driver"


def _done(target: Path) -> int:
    path = target / ".photochrom-archive.sqlite"
    if not path.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0) as base:
            sql = "SELECT count(*) FROM inputs WHERE state NOT IN ('waiting', 'left out')"
            return int(base.execute(sql).fetchone()[0])
    except sqlite3.Error:
        return 0


def scaling(folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One and two workers with one thread each, as shards without Ray."""
    count = images(folder)
    base_s = None
    for workers in (1, 2):
        target = work / f"workers-{workers}"
        start_s = time.perf_counter()
        runs = [
            subprocess.Popen(
                [*COMMAND, "archive", str(folder), str(target), "--no-verify", "-q", "--jobs", "1",
                 "--threads", "1", "--shard", f"{k}/{workers}"],
                env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL,
            )
            for k in range(1, workers + 1)
        ]  # fmt: skip
        for run in runs:
            run.wait()
        wall_s = time.perf_counter() - start_s
        base_s = base_s or wall_s
        yield {
            "workers": workers, "wall_s": round(wall_s, 1),
            "pictures_per_s": round(count / wall_s, 2), "speedup": round(base_s / wall_s, 3),
        }  # fmt: skip


def estimate(folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """What --dry-run says, and how long it then takes."""
    target = work / "planned"
    plan = Run(["archive", str(folder), str(target), "--dry-run", "--json"])
    told = json.loads(plan.output)["estimate"]
    run = Run(["archive", str(folder), str(target), "-q", "--json"])
    took_s = json.loads(run.output)["seconds"]
    yield {
        "pictures": told["pictures"], "sampled": told["sampled"],
        "estimate_s": round(told["seconds"], 1), "took_s": round(took_s, 1),
        "off_by": f"{told['seconds'] / took_s - 1:+.1%}",
        "processor_estimate_s": round(told["pictures"] * told["processor_s"], 1),
        "processor_s": round(run.processor_s, 1),
    }  # fmt: skip


def simulate(
    picture_s: float, overhead_ms: float, size_mb: float, bandwidth_mb_s: float, count: int,
    start_s: float, seed: int,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Workers that take blocks of 64 pictures from one driver, which writes results down.

    Assumed: a picture takes `picture_s` of a worker's processor, log-normal with a spread of 50 %;
    the driver needs `overhead_ms` for each, one after the other; originals and results together
    have `size_mb` and share `bandwidth_mb_s` of the store; a worker needs `start_s` to begin.
    Not simulated: workers that die, stores that throttle.
    """
    rng = np.random.default_rng(seed)
    block = 64
    for workers in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000):
        blocks = max(20 * workers, count // block)
        costs = rng.lognormal(np.log(picture_s) - 0.118, 0.486, (blocks, block)).sum(axis=1)
        driver = store = end = 0.0
        driver_busy = store_busy = 0.0
        finishes = [(start_s, -1)] * workers
        heapq.heapify(finishes)
        for cost in costs:
            finish, done = heapq.heappop(finishes)
            if done >= 0:
                driver = max(driver, finish) + block * overhead_ms / 1000
                driver_busy += block * overhead_ms / 1000
            store = max(store, finish) + block * size_mb / bandwidth_mb_s
            store_busy += block * size_mb / bandwidth_mb_s
            heapq.heappush(finishes, (max(finish + cost, store), 1))
        for finish, _ in sorted(finishes):
            driver = max(driver, finish) + block * overhead_ms / 1000
            driver_busy += block * overhead_ms / 1000
        end = driver
        rate = blocks * block / end
        busy = {"driver": driver_busy / end, "store": store_busy / end}
        bound = max(busy, key=lambda name: busy[name])
        yield {
            "workers": workers, "pictures_per_hour": round(rate * 3600),
            "efficiency": round(rate * picture_s / workers, 3),
            "bound_by": bound if busy[bound] > 0.9 else "workers",
        }  # fmt: skip


def show(rows: Iterator[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as they come."""
    for row in rows:
        text = json.dumps(row) if as_json else "  ".join(f"{k}={v}" for k, v in row.items())
        print(text, flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=("make", "throughput", "kill", "scaling", "estimate", "simulate")
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument(
        "--actors", type=int, default=2, help="0 kills the driver alone, without Ray"
    )
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--picture-s", type=float, default=0.05)
    parser.add_argument("--overhead-ms", type=float, default=1.0)
    parser.add_argument("--size-mb", type=float, default=6.0)
    parser.add_argument("--bandwidth-mb-s", type=float, default=5_000.0)
    parser.add_argument("--start-s", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.what == "simulate":
        rows = simulate(
            given.picture_s, given.overhead_ms, given.size_mb, given.bandwidth_mb_s,
            max(given.count, 1_000_000), given.start_s, given.seed,
        )  # fmt: skip
        show(rows, as_json=given.json)
        return
    if given.folder is None:
        parser.error("name the folder of the scans")
    if given.what == "make":
        make(given.folder, given.count, given.seed)
        return
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        ways = {
            "throughput": lambda: throughput(given.folder, work, given.actors),
            "kill": lambda: kill(given.folder, work, given.times, given.actors, given.seed),
            "scaling": lambda: scaling(given.folder, work),
            "estimate": lambda: estimate(given.folder, work),
        }
        show(ways[given.what](), as_json=given.json)


if __name__ == "__main__":
    main()
