"""Variants: plausible, different from each other, and weaker than what a person says."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photochrom import pipeline
from photochrom.color.space import rgb_to_lab
from photochrom.engine import ModelCard, ModelIdentity, Network, Prediction, load
from photochrom.hints import Hint
from photochrom.pipeline import colorize
from photochrom.variants import MAX_SIZE_PX, VARIANTS, Variant, colorize_variant, uncertain_places

LIKELY, DETAILED, WARM, COOL = VARIANTS


@pytest.fixture(scope="module")
def network() -> Network:
    return load(device="cpu")


class Unsure(Network):
    """The same network, sure of all but one place: (down, across), as shares of the sides."""

    def __init__(self, network: Network, place: tuple[float, float]) -> None:
        super().__init__(network.card, network.identity, "", "", lambda _inputs: {})
        self.network, self.place = network, place

    def __call__(self, inputs: NDArray[np.float32]) -> Prediction:
        ab = self.network(inputs).ab
        confidence = np.ones((1, 1, *ab.shape[2:]), np.float32)
        row, column = (int(part * side) for part, side in zip(self.place, ab.shape[2:]))
        confidence[0, 0, row, column] = 0.0
        return Prediction(ab, confidence)


class Listening(Network):
    """Notes the working size of what it is asked."""

    def __init__(self, card: ModelCard) -> None:
        super().__init__(card, ModelIdentity(card.title, ""), "", "", lambda _inputs: {})
        self.sizes: list[int] = []

    def __call__(self, inputs: NDArray[np.float32]) -> Prediction:
        self.sizes.append(min(inputs.shape[2:]))
        return Prediction(np.zeros((1, 2, 8, 8), np.float32), None)


def ab_of(rgb: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(rgb_to_lab(rgb / np.float32(255.0))[..., 1:])


def test_the_first_is_what_the_model_likes(network: Network, grey_scene: NDArray[np.uint8]) -> None:
    likely = colorize_variant(grey_scene, LIKELY, network, vividness=1.3)
    np.testing.assert_array_equal(likely, colorize(grey_scene, model=network, vividness=1.3))


@pytest.mark.slow
def test_they_differ_as_the_model_sees_them(network: Network, astronaut: NDArray[np.uint8]) -> None:
    grey = np.asarray(Image.fromarray(astronaut).convert("L"))
    results = [ab_of(colorize_variant(grey, variant, network)) for variant in VARIANTS]
    for one, other in itertools.combinations(results, 2):
        assert np.abs(one - other).mean() > 0.5


def test_a_warm_one_is_redder_and_a_cool_one_bluer_where_the_model_is_least_sure(
    network: Network, grey_scene: NDArray[np.uint8]
) -> None:
    ((x, y),) = uncertain_places(grey_scene, Unsure(network, (0.5, 0.4)))
    likely, warm, cool = (
        ab_of(colorize_variant(grey_scene, variant, Unsure(network, (0.5, 0.4))))[int(y), int(x)]
        for variant in (LIKELY, WARM, COOL)
    )
    assert warm[0] > likely[0] + 5
    assert cool[1] < likely[1] - 5


def test_the_least_sure_place_is_found_in_pixels_of_the_picture(
    network: Network, grey_scene: NDArray[np.uint8]
) -> None:
    height, width = grey_scene.shape
    ((x, y),) = uncertain_places(grey_scene, Unsure(network, (0.3, 0.7)))
    assert abs(y / height - 0.3) < 0.06
    assert abs(x / width - 0.7) < 0.06


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_a_place_that_shows_colour_has_one_all_the_same(
    network: Network, level: int
) -> None:
    places = uncertain_places(np.full((90, 120), level, np.uint8), network)
    assert 1 <= len(places) <= 4
    assert all(0 <= x <= 119 and 0 <= y <= 89 for x, y in places)


def test_what_a_person_says_counts_more(network: Network, grey_scene: NDArray[np.uint8]) -> None:
    (x, y), *_others = uncertain_places(grey_scene, network)
    row, column = round(y), round(x)
    hint = Hint(column, row, (20, 200, 40), radius=12)
    for variant in VARIANTS:
        a, b = ab_of(colorize_variant(grey_scene, variant, network, hints=[hint]))[row, column]
        assert a < -20, variant
        assert b > 5, variant


@pytest.mark.parametrize(
    ("shape", "size", "seen"),
    [
        ((600, 800), "auto", 512),
        ((450, 600), 400, 600),
        ((300, 400), "auto", 400),
        ((3000, 4000), 400, MAX_SIZE_PX),
        ((3000, 4000), 1500, 1500),
    ],
)
def test_more_detail_is_twice_the_size_up_to_what_the_picture_has(
    network: Network, shape: tuple[int, int], size: Any, seen: int
) -> None:
    listening = Listening(dataclasses.replace(network.card, size=256, multiple=1))
    colorize_variant(np.zeros(shape, np.uint8), DETAILED, listening, size=size)
    assert listening.sizes == [seen]


def test_names_can_stand_in_names_of_files() -> None:
    names = [variant.name for variant in VARIANTS]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() and name.islower() for name in names)
    assert VARIANTS[0] == Variant("likely")


def test_the_colour_of_a_variant_is_a_hint_and_no_spot(
    network: Network, grey_scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact: list[int] = []
    monkeypatch.setattr(pipeline, "pin_colors", lambda *arguments: exact.append(len(arguments[2])))
    colorize_variant(grey_scene, WARM, network)
    assert exact == []
    colorize_variant(grey_scene, WARM, network, hints=[Hint(20, 20, "red")])
    assert exact == [1]
