"""Two processes train as one with the doubled batch, and hold the same weights."""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from fixtures.training import drawn_folder, read_losses
from torch import nn

from photochrom.cli import FAILED, OK, main
from photochrom.cli.train import TrainingProgress
from photochrom.errors import RecipeError
from photochrom.training import checkpoint
from photochrom.training import distributed as ranks
from photochrom.training.distributed import Ranks
from photochrom.training.loop import Trainer
from photochrom.training.models import Models
from photochrom.training.recipe.toml import load_recipe

pytestmark = pytest.mark.slow

# Networks without batch norm: its statistics are those of one process's batch.
RECIPE = """
name = "ranks"
summary = "a small GAN"
[data]
sources = ["photos"]
short_side = 32
validation = 2
[net]
name = "unet"
options = { levels = 2, width = 4, norm = "none", dropout = 0.0 }
[critic]
name = "pixel"
options = { width = 4, norm = "none" }
[[stages]]
name = "gan"
images = 32
crop = 16
batch = 8
lr = 1e-3
gan_mode = "bce"
critic_view = "crop"
losses = { l1 = 0.0, lambda_l1 = 100.0, gan = 1.0 }
[monitor]
log_steps = 1
grid = 0
"""
# Every process writes down what it holds at the end.
RANK = """
import os, sys, torch
from pathlib import Path
from photochrom.training.loop import Trainer
from photochrom.training.recipe.toml import load_recipe

folder = Path(sys.argv[1])
trainer = Trainer(load_recipe(folder / "r.toml", ["stages.0.batch=4"]), folder / "two",
                  report=lambda line: None, threads=1)
trainer.run(lambda *_: None)
torch.save(trainer._models.state_dict(), folder / f"rank{os.environ['RANK']}.pt")
"""


def run(*arguments: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of one process in one/, and of two, started by torchrun, in two/."""
    folder = tmp_path_factory.mktemp("ranks")
    drawn_folder(folder / "photos", 8)
    (folder / "r.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "rank.py").write_text(RANK, encoding="utf-8")
    run("-m", "photochrom", "train", str(folder / "r.toml"), "--run", str(folder / "one"))
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    run(*torchrun, str(folder / "rank.py"), str(folder))
    return folder


@pytest.mark.long
def test_both_processes_hold_the_same_weights(folder: Path) -> None:
    first, second = (torch.load(folder / f"rank{i}.pt", weights_only=True) for i in range(2))
    for name in ("net", "average", "critic"):
        for key, value in first[name].items():
            assert torch.equal(value, second[name][key]), key


@pytest.mark.long
def test_two_processes_learn_what_one_learns_from_the_doubled_batch(folder: Path) -> None:
    one_process, two_processes = read_losses(folder / "one"), read_losses(folder / "two")
    assert len(one_process) == len(two_processes) == 4
    for one, two in zip(one_process, two_processes):
        assert [one.pop("stage"), one.pop("images")] == [two.pop("stage"), two.pop("images")]
        # A young critic's scores are within rounding of 0, where accuracies jump.
        names = [name for name in one if not name.startswith("D_accuracy")]
        assert {name: float(two[name]) for name in names} == pytest.approx(
            {name: float(one[name]) for name in names}, rel=1e-3
        )
    states = [checkpoint.load(folder / name / "checkpoint.pt")[2] for name in ("one", "two")]
    for key, value in states[0]["average"].items():
        torch.testing.assert_close(states[1]["average"][key], value, atol=1e-4, rtol=1e-3)


def has_synchronized_norms(module: nn.Module) -> bool:
    return any(isinstance(part, nn.SyncBatchNorm) for part in module.modules())


@pytest.mark.parametrize(("mode", "critic"), [("bce", True), ("wgan-gp", False)])
def test_between_gpus_batch_norms_are_synchronised_but_not_those_of_the_average(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, critic: bool
) -> None:
    """The first process measures the average by itself: no other would answer it."""
    (tmp_path / "r.toml").write_text(RECIPE.replace('norm = "none"', 'norm = "batch"'))
    recipe = load_recipe(tmp_path / "r.toml", [f"stages.0.gan_mode={mode}"])
    monkeypatch.setattr(
        Ranks, "synchronize", lambda self, net: nn.SyncBatchNorm.convert_sync_batchnorm(net)
    )
    models = Models.from_recipe(recipe, Ranks())
    assert has_synchronized_norms(models.generator)
    assert not has_synchronized_norms(models.average)
    assert has_synchronized_norms(models.discriminator) is critic
    for key, value in models.generator.state_dict().items():
        assert torch.equal(value, models.average.state_dict()[key]), key


def test_the_others_wait_for_hours_while_the_first_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {}
    monkeypatch.setenv("WORLD_SIZE", "2")
    store = dist.HashStore()  # type: ignore[attr-defined]
    monkeypatch.setattr(ranks, "rendezvous", lambda *_, **__: iter([(store, 0, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda _backend, **given: options.update(given))
    assert Ranks().world_size == 2
    assert options["timeout"] >= timedelta(hours=12)
    assert options["store"].timeout >= timedelta(hours=12)


@pytest.mark.parametrize("rank", ["0", "1"])
def test_one_that_waits_in_vain_for_the_others_gives_up_soon(
    monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    assert timedelta(minutes=1) <= ranks._JOIN_TIMEOUT <= timedelta(minutes=30)
    monkeypatch.setattr(ranks, "_JOIN_TIMEOUT", timedelta(seconds=1))
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = str(server.getsockname()[1])
    where = {"WORLD_SIZE": "2", "RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free}
    for name, value in where.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RecipeError, match="cannot join the 2 processes of this run"):
        Ranks()


def test_another_method_learns_in_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "digits-naive", "--run", str(tmp_path / "run")]) == FAILED
    assert "digits-naive learns in one process" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("is_first", [True, False])
def test_only_the_first_shows_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    bars: list[bool] = []

    class Bar(TrainingProgress):
        def __init__(self, bar: bool) -> None:
            bars.append(bar)
            super().__init__(bar=False)

    monkeypatch.setattr(importlib.import_module("photochrom.cli.train"), "TrainingProgress", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(Trainer, "is_first", is_first)
    monkeypatch.setattr(Trainer, "run", lambda self, progress: None)
    drawn_folder(tmp_path / "photos", 8)
    (tmp_path / "r.toml").write_text(RECIPE, encoding="utf-8")
    assert main(["train", str(tmp_path / "r.toml"), "--run", str(tmp_path / "run")]) == OK
    assert bars == [is_first]


@pytest.mark.long
def test_only_the_first_writes(folder: Path) -> None:
    epochs = (folder / "two" / "epochs.csv").read_text(encoding="utf-8").splitlines()
    assert len(epochs) == 1 + len({line.split(",")[0] for line in epochs[1:]})
    assert json.loads(next((folder / "two" / "cache").glob("*.json")).read_text())["names"]
