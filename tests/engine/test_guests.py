"""Networks of others behind our contract, and blends of two, by tiny networks of the same form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from fixtures.model import CARD, tiny_model
from onnx import TensorProto, helper, numpy_helper

from photochrom import Colorizer, Hint
from photochrom.cli.app import app
from photochrom.color.space import lab_to_rgb
from photochrom.engine import feature_extractor, load, local_model, model_card, model_identity
from photochrom.engine.find import split_blend
from photochrom.engine.guests import ACCEPTED, GUESTS, accept_licence
from photochrom.errors import ModelError, OutputError

Make = Callable[..., str]


def guest_model(path: Path, name: str, side: int | None, weights: np.ndarray) -> Path:
    """A 1 x 1 convolution with the inputs and output of a guest. weights: (out, in)."""
    row = GUESTS[name]
    shape = [1, side, side] if side else ["n", "h", "w"]
    names = [f"in{i}" for i in range(len(row.channels))]
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, [shape[0], c, *shape[1:]])
        for n, c in zip(names, row.channels)
    ]
    output = helper.make_tensor_value_info(
        "out", TensorProto.FLOAT, [shape[0], row.output_channels, *shape[1:]]
    )
    kernel = numpy_helper.from_array(weights.astype(np.float32)[..., None, None], "kernel")
    nodes = [
        helper.make_node("Concat", names, ["all"], axis=1),
        helper.make_node("Conv", ["all", "kernel"], ["out"]),
    ]
    graph = helper.make_graph(nodes, "guest", inputs, [output], [kernel])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.fixture
def make(tmp_path: Path, rng: np.random.Generator) -> Make:
    def write(name: str, side: int | None = None, weights: np.ndarray | None = None) -> str:
        row = GUESTS[name]
        size = (row.output_channels, sum(row.channels))
        values = rng.normal(0.0, 0.2, size) if weights is None else weights
        return f"{name}:{guest_model(tmp_path / f'{name}-{side}.onnx', name, side, values)}"

    return write


def planes(height: int = 64, width: int = 96) -> np.ndarray:
    """A ramp of lightness without hints, (1, 4, H, W)."""
    result = np.zeros((1, 4, height, width), np.float32)
    result[0, 0] = np.linspace(5.0, 95.0, width)
    return result


@pytest.mark.parametrize("name", GUESTS)
@pytest.mark.parametrize("side", [None, 32])
def test_each_guest_colours_at_any_size(name: str, side: int | None, make: Make) -> None:
    model = make(name, side)
    network = load(model, device="cpu")
    answer = network(planes())
    assert (answer.ab.shape, answer.confidence) == ((1, 2, 64, 96), None)
    assert network(np.repeat(planes(), 2, axis=0)).ab.shape == (2, 2, 64, 96)
    assert network.identity == model_identity(model)
    assert network.card == model_card(model)
    assert network.card.licence == f"{GUESTS[name].licence}, as its authors say"


def test_ranges_and_units_are_those_of_the_authors(make: Make) -> None:
    L = planes()
    grey = lab_to_rgb(L[:, :3] * [[[[1.0]], [[0.0]], [[0.0]]]], axis=1)[0, 0]
    ab = np.array([[10.0, 0.0, 0.0], [0.0, 20.0, 0.0]])
    found = load(make("ddcolor", None, ab), device="cpu")(L).ab[0]
    np.testing.assert_allclose(found, [10 * grey, 20 * grey], atol=1e-3)
    found = load(make("eccv16", None, np.array([[0.5], [-0.2]])), device="cpu")(L).ab[0]
    np.testing.assert_allclose(found, [0.5 * L[0, 0], -0.2 * L[0, 0]], atol=1e-4)
    for name in ("deoldify", "deoldify-codes"):
        same = load(make(name, None, np.eye(3)), device="cpu")(L).ab
        assert np.abs(same).max() < 0.05, "grey stays grey through both of its scales"
    red = np.diag([1.0, 0.5, 0.5])
    assert load(make("deoldify-codes", None, red), device="cpu")(L).ab[0, 0].max() > 30.0


def test_hints_reach_the_network_that_takes_them(make: Make) -> None:
    only_hints = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 3.0]])
    network = load(make("siggraph17", 32, only_hints), device="cpu")
    given = planes()
    given[0, 1:, 40:44, 60:64] = np.array([50.0, -20.0, 1.0])[:, None, None]
    ab = network(given).ab[0]
    assert ab[0, 41, 62] == pytest.approx(50.0, abs=3.0), "averaged with no neighbour, made smaller"
    assert ab[1, 41, 62] == pytest.approx(-17.0, abs=3.0)
    assert np.abs(ab[:, :20]).max() == 0.0
    picture = np.full((64, 96, 3), 120, np.uint8)
    for model in (make("siggraph17"), make("eccv16")):
        hint = Hint(48, 32, "#b01c2e", radius=6)
        red, green, _ = Colorizer(model, device="cpu")(picture, hints=[hint])[32, 48].astype(int)
        assert red > green + 30, "what a network does not take is spread"


def test_a_file_of_another_form_is_refused(make: Make, tmp_path: Path) -> None:
    path = make("eccv16").partition(":")[2]
    with pytest.raises(
        ModelError, match=r"is not a DDColor network: it has in0 .* wanted are float32"
    ):
        load(f"ddcolor:{path}", device="cpu")
    with pytest.raises(ModelError, match="there is no model file"):
        load(f"ddcolor:{tmp_path / 'none.onnx'}", device="cpu")
    with pytest.raises(ModelError, match="carries no model card"):
        load(path, device="cpu")


def test_weights_of_others_are_fetched_once_their_licence_is_accepted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path))
    monkeypatch.delenv(ACCEPTED, raising=False)
    address = "ddcolor:hf:somebody/ddcolor/ddcolor.onnx"
    for ask in (load, local_model):
        with pytest.raises(ModelError, match=rf"under Apache-2.0.*set {ACCEPTED}=ddcolor"):
            ask(f"{address}#sha256={'0' * 64}")
    accept_licence("ddcolor")
    with pytest.raises(ModelError, match="needs its checksum"):
        local_model(address)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="cannot be made"):
        accept_licence("deoldify")
    monkeypatch.setenv(ACCEPTED, "eccv16, siggraph17")
    with pytest.raises(ModelError, match="needs its checksum"):
        local_model(address.replace("ddcolor", "siggraph17"))


def test_a_blend_is_the_mean_of_two_by_weight(make: Make, tmp_path: Path) -> None:
    own = str(tiny_model(tmp_path / "tiny.onnx"))
    other = make("eccv16", 32, np.array([[0.5], [-0.2]]))
    first, second = load(own, device="cpu"), load(other, device="cpu")
    mixed = load(f"blend:{own}:{other}:0.25", device="cpu")
    assert mixed.card.title == f"tiny+eccv16 1.2.3+{second.card.version} at 25 %"
    assert mixed.card.multiple == 32
    big = np.repeat(np.repeat(first(planes()).ab, 4, axis=2), 4, axis=3)
    expected = 0.75 * big + 0.25 * second(planes()).ab
    assert np.abs(mixed(planes()).ab - expected).mean() < 0.5, "but for how they are made larger"
    assert mixed.identity == model_identity(f"blend:{own}:{other}:0.25")
    assert mixed.identity != model_identity(f"blend:{other}:{own}:0.25")
    assert CARD.licence in mixed.card.licence
    with pytest.raises(ModelError, match="is a blend and hands out no features"):
        feature_extractor(mixed)


def test_blends_are_read_whatever_they_are_of() -> None:
    address = f"hf:a/b/c.onnx#sha256={'0' * 64}"
    assert split_blend(f"blend:photochrom-base:ddcolor:{address}:0.5") == (
        "photochrom-base", f"ddcolor:{address}", 0.5,
    )  # fmt: skip
    web = "https://host:8000/a.onnx#sha256=1"
    assert split_blend(f"blend:{web}:C:\\b.onnx:1") == (web, "C:\\b.onnx", 1.0)
    assert split_blend("photochrom-base") is None
    for wrong in ("blend:a:b", "blend:a:b:1.5", "blend:a:0.5"):
        with pytest.raises(ModelError, match="is no blend; write A:B:WEIGHT"):
            split_blend(wrong)


def test_the_command_line_blends(make: Make, tmp_path: Path) -> None:
    own, other = str(tiny_model(tmp_path / "tiny.onnx")), make("eccv16", 32)
    photo, target = tmp_path / "a.png", tmp_path / "b.png"
    from PIL import Image

    Image.fromarray(np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))).save(photo)
    run = ["image", str(photo), "-o", str(target), "--device", "cpu"]
    answer = CliRunner().invoke(app, [*run, "--blend", f"{own}:{other}:0.5", "--json"])
    assert answer.exit_code == 0, answer.output
    assert "tiny+eccv16" in answer.stdout
    for wrong, message in (
        (["--blend", f"{own}:{other}"], "is no blend"),
        (["--blend", "a:b:0.5", "--model", own], "leave --model out"),
    ):
        answer = CliRunner().invoke(app, [*run, *wrong])
        assert answer.exit_code == 2
        assert message in answer.output
