"""Faces by a second network, each from close up: `faces:A:B`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray

from photochrom import Hint, imageio
from photochrom.cli.app import app
from photochrom.color.places import Window, blend_ellipse
from photochrom.engine import (
    ModelIdentity,
    Network,
    feature_extractor,
    load,
    load_with_features,
    local_model,
    model_card,
    model_identity,
)
from photochrom.engine.close_ups import SHARE, CloseUpFinder, FacePart
from photochrom.engine.find import split_faces
from photochrom.errors import ModelError
from photochrom.pipeline import colorize


@pytest.fixture
def models(tmp_path: Path) -> tuple[str, str]:
    """Two networks, of which the second has three times the chroma."""
    second = replace(CARD, name="second")
    paths = (
        tiny_model(tmp_path / "one.onnx"),
        tiny_model(tmp_path / "two.onnx", card=second, ab_scale=3.0),
    )
    return str(paths[0]), str(paths[1])


@pytest.fixture
def network(models: tuple[str, str]) -> Network:
    return load("faces:" + ":".join(models), device="cpu")


@pytest.fixture
def portrait(astronaut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(256, 256) uint8, with one face."""
    return np.asarray(cv2.resize(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), (256, 256)))


def in_ellipse(face: FacePart, shape: tuple[int, ...], scale: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down, across = (rows - face.y) / face.radius_y, (columns - face.x) / face.radius_x
    return np.asarray(down**2 + across**2 <= scale**2, np.bool_)


def test_a_face_has_colours_of_both_and_all_else_those_of_the_first(
    network: Network, models: tuple[str, str], portrait: NDArray[np.uint8]
) -> None:
    assert network.close_ups is not None
    (face,) = network.close_ups.find(portrait)
    first = colorize(portrait, model=models[0], device="cpu").astype(int)
    both = colorize(portrait, model=network).astype(int)
    change = np.abs(both - first).max(axis=-1)
    assert np.median(change[in_ellipse(face, portrait.shape, 0.6)]) > 10
    outside = change[~in_ellipse(face, portrait.shape, 1.6)]
    assert np.median(outside) <= 2
    assert outside.max() <= 12, "but for how chroma is made larger"
    hint = Hint(round(face.x), round(face.y), "#2040c0")
    said = [colorize(portrait, model=one, hints=[hint]) for one in (network, network.members[0])]
    assert np.array_equal(*(rgb[round(face.y), round(face.x)] for rgb in said))


def test_without_a_face_or_with_colours_from_elsewhere_it_is_the_first(
    network: Network, portrait: NDArray[np.uint8], grey_scene: NDArray[np.uint8]
) -> None:
    first = network.members[0]
    assert np.array_equal(colorize(grey_scene, model=network), colorize(grey_scene, model=first))

    def guide(L: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return np.full((*L.shape, 2), 9.0, np.float32), np.ones(L.shape, np.float32)

    versions = [colorize(portrait, model=one, guide=guide) for one in (network, first)]
    assert np.array_equal(versions[0], versions[1])


def test_faces_are_found_in_pictures_of_all_kinds_and_sizes(
    portrait: NDArray[np.uint8], astronaut: NDArray[np.uint8]
) -> None:
    finder = CloseUpFinder()
    (face,) = finder.find(portrait)
    assert finder.find(portrait.astype(np.uint16) * 257) == (face,)
    assert np.allclose(finder.find(portrait / np.float32(255)), [face], atol=3)
    large = finder.find(astronaut)[0]
    assert np.allclose(np.array(large), 2 * np.array(face), atol=40)
    assert finder.find(portrait[:12, :9]) == finder.find(skimage.data.coffee()[:100]) == ()
    group = np.zeros((600, 900), np.uint8)
    group[50:210, 60:220] = group[400:560, 700:860] = cv2.resize(portrait, (160, 160))
    assert len(finder.find(group)) == 2
    for one in finder.find(group):
        assert 0 <= one.top <= one.top + one.height <= 600
        assert 0 <= one.left <= one.left + one.width <= 900


def test_faces_inside_of_black_bars_are_where_they_are(
    network: Network, portrait: NDArray[np.uint8]
) -> None:
    barred = np.pad(portrait, ((60, 60), (0, 0)))
    first = colorize(barred, model=network.members[0]).astype(int)
    change = np.abs(colorize(barred, model=network).astype(int) - first).max(axis=-1)
    assert network.close_ups is not None
    (face,) = network.close_ups.find(barred)
    assert np.median(change[in_ellipse(face, barred.shape, 0.6)]) > 10
    assert change[:55].max() == change[-55:].max() == 0


def test_an_ellipse_is_mixed_in_by_its_share() -> None:
    ab = np.zeros((50, 100, 2), np.float32)
    inner = np.full((8, 8, 2), 10.0, np.float32)
    blend_ellipse(ab, (100, 200), inner, Window(20, 60, 60, 60), (50.0, 90.0), (20, 20), SHARE)
    assert np.allclose(ab[25, 45], 10 * SHARE)
    assert np.allclose(ab[25, 55], 5 * SHARE, atol=0.5)
    assert not ab[:10].any()
    assert not ab[:, 62:].any()


def test_which_models_they_are(models: tuple[str, str], network: Network) -> None:
    text = "faces:" + ":".join(models)
    assert network.card.title == "tiny+second 1.2.3+1.2.3 for faces" == model_card(text).title
    assert network.identity == model_identity(text) != network.members[0].identity
    assert ModelIdentity.parse(network.identity.signature) == network.identity
    assert local_model(text) == text
    assert split_faces("photochrom-base") is None
    assert split_faces("faces:ddcolor:C:\\a.onnx:photochrom-faces") == (
        "ddcolor:C:\\a.onnx", "photochrom-faces",
    )  # fmt: skip
    for wrong in ("faces:", "faces:a", "faces:a:b:c"):
        with pytest.raises(ModelError, match="write faces:A:B"):
            split_faces(wrong)
    pair = load_with_features(f"faces:photochrom-base:{models[1]}", device="cpu")
    assert feature_extractor(pair) is feature_extractor(pair.members[0])


def test_a_model_of_drawings_colours_no_faces(models: tuple[str, str], tmp_path: Path) -> None:
    lines = tiny_model(tmp_path / "lines.onnx", card=replace(CARD, name="lines", input="sketch"))
    with pytest.raises(ModelError, match=r"lines 1.2.3 .* cannot be used for faces"):
        load(f"faces:{models[0]}:{lines}", device="cpu")


def test_the_command_line_colours_faces(
    models: tuple[str, str], portrait: NDArray[np.uint8], tmp_path: Path
) -> None:
    source, target = tmp_path / "a.png", tmp_path / "b.png"
    imageio.write(source, imageio.Picture(np.dstack([portrait] * 3)))
    run = CliRunner().invoke
    command = ["image", str(source), "-o", str(target), "--device", "cpu", "--faces"]
    done = run(app, [*command, "--model", models[0]])
    assert done.exit_code == 0, done.output
    generator = imageio.read_generator(target)
    assert generator is not None
    assert generator.startswith("tiny+photochrom-faces ")
    twice = run(app, [*command, "--overwrite", "--model", "faces:" + ":".join(models)])
    assert twice.exit_code == 2
    assert "--faces goes with one --model" in twice.output
