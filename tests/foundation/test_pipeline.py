"""The pipe: any picture keeps its lightness and type, and colours come where they were asked."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from fixtures.model import CARD, WEIGHTS, tiny_model
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.color.space import rgb_to_lab
from photochrom.engine import Network, Prediction, load
from photochrom.errors import InputError, ModelError
from photochrom.evaluation.methods import network_method
from photochrom.evaluation.options import EvaluationOptions
from photochrom.hints import Hint, parse_color
from photochrom.pipeline import WhiteBalance, colorize, guess_chroma, hint_planes, working_lightness

RED = (190, 60, 50)
RED_AB = rgb_to_lab(np.array(RED) / 255.0)[1:]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"), device="cpu")


@pytest.fixture(scope="module")
def vivid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """The same network with a card that asks for 1.25 times the chroma."""
    card = dataclasses.replace(CARD, chroma_gain=1.25)
    path = tiny_model(tmp_path_factory.mktemp("model") / "vivid.onnx", card=card)
    return load(path, device="cpu")


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """The same network with a card that says that it colours sketches."""
    card = dataclasses.replace(CARD, input="sketch")
    path = tiny_model(tmp_path_factory.mktemp("model") / "sketch.onnx", card=card)
    return load(path, device="cpu")


def lab(rgb: NDArray[Any]) -> NDArray[np.float64]:
    scale = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0
    return rgb_to_lab(rgb.astype(np.float64) / scale)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_picture_keeps_its_type_size_and_lightness(
    network: Network, grey_scene: NDArray[np.uint8], dtype: Any, channels: tuple[int, ...]
) -> None:
    white = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1.0
    picture = (grey_scene / 255.0 * white).astype(dtype)
    if channels:
        picture = np.repeat(picture[..., None], 3, axis=-1)
    colored = colorize(picture, model=network)
    assert (colored.shape, colored.dtype) == ((*grey_scene.shape, 3), dtype)
    tolerance = 0.5 if dtype == np.uint8 else 0.01
    assert np.abs(lightness(colored) - lightness(picture)).max() <= tolerance


@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 5000), (5000, 3), (1, 40), (31, 33), (64, 64), (700, 500)]
)
def test_any_size_goes_through(network: Network, shape: tuple[int, int]) -> None:
    picture = np.full(shape, 128, np.uint8)
    colored = colorize(picture, model=network)
    assert colored.shape == (*shape, 3)
    # The tiny network colours by lightness alone, so an even picture comes out even: no seams.
    assert np.ptp(colored.reshape(-1, 3), axis=0).max() <= 1


def test_the_working_size_is_the_models_and_never_above_the_pictures() -> None:
    big, small = np.zeros((300, 450), np.uint8), np.zeros((40, 200), np.uint8)
    assert working_lightness(big, "auto", CARD).shape == (64, 96)
    assert working_lightness(big, 128, CARD).shape == (128, 192)
    assert min(working_lightness(small, "auto", CARD).shape) == 32
    assert working_lightness(np.zeros((1, 1), np.uint8), "auto", CARD).shape == (32, 32)


def test_the_network_sees_the_same_lightness_at_any_depth(scene: NDArray[np.uint8]) -> None:
    seen = working_lightness(scene, 64, CARD)
    deep = working_lightness(scene.astype(np.uint16) * 257, 64, CARD)
    floating = working_lightness(scene / np.float32(255.0), 64, CARD)
    np.testing.assert_allclose(deep, floating, atol=0.01)
    np.testing.assert_allclose(seen, floating, atol=0.4)
    assert 0.0 <= seen.min() < seen.max() <= 100.0


def test_vividness_multiplies_the_models_own_gain(
    network: Network, vivid: Network, grey_scene: NDArray[np.uint8]
) -> None:
    L = working_lightness(grey_scene, 64, CARD)
    no_hints = hint_planes([], grey_scene.shape, L.shape)
    plain = guess_chroma(network, L, *no_hints)
    np.testing.assert_allclose(guess_chroma(vivid, L, *no_hints, 2.0), 2.5 * plain, rtol=1e-5)
    np.testing.assert_allclose(plain[..., 0] / plain[..., 1], WEIGHTS["L"][0] / WEIGHTS["L"][1])


def test_no_vividness_is_grey(network: Network, grey_scene: NDArray[np.uint8]) -> None:
    colored = colorize(grey_scene, model=network, vividness=0.0)
    np.testing.assert_array_equal(colored, np.repeat(grey_scene[..., None], 3, axis=-1))


def test_colours_that_are_there_are_ignored(network: Network, scene: NDArray[np.uint8]) -> None:
    sepia = np.clip(scene.mean(-1, keepdims=True) * [0.9, 0.75, 0.6], 0, 255).astype(np.uint8)
    grey = lightness(sepia)
    colored = lab(colorize(sepia, model=network))
    np.testing.assert_allclose(colored[..., 0], grey, atol=0.5)
    # The tiny network's ratio of a to b, not that of the sepia tone.
    assert np.median(colored[..., 1] / colored[..., 2]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("vividness", [0.0, 0.6, 1.0, 1.8])
def test_a_hinted_place_has_the_colour_asked_for(vivid: Network, vividness: float) -> None:
    picture = np.full((256, 256), 128, np.uint8)
    hint = Hint(x=128, y=100, color=RED, radius=40)
    colored = lab(colorize(picture, model=vivid, vividness=vividness, hints=[hint]))
    np.testing.assert_allclose(colored[100, 128, 1:], RED_AB, atol=2.0)
    far = lab(colorize(picture, model=vivid, vividness=vividness))[250, 10]
    np.testing.assert_allclose(colored[250, 10], far, atol=1.0)


def test_a_white_balance_shifts_all_but_what_was_asked_for(
    network: Network, grey_scene: NDArray[np.uint8]
) -> None:
    hint = Hint(x=60, y=45, color=RED, radius=5)
    plain = lab(colorize(grey_scene, model=network, hints=[hint]))
    cool = WhiteBalance(temperature=-12)
    shifted = lab(colorize(grey_scene, model=network, hints=[hint], white_balance=cool))
    bright = plain[..., 0] > 45
    bright[20:70, 35:85] = False
    assert np.median((shifted - plain)[bright], axis=0) == pytest.approx((0, 0, -12), abs=1.0)
    np.testing.assert_allclose(shifted[45, 60], plain[45, 60], atol=1.0)
    for wrong in ({"temperature": 51}, {"tint": float("nan")}, {"neutral": -0.1}):
        with pytest.raises(InputError, match=f"the {'share' if 'neutral' in wrong else 't'}"):
            WhiteBalance(**wrong)


def test_colours_spread_exactly_on_a_map_and_where_that_is_asked_for(
    network: Network, grey_scene: NDArray[np.uint8]
) -> None:
    drawn = np.full((200, 300), 225, np.uint8)
    drawn[10:190, 149:151] = drawn[99:101, 10:290] = drawn[10:190:40, 10:290] = 30
    hints = [Hint(60, 70, (240, 220, 200), 3), Hint(230, 70, (200, 220, 240), 3)]
    colored = lab(colorize(drawn, model=network, hints=hints))
    np.testing.assert_allclose(colored[70, 140], colored[70, 60], atol=2.5)
    np.testing.assert_allclose(colored[70, 170], colored[70, 230], atol=2.5)
    by_network = colorize(drawn, model=network, hints=hints, spread="network")
    assert np.abs(lab(by_network)[70, 140] - colored[70, 140]).max() > 5
    exact = lab(colorize(grey_scene, model=network, hints=hints[:1], spread="exact"))
    middle = (exact[..., 0] > 30) & (exact[..., 0] < 80)
    hinted = rgb_to_lab(np.array(hints[0].rgb) / 255.0)[1:]
    np.testing.assert_allclose(exact[middle][:, 1:].mean(axis=0), hinted, atol=1.5)
    wrong: Any
    for wrong, message in (("exact", "no colours to spread"), ("best", "cannot spread by 'best'")):
        with pytest.raises(InputError, match=message):
            colorize(grey_scene, model=network, spread=wrong)


def test_hints_are_scaled_so_that_the_gain_brings_them_back(vivid: Network) -> None:
    received = []

    class RecordingNetwork(Network):
        def __call__(self, inputs: NDArray[np.float32]) -> Any:
            received.append(inputs)
            return vivid(inputs)

    recording = RecordingNetwork(vivid.card, vivid.identity, "", "", lambda _: {})
    picture = np.full((64, 64), 128, np.uint8)
    colorize(picture, model=recording, vividness=1.6, hints=[Hint(x=10, y=20, color=RED)])
    (inputs,) = received
    assert np.argwhere(inputs[0, 3]).tolist() == [[20, 10]]
    np.testing.assert_allclose(inputs[0, 1:3, 20, 10], RED_AB / 2.0, rtol=1e-5)


def test_hints_are_scattered_to_the_working_size() -> None:
    hints = [Hint(x=399, y=0, color=RED), Hint(x=200, y=100, color=(0, 0, 255), radius=20)]
    ab, mask = hint_planes(hints, (200, 400), (20, 40))
    assert mask[0, 39] == 1
    np.testing.assert_allclose(ab[0, 39], RED_AB, rtol=1e-5)
    rows, columns = np.nonzero(mask[:, :39])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 11, 18, 21)
    assert not ab[mask == 0].any()


@pytest.mark.parametrize(
    ("text", "rgb"),
    [
        ("#c81e1e", (200, 30, 30)),
        (" C81E1E ", (200, 30, 30)),
        ("Navy", (0, 0, 128)),
        ("rebeccapurple", (102, 51, 153)),
    ],
)
def test_a_color_is_six_digits_or_a_css_name(text: str, rgb: tuple[int, int, int]) -> None:
    assert parse_color(text) == rgb


@pytest.mark.parametrize(
    "text", ["", "#", "#fff", "#c81e1", "c81e1e1", "#navy", "greenish", "à81e1e"]
)
def test_what_is_no_color_is_refused_by_name(text: str) -> None:
    with pytest.raises(
        InputError, match=re.escape(f"{text!r} is no colour; write it like #c81e1e")
    ):
        parse_color(text)


@pytest.mark.parametrize("color", ["#0a141e", (10, 20, 30), [10, 20, 30], np.array([10, 20, 30])])
def test_a_hint_has_its_color_in_any_form(color: Any) -> None:
    hint = Hint(1, 2, color)
    assert hint.rgb == (10, 20, 30)
    assert hint == Hint(1.0, 2.0, (10, 20, 30))


@pytest.mark.parametrize(
    "color",
    [
        (0.8, 0.1, 0.1), (1.0, 0, 0), (0, 0, 256), (-1, 0, 0), (1, 2), (1, 2, 3, 4), b"abc",
        (True, False, True), None, 7, {1, 2, 3}, np.ones(3), np.zeros((3, 1), int),
    ],
)  # fmt: skip
def test_a_hint_refuses_what_is_no_color(color: Any) -> None:
    with pytest.raises(InputError, match="is no colour; write it like #c81e1e, or as a CSS name"):
        Hint(1, 2, color)


@pytest.mark.parametrize("place", [(np.nan, 2), (1, np.inf), ("1", 2), (None, 2), (1, 2, RED, -1)])
def test_a_hint_refuses_what_is_no_place(place: Any) -> None:
    x, y, *rest = place
    with pytest.raises(InputError, match="is no place in a picture"):
        Hint(x, y, *(rest or [RED]))


def test_the_later_hint_counts() -> None:
    ab, _ = hint_planes([Hint(5, 5, RED), Hint(5, 5, (9, 9, 9))], (10, 10), (10, 10))
    np.testing.assert_allclose(ab, 0.0, atol=1e-3)


def test_a_model_can_be_given_by_path(tmp_path: Path, grey_scene: NDArray[np.uint8]) -> None:
    path = tiny_model(tmp_path / "tiny.onnx")
    same = colorize(grey_scene, model=load(path))
    np.testing.assert_array_equal(colorize(grey_scene, model=path), same)


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        (np.zeros((4, 4, 4), np.uint8), {}, r"\(4, 4, 4\)"),
        (np.zeros((0, 4), np.uint8), {}, "empty"),
        (np.zeros((4, 4), np.int32), {}, "int32"),
        (np.full((4, 4), np.nan, np.float32), {}, "spans nan"),
        (np.full((4, 4), 255.0, np.float32), {}, "must lie in"),
        (np.zeros((4, 4), np.uint8), {"vividness": -1.0}, "vividness is -1.0"),
        (np.zeros((4, 4), np.uint8), {"vividness": float("nan")}, "vividness is nan"),
        (np.zeros((4, 4), np.uint8), {"size": 0}, "working size is 0"),
        (np.zeros((4, 4), np.uint8), {"hints": [Hint(4, 0, RED)]}, "outside the picture"),
    ],
)
def test_what_makes_no_sense_is_refused(
    network: Network, picture: NDArray[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        colorize(picture, model=network, **options)


@pytest.mark.parametrize("bars", [(40, 40, 0, 0), (0, 0, 60, 60), (30, 34, 20, 26), (4, 4, 4, 4)])
def test_black_bars_do_not_change_the_colours_inside(
    bars: tuple[int, int, int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = load(tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    grey = cv2.cvtColor(skimage.data.astronaut()[:300, :400], cv2.COLOR_RGB2GRAY)
    grey = np.maximum(grey, 50)
    sides = (bars[:2], bars[2:])
    hint = Hint(200, 150, "#c81e1e", 8)
    moved = dataclasses.replace(hint, x=hint.x + bars[2], y=hint.y + bars[0])
    plain = colorize(grey, model=network, size=96, hints=[hint])
    seen: list[NDArray[np.float32]] = []
    call = Network.__call__

    def watch(network: Network, planes: NDArray[np.float32]) -> Prediction:
        seen.append(planes[0, 0])
        return call(network, planes)

    monkeypatch.setattr(Network, "__call__", watch)
    barred = colorize(np.pad(grey, sides), model=network, size=96, hints=[moved])
    if min(filter(None, bars)) > 8:  # two px of what is seen
        np.testing.assert_array_equal(seen[-1], working_lightness(grey, 96, network.card))
    rows, columns = slice(bars[0], bars[0] + 300), slice(bars[2], bars[2] + 400)
    inside = barred[rows, columns].astype(int)
    assert np.abs(inside[8:-8, 8:-8] - plain[8:-8, 8:-8]).mean() < 2.0
    bar = np.ones(barred.shape[:2], bool)
    bar[rows, columns] = False
    assert not np.ptp(barred[bar].astype(int), axis=-1).any()


def test_rounded_corners_are_not_seen_and_stay_black(network: Network) -> None:
    grey = np.full((256, 320), 150, np.uint8)
    plain = colorize(grey, model=network)
    y, x = np.mgrid[:256, :320]
    far = np.hypot(np.maximum(np.abs(x - 159.5) - 135, 0), np.maximum(np.abs(y - 127.5) - 103, 0))
    colored = colorize(np.where(far > 25, 0, grey).astype(np.uint8), model=network)
    assert not np.ptp(colored[far > 31].astype(int), axis=-1).any()
    np.testing.assert_allclose(colored[far < 18].astype(int), plain[far < 18], atol=3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_paper_of_a_drawing_takes_on_colour_and_its_lines_stay(
    network: Network, painter: Network, dtype: Any
) -> None:
    white = 255 if dtype == np.uint8 else 1.0
    drawing = np.full((96, 128), white, dtype)
    drawing[40:48] = 0
    painted, photograph = (lab(colorize(drawing, model=net)) for net in (painter, network))
    assert painted.shape == (96, 128, 3)
    # a = 20 and b = 40 where it is white: paper at L = 100 can show nothing of it.
    assert np.hypot(*photograph[5, 5, 1:]) < 2
    np.testing.assert_allclose(painted[5, 5, 1:], (20, 40), atol=2)
    assert 75 < painted[5, 5, 0] < 95
    assert painted[40:48, :, 0].max() < 1


def test_a_model_of_drawings_is_refused_for_what_is_none(painter: Network) -> None:
    with pytest.raises(ModelError, match=r"tiny 1\.2\.3 colours drawings .*used for films"):
        painter.card.check_photographs("films")
    with pytest.raises(ModelError, match="an evaluation on photographs"):
        network_method("painter", painter, EvaluationOptions())
