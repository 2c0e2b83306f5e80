"""From noise to digits: what is read, what is recognised, and a step of each recipe."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from photochrom.cli import FAILED, OK
from photochrom.cli.app import run as main
from photochrom.errors import InputError, RecipeError
from photochrom.nets.digits import DIGITS, Side, digit_gan, latent_walk, with_digit
from photochrom.training import checkpoint
from photochrom.training.digits import figures
from photochrom.training.digits.classifier import Recognition, accuracy, recognize, train_classifier
from photochrom.training.digits.data import enlarge, load_digits
from photochrom.training.digits.figures import NAMES
from photochrom.training.digits.recipe import DigitData, DigitsRecipe
from photochrom.training.digits.run import LOSSES, open_digits_run
from photochrom.training.methods import find_method, read_method_recipe
from photochrom.training.recipe.builtin import recipe_path

pytestmark = pytest.mark.slow

RECIPES = ["digits-naive", "digits-dcgan", "digits-wgan-gp"]
SMALL = (
    "images=40", "epoch_images=20", "batch=4", "width=2", "classifier_images=64", "samples=16",
)  # fmt: skip


def write_mnist(folder: Path, count: int = 300, classes: int = 10) -> Path:
    """Files as MNIST's: a bar at a place of its own for each digit."""
    folder.mkdir()
    labels = (np.arange(count) % classes).astype(np.uint8)
    pictures = np.zeros((count, 28, 28), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[4:24, 2 * label + 3 : 2 * label + 6] = 255
    header = struct.pack(">4I", 0x803, *pictures.shape)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + pictures.tobytes()))
    header = struct.pack(">2I", 0x801, count)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    return folder


def test_mnist_and_the_bundled_digits_are_read_alike(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "mnist")
    training, held_out = load_digits(DigitData((str(folder),), validation=50), seed=3)
    assert training.pictures.shape == (250, 1, 32, 32)
    assert (float(training.pictures.min()), float(training.pictures.max())) == (-1.0, 1.0)
    # The margin of 2 px, and the bar of the label.
    columns = held_out.pictures[:, 0].amax(dim=1).argmax(dim=1)
    assert torch.equal(columns, 2 * held_out.labels + 5)
    np.savez(tmp_path / "a.npz", x_train=np.zeros((5, 28, 28), np.uint8), y_test=np.zeros(5))
    with pytest.raises(InputError, match="holds x_train, y_test; expected"):
        load_digits(DigitData((str(tmp_path / "a.npz"),)), seed=0)
    bundled, _ = load_digits(DigitData(limit=400), seed=0)
    assert bundled.pictures.shape == (200, 1, 32, 32)
    assert set(bundled.labels.tolist()) == set(range(DIGITS))


def test_bad_digits_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    cases = {"empty": "holds no MNIST", "absent": "neither a folder", "two": "there is no 2, 3"}
    (tmp_path / "empty").mkdir()
    write_mnist(tmp_path / "two", classes=2)
    broken = write_mnist(tmp_path / "broken")
    (broken / "t10k-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 300) + b"1")
    blank = write_mnist(tmp_path / "blank")
    header = struct.pack(">4I", 0x803, 300, 28, 28)
    (blank / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(300 * 28 * 28)))
    few = write_mnist(tmp_path / "few", count=60)
    assert few.is_dir()
    cases |= {"broken": "cut off: 1 of 300 bytes", "blank": "blank", "few": "60 digits are too few"}
    for name, message in cases.items():
        with pytest.raises(InputError, match=message):
            load_digits(DigitData((str(tmp_path / name),)), seed=0)


@pytest.mark.long
def test_the_classifier_knows_digits_and_no_digits(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "mnist")
    training, held_out = load_digits(DigitData((str(folder),), validation=50), seed=0)
    net = train_classifier(training, 3_200, seed=0)
    assert accuracy(net, held_out) == 1.0
    found = recognize(net, held_out.pictures, 0.9)
    assert (found.recognized, found.classes) == (1.0, 10)
    noise = 2 * torch.rand(64, 1, 32, 32, generator=torch.Generator().manual_seed(1)) - 1
    assert recognize(net, noise, 0.9).recognized == 0.0


def test_balance_and_classes_are_counted() -> None:
    confidence = torch.ones(100)
    even = Recognition(1.0, torch.full((10,), 10.0), confidence)
    assert even.balance == pytest.approx(1.0)
    assert even.classes == 10
    counts = torch.zeros(10)
    counts[3] = 100
    one = Recognition(1.0, counts, confidence)
    assert one.balance == pytest.approx(0.0)
    assert one.classes == 1
    assert Recognition(0.0, torch.zeros(10), confidence).classes == 0


