"""The dots of a print: seen by the peaks of their screen in the spectrum, averaged away.

A screen of dots is a lattice: its spectrum has a peak at one frequency, and another as far from the
middle a quarter turn on, in every part of the page. Fabrics and fences have such peaks in one
direction or in one place alone. What the eye makes of dots is their mean light; so the mean is
taken of linear light, with a kernel that is blind for the screen and all its harmonics.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import linear_to_srgb, srgb_to_linear

Plane = NDArray[np.float32]

_TILE_PX = 128
_MOST_TILES = 48
_FEWEST_TILES = 4
_LOWEST, _HIGHEST = 0.09, 0.48
"""Of the frequencies that are looked at, cycles per px."""
_PROMINENCE = 4.5
"""Of the lattice's peaks over what lies around them, in nats of power, in the middle one of the
tiles."""
_HARMONIC = 0.6
"""Share of the highest peak that the screen's own has at least."""
_RING = 6


class Screen(NamedTuple):
    """The screen of a print. period_px: from dot to dot. angle: degrees, [0, 90). prominence: of
    its peaks, nats.
    """

    period_px: float
    angle: float
    prominence: float


def find_screen(plane: Plane) -> Screen | None:
    """The screen that a picture was printed with; None where there is none.

    plane: (H, W) in [0, 1], sRGB-encoded.
    """
    tiles = _tiles(plane)
    if len(tiles) < _FEWEST_TILES:
        return None
    window = np.outer(np.hanning(_TILE_PX), np.hanning(_TILE_PX)).astype(np.float32)
    logs = []
    for tile in tiles:
        power = np.abs(np.fft.fft2((tile - tile.mean()) * window)) ** 2
        logs.append(np.log(np.fft.fftshift(power) + 1e-7).astype(np.float32))
    spectrum = np.median(np.stack(logs), axis=0)
    # Over the median of what lies around: a photograph's spectrum is smooth there.
    around = cv2.GaussianBlur(_median(spectrum), (0, 0), 2.0)
    excess = spectrum - around
    axis = np.fft.fftshift(np.fft.fftfreq(_TILE_PX))
    v, u = np.meshgrid(axis, axis, indexing="ij")
    radius = np.hypot(u, v)
    inside = (radius > _LOWEST) & (radius < _HIGHEST) & (np.abs(u) < 0.49) & (np.abs(v) < 0.49)
    best = np.asarray(cv2.dilate(excess, np.ones((3, 3), np.uint8)), np.float32)
    # A quarter turn of the plane: frequency (u, v) to (-v, u); the axis lacks +0.5.
    turned = np.full_like(best, -9.0)
    turned[1:, 1:] = np.rot90(best[1:, 1:])
    both = np.where(inside, np.minimum(excess, turned), -9.0)
    prominence = float(both.max())
    if prominence < _PROMINENCE:
        return None
    # A harmonic may stand out more than the screen itself, which is the lowest frequency.
    strong = np.where(both > _HARMONIC * prominence, radius, 1.0)
    near = (np.abs(radius - strong.min()) < 2.0 / _TILE_PX) & (strong < 1.0)
    row, column = np.unravel_index(int(np.argmax(np.where(near, both, -9.0))), both.shape)
    fu, fv = _peak(spectrum, int(row), int(column), axis)
    angle = math.degrees(math.atan2(fv, fu)) % 90.0
    return Screen(1.0 / math.hypot(fu, fv), angle, prominence)


def mend_halftone(plane: Plane, screen: Screen) -> Plane:
    """The mean light of the dots, (H, W) in [0, 1]."""
    light = srgb_to_linear(plane)
    kernel = _kernel(screen)
    smooth = cv2.filter2D(light, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(linear_to_srgb(np.clip(smooth, 0.0, 1.0)), np.float32)


def _kernel(screen: Screen) -> Plane:
    """A cell of the lattice, smoothed: blind for the screen and its harmonics."""
    period, turn = screen.period_px, math.radians(screen.angle)
    reach = math.ceil(1.3 * period) + 1
    scale = 9
    size = 2 * reach + 1
    fine = (np.arange(size * scale) + 0.5) / scale - size / 2
    y, x = np.meshgrid(fine, fine, indexing="ij")
    u = math.cos(turn) * x + math.sin(turn) * y
    v = math.cos(turn) * y - math.sin(turn) * x
    cell = ((np.abs(u) <= period / 2) & (np.abs(v) <= period / 2)).astype(np.float32)
    soft = cv2.GaussianBlur(cell, (0, 0), 0.18 * period * scale)
    kernel = cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _tiles(plane: Plane) -> list[Plane]:
    """Parts of a picture, spread over it, that are neither black nor white all over."""
    height, width = plane.shape
    rows = range(0, height - _TILE_PX + 1, _TILE_PX // 2)
    columns = range(0, width - _TILE_PX + 1, _TILE_PX // 2)
    places = [(top, left) for top in rows for left in columns]
    every = max(1, len(places) // _MOST_TILES)
    parts = [plane[t : t + _TILE_PX, x : x + _TILE_PX] for t, x in places[::every]]
    return [part for part in parts if 0.02 < float(part.mean()) < 0.98]


def _median(spectrum: Plane) -> Plane:
    """The median over a square of 13, which single peaks do not move."""
    size = 2 * _RING + 1
    wide = cv2.copyMakeBorder(spectrum, _RING, _RING, _RING, _RING, cv2.BORDER_WRAP)
    windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size))
    return np.asarray(np.median(windows, axis=(2, 3)), np.float32)


def _peak(spectrum: Plane, row: int, column: int, axis: NDArray[np.float64]) -> tuple[float, float]:
    """The frequency of a peak, between the bins: the mean of its neighbours by their power."""
    rows = np.arange(row - 1, row + 2) % _TILE_PX
    columns = np.arange(column - 1, column + 2) % _TILE_PX
    weights = np.exp(spectrum[np.ix_(rows, columns)] / 2)
    weights /= weights.sum()
    offset = np.arange(-1, 2)
    du = float((weights.sum(0) * offset).sum()) / _TILE_PX
    dv = float((weights.sum(1) * offset).sum()) / _TILE_PX
    return float(axis[column]) + du, float(axis[row]) + dv
