"""The default network in training: from weights by every way, to a file, and on from there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from fixtures.training import drawn_folder
from safetensors.torch import save_file
from torch import nn

from photochrom.cli import FAILED, OK, main
from photochrom.engine import load
from photochrom.errors import InputError
from photochrom.nets import build
from photochrom.training.export import export
from photochrom.training.loop import Trainer
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.toml import load_recipe
from photochrom.training.weights import load_average

pytestmark = pytest.mark.slow

SMALL = {"encoder_size": 0, "width_16": 16, "width_8": 8, "width_4": 8, "attention": 1}
OPTIONS = "{ " + ", ".join(f"{key} = {value}" for key, value in SMALL.items()) + " }"
SETTINGS = [
    "net.name=lite-unet", f"net.options={OPTIONS}", "stages.0.images=16", "stages.0.batch=8",
    "stages.0.freeze=['encoder.stem', 'encoder.early']", "stages.1.images=8", "stages.1.batch=8",
    "export.model=mine", "export.version=7.0.0",
]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("lite") / "photos")


def recipe(photos: Path, *more: str) -> Recipe:
    return load_recipe(recipe_path("smoke"), [*SETTINGS, f"data.sources=['{photos}']", *more])


def train(made: Recipe, run: Path) -> Path:
    Trainer(made, run, report=lambda _: None, threads=1).run(lambda *_: None)
    return run / "checkpoint.pt"


@pytest.mark.long
def test_it_trains_is_exported_folded_and_trains_on_from_there(
    photos: Path, tmp_path: Path
) -> None:
    checkpoint, out = train(recipe(photos), tmp_path / "first"), tmp_path / "model.onnx"
    _, trained, _ = load_average(checkpoint)
    begun = build("lite-unet", SMALL).state_dict()
    assert trained.state_dict().keys() == begun.keys()
    report = export(checkpoint, out)
    assert report.exact_difference < 1e-3
    assert "Pad" not in {node.op_type for node in onnx.load(out).graph.node}
    network = load(out, device="cpu")
    assert network.card.parameters == sum(p.numel() for p in trained.fold_norms().parameters())
    again = recipe(photos, f"net.start_from={out}", "stages.0.lr=1e-9", "stages.0.encoder_lr=1e-9")
    _, second, _ = load_average(train(again, tmp_path / "second"))
    x = torch.zeros(1, 4, 64, 64)
    x[:, 0] = torch.linspace(0, 100, 64)
    with torch.no_grad():
        before, after = trained(x).ab, second(x).ab
    # Its norms have statistics again, and its second stage has learned on.
    assert not any(
        (buffer == 0).all() for name, buffer in second.named_buffers() if "running_mean" in name
    )
    assert float((after - before).abs().mean()) < 0.2 * float(before.abs().mean()) + 1.0


def test_weights_alone_become_a_model_by_their_recipe(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(3)
    net = build("lite-unet", SMALL).eval()
    torch.nn.init.normal_(net.get_parameter("regress.weight"))
    weights, out = tmp_path / "start.safetensors", tmp_path / "model.onnx"
    save_file({k: v.half() for k, v in net.state_dict().items() if v.is_floating_point()}, weights)
    text = (
        f'name = "mine"\n[data]\nsources = ["$UNSET/photos.zip"]\n[net]\nname = "lite-unet"\n'
        f'options = {OPTIONS}\n[[stages]]\nname = "one"\nimages = 1\n[export]\nsize = 96\n'
    )
    (tmp_path / "mine.toml").write_text(text)
    arguments = ["export", str(weights), str(out)]
    assert main([*arguments, "--recipe", str(tmp_path / "mine.toml")]) == OK
    network = load(out, device="cpu")
    assert network.card.title == "mine 0.1.0"
    assert network.card.recipe == "mine, weights of start.safetensors"
    assert (network.card.size, network.card.training_data) == (96, "photos.zip")
    x = np.zeros((1, 4, 64, 64), np.float32)
    x[:, 0] = np.linspace(0, 100, 64)
    with torch.no_grad():
        expected = net(torch.from_numpy(x)).ab.numpy()
    np.testing.assert_allclose(network(x).ab, expected, atol=0.02 * np.abs(expected).max())
    capsys.readouterr()
    assert main([*arguments, "--overwrite"]) == FAILED
    assert "holds weights alone" in capsys.readouterr().err
    with pytest.raises(InputError, match="carries the recipe of its run"):
        export(tmp_path / "checkpoint.pt", tmp_path / "no.onnx", recipe=recipe(photos))


def kill_last_stage(net: nn.Module) -> None:
    with torch.no_grad():
        net.get_parameter("encoder.head.norm.weight").zero_()
        net.get_parameter("encoder.head.norm.bias").fill_(-1.0)  # below zero everywhere


def test_training_stops_when_a_stage_of_the_encoder_dies(photos: Path, tmp_path: Path) -> None:
    trainer = Trainer(recipe(photos), tmp_path / "run", report=lambda _: None)
    kill_last_stage(trainer._models.generator)
    kill_last_stage(trainer._models.average)
    with pytest.raises(InputError, match=r"stride 32 answers the same.*encoder_lr"):
        trainer.run(lambda *_: None)


@pytest.mark.long
def test_a_stage_that_was_dead_before_is_reported_and_does_not_stop(
    photos: Path, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    net = build("lite-unet", SMALL)
    kill_last_stage(net)
    weights = tmp_path / "dead.safetensors"
    save_file({k: v for k, v in net.state_dict().items() if v.is_floating_point()}, weights)
    lines: list[str] = []
    made = recipe(photos, f"net.start_from={weights}")
    Trainer(made, tmp_path / "run", report=lines.append).run(lambda *_: None)
    assert f"the encoder's stride 32 is dead in {weights} already, and stays so" in lines
    assert not [line for line in lines if "the same to every picture" in line]
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
