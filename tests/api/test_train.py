"""`train` runs a recipe as `photochrom train` does, and hands out a model."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fixtures.training import drawn_folder, read_losses

from photochrom import Colorizer, train
from photochrom.errors import InputError, OutputError, RecipeError
from photochrom.training import checkpoint

QUICK = {"stages.0.images": 16, "stages.1.images": 8, "export.licence": 'of "mine"'}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("photos"), 12)


def test_a_run_becomes_a_model(tmp_path: Path, photos: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    lines: list[str] = []
    run = train(
        "smoke",
        photos,
        run=tmp_path / "run",
        settings=QUICK,
        progress=lambda *step: steps.append(step),
        report=lines.append,
    )
    assert (run.folder, run.checkpoint) == (tmp_path / "run", tmp_path / "run" / "checkpoint.pt")
    assert steps == [(4 * step, 24) for step in range(1, 7)]
    assert any(line.startswith("step 6: ") for line in lines)
    color = Colorizer(run.export(tmp_path / "mine.onnx"))
    assert (color.card.name, color.card.licence) == ("smoke", 'of "mine"')
    assert color.card.training_data == photos.name
    with pytest.raises(OutputError, match=r"mine\.onnx exists"):
        run.export(tmp_path / "mine.onnx")
    with pytest.raises(InputError, match="already holds a run"):
        train("smoke", photos, run=tmp_path / "run", settings=QUICK)


def test_ctrl_c_stops_with_a_checkpoint_and_resume_goes_on(tmp_path: Path, photos: Path) -> None:
    options: dict[str, Any] = {"run": tmp_path / "run", "settings": QUICK}

    def interrupt(done: int, _total: int | None) -> None:
        if done == 8:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="stopped at step 2"):
        train("smoke", [photos], progress=interrupt, **options)
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")[0].images == 8
    train("smoke", [photos], resume=True, **options)
    assert read_losses(tmp_path / "run")[-1]["images"] == "24"


@pytest.mark.long  # a run each
def test_a_run_in_a_thread_leaves_signals_alone(tmp_path: Path, photos: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(train, "smoke", photos, run=tmp_path / "run", settings=QUICK).result()
    assert run.checkpoint.is_file()


def test_what_makes_no_sense_is_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe called 'smok'; did you mean 'smoke'"):
        train("smok", photos, run=tmp_path)
    with pytest.raises(RecipeError, match="unknown"):
        train("smoke", photos, run=tmp_path, settings={"stages.0.minuets": 5})
    with pytest.raises(InputError, match="no checkpoint to resume from"):
        train("smoke", photos, run=tmp_path, resume=True)
    with pytest.raises(InputError, match="nothing"):
        train("smoke", tmp_path / "nothing", run=tmp_path / "run")


@pytest.mark.long  # a run each
def test_a_run_by_minutes_has_no_total_of_images(tmp_path: Path, photos: Path) -> None:
    totals: set[int | None] = set()
    train(
        "smoke", photos, run=tmp_path / "run", minutes=1e-4, settings={"monitor.grid": 0},
        progress=lambda _done, total: totals.add(total),
    )  # fmt: skip
    assert totals == {None}
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")[0].step == 2
