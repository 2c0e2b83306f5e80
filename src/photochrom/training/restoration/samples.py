"""Samples to learn from: a part of a photograph, in grey, and what damage makes of it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.restoration import simulation
from photochrom.restoration.kinds import Kind, parse_kinds
from photochrom.training.restoration.recipe import RestorationRecipe

Plane = NDArray[np.float32]

_COVERING: tuple[Kind, ...] = ("scratches", "dust")
_COVERED = 0.15
"""Of a pixel that is covered so much the network is to tell."""
_MARGIN_PX = 16
"""Around the crop, which is damaged too, so that it has no border of its own."""


class Sample(NamedTuple):
    """damaged, whole: (H, W) in [0, 1]. covered: (H, W) of 0 and 1, by scratches or dust."""

    damaged: Plane
    whole: Plane
    covered: Plane


def draw_sample(
    photo: NDArray[np.uint8], recipe: RestorationRecipe, random: np.random.Generator
) -> Sample:
    """A part of a photo (H, W, 3) uint8 sRGB with damage that is drawn at random."""
    grey = grey_plane(photo)
    part = _crop(grey, recipe.crop + 2 * _MARGIN_PX, random)
    if random.random() < recipe.clean:
        sample = Sample(part, part, np.zeros_like(part))
    else:
        kinds = parse_kinds(recipe.kinds)
        sample = damage_sample(part, kinds[random.integers(len(kinds))], recipe, random)
    top = (part.shape[0] - recipe.crop) // 2
    left = (part.shape[1] - recipe.crop) // 2
    # The grid of JPEG may begin anywhere.
    inside = (slice(top, top + recipe.crop), slice(left, left + recipe.crop))
    return Sample(*(plane[inside] for plane in sample))


def damage_sample(
    part: Plane, kind: Kind, recipe: RestorationRecipe, random: np.random.Generator
) -> Sample:
    """A picture with damage of one kind, or of scratches and dust together."""
    if kind not in _COVERING:
        return Sample(simulation.add_damage(part, kind, random), part, np.zeros_like(part))
    if random.random() < recipe.soft:
        part = simulation.blur(part, random, random.uniform(0.3, 1.5))
        part = simulation.add_grain(part, random, random.uniform(0.0, 0.05))
    damaged, covered = part, np.zeros_like(part)
    if kind == "scratches" or random.random() < 0.4:
        damaged, cover = simulation.scratches_and_mask(damaged, random)
        covered = np.maximum(covered, cover)
    if kind == "dust" or random.random() < 0.4:
        damaged, cover = simulation.dust_and_mask(damaged, random)
        covered = np.maximum(covered, cover)
    # What covers white with white is nothing.
    is_seen = np.abs(damaged - part) > 0.03
    return Sample(damaged, part, ((covered > _COVERED) & is_seen).astype(np.float32))


def grey_plane(photo: NDArray[np.uint8]) -> Plane:
    """A photo (H, W, 3) uint8 sRGB in grey, (H, W) in [0, 1], sRGB-encoded."""
    grey = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.float32)
    return np.asarray(grey / np.float32(255.0))


def _crop(grey: Plane, side: int, random: np.random.Generator) -> Plane:
    """A square of a picture, mirrored or turned at random, or all of a smaller one."""
    height, width = grey.shape
    top = int(random.integers(0, max(1, height - side + 1)))
    left = int(random.integers(0, max(1, width - side + 1)))
    part = grey[top : top + side, left : left + side]
    if random.random() < 0.5:
        part = part[:, ::-1]
    if random.random() < 0.5:
        part = part.T
    return np.ascontiguousarray(part)
