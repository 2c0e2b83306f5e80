"""Damage of each kind done to a whole picture: what training learns from, and what restoration is
measured by.

A picture is (H, W) float32 in [0, 1], sRGB-encoded, and so is what comes of it. What is random is
drawn from the generator that is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import linear_to_srgb, srgb_to_linear
from photochrom.restoration.kinds import Kind

Plane = NDArray[np.float32]

CLUMPED_GAIN, CLUMP_PX = 2.2, 0.8
"""Grain that clumps: σ of its blur, px, and what gives back the strength that the blur takes."""

_OVERSAMPLING = 3


def add_damage(picture: Plane, kind: Kind, random: np.random.Generator) -> Plane:
    """A picture with damage of one kind."""
    damaged: Plane = SIMULATIONS[kind](picture, random)
    return damaged


def compress(picture: Plane, random: np.random.Generator, quality: int | None = None) -> Plane:
    """As JPEG has it; quality: 8 to 45 where none is given."""
    quality = int(random.integers(8, 46)) if quality is None else quality
    codes = np.rint(picture * 255.0).astype(np.uint8)
    _, data = cv2.imencode(".jpg", codes, [cv2.IMWRITE_JPEG_QUALITY, quality])
    again = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)
    return np.asarray(again / np.float32(255.0))


def add_grain(picture: Plane, random: np.random.Generator, sigma: float | None = None) -> Plane:
    """Gaussian noise, in half of all in clumps. sigma: 0.025 to 0.1 where none is given."""
    sigma = random.uniform(0.025, 0.1) if sigma is None else sigma
    noise = random.standard_normal(picture.shape, np.float32)
    if random.random() < 0.5:
        noise = CLUMPED_GAIN * np.asarray(cv2.GaussianBlur(noise, (0, 0), CLUMP_PX), np.float32)
    return _clip(picture + np.float32(sigma) * noise)


def blur(picture: Plane, random: np.random.Generator, sigma_px: float | None = None) -> Plane:
    """Out of focus. sigma_px: of a Gaussian, 1 to 2.2 where none is given."""
    sigma_px = random.uniform(1.0, 2.2) if sigma_px is None else sigma_px
    soft = cv2.GaussianBlur(picture, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(soft, np.float32)


def fade(picture: Plane, random: np.random.Generator) -> Plane:
    """Grey blacks and dull whites, more so towards one side."""
    height, width = picture.shape
    angle = random.uniform(0, 2 * math.pi)
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    slope = 1.0 + random.uniform(0.0, 0.3) * (math.cos(angle) * x + math.sin(angle) * y)
    black = random.uniform(0.15, 0.35) * slope
    white = 1.0 - random.uniform(0.15, 0.35) * slope
    gamma = math.exp(random.normal(0.0, 0.1))
    return _clip(black + (white - black) * picture.astype(np.float64) ** gamma)


def print_halftone(
    picture: Plane,
    random: np.random.Generator,
    period_px: float | None = None,
    angle: float | None = None,
) -> Plane:
    """Printed with black dots of one screen, and scanned.

    period_px: from dot to dot, 2.8 to 8 where none is given. angle: of the screen, degrees. Each
    dot covers what the picture's linear light leaves to ink, so that the mean of the page's linear
    light is that of the picture.
    """
    period_px = random.uniform(2.8, 8.0) if period_px is None else period_px
    angle = random.uniform(0.0, 90.0) if angle is None else angle
    turn = math.radians(angle)
    height, width = picture.shape
    scale = _OVERSAMPLING
    fine = cv2.resize(picture, (width * scale, height * scale), interpolation=cv2.INTER_CUBIC)
    coverage = 1.0 - srgb_to_linear(_clip(fine))
    y = (np.arange(height * scale, dtype=np.float32)[:, None] + 0.5) / scale
    x = (np.arange(width * scale, dtype=np.float32)[None] + 0.5) / scale
    step = 2 * math.pi / period_px
    start = random.uniform(0, 2 * math.pi, 2)
    u = step * (math.cos(turn) * x + math.sin(turn) * y) + start[0]
    v = step * (math.cos(turn) * y - math.sin(turn) * x) + start[1]
    spot = (np.cos(u) + np.cos(v)) / 2.0
    levels = _spot_levels()
    threshold = np.interp(coverage, np.linspace(0.0, 1.0, levels.size), levels)
    ink = (spot < threshold).astype(np.float32)
    seen = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    seen = cv2.GaussianBlur(seen, (0, 0), random.uniform(0.3, 0.7))
    return _clip(linear_to_srgb(1.0 - np.clip(seen.astype(np.float64), 0.0, 1.0)))


@cache
def _spot_levels() -> NDArray[np.float64]:
    """The spot's values over a cell, sorted: so many shares of it are below each."""
    wave = np.cos(2 * math.pi * (np.arange(128) + 0.5) / 128)
    levels = np.sort((wave[:, None] + wave[None]).reshape(-1) / 2.0)
    return np.concatenate([[-1.01], levels[::32], [1.01]])


