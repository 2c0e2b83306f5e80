"""A film split over several processes is the film that one would have made."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixtures.film import Film, make_film
from fixtures.model import tiny_model

from photochrom.errors import InputError, OutputError
from photochrom.video.film import color_film
from photochrom.video.options import FilmOutcome, FilmSettings
from photochrom.video.segments import finished_frames
from photochrom.video.split import FilmPlan, SegmentCollector, color_segment, plan_film

LONG = Film(frames=20, size=(32, 48), encoder="libx264", format="mp4", cut_at=12, audio="aac")


@dataclass(frozen=True)
class Alone:
    """A film, and what one process made of it."""

    film: Path
    settings: FilmSettings
    outcome: FilmOutcome
    content: bytes


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    folder = tmp_path_factory.mktemp("alone")
    film, model = make_film(folder / "reel.mp4", LONG), tiny_model(folder / "tiny.onnx")
    chosen = FilmSettings(model=model, device="cpu", overwrite=True, resume=True, segment_frames=7)
    outcome = color_film(film, folder / "alone.mp4", chosen)
    return Alone(film, chosen, outcome, outcome.target.read_bytes())


def collect(
    film: Path, plan: FilmPlan, collector: SegmentCollector, numbers: Iterable[int], work: Path
) -> None:
    for number in numbers:
        segment, path = color_segment(film, plan, number, work / "worker")
        collector.keep(segment, path.read_bytes())
        shutil.rmtree(work / "worker")


def test_segments_of_any_worker_and_order_make_the_same_film(tmp_path: Path, alone: Alone) -> None:
    plan, together = plan_film(alone.film, alone.settings), tmp_path / "together.mp4"
    assert [segment.frames for segment in plan.segments] == [7, 7, 6]
    with contextlib.closing(SegmentCollector(alone.film, together, plan)) as collector:
        collect(alone.film, plan, collector, [2, 0], tmp_path)
        with pytest.raises(OutputError, match="another run"):
            SegmentCollector(alone.film, together, plan)
    assert not together.exists(), "the run was stopped"
    assert finished_frames(together) == 7
    with contextlib.closing(SegmentCollector(alone.film, together, plan)) as collector:
        assert collector.missing == [1]
        collect(alone.film, plan, collector, [1], tmp_path)
        notes = collector.join()
    assert together.read_bytes() == alone.content
    assert notes == alone.outcome.notes
    assert [path.name for path in tmp_path.iterdir()] == ["together.mp4"]


def test_one_process_goes_on_with_what_several_began(tmp_path: Path, alone: Alone) -> None:
    plan, together = plan_film(alone.film, alone.settings), tmp_path / "together.mp4"
    with contextlib.closing(SegmentCollector(alone.film, together, plan)) as collector:
        collect(alone.film, plan, collector, [0, 2], tmp_path)
    assert color_film(alone.film, together, alone.settings).resumed_frames == 7
    assert together.read_bytes() == alone.content


def test_another_film_and_what_only_one_process_can_do_are_refused(
    tmp_path: Path, alone: Alone
) -> None:
    plan = plan_film(alone.film, alone.settings)
    film = make_film(tmp_path / "reel.mp4", Film(frames=9, encoder="libx264", format="mp4"))
    with pytest.raises(InputError, match="has changed"):
        color_segment(film, plan, 1, tmp_path / "worker")
    with pytest.raises(InputError, match="restore cannot be split"):
        plan_film(film, dataclasses.replace(alone.settings, restore=("dust",)))
