"""Grey pictures beside those in colour: who sees them, what is made of them, and resuming."""

from __future__ import annotations

import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fixtures.training import drawn_folder, drawn_photo, read_losses

from photochrom.errors import InputError, RecipeError
from photochrom.nets.contract import ColorNet
from photochrom.nets.discriminators import DISCRIMINATORS, build_discriminator
from photochrom.training.data.held_out import without_held_out
from photochrom.training.interrupts import TrainingStopped
from photochrom.training.loop import Trainer
from photochrom.training.losses.terms import feature_matching
from photochrom.training.recipe.recipe import DataRecipe, Monitor, NetRecipe, Recipe
from photochrom.training.recipe.stage import Losses, Stage
from photochrom.training.recipe.toml import load_recipe, with_sources

pytestmark = pytest.mark.slow


def make_recipe(folder: Path, grey: Path | None, losses: Losses) -> Recipe:
    stages = (
        Stage("colors", images=4, crop=16, batch=2, losses=Losses(l1=1.0)),
        Stage("both", images=8, crop=16, batch=2, loss_side=16, losses=losses),
    )
    return Recipe(
        DataRecipe(
            (str(folder),), grey=str(grey) if grey else "", validation=2, short_side=32
        ),
        stages, name="test", monitor=Monitor(grid=0, log_steps=1),
        net=NetRecipe("unet", options={"levels": 4, "width": 4}),
    )  # fmt: skip


def grey_folder(folder: Path) -> Path:
    folder.mkdir()
    for seed in range(4):
        cv2.imwrite(str(folder / f"{seed}.png"), drawn_photo(seed, 40, 40)[..., 0])
    return folder


def test_matching_is_the_squared_distance_of_mean_features() -> None:
    features = torch.tensor([[1.0, 3.0], [2.0, 2.0]])[:, :, None, None]  # means 1.5 and 2.5
    true = torch.tensor([[[[0.0, 1.0]], [[2.0, 4.0]]]])  # means 0.5 and 3
    assert float(feature_matching(features, true)) == pytest.approx(1.0 + 0.25)


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_a_critics_scores_follow_from_its_features(name: str) -> None:
    torch.manual_seed(0)
    small = {"projected": {"width": 8}, "nogan": {"width": 8, "blocks": 1}}
    critic = build_discriminator(name, small.get(name, {"width": 8})).eval()
    pictures = torch.rand(2, 3, 64, 64) * 50
    with torch.no_grad():
        features, scores = critic.features(pictures), critic(pictures)
    assert features.ndim == 4
    assert len(features) == 2
    if name != "projected":  # which has four last layers
        last = critic.body[-1]  # type: ignore[index]
        assert torch.equal(last(features), scores)  # type: ignore[operator]


def test_grey_pictures_are_seen_by_stages_with_a_critic_and_runs_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, grey = drawn_folder(tmp_path / "photos", 6), grey_folder(tmp_path / "grey")
    losses = Losses(l1=1.0, gan=0.1, feature_matching=1.0)
    sizes: list[int] = []
    forward = ColorNet.__call__

    def watch(net: ColorNet, x: torch.Tensor) -> object:
        if net.training:
            sizes.append(len(x))
            if len(x) == 4:
                assert not x[2:, 1:].any()  # no hints, and none that say grey
        return forward(net, x)

    monkeypatch.setattr(ColorNet, "__call__", watch)
    monkeypatch.setattr(Trainer, "_draw", lambda _: None)  # plots take longer than all else
    recipe = make_recipe(folder, grey, losses)
    Trainer(recipe, tmp_path / "whole", lambda _: None).run(lambda *_: None)
    assert sizes == [2, 2, 4, 4, 4, 4]
    whole = read_losses(tmp_path / "whole")
    assert all(float(row["loss_G_matching"]) > 0 for row in whole if row["stage"] == "both")
    assert all(np.isfinite(float(row["loss_G"])) for row in whole)

    def stop(trainer: Trainer, *_: float) -> None:
        if trainer.position.step == 3:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(TrainingStopped):
        Trainer(recipe, tmp_path / "parts", lambda _: None).run(stop)
    resumed = Trainer(recipe, tmp_path / "parts", lambda _: None)
    resumed.resume()
    resumed.run(lambda *_: None)
    assert read_losses(tmp_path / "parts") == whole


def test_what_is_held_out_is_not_seen_in_grey_either(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 6)
    lines: list[str] = []
    trainer = Trainer(make_recipe(folder, folder, Losses(gan=0.1)), tmp_path / "run", lines.append)
    assert "4 photos are learned from in grey alone" in lines
    held_out = trainer._data.validation_photos
    assert len(held_out) == 2
    with pytest.raises(InputError, match=r"all 2 pictures of data\.grey are held out"):
        without_held_out(held_out, held_out)


def test_grey_pictures_without_a_critic_or_that_are_absent_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drawn_folder(tmp_path / "photos", 4)
    with pytest.raises(RecipeError, match="no stage has a critic"):
        make_recipe(folder, folder, Losses(l1=1.0))
    (tmp_path / "empty").mkdir()
    for name, message in (("absent", "no training photos at"), ("empty", "no usable picture in")):
        recipe = make_recipe(folder, tmp_path / name, Losses(l1=1.0, gan=0.1))
        with pytest.raises(InputError, match=message):
            Trainer(recipe, tmp_path / "run", lambda _: None)
    text = '[data]\nsources = ["a"]\ngrey = "more"\n[[stages]]\nname = "x"\nimages = 4\n'
    (tmp_path / "r.toml").write_text(text + "losses = { gan = 0.1 }\n")
    assert load_recipe(tmp_path / "r.toml").data.grey == str((tmp_path / "more").resolve())
    monkeypatch.chdir(tmp_path)
    other = load_recipe(tmp_path / "r.toml", ["data.grey=mine"])
    assert other.data.grey == str(tmp_path / "mine")
    # Pictures of one's own in place of the recipe's come without its grey ones.
    assert load_recipe(tmp_path / "r.toml", with_sources((), [folder])).data.grey == ""
