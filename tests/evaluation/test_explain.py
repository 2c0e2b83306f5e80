"""``photochrom explain``: a photo taken apart, by a model file and by a run with its critic."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from fixtures.model import tiny_model
from fixtures.training import drawn_folder
from numpy.typing import NDArray

from photochrom.cli import FAILED, OK, USAGE, main
from photochrom.color.bins import ColorBins
from photochrom.color.space import rgb_to_lab
from photochrom.engine import load
from photochrom.evaluation.explain import CriticJudgement
from photochrom.evaluation.views import balance_view, bins_view, channel_view, map_view
from photochrom.imageio import read
from photochrom.nets import build
from photochrom.nets.discriminators import build_discriminator
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.toml import load_recipe, to_table

pytestmark = pytest.mark.slow


@pytest.fixture
def photo(tmp_path: Path, scene: NDArray[np.uint8]) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), scene[..., ::-1])
    return path


def test_a_folder_gets_every_view_and_a_sheet_of_all(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tiny_model(tmp_path / "tiny.onnx"), tmp_path / "views"
    assert main(["explain", str(photo), "--model", str(model), "-o", str(out)]) == OK
    both = {
        f"{which}-{view}"
        for which in ("true", "coloured")
        for view in ("rgb", "red", "green", "blue", "a", "b", "bins")
    }
    assert {file.stem for file in out.iterdir()} == {*both, "L", "entropy", "sheet"}
    assert read(out / "coloured-a.png").pixels.shape[:2] == (90, 120)
    red = read(out / "true-red.png").pixels
    assert (red[..., 0] == read(photo).pixels[..., 0]).all()
    assert not red[..., 1:].any()
    assert "of 229 bins occur" in capsys.readouterr().out

    strip = tmp_path / "strip"
    sizes = ["explain", str(photo), "--model", str(model), "--sizes"]
    assert main([*sizes, "32,64,96", "-o", str(strip)]) == OK
    assert {file.stem for file in strip.iterdir()} == {
        "size-32", "size-64", "size-96", "size-grey", "size-64-change", "size-96-change", "sheet",
    }  # fmt: skip
    assert "ab: mean " in capsys.readouterr().out
    assert main([*sizes, "32,7"]) == USAGE
    assert main(["explain", str(photo), "--layers"]) == USAGE


def test_a_grey_photo_has_no_colours_of_its_own_to_show(photo: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), np.asarray(cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)))
    model = tiny_model(tmp_path / "tiny.onnx")
    arguments = ["explain", str(grey), "--model", str(model)]
    assert main(arguments) == OK
    sheet = read(tmp_path / "grey.explained.png").pixels
    assert main(["explain", str(photo), "--model", str(model)]) == OK
    assert sheet.shape[0] < read(tmp_path / "photo.explained.png").pixels.shape[0]
    assert main(arguments) == FAILED  # is there already


@pytest.mark.long  # another run is trained for it
def test_a_run_shows_its_own_bins_draws_of_its_dropout_and_what_its_layers_see(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOCHROM_DATA", str(tmp_path))
    nets = {
        "pix2pix": ["net.options.levels=6", "net.options.width=4", "net.options.init=torch"],
        "classification": ["net.options.width=4"],
    }
    for name, options in nets.items():
        recipe = load_recipe(recipe_path(name), [*options, "stages.0.losses.gan=0"])
        torch.manual_seed(0)
        average = build(recipe.net.name, recipe.net.options).state_dict()
        if name == "pix2pix":
            average["last.weight"] *= 30  # an untrained one is too pale for draws to differ
        state = {"average": average}
        (tmp_path / name).mkdir()
        path = tmp_path / name / "checkpoint.pt"
        checkpoint.save(path, Position(images=96), to_table(recipe), state)
    out = tmp_path / "views"
    command = ["explain", str(photo), "--size", "64", "--run"]
    inside = ["--draws", "3", "--layers", "-o", str(out)]
    assert main([*command, str(tmp_path / "pix2pix"), *inside]) == OK
    draws = [read(out / f"draw-{number}.png").pixels for number in (1, 2, 3)]
    assert not np.array_equal(draws[0], draws[1])
    text = capsys.readouterr().out
    assert "spread over 3 draws" in text
    assert_a_model_can_keep_its_dropout(photo, tmp_path, capsys)
    layers = sorted(file.stem for file in out.glob("layer-*"))
    assert {name.split("-")[1] for name in layers} == set("123456")
    assert "down.0.0: " in text
    assert main([*command, str(tmp_path / "classification"), "-o", str(tmp_path / "c.png")]) == OK
    assert "of 313 bins occur" in capsys.readouterr().out
    exported = str(tmp_path / "classification.onnx")
    assert main(["export", str(tmp_path / "classification" / "checkpoint.pt"), exported]) == OK
    assert main(["explain", str(photo), "--model", exported, "-o", str(tmp_path / "m.png")]) == OK
    assert "of 313 bins occur" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "classification"), "--draws", "2"]) == FAILED
    assert "has no dropout" in capsys.readouterr().err


def assert_a_model_can_keep_its_dropout(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint_path, out = tmp_path / "pix2pix" / "checkpoint.pt", tmp_path / "draws"
    for name, flag in (("noisy", ["--noise"]), ("plain", [])):
        assert main(["export", str(checkpoint_path), str(tmp_path / f"{name}.onnx"), *flag]) == OK
    noisy, plain = (load(tmp_path / f"{name}.onnx", device="cpu") for name in ("noisy", "plain"))
    assert noisy.card.noise
    assert not plain.card.noise
    x = np.zeros((1, 4, 64, 64), np.float32)
    x[:, 0] = np.linspace(0, 100, 64)
    assert (noisy(x).ab != noisy(x).ab).any()
    assert (plain(x).ab == plain(x).ab).all()
    command = ["explain", str(photo), "--size", "64", "--draws", "2"]
    assert main([*command, "--model", str(tmp_path / "noisy.onnx"), "-o", str(out)]) == OK
    assert (out / "draws-spread.png").is_file()
    assert main([*command, "--model", str(tmp_path / "plain.onnx")]) == USAGE
    assert "colours a photo the same each time" in capsys.readouterr().err


def test_a_run_shows_what_its_critic_takes_for_real(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "views"
    photos = drawn_folder(tmp_path / "photos", 2)
    recipe = load_recipe(recipe_path("smoke"), [f"data.sources=['{photos}']"])
    average = build(recipe.net.name, recipe.net.options).state_dict()
    critic = build_discriminator(recipe.critic.name, recipe.critic.options).state_dict()
    run.mkdir()
    state = {"average": average, "critic": critic}
    checkpoint.save(run / "checkpoint.pt", Position(images=96), to_table(recipe), state)
    capsys.readouterr()
    assert main(["explain", str(photo), "--run", str(run), "-o", str(out)]) == OK
    assert (out / "true-critic.png").is_file()
    assert (out / "coloured-critic.png").is_file()
    assert "score: mean" in capsys.readouterr().out
    data = ["--data", str(photos), "--limit", "2", "-o", str(tmp_path / "table")]
    assert main(["compare", str(run), *data]) == OK
    table = (tmp_path / "table" / "compare.md").read_text()
    assert "| run |" in table
    assert len(list((tmp_path / "table" / "models").glob("run-*.onnx"))) == 1


def test_a_channel_is_shown_in_the_colours_that_it_stands_for() -> None:
    lab = np.zeros((2, 2, 3), np.float32)
    lab[..., 0], lab[..., 1], lab[..., 2] = 20.0, 30.0, -30.0
    for channel in (1, 2):
        seen = rgb_to_lab(channel_view(lab, channel) / np.float32(255))[0, 0]
        assert seen[channel] == pytest.approx(lab[0, 0, channel], abs=1.0)
        assert seen[3 - channel] == pytest.approx(0.0, abs=1.0)
    grey = channel_view(lab, 0)
    assert np.ptp(grey[0, 0].astype(int)) <= 1


def test_colours_move_to_their_bins() -> None:
    bins = ColorBins.in_gamut()
    lab = np.zeros((4, 4, 3), np.float32)
    lab[..., 0] = 60.0
    lab[:2, :, 1:] = (11.0, 18.0)
    picture, used = bins_view(lab, bins)
    assert used == 2
    moved = rgb_to_lab(picture / np.float32(255))
    np.testing.assert_allclose(moved[0, 0], (60, 10, 20), atol=0.7)


def test_maps_go_from_black_to_bright_and_from_red_over_white_to_blue() -> None:
    bright = map_view(np.array([[0.0, 1.0]], np.float32), (8, 16))
    assert bright.shape == (8, 16, 3)
    assert bright[0, 0].sum() < 60 < 400 < bright[0, -1].sum()
    red, white, blue = balance_view(np.array([[0.0, 0.5, 1.0]], np.float32), 0.5, 0.5, (1, 3))[0]
    assert red[0] > 2 * red[2]
    assert blue[2] > 2 * blue[0]
    assert min(white) > 240


def test_scores_without_bounds_are_shown_around_their_common_middle() -> None:
    real, fake = np.full((2, 2), 3.0, np.float32), np.full((2, 2), -1.0, np.float32)
    assert CriticJudgement(real, fake, probability=False).scale() == (1.0, 2.0)
    assert CriticJudgement(None, fake, probability=False).scale() == (0.0, 1.0)
    assert CriticJudgement(real, fake, probability=True).scale() == (0.5, 0.5)
