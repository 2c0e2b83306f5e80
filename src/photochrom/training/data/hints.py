"""Imitated hints: a person's points of colour, and colours carried along a film's motion.

Source of the points: Zhang et al., *Real-Time User-Guided Image Colorization* (SIGGRAPH 2017):
their number is geometric with p = 1/8, sides 1–9 px, positions Gaussian around the centre, colour
the mean of the patch; in 1 % of samples the whole colour is shown.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.training.recipe.recipe import HintRecipe


def simulate(
    ab: NDArray[np.float32], recipe: HintRecipe, random: np.random.Generator
) -> NDArray[np.float32]:
    """Hints for one training sample, mostly none.

    ab: (2, H, W) the true colour, CIELAB units.
    Returns (3, H, W): hint_a, hint_b, hint_mask.
    """
    draw = random.random()
    if draw < recipe.points:
        return points(ab, recipe.point_p, random)
    if draw < recipe.points + recipe.full:
        return np.concatenate([ab, np.ones_like(ab[:1])])
    if draw < recipe.points + recipe.full + recipe.field:
        return warped_field(ab, random)
    return np.zeros((3, *ab.shape[1:]), dtype=np.float32)


def points(ab: NDArray[np.float32], p: float, random: np.random.Generator) -> NDArray[np.float32]:
    """A geometric number of square patches, each with its mean colour. Shapes as above."""
    _, h, w = ab.shape
    hints = np.zeros((3, h, w), dtype=np.float32)
    for _ in range(int(random.geometric(p))):
        side = int(random.integers(1, 10))
        y = int(np.clip(random.normal(h / 2, h / 4), 0, h - side))
        x = int(np.clip(random.normal(w / 2, w / 4), 0, w - side))
        patch = (slice(y, y + side), slice(x, x + side))
        hints[:2, patch[0], patch[1]] = ab[:, patch[0], patch[1]].mean(axis=(1, 2))[:, None, None]
        hints[2, patch[0], patch[1]] = 1.0
    return hints


def warped_field(ab: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """The whole colour as optical flow would carry it: blurred, shifted, in places wrong or absent.

    Shapes as above.
    """
    _, h, w = ab.shape
    blur = float(random.uniform(0.5, 3.0))
    field = np.stack([cv2.GaussianBlur(c, (0, 0), blur) for c in ab])
    dy, dx = random.integers(-3, 4, size=2)
    field = np.roll(field, (int(dy), int(dx)), axis=(1, 2))
    # Faded or too strong, as a film's colours drift; and patches with another thing's colour.
    field *= float(random.uniform(0.7, 1.15))
    wrong_mask = _blobs(h, w, float(random.uniform(0.0, 0.25)), random)
    field = np.where(wrong_mask, np.roll(field, (h // 3, w // 3), axis=(1, 2)), field)
    known_mask = ~_blobs(h, w, float(random.uniform(0.0, 0.4)), random)
    mask = known_mask.astype(np.float32)[None]
    return np.concatenate([field * mask, mask]).astype(np.float32)


def _blobs(h: int, w: int, share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """Smooth random regions that cover about ``share`` of (h, w)."""
    coarse = random.standard_normal((6, 6), dtype=np.float32)
    noise = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    return np.asarray(noise < np.quantile(noise, share)) if share > 0 else np.zeros((h, w), bool)
