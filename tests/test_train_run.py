"""A whole run: learns, stops, resumes after SIGKILL, exports, colours."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from training_fixtures import drawn_folder, drawn_photo

from photochrom.cli import FAILED, OK, main
from photochrom.color.space import rgb_to_lab
from photochrom.colorize import colorize
from photochrom.engine import load
from photochrom.errors import InputError, ModelError
from photochrom.nets import build
from photochrom.train import checkpoint
from photochrom.train.export import export
from photochrom.train.recipe import NetRecipe
from photochrom.train.start import load_average, load_start

SMOKE = Path(__file__).parents[1] / "recipes" / "smoke.toml"


def arguments(folder: Path, run: Path, *more: str) -> list[str]:
    return ["train", str(SMOKE), "--run", str(run), "--set", f"data.sources=['{folder}']", *more]


def losses_of(run: Path) -> list[dict[str, str]]:
    with (run / "losses.csv").open(newline="") as file:
        return [
            {k: v for k, v in row.items() if k != "images_per_s"} for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("train") / "photos")


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("train") / "run"
    more = ["--set", "stages.0.images=400", "--set", "stages.0.batch=8"]
    assert main(arguments(photos, run, *more)) == OK
    return run


def test_a_run_leaves_losses_grids_and_a_checkpoint(finished: Path) -> None:
    rows = losses_of(finished)
    assert {"regression", "finish"} >= {row["stage"] for row in rows}
    assert float(rows[-1]["loss_G_L1"]) < float(rows[0]["loss_G_L1"])
    assert list(finished.glob("grid-*.png"))
    assert list((finished / "tensorboard").iterdir())
    assert (finished / "checkpoint.pt").exists()


def test_the_exported_model_colours_like_the_network(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "smoke.onnx"
    assert main(["export", str(finished / "checkpoint.pt"), str(out)]) == OK
    network = load(out, device="cpu")
    assert network.card.name == "smoke"
    assert network.card.training_data == "whatever data.sources held"
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = np.linspace(0, 100, 96)
    _, torch_net, _ = load_average(finished / "checkpoint.pt")
    with torch.no_grad():
        expected = torch_net(torch.from_numpy(x)).ab.numpy()
    np.testing.assert_allclose(network(x).ab, expected, atol=0.5)
    coloured = colorize(drawn_photo(99)[..., 1], model=network)
    assert np.abs(rgb_to_lab(coloured / 255.0)[..., 1:]).mean() > 1
    assert main(["export", str(finished / "checkpoint.pt"), str(out)]) == FAILED


def test_training_can_start_from_an_exported_model(finished: Path, tmp_path: Path) -> None:
    recipe, torch_net, _ = load_average(finished / "checkpoint.pt")
    out = tmp_path / "full.onnx"
    export(finished / "checkpoint.pt", out, half=False)
    net = build(recipe.net.name, recipe.net.options)
    load_start(net, NetRecipe(start_from=str(out)))
    for key, value in torch_net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(net.state_dict()[key], value)
    with pytest.raises(ModelError, match="another network"):
        load_start(build(recipe.net.name, {}), NetRecipe(start_from=str(out)))


def test_a_second_run_in_the_same_folder_is_refused(finished: Path, photos: Path) -> None:
    before = (finished / "checkpoint.pt").read_bytes()
    assert main(arguments(photos, finished)) == FAILED
    assert (finished / "checkpoint.pt").read_bytes() == before


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(path)
    with pytest.raises(InputError, match="no checkpoint"):
        checkpoint.load(tmp_path / "absent.pt")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_run_resumes_to_the_same_losses(
    photos: Path, tmp_path: Path, number: signal.Signals
) -> None:
    more = ["--set", "monitor.checkpoint_minutes=0.001", "--threads", "1"]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    command = [sys.executable, "-m", "photochrom", *arguments(photos, straight, *more)]
    subprocess.run(command, check=True, capture_output=True)

    command[command.index(str(straight))] = str(broken)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)
    give_up = time.monotonic() + 60
    while not (broken / "checkpoint.pt").exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    process.send_signal(number)
    code = process.wait(timeout=60)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 143)

    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    assert losses_of(broken) == losses_of(straight)
