"""Recipes: unknown and senseless values are refused by name."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch

from photochrom.errors import RecipeError
from photochrom.tables import Range, is_table, table_keys
from photochrom.training.recipe.builtin import colorization_names, recipe_path
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Losses
from photochrom.training.recipe.toml import from_table, load_recipe, override, to_table, with_budget

RECIPES = colorization_names()


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


MINIMAL = """
[data]
sources = ["photos"]
[[stages]]
name = "only"
images = 10
"""


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_in_the_repository_loads_and_survives_a_checkpoint(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHROM_DATA", "photos")
    recipe = load_recipe(recipe_path(name))
    assert isinstance(recipe, Recipe)
    assert recipe.summary
    assert from_table(to_table(recipe)) == recipe


def test_file_names_start_at_the_recipes_folder(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, MINIMAL))
    assert recipe.data.sources == (str(tmp_path.resolve() / "photos"),)
    assert recipe.name == "recipe"


def test_file_names_of_the_command_line_start_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    path = write(tmp_path / "recipes", MINIMAL)
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(path, ['data.sources=["mine", "/theirs.zip"]', "net.start_from=old.pt"])
    here = tmp_path.resolve()
    assert recipe.data.sources == (str(here / "mine"), "/theirs.zip")
    assert recipe.net.start_from == str(here / "old.pt")


def test_environment_variables_stand_for_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, MINIMAL.replace('"photos"', '"$ALBUMS/1920"'))
    monkeypatch.delenv("ALBUMS", raising=False)
    with pytest.raises(RecipeError, match=r"\$ALBUMS/1920.*not set"):
        load_recipe(path)
    monkeypatch.setenv("ALBUMS", "/albums")
    assert load_recipe(path).data.sources == ("/albums/1920",)
    assert load_recipe(path, ["data.cache=$ALBUMS/cache"]).data.cache == "/albums/cache"


def numbers(kind: type) -> Iterator[tuple[str, Any, Any]]:
    """Dotted name, type and default of each number among a recipe's keys, in lists too."""
    for name, key in table_keys(kind).items():
        is_list = typing.get_origin(key.kind) is tuple
        inner = typing.get_args(key.kind)[0] if is_list else key.kind
        if is_table(inner):
            yield from ((f"{name}.{n}", *rest) for n, *rest in numbers(typing.cast(type, inner)))
            continue
        number = typing.get_args(inner)[0] if typing.get_origin(inner) is Annotated else inner
        if number in (int, float):
            defaults = key.default if isinstance(key.default, tuple) else (key.default,)
            yield from ((name, inner, default) for default in defaults)


def test_every_number_of_a_recipe_has_a_range_that_holds_its_default() -> None:
    found = list(numbers(Recipe))
    assert {"seed", "data.split_seed", "stages.betas", "stages.losses.l1_beta"} <= {
        name for name, *_ in found
    }
    for name, kind, default in found:
        assert typing.get_origin(kind) is Annotated, f"{name} has no range"
        (bounds,) = (part for part in typing.get_args(kind) if isinstance(part, Range))
        assert bounds.low <= default <= bounds.high, name


def test_keys_of_earlier_versions_still_load(tmp_path: Path) -> None:
    """As in files, with --set, and in checkpoints; a key under both names is refused."""
    old = "losses = { l1 = 0.5, colourfulness = 0.1 }"
    path = write(tmp_path, MINIMAL + old)
    recipe = load_recipe(path)
    assert recipe.stages[0].losses == Losses(l1=0.5, colorfulness=0.1)
    for key in ("colourfulness", "colorfulness"):
        changed = load_recipe(path, [f"stages.0.losses.{key}=0.3"])
        assert changed.stages[0].losses["colorfulness"] == 0.3
    whole = load_recipe(path, ["stages.0.losses={colourfulness=0.2}"])
    assert whole.stages[0].losses == Losses(colorfulness=0.2)
    table = to_table(recipe)
    losses = table["stages"][0]["losses"]
    losses["colourfulness"] = losses.pop("colorfulness")
    assert from_table(table) == recipe
    path = write(tmp_path, MINIMAL + old.replace("l1", "colorfulness"))
    with pytest.raises(RecipeError, match="colourfulness is the old name of colorfulness, which"):
        load_recipe(path)


