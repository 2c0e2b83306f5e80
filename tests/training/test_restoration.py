"""A network learns to see scratches and dust, and is a file that `photochrom restore` takes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fixtures.training import drawn_folder, drawn_photo

from photochrom.cli import main
from photochrom.engine.find import read_model
from photochrom.errors import InputError, ModelError, RecipeError
from photochrom.restoration.network import load_network
from photochrom.restoration.repair import restore_pixels
from photochrom.training import checkpoint
from photochrom.training.export import export
from photochrom.training.methods import find_method, read_method_recipe
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.restoration.export import export_restoration
from photochrom.training.restoration.recipe import RestorationRecipe
from photochrom.training.restoration.run import open_restoration_run
from photochrom.training.restoration.samples import draw_sample

pytestmark = pytest.mark.slow

SMALL = (
    "data.short_side=48", "data.validation=2", "width=4", "crop=32", "batch=4", "images=24",
    "epoch_images=12",
)  # fmt: skip


def small_recipe(photos: Path, *more: str) -> RestorationRecipe:
    path = recipe_path("restoration")
    method = find_method(path)
    assert method is not None
    recipe = read_method_recipe(method, path, [*SMALL, *more], [photos])
    assert isinstance(recipe, RestorationRecipe)
    return recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("photos"), 6)


def test_one_step_is_a_file_that_export_makes(photos: Path, tmp_path: Path) -> None:
    recipe = small_recipe(photos, "images=4", "epoch_images=4", "kinds=['dust']")
    run = open_restoration_run(recipe, tmp_path / "run", print, resume=False, threads=1)
    run.run(lambda share, facts: None)
    report = export(run.checkpoint_path, tmp_path / "net.onnx")
    assert report.size_bytes == (tmp_path / "net.onnx").stat().st_size
    assert report.exact_difference <= report.stored_difference < 0.05
    with pytest.raises(InputError, match="are of networks that colour"):
        export(run.checkpoint_path, tmp_path / "sized.onnx", size=64)
    card = load_network(tmp_path / "net.onnx").card
    assert card.recipe == "restoration, 4 samples"


@pytest.mark.long
def test_a_run_goes_on_where_it_stopped_and_becomes_a_file_that_mends(
    photos: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    whole = open_restoration_run(
        small_recipe(photos), tmp_path / "whole", lines.append, resume=False, threads=1
    )
    whole.run(lambda share, facts: None)
    assert any(line.startswith("epoch 2: loss ") for line in lines)
    half = small_recipe(photos)
    for images in (12, 24):  # the rate falls along the whole run, so its length is the same
        run = open_restoration_run(
            half, tmp_path / "parts", lines.append, resume=images == 24, threads=1
        )
        object.__setattr__(half, "images", 24)
        while run.position.images < images:
            run._step()
        run._save()
    states = [checkpoint.load(tmp_path / name / checkpoint.NAME)[2] for name in ("whole", "parts")]
    for name, values in states[0]["net"].items():
        torch.testing.assert_close(values, states[1]["net"][name])

    file = tmp_path / "net.onnx"
    assert main(["export", str(whole.checkpoint_path), str(file), "--size", "64"]) == 1
    assert not file.exists()
    assert main(["export", str(whole.checkpoint_path), str(file)]) == 0
    network = load_network(file)
    assert network.card.recipe == "restoration, 24 samples"
    plane = np.random.default_rng(0).random((530, 41), np.float32)  # more than a tile, odd sides
    mended, covered = network.look(plane)
    assert mended.shape == covered.shape == plane.shape
    one = network.look(plane[:300])[1]
    np.testing.assert_allclose(one[:200], covered[:200], atol=1e-3)
    pixels = np.rint(plane * 255).astype(np.uint8)
    done = restore_pixels(pixels, ["scratches", "dust"], network)
    assert {found.kind for found in done.findings} <= {"scratches", "dust"}
    with pytest.raises(ModelError, match="is no network for restoration"):
        load_network(read_model("photochrom-base")[0])
    with pytest.raises(InputError, match="there is no checkpoint at"):
        export_restoration(tmp_path / "none.pt", tmp_path / "b.onnx")


def test_samples_say_what_is_covered(photos: Path) -> None:
    recipe = small_recipe(photos, "clean=0", "soft=0")
    photo = np.full((96, 120, 3), 128, np.uint8)
    for seed in range(4):
        sample = draw_sample(photo, recipe, np.random.default_rng(seed))
        assert sample.damaged.shape == sample.whole.shape == (32, 32)
        is_covered = sample.covered > 0
        assert np.abs(sample.damaged - sample.whole)[~is_covered].max() <= 0.1
        assert np.abs(sample.damaged - sample.whole)[is_covered].min(initial=1.0) > 0.03
    clean = draw_sample(photo, small_recipe(photos, "clean=1"), np.random.default_rng(0))
    assert clean.damaged is clean.whole or (clean.damaged == clean.whole).all()


def test_photos_into_which_no_crop_fits_are_left_out(photos: Path, tmp_path: Path) -> None:
    mixed, small = tmp_path / "mixed", tmp_path / "small"
    shutil.copytree(photos, mixed)
    for folder in (mixed, small):
        folder.mkdir(exist_ok=True)
        for seed in range(6):
            pixels = drawn_photo(seed, 24, 40)[:, :, ::-1]
            cv2.imwrite(str(folder / f"small-{seed}.png"), pixels)
    lines: list[str] = []
    recipe = small_recipe(mixed, "data.validation=1")
    run = open_restoration_run(recipe, tmp_path / "run", lines.append, resume=False, threads=1)
    random = np.random.default_rng(0)
    samples = [draw_sample(run._photos[i], recipe, random) for i in range(len(run._photos))]
    assert {plane.shape for sample in samples for plane in sample} == {(32, 32)}
    assert re.fullmatch(r"left out: [56] photos with a short side below 32 px, .*", lines[-1])
    with pytest.raises(InputError, match="none of the 4 photos to learn from has a short side"):
        open_restoration_run(small_recipe(small), tmp_path / "none", print, resume=False, threads=1)


def test_keys_that_make_no_sense_are_refused(photos: Path) -> None:
    with pytest.raises(RecipeError, match="kinds: there is no kind of damage called mould"):
        small_recipe(photos, 'kinds=["mould"]')
    with pytest.raises(RecipeError, match="crop is 36; set it to a multiple of 8"):
        small_recipe(photos, "crop=36")
    with pytest.raises(RecipeError, match=r"crop is 64, and data\.short_side 48"):
        small_recipe(photos, "crop=64")
    with pytest.raises(RecipeError, match=r"data\.input is 'edges', and the method 'restoration'"):
        small_recipe(photos, "data.input=edges")