def test_the_minimax_loss_is_flat_where_the_critic_is_sure() -> None:
    """log(1 − D) against −log D, at a score of −10: what makes the naive generator fail."""
    slopes = {}
    for name in ("minimax", "bce"):
        score = torch.tensor([-10.0], requires_grad=True)
        LOSSES[name].generator(score).backward()
        assert score.grad is not None
        slopes[name] = float(score.grad)
    assert slopes["bce"] == pytest.approx(-1.0, abs=1e-3)
    assert -1e-4 < slopes["minimax"] < 0


def test_a_walk_begins_and_ends_at_its_stations_and_keeps_their_length() -> None:
    stations = torch.tensor([[3.0, 0.0], [0.0, 3.0], [-3.0, 0.0]])
    walk = latent_walk(stations, 5)
    torch.testing.assert_close(walk[[0, 4, 9]], stations, atol=1e-4, rtol=0)
    torch.testing.assert_close(walk.norm(dim=1), torch.full((10,), 3.0), atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [8, 16, 32])
def test_generator_and_critic_fit_each_other(side: Side) -> None:
    label = torch.tensor([0, 9, 4])
    for kind, norm in (("naive", "batch"), ("dcgan", "batch"), ("dcgan", "spectral")):
        for conditional in (True, False):
            generator, critic = digit_gan(kind, 5, 2, norm, side, conditional=conditional)  # type: ignore[arg-type]
            picture = generator(torch.randn(3, 15 if conditional else 5))
            assert picture.shape == (3, 1, side, side)
            assert picture.abs().max() <= 1
            seen = with_digit(picture, label) if conditional else picture
            assert critic(seen).shape == (3, 1, 1, 1)
        assert with_digit(picture, label)[:, 1:].amax(dim=(2, 3)).argmax(dim=1).tolist() == [
            0,
            9,
            4,
        ]
    for _ in range(30):
        critic(picture)  # one power step each towards the largest singular value
    convolutions = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == {8: 3, 16: 3, 32: 4}[side]
    for layer in convolutions:
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert float(largest.detach()) == pytest.approx(1.0, abs=0.05)


def test_small_samples_are_enlarged_as_true_digits_are(tmp_path: Path) -> None:
    small, _ = load_digits(DigitData(limit=300), seed=0, side=0)
    large, _ = load_digits(DigitData(limit=300), seed=0)
    assert small.pictures.shape == (100, 1, 8, 8)
    assert torch.equal(small.labels, large.labels)
    torch.testing.assert_close(enlarge(small.pictures), large.pictures, atol=1e-6, rtol=0)
    assert enlarge(large.pictures) is large.pictures
    mnist = DigitData((str(write_mnist(tmp_path / "mnist")),))
    assert [load_digits(mnist, 0, side)[0].side for side in (0, 16)] == [32, 16]


def test_the_learning_rate_falls_at_the_end(tmp_path: Path) -> None:
    recipe = read_small("digits-dcgan", write_mnist(tmp_path / "mnist"), "lr=0.4", "lr_falls=0.5")
    run = open_digits_run(recipe, tmp_path / "run", print, resume=False, threads=None)
    for images, lr in ((0, 0.4), (20, 0.4), (30, 0.2), (40, 0.0)):
        run.position.images = images
        run._set_lr()
        for optimizer in run._optimizers.values():
            assert optimizer.param_groups[0]["lr"] == pytest.approx(lr)


def read_small(name: str, folder: Path, *more: str) -> DigitsRecipe:
    path = recipe_path(name)
    method = find_method(path)
    assert method is not None
    recipe = read_method_recipe(method, path, [*SMALL, *more], [folder])
    assert isinstance(recipe, DigitsRecipe)
    return recipe


def train(recipe: DigitsRecipe, run: Path, *, resume: bool = False) -> list[str]:
    lines: list[str] = []
    open_digits_run(recipe, run, lines.append, resume=resume, threads=None).run(lambda *_: None)
    return lines


def test_a_recipe_trains_and_samples_with_its_averaged_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("write_epochs", "write_classes"):
        monkeypatch.setattr(figures, name, lambda *_: None)
    recipe = read_small("digits-dcgan", write_mnist(tmp_path / "mnist"), "images=20", "ema=0.5")
    assert "epoch 1: " in train(recipe, tmp_path / "run")[-1]
    state = checkpoint.load(tmp_path / "run" / checkpoint.NAME)[2]
    pairs = [(state["average"][key], value) for key, value in state["generator"].items()]
    assert any(not torch.equal(average, last) for average, last in pairs)


