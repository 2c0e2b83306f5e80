"""Stages as a recipe plans them: shares of a budget, rounds, saved pictures, kept weights."""

from __future__ import annotations

import csv
import importlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.training import drawn_folder

from photochrom.cli import FAILED, OK, USAGE, main
from photochrom.color.bins import ColorBins
from photochrom.errors import InputError, RecipeError
from photochrom.nets import build
from photochrom.nets.discriminators import build_discriminator
from photochrom.training import checkpoint, loop
from photochrom.training.data import bin_prior as prior
from photochrom.training.interrupts import TrainingStopped
from photochrom.training.loop import Trainer
from photochrom.training.optimizers import Optimizers
from photochrom.training.recipe.builtin import (
    colorization_names,
    recipe_names,
    recipe_path,
    recipe_table,
)
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import from_table, load_recipe, to_table
from photochrom.training.weights import load_average

pytestmark = pytest.mark.slow

NOGAN = """
name = "tiny-nogan"
summary = "generator, critic on saved pictures, both"
budget_images = 32
rounds = 2
[data]
sources = ["photos"]
short_side = 32
validation = 2
[net]
name = "unet"
options = { levels = 2, width = 4 }
[critic]
name = "pixel"
options = { width = 4 }
[[stages]]
name = "generator"
share = 0.25
crop = 16
batch = 4
[[stages]]
name = "critic"
repeated = true
share = 0.5
crop = 16
batch = 4
critic_alone = 1.0
saved_pictures = 6
gan_mode = "bce"
losses = { gan = 1.0 }
[[stages]]
name = "gan"
repeated = true
share = 0.25
crop = 16
batch = 2
gan_mode = "bce"
keep_every_images = 4
keep_network = true
losses = { gan = 1.0 }
[monitor]
log_steps = 1
epoch_images = 8
grid = 0
"""


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    drawn_folder(folder / "photos", 8)
    (folder / "nogan.toml").write_text(NOGAN, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def recipe(folder: Path) -> Recipe:
    return load_recipe(folder / "nogan.toml")


@pytest.fixture(scope="module")
def finished_run(folder: Path, recipe: Recipe) -> Path:
    Trainer(recipe, folder / "run", report=lambda _: None, threads=1).run(lambda *_: None)
    return folder / "run"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_shares_and_rounds_are_written_out(recipe: Recipe) -> None:
    planned = [(stage.name, stage.images) for stage in recipe.stages]
    assert planned == [
        ("generator", 8), ("critic-1", 8), ("gan-1", 4), ("critic-2", 8), ("gan-2", 4),
    ]  # fmt: skip
    assert from_table(to_table(recipe)) == recipe


@pytest.mark.parametrize("name", sorted(set(colorization_names()) - {"smoke"}))
def test_shipped_recipes_tell_paper_and_cost_and_fit_their_budget(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHROM_DATA", "absent")
    path = recipe_path(name)
    shared = any("share" in stage for stage in recipe_table(name)["stages"])
    recipe = load_recipe(path, ["budget_images=4000"] if shared else [])
    if shared:
        assert sum(stage.images for stage in recipe.stages) == 4000
        assert recipe.paper
        assert recipe.cost


def test_the_critic_learns_from_saved_pictures_alone(finished_run: Path) -> None:
    for round_ in (1, 2):
        saved = sorted(
            path.name for path in (finished_run / "saved" / f"critic-{round_}").iterdir()
        )
        assert saved == [f"{i:06d}.png" for i in range(6)]
    by_stage = {row["stage"]: row for row in rows(finished_run / "losses.csv")}
    assert by_stage["critic-1"]["loss_G"] == ""
    assert by_stage["critic-1"]["loss_D_real"] != ""
    assert by_stage["gan-2"]["loss_G"] != ""


def test_weights_are_kept_along_the_way_and_load(finished_run: Path) -> None:
    kept = sorted(path.name for path in (finished_run / "kept").iterdir())
    assert kept == ["step-0000004.pt", "step-0000006.pt", "step-0000008.pt", "step-0000010.pt"]
    _, net, position = load_average(finished_run / "kept" / kept[-1])
    _, last, _ = load_average(finished_run / "checkpoint.pt")
    assert position.step == 10
    for a, b in zip(net.parameters(), last.parameters(), strict=True):
        assert torch.equal(a, b)


def test_no_kept_weights_are_ahead_of_where_a_run_goes_on(folder: Path) -> None:
    recipe = load_recipe(folder / "nogan.toml", ["stages.2.keep_every_images=2"])
    run = folder / "ended"

    def end(trainer: Trainer, *_: float) -> None:
        if trainer.position.step == 10:
            raise MemoryError

    with pytest.raises(MemoryError):
        Trainer(recipe, run, report=lambda _: None, threads=1).run(end)
    last = max((run / "kept").iterdir())
    assert checkpoint.load(run / "checkpoint.pt")[0].step == 9 == checkpoint.load(last)[0].step


def test_the_network_of_a_stage_is_kept_by_its_name(finished_run: Path) -> None:
    kept = sorted(path.name for path in (finished_run / "stages").iterdir())
    assert kept == ["gan-1.pt", "gan-2.pt"]
    (_, first, at), (_, last, _) = (load_average(finished_run / "stages" / name) for name in kept)
    _, final, _ = load_average(finished_run / "checkpoint.pt")
    assert at.images == 20
    assert not torch.equal(next(first.parameters()), next(last.parameters()))
    for a, b in zip(last.state_dict().values(), final.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_a_stage_can_be_left_out(folder: Path, finished_run: Path) -> None:
    path = folder / "nogan.toml"
    short = load_recipe(path, ['leave_out=["critic"]'])
    planned = [(stage.name, stage.images) for stage in short.stages]
    assert planned == [("generator", 8), ("gan-1", 4), ("gan-2", 4)]
    assert from_table(to_table(short)) == short
    by_epochs = load_recipe(path, ['leave_out=["critic", "gan"]', "rounds=1", "budget_epochs=3"])
    assert [(stage.name, stage.epochs) for stage in by_epochs.stages] == [("generator", 3.0)]
    with pytest.raises(RecipeError, match="'gans', which is none of the recipe's: generator, cri"):
        load_recipe(path, ['leave_out=["gans"]'])
    with pytest.raises(RecipeError, match="nothing would be trained"):
        load_recipe(path, ['leave_out=["generator", "critic", "gan"]'])
    lines: list[str] = []
    trainer = Trainer(short, finished_run, report=lines.append, threads=1)
    assert "stage 'critic' is left out" in lines
    with pytest.raises(InputError, match=r"began with leave_out=\[\].*has \['critic'\]"):
        trainer.resume()


def test_every_epoch_has_a_row_of_mean_losses(finished_run: Path) -> None:
    epochs = rows(finished_run / "epochs.csv")
    assert [(row["stage"], row["epoch"], row["images"]) for row in epochs] == [
        ("generator", "1", "8"), ("critic-1", "2", "16"), ("gan-1", "3", "20"),
        ("critic-2", "3", "24"), ("critic-2", "4", "28"), ("gan-2", "4", "32"),
    ]  # fmt: skip
    steps = [row for row in rows(finished_run / "losses.csv") if row["stage"] == "gan-1"]
    means = [row for row in epochs if row["stage"] == "gan-1"]
    for key in ("loss_D_real", "loss_D_fake", "loss_D", "loss_G_GAN", "loss_G_L1", "loss_G"):
        mean = np.mean([float(row[key]) for row in steps])
        assert float(means[0][key]) == pytest.approx(mean, rel=1e-4), key


def test_a_run_stopped_among_saved_pictures_goes_on_to_the_same_losses(
    folder: Path, recipe: Recipe, finished_run: Path
) -> None:
    def stop(trainer: Trainer, *_: float) -> None:
        if trainer.position.step == 3:
            signal.raise_signal(signal.SIGTERM)

    run = folder / "again"
    with pytest.raises(TrainingStopped):
        Trainer(recipe, run, report=lambda _: None, threads=1).run(stop)
    (run / "saved" / "critic-1" / "000005.png").unlink()
    trainer = Trainer(recipe, run, report=lambda _: None, threads=1)
    trainer.resume()
    trainer.run(lambda *_: None)
    for name in ("losses.csv", "epochs.csv"):
        ours, theirs = (
            [{k: v for k, v in row.items() if k != "images_per_s"} for row in rows(at / name)]
            for at in (run, finished_run)
        )
        assert ours == theirs


@pytest.mark.long
def test_a_seed_makes_a_run_again(folder: Path, recipe: Recipe, finished_run: Path) -> None:
    run = folder / "twin"
    Trainer(recipe, run, report=lambda _: None, threads=1).run(lambda *_: None)
    _, ours, _ = load_average(run / "checkpoint.pt")
    _, theirs, _ = load_average(finished_run / "checkpoint.pt")
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.long
def test_a_stage_can_start_parts_of_the_network_anew(
    folder: Path, recipe: Recipe, finished_run: Path
) -> None:
    plain = replace(recipe.stages[0], name="more", images=4, lr=0.0, weight_decay=0.0, ema=0.0)
    anew = replace(plain, name="anew", renew=("down.0",))
    nets = {}
    for stage in (plain, anew):
        run = folder / stage.name
        shutil.copytree(finished_run, run)
        more = replace(recipe, stages=(*recipe.stages, stage))
        trainer = Trainer(more, run, report=lambda _: None, threads=1)
        trainer.resume()
        trainer.run(lambda *_: None)
        nets[stage.name] = load_average(run / "checkpoint.pt")[1].state_dict()
    changed = {k for k, v in nets["more"].items() if not torch.equal(v, nets["anew"][k])}
    assert any(k.startswith("down.0") and k.endswith("weight") for k in changed)
    assert all(k.startswith("down.0") or "running" in k for k in changed)


def test_a_part_that_is_frozen_keeps_no_gradient_of_an_earlier_stage() -> None:
    net, critic = build("unet", {"levels": 2, "width": 2}), build_discriminator("pixel", {})
    Optimizers(Stage("all", images=1), net, critic)
    torch.autograd.backward([net(torch.zeros(1, 4, 8, 8)).ab.sum()])
    Optimizers(Stage("some", images=1, freeze=("down",)), net, critic)
    assert all(part.grad is None for part in net.get_submodule("down").parameters())


@pytest.mark.parametrize(
    ("key", "names", "message"),
    [
        ("renew", ("absent",), "renew names 'absent'"),
        ("freeze", ("absent",), "freeze names 'absent'"),
        ("freeze", ("",), "freezes the whole network"),
    ],
)
def test_parts_that_are_not_there_are_refused_before_any_work(
    folder: Path, recipe: Recipe, key: str, names: tuple[str, ...], message: str
) -> None:
    stage = replace(recipe.stages[-1], **{key: names})  # type: ignore[arg-type]
    photos = replace(recipe.data, sources=(str(folder / "no-photos"),))
    odd = replace(recipe, data=photos, stages=(*recipe.stages[:-1], stage))
    with pytest.raises(RecipeError, match=message):
        Trainer(odd, folder / "odd", report=lambda _: None, threads=1)


def test_a_bad_prior_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "prior.json").write_text("{}", encoding="utf-8")
    changes = [
        f"data.sources=['{tmp_path / 'no-photos'}']", "net.options.width=2",
        f"classes_prior={tmp_path / 'prior.json'}",
    ]  # fmt: skip
    recipe = load_recipe(recipe_path("classification"), changes)
    with pytest.raises(InputError, match="not a prior"):
        Trainer(recipe, tmp_path / "run", report=lambda _: None, threads=1)


@pytest.mark.parametrize(
    ("images", "step", "numbers"), [(16, 4, ["1", "2", "3"]), (9, 3, ["1", "2"])]
)
def test_an_epoch_that_a_step_does_not_divide_has_its_own_number(
    folder: Path, recipe: Recipe, images: int, step: int, numbers: list[str]
) -> None:
    """Epochs of 5 pictures end with the first step that reaches them, the last with the stage."""
    stage = replace(recipe.stages[0], images=images, batch=step)
    monitor = replace(recipe.monitor, epoch_images=5)
    run = folder / f"epochs-{step}"
    other = replace(recipe, stages=(stage,), monitor=monitor)
    Trainer(other, run, report=lambda _: None, threads=1).run(lambda *_: None)
    assert [row["epoch"] for row in rows(run / "epochs.csv")] == numbers


def test_saved_pictures_want_a_critic_alone(folder: Path) -> None:
    with pytest.raises(RecipeError, match="critic alone"):
        load_recipe(folder / "nogan.toml", ["stages.1.critic_alone=0.5"])


def test_the_list_names_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--list"]) == OK
    output = capsys.readouterr().out
    assert all(f"{name}: " in output for name in recipe_names())
    assert "paper: Isola et al." in output
    assert main(["train", "pix2pixx"]) == FAILED
    assert "did you mean 'pix2pix'?" in capsys.readouterr().err


def test_the_list_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from photochrom.cli import main; sys.exit(main(['train', '--list']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == OK, done.stderr
    assert "pix2pix: " in done.stdout


def test_own_photos_are_not_called_the_recipes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_data: list[str] = []

    def fake_train(recipe: Recipe, *_rest: object) -> int:
        training_data.append(recipe.export.training_data)
        return OK

    # By its name: as an attribute, `photochrom.cli.train` is the command.
    monkeypatch.setattr(importlib.import_module("photochrom.cli.train"), "_train", fake_train)
    photos = str(folder / "photos")
    assert main(["train", "photochrom-base", "--data", photos]) == OK
    mine = ["--set", "export.training_data=my album"]
    assert main(["train", "photochrom-base", "--data", photos, *mine]) == OK
    assert training_data == ["", "my album"]


def test_minutes_take_the_place_of_the_recipes_lengths(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[list[float]] = []

    def fake_train(recipe: Recipe, *_rest: object) -> int:
        lengths.append([stage.minutes for stage in recipe.stages])
        return OK

    monkeypatch.setattr(importlib.import_module("photochrom.cli.train"), "_train", fake_train)
    run = ["train", "smoke", "--data", str(folder / "photos")]
    assert main([*run, "--minutes", "1.5"]) == OK
    assert lengths == [pytest.approx([1.0, 0.5])]
    assert main([*run, "--minutes", "0"]) == USAGE


def test_own_photos_may_lie_in_a_folder_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: list[tuple[str, ...]] = []

    def fake_train(recipe: Recipe, *_rest: object) -> int:
        sources.append(recipe.data.sources)
        return OK

    monkeypatch.setattr(importlib.import_module("photochrom.cli.train"), "_train", fake_train)
    photos = tmp_path / 'Grüße "🌅"'
    photos.mkdir()
    assert main(["train", "smoke", "--data", str(photos)]) == OK
    assert sources == [(str(photos),)]


def test_a_prior_is_counted_written_and_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "prior.json"
    more = ["--set", "data.validation=2", "--set", "net.options.width=2"]
    arguments = ["train", "classification", "--data", str(folder / "photos"), *more]
    assert main([*arguments, "--prior", str(out)]) == OK
    assert "6 photos, 313 colour bins" in capsys.readouterr().out
    table = json.loads(out.read_text(encoding="utf-8"))
    bins = ColorBins(np.array(table["centres"], np.float32))
    shares = prior.load_prior(out, bins)
    assert shares.sum() == pytest.approx(1)
    blue = int(np.argmin(((bins.centres - (0, -40)) ** 2).sum(axis=1)))
    assert shares[blue] > 5 / len(bins)  # half of each drawn photo is sky
    with pytest.raises(RecipeError, match="other bins"):
        prior.load_prior(out, ColorBins.in_gamut(step=20))
    out.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not a prior"):
        prior.load_prior(out, bins)


def test_a_joint_stage_says_in_how_many_steps_the_generator_learnt() -> None:
    stage = Stage("gan", images=4, generator_waits=0.65)
    assert loop._waiting(stage, 3, 4) == "gan: the generator learnt in 3 of 4 steps"
    assert loop._waiting(stage, 0, 4) == (
        "gan: the generator learnt in 0 of 4 steps, as loss_D was never below generator_waits "
        "(0.65): the network is what it was before this stage. Train the critic longer beforehand, "
        "or raise generator_waits"
    )
