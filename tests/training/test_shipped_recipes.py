"""Every recipe trains on own photos with what a fresh install has: no variable, no download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.training import drawn_folder, read_losses

from photochrom.nets import build
from photochrom.training.loop import Trainer
from photochrom.training.recipe.builtin import colorization_names, recipe_path
from photochrom.training.recipe.toml import load_recipe, with_sources

VARIABLES = ("PHOTOCHROM_DATA", "PHOTOCHROM_WEIGHTS", "PHOTOCHROM_LPIPS", "PHOTOCHROM_CACHE")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("photos"), 8)


@pytest.mark.long
@pytest.mark.parametrize("name", colorization_names())
def test_a_recipe_trains_one_step_of_each_stage(
    name: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    small = ["data.validation=2", "data.short_side=64", "monitor.log_steps=1", "monitor.grid=0"]
    recipe = load_recipe(recipe_path(name), with_sources(small, [photos]))
    crop = max(64, build(recipe.net.name, recipe.net.options).multiple_of)
    stages = tuple(
        replace(stage, images=2, minutes=0.0, crop=crop, loss_side=64, batch=2, accumulate=1,
                critic_alone=float(stage.critic_alone == 1), generator_waits=0.0,
                saved_pictures=min(stage.saved_pictures, 2))
        for stage in recipe.stages
    )  # fmt: skip
    run = tmp_path / "run"
    Trainer(replace(recipe, stages=stages), run, report=lambda _: None).run(lambda *_: None)
    steps = read_losses(run)
    assert [row["stage"] for row in steps] == [stage.name for stage in stages]