def test_a_run_keeps_what_it_learnt_after_its_last_whole_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("write_epochs", "write_classes", "write_walk"):
        monkeypatch.setattr(figures, name, lambda *_: None)
    changes = ("images=12", "epoch_images=8")
    train(read_small("digits-naive", write_mnist(tmp_path / "mnist"), *changes), tmp_path / "run")
    assert checkpoint.load(tmp_path / "run" / checkpoint.NAME)[0].images == 12


def test_a_conditional_run_asks_for_each_digit_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("write_epochs", "write_classes"):
        monkeypatch.setattr(figures, name, lambda *_: None)
    folder = write_mnist(tmp_path / "mnist")
    for conditional, columns in ((True, 10), (False, 8)):
        changes = ("images=20", f"conditional={str(conditional).lower()}", "noise=3")
        recipe = read_small("digits-wgan-gp", folder, *changes)
        path = tmp_path / str(conditional)
        run = open_digits_run(recipe, path, print, resume=False, threads=None)
        given = run._noise(0, 12)
        assert given[:, 3:].nonzero()[:, 1].tolist() == ([*range(10), 0, 1] if conditional else [])
        run.run(lambda *_: None)
        grid = cv2.imread(str(path / "grids" / "epoch-0001.png"))
        assert grid is not None
        assert grid.shape == (8 * 34 + 2, columns * 34 + 2, 3)
        table = (path / "epochs.csv").read_text(encoding="utf-8")
        assert ("conditional_accuracy" in table) == conditional


@pytest.mark.long
def test_every_recipe_trains_stops_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice twenty pictures, saved and loaded between, are forty in one go."""
    folder = write_mnist(tmp_path / "mnist")
    for name in RECIPES:
        recipe = read_small(name, folder)
        assert recipe.paper
        assert "epoch 2: " in train(recipe, tmp_path / name)[-1]
        drawn = ("walk.png", "grids/epoch-0002.png")
        for file in ("epochs.csv", *(drawn if name in RECIPES[1:] else NAMES)):
            assert (tmp_path / name / file).exists(), file
        # Drawing takes longest: once is enough.
        monkeypatch.setattr(figures, "write_epochs", lambda _folder: None)
        monkeypatch.setattr(figures, "write_classes", lambda *_: None)
    halves = tmp_path / "halves"
    train(read_small(RECIPES[-1], folder, "images=20"), halves)
    train(recipe, halves, resume=True)
    whole = checkpoint.load(tmp_path / RECIPES[-1] / checkpoint.NAME)[2]
    for name in ("generator", "average", "critic"):
        for key, value in checkpoint.load(halves / checkpoint.NAME)[2][name].items():
            assert torch.equal(value, whole[name][key]), key
    with pytest.raises(InputError, match="with other networks"):
        train(read_small(RECIPES[0], folder), halves, resume=True)
    assert main(["export", str(halves / checkpoint.NAME), str(tmp_path / "m.onnx")]) == FAILED
    assert "colours nothing to export" in capsys.readouterr().err


def test_recipes_of_digits_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "write_epochs", lambda _folder: None)
    monkeypatch.setattr(figures, "write_classes", lambda *_: None)
    path = recipe_path("digits-dcgan")
    method = find_method(path)
    assert method is not None
    with pytest.raises(RecipeError, match="norm = 'batch' mixes pictures"):
        read_method_recipe(method, path, ["loss=wgan-gp"], [])
    with pytest.raises(RecipeError, match="unknown key netz"):
        read_method_recipe(method, path, ["netz=3"], [])
    other = tmp_path / "other.toml"
    other.write_text('method = "psychic"\n', encoding="utf-8")
    with pytest.raises(RecipeError, match="'psychic'; known ones: colorization, digits, patches"):
        find_method(other)
    folder = write_mnist(tmp_path / "mnist")
    words = [word for change in SMALL for word in ("--set", change)]
    run = str(tmp_path / "run")
    assert main(["train", "digits-naive", "--data", str(folder), "--run", run, *words]) == OK
    assert "done: look at grids/" in capsys.readouterr().err
    assert main(["train", "digits-naive", "--data", str(folder), "--run", run, *words]) == FAILED
    assert "already holds a run" in capsys.readouterr().err
    assert main(["train", "digits-naive", "--minutes", "3"]) != OK
