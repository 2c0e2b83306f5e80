"""Colours spread by lightness come from the linear system of Levin et al., solved to the point."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.drawings import is_line_drawing
from photochrom.color.optimization import ColorSpreader


def dense_solution(
    L: NDArray[np.float32], ab: NDArray[np.float32], mask: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The same, written down pixel by pixel and solved directly."""
    h, w = L.shape
    pad = np.pad(L.astype(np.float64), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(pad, (3, 3))
    variance = np.maximum(0.6 * windows.var(axis=(2, 3)), 2.0)
    matrix = np.diag(100.0 * mask.reshape(-1).astype(np.float64))
    for y in range(h):
        for x in range(w):
            for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
                v, u = y + dy, x + dx
                if not (v < h and 0 <= u < w):
                    continue
                apart = (float(L[y, x]) - float(L[v, u])) ** 2
                weight = max(np.exp(-apart / (0.5 * (variance[y, x] + variance[v, u]))), 1e-4)
                i, j = y * w + x, v * w + u
                matrix[i, i] += weight
                matrix[j, j] += weight
                matrix[i, j] -= weight
                matrix[j, i] -= weight
    right = (100.0 * mask[..., None] * ab).reshape(-1, 2)
    return np.linalg.solve(matrix, right).reshape(h, w, 2)


@pytest.mark.parametrize("shape", [(23, 34), (5, 40), (1, 30)])
def test_the_colours_are_those_of_the_linear_system(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    rows, columns = np.indices(shape)
    L = 50 + 20 * np.sin(rows / 4) + 15 * (columns > 15) + rng.normal(0, 2, shape)
    L = L.astype(np.float32)
    mask = np.zeros(shape, np.float32)
    mask[0, 2:6] = mask[-1, -4:] = 1
    ab = np.where((columns < 10)[..., None], (40, -10), (-20, 30)).astype(np.float32)
    spreader = ColorSpreader(L)
    spread = spreader.spread(ab, mask)
    expected = dense_solution(L, ab, mask)
    np.testing.assert_allclose(spread, expected, atol=2.0)
    assert np.abs(spread - expected).mean() < 0.3
    again = spreader.spread(ab, mask, start=expected.astype(np.float32))
    np.testing.assert_allclose(again, expected, atol=0.5)


def test_a_colour_goes_as_far_as_lightness_is_alike() -> None:
    L = np.full((160, 240), 80, np.float32)
    L[:, 100:103] = 20  # a line
    mask = np.zeros_like(L)
    mask[76:84, 36:44] = mask[26:34, 196:204] = 1
    ab = np.zeros((160, 240, 2), np.float32)
    ab[:, :120], ab[:, 120:] = (40, 20), (-30, 10)
    spread = ColorSpreader(L).spread(ab, mask)
    np.testing.assert_allclose(spread[:, :95], np.broadcast_to((40, 20), (160, 95, 2)), atol=2.0)
    np.testing.assert_allclose(spread[:, 108:], np.broadcast_to((-30, 10), (160, 132, 2)), atol=2.0)
    with pytest.raises(ValueError, match="no colour is known"):
        ColorSpreader(L).spread(ab, np.zeros_like(L))


def test_a_drawing_has_thin_lines_on_paper(photo: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    sheet = 92 + rng.normal(0, 1.5, (300, 400)).astype(np.float32)
    assert not is_line_drawing(sheet), "nothing is drawn"
    drawn = sheet.copy()
    for y in range(30, 300, 40):
        drawn[y : y + 2, 20:380] -= 60
        drawn[20:280, y : y + 2] -= 60
    assert is_line_drawing(drawn)
    assert not is_line_drawing(100 - drawn), "a blackboard is not paper"
    snow = sheet.copy()
    snow[120:200, 100:180] = 30
    assert not is_line_drawing(snow)
    assert not is_line_drawing(photo.mean(axis=2).astype(np.float32) / 2.55)
