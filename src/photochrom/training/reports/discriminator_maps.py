"""A run's discriminator on whole photographs: patch by patch, how real it finds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.training import checkpoint
from photochrom.training.losses.inputs import in_gamut_lab
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import from_table
from photochrom.training.weights import load_critic


class DiscriminatorMaps(NamedTuple):
    """maps: (h, w) float32 for each picture, the mean over the scales of a critic that has several.
    probability: else scores without bounds.
    """

    maps: list[NDArray[np.float32]]
    probability: bool


def discriminator_maps(
    path: Path, pictures: Sequence[NDArray[np.uint8]]
) -> DiscriminatorMaps | None:
    """What the discriminator of a checkpoint says of some pictures; None where the run has none.

    pictures: (H, W, 3) uint8 sRGB, of any size: they are brought to the size at which it
    learned. Raises InputError for a checkpoint that is missing, damaged or of other networks.
    """
    _, table, state = checkpoint.load(path)
    recipe = from_table(table)
    adversarial_stages = [stage for stage in recipe.stages if stage.adversarial]
    if not adversarial_stages or "critic" not in state:
        return None
    discriminator = load_critic(recipe.critic).eval()
    try:
        discriminator.load_state_dict(state["critic"])
    except RuntimeError as error:
        raise InputError(f"{path} does not hold the critic of its recipe: {error}") from error
    stage = adversarial_stages[-1]
    with torch.no_grad():
        scores = [
            discriminator(_discriminator_input(rgb, stage))[0].mean(dim=0) for rgb in pictures
        ]
    probability = stage.gan_mode == "bce"
    maps = [score.sigmoid() if probability else score for score in scores]
    return DiscriminatorMaps([m.numpy() for m in maps], probability)


def _discriminator_input(rgb: NDArray[np.uint8], stage: Stage) -> torch.Tensor:
    """A picture as the discriminator sees it: (1, 3, h, w) CIELAB, short side as in training."""
    short = stage.crop if stage.critic_view == "crop" else stage.loss_side
    scale = short / min(rgb.shape[:2])
    size = (max(short, round(rgb.shape[1] * scale)), max(short, round(rgb.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(rgb, size, interpolation=method), np.float32) / 255.0
    return in_gamut_lab(torch.from_numpy(small).permute(2, 0, 1)[None])
