"""How fast photographs and films are coloured, beside the least that must be done.

That is decoding and encoding.

    python benchmarks/speed.py                 photographs and films, 5 minutes on 2 quiet cores
    python benchmarks/speed.py --tables cold growth           some tables
    python benchmarks/speed.py --against /tmp/older           beside another checkout, in turn
    python benchmarks/speed.py --rounds 7 --json speed.json   for docs/performance.md
    python benchmarks/speed.py --device openvino      photographs by another engine
    python benchmarks/speed.py --peer eccv16=eccv16.py   beside others' programs

Every figure is of a process of its own, and what is compared is run in turn, round by round, so
that a machine which other programs slow down does so to all of them; figures are medians over the
rounds, ratios are of one round each and then their median: "x floor" to the floor, and with
--against "x NAME" to the other checkout, in this one's rows. The load of the machine is printed
with every table. The pictures are drawn (`photochrom.evaluation.bench.synthetic_picture`) and
stored as JPEG with three equal channels, as most scans are. The floor is libjpeg alone, in one
thread: decoding the file to RGB and encoding that without chroma subsampling.

A peer is a Python file with a function ``color(source, target)``, which colours one file into
another; it is run in a process of its own with this interpreter, and its first call is not counted.
Its code and weights are the user's; benchmarks/peers has files for two of them.

Tables:

* cold: `photochrom image` for one picture, from the start of the process to its end;
* warm: one picture more in a process that has coloured one before, from file to file;
* folder: a folder of pictures of 2 megapixels, as many at the same time as by default;
* growth, if it is asked for: warm cost against megapixels, and a folder's against its files, with
  fitted exponents;
* films: `photochrom film` for ten seconds of 1080p and of 360p, from start to end of the process,
  beside decoding and encoding alone; of drawn scenes that a camera moves over, or of
  ``--films``. `benchmarks/film_speed.py` has more columns.

One function makes each table; a row of TABLES names it. This program imports nothing of
photochrom itself, so that any checkout can be measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COLD_MEGAPIXELS = (0.5, 12.0)
WARM_MEGAPIXELS = (2.0, 12.0, 100.0)
FOLDER_MEGAPIXELS, FOLDER_FILES = 2.0, 60
GROWTH_MEGAPIXELS = (1.0, 3.0, 12.0, 48.0)
GROWTH_FILES = (20, 60, 200)
FILM_SIZES, FILM_FRAMES = ("1920x1080", "640x360"), 240
PEER_MEGAPIXELS = 12.0
"""Largest picture that peers are given: some of them hold all of it in planes of float64."""
MOST_PIXELS = 120_000_000

DRAW = """
import sys
from photochrom.evaluation.bench import synthetic_picture
from photochrom.imageio import Picture, write
write(sys.argv[1], Picture(synthetic_picture(float(sys.argv[2])), format="JPEG"))
"""
# One picture more than is counted: with the first, everything is loaded.
WORK = """
import json, os, resource, sys, tempfile, time
from pathlib import Path
what, source, device = sys.argv[1], Path(sys.argv[2]), sys.argv[5]
count, in_flight = int(sys.argv[3]), int(sys.argv[4])
def floor(targets):
    import simplejpeg
    for target in targets:
        samples = simplejpeg.decode_jpeg(source.read_bytes(), "RGB", strict=True)
        target.write_bytes(simplejpeg.encode_jpeg(samples, 98, "RGB", "444", fastdct=False))
        yield
def peer(targets):
    import importlib.util
    spec = importlib.util.spec_from_file_location("peer", what)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for target in targets:
        module.color(source, target)
        assert target.stat().st_size, f"{what} wrote nothing"
        yield
def color(targets):
    from photochrom.batch.plan import Job
    from photochrom.batch.run import DEFAULT_JOBS
    try:
        from photochrom.batch.run import BatchOptions, color_files
    except ImportError:  # version 0.2
        from photochrom.batch.run import Settings as BatchOptions, colour_files as color_files
    options = BatchOptions(device=device, max_pixels=MOST_PIXELS)
    jobs = [Job(source, target) for target in targets]
    for outcome in color_files(jobs, options, in_flight=in_flight or DEFAULT_JOBS):
        assert outcome.status == "coloured", outcome.message
        yield
