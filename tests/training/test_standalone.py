"""One graph from sRGB to sRGB gives what the command line gives, in every runtime that is here."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from photochrom.cli import OK, main
from photochrom.color.luminance import lightness
from photochrom.engine import load
from photochrom.engine.card import read_card
from photochrom.errors import ModelError
from photochrom.hints import Hint
from photochrom.pipeline import colorize
from photochrom.training.onnx_weights import StoredWeights, store_weights, widen_weights
from photochrom.training.standalone import HintInputs, export_standalone

ROOT = Path(__file__).parents[2]
SHAPES = ((37, 53), (150, 700), (400, 300), (135, 200))
"""Smaller than the network's picture, a panorama, upright, and one that lies between multiples."""
NOBODY = np.array([[0, 0, -1, 0, 0, 0]], np.float32)


def draw_picture(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A soft grey picture, (H, W, 3)."""
    cells = rng.integers(20, 235, (5, 7)).astype(np.uint8)
    plane = cv2.resize(cells, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.repeat(plane[..., None], 3, axis=2)


def image(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """As the graph takes it."""
    return np.ascontiguousarray((rgb / np.float32(255)).transpose(2, 0, 1)[None], np.float32)


def codes(colored: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What the graph gives as (H, W, 3) of 8 bits."""
    return np.rint(colored[0].transpose(1, 2, 0) * 255).astype(np.uint8)


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose colours reach beyond the gamut in places."""
    return tiny_model(tmp_path_factory.mktemp("standalone") / "tiny.onnx")


def test_pixels_are_those_of_the_command_line(
    tiny: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    out = tmp_path / "one.onnx"
    assert main(["export", "--standalone", str(tiny), str(out)]) == OK
    graph, network = session(out), load(tiny)
    for shape in SHAPES:
        rgb = draw_picture(shape, rng)
        (colored,) = graph.run(None, {"image": image(rgb)})
        apart = np.abs(codes(colored).astype(int) - colorize(rgb, model=network))
        assert apart.mean() < 0.5, shape
        assert np.percentile(apart, 99) <= 2, shape
        change = np.abs(lightness(colored[0].transpose(1, 2, 0)) - lightness(rgb))
        assert change.mean() <= 0.05, shape
        assert change.max() <= 1.0, shape


@pytest.mark.slow
def test_hints_and_vividness_may_be_left_out_or_said(
    tiny: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    network, rgb = load(tiny), draw_picture((120, 200), rng)
    places = (
        Hint(60, 50, "#c81e1e", radius=12),
        Hint(62, 52, "navy", radius=9),
        Hint(150, 90, "teal"),
    )
    rows = [[h.x, h.y, h.radius, *np.divide(h.rgb, 255)] for h in places]
    given = {"hints": np.array(rows, np.float32), "vividness": np.array([0.5], np.float32)}
    expected = colorize(rgb, model=network, hints=places, vividness=0.5, spread="network")
    answers: list[Any] = []
    modes: tuple[HintInputs, ...] = ("optional", "required")
    for hints in modes:
        out = tmp_path / f"{hints}.onnx"
        export_standalone(tiny, out, hints=hints)
        graph = session(out)
        (colored,) = graph.run(None, {"image": image(rgb), **given})
        apart = np.abs(codes(colored).astype(int) - expected)
        assert apart.mean() < 1.0  # at the hints the command line is exact to the pixel
        assert np.abs(apart[52, 62]).max() <= 12
        nothing = {"hints": NOBODY, "vividness": np.ones(1, np.float32)}
        answers.append(graph.run(None, {"image": image(rgb), **nothing})[0])
        if hints == "optional":
            answers.append(graph.run(None, {"image": image(rgb)})[0])
    # A colour that the network misses by a little is carried far.
    plain = colorize(rgb, model=network)
    red, green, blue = plain[38:43, 28:33].mean((0, 1)).astype(int).tolist()
    near = Hint(30, 40, (red + 8, green, blue), radius=4)
    expected = colorize(rgb, model=network, hints=[near], spread="network")
    row = np.array([[near.x, near.y, near.radius, *np.divide(near.rgb, 255)]], np.float32)
    given = {"hints": row, "vividness": np.ones(1, np.float32)}
    found = codes(graph.run(None, {"image": image(rgb), **given})[0])[:, 100:].astype(int)
    assert np.abs(found - expected[:, 100:]).mean() < 0.5
    assert np.abs(found - plain[:, 100:]).mean() > 0.5
    export_standalone(tiny, tmp_path / "none.onnx", hints="none")
    answers.append(session(tmp_path / "none.onnx").run(None, {"image": image(rgb)})[0])
    for answer in answers[1:]:
        assert np.abs(answer - answers[0]).max() < 1e-4


@pytest.mark.long
def test_openvino_gives_the_same_in_single_precision(
    tiny: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    openvino = pytest.importorskip("openvino")
    out, rgb = tmp_path / "one.onnx", draw_picture((48, 72), rng)
    export_standalone(tiny, out, hints="none")
    core = openvino.Core()
    model = core.compile_model(core.read_model(out), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    (expected,) = session(out).run(None, {"image": image(rgb)})
    apart = np.abs(model({"image": image(rgb)})[0] - expected) * 255
    assert apart.mean() < 0.05


NODE = """
import * as ort from "DIST/ort.wasm.bundle.min.mjs";
import fs from "node:fs";
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = "DIST/";
const floats = (name) => new Float32Array(new Uint8Array(fs.readFileSync(name)).buffer);
const session = await ort.InferenceSession.create(new Uint8Array(fs.readFileSync("one.onnx")));
const { colored } = await session.run({
  image: new ort.Tensor("float32", floats("image"), SHAPE),
  hints: new ort.Tensor("float32", floats("hints"), [1, 6]),
  vividness: new ort.Tensor("float32", [1.5], [1]),
});
fs.writeFileSync("colored", new Uint8Array(colored.data.buffer));
"""


@pytest.mark.hosts
def test_the_runtime_of_browsers_gives_the_same(tmp_path: Path, rng: np.random.Generator) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs Node and npm")
    tool = runpy.run_path(str(ROOT / "tools" / "browser_site.py"))
    dist = tool["unpack_runtime"](tool["fetch_runtime"](), tmp_path)
    export_standalone("photochrom-base", tmp_path / "one.onnx", hints="required")
    picture = image(draw_picture((400, 600), rng))
    hints = np.array([[200, 200, 8, 0.8, 0.1, 0.1]], np.float32)
    picture.tofile(tmp_path / "image")
    hints.tofile(tmp_path / "hints")
    script = NODE.replace("DIST", str(dist)).replace("SHAPE", str(list(picture.shape)))
    (tmp_path / "run.mjs").write_text(script)
    subprocess.run(["node", "run.mjs"], cwd=tmp_path, check=True)
    inputs = {"image": picture, "hints": hints, "vividness": np.array([1.5], np.float32)}
    (expected,) = session(tmp_path / "one.onnx").run(None, inputs)
    colored = np.fromfile(tmp_path / "colored", np.float32).reshape(picture.shape)
    assert np.abs(colored - expected).mean() * 255 < 0.01


def test_the_file_says_who_colours_and_drawings_are_refused(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "one.onnx"
    export_standalone(tiny, out)
    assert read_card(out.read_bytes(), "it").title == CARD.title
    generator = session(out).get_modelmeta().custom_metadata_map["photochrom.generator"]
    assert generator == load(tiny).identity.signature
    with pytest.raises(ModelError, match="drawings"):
        export_standalone(
            tiny_model(tmp_path / "edges.onnx", card=replace(CARD, input="edges")),
            tmp_path / "other.onnx",
        )


@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_stored_weights_are_widened_again(kind: StoredWeights, rng: np.random.Generator) -> None:
    weights = {"net.conv": rng.normal(0, 1, (64, 16, 3, 3)).astype(np.float32)}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "net.conv"], ["output"])],
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 16, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph)
    store_weights(model, kind)
    widen_weights(model)
    (stored,) = model.graph.initializer
    error = np.abs(numpy_helper.to_array(stored) - weights["net.conv"]).max()
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    assert stored.name == "net.conv"
    assert 0 < error < 0.1
