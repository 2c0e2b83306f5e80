"""A run that was stopped, killed or changed goes on as if nothing had happened, or says why not."""

from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fixtures.training import drawn_folder, read_losses, read_table

from photochrom.cli import INTERRUPTED
from photochrom.cli.train import TrainingProgress, train
from photochrom.errors import InputError
from photochrom.training import checkpoint, loop
from photochrom.training.checkpoint import Position
from photochrom.training.interrupts import TrainingStopped
from photochrom.training.loop import Trainer
from photochrom.training.optimizers import lr_share
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import load_recipe, with_budget
from photochrom.training.reports.run_log import ScalarLog, seconds_left
from photochrom.training.step import StageStep

pytestmark = pytest.mark.slow

SMOKE = recipe_path("smoke")
KILLED = """
import os, signal, sys
from pathlib import Path
from training.test_resume import make_trainer, smoke

def progress(trainer, *_):
    if trainer.position.step == 7:
        trainer.save()
    if trainer.position.step == 9:
        os.kill(os.getpid(), signal.SIGKILL)

make_trainer(smoke(Path(sys.argv[1])), Path(sys.argv[2])).run(progress)
"""


def smoke(photos: Path, *more: str) -> Recipe:
    """Ten steps, the last four with a critic; of two sets of photos, batches made on the device."""
    return load_recipe(
        SMOKE,
        [f"data.sources=['{photos}']", "stages.0.images=24", "stages.1.images=16",
         "monitor.checkpoint_minutes=9", "data.store=device", "data.balance=0.5",
         'data.weights={"photos/000.png"=2, "photos/001.png"=0}', *more],
    )  # fmt: skip


def make_trainer(recipe: Recipe, run: Path) -> Trainer:
    return Trainer(recipe, run, report=lambda line: None, threads=1)


def at_step(step: int, action: Callable[[], None]) -> loop.Progress:
    def progress(trainer: Trainer, *_: float) -> None:
        if trainer.position.step == step:
            action()

    return progress


def resume(recipe: Recipe, run: Path) -> Path:
    trainer = make_trainer(recipe, run)
    trainer.resume()
    trainer.run(lambda *_: None)
    return run


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    """The runs set torch's threads, for sums in one order; others want theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("resume") / "photos", 12)


@pytest.fixture(scope="module")
def undisturbed_losses(
    photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, str]]:
    """The losses of a run that nothing disturbed."""
    run = tmp_path_factory.mktemp("resume") / "straight"
    make_trainer(smoke(photos), run).run(lambda *_: None)
    return read_losses(run)


@pytest.mark.long
@pytest.mark.parametrize(("number", "step"), [(signal.SIGTERM, 8), (signal.SIGINT, 6)])
def test_a_stopped_run_resumes_to_the_same_losses(
    photos: Path,
    undisturbed_losses: list[dict[str, str]],
    tmp_path: Path,
    number: signal.Signals,
    step: int,
) -> None:
    before = signal.getsignal(number)
    trainer = make_trainer(smoke(photos), tmp_path)
    with pytest.raises(TrainingStopped, match=f"step {step}.*--resume") as stopped:
        trainer.run(at_step(step, lambda: os.kill(os.getpid(), number)))
    assert stopped.value.signal == number
    assert signal.getsignal(number) is before
    assert read_losses(resume(smoke(photos), tmp_path)) == undisturbed_losses
    # The weight of one photo is 2, of another 0, of the six others together √6: 4 and 4 of 8 views.
    header, first, last = (tmp_path / "sets.csv").read_text(encoding="utf-8").splitlines()
    assert header.split(",") == ["step", "stage", "photos/000.png", "photos/001.png", "photos"]
    assert [int(n) for n in last.split(",")[2:]] == [20, 0, 20]
    assert [int(n) for n in first.split(",")[2:]] == [12, 0, 12]


@pytest.mark.long
def test_a_run_by_minutes_stretches_its_stages_over_them_and_resumes_to_the_same_losses(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which each step takes a second."""
    clock = itertools.count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    recipe = load_recipe(
        SMOKE, with_budget([f"data.sources=['{photos}']", "monitor.grid=0"], minutes=9 / 60)
    )
    make_trainer(recipe, tmp_path / "whole").run(lambda *_: None)
    with pytest.raises(TrainingStopped):
        make_trainer(recipe, tmp_path / "parts").run(
            at_step(5, lambda: signal.raise_signal(signal.SIGTERM))
        )
    assert checkpoint.load(tmp_path / "parts" / "checkpoint.pt")[0].stage_seconds == 5
    lines: list[str] = []
    for other in (smoke(photos), recipe):
        Trainer(other, tmp_path / "parts", report=lines.append, threads=1).resume()
    assert [line for line in lines if "minutes" in line] == [
        "budget_minutes is 0, and was 0.15 when the run began (0: the recipe's own lengths); "
        "--minutes sets it"
    ]
    rows = read_losses(resume(recipe, tmp_path / "parts"))
    assert rows == read_losses(tmp_path / "whole")
    assert [(row["step"], row["stage"]) for row in rows] == [
        ("3", "regression"), ("6", "regression"), ("9", "finish"),
    ]  # fmt: skip
    # The last of each stage's steps, by the share of the stage that was over before it.
    peaks, shares = (1e-3, 1e-3, 3e-4), (2 / 6, 5 / 6, 2 / 3)
    for row, stage, peak, share in zip(rows, (0, 0, 1), peaks, shares, strict=True):
        rate = peak * lr_share(recipe.stages[stage], share)
        assert float(row["lr"]) == pytest.approx(rate, rel=1e-4)