def processor_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
with tempfile.TemporaryDirectory() as folder:
    targets = [Path(folder, f"{i}.jpg") for i in range(count)]
    work = {"floor": floor, "color": color}.get(what, peer)(targets)
    next(work)
    start, used = time.perf_counter(), processor_s()
    done = sum(1 for _ in work)
    seconds, used = time.perf_counter() - start, processor_s() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
peak *= 1 if sys.platform == "darwin" else 1024
print(json.dumps([seconds / done, used / done, peak / 1e6]))
""".replace("MOST_PIXELS", str(MOST_PIXELS))


FILM = """
import sys
from pathlib import Path
folder, path, frames, width, height, *films = sys.argv[1:]
sys.path.insert(0, folder)
from film_speed import make_film
make_film(Path(path), [Path(film) for film in films], int(frames), int(width), int(height))
"""
TRANSCODE = """
import sys
from photochrom.evaluation.bench_film import transcode_and_count
transcode_and_count(*sys.argv[1:])
"""


class Cost(NamedTuple):
    """Of one picture."""

    seconds: float
    cpu_s: float
    """Processor time of all threads."""
    peak_mb: float
    """Peak memory of the process, 10^6 bytes."""


class Measured(NamedTuple):
    """One thing that was measured, round by round."""

    name: str
    rounds: list[Cost]

    def median(self, field: str) -> float:
        """Of a field of `Cost`."""
        return float(statistics.median(getattr(cost, field) for cost in self.rounds))

    def ratio(self, other: Measured, field: str) -> float:
        """The median of the rounds' ratios to another's."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return float(statistics.median(getattr(a, field) / getattr(b, field) for a, b in pairs))


Run = Callable[[], Cost]
Table = dict[str, object]


class Bench(NamedTuple):
    """What the tables need: the checkouts to measure, this one first, and where pictures are."""

    sources: tuple[tuple[str, Path], ...]
    rounds: int
    files: int
    """Of the folder."""
    folder: Path
    device: str = "cpu"
    """Of photographs."""
    films: tuple[Path, ...] = ()
    """Whose parts the measured films are of; without any, they are drawn."""
    peers: tuple[tuple[str, Path], ...] = ()
    """Others' programs: their names, and files with ``color(source, target)``."""

    def film(self, size: str) -> str:
        """A film of this size, made once."""
        path = self.folder / f"{size}.mkv"
        if not path.exists():
            own = (str(film.resolve()) for film in self.films)
            numbers = (str(FILM_FRAMES), *size.split("x"))
            benchmarks = str(Path(__file__).parent)
            _python(self.sources[0][1], "-c", FILM, benchmarks, str(path), *numbers, *own)
        return str(path)

    def picture(self, megapixels: float) -> Path:
        """A picture of this size, drawn once."""
        path = self.folder / f"{megapixels:g}.jpg"
        if not path.exists():
            _python(self.sources[0][1], "-c", DRAW, str(path), str(megapixels))
        return path

    def color(self, source: Path, megapixels: float, count: int, in_flight: int = 1) -> Run:
        """Colouring of so many pictures in one process; in_flight: 0 is the default."""
        return self._work("color", source, megapixels, count, in_flight)

    def floor(self, megapixels: float, count: int) -> Run:
        """Decoding and encoding of so many pictures, one after the other."""
        return self._work("floor", self.sources[0][1], megapixels, count, 1)

    def peer(self, file: Path, megapixels: float, count: int) -> Run:
        """Colouring of so many pictures by another program, one after the other."""
        return self._work(str(file), self.sources[0][1], megapixels, count, 1)

    def _work(self, what: str, source: Path, megapixels: float, count: int, in_flight: int) -> Run:
        picture = self.picture(megapixels)
        numbers = (str(count + 1), str(in_flight))
        arguments = ("-c", WORK, what, str(picture), *numbers, self.device)
        return lambda: Cost(*json.loads(_python(source, *arguments)))

    def in_turn(self, runs: dict[str, Run]) -> list[Measured]:
        """Each of them once a round."""
        measured = [Measured(name, []) for name in runs]
        for _ in range(self.rounds):
            for each, run in zip(measured, runs.values(), strict=True):
                each.rounds.append(run())
        return measured


