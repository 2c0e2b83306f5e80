"""Patch classifiers: colours to a codebook, patches to its entries, and a model at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.training import drawn_folder
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

import photochrom
from photochrom.cli import FAILED, OK
from photochrom.cli.app import run as main
from photochrom.color.space import ab_to_uv, rgb_to_lab, uv_to_ab
from photochrom.engine import load
from photochrom.errors import InputError, RecipeError
from photochrom.nets.patches import PatchMlp, PatchNeighbors
from photochrom.training import checkpoint
from photochrom.training.methods import find_method, read_method_recipe
from photochrom.training.patches import run as patches_run
from photochrom.training.patches.classifiers import neighbors_classifier
from photochrom.training.patches.codebook import check_classes, nearest_nodes, train_map
from photochrom.training.patches.recipe import CodebookRecipe
from photochrom.training.patches.run import open_patches_run
from photochrom.training.patches.samples import draw_samples
from photochrom.training.recipe.builtin import recipe_path

pytestmark = pytest.mark.slow

SMALL = (
    "data.short_side=32", "data.validation=2", "size=32", "patch=3", "pixels=200",
    "codebook.rows=3", "codebook.columns=2", "codebook.iterations=300", "som.rows=3",
    "som.columns=3", "som.iterations=300", "knn.references=60", "knn.neighbors=5",
    "mlp.hidden=8", "mlp.batch=64", "mlp.epochs=2", "export.size=32",
)  # fmt: skip


def small_recipe(name: str, photos: Path, *more: str):
    path = recipe_path(name)
    method = find_method(path)
    assert method is not None
    return read_method_recipe(method, path, [*SMALL, *more], [photos])


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("photos"), 8)


def test_cieluv_is_that_of_scikit_image_and_comes_back() -> None:
    from skimage.color import rgb2luv  # type: ignore[attr-defined]

    rgb = np.random.default_rng(0).random((40, 40, 3))
    lab = rgb_to_lab(rgb)
    L, a, b = (lab[..., channel] for channel in range(3))
    luv = rgb2luv(rgb)
    u, v = ab_to_uv(L, a, b)
    np.testing.assert_allclose(np.stack([u, v], -1), luv[..., 1:], atol=0.1)
    back = uv_to_ab(L, u, v)
    np.testing.assert_allclose(np.stack(back, -1), lab[..., 1:], atol=1e-6)
    black, white = np.zeros(1), np.full(1, 100.0)
    for lightness in (black, white):
        impossible = uv_to_ab(lightness, np.full(1, 300.0), np.full(1, -300.0))
        assert np.isfinite(impossible).all()


def test_patches_have_their_pixel_in_the_middle() -> None:
    """A picture with one bright pixel: whoever drew that pixel has it in the middle."""
    rgb = np.zeros((16, 20, 3), np.uint8)
    rgb[5, 7] = (255, 255, 255)
    samples = draw_samples([rgb, rgb[:, ::-1]], 16, 5, 1000, seed=0)
    assert len(samples) == 2 * 16 * 20
    patches = samples.patches(np.arange(len(samples)))
    middle = patches[:, 2, 2] > 0.9
    assert middle.sum() == 2
    assert patches[middle].sum(axis=(1, 2)) == pytest.approx(1 - 24, abs=1e-3)


def test_the_map_finds_the_colours_that_there_are() -> None:
    random = np.random.default_rng(0)
    corners = np.array([[-40, -40], [-40, 40], [40, -40], [40, 40]], np.float32)
    uv = corners[random.integers(0, 4, 2000)] + random.normal(0, 1, (2000, 2)).astype(np.float32)
    recipe = CodebookRecipe(rows=2, columns=2, sigma=0.8, iterations=2000)
    nodes = train_map(uv, recipe, seed=0)
    assert np.abs(nodes[nearest_nodes(corners, nodes)] - corners).max() < 8
    with pytest.raises(InputError, match=r"100.0% of the 50 pixels have one colour"):
        check_classes(np.zeros(50, np.int64), 4)


def test_the_network_of_neighbours_is_scikit_learns_classifier() -> None:
    torch.manual_seed(0)
    net = PatchNeighbors(3, 4, 1.0, references=50, neighbors=7)
    net.references.copy_(torch.randn_like(net.references))
    net.votes.copy_(torch.eye(4)[torch.arange(50) % 4])
    patches = torch.randn(200, 1, 3, 3)
    shares = net.log_shares(patches)[:, :, 0, 0].exp() - 1e-3
    expected = neighbors_classifier(net).predict_proba(patches.flatten(1).numpy())
    np.testing.assert_allclose(shares.numpy(), expected, atol=2e-4)


@pytest.mark.parametrize("neighbors", [1, 4, 9])
def test_so_many_neighbours_vote_and_the_nearer_weigh_more(neighbors: int) -> None:
    net = PatchNeighbors(3, 12, 1.0, references=12, neighbors=neighbors)
    net.references[:, 0, 1, 1] = torch.arange(12) / 8
    net.votes.copy_(torch.eye(12))
    shares = net.log_shares(torch.zeros(1, 1, 3, 3))[0, :, 0, 0].exp() - 1e-3
    squares = (torch.arange(12) / 8).square()
    weights = (squares[neighbors] - squares).clamp_min(0)
    torch.testing.assert_close(shares, weights / weights.sum(), atol=1e-4, rtol=0)
    assert int((shares > 1e-4).sum()) == neighbors


class LargestTensor(TorchDispatchMode):
    """Counts the numbers in the largest tensor that anything within it makes."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.numbers = max(self.numbers, result.numel())
        return result


