"""What the losses of a batch are computed from: the network's colours beside the true ones."""

from __future__ import annotations

from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.nets.contract import Space
from photochrom.nets.spaces import in_space
from photochrom.training.recipe.stage import Stage

# Just above black: the slope of the cube root is finite there.
_DARKEST = 1e-4


def compose(L: Tensor, ab: Tensor) -> Tensor:
    """L (N, 1, H, W), ab (N, 2, H, W) → sRGB (N, 3, H, W) in [0, 1].

    Clipped with a slope: outside the gamut the gradient still leads back.
    """
    rgb = lab_to_rgb(torch.cat([L, ab], dim=1), axis=1)
    return rgb + (rgb.clamp(0.0, 1.0) - rgb).detach()


def in_gamut_lab(rgb: Tensor) -> Tensor:
    """CIELAB of what can be shown, as critics see it: colours outside the gamut are pulled back.

    rgb: (N, 3, H, W) sRGB, in [0, 1] but for those. Returns (N, 3, H, W).
    """
    lab: Tensor = rgb_to_lab(rgb.clamp(_DARKEST, 1.0), axis=1)
    return lab


class LossInputs:
    """The colours of a batch and the truth, in every form that a loss sees; made at first use.

    ab: (N, 2, h, w) as the network gives it. logits: (N, Q, h, w), or None. deepest: (N, C, h, w),
    the deepest features of its encoder, or None where no loss sees them. grey: grey pictures that
    were coloured beside them, whose true colours nobody knows; None where there are none.
    """

    def __init__(
        self,
        stage: Stage,
        L: Tensor,
        true_ab: Tensor,
        ab: Tensor,
        logits: Tensor | None = None,
        deepest: Tensor | None = None,
        *,
        native: Tensor | None = None,
        space: Space = "lab",
        grey: LossInputs | None = None,
    ) -> None:
        """L: (N, 1, H, W), true_ab: (N, 2, H, W). native: as `NetOutput` has it, in that space. The
        others: as above.
        """
        self.ab, self.logits, self.deepest = ab, logits, deepest
        self.native = ab if native is None else native
        """(N, C, h, w): the network's answer in its own colour space."""
        self.grey, self._space = grey, space
        self._stage, self._L, self._true_ab = stage, L, true_ab
        self._size = (stage.loss_side, stage.loss_side)

    @cached_property
    def true_ab(self) -> Tensor:
        """(N, 2, h, w): the true colours at the size of the network's."""
        return F.interpolate(self._true_ab, size=self.ab.shape[2:], mode="area")

    @cached_property
    def true_native(self) -> Tensor:
        """(N, C, h, w): the true colours in the network's own colour space."""
        L = F.interpolate(self._L, size=self.ab.shape[2:], mode="area")
        return in_space(self._space, L, self.true_ab)

    @cached_property
    def rgb(self) -> Tensor:
        """(N, 3, s, s): the coloured crop at the stage's loss_side, sRGB."""
        if self.ab.shape[2] > self._size[0]:  # bilinear would skip pixels between its samples
            ab = F.interpolate(self.ab, size=self._size, mode="area")
        else:
            ab = F.interpolate(self.ab, size=self._size, mode="bilinear", align_corners=False)
        return compose(self._small_L, ab)

    @cached_property
    def true_rgb(self) -> Tensor:
        """(N, 3, s, s): the true crop, likewise."""
        return compose(self._small_L, F.interpolate(self._true_ab, size=self._size, mode="area"))

    @cached_property
    def true_crop(self) -> Tensor:
        """(N, 3, H, W): the true crop at its full size, sRGB."""
        return compose(self._L, self._true_ab)

    @cached_property
    def fake(self) -> Tensor:
        """(N, 3, h, w) CIELAB: the coloured crop as the discriminator sees it.

        At the loss_side with its colours inside the gamut, or the whole crop as it is.
        """
        if self._stage.critic_view == "crop":
            size = (self._L.shape[2], self._L.shape[3])
            ab = F.interpolate(self.ab, size=size, mode="bilinear", align_corners=False)
            return torch.cat([self._L, ab], dim=1)
        return in_gamut_lab(self.rgb)

    @cached_property
    def all_fake(self) -> Tensor:
        """(N + M, 3, h, w) CIELAB: ``fake``, and behind it that of M grey pictures, if any."""
        return self.fake if self.grey is None else torch.cat([self.fake, self.grey.fake])

    @cached_property
    def real(self) -> Tensor:
        """(N, 3, h, w) CIELAB: the true crop, likewise."""
        if self._stage.critic_view == "crop":
            return torch.cat([self._L, self._true_ab], dim=1)
        return in_gamut_lab(self.true_rgb)

    @cached_property
    def _small_L(self) -> Tensor:
        return F.interpolate(self._L, size=self._size, mode="area")