def cold_table(bench: Bench) -> Iterator[Table]:
    """One picture in a fresh process."""
    target = bench.folder / "cold.jpg"

    def run(picture: Path, source: Path) -> Run:
        command = ("-m", "photochrom", "image", str(picture), "-o", str(target), "--overwrite")
        command += ("--device", bench.device)
        _process_cost(source, *command)  # compiles the modules
        return lambda: _process_cost(source, *command)

    for megapixels in COLD_MEGAPIXELS:
        picture = bench.picture(megapixels)
        runs = {name: run(picture, source) for name, source in bench.sources}
        yield from _rows(bench, f"{megapixels:g} MP, cold", bench.in_turn(runs), None)


def warm_table(bench: Bench) -> Iterator[Table]:
    """One picture more, beside the floor."""
    for megapixels in WARM_MEGAPIXELS:
        count = max(1, round(24 / megapixels))
        runs = {"floor": bench.floor(megapixels, count)}
        for name, source in bench.sources:
            runs[name] = bench.color(source, megapixels, count)
        if megapixels <= PEER_MEGAPIXELS:
            for name, file in bench.peers:
                runs[name] = bench.peer(file, megapixels, count)
        measured = bench.in_turn(runs)
        yield from _rows(bench, f"{megapixels:g} MP, warm", measured, measured[0])


def folder_table(bench: Bench) -> Iterator[Table]:
    """A folder, beside the floor."""
    runs = {"floor": bench.floor(FOLDER_MEGAPIXELS, bench.files)}
    for name, source in bench.sources:
        runs[name] = bench.color(source, FOLDER_MEGAPIXELS, bench.files, 0)
    measured = bench.in_turn(runs)
    what = f"{bench.files} x {FOLDER_MEGAPIXELS:g} MP"
    for row, each in zip(_rows(bench, what, measured, measured[0]), measured, strict=True):
        yield {**row, "pictures a second": round(1 / each.median("seconds"), 1)}


def growth_table(bench: Bench) -> Iterator[Table]:
    """Cost against size and number; the last row of each has the exponent."""
    name, source = bench.sources[0]
    by_size: dict[float, Measured] = {}
    for megapixels in GROWTH_MEGAPIXELS:
        run = bench.color(source, megapixels, max(1, round(12 / megapixels)))
        (by_size[megapixels],) = bench.in_turn({name: run})
        yield _row(f"{megapixels:g} MP", by_size[megapixels], None)
    yield _exponents("s ~ MP^k", name, by_size, 1)
    by_number: dict[float, Measured] = {}
    for files in GROWTH_FILES:
        run = bench.color(source, FOLDER_MEGAPIXELS, files, 0)
        (by_number[files],) = bench.in_turn({name: run})
        yield _row(f"{files} files, each", by_number[files], None)
    yield _exponents("s of all ~ files^k", name, by_number, 0)


def film_table(bench: Bench) -> Iterator[Table]:
    """Films; their floor is decoded and encoded, and nothing else."""
    out = str(bench.folder / "out.mkv")
    for _, source in bench.sources:
        _process_cost(source, "-m", "photochrom", "film", "--help")  # compiles the modules
    for size in FILM_SIZES:
        film = bench.film(size)
        color = ["-m", "photochrom", "film", film, "-o", out, "--overwrite"]
        runs: dict[str, Run] = {
            name: partial(_process_cost, source, *color) for name, source in bench.sources
        }
        count = str(bench.folder / "count.txt")
        runs["floor"] = partial(
            _process_cost, bench.sources[0][1], "-c", TRANSCODE, film, out, count
        )
        measured = bench.in_turn(runs)
        yield from _rows(bench, f"{size}, {FILM_FRAMES} frames", measured, measured[-1])


TABLES: dict[str, Callable[[Bench], Iterator[Table]]] = {
    "cold": cold_table,
    "warm": warm_table,
    "folder": folder_table,
    "growth": growth_table,
    "films": film_table,
}


