"""How fast films are coloured here, beside a plain decoding and encoding of the same film.

Both are fresh processes with the same codec settings, one after the other, so that whatever else
the machine does slows both alike.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from photochrom.engine import FILM_MODEL
from photochrom.evaluation.bench import ProcessCost, measure_process
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.probe import probe
from photochrom.video.io.transcode import transcode

_PLAIN = (
    "import sys; from photochrom.evaluation.bench_film import transcode_and_count as run; "
    "run(*sys.argv[1:])"
)


@dataclass(frozen=True)
class FilmMeasurement:
    """A film in colour, and only decoded and encoded again; medians over the repeats."""

    film: str
    height: int
    width: int
    frames: int
    plain: ProcessCost
    color: ProcessCost

    @property
    def times_plain(self) -> float:
        """How many times as long as plain the whole command takes."""
        return self.color.seconds / self.plain.seconds


def bench_film(
    film: Path, *, model: str | Path = FILM_MODEL, device: str = "auto", repeats: int = 1
) -> FilmMeasurement:
    """Measure the whole of ``photochrom film`` with its default codec.

    Raises InputError for what is no film, PhotochromError where one of the processes fails.
    """
    info = probe(film)
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as folder:
        out = str(Path(folder) / "out.mkv")
        count = Path(folder) / "frames.txt"
        plain_command = [sys.executable, "-c", _PLAIN, str(film), out, str(count)]
        color = [sys.executable, "-m", "photochrom", "film", str(film), "-o", out]
        color += ["--model", str(model), "--device", device, "--overwrite"]
        plain_runs, color_runs = [], []
        for _ in range(repeats):
            plain_runs.append(measure_process(plain_command))
            color_runs.append(measure_process(color))
        frames = int(count.read_text(encoding="ascii"))
    return FilmMeasurement(
        str(film), info.height, info.width, frames, _median(plain_runs), _median(color_runs)
    )


def transcode_and_count(source: str, target: str, count: str) -> None:
    """Decode a film and encode it as `photochrom film` does, with nothing in between.

    count: a file that the number of frames is written to.
    """
    frames = transcode(source, target, Encoding())
    Path(count).write_text(str(frames), encoding="ascii")


def _median(runs: list[ProcessCost]) -> ProcessCost:
    cpu_s = [run.cpu_s for run in runs if run.cpu_s is not None]
    peaks_mb = [run.peak_mb for run in runs if run.peak_mb is not None]
    return ProcessCost(
        statistics.median(run.seconds for run in runs),
        statistics.median(cpu_s) if cpu_s else None,
        max(peaks_mb) if peaks_mb else None,
    )