def scratch(picture: Plane, random: np.random.Generator) -> Plane:
    """With scratches; see `scratches_and_mask`."""
    return scratches_and_mask(picture, random)[0]


def scatter_dust(picture: Plane, random: np.random.Generator) -> Plane:
    """With dust; see `dust_and_mask`."""
    return dust_and_mask(picture, random)[0]


def scratches_and_mask(picture: Plane, random: np.random.Generator) -> tuple[Plane, Plane]:
    """With two to ten nearly straight scratches, and how much each pixel is covered, [0, 1].

    Most are light, as where the layer is gone; some dark.
    """
    cover, tone = np.zeros_like(picture), np.zeros_like(picture)
    height, width = picture.shape
    upright = random.random() < 0.4  # as from a film's way through a camera
    for _ in range(int(random.integers(2, 11))):
        length = random.uniform(0.25, 1.1) * max(height, width)
        angle = random.normal(math.pi / 2, 0.05) if upright else random.uniform(0, math.pi)
        middle = random.random(2) * (width, height)
        along = np.linspace(-0.5, 0.5, 24)[:, None] * length
        bend = random.normal(0, 0.01) * length * (2 * along / length) ** 2
        wobble = np.cumsum(random.normal(0, 0.15, (24, 1)), axis=0)
        ahead = np.array([math.cos(angle), math.sin(angle)])
        aside = np.array([-ahead[1], ahead[0]])
        points = middle + along * ahead + (bend + wobble) * aside
        thickness = random.choice([1, 1, 1, 2, 2, 3])
        _draw(cover, tone, points, int(thickness), random)
    return _cover(picture, cover, tone)


def dust_and_mask(picture: Plane, random: np.random.Generator) -> tuple[Plane, Plane]:
    """With specks of 1 to 7 px and a few hairs, and how much each pixel is covered, [0, 1]."""
    cover, tone = np.zeros_like(picture), np.zeros_like(picture)
    height, width = picture.shape
    for _ in range(int(random.uniform(150, 700) * height * width / 1e6) + 3):
        middle = random.random(2) * (width, height)
        size = min(0.5 + random.exponential(1.1), 3.5)
        corners = int(random.integers(5, 9))
        turns = np.linspace(0, 2 * math.pi, corners, endpoint=False)
        radii = size * random.uniform(0.6, 1.3, corners)
        outline = middle + radii[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        layer = np.zeros_like(picture)
        cv2.fillPoly(layer, [np.rint(outline * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
        _lay(cover, tone, layer, outline, random)
    for _ in range(int(random.integers(0, 4))):
        way = np.cumsum(random.normal(0, 0.35, 16)) + random.uniform(0, 2 * math.pi)
        steps = np.stack([np.cos(way), np.sin(way)], axis=1) * random.uniform(1.0, 2.5)
        _draw(cover, tone, random.random(2) * (width, height) + np.cumsum(steps, 0), 1, random)
    return _cover(picture, cover, tone)


def _draw(
    cover: Plane,
    tone: Plane,
    points: NDArray[np.float64],
    thickness: int,
    random: np.random.Generator,
) -> None:
    """Lay a line through points (K, 2) of x and y upon what covers the picture."""
    layer = np.zeros_like(cover)
    codes = np.zeros(cover.shape, np.uint8)
    cv2.polylines(
        codes, [np.rint(points * 16).astype(np.int32)], False, 255, thickness, cv2.LINE_AA, 4
    )
    layer[:] = codes / 255.0
    _lay(cover, tone, layer, points, random)


def _lay(
    cover: Plane,
    tone: Plane,
    layer: Plane,
    points: NDArray[np.float64],
    random: np.random.Generator,
) -> None:
    """Blur a layer a little, and lay it upon the others, light or dark."""
    margin = 4
    left, top = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    right, bottom = np.ceil(points.max(0)).astype(int) + margin
    part = (slice(top, max(bottom, top)), slice(left, max(right, left)))
    if layer[part].size == 0:
        return
    soft = cv2.GaussianBlur(layer[part], (0, 0), random.uniform(0.3, 0.7))
    light = random.random() < 0.7
    value = random.uniform(0.8, 1.0) if light else random.uniform(0.0, 0.15)
    opaque = np.asarray(soft, np.float32) * np.float32(random.uniform(0.6, 1.0))
    tone[part] = np.where(opaque > cover[part], np.float32(value), tone[part])
    cover[part] = np.maximum(cover[part], opaque)


def _cover(picture: Plane, cover: Plane, tone: Plane) -> tuple[Plane, Plane]:
    return _clip(picture + cover * (tone - picture)), cover


def _clip(values: NDArray[Any]) -> Plane:
    return np.asarray(np.clip(values, 0.0, 1.0), np.float32)


SIMULATIONS: Mapping[Kind, Callable[[Plane, np.random.Generator], Plane]] = {
    "blocks": compress,
    "halftone": print_halftone,
    "scratches": scratch,
    "dust": scatter_dust,
    "grain": add_grain,
    "blur": blur,
    "fading": fade,
}
"""What does each kind of damage."""
