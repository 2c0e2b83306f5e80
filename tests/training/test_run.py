"""A whole run by the smoke recipe: learns, exports, colours; and what goes wrong is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from fixtures.training import drawn_folder, drawn_photo, no_file_beyond, read_losses
from safetensors.torch import save_file

from photochrom.cli import FAILED, OK, main
from photochrom.color.space import rgb_to_lab
from photochrom.engine import find, load
from photochrom.errors import InputError, ModelError, OutputError
from photochrom.imageio import read
from photochrom.nets import build
from photochrom.pipeline import colorize
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.export import export
from photochrom.training.loop import Trainer
from photochrom.training.onnx_weights import ONNX_INT8
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import NetRecipe
from photochrom.training.recipe.toml import load_recipe
from photochrom.training.weights import load_average, load_start

pytestmark = pytest.mark.slow

SMOKE = recipe_path("smoke")


def arguments(folder: Path, run: Path, *more: str) -> list[str]:
    return ["train", str(SMOKE), "--run", str(run), "--set", f"data.sources=['{folder}']", *more]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_folder(tmp_path_factory.mktemp("train") / "photos")


@pytest.fixture(scope="module")
def finished_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("train") / "run"
    more = ["stages.0.images=240", "stages.0.batch=8", "monitor.checkpoint_minutes=9"]
    assert main(arguments(photos, run, *(part for m in more for part in ("--set", m)))) == OK
    return run


def test_a_run_leaves_losses_grids_and_a_checkpoint(finished_run: Path) -> None:
    rows = read_losses(finished_run)
    assert [row["stage"] for row in rows] == ["regression"] * 10 + ["finish"] * 2
    assert float(rows[9]["loss_G_L1"]) < 0.9 * float(rows[0]["loss_G_L1"])
    assert all(float(row["gradient_norm"]) > 0 for row in rows[:10])
    assert float(rows[-1]["loss_D_real"]) > 0
    side = 192
    for step in (30, 38):
        grid = read(finished_run / f"grid-{step:07d}.png")
        assert grid.pixels.shape == (side, 4 * 3 * side, 3)
    assert list((finished_run / "tensorboard").iterdir())
    assert (finished_run / "report.html").is_file()
    assert {"losses", "critic", "colours"} <= {
        plot.stem for plot in (finished_run / "plots").iterdir()
    }
    position, _, _ = checkpoint.load(finished_run / "checkpoint.pt")
    assert (position.stage, position.step, position.images) == (1, 38, 272)
    assert (position.stage_images, position.finished) == (32, True)
    recipe, average, _ = load_average(finished_run / "checkpoint.pt")
    twin = build(recipe.net.name, recipe.net.options)
    load_start(twin, NetRecipe(start_from=str(finished_run / "weights")))
    for name, tensor in average.state_dict().items():
        torch.testing.assert_close(twin.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_the_exported_model_colours_like_the_network(finished_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "smoke.onnx"
    assert main(["export", str(finished_run / "checkpoint.pt"), str(out)]) == OK
    assert [file.name for file in tmp_path.iterdir()] == ["smoke.onnx"]
    network = load(out, device="cpu")
    assert network.card.name == "smoke"
    assert network.card.training_data == "photos"  # the name of its data.sources
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = np.linspace(0, 100, 96)
    _, torch_net, _ = load_average(finished_run / "checkpoint.pt")
    with torch.no_grad():
        expected = torch_net(torch.from_numpy(x)).ab.numpy()
    np.testing.assert_allclose(network(x).ab, expected, atol=0.5)
    colored = colorize(drawn_photo(99)[..., 1], model=network)
    assert np.abs(rgb_to_lab(colored / 255.0)[..., 1:]).mean() > 1
    assert main(["export", str(finished_run / "checkpoint.pt"), str(out)]) == FAILED


def test_an_exported_file_holds_nothing_of_the_machine(finished_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "smoke.onnx"
    export(finished_run / "checkpoint.pt", out)
    assert not any(node.doc_string for node in onnx.load(str(out)).graph.node)
    for place in (Path(__file__).parents[2], finished_run, Path.home()):
        assert str(place).encode() not in out.read_bytes()


def test_a_network_that_has_diverged_is_not_exported(finished_run: Path, tmp_path: Path) -> None:
    position, recipe, state = checkpoint.load(finished_run / "checkpoint.pt")
    state["average"]["regress.bias"].fill_(float("nan"))
    checkpoint.save(tmp_path / "nan.pt", position, recipe, state)
    with pytest.raises(ModelError, match="diverged"):
        export(tmp_path / "nan.pt", tmp_path / "nan.onnx")
    assert not (tmp_path / "nan.onnx").exists()


def test_early_checkpoints_can_still_be_exported(finished_run: Path, tmp_path: Path) -> None:
    """The first format had no window in its state and fewer keys in its recipe."""
    position, recipe, state = checkpoint.load(finished_run / "checkpoint.pt")
    del state["window"], recipe["monitor"]["log_steps"]
    checkpoint.save(tmp_path / "early.pt", position, recipe, state)
    export(tmp_path / "early.pt", tmp_path / "early.onnx")
    assert (tmp_path / "early.onnx").exists()


def test_a_checkpoint_without_averaged_weights_is_refused(
    finished_run: Path, tmp_path: Path
) -> None:
    position, recipe, state = checkpoint.load(finished_run / "checkpoint.pt")
    del state["average"]
    path = tmp_path / "part.pt"
    checkpoint.save(path, position, recipe, state)
    net = build("unet", {})
    for use in (load_average, lambda path: load_start(net, NetRecipe(start_from=str(path)))):
        with pytest.raises(InputError, match="lacks a part: its averaged weights"):
            use(path)


def test_training_can_start_from_an_exported_model(finished_run: Path, tmp_path: Path) -> None:
    recipe, torch_net, _ = load_average(finished_run / "checkpoint.pt")
    out = tmp_path / "full.onnx"
    export(finished_run / "checkpoint.pt", out, weights="fp32")
    net = build(recipe.net.name, recipe.net.options)
    load_start(net, NetRecipe(start_from=str(out)))
    for key, value in torch_net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(net.state_dict()[key], value)
    with pytest.raises(ModelError, match="another network"):
        load_start(build(recipe.net.name, {}), NetRecipe(start_from=str(out)))


def test_a_start_of_another_depth_says_which_option_it_wants(tmp_path: Path) -> None:
    shallow = {"deepest_stage": False}
    with pytest.raises(ModelError, match=r"no deepest stage.*deepest_stage = false$"):
        load_start(build("mobile-unet", {}), NetRecipe(start_from="photochrom-film"))
    save_file(build("mobile-unet", {}).state_dict(), tmp_path / "whole.safetensors")
    with pytest.raises(ModelError, match=r"a deepest stage.*deepest_stage = true$"):
        load_start(
            build("mobile-unet", shallow), NetRecipe(start_from=str(tmp_path / "whole.safetensors"))
        )


def test_training_can_start_from_a_shipped_model_with_layers_in_int8() -> None:
    net = build("mobile-unet", {"deepest_stage": False})
    load_start(net, NetRecipe(start_from="photochrom-cartoon"))
    x = np.zeros((1, 4, 64, 64), np.float32)
    x[:, 0] = np.random.default_rng(0).uniform(0, 100, (64, 64))
    with torch.no_grad():
        ab = net.eval()(torch.from_numpy(x)).ab
    shipped = onnx.load_model_from_string(find.read_model("photochrom-cartoon")[1])
    assert any(tensor.name.endswith(ONNX_INT8) for tensor in shipped.graph.initializer)
    np.testing.assert_allclose(ab, load("photochrom-cartoon", device="cpu")(x).ab, atol=1e-2)


@pytest.mark.long
def test_an_encoder_with_batch_norm_is_exported_without_and_started_from(
    photos: Path, tmp_path: Path
) -> None:
    small = ["net.options.encoder_norm=true", "stages.0.images=16", "stages.0.batch=8"]
    small += ["stages.1.images=8", "stages.1.batch=8"]
    more = [part for setting in small for part in ("--set", setting)]
    assert main(arguments(photos, tmp_path / "run", *more)) == OK
    _, trained_net, _ = load_average(tmp_path / "run" / "checkpoint.pt")
    batches = trained_net.get_buffer("encoder.last.n.num_batches_tracked")
    assert batches == 12  # measured at the end, not averaged on the way
    out = tmp_path / "model.onnx"
    assert main(["export", str(tmp_path / "run" / "checkpoint.pt"), str(out)]) == OK
    start_from = ["--set", f"net.start_from={out}"]
    assert main(arguments(photos, tmp_path / "second", *more, *start_from)) == OK


@pytest.mark.long
def test_weights_whose_statistics_are_not_measured_are_resumed_and_not_used_otherwise(
    photos: Path, tmp_path: Path
) -> None:
    settings = [f"data.sources=['{photos}']", "net.options.encoder_norm=true"]
    settings += ["stages.0.images=12", "stages.1.images=4"]

    def amid_a_stage(trainer: Trainer, *_: float) -> None:
        if trainer.position.step == 2:
            trainer.save()
            raise KeyboardInterrupt  # as a crash would, without another checkpoint

    def trainer() -> Trainer:
        return Trainer(load_recipe(SMOKE, settings), tmp_path, report=lambda _: None)

    with pytest.raises(KeyboardInterrupt):
        trainer().run(amid_a_stage)
    saved = tmp_path / "checkpoint.pt"
    with pytest.raises(InputError, match=r"not fit for use.*amid a stage.*--resume"):
        export(saved, tmp_path / "early.onnx")
    net = build("mobile-unet", {"encoder_norm": True})
    with pytest.raises(InputError, match=r"not fit for use.*amid a stage.*--resume"):
        load_start(net, NetRecipe(start_from=str(saved)))
    again = trainer()
    again.resume()
    again.run(lambda *_: None)
    export(saved, tmp_path / "late.onnx")


def test_a_second_run_in_the_same_folder_is_refused(finished_run: Path, photos: Path) -> None:
    before = (finished_run / "checkpoint.pt").read_bytes()
    assert main(arguments(photos, finished_run)) == FAILED
    assert (finished_run / "checkpoint.pt").read_bytes() == before


def test_a_full_disk_leaves_the_old_checkpoint(finished_run: Path, tmp_path: Path) -> None:
    _, recipe, state = checkpoint.load(finished_run / "checkpoint.pt")
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, Position(step=1), recipe, {})
    with no_file_beyond(100_000), pytest.raises(OutputError, match="cannot write"):
        checkpoint.save(path, Position(step=2), recipe, state)
    assert checkpoint.load(path)[0].step == 1
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(InputError, match=r"is damaged or is not a checkpoint of photochrom$"):
        checkpoint.load(path)
    with pytest.raises(InputError, match="no checkpoint"):
        checkpoint.load(tmp_path / "absent.pt")


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "checkpoint.pt"
    torch.save({"format": 1, "state": Trap()}, path)
    with pytest.raises(InputError, match="not a checkpoint"):
        checkpoint.load(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("key", "stage"), [("vgg_weights", "stages.1.losses.perceptual=1"), ("net.encoder_weights", "")]
)
def test_missing_and_damaged_weights_are_refused_before_any_work(
    key: str, stage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "weights.safetensors"
    more = ["--set", f"{key}='{file}'", *(["--set", stage] if stage else [])]
    absent_photos = tmp_path / "no-photos"
    for message in ("cannot read", "damaged"):
        assert main(arguments(absent_photos, tmp_path / "run", *more)) == FAILED
        error = capsys.readouterr().err
        assert f"Error: {key}: " in error
        assert message in error
        file.write_bytes(b"not tensors")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--resume"], "no checkpoint to resume from"),
        (["--set", "stages.0.crop=50"], "crop 50 must be a multiple of 32"),
        (["--set", "net.options.width_16=30"], "multiple of 4"),
    ],
)
def test_what_cannot_work_is_refused_before_any_work(
    more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tmp_path / "no-photos", tmp_path / "run", *more)) == FAILED
    assert message in capsys.readouterr().err
