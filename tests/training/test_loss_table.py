"""A loss is one row of `LOSSES`: all that deals with losses knows it from there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from fixtures.docs import load_generator
from fixtures.training import drawn_folder, read_losses
from torch import Tensor

import photochrom
from photochrom.cli import FAILED, main
from photochrom.errors import RecipeError
from photochrom.tables import Range
from photochrom.training.loop import Trainer
from photochrom.training.losses.terms import LOSSES, Loss, LossNumber
from photochrom.training.recipe.stage import Losses
from photochrom.training.recipe.toml import from_table, load_recipe, to_table

RECIPE = """
[data]
sources = ["photos"]
short_side = 32
validation = 2
[net]
name = "unet"
options = { levels = 2, width = 4 }
[[stages]]
name = "only"
images = 8
crop = 16
batch = 4
losses = { l1 = 0.0, charbonnier = 2.0 }
[monitor]
log_steps = 1
epoch_images = 8
grid = 0
"""


def charbonnier(ab: Tensor, true_ab: Tensor, epsilon: float) -> Tensor:
    return ((ab - true_ab).square() + epsilon**2).sqrt().mean()


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Loss:
    """A loss that is not there, but for one row."""
    epsilon = LossNumber(1e-3, Range(1e-6, 10.0), "Where it turns from square to line.")
    row = Loss(
        charbonnier,
        sees="ab",
        unit="CIELAB units",
        doc="Charbonnier et al. (ICIP 1994).",
        log_name="charbonnier",
        range=Range(0.0, 50.0),
        options={"epsilon": epsilon},
    )
    monkeypatch.setitem(LOSSES, "charbonnier", row)
    return row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    drawn_folder(tmp_path / "photos", 6)
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.mark.usefixtures("row")
def test_the_recipe_reader_knows_a_new_loss_its_options_and_its_ranges(path: Path) -> None:
    recipe = load_recipe(path)
    losses = recipe.stages[0].losses
    assert losses.active() == ["charbonnier"]  # alone it is enough to learn by
    assert (losses["charbonnier"], losses["charbonnier_epsilon"]) == (2.0, 1e-3)
    assert from_table(to_table(recipe)) == recipe
    for setting, message in (
        ("charbonnier=-3.0", "losses.charbonnier must be between 0 and 50, got -3"),
        ("charbonnier=51", "losses.charbonnier must be between 0 and 50"),
        ("charbonnier_epsilon=0", "losses.charbonnier_epsilon must be between 1e-06 and 10"),
        ("charbonnier=0", "all losses of a stage are 0"),
    ):
        with pytest.raises(RecipeError, match=message):
            load_recipe(path, [f"stages.0.losses.{setting}"])


@pytest.mark.usefixtures("row")
def test_the_command_line_and_python_know_a_new_loss_and_its_range(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = "stages.0.losses.charbonnier must be between 0 and 50, got 51"
    key, run = "stages.0.losses.charbonnier", tmp_path / "run"
    assert main(["train", str(path), "--run", str(run), "--set", f"{key}=51"]) == FAILED
    assert message in capsys.readouterr().err
    with pytest.raises(RecipeError, match=message):
        photochrom.train(path, run=run, settings={key: 51})


@pytest.mark.slow
@pytest.mark.usefixtures("row")
def test_the_step_learns_by_a_new_loss_and_the_logs_show_it(path: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    recipe = load_recipe(path)
    Trainer(recipe, tmp_path / "run", report=lines.append, threads=1).run(lambda *_: None)
    rows = read_losses(tmp_path / "run")
    values = [float(row["loss_G_charbonnier"]) for row in rows]
    assert [float(row["loss_G"]) for row in rows] == pytest.approx(
        [2 * v for v in values], rel=1e-4
    )
    assert values[0] > 1
    assert all(float(row["gradient_norm"]) > 0 for row in rows)
    assert "loss_G_charbonnier" in (tmp_path / "run" / "epochs.csv").read_text(encoding="utf-8")
    assert any("loss_G_charbonnier" in line for line in lines if line.startswith("epoch"))


@pytest.mark.usefixtures("row")
def test_the_documentation_has_a_row_for_a_new_loss_and_for_its_option() -> None:
    page = load_generator().recipes_page()
    assert (
        "| `charbonnier` | `float` | 0 to 50 | `0.0` | "
        "Charbonnier et al. (ICIP 1994). Unit: CIELAB units. |" in page
    )
    assert "| `charbonnier_epsilon` | `float` | 1e-06 to 10 | `0.001` | Where it turns" in page


def test_what_a_new_loss_sees_is_asked_of_the_recipe_by_its_name(
    row: Loss, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOSSES, "charbonnier", dataclasses.replace(row, sees="features"))
    with pytest.raises(RecipeError, match=r"losses.charbonnier sees features.*set vgg_weights"):
        load_recipe(path, ["vgg_weights="])
    monkeypatch.setitem(LOSSES, "charbonnier", dataclasses.replace(row, sees="logits"))
    with pytest.raises(RecipeError, match=r"no classification head; set losses.charbonnier = 0"):
        Trainer(load_recipe(path), tmp_path / "run", report=lambda _: None, threads=1)
    assert not load_recipe(path).stages[0].adversarial
    monkeypatch.setitem(LOSSES, "charbonnier", dataclasses.replace(row, sees="scores"))
    assert load_recipe(path).stages[0].adversarial


def test_every_loss_has_a_range_a_unit_and_a_description() -> None:
    for name, loss in LOSSES.items():
        assert loss.range.low <= loss.default <= loss.range.high, name
        assert loss.unit, name
        assert loss.doc.endswith("."), name
        for number in loss.options.values():
            assert number.range.low <= number.default <= number.range.high, name


def test_losses_refuse_what_is_none_of_them() -> None:
    with pytest.raises(RecipeError, match=r"there is no losses.l3; known ones: l1, l1_beta"):
        Losses(l3=1.0)
