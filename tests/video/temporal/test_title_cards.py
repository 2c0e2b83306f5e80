"""Titles, leaders and black have no colour; scenes are never taken for them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.video.temporal.propagation import guess_frame
from photochrom.video.temporal.title_cards import certainty, is_title_card

Codes = NDArray[np.uint8]
SHAPE = (360, 480)


def title(lines: int) -> Codes:
    card = np.full(SHAPE, 14, np.uint8)
    for line in range(lines):
        place = (40 + 20 * line, 90 + 60 * line)
        cv2.putText(card, "THE END OF IT", place, cv2.FONT_HERSHEY_DUPLEX, 1.4, 235, 3)
    return card


def leader(count: int) -> Codes:
    card = np.full(SHAPE, 150, np.uint8)
    cv2.ellipse(card, (240, 180), (400, 400), -90, 0, 40 * count, 105, -1)
    cv2.line(card, (240, 0), (240, 360), 20, 3)
    cv2.line(card, (0, 180), (480, 180), 20, 3)
    for radius in (120, 155):
        cv2.circle(card, (240, 180), radius, 240, 5)
    cv2.putText(card, str(count), (200, 225), cv2.FONT_HERSHEY_DUPLEX, 4.0, 10, 9)
    return card


def with_grain(codes: Codes, sigma: float) -> NDArray[np.float32]:
    """Lightness of a frame with grain."""
    noise = np.random.default_rng(1).normal(0, sigma, codes.shape)
    grey = np.clip(codes + noise, 0, 255).astype(np.uint8)
    return lightness(np.dstack([grey] * 3))


CARDS = {
    "black": np.full(SHAPE, 8, np.uint8),
    "a line": title(1),
    "four lines": title(4),
    "a leader": leader(3),
}


@pytest.mark.parametrize("sigma", [0.0, 4.0, 10.0])
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_cards_are_known_through_grain(card: Codes, sigma: float) -> None:
    L = with_grain(card, sigma)
    assert is_title_card(L)
    ab = guess_frame(lambda *_, **__: np.full((9, 12, 2), 20.0, np.float32), L, None)
    assert not ab.any()


SCENES = ("astronaut", "cat", "coffee", "rocket", "camera", "moon", "coins", "brick", "text")


@pytest.mark.parametrize("name", SCENES)
def test_scenes_are_no_cards(name: str) -> None:
    picture = getattr(skimage.data, name)()
    rgb = picture if picture.ndim == 3 else np.dstack([picture] * 3)
    assert not is_title_card(lightness(rgb))


def test_a_thing_before_a_plain_sky_is_no_card() -> None:
    sky = np.full(SHAPE, 170, np.uint8)
    cv2.ellipse(sky, (170, 120), (60, 70), 0, 0, 360, 60, -1)
    cv2.line(sky, (140, 180), (160, 260), 30, 3)
    assert not is_title_card(with_grain(sky, 2.0))


def test_a_faded_frame_is_not_certain() -> None:
    scene = lightness(skimage.data.astronaut())
    assert certainty(scene) == 1.0
    assert certainty(np.asarray(scene * 0.1, np.float32)) < 0.5
    assert certainty(np.zeros_like(scene)) == pytest.approx(0.05)