def test_a_recipe_of_a_checkpoint_is_made_of_plain_values(tmp_path: Path) -> None:
    table = to_table(load_recipe(write(tmp_path, MINIMAL)))
    assert type(table["stages"][0]["losses"]) is dict
    torch.save(table, tmp_path / "table.pt")
    assert torch.load(tmp_path / "table.pt", weights_only=True) == table


def test_set_changes_one_value(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    recipe = load_recipe(
        path, ["stages.0.images=99", "stages.0.lr=1", "name=night", "data.limit=5"]
    )
    assert (recipe.stages[0].images, recipe.stages[0].lr) == (99, 1.0)
    assert (recipe.name, recipe.data.limit) == ("night", 5)


def test_a_value_of_python_is_the_same_value_of_the_recipe(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "data.weights": {"faces 1.zip": 0.0, 'a"b': 2.5},
        "data.sources": (Path("/one"), "/two"),
        "stages.0.losses": {"colorfulness": 0.5},
        "name": "großer \U0001f600",
    }
    recipe = load_recipe(
        write(tmp_path, MINIMAL), [override(key, value) for key, value in values.items()]
    )
    assert recipe.data.weights == values["data.weights"]
    assert recipe.data.sources == ("/one", "/two")
    assert recipe.stages[0].losses["colorfulness"] == 0.5
    assert recipe.name == values["name"]


def test_a_number_that_is_none_is_refused_as_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"stages\.0\.lr must be .*got nan"):
        load_recipe(write(tmp_path, MINIMAL), [override("stages.0.lr", float("nan"))])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stages.0.imagse=3", "stages.0.imagse"),
        ("stages.0.images=many", "stages.0.images must be int"),
        ("stages.7.images=3", "0..0"),
        ("data.sources=1", "data.sources must be a list"),
        ("precision=fp8", "precision must be one of"),
        ("stages.0.images=0", "exactly one of images"),
        ("stages.0.images=7 & stages.0.minutes=5", "exactly one of images"),
        ("stages.0.minutes=5 & seed=1 & stages.0.images=7", "exactly one of images"),
        ("rounds=2", "rounds is 2, and no stage is repeated"),
        ("budget_images=5", "budget_images is 5, and no stage has a share"),
        ("seed=-1", "seed must be between 0"),
        ("seed=4294967296", "seed must be between 0 and 4294967295, got 4294967296"),
        ("stages.0.losses.perceptual=1 & vgg_weights=", "perceptual sees features.*vgg_weights"),
        ("stages.0.losses.l1=0", "all losses of a stage are 0"),
        ("stages.0.losses.l2=-1", "stages.0.losses.l2 must be between 0"),
        ("stages.0.losses.lambda_l1=1", "losses.l1 and losses.lambda_l1 are the same loss"),
        ("stages.0.losses.l3=1", "unknown key stages.0.losses.l3; known keys here: l1, l1_beta"),
        ("net.options=5", "net.options must be a table, got 5"),
        ("net.options.gates=[1]", "net.options.gates must be int or float or bool or str, got"),
        ("nonsense", "key=value"),
        ("stages.0.batch=0", "stages.0.batch must be between 1"),
        ("stages.0.lr=nan", "stages.0.lr must be between 0"),
        ("stages.0.betas=[0.9, 1.0]", "stages.0.betas.1 must be between"),
        ("data.validation=0", "data.validation must be between 1"),
        ("data.sources=[]", "data.sources is empty"),
        ("monitor.log_steps=0", "monitor.log_steps"),
        ("hints.points=0.95", "their sum is at most 1"),
        ("augment.zoom_out=0.2", "zoom_in .* is above"),
        ("stages.0.name.x=3", "stages.0.name is a single value"),
    ],
)
def test_senseless_values_are_refused_by_name(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write(tmp_path, MINIMAL), override.split(" & "))


