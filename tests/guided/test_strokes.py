"""Painted colours: they come out where they were painted, and what makes no sense is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom import Colorizer
from photochrom.color.compose import compose
from photochrom.color.difference import ciede2000
from photochrom.color.luminance import lightness
from photochrom.color.places import Window, paint_places
from photochrom.color.space import rgb_to_lab
from photochrom.engine import Network, load
from photochrom.errors import InputError
from photochrom.guided.notes import clip_notes
from photochrom.guided.strokes import PaintedLayer, Stroke, read_strokes
from photochrom.hints import ColorHint, Hint
from photochrom.pipeline import colorize

RED = (200, 30, 30)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return load(tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx"), device="cpu")


def differences(
    colored: NDArray[Any], picture: NDArray[Any], hints: Sequence[Hint]
) -> NDArray[np.float64]:
    """ΔE00 of pixels from the chroma asked for at their own lightness, clipped to the gamut."""
    rows, columns = (
        [int(side + 0.5) for side in sides] for sides in zip(*((h.y, h.x) for h in hints))
    )
    ab = rgb_to_lab(np.array([hint.rgb for hint in hints]) / 255.0)[None, :, 1:]
    wanted = compose(lightness(picture[rows, columns][None]), ab.astype(np.float32), np.float32)
    pixels = colored[rows, columns][None] / np.iinfo(colored.dtype).max
    wanted_lab = rgb_to_lab(wanted.astype(np.float64))
    return np.asarray(ciede2000(wanted_lab, rgb_to_lab(pixels))[0])


def test_a_colour_stands_exactly_at_its_place(network: Network) -> None:
    """Any colour at any lightness, in a picture of which each cell of the map has 25 pixels."""
    rng = np.random.default_rng(1)
    rows, columns = np.indices((320, 480))
    texture = 30 * np.sin(rows / 3) * np.cos(columns / 5) + rng.normal(0, 6, rows.shape)
    grey = np.clip(columns / 480 * 255 + texture, 0, 255) / 255
    for dtype, radius, limit in ((np.uint8, 0.0, 1.0), (np.uint16, 1.5, 0.1), (np.uint8, 6.0, 1.0)):
        picture = np.rint(grey * np.iinfo(dtype).max).astype(dtype)
        hints = [
            Hint(
                x + rng.uniform(-8, 8),
                y + rng.uniform(-8, 8),
                tuple(rng.integers(0, 256, 3).tolist()),
                radius,
            )
            for y in range(20, 320, 40)
            for x in range(20, 480, 40)
        ]
        colored = colorize(picture, model=network, hints=hints)
        worst = differences(colored, picture, hints).max()
        assert worst <= limit, f"{dtype.__name__}, radius {radius}; 3 are asked for"


def test_a_stroke_is_a_line_of_its_width_at_any_raster() -> None:
    stroke = Stroke([(10, 20), (90, 20), (90, 60)], RED, width=6)
    ab, mask = paint_places([stroke], Window(0, 0, 80, 120), (80, 120))
    assert mask[20, 10:90].all()
    assert mask[20:60, 90].all()
    assert mask[:, 50].sum() == 7  # 17 to 23
    assert mask.sum() == pytest.approx(7 * (80 + 40), rel=0.05)
    np.testing.assert_allclose(ab[20, 50], rgb_to_lab(np.array(RED) / 255.0)[1:], atol=1e-4)
    part = paint_places([stroke], Window(10, 30, 40, 70), (40, 70))[1]
    np.testing.assert_array_equal(part, mask[10:50, 30:100])
    small = paint_places([stroke], Window(0, 0, 80, 120), (8, 12))[1]
    assert small[2, 1:9].all()  # a line that is thinner than a pixel does not vanish
    assert small[2:6, 9].all()
    assert small.sum() <= 14


def test_a_stroke_that_goes_on_far_beyond_the_picture_costs_what_is_seen_of_it() -> None:
    picture = np.zeros((90, 120), np.uint8)
    far, near = (
        paint_places(
            [Stroke([(3, 5), end], "red", 2.1).on_picture(picture)],
            Window(0, 0, 90, 120),
            (90, 120),
        )
        for end in ((4e12 + 3, 2e12 + 5), (403, 205))
    )
    assert near[1].any()
    for one, other in zip(far, near, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_painted_layer_is_scaled_and_keeps_thin_lines() -> None:
    rgba = np.zeros((160, 240, 4), np.uint8)
    rgba[20:60, 40:120] = (*RED, 255)
    rgba[100, 10:230] = (0, 0, 255, 255)
    rgba[140:150, 10:20] = (0, 255, 0, 100)  # too transparent
    layer = PaintedLayer(rgba[..., :3], rgba[..., 3] > 127)
    place = layer.on_picture(np.zeros((80, 120), np.uint8))
    ab, mask = paint_places([place], Window(0, 0, 80, 120), (80, 120))
    assert mask[10:30, 20:60].all()
    assert mask[50, 5:115].all()
    assert mask.sum() == 20 * 40 + 110
    np.testing.assert_allclose(ab[20, 40], rgb_to_lab(np.array(RED) / 255.0)[1:], atol=1e-3)
    np.testing.assert_allclose(ab[50, 40], rgb_to_lab(np.array([0, 0, 1.0]))[1:], atol=1e-3)
    part = paint_places([place], Window(5, 10, 40, 60), (40, 60))[1]
    np.testing.assert_array_equal(part, mask[5:45, 10:70])
    small = paint_places([place], Window(0, 0, 80, 120), (8, 12))[1]
    assert small[5, 1:11].all()
    assert small[1:3, 2:6].all()


def test_files_of_strokes_are_the_strokes(
    network: Network, tmp_path: Path, grey_scene: NDArray[np.uint8]
) -> None:
    stroke = Stroke([(30, 40), (60, 50)], RED, width=7)
    table = {"points": [[30, 40], [60, 50]], "color": "#c81e1e", "width": 7}
    (tmp_path / "plain.json").write_text(json.dumps({"strokes": [table]}))
    doubled = {**table, "points": [[60.5, 80.5], [120.5, 100.5]], "width": 14}
    (tmp_path / "large.json").write_text(json.dumps({"size": [240, 180], "strokes": [doubled]}))
    mask = paint_places([stroke], Window(0, 0, 90, 120), (90, 120))[1]
    rgba = np.dstack([np.full((90, 120, 3), RED, np.uint8), (mask * 255).astype(np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "painted.png")
    expected = colorize(grey_scene, model=network, hints=[stroke])
    assert differences(expected, grey_scene, [Hint(45, 45, RED)]) < 1.0
    for name in ("plain.json", "large.json"):
        colored = colorize(grey_scene, model=network, hints=read_strokes(tmp_path / name))
        np.testing.assert_array_equal(colored, expected, name)
    painted = colorize(grey_scene, model=network, hints=read_strokes(tmp_path / "painted.png"))
    np.testing.assert_allclose(painted[mask > 0], expected[mask > 0], atol=1)


def test_where_two_colours_meet_the_later_one_counts(
    network: Network, grey_scene: NDArray[np.uint8]
) -> None:
    hints: list[ColorHint] = [Stroke([(10, 45), (110, 45)], "blue", 9), Hint(60, 45, RED, 2)]
    colored = colorize(grey_scene, model=network, hints=hints)
    expected = [Hint(60, 45, RED), Hint(66, 45, "blue"), Hint(30, 45, "blue")]
    assert differences(colored, grey_scene, expected).max() < 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is no object"),
        ('{"strokes": []}', "there is no stroke"),
        ('{"stroke": []}', "unknown key stroke"),
        ('{"strokes": [{"points": [], "color": "red"}]}', "are no points of a stroke"),
        ('{"strokes": [{"points": [[1]], "color": "red"}]}', "must have 2 entries"),
        ('{"strokes": [{"points": [[1, 2]], "color": "reddish"}]}', "'reddish' is no colour"),
        ('{"strokes": [{"points": [[1, 2]], "color": "red", "width": 0}]}', "must be above 0 px"),
        ('{"strokes": [{"points": [[1, 2]]}]}', "lacks color"),
        ('{"size": [9], "strokes": [{"points": [[1, 2]], "color": "red"}]}', "not .width, height."),
        ('{"size": [9, 1e999], "strokes": [{"points": [[1, 2]], "color": "red"}]}', "not .width"),
        ('{"size": [9, 9], "strokes": [{"points": [[1, 2]], "color": "red"}]}', "proportions"),
        ('{"strokes": [{"points": [[500, 2], [500, 80]], "color": "red"}]}', "lies outside the"),
    ],
)
def test_a_file_without_sense_is_refused(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "strokes.json"
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        [hint.on_picture(np.zeros((90, 120), np.uint8)) for hint in read_strokes(file)]


def test_a_layer_without_sense_is_refused(tmp_path: Path) -> None:
    rgba = np.zeros((90, 120, 4), np.uint8)

    def refuse(pixels: NDArray[np.uint8], message: str) -> None:
        Image.fromarray(pixels).save(tmp_path / "painted.png")
        with pytest.raises(InputError, match=message):
            read_strokes(tmp_path / "painted.png")[0].on_picture(np.zeros((90, 120), np.uint8))

    refuse(rgba, "nothing is painted in")
    refuse(rgba[..., :3], "has no transparency")
    refuse(rgba + np.uint8(255), "nothing is transparent in")
    rgba[10:20, 10:20] = 255
    refuse(rgba[:, :100], "100 x 90 px, which are not the proportions of the picture of 120 x 90")
    with pytest.raises(InputError, match="cannot read"):
        read_strokes(tmp_path / "missing.json")
    with pytest.raises(InputError, match="are no points"):
        Stroke([(1, float("nan"))], RED)


def test_a_colour_that_cannot_be_shown_has_a_note() -> None:
    picture = np.full((90, 120), 250, np.uint8)
    picture[:, 60:] = 90
    hints = [Hint(20, 20, "blue", 5), Hint(100, 20, "blue", 5), Hint(20, 60, "#fff8f0", 5)]
    (note,) = clip_notes(picture, hints)
    assert note.startswith("the colour of the hint at 20, 20 does not exist where it is so light")
    with pytest.raises(InputError, match="lies outside the picture"):
        clip_notes(picture, [Hint(120, 20, "blue")])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hints": "red"}, "hints are a list of Hint, Stroke and Area, not 'red'"),
        ({"hints": Hint(1, 1, "red")}, "hints are a list .* not Hint"),
        ({"hints": None}, "hints are a list"),
        ({"hints": [(1, 1, "red")]}, r"\(1, 1, 'red'\) is no hint; give Hint\(x, y, color\)"),
        ({"strokes": ["red"]}, "'red' is no hint"),
        ({"strokes": Stroke([(1, 1), (2, 2)], "red")}, "hints are a list .* not Stroke"),
        ({"hints": [Hint(20, 1, "red")]}, "the hint at 20, 1 lies outside the picture of 12 x 9"),
    ],
)
def test_what_is_no_hint_is_refused(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    color = Colorizer(tiny_model(tmp_path / "tiny.onnx"))
    with pytest.raises(InputError, match=message):
        color(np.zeros((9, 12), np.uint8), **given)
