"""Colours that are known in some places, spread over a picture by its lightness alone, exactly.

Neighbours of like lightness have like colours: the chroma of least
``sum of w(r, s) (ab(r) - ab(s))²`` over neighbours r, s, which takes the known colours where they
are known. No network guesses, so it is for maps, drawings and whatever a network does not know.

The linear system is solved by conjugate gradients, preconditioned with a multigrid of blocks of
2 × 2 pixels: on a grid of eight neighbours the Galerkin product over blocks has eight neighbours
again, so each level is four planes of weights.

Source: Levin, Lischinski, Weiss, *Colorization using Optimization* (SIGGRAPH 2004), with the
mean of both neighbours' variances in the weight, which makes the system symmetric; Braess, *Towards
algebraic multigrid for elliptic problems of second order* (1995): the factor on the coarse step.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

_Plane: TypeAlias = NDArray[np.float32]

_DIRECTIONS: Final = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Rows and columns from a pixel to the neighbours whose weights are kept with it."""
_VARIANCE_FACTOR: Final = 0.6
"""On the variance of L over 3 × 3 pixels, as in the authors' program."""
_LEAST_VARIANCE: Final = 2.0
"""Of L², so that grain is no edge."""
_LEAST_WEIGHT: Final = 1e-4
"""Over the strongest edge; nothing is cut off wholly."""
_CERTAINTY: Final = 100.0
"""Weight of a known colour; a neighbour's is 1 at most."""
_COARSEST: Final = 8
"""Side, px, at which the system is solved directly."""
_DAMPING: Final = 0.8
"""Of Jacobi's method, which smooths."""
_COARSE_STEP: Final = 1.4
"""On a correction from blocks; below √2, so that two of them in a row stay definite."""
_TWICE_VISITED: Final = 3
"""Levels whose coarser one is visited twice (W-cycle)."""
_MOST_STEPS: Final = 24
"""Of conjugate gradients; pictures whose outlines are closed need most."""
_LEAST_AGREEMENT: Final = 2e-7
"""Squared error, in the norm of the system, at which they end, as a share of the known colours':
0.2 CIELAB units away on average."""


class ColorSpreader:
    """Spreads colours over one picture; it can be asked again and again.

    Memory: some 60 bytes for each pixel.
    """

    def __init__(self, L: _Plane) -> None:
        """L: (h, w) float32, [0, 100]."""
        self._L = np.ascontiguousarray(L, np.float32)
        self._levels = [_Level(_edge_weights(self._L))]
        while min(self._levels[-1].shape) > _COARSEST:
            self._levels.append(_Level(self._levels[-1].coarse_weights()))

    def spread(self, ab: _Plane, mask: _Plane, start: _Plane | None = None) -> _Plane:
        """The colours of the whole.

        ab: (h, w, 2) float32, CIELAB units, read where the mask is. mask: (h, w), 1 where a
        colour is known and 0 elsewhere, with one known at least. start: (h, w, 2), the answer to
        a similar question, which makes this one more exact. Returns (h, w, 2) float32.
        """
        if not mask.any():
            raise ValueError("no colour is known")
        known = np.float32(_CERTAINTY) * mask
        self._set_known(known)
        top = self._levels[0]
        right = top.flatten(np.moveaxis(ab * known[..., None], -1, 0))
        mean = np.broadcast_to(ab[mask > 0].mean(axis=0), ab.shape)
        starts = (mean, _flood(self._L, ab, mask)) if start is None else (start,)
        tried = [top.flatten(np.moveaxis(first, -1, 0)) for first in starts]
        # Of several beginnings, the one of least energy, in each channel.
        energies = [_dot(x, top.times(x) - 2 * right) for x in tried]
        x = tried[0] if len(tried) == 1 else np.where(energies[0] < energies[1], *tried)
        residual = right - top.times(x)
        better = self._cycle(0, residual)
        direction = better.copy()
        agreement = _dot(residual, better)
        least = np.float32(_LEAST_AGREEMENT) * (known[..., None] * (ab - mean) ** 2).sum((0, 1))
        for _ in range(_MOST_STEPS):
            applied = top.times(direction)
            length = agreement / np.maximum(_dot(direction, applied), _TINY)
            x += length * direction
            residual -= length * applied
            better = self._cycle(0, residual)
            newer = _dot(residual, better)
            if (newer[:, 0] <= least).all():
                break
            direction *= newer / np.maximum(agreement, _TINY)
            direction += better
            agreement = newer
        return np.ascontiguousarray(np.moveaxis(top.unflatten(x), 0, -1))

    def _set_known(self, known: _Plane) -> None:
        for level, coarser in zip(self._levels, [*self._levels[1:], None], strict=True):
            level.set_known(known)
            if coarser is None:
                level.invert()
            else:
                known = _block_sums(known[None], coarser.shape)[0]

    def _cycle(self, number: int, right: _Plane) -> _Plane:
        """One multigrid cycle for the system of a level, from 0; symmetric."""
        level = self._levels[number]
        if number + 1 == len(self._levels):
            return level.solve(right)
        coarser = self._levels[number + 1]
        x = right * level.damped_inverse
        for _ in range(2 if 0 < number < _TWICE_VISITED else 1):
            missing = _block_sums(level.unflatten(right - level.times(x)), coarser.shape)
            step = coarser.unflatten(self._cycle(number + 1, coarser.flatten(missing)))
            fine = np.repeat(np.repeat(step, 2, axis=1), 2, axis=2)
            h, w = level.shape
            level.unflatten(x)[...] += np.float32(_COARSE_STEP) * fine[:, :h, :w]
        x += (right - level.times(x)) * level.damped_inverse
        return x


