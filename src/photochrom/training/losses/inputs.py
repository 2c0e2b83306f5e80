"""What the judges of a picture look at: VGG, the critic, and the measure of colourfulness."""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.color.space import rgb_to_lab
from photochrom.training.losses.terms import compose
from photochrom.training.recipe.stage import Stage

# Just above black: the slope of the cube root is finite there.
_DARKEST = 1e-4


def shown_lab(rgb: Tensor) -> Tensor:
    """CIELAB of what can be shown, as critics see it: colours outside the gamut are pulled back.

    rgb: (N, 3, H, W) sRGB, in [0, 1] but for those. Returns (N, 3, H, W).
    """
    lab: Tensor = rgb_to_lab(rgb.clamp(_DARKEST, 1.0), axis=1)
    return lab


class Views:
    """The true and the coloured crop, as each judge wants them; made when first looked at.

    rgb, true_rgb: (N, 3, s, s) sRGB at the stage's loss_side. lab, true_lab: (N, 3, h, w) CIELAB
    for the critic: the same pictures inside the gamut, or the whole crops as they are.
    """

    def __init__(self, stage: Stage, L: Tensor, true_ab: Tensor, ab: Tensor) -> None:
        """L: (N, 1, H, W), true_ab: (N, 2, H, W), ab: (N, 2, h, w) as the network gives it."""
        self._stage, self._L, self._true_ab, self._ab = stage, L, true_ab, ab
        self._size = (stage.loss_side, stage.loss_side)

    @cached_property
    def rgb(self) -> Tensor:
        """The coloured crop."""
        if self._ab.shape[2] > self._size[0]:  # bilinear would skip pixels between its samples
            ab = F.interpolate(self._ab, size=self._size, mode="area")
        else:
            ab = F.interpolate(self._ab, size=self._size, mode="bilinear", align_corners=False)
        return compose(self._small_L, ab)

    @cached_property
    def true_rgb(self) -> Tensor:
        """The true crop."""
        return compose(self._small_L, F.interpolate(self._true_ab, size=self._size, mode="area"))

    @cached_property
    def lab(self) -> Tensor:
        """The coloured crop, for the critic."""
        if self._stage.critic_view == "crop":
            size = (self._L.shape[2], self._L.shape[3])
            ab = F.interpolate(self._ab, size=size, mode="bilinear", align_corners=False)
            return torch.cat([self._L, ab], dim=1)
        return shown_lab(self.rgb)

    @cached_property
    def true_lab(self) -> Tensor:
        """The true crop, for the critic."""
        if self._stage.critic_view == "crop":
            return torch.cat([self._L, self._true_ab], dim=1)
        return shown_lab(self.true_rgb)

    @cached_property
    def _small_L(self) -> Tensor:
        return F.interpolate(self._L, size=self._size, mode="area")
