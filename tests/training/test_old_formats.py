"""Recipes and checkpoints that version 0.2.0 wrote still load, resume and export."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fixtures.training import drawn_folder, read_losses

from photochrom.engine import load
from photochrom.training import checkpoint
from photochrom.training.export import export
from photochrom.training.loop import Trainer
from photochrom.training.recipe.toml import from_table, load_recipe

pytestmark = pytest.mark.slow

FILES = Path(__file__).parent / "files"
CHECKPOINT = FILES / "checkpoint-0.2.0.pt"
"""Written by 0.2.0 after 3 of the 6 steps of its recipe beside it, on 24 drawn photos."""
RECIPE = FILES / "recipe-0.2.0.toml"
LOSS_G = (3.17616, 3.0712, 2.95414)
"""What the other three lose, on the views that are drawn today; 0.2.0 drew others."""


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_run_of_0_2_0_goes_on(tmp_path: Path) -> None:
    photos = drawn_folder(tmp_path / "photos")
    recipe = load_recipe(RECIPE, [f"data.sources=['{photos}']"])
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(CHECKPOINT, run / "checkpoint.pt")
    trainer = Trainer(recipe, run, report=lambda _: None, threads=1)
    trainer.resume()
    trainer.run(lambda *_: None)
    rows = read_losses(run)
    assert [row["step"] for row in rows] == ["4", "5", "6"]
    assert [float(row["loss_G"]) for row in rows] == pytest.approx(LOSS_G, rel=1e-3)
    assert all(float(row["loss_G_colourfulness"]) > 0 for row in rows)


def test_the_recipe_in_a_checkpoint_of_0_2_0_is_read_as_its_file() -> None:
    _, table, _ = checkpoint.load(CHECKPOINT)
    losses = from_table(table).stages[0].losses
    assert losses == load_recipe(RECIPE).stages[0].losses
    assert losses["colorfulness"] == 0.1


def test_a_checkpoint_of_0_2_0_is_exported(tmp_path: Path) -> None:
    export(CHECKPOINT, tmp_path / "model.onnx")
    network = load(tmp_path / "model.onnx", device="cpu")
    assert network.card.name == "old"
    assert network.card.training_data == "photos"
