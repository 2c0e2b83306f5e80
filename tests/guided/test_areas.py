"""A touched area goes as far as edges and likeness do, and its colour ends there."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray

from photochrom.color.pin import pin_colors
from photochrom.color.places import Window, paint_places
from photochrom.color.space import rgb_to_lab
from photochrom.engine import load
from photochrom.errors import InputError
from photochrom.guided import areas
from photochrom.guided.areas import Area, select_area
from photochrom.hints import Hint
from photochrom.pipeline import colorize

BLUE = (80, 100, 150)


@pytest.fixture
def two_things() -> NDArray[np.uint8]:
    """A shaded disc, beside a square that is as light as it; with specks and noise."""
    rows, columns = np.indices((240, 320))
    grey = np.full((240, 320), 60.0)
    disc = (rows - 110) ** 2 + (columns - 90) ** 2 <= 70**2
    grey[disc] = (140 + 0.15 * rows)[disc]
    grey[108:110, 60:120:7] = 90
    grey[60:180, 190:300] = 155
    noise = np.random.default_rng(0).normal(0, 3, grey.shape)
    return np.rint(np.clip(grey + noise, 0, 255)).astype(np.uint8)


def test_an_area_is_one_thing_up_to_its_edge(two_things: NDArray[np.uint8]) -> None:
    place = Area(90, 150, BLUE).on_picture(two_things)
    mask = paint_places([place], Window(0, 0, 240, 320), (240, 320))[1]
    rows, columns = np.indices((240, 320))
    radius = np.hypot(rows - 110, columns - 90)
    assert mask[radius <= 64].mean() > 0.99
    assert mask[radius >= 73].mean() < 0.005
    part = paint_places([place], Window(40, 20, 100, 150), (100, 150))[1]
    np.testing.assert_array_equal(part, mask[40:140, 20:170])
    small = paint_places([place], Window(0, 0, 240, 320), (24, 32))[1]
    assert small.mean() == pytest.approx(mask.mean(), rel=0.1)
    window = place.window
    assert window.top in range(38, 44)
    assert window.left + window.width in range(156, 164)


def test_a_soft_shade_is_crossed_by_tolerance_alone() -> None:
    L = np.tile(np.linspace(20, 80, 120, dtype=np.float32), (60, 1))
    inside = select_area(L, (30, 60), 12.0)
    assert inside[:, 40:80].all()
    assert not inside[:, :30].any()
    assert not inside[:, 90:].any()


def test_the_colour_of_an_area_ends_at_its_edge(
    tmp_path: Path, two_things: NDArray[np.uint8]
) -> None:
    network = load(tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    plain, colored = (
        rgb_to_lab(colorize(two_things, model=network, hints=hints) / 255.0)
        for hints in ([], [Area(240, 120, BLUE)])
    )
    blue = rgb_to_lab(np.array(BLUE) / 255.0)
    np.testing.assert_allclose(colored[70:170, 200:290, 1:].mean(axis=(0, 1)), blue[1:], atol=1.0)
    outside = np.ones((240, 320), bool)
    outside[54:186, 184:306] = False
    np.testing.assert_array_equal(colored[outside], plain[outside])


def test_several_areas_of_a_picture_look_for_its_edges_once(
    two_things: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    map_edges = Mock(wraps=areas._map_edges)
    monkeypatch.setattr(areas, "_map_edges", map_edges)
    picture = two_things[::-1].copy()
    first = [Area(x, 120, BLUE).on_picture(picture).inside for x in (90, 240, 90)]
    assert map_edges.call_count == 1
    np.testing.assert_array_equal(first[0], first[2])
    picture[:] = 128  # the same array, and another picture
    assert Area(90, 120, BLUE).on_picture(picture).inside.all()
    assert map_edges.call_count == 2


@pytest.mark.parametrize("cell_px", [8.0, 60.0])
def test_what_was_missing_fades_beyond_an_edge_without_a_step(cell_px: float) -> None:
    grey = np.full((300, 700), 128, np.uint8)
    colored = np.repeat(grey[..., None], 3, axis=-1)
    pin_colors(colored, grey, [Hint(200, 150, BLUE, 80)], cell_px)
    blue = rgb_to_lab(np.array(BLUE) / 255.0)[2]
    b = rgb_to_lab(colored[150] / 255.0)[:, 2]
    np.testing.assert_allclose(b[125:276], blue, atol=0.8)
    reach = round(0.4 * cell_px * 2.8)
    assert b[281] < 0.85 * blue, "the first pixel beyond has nearly all"
    assert (np.diff(b[281 : 281 + reach]) > -1.5).all(), "and it fades steadily"
    np.testing.assert_array_equal(colored[:, 282 + reach :], 128)


def test_places_far_from_each_other_are_each_pinned_as_if_alone(
    two_things: NDArray[np.uint8],
) -> None:
    before = np.repeat(two_things[..., None], 3, axis=-1)
    hints = [Hint(41, 37, BLUE, 6), Hint(285, 201, (120, 40, 40), 9)]
    together, one_by_one = before.copy(), before.copy()
    pin_colors(together, two_things, hints, 25.0)
    for hint in hints:
        pin_colors(one_by_one, two_things, [hint], 25.0)
    np.testing.assert_array_equal(together, one_by_one)
    assert (together != before).any(axis=-1).sum() > 600


def test_an_area_without_sense_is_refused(two_things: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="the area at 320, 10 lies outside the picture"):
        Area(320, 10, BLUE).on_picture(two_things)
    with pytest.raises(InputError, match="the tolerance of an area is nan"):
        Area(10, 10, BLUE, tolerance=float("nan"))
    with pytest.raises(InputError, match="is no colour"):
        Area(10, 10, "bleu")
    assert Area(0, 0, BLUE).on_picture(np.zeros((1, 1), np.uint8)).inside.all()
