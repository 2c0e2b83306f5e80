"""Films of an archive by several workers, whatever goes wrong; by Ray itself: test_cluster."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fixtures.film import Film, make_film
from fixtures.model import tiny_model

from photochrom.archive import ArchiveSettings, LocalEngine, open_store
from photochrom.archive.films import film_settings
from photochrom.archive.manifest import Result, Task
from photochrom.archive.split_films import ColoredSegment, FilmWorker, SplitFilms
from photochrom.batch import BatchOptions
from photochrom.pipeline import WhiteBalance
from photochrom.video.split import FilmPlan

REEL = Film(frames=14, size=(32, 48), encoder="libx264", format="mp4", audio="aac")


@dataclass(eq=False)
class Call:
    """What a worker was asked for."""

    answer: Callable[[], Any]


@dataclass
class Remote:
    """A worker's method, as Ray has it."""

    method: Callable[..., Any]

    def remote(self, *values: Any) -> Call:
        return Call(lambda: self.method(*values))


class Worker:
    """A worker of this process."""

    def __init__(self, worker: FilmWorker, color: Callable[..., ColoredSegment]) -> None:
        self.plan, self.color = Remote(worker.plan), Remote(color)


class InProcessRay:
    """Answers calls in their order."""

    def wait(self, calls: list[Call]) -> tuple[list[Call], list[Call]]:
        return calls[:1], calls[1:]

    def get(self, call: Call) -> Any:
        return call.answer()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveSettings:
    for module in ("films", "split_films"):
        monkeypatch.setattr(
            f"photochrom.archive.{module}.film_settings",
            lambda chosen: dataclasses.replace(film_settings(chosen), segment_frames=5),
        )
    model = tiny_model(tmp_path / "tiny.onnx")
    options = BatchOptions(model=model, device="cpu")
    return ArchiveSettings(options=options, films=True, film_model=model)


def test_films_have_the_tone_of_the_photographs() -> None:
    balance = WhiteBalance(temperature=12.0)
    chosen = film_settings(ArchiveSettings(options=BatchOptions(white_balance=balance)))
    assert chosen.white_balance == balance


def test_films_are_split_and_a_failed_one_goes_on_later(
    tmp_path: Path, settings: ArchiveSettings
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    make_film(scans / "a.mp4", REEL)
    (scans / "b.mp4").write_bytes(b"no film")
    source, together = open_store(str(scans)), open_store(str(tmp_path / "together"))
    tasks = [Task(name, "film", 7, name) for name in ("a.mp4", "b.mp4")]
    workers = [FilmWorker(str(scans), str(tmp_path / "together"), settings) for _ in range(2)]
    asked: list[int] = []

    def run(fails: tuple[int, ...], tasks: list[Task]) -> dict[str, Result]:
        def color(values: tuple[Any, ...], plan: FilmPlan, number: int) -> ColoredSegment:
            asked.append(number)
            if number in fails:
                return ColoredSegment("w", None, error="the disk is full")
            return workers[0].color(values, plan, number)

        films = SplitFilms(
            InProcessRay(), [Worker(worker, color) for worker in workers], source, together,
            tmp_path / "work",
        )  # fmt: skip
        return {result.key: result for result in films.run(tasks)}

    first = run((2,), tasks)
    assert (first["a.mp4"].state, first["a.mp4"].error) == ("failed", "the disk is full")
    assert first["b.mp4"].state == "failed"
    assert "cannot read" in first["b.mp4"].error
    (done,) = run((), tasks[:1]).values()
    assert asked == [0, 1, 2, 2]
    alone = open_store(str(tmp_path / "alone"))
    (expected,) = LocalEngine(settings.film_model, settings).run_films(
        tasks[:1], source, alone, tmp_path / "work"
    )
    assert dataclasses.replace(done, worker="", seconds=0.0) == dataclasses.replace(
        expected, worker="", seconds=0.0
    )
    assert [path.name for path in (tmp_path / "together").iterdir()] == ["a.mp4"]
    (same,) = run((), [tasks[0]._replace(sha256=done.sha256)]).values()
    assert same.unchanged
    for worker in workers:
        worker.close()
