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


def sync_cross(ground: int, line: int) -> Codes:
    card = np.full(SHAPE, ground, np.uint8)
    cv2.line(card, (0, 0), (480, 360), line, 5)
    cv2.line(card, (480, 0), (0, 360), line, 5)
    return card


def handwriting(ground: int, ink: int) -> Codes:
    card = np.full(SHAPE, ground, np.uint8)
    for line, words in enumerate(("Reel 2 take 7", "property of", "J. Smith 1934")):
        place = (60 + 20 * line, 110 + 70 * line)
        cv2.putText(card, words, place, cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.7, ink, 3, cv2.LINE_AA)
    return card


def slate() -> Codes:
    card = np.full(SHAPE, 60, np.uint8)
    cv2.rectangle(card, (90, 105), (390, 315), 20, -1)
    cv2.rectangle(card, (90, 105), (390, 315), 230, 3)
    for line, words in enumerate(("SCENE 12", "TAKE 3", "ROLL A 7")):
        cv2.putText(card, words, (115, 165 + 55 * line), cv2.FONT_HERSHEY_DUPLEX, 1.4, 230, 3)
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
    "white": np.full(SHAPE, 245, np.uint8),
    "a sync cross": sync_cross(20, 220),
    "a dark sync cross": sync_cross(190, 25),
    "handwriting": handwriting(14, 225),
    "handwriting on white": handwriting(225, 20),
    "handwriting on grey": handwriting(110, 235),
    "a slate": slate(),
    "a title on white": 255 - title(2),
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


def test_through_a_vignette_and_dirt_cards_are_known() -> None:
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    light = 1.0 - 0.1 * (x * x + y * y)
    random = np.random.default_rng(3)
    for name, card in CARDS.items():
        dirty = (cv2.GaussianBlur(card, (0, 0), 1.0) * light).astype(np.uint8)
        for place in random.integers(0, (SHAPE[1], SHAPE[0]), (30, 2)):
            cv2.circle(dirty, place.tolist(), 2, int(random.choice([20, 235])), -1)
        assert is_title_card(with_grain(dirty, 3.0)), name


def test_things_before_a_plain_ground_are_no_cards() -> None:
    cup = np.full(SHAPE, 20, np.uint8)
    cv2.ellipse(cup, (200, 180), (120, 90), 0, 0, 360, 230, -1)
    cv2.circle(cup, (330, 260), 14, 180, -1)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    shade = 30 + 180 * np.exp(-(((x - 150) / 40.0) ** 2) - ((y - 190) / 90.0) ** 2)
    figure = np.where(np.hypot((x - 150) / 60.0, (y - 190) / 120.0) < 1, shade, 15).astype(np.uint8)
    for thing in (cup, figure):
        assert not is_title_card(with_grain(thing, 3.0))


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
