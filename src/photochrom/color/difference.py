"""How different two colours look: CIEDE2000.

Source: CIE 142-2001; Sharma, Wu, Dalal, *The CIEDE2000 Color-Difference Formula: Implementation
Notes, Supplementary Test Data, and Mathematical Observations* (2005), with k_L = k_C = k_H = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FAR = 25.0**7


def ciede2000(lab: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """ΔE00 of each pair of colours. lab, other: (..., 3) CIELAB. Returns (...)."""
    first, second = np.asarray(lab, np.float64), np.asarray(other, np.float64)
    mean_chroma7 = ((np.hypot(*_ab(first)) + np.hypot(*_ab(second))) / 2) ** 7
    stretch = 1.5 - 0.5 * np.sqrt(mean_chroma7 / (mean_chroma7 + _FAR))
    chroma_1, hue_1 = _polar(first, stretch)
    chroma_2, hue_2 = _polar(second, stretch)

    lightness = second[..., 0] - first[..., 0]
    chroma = chroma_2 - chroma_1
    turn = hue_2 - hue_1
    grey = chroma_1 * chroma_2 == 0
    turn = np.where(turn > 180, turn - 360, np.where(turn < -180, turn + 360, turn))
    hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(np.where(grey, 0, turn) / 2))

    mean_L = (first[..., 0] + second[..., 0]) / 2
    mean_chroma = (chroma_1 + chroma_2) / 2
    around = hue_1 + hue_2
    across = np.abs(hue_1 - hue_2) > 180
    mean_hue = np.where(across, np.where(around < 360, around + 360, around - 360), around) / 2
    mean_hue = np.where(grey, around, mean_hue)

    weight = (
        1
        - 0.17 * _cosine(mean_hue - 30)
        + 0.24 * _cosine(2 * mean_hue)
        + 0.32 * _cosine(3 * mean_hue + 6)
        - 0.20 * _cosine(4 * mean_hue - 63)
    )
    off_middle = (mean_L - 50) ** 2
    scaled_L = lightness / (1 + 0.015 * off_middle / np.sqrt(20 + off_middle))
    scaled_chroma = chroma / (1 + 0.045 * mean_chroma)
    scaled_hue = hue / (1 + 0.015 * mean_chroma * weight)
    blue = 60 * np.exp(-(((mean_hue - 275) / 25) ** 2))
    mean_chroma7 = mean_chroma**7
    rotation = -2 * np.sqrt(mean_chroma7 / (mean_chroma7 + _FAR)) * np.sin(np.radians(blue))
    squared = scaled_L**2 + scaled_chroma**2 + scaled_hue**2
    squared = squared + rotation * scaled_chroma * scaled_hue
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float64)


def _ab(lab: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return lab[..., 1], lab[..., 2]


def _polar(
    lab: NDArray[np.float64], stretch: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Chroma, and hue in degrees of [0, 360), with a stretched as the formula wants."""
    a, b = lab[..., 1] * stretch, lab[..., 2]
    return np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360


def _cosine(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cos(np.radians(degrees)), np.float64)