def _rows(
    bench: Bench, what: str, measured: Sequence[Measured], floor: Measured | None
) -> Iterator[Table]:
    """A row for each; this checkout's with its ratios to the other one."""
    names = [name for name, _ in bench.sources]
    for each in measured:
        row = _row(what, each, floor)
        for other in measured:
            if each.name == names[0] and other.name in names[1:]:
                row[f"x {other.name}"] = round(each.ratio(other, "seconds"), 3)
                row[f"processor x {other.name}"] = round(each.ratio(other, "cpu_s"), 3)
        yield row


def _row(what: str, measured: Measured, floor: Measured | None) -> Table:
    row: Table = {
        "what": what,
        "who": measured.name,
        "seconds": round(measured.median("seconds"), 3),
        "processor s": round(measured.median("cpu_s"), 3),
        "peak MB": round(measured.median("peak_mb")),
    }
    if floor is not None:
        row["x floor"] = round(measured.ratio(floor, "seconds"), 2)
        row["processor x floor"] = round(measured.ratio(floor, "cpu_s"), 2)
    return row


def _exponents(what: str, name: str, by: dict[float, Measured], base: int) -> Table:
    """Fitted to medians. base: 1 where the costs are of all, 0 where they are of one each."""
    row: Table = {"what": what, "who": name}
    for column, field in (("seconds", "seconds"), ("processor s", "cpu_s"), ("peak MB", "peak_mb")):
        points = [(math.log(x), math.log(measured.median(field))) for x, measured in by.items()]
        whole = 0 if base or field == "peak_mb" else 1
        row[column] = round(statistics.linear_regression(*zip(*points)).slope + whole, 2)
    return row


def _peer(text: str) -> tuple[str, Path]:
    """NAME=FILE, or FILE."""
    name, found, file = text.rpartition("=")
    path = Path(file).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{path} is no file; give NAME=FILE.py")
    return (name if found else path.stem), path


def _environment(source: Path) -> dict[str, str]:
    """Where modules are compiled once, as those of an installed package are."""
    environment = {**os.environ, "PYTHONPATH": str(source / "src")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = tempfile.gettempdir() + "/photochrom-speed-bytecode"
    return environment


def _python(source: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    result = subprocess.run(
        command, env=_environment(source), capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise SystemExit(f"{source}: ended with {result.returncode}\n{result.stderr}")
    return result.stdout


def _process_cost(source: Path, *arguments: str) -> Cost:
    """The whole of a fresh process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=_environment(source),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{source}: {' '.join(arguments)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)


def _markdown(rows: Sequence[Table]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[str(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = [name for name in TABLES if name != "growth"]
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=usual)
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn")
    parser.add_argument(
        "--peer",
        type=_peer,
        action="append",
        default=[],
        metavar="NAME=FILE.py",
        help="another program to measure in table warm; repeatable",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=FOLDER_FILES, help="of the folder")
    parser.add_argument("--device", default="cpu", help="of photographs; films choose theirs")
    parser.add_argument("--films", nargs="+", type=Path, default=[], help="for the table films")
    parser.add_argument("--json", type=Path, help="write all rows to this file, too")
    arguments = parser.parse_args()
    sources = [("photochrom", ROOT)]
    if arguments.against is not None:
        other = arguments.against.resolve()
        # Were both called the same, only one of them would be measured.
        sources.append((str(other) if other.name == sources[0][0] else other.name, other))
    found: dict[str, list[Table]] = {}
    print(f"{os.cpu_count()} processors, {arguments.rounds} rounds, device {arguments.device}")
    with tempfile.TemporaryDirectory(prefix="photochrom-speed-") as folder:
        films, peers = tuple(arguments.films), tuple(arguments.peer)
        counts = arguments.rounds, arguments.files
        bench = Bench(tuple(sources), *counts, Path(folder), arguments.device, films, peers)
        for name in arguments.tables:
            before, start_s = os.getloadavg()[0], time.perf_counter()
            rows = list(TABLES[name](bench))
            after, took_s = os.getloadavg()[0], time.perf_counter() - start_s
            found[name] = rows
            load = f"load {before:.1f} before, {after:.1f} after"
            print(f"\n{name}; {load}; measured in {took_s:.0f} s\n\n{_markdown(rows)}")
            sys.stdout.flush()
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
