"""Damage of each kind done to a film, to measure by.

A frame is (H, W) float32, shares of white, and so is what comes of it. What is random is drawn from
the seed, the same for each frame in whatever order they come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.kinds import FilmKind
from photochrom.restoration.simulation import CLUMP_PX, CLUMPED_GAIN, compress

Plane = NDArray[np.float32]

_DUST_MEGAPIXELS = 30.0
"""Specks and dirt of a frame, by its area."""


def film_damage(kind: FilmKind, seed: int) -> Callable[[Plane, int], Plane]:
    """What does the damage of one kind: of a frame and its number, the frame as it is then."""
    return _DAMAGES[kind](seed)


def _dust(seed: int) -> Callable[[Plane, int], Plane]:
    """Specks and dirt, light and dark, 1 to 12 px of a frame of 480 lines; each in one frame."""

    def damage(frame: Plane, number: int) -> Plane:
        random = np.random.default_rng((seed, 1, number))
        height, width = frame.shape
        unit = min(height, width) / 480
        out: Plane = frame.copy()
        for _ in range(int(random.poisson(_DUST_MEGAPIXELS * frame.size / 1e6 / unit**2))):
            x, y = random.random(2) * (width, height)
            size = unit * min(0.7 + random.exponential(2.0), 8.0)
            corners = int(random.integers(5, 10))
            turns = np.linspace(0, 2 * math.pi, corners, endpoint=False)
            radii = size * random.uniform(0.5, 1.5, corners)
            outline = np.stack([x + radii * np.cos(turns), y + radii * np.sin(turns)], axis=1)
            _lay(out, outline, random, is_light=random.random() < 0.5)
        return out

    return damage


def _scratches(seed: int) -> Callable[[Plane, int], Plane]:
    """Two to five vertical lines, 1 to 3 px wide at 480 lines, that wander and pause."""
    random = np.random.default_rng((seed, 2))
    lines = [
        (
            random.uniform(0.05, 0.95),
            random.uniform(0.7, 1.5),
            random.random() < 0.6,
            random.uniform(0, 100),
            random.uniform(0.3, 0.9),
            random.normal(0, 0.002),
        )
        for _ in range(int(random.integers(2, 6)))
    ]

    def damage(frame: Plane, number: int) -> Plane:
        height, width = frame.shape
        unit = min(height, width) / 480
        out: Plane = frame.copy()
        y = np.linspace(0, height, 24)
        for place, half, is_light, phase, opacity, tilt in lines:
            if math.sin((number + phase) / 17) < -0.6:  # it pauses for a while
                continue
            wander = 1.5 * unit * math.sin((number + phase) / 9)
            x = place * width + wander + tilt * (y - height / 2) + 0.5 * np.sin(y / 60 + phase)
            layer = np.zeros((height, width), np.uint8)
            points = np.rint(np.stack([x, y], axis=1) * 16).astype(np.int32)
            cv2.polylines(
                layer, [points], False, 255, max(1, round(2 * half * unit)), cv2.LINE_AA, 4
            )
            cover = cv2.GaussianBlur(layer, (0, 0), 0.5).astype(np.float32) * np.float32(
                opacity / 255
            )
            tone = np.float32(0.95 if is_light else 0.03)
            out += cover * (tone - out)
        return out

    return damage


def _flicker(seed: int) -> Callable[[Plane, int], Plane]:
    """Each frame's light by a gain of its own, σ = 8 %, and an offset, σ = 1.5 % of white."""

    def damage(frame: Plane, number: int) -> Plane:
        random = np.random.default_rng((seed, 3, number))
        gain, offset = math.exp(random.normal(0, 0.08)), random.normal(0, 0.015)
        return np.asarray(np.clip(frame * np.float32(gain) + np.float32(offset), 0, 1), np.float32)

    return damage


def _fading(seed: int) -> Callable[[Plane, int], Plane]:
    """Grey blacks and dull whites, the same in every frame."""
    random = np.random.default_rng((seed, 4))
    black, white = random.uniform(0.18, 0.32), random.uniform(0.62, 0.8)

    def damage(frame: Plane, _number: int) -> Plane:
        return np.asarray(black + (white - black) * np.clip(frame, 0, 1), np.float32)

    return damage


def _grain(seed: int) -> Callable[[Plane, int], Plane]:
    """Gaussian noise, σ 3 to 7 % of white, new in every frame; in half of all films in clumps."""
    random = np.random.default_rng((seed, 5))
    sigma, is_clumped = random.uniform(0.03, 0.07), random.random() < 0.5

    def damage(frame: Plane, number: int) -> Plane:
        noise = np.random.default_rng((seed, 6, number)).standard_normal(frame.shape, np.float32)
        if is_clumped:
            noise = CLUMPED_GAIN * np.asarray(cv2.GaussianBlur(noise, (0, 0), CLUMP_PX), np.float32)
        return np.asarray(np.clip(frame + np.float32(sigma) * noise, 0, 1), np.float32)

    return damage


def _blocks(seed: int) -> Callable[[Plane, int], Plane]:
    """Each frame a JPEG, as Motion JPEG and DV have them, of one quality from 8 to 18."""
    quality = int(np.random.default_rng((seed, 7)).integers(8, 19))

    def damage(frame: Plane, number: int) -> Plane:
        inside = np.asarray(np.clip(frame, 0, 1), np.float32)
        return compress(inside, np.random.default_rng(number), quality)

    return damage


def _lay(
    out: Plane, outline: NDArray[np.float64], random: np.random.Generator, *, is_light: bool
) -> None:
    """Lay a soft spot upon a frame, in place. outline: (K, 2), x and y of its corners."""
    left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 4, 0)
    right, bottom = np.ceil(outline.max(axis=0)).astype(int) + 5
    part = out[top:bottom, left:right]
    if not part.size:
        return
    layer = np.zeros(part.shape, np.uint8)
    corners = np.rint((outline - (left, top)) * 16).astype(np.int32)
    cv2.fillPoly(layer, [corners], 255, cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(layer, (0, 0), random.uniform(0.4, 0.9)).astype(np.float32)
    cover *= np.float32(random.uniform(0.6, 1.0) / 255)
    tone = np.float32(random.uniform(0.8, 1.0) if is_light else random.uniform(0.0, 0.15))
    part += cover * (tone - part)


_DAMAGES: Mapping[FilmKind, Callable[[int], Callable[[Plane, int], Plane]]] = {
    "blocks": _blocks,
    "flicker": _flicker,
    "scratches": _scratches,
    "dust": _dust,
    "grain": _grain,
    "fading": _fading,
}