_TINY = np.float32(1e-30)


class _Level:
    """The system at one size, in planes with a margin of 1 px, flat, so that a neighbour is a
    constant number of places away.
    """

    def __init__(self, weights: list[_Plane]) -> None:
        """weights: for each of `_DIRECTIONS` (h, w): of a pixel and its neighbour there, 0 where
        there is none.
        """
        self.shape = weights[0].shape[0], weights[0].shape[1]
        self._weights = weights
        row = self.shape[1] + 2
        self._edges = [
            (dy * row + dx, self.flatten(plane[None])[0])
            for (dy, dx), plane in zip(_DIRECTIONS, weights, strict=True)
        ]
        self._degree = np.zeros(self._edges[0][1].shape, np.float32)
        for away, weight in self._edges:
            self._degree += weight
            self._degree[away:] += weight[:-away]
        self._diagonal = self._degree
        self.damped_inverse = self._degree
        self._inverse = np.empty((0, 0), np.float32)

    def flatten(self, planes: NDArray[np.floating]) -> _Plane:
        """(C, h, w) to (C, n), with 0 in the margin."""
        h, w = self.shape
        flat = np.zeros((len(planes), h + 2, w + 2), np.float32)
        flat[:, 1:-1, 1:-1] = planes
        return flat.reshape(len(planes), -1)

    def unflatten(self, flat: _Plane) -> _Plane:
        """(C, n) to (C, h, w), a view."""
        h, w = self.shape
        return flat.reshape(len(flat), h + 2, w + 2)[:, 1:-1, 1:-1]

    def set_known(self, known: _Plane) -> None:
        """known: (h, w), how certain a pixel's own colour is; 0 where it has none."""
        self._diagonal = self._degree + self.flatten(known[None])[0]
        margin = np.maximum(self._diagonal, _LEAST_WEIGHT)
        self.damped_inverse = np.float32(_DAMPING) / margin

    def times(self, x: _Plane) -> _Plane:
        """The system's matrix times x, (C, n)."""
        product = self._diagonal * x
        scratch = np.empty_like(x)
        for away, weight in self._edges:
            part = scratch[:, :-away]
            np.multiply(weight[:-away], x[:, away:], out=part)
            product[:, :-away] -= part
            np.multiply(weight[:-away], x[:, :-away], out=part)
            product[:, away:] -= part
        return product

    def coarse_weights(self) -> list[_Plane]:
        """The weights between blocks of 2 × 2 pixels: sums of those between their pixels."""
        shape = ((self.shape[0] + 1) // 2, (self.shape[1] + 1) // 2)
        coarse = {direction: np.zeros(shape, np.float32) for direction in _DIRECTIONS}
        for (dy, dx), weight in zip(_DIRECTIONS, self._weights, strict=True):
            for row in (0, 1):
                for column in (0, 1):
                    part = weight[row::2, column::2]
                    away = ((row + dy) // 2, (column + dx) // 2)
                    if away in coarse:
                        coarse[away][: part.shape[0], : part.shape[1]] += part
                    elif away == (0, -1):  # kept with the block on the left
                        coarse[0, 1][: part.shape[0], : part.shape[1] - 1] += part[:, 1:]
        return list(coarse.values())

    def invert(self) -> None:
        """Prepare `solve`; for small levels."""
        h, w = self.shape
        units = self.flatten(np.eye(h * w).reshape(-1, h, w))
        matrix = self.unflatten(self.times(units)).reshape(h * w, h * w)
        self._inverse = np.linalg.inv(matrix.astype(np.float64)).astype(np.float32)

    def solve(self, right: _Plane) -> _Plane:
        """The exact solution for (C, n)."""
        inner = self.unflatten(right).reshape(len(right), -1)
        return self.flatten((inner @ self._inverse).reshape(-1, *self.shape))


def _edge_weights(L: _Plane) -> list[_Plane]:
    mean = cv2.blur(L, (3, 3), borderType=cv2.BORDER_REPLICATE)
    square = cv2.blur(L * L, (3, 3), borderType=cv2.BORDER_REPLICATE)
    variance = np.maximum(_VARIANCE_FACTOR * (square - mean * mean), _LEAST_VARIANCE)
    h, w = L.shape
    weights = []
    for dy, dx in _DIRECTIONS:
        here = (slice(0, h - dy), slice(max(0, -dx), w - max(0, dx)))
        there = (slice(dy, h), slice(max(0, dx), w + min(0, dx)))
        mean_variance = 0.5 * (variance[here] + variance[there])
        likeness = np.exp(-((L[here] - L[there]) ** 2) / mean_variance)
        plane = np.zeros((h, w), np.float32)
        plane[here] = np.maximum(likeness, _LEAST_WEIGHT)
        weights.append(plane)
    return weights


def _flood(L: _Plane, ab: _Plane, mask: _Plane) -> _Plane:
    """What is near to the answer: the known colours grow over the least steps of lightness.

    Blocks of pixels know lines badly, so that without it closed outlines would need many steps.
    Source: Meyer, *Color image segmentation* (1992): the watershed by flooding.
    """
    count, places = cv2.connectedComponents((mask > 0).astype(np.uint8), connectivity=8)
    flat = places.reshape(-1)
    sums = [np.bincount(flat, plane.reshape(-1), count) for plane in np.moveaxis(ab, -1, 0)]
    means = np.stack(sums, axis=-1) / np.maximum(np.bincount(flat, minlength=count), 1)[:, None]
    if min(L.shape) < 3:  # too little for the watershed, whose outermost pixels are no one's
        return np.broadcast_to(np.asarray(means[1:].mean(axis=0), np.float32), ab.shape)
    codes = np.rint(np.clip(L, 0.0, 100.0) * 2.55).astype(np.uint8)
    codes = cv2.copyMakeBorder(codes, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    labels = cv2.copyMakeBorder(places, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    grown = cv2.watershed(cv2.cvtColor(codes, cv2.COLOR_GRAY2BGR), labels)[1:-1, 1:-1]
    flooded = means.astype(np.float32)[np.maximum(grown, 0)]
    return np.asarray(np.where((grown > 0)[..., None], flooded, means[1:].mean(axis=0)), np.float32)


def _block_sums(planes: _Plane, shape: tuple[int, int]) -> _Plane:
    """(C, h, w) to sums over blocks of 2 × 2, (C, *shape)."""
    count, h, w = planes.shape
    even = np.zeros((count, 2 * shape[0], 2 * shape[1]), np.float32)
    even[:, :h, :w] = planes
    rows = even[:, ::2] + even[:, 1::2]
    return np.asarray(rows[:, :, ::2] + rows[:, :, 1::2], np.float32)


def _dot(first: _Plane, second: _Plane) -> _Plane:
    """Scalar products of (C, n), channel by channel: (C, 1)."""
    return np.asarray(np.einsum("cn,cn->c", first, second), np.float32)[:, None]
