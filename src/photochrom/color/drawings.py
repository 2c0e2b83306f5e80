"""Whether a picture is a drawing, a map or a print of lines: light paper with thin dark lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_PAPER_L = 72.0
"""Of the most frequent lightness, at least."""
_PAPER_WIDTH = 7.0
"""L* around it that is paper as well: its grain, and shade over the sheet."""
_LEAST_PAPER = 0.6
_INK = 18.0
"""L* by which ink is darker than the paper, at least."""
_LEAST_INK = 0.004
_LINE = 0.02
"""Thickness of a line at most, as a share of the short side."""
_LEAST_LINES = 0.7
"""Share of the ink that is lines: what closing the light fills with paper."""


def is_line_drawing(L: NDArray[np.float32]) -> bool:
    """Whether thin dark lines on light paper make the picture; photographs of snow have none.

    L: (h, w) float32, [0, 100], some 100 to 1000 px on the short side.
    """
    counts = np.bincount(np.clip(L, 0, 100).astype(np.intp).reshape(-1), minlength=101)
    paper_L = float(np.argmax(np.convolve(counts, np.ones(3), "same")))
    paper = np.abs(L - paper_L) <= _PAPER_WIDTH
    if paper_L < _PAPER_L or paper.mean() < _LEAST_PAPER:
        return False
    ink = paper_L - _INK > L
    if ink.mean() < _LEAST_INK:
        return False
    side = 2 * max(1, round(_LINE * min(L.shape) / 2)) + 1
    closed = cv2.morphologyEx(L, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    lines = ink & (closed >= paper_L - _INK)
    return bool(lines.sum() >= _LEAST_LINES * ink.sum())
