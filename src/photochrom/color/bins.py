"""Colour bins: the ab plane cut into a grid, for networks that classify colours.

Source: Zhang, Isola, Efros, *Colorful Image Colorization* (ECCV 2016): bins on a grid of 10 units,
those inside the sRGB gamut; targets spread over the 5 nearest bins with a Gaussian of σ = 5;
annealed mean with T = 0.38.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import array_device, array_namespace, lab_to_rgb

ANNEALED_MEAN_TEMPERATURE = 0.38

# The rows (a, smallest b, largest b) of the 313 bins of the published network (pts_in_hull), in
# steps of 10; a set that Zhang et al. drew more generously than the sRGB gamut.
_PUBLISHED_ROWS = (
    (-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100), (-40, -40, 100),
    (-30, -50, 100), (-20, -50, 100), (-10, -60, 100), (0, -70, 100), (10, -80, 90), (20, -80, 90),
    (30, -90, 90), (40, -100, 90), (50, -100, 80), (60, -110, 80), (70, -110, 80), (80, -110, 70),
    (90, -110, 70), (100, -90, 0),
)  # fmt: skip

_TABLE_STEP = 2
_TABLE_LIMIT = 128


@dataclass(frozen=True)
class ColorBins:
    """Centres of the colour bins.

    centres: (Q, 2) float32, ab in CIELAB units.
    """

    centres: NDArray[np.float32]

    @classmethod
    def in_gamut(cls, step: int = 10) -> ColorBins:
        """All grid points that some lightness can show in sRGB.

        A bin counts when any L in 1..99 puts its centre inside the gamut (a small tolerance keeps
        the bins on the border).
        """
        axis = np.arange(-110, 111, step, dtype=np.float32)
        a, b = np.meshgrid(axis, axis, indexing="ij")
        lightness = np.arange(1, 100, 2, dtype=np.float32)
        lab = np.stack(np.broadcast_arrays(lightness[:, None, None], a, b), axis=-1)
        rgb = lab_to_rgb(lab.astype(np.float64))
        inside = ((rgb > -0.02) & (rgb < 1.02)).all(axis=-1).any(axis=0)
        return cls(np.stack([a[inside], b[inside]], axis=-1).astype(np.float32))

    @classmethod
    def zhang(cls) -> ColorBins:
        """The 313 bins of Zhang et al., in their order: by a, then by b."""
        centres = [(a, b) for a, low, high in _PUBLISHED_ROWS for b in range(low, high + 1, 10)]
        return cls(np.array(centres, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.centres)

    @cached_property
    def _neighbors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """For every cell of a 2-unit ab grid: its 5 nearest bins and their weights."""
        axis = np.arange(-_TABLE_LIMIT, _TABLE_LIMIT + 1, _TABLE_STEP, dtype=np.float32)
        cells = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 1, 2)
        distance2 = ((cells - self.centres[None]) ** 2).sum(axis=-1)
        nearest = np.argsort(distance2, axis=1, kind="stable")[:, :5]
        near2 = np.take_along_axis(distance2, nearest, axis=1)
        weight = np.exp(-(near2 - near2[:, :1]) / (2 * 5.0**2))
        return nearest.astype(np.int64), (weight / weight.sum(axis=1, keepdims=True)).astype(
            np.float32
        )

    def soft_encode(self, ab: Any, axis: int = -1) -> tuple[Any, Any]:
        """Spread colours over their 5 nearest bins.

        ab: array or tensor with 2 entries along ``axis``, CIELAB units; looked up on a 2-unit grid.
        Returns bin indices (int64) and weights (sum 1), each with 5 entries along ``axis``.
        """
        xp: Any = array_namespace(ab)
        side = 2 * _TABLE_LIMIT // _TABLE_STEP + 1
        cell = xp.clip(xp.round((ab + _TABLE_LIMIT) / _TABLE_STEP), 0, side - 1)
        cell = xp.moveaxis(xp.astype(cell, xp.int64), axis, -1)
        index, weight = self._neighbors_beside(ab)
        flat = cell[..., 0] * side + cell[..., 1]
        return xp.moveaxis(index[flat], -1, axis), xp.moveaxis(weight[flat], -1, axis)

    @cached_property
    def _copies(self) -> dict[tuple[Any, Any], tuple[Any, Any]]:
        """The neighbours by namespace and device: copying them there for each batch takes time."""
        return {}

    def _neighbors_beside(self, values: Any) -> tuple[Any, Any]:
        """The neighbours in the same namespace and on the same device as some values."""
        xp, at = array_namespace(values), array_device(values)
        if (xp, at) not in self._copies:
            index, weight = self._neighbors
            self._copies[xp, at] = xp.asarray(index, device=at), xp.asarray(weight, device=at)
        return self._copies[xp, at]

    def annealed_mean(
        self, logits: Any, temperature: float = ANNEALED_MEAN_TEMPERATURE, axis: int = -1
    ) -> Any:
        """Decode bin logits to colours.

        logits: array or tensor with Q entries along ``axis``.
        temperature: 1 takes the mean of the distribution, → 0 its mode.
        Returns the same shape with 2 entries (a, b) along ``axis``.
        """
        xp: Any = array_namespace(logits)
        scaled = logits / temperature
        weight = xp.exp(scaled - xp.max(scaled, axis=axis, keepdims=True))
        weight = xp.moveaxis(weight / xp.sum(weight, axis=axis, keepdims=True), axis, -1)
        centres = xp.asarray(self.centres, dtype=logits.dtype, device=array_device(logits))
        return xp.moveaxis(weight @ centres, -1, axis)
