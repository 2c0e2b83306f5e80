"""The imitation of old photographs, and bars, on batches.

What the network is given is the lightness of a print that may have faded, been scanned softly or
been sharpened, its levels stretched, gained grain and JPEG blocks, or been taken on film that saw
blue and no red; what it must answer is the true colour. `benchmarks/ageing.py` holds it against
real ones.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from photochrom.color.space import luminance_to_lightness, srgb_to_linear
from photochrom.restoration.jpeg import DCT, LUMINANCE_STEPS
from photochrom.restoration.simulation import CLUMPED_GAIN
from photochrom.training.data.resampling import blur
from photochrom.training.data.views import Ageing, Bars

_LEAST = 1e-4
_LEVELS = (0.01, 0.99)
"""The shares of pixels between which a scan's levels are stretched, at most so that this range is
full:"""
_LEAST_RANGE = 0.25
_SPARSE_PX = 4
"""Every so many pixels are enough to know the levels."""
_CODES = 2.55
"""8-bit codes in a unit of lightness."""
_BITS = 0xFFFF_FFFF


class Ager:
    """Ages batches; holds the constants of it on a device."""

    def __init__(self, device: torch.device) -> None:
        self._dct = torch.tensor(DCT, dtype=torch.float32, device=device)
        self._steps = torch.tensor(LUMINANCE_STEPS, dtype=torch.float32, device=device)

    def age(self, rgb: Tensor, ageing: Ageing) -> Tensor:
        """The lightness of pictures as old photographs would show it.

        rgb: (K, 3, H, W) sRGB in [0, 1], those that are aged. Returns L (K, 1, H, W) in [0, 100].
        """
        light = (srgb_to_linear(rgb) * ageing.emulsion[:, :, None, None]).sum(1, keepdim=True)
        # As sRGB would show it of what a plain gamma has encoded.
        shown = srgb_to_linear(light.clamp(0.0, 1.0) ** (1 / 2.2))
        L = luminance_to_lightness(shown).clamp(0.0, 100.0)
        L = 100.0 * _tone_curve(L / 100.0, ageing)
        L = L + _each(ageing.unsharp) * (L - blur(L, ageing.unsharp_px))
        L = blur(L, ageing.blur_px) + _grain(ageing, (L.shape[2], L.shape[3]))
        compressed = self._compress(L, ageing.jpeg_quality)
        return torch.where(_each(ageing.jpeg_quality) > 0, compressed, L).clamp(0.0, 100.0)

    def _compress(self, L: Tensor, quality: Tensor) -> Tensor:
        """What JPEG of this quality (K,) makes of a lightness (K, 1, H, W), as 8-bit codes."""
        k, _, h, w = L.shape
        codes = (L * _CODES).round().clamp(0.0, 255.0)
        codes = F.pad(codes, (0, -w % 8, 0, -h % 8), mode="replicate") - 128.0
        rows, columns = codes.shape[2] // 8, codes.shape[3] // 8
        blocks = codes.view(k, rows, 8, columns, 8).transpose(2, 3)
        scale = torch.where(quality < 50, 5000.0 / quality.clamp_min(1.0), 200.0 - 2.0 * quality)
        steps = ((self._steps * scale[:, None, None] + 50.0) / 100.0).floor().clamp(1.0, 255.0)
        steps = steps[:, None, None]
        kept = (self._dct @ blocks @ self._dct.mT / steps).round() * steps
        blocks = self._dct.mT @ kept @ self._dct
        codes = blocks.transpose(2, 3).reshape(k, 1, rows * 8, columns * 8)[:, :, :h, :w]
        return (codes.round() + 128.0).clamp(0.0, 255.0) / _CODES


def bars(bars: Bars, side: int) -> tuple[Tensor, Tensor]:
    """Where bars lie on those samples that have any (K, 1, side, side) bool, and their lightness
    (K, 1, 1, 1).
    """
    place = (torch.arange(side, device=bars.height.device) + 0.5) / side
    from_border = torch.minimum(place, 1.0 - place)
    rows, columns = (from_border < size[:, None] for size in (bars.height, bars.width))
    return (rows[:, :, None] | columns[:, None, :])[:, None], _each(bars.lightness)


def _tone_curve(light: Tensor, ageing: Ageing) -> Tensor:
    """What emulsion, paper, time and scan made of lightness (K, 1, h, w) in [0, 1]."""
    exposed = light.clamp(_LEAST, 1.0) ** _each(ageing.gamma)
    # A logistic curve in log-odds: its slope in the middle is the contrast, its ends stay.
    odds = (exposed / (1.0 - exposed).clamp_min(_LEAST)) ** _each(ageing.contrast)
    curve = odds / (1.0 + odds)
    low, high = torch.quantile(
        curve[:, 0, ::_SPARSE_PX, ::_SPARSE_PX].flatten(1),
        torch.tensor(_LEVELS, device=curve.device),
        dim=1,
    )
    middle, extent = (low + high) / 2, (high - low).clamp_min(_LEAST_RANGE)
    stretched = 0.5 + (curve - _each(middle)) / _each(extent)
    is_stretched = _each(ageing.is_stretched)
    curve = torch.where(is_stretched, stretched.clamp(0.0, 1.0), curve)
    black, white = _each(ageing.black) / 100.0, _each(ageing.white) / 100.0
    return black + (white - black) * curve


def _grain(ageing: Ageing, size: tuple[int, int]) -> Tensor:
    """(K, 1, h, w) of the lightness's unit."""
    noise = standard_normal(ageing.grain_seed, size)
    gain = torch.where(ageing.grain_px > 0, CLUMPED_GAIN, 1.0)
    return blur(noise, ageing.grain_px) * _each(gain * ageing.grain)


def standard_normal(seeds: Tensor, size: tuple[int, int]) -> Tensor:
    """Noise that is the same on every device. seeds: (K,) int64. Returns (K, 1, h, w).

    Box and Muller (1958) on hashes of seed and pixel.
    """
    pixel = torch.arange(size[0] * size[1], device=seeds.device).view(1, 1, *size)
    seed = _hash(seeds)[:, None, None, None]
    radius, angle = (_unit(_hash(seed ^ _hash(2 * pixel + k))) for k in (0, 1))
    return (-2.0 * radius.log()).sqrt() * (2.0 * math.pi * angle).cos()


def _hash(values: Tensor) -> Tensor:
    """A mixture of the bits of whole numbers in [0, 2³²), after T. Mueller. Same range."""
    for _ in range(2):
        values = ((values >> 16) ^ values) * 0x45D9F3B & _BITS
    return (values >> 16) ^ values


def _unit(values: Tensor) -> Tensor:
    """Whole numbers in [0, 2³²) as float32 in (0, 1)."""
    return ((values >> 9).float() + 0.5) / 2**23


def _each(values: Tensor) -> Tensor:
    """(K,) as (K, 1, 1, 1)."""
    return values[:, None, None, None]
