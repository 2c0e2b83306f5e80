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
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

COMMAND = [sys.executable, "-m", "photochrom"]
FORMATS = (("jpg", 60), ("png", 15), ("tif", 15), ("webp", 5), ("bmp", 5))
"""Endings, and how many of a hundred scans have them."""
SIZES = (240, 320, 480, 640)
"""Long sides, px."""
WAYS = ("image", "archive", "verified", "ray")
"""`photochrom image`; `archive` alone; with originals read once more; with actors of Ray."""


def make(folder: Path, count: int, seed: int, sizes: Sequence[int] = SIZES) -> None:
    """Write grey scans of drawn scenes; one in a hundred is cut off, empty or text.

    sizes: long sides, px.
    """
    rng = np.random.default_rng(seed)
    endings = [ending for ending, share in FORMATS for _ in range(share)]
    for number in range(count):
        place = folder / f"box {number // 500:03d}" / f"{number:06d}.{endings[number % 100]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        content = _scan(rng, place.suffix, int(rng.choice(sizes)))
        if number % 100 == 37:
            content = (content[: len(content) // 3], b"", b"Dear Sir or Madam,\n" * 40)[
                number // 100 % 3
            ]
        place.write_bytes(content)


def _scan(rng: np.random.Generator, suffix: str, long_px: int) -> bytes:
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
    """A command, with its wall and processor seconds and its memory, of all its processes.

    It may be halted while others run; halted time does not count.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._lock = threading.Lock()
        self._began_s, self._halted_s = time.perf_counter(), 0.0
        self._halted_since_s: float | None = None
        self._process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        self.memory_mb: list[float] = []
        self._processor_s: dict[int, float] = {}
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        self._waiter = threading.Thread(target=self._wait)
        self._waiter.start()

    def _wait(self) -> None:
        self.output, errors = self._process.communicate()
        with self._lock:
            self.wall_s = time.perf_counter() - self._began_s - self._halted_s
        self.errors, self.code = errors.decode(), self._process.returncode
        self._done.set()

    def join(self, limit_s: float | None = None) -> bool:
        """Wait for its end; False where it has not come in this time."""
        self._waiter.join(limit_s)
        if self._waiter.is_alive():
            return False
        self._watcher.join()
        return True

    def halt(self, *, halted: bool) -> None:
        """Stop all its processes for a time, or let them go on."""
        with self._lock:
            if halted and self._halted_since_s is None:
                self._halted_since_s = time.perf_counter()
            elif not halted and self._halted_since_s is not None:
                self._halted_s += time.perf_counter() - self._halted_since_s
                self._halted_since_s = None
        for pid in _session(self._process.pid):
            _kill(pid, signal.SIGSTOP if halted else signal.SIGCONT)

    @property
    def processor_s(self) -> float:
        """Of all its processes, sampled once a second."""
        return sum(self._processor_s.values())

    def _watch(self) -> None:
        while not self._done.wait(1.0):
            pids = _session(self._process.pid)
            for pid in pids:
                self._processor_s[pid] = max(
                    self._processor_s.get(pid, 0.0), _processor_seconds(pid)
                )
            total = sum(_private_mb(pid) for pid in pids)
            if total and self._halted_since_s is None:
                self.memory_mb.append(total)

    def memory_tenths(self) -> list[int]:
        """The most memory in each tenth of the run, MB."""
        parts = np.array_split(np.asarray(self.memory_mb), 10)
        return [round(float(part.max())) for part in parts if part.size]

    def flatness(self) -> float:
        """Memory of the last quarter of the run beside its second one; 1 is flat."""
        quarter = len(self.memory_mb) // 4
        if not quarter:
            return float("nan")
        return float(
            np.median(self.memory_mb[-quarter:]) / np.median(self.memory_mb[quarter : 2 * quarter])
        )


def run_to_end(arguments: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """A run that is over."""
    run = Run(arguments, environment)
    run.join()
    return run


def run_in_turns(
    ways: Sequence[Sequence[str]], slice_s: float, environment: dict[str, str]
) -> list[Run]:
    """Runs to their ends, of which one at a time goes on for so many seconds and all others are
    halted, so that each has the same share of whatever else the machine does.
    """
    runs: list[Run] = []
    for way in ways:
        for other in runs:
            other.halt(halted=True)
        runs.append(Run(way, environment))
        runs[-1].join(slice_s)
    waiting = list(runs)
    while waiting:
        for run in list(waiting):
            for other in waiting:
                if other is not run:
                    other.halt(halted=True)
            run.halt(halted=False)
            if run.join(slice_s):
                waiting.remove(run)
    return runs


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


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


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


def throughput(
    folder: Path, work: Path, ways: Sequence[str], actors: int, size: str, slice_s: float
) -> Iterator[dict[str, Any]]:
    """`image`, `archive` in one process, and `archive` by Ray, on the same files.

    ways: of "image", "archive", "verified", "ray". size: of the network's view, px or "auto".
    slice_s: 0 runs one after the other, more in turns: `run_in_turns`.
    """
    # Ray's processes would otherwise come behind all that the machine does beside them.
    one = {"OMP_NUM_THREADS": str(os.cpu_count() or 1), "RAY_worker_niceness": "0"}
    view = ["--size", size, "-q"]
    arguments = {
        "image": ["image", str(folder), "--recursive", "-o", str(work / "image"), *view],
        "archive": ["archive", str(folder), str(work / "archive"), "--no-verify", *view],
        "verified": ["archive", str(folder), str(work / "verified"), *view],
        "ray": [
            "archive", str(folder), str(work / "ray"), "--actors", str(actors), "--no-verify", *view
        ],
    }  # fmt: skip
    chosen = [arguments[way] for way in ways]
    if slice_s:
        runs: Iterable[Run] = run_in_turns(chosen, slice_s, one)
    else:
        runs = (run_to_end(way, one) for way in chosen)
    count, base_s = images(folder), None
    broken = sum(int(path.stem) % 100 == 37 for path in folder.rglob("*.*"))
    for name, run in zip(ways, runs, strict=True):
        base_s = base_s or run.wall_s
        yield {
            "way": name, "pictures": count, "wall_s": round(run.wall_s, 1),
            "pictures_per_s": round(count / run.wall_s, 2),
            f"to_{ways[0]}": round(base_s / run.wall_s, 3),
            "processor_s": round(run.processor_s, 1),
            "memory_mb": round(max(run.memory_mb, default=0.0)),
            "memory_mb_by_tenths": run.memory_tenths(),
            "memory_end_to_middle": round(run.flatness(), 3),
            "same_files": contents(work / name) == contents(work / ways[0]),
            **({} if name == "image" else _sums(work / name, count, broken)),
        }  # fmt: skip


def _sums(target: Path, count: int, broken: int) -> dict[str, Any]:
    """What the report says, and whether it adds up: with the inputs that there are, the broken ones
    among them, the manifest's rows, and the results that lie in the target.
    """
    record = states(target)
    with sqlite3.connect(f"file:{target / '.photochrom-archive.sqlite'}?mode=ro", uri=True) as base:
        rows = dict(base.execute("SELECT state, count(*) FROM inputs GROUP BY state").fetchall())
    results = len(contents(target))
    adds_up = (
        sum(record.values()) == count
        and record == rows
        and record.get("coloured") == results == count - broken
        and record.get("failed", 0) == broken
    )
    return {"states": record, "results": results, "adds_up": adds_up}


def kill(folder: Path, work: Path, times: int, actors: int, seed: int) -> Iterator[dict[str, Any]]:
    """SIGKILL of the driver, the head, a colouring actor or any other process of its cluster, in
    turn, at random moments; then to its end.

    Without actors the driver alone is killed. All processes of the cluster are in the driver's
    session.
    """
    chance = random.Random(seed)
    base = ["archive", str(folder)]
    way = ["-q", "--no-verify", *(["--actors", str(actors)] if actors else [])]
    whole = work / "whole"
    start_s = time.perf_counter()
    run_to_end([*base, str(whole), "-q"])
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
        early = actors and share < _EARLY  # while Ray starts
        limit_s = time.monotonic() + (_START_S * share / _EARLY if early else share * took_s)
        if actors and not early:
            limit_s += _LIMIT_S
        wanted = int(share * count)
        begun = _done(target)
        while time.monotonic() < limit_s and process.poll() is None:
            if (
                actors
                and not early
                and _done(target) - begun >= min(wanted, count - begun) // 4 + 1
            ):
                break
            time.sleep(0.02)
        victims = _session(process.pid)
        victim = process.pid if not actors else _choose(victims, process.pid, number, chance)
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
        run_to_end([*base, str(target), "-q"])
        _compare(target, expected, expected_states)
    yield {"kill": "all", "of": "resumed", "done_before": "", "done_after": "equal, no orphans"}


_EARLY, _START_S, _LIMIT_S = 0.2, 20.0, 240.0
"""The share of kills in Ray's first seconds, how many these are, and how long to wait for others'
first results."""


def _compare(target: Path, expected: dict[str, str], expected_states: dict[str, int]) -> None:
    found = contents(target)
    if found != expected or states(target) != expected_states:
        extra, lacking = set(found) - set(expected), set(expected) - set(found)
        raise SystemExit(f"NOT EQUAL: extra {sorted(extra)[:5]}, lacking {sorted(lacking)[:5]}")


def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
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


def _choose(pids: Sequence[int], driver: int, number: int, chance: random.Random) -> int:
    """The driver, the cluster's head, one that colours, and any other, in turn; where there is none
    of a kind yet, any.
    """
    kinds = (lambda _name: False, lambda name: name == "gcs_server", lambda name: "Worker" in name)
    if number % 4 == 0:
        return driver
    wanted = [pid for pid in pids if kinds[number % 4 % 3](_name(pid))]
    return chance.choice(wanted or list(pids))


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
    plan = run_to_end(["archive", str(folder), str(target), "--dry-run", "--json"])
    record = json.loads(plan.output)["estimate"]
    run = run_to_end(["archive", str(folder), str(target), "-q", "--json"])
    took_s = json.loads(run.output)["seconds"]
    yield {
        "pictures": record["pictures"], "sampled": record["sampled"],
        "estimate_s": round(record["seconds"], 1), "took_s": round(took_s, 1),
        "off_by": f"{record['seconds'] / took_s - 1:+.1%}",
        "processor_estimate_s": round(record["pictures"] * record["processor_s"], 1),
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
    parser.add_argument(
        "--long-px", type=int, nargs="+", default=list(SIZES), help="long sides of generated scans"
    )
    parser.add_argument(
        "--ways", nargs="+", default=list(WAYS), choices=WAYS, help="of throughput; the first is 1"
    )
    parser.add_argument("--size", default="auto", help="of the network's view, px")
    parser.add_argument(
        "--slice-s",
        type=float,
        default=0.0,
        help="run the ways in turns of so many seconds, so that all have the same load beside them",
    )
    parser.add_argument("--work", type=Path, help="a disk with room for results")
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
        make(given.folder, given.count, given.seed, given.long_px)
        return
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        work = Path(name)
        ways = {
            "throughput": lambda: throughput(
                given.folder, work, given.ways, given.actors, given.size, given.slice_s
            ),
            "kill": lambda: kill(given.folder, work, given.times, given.actors, given.seed),
            "scaling": lambda: scaling(given.folder, work),
            "estimate": lambda: estimate(given.folder, work),
        }
        show(ways[given.what](), as_json=given.json)


if __name__ == "__main__":
    main()
