"""Suggested colours are clearly different ones of the network's distribution, likeliest first."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.model import CARD
from PIL import Image

from photochrom.cli import main
from photochrom.color.bins import ColorBins
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, ModelError
from photochrom.guided.suggestions import suggest_colors
from photochrom.hints import Hint

CENTRES = ColorBins.in_gamut().centres


class TwoMinds:
    """A network that takes the right half for red (two in three) or blue, and the left for grey."""

    card = CARD

    def __init__(self, bins: int = len(CENTRES)) -> None:
        self.bins = bins
        self.inputs: Any = None

    def __call__(self, inputs: Any) -> Any:
        self.inputs = inputs
        _, _, height, width = inputs.shape
        shares = np.full((self.bins, height // 4, width // 4), 1e-6)
        for color, share in (((50, 30), 0.6), ((40, 30), 0.06), ((10, -50), 0.33)):
            shares[np.argmin(np.abs(CENTRES - color).sum(axis=1)), :, width // 8 :] = share
        shares[np.argmin(np.abs(CENTRES).sum(axis=1)), :, : width // 8] = 1.0
        return type("Found", (), {"bin_scores": np.log(shares).astype(np.float32)})


def test_colours_are_those_of_the_distribution_at_the_place() -> None:
    picture = np.full((90, 120), 120, np.uint8)
    network: Any = TwoMinds()
    red, blue = suggest_colors(picture, 100, 45, network)
    assert red.probability == pytest.approx(0.667, abs=0.01)
    assert blue.probability == pytest.approx(0.333, abs=0.01)
    np.testing.assert_allclose(red.ab, (49, 30), atol=1.0)
    lab = rgb_to_lab(np.array([red.rgb, blue.rgb]) / 255.0)
    np.testing.assert_allclose(lab[:, 1:], [red.ab, blue.ab], atol=1.5)
    np.testing.assert_allclose(lab[:, 0], rgb_to_lab(np.full(3, 120 / 255.0))[0], atol=0.5)
    (grey,) = suggest_colors(picture, 5, 45, network)
    np.testing.assert_allclose(grey.ab, 0, atol=0.5)
    assert len(suggest_colors(picture, 100, 45, network, count=1)) == 1


def test_the_network_sees_what_it_sees_when_it_colours() -> None:
    network: Any = TwoMinds()
    picture = np.full((90, 120), 120, np.uint8)
    as_meant = suggest_colors(picture, 100, 45, network)[1].ab
    network.card = dataclasses.replace(CARD, chroma_gain=0.8)
    for vividness, gain in ((1.0, 0.8), (0.75, 0.6)):
        blue = suggest_colors(
            picture, 100, 45, network, hints=[Hint(20, 45, "#965a5a", 9)], vividness=vividness
        )[1]
        np.testing.assert_allclose(blue.ab, vividness * np.array(as_meant), atol=0.01)
        seen = network.inputs[0, 1:3, network.inputs[0, 3] > 0]
        red = rgb_to_lab(np.array([150, 90, 90]) / 255.0)[1:]
        np.testing.assert_allclose(seen, np.tile(red / gain, (len(seen), 1)), atol=0.1)


def test_black_bars_are_not_seen_and_stay_grey() -> None:
    network: Any = TwoMinds()
    picture = np.full((90, 200), 120, np.uint8)
    picture[:, :80] = 0
    (grey,) = suggest_colors(picture, 120, 45, network)  # on the left of what is inside
    np.testing.assert_allclose(grey.ab, 0, atol=0.5)
    assert network.inputs[0, 0].min() > 40
    assert len(suggest_colors(picture, 180, 45, network)) == 2
    assert suggest_colors(picture, 40, 45, network)[0].ab == (0.0, 0.0)
    assert len(suggest_colors(picture, 40, 45, network)) == 1


@pytest.mark.parametrize("white", [255.0, np.nan])
def test_a_picture_of_another_range_is_refused(white: float) -> None:
    network: Any = TwoMinds()
    picture = np.full((90, 120), 0.5, np.float32)
    picture[3, 3] = white
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        suggest_colors(picture, 100, 45, network)


@pytest.mark.parametrize("grey", [0, 9, 250, 255])
def test_in_shadows_and_highlights_colours_are_told_apart(grey: int) -> None:
    network: Any = TwoMinds()
    found = suggest_colors(np.full((90, 120), grey, np.uint8), 100, 45, network)
    (red, blue) = rgb_to_lab(np.array([color.rgb for color in found]) / 255.0)[:, 1:]
    assert np.hypot(*(red - blue)) > 50
    assert red @ found[0].ab > 0.9 * np.hypot(*red) * np.hypot(*found[0].ab)  # of its hue


def test_what_cannot_be_suggested_is_refused() -> None:
    picture = np.full((90, 120), 120, np.uint8)
    network: Any = TwoMinds()
    with pytest.raises(InputError, match="the place 120, 5 lies outside the picture"):
        suggest_colors(picture, 120, 5, network)
    with pytest.raises(InputError, match="0 colours cannot be suggested"):
        suggest_colors(picture, 5, 5, network, count=0)
    classless: Any = TwoMinds(bins=400)
    with pytest.raises(ModelError, match="classifies no colours"):
        suggest_colors(picture, 5, 5, classless)


@pytest.mark.slow
def test_the_command_writes_colours_as_hints_take_them(
    tmp_path: Path, scene: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(scene).convert("L").save(tmp_path / "a.png")
    arguments = ["suggest", str(tmp_path / "a.png"), "60,20", "--model", "photochrom-film"]
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    shares = [color["probability"] for color in found]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1.001
    assert len(found[0]["color"]) == 7
    assert main([*arguments[:2], "60;20"]) == 2
    assert main([*arguments[:2], "600,20", "--model", "photochrom-film"]) == 1