@pytest.mark.parametrize("length", ["images = 10", "minutes = 2.0", "share = 0.5"])
def test_a_length_that_is_set_takes_the_place_of_the_recipes(tmp_path: Path, length: str) -> None:
    budget = "budget_images = 8" if "share" in length else ""
    path = write(tmp_path, budget + MINIMAL.replace("images = 10", length))
    for key, images, minutes in (("minutes=5", 0, 5.0), ("images=7", 7, 0.0), ("epochs=2", 0, 0.0)):
        for again in ([], [f"stages.0.{key}"]):
            stage = load_recipe(path, [*again, f"stages.0.{key}"]).stages[0]
            assert (stage.images, stage.minutes) == (images, minutes)
    assert load_recipe(path, ["stages.0.share=0.1", "budget_images=50"]).stages[0].images == 5


def test_a_budget_wants_a_stage_with_a_share(tmp_path: Path) -> None:
    path = write(tmp_path, f"budget_images = 8\n{MINIMAL}")
    with pytest.raises(RecipeError, match="budget_images is 8, and no stage has a share"):
        load_recipe(path)
    assert load_recipe(path, ["stages.0.share=0.5"]).stages[0].images == 4


def test_stages_that_are_no_list_are_refused_with_a_budget_too(tmp_path: Path) -> None:
    begin = MINIMAL.partition("[[stages]]")[0]
    with pytest.raises(RecipeError, match="stages must be a list, got 5"):
        load_recipe(write(tmp_path, f"budget_images = 5\nstages = 5\n{begin}"))


def test_the_example_of_the_documentation_loads(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    example = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0]
    recipe = load_recipe(write(tmp_path, example))
    assert [stage.name for stage in recipe.stages] == ["regression", "finish"]


def test_missing_and_broken_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"absent\.toml"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(write(tmp_path, "a = = b"))
    with pytest.raises(RecipeError, match="lacks stages"):
        load_recipe(write(tmp_path, "[data]\nsources = []\n"))


@pytest.mark.parametrize(
    ("name", "changes", "minutes"),
    [
        ("photochrom-base", [], {"regression": 2.07, "regression-all": 3.06, "finish-192": 1.98,
                                 "finish-224": 1.89}),
        ("smoke", [], {"regression": 6.0, "finish": 3.0}),
        ("smoke", ["stages.0.minutes_share=0.2", "stages.1.minutes_share=0.1"],
         {"regression": 6.0, "finish": 3.0}),
        ("nogan", ["rounds=2"], {"generator": 4.5, "critic-1": 1.125, "gan-1": 1.125,
                                 "critic-2": 1.125, "gan-2": 1.125}),
        ("smoke", ["rounds=2", "stages.1.repeated=true"],
         {"regression": 4.5, "finish-1": 2.25, "finish-2": 2.25}),
        ("smoke", ["stages.0.minutes=2", "stages.1.minutes=1"], {"regression": 6.0, "finish": 3.0}),
    ],
)  # fmt: skip
def test_minutes_are_shared_out_among_the_stages(
    name: str, changes: list[str], minutes: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHROM_DATA", "photos")
    recipe = load_recipe(recipe_path(name), with_budget(changes, minutes=9.0))
    assert {stage.name: stage.minutes for stage in recipe.stages} == pytest.approx(minutes)
    assert all(stage.images == stage.share == 0 for stage in recipe.stages)
    assert from_table(to_table(recipe)) == recipe


def test_minutes_are_not_shared_out_among_different_units() -> None:
    with pytest.raises(RecipeError, match=r"budget_minutes is 9\.0.*different units"):
        load_recipe(recipe_path("smoke"), with_budget(["stages.0.minutes=5"], minutes=9.0))


def test_epochs_are_a_length_and_a_budget_that_is_shared_out() -> None:
    smoke = recipe_path("smoke")
    recipe = load_recipe(smoke, with_budget([], epochs=9))
    assert [(s.epochs, s.images) for s in recipe.stages] == [(6.0, 0), (3.0, 0)]
    own = load_recipe(smoke, ["stages.0.epochs=2.5"]).stages
    assert [(s.epochs, s.images) for s in own] == [(2.5, 0), (0.0, 32)]
    with pytest.raises(RecipeError, match=r"budget_epochs is 9\.0.*different units"):
        load_recipe(smoke, with_budget(["stages.0.epochs=5"], epochs=9))
    with pytest.raises(RecipeError, match="budget_minutes is 5 and budget_epochs 9"):
        load_recipe(smoke, ["budget_minutes=5", "budget_epochs=9"])