def test_more_neighbours_take_no_more_memory() -> None:
    """Votes gathered for each pixel, neighbour and colour took 3.4 GB with 300 neighbours."""
    net = PatchNeighbors(3, 16, 1.0, references=50, neighbors=40)
    with LargestTensor() as largest:
        net.log_shares(torch.zeros(1, 1, 10, 10))
    assert largest.numbers == 8 * 8 * 50


def test_patches_that_are_all_as_near_vote_alike() -> None:
    net = PatchNeighbors(3, 6, 1.0, references=6, neighbors=2)
    net.votes.copy_(torch.eye(6))
    shares = net.log_shares(torch.full((1, 1, 3, 3), 0.5))[0, :, 0, 0].exp() - 1e-3
    torch.testing.assert_close(shares, torch.full((6,), 1 / 6), atol=1e-5, rtol=0)


def test_temperature_goes_from_the_mean_to_the_most_probable_colour() -> None:
    net = PatchMlp(3, 2, 1.0, 4)
    net.codebook.copy_(torch.tensor([[0.0, 0.0], [30.0, 20.0]]))
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(net.layers[-1].get_parameter("bias")[1], 1.0)
    x = torch.zeros(1, 4, 8, 8)
    x[:, 0] = 60.0
    chroma = []
    for net.temperature in (1.0, 0.3, 0.0):
        chroma.append(float(net(x).ab.detach().norm(dim=1).mean()))
    assert chroma[0] < chroma[1] < chroma[2]
    L = torch.full((1,), 60.0)
    a, b = uv_to_ab(L, torch.full((1,), 30.0), torch.full((1,), 20.0))
    assert chroma[2] == pytest.approx(float(torch.hypot(a, b)), rel=1e-4)


@pytest.mark.slow
def test_every_recipe_becomes_a_model_that_colours(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for change in SMALL for word in ("--set", change)]
    grey = np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (32, 1))
    for name in ("patch-som", "patch-knn", "patch-mlp"):
        run, model = tmp_path / name, tmp_path / f"{name}.onnx"
        assert main(["train", name, "--data", str(photos), "--run", str(run), *words]) == OK
        assert "photos held out: ab error" in capsys.readouterr().err
        for file in ("codebook.png", "grid.png", "validation.csv"):
            assert (run / file).is_file(), file
        # Exporting compares the file with torch, and refuses one that disagrees.
        assert main(["export", str(run / checkpoint.NAME), str(model)]) == OK
        assert load(str(model)).card.name == name
        colored = photochrom.colorize(grey, model=str(model))
        assert colored.shape == (32, 40, 3)
        assert colored.std(axis=2).max() > 0


def test_a_broken_off_network_goes_on(photos: Path, tmp_path: Path) -> None:
    """An epoch, then another after loading, are two in one go."""

    def train(folder: Path, epochs: int, resume: bool) -> list[str]:
        recipe = small_recipe("patch-mlp", photos, f"mlp.epochs={epochs}", "mlp.lr=0")
        lines: list[str] = []
        run = open_patches_run(recipe, folder, lines.append, resume=resume, threads=None)
        run.run(lambda *_: None)
        return lines

    train(tmp_path / "whole", 2, False)
    train(tmp_path / "parts", 1, False)
    train(tmp_path / "parts", 2, True)
    whole, parts = (checkpoint.load(tmp_path / n / checkpoint.NAME) for n in ("whole", "parts"))
    assert whole[0].step == parts[0].step == 2
    for key, value in whole[2]["average"].items():
        assert torch.equal(value, parts[2]["average"][key]), key
    assert "nothing is left to train" in train(tmp_path / "parts", 2, True)[-1]
    recipe = small_recipe("patch-som", photos)
    with pytest.raises(InputError, match="another classifier or codebook"):
        open_patches_run(recipe, tmp_path / "parts", print, resume=True, threads=None)


def test_bad_photos_and_settings_are_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_nothing(*_: object) -> None:
        raise AssertionError("a map is trained of what is refused")

    monkeypatch.setattr(patches_run, "train_map", train_nothing)
    empty, grey = tmp_path / "empty", tmp_path / "grey"
    empty.mkdir()
    grey.mkdir()
    for number in range(4):
        Image.new("L", (40, 40), 60 * number).save(grey / f"{number}.png")
    (grey / "broken.jpg").write_bytes(b"no picture")
    for folder, message in (
        (empty, "no usable colour picture .* there is no picture at all"),
        (grey, "no usable colour picture .* 4 are grey and 1 cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            open_patches_run(
                small_recipe("patch-mlp", folder), tmp_path / "run", print,
                resume=False, threads=None,
            )  # fmt: skip
    one = tmp_path / "one"
    one.mkdir()
    for number in range(4):
        Image.new("RGB", (40, 40), (200, 30, 30)).save(one / f"{number}.png")
    for name in ("patch-mlp", "patch-som", "patch-knn"):
        run = open_patches_run(
            small_recipe(name, one), tmp_path / f"red-{name}", print, resume=False, threads=None
        )
        with pytest.raises(InputError, match=r"100.0% of the 400 pixels have one colour: the pic"):
            run.run(lambda *_: None)
    with pytest.raises(RecipeError, match="patch is 4; it has a pixel in its middle"):
        small_recipe("patch-mlp", photos, "patch=4")
    with pytest.raises(RecipeError, match=r"must be fewer than knn\.references"):
        small_recipe("patch-knn", photos, "knn.neighbors=60")
    run = open_patches_run(
        small_recipe("patch-knn", photos, "knn.references=100000"), tmp_path / "few", print,
        resume=False, threads=None,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"pixels are fewer than knn.references \(100000\)"):
        run.run(lambda *_: None)
    assert (
        main(["train", "patch-mlp", "--data", str(empty), "--run", str(tmp_path / "x")]) == FAILED
    )