@pytest.mark.long
def test_a_killed_run_resumes_to_the_same_losses(
    photos: Path, undisturbed_losses: list[dict[str, str]], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(photos), str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert checkpoint.load(tmp_path / "checkpoint.pt")[0].step == 7
    assert read_losses(resume(smoke(photos), tmp_path)) == undisturbed_losses


def test_a_second_ctrl_c_does_not_wait(photos: Path, tmp_path: Path) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer = make_trainer(smoke(photos), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trainer.run(at_step(1, twice))


def test_ctrl_c_has_its_exit_code(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = at_step(1, lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(TrainingProgress, "show", lambda self, *args: show(*args))
    arguments = [str(SMOKE), "--run", str(tmp_path), "--set", f"data.sources=['{photos}']"]
    assert train.main(arguments, standalone_mode=False) == INTERRUPTED
    assert (tmp_path / "checkpoint.pt").exists()


def test_progress_shows_speed_and_time_left_without_a_terminal_too(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("photochrom.cli.train._LINE_EVERY_S", 0.0)
    trainer = make_trainer(smoke(photos), tmp_path)
    trainer.position = Position(stage=1, images=24, stage_images=4)
    with TrainingProgress(bar=False) as progress:
        progress.show(trainer, 0.25, 8.0)
    line = "25.0%, finish (2 of 2): 8.0 images/s, 24 images, 0:00:02 left"
    assert capsys.readouterr().err.splitlines()[-1] == line
    with TrainingProgress(bar=True) as progress:
        progress.show(trainer, 1.0, 8.0)
        progress.show(trainer, 0.25, 8.0)  # the next stage starts anew


def stop_at(recipe: Recipe, run: Path, step: int) -> None:
    with pytest.raises(TrainingStopped):
        make_trainer(recipe, run).run(at_step(step, lambda: signal.raise_signal(signal.SIGTERM)))


@pytest.mark.long
def test_divergence_is_reported_and_a_lower_learning_rate_goes_on(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(smoke(photos), tmp_path, 2)
    saved_bytes = (tmp_path / "checkpoint.pt").read_bytes()
    trainer = make_trainer(smoke(photos), tmp_path)
    trainer.resume()
    with monkeypatch.context() as patch:
        patch.setattr(StageStep, "__call__", lambda *_: {"gradient_norm": float("nan")})
        with pytest.raises(InputError, match="gradient_norm is nan at step 3"):
            trainer.run(lambda *_: None)
    assert (tmp_path / "checkpoint.pt").read_bytes() == saved_bytes
    resume(smoke(photos, "stages.0.lr=1e-5"), tmp_path)
    rates = [float(row["lr"]) for row in read_losses(tmp_path) if row["stage"] == "regression"]
    assert rates[0] <= 1e-5


def test_a_checkpoint_of_another_recipe_is_refused(photos: Path, tmp_path: Path) -> None:
    stop_at(smoke(photos), tmp_path, 8)
    saved_bytes = smoke(photos)
    other_net = smoke(photos, "net.options.width_8=8")
    fewer = dataclasses.replace(saved_bytes, stages=saved_bytes.stages[:1])
    other_critic = smoke(photos, "critic.name=pixel")
    for recipe, message in (
        (other_net, "another network"),
        (fewer, "stands in stage 2"),
        (other_critic, "began with the critic 'patch'.* set critic.name=patch to go on"),
    ):
        with pytest.raises(InputError, match=message):
            make_trainer(recipe, tmp_path).resume()


def test_other_losses_than_the_checkpoints_are_refused(photos: Path, tmp_path: Path) -> None:
    stop_at(smoke(photos), tmp_path, 2)
    with pytest.raises(InputError, match="other losses"):
        make_trainer(smoke(photos, "stages.0.losses.gan=0.1"), tmp_path).resume()


def test_a_log_keeps_what_is_whole_and_not_after_the_checkpoint(tmp_path: Path) -> None:
    log = ScalarLog(tmp_path, "losses", 0)
    for step in (3, 6, 9):
        log.add(step, {"loss": step / 10}, "only")
    log.close()
    path = tmp_path / "losses.csv"
    path.write_bytes(path.read_bytes()[:-2].replace(b"9,only", b"1,only"))
    ScalarLog(tmp_path, "losses", 6).close()
    assert [row["step"] for row in read_losses(tmp_path)] == ["3", "6"]


class Unread(list[dict[str, str]]):
    """Rows that nobody goes through."""

    def __iter__(self) -> Iterator[dict[str, str]]:
        raise AssertionError("a row costs as much as all before it")


def test_a_row_of_a_long_log_costs_no_more_than_the_first(tmp_path: Path) -> None:
    log = ScalarLog(tmp_path, "losses", 0)
    log.add(1, {"loss": 0.5}, "only")
    log._rows = Unread(log._rows)
    log.add(2, {"loss": 0.25}, "only")
    log.close()
    assert [row["loss"] for row in read_losses(tmp_path)] == ["0.5", "0.25"]


def test_tensorboard_shows_the_step_of_the_checkpoint(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    for step in (0, 5):
        log = ScalarLog(tmp_path, "losses", step)
        for later in (5, 6):
            log.add(step + later, {"loss": 0.5}, "only")
        log.close()
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("loss")] == [5, 10, 11]


def test_time_left_counts_all_stages() -> None:
    stages = (Stage("a", images=100), Stage("b", minutes=2), Stage("c", images=50))
    assert seconds_left(stages, Position(stage_images=40), rate=10.0) == pytest.approx(6 + 120 + 5)
    halfway = Position(stage=1, stage_seconds=60)
    assert seconds_left(stages, halfway, rate=10.0) == pytest.approx(60 + 5)
    assert seconds_left(stages, Position(stage=3), rate=10.0) == 0


def plain_values(state: object) -> object:
    """A checkpoint's state with its tensors as lists, to compare; without the speed."""
    if isinstance(state, torch.Tensor):
        return state.tolist()
    if isinstance(state, dict):
        return {key: plain_values(value) for key, value in state.items() if key != "rate"}
    return [plain_values(value) for value in state] if isinstance(state, (list, tuple)) else state


def test_five_and_five_and_five_epochs_are_fifteen(
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Generator, critic, optimizers and tables, saved and loaded between; then nothing is left."""
    monkeypatch.setenv("PHOTOCHROM_DATA", str(photos))
    monkeypatch.setattr(Trainer, "_draw", lambda trainer: None)  # a second for each run
    small = [
        f"data.sources=['{photos}']", "data.validation=4", "stages.0.crop=32", "stages.0.batch=4",
        "net.options.levels=5", "net.options.width=4", "critic.options.width=4", "monitor.grid=0",
        "stages.0.ema=0.9", "monitor.log_steps=4",
    ]  # fmt: skip

    def train_epochs(run: str, epochs: int, *more: str) -> tuple[object, list[str]]:
        changes = [part for change in small for part in ("--set", change)]
        arguments = ["pix2pix", "--run", str(tmp_path / run), "--epochs", str(epochs), *changes]
        assert train.main([*arguments, "--threads", "1", *more], standalone_mode=False) == 0
        position, _, state = checkpoint.load(tmp_path / run / "checkpoint.pt")
        assert position.finished
        return plain_values([vars(position) | {"stage_seconds": 0}, state]), [
            line for line in capsys.readouterr().err.splitlines() if " run " in line
        ]

    whole, _ = train_epochs("whole", 15)
    train_epochs("parts", 5)
    _, lines = train_epochs("parts", 10, "--resume")
    assert lines == [
        "budget_epochs is 10, and was 5 when the run began (0: the recipe's own lengths); --epochs "
        "sets it",
        "the run had ended after 40 images; it goes on in stage 'gan', with its optimizers as they "
        "were",
    ]
    parts, _ = train_epochs("parts", 15, "--resume")
    assert parts == whole
    for table in ("losses", "epochs"):
        rows = [read_table(tmp_path / run / f"{table}.csv") for run in ("parts", "whole")]
        assert rows[0] == rows[1]
    assert [row["epoch"] for row in rows[0]] == [str(number) for number in range(1, 16)]
    parts, lines = train_epochs("parts", 15, "--resume")
    assert parts == whole
    assert lines == [
        "nothing is left to do: the run has seen 120 images, all that its recipe wants; --resume "
        "with more --epochs, --minutes or budget_images goes on"
    ]
