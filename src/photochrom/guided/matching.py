"""Which places of two pictures show the same thing, by what a colouring network sees in them.

Each place of a grid of 8 px of the working size has a vector: the network's features of three
scales. A place and its nearest neighbour in the other picture match where each is the other's (or
nearly so), and where the neighbours of the one match neighbours of the other.

Source: mutual nearest neighbours of deep features as correspondences: Aberman et al., *Neural
Best-Buddies* (SIGGRAPH 2018); as colours for another picture: He et al., *Deep Exemplar-based
Colorization* (SIGGRAPH 2018).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink, working_shape
from photochrom.engine import FeatureExtractor, Features

CELL_PX: Final = 8
"""Side of a place, px of the working size."""

_WEIGHTS: Final = (("stride_4", 0.4), ("stride_8", 0.6), ("stride_16", 1.0))
"""Of three scales on the cosine of two places: of what was tried (each scale alone, and the
decoder's), these found the nearest colours."""
_CHANNELS_AT_ONCE = 64
_ROWS_AT_ONCE = 1024
_MUTUAL_CELLS = 1.5
"""How far from itself a place may come out that goes to its match and back."""
_COHERENT_CELLS = 2.3
"""How far apart the matches of neighbouring places may lie."""
_SURE_COSINE, _SURE_COHERENCE = 0.6, 0.6


class Matches(NamedTuple):
    """Where the places of one picture are found in another, (h, w) each."""

    places: NDArray[np.intp]
    """Number of the place in the other picture, counted along its rows."""
    cosine: NDArray[np.float32]
    """Of the two features, at most 1."""
    mutual: NDArray[np.bool_]
    """Whether the way back ends where it began."""
    coherence: NDArray[np.float32]
    """Share of the eight neighbours whose matches are neighbours, too, [0, 1]."""

    @property
    def agreement(self) -> float:
        """Share of places that surely show the same thing, [0, 1]: how much one scene it is."""
        return float(self.reliable(_SURE_COSINE, _SURE_COHERENCE).mean())

    def reliable(self, cosine: float, coherence: float) -> NDArray[np.bool_]:
        """(h, w): the mutual matches of at least this cosine and coherence."""
        return self.mutual & (self.cosine >= cosine) & (self.coherence >= coherence)


def matching_lightness(L: NDArray[np.float32], extractor: FeatureExtractor) -> NDArray[np.float32]:
    """The lightness as the network likes it best, whatever size a picture is coloured at.

    L: (h, w), [0, 100]. Returns (h', w'), multiples of what the network takes.
    """
    card = extractor.card
    height, width = L.shape
    shape = working_shape(height, width, min(card.size, height, width), card.multiple)
    return L if L.shape == shape else shrink(L, shape)


def extract(L: NDArray[np.float32], extractor: FeatureExtractor) -> Features:
    """The features of a picture without hints. L: as from `matching_lightness`."""
    planes = np.zeros((1, 4, *L.shape), np.float32)
    planes[0, 0] = L
    return extractor(planes)


def cell_vectors(features: Features) -> NDArray[np.float32]:
    """(h, w, C) float32: a vector of length 1 for each place, the scales behind one another."""
    shape = (features.stride_8.shape[1], features.stride_8.shape[2])
    parts = [
        weight * _unit(_subtract_mean(_resize(getattr(features, name).transpose(1, 2, 0), shape)))
        for name, weight in _WEIGHTS
    ]
    return _unit(np.concatenate(parts, axis=-1))


def scene_vector(features: Features) -> NDArray[np.float32]:
    """(C,) float32 of length 1: what a picture shows as a whole, to rank many by."""
    means = [_unit(stage.mean((1, 2))) for stage in (features.stride_32, features.stride_16)]
    return _unit(np.concatenate(means))


def match(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> Matches:
    """The best match of each place. vectors, others: (h, w, C) and (h', w', C)."""
    (h, w), width = vectors.shape[:2], others.shape[1]
    flat, flat_others = (
        np.ascontiguousarray(v.reshape(-1, v.shape[-1])) for v in (vectors, others)
    )
    best = np.empty(len(flat), np.intp)
    cosine = np.empty(len(flat), np.float32)
    back = np.zeros(len(flat_others), np.intp)
    back_cosine = np.full(len(flat_others), -np.inf, np.float32)
    for start in range(0, len(flat), _ROWS_AT_ONCE):  # bounded memory for wide pictures
        cosines = flat[start : start + _ROWS_AT_ONCE] @ flat_others.T
        part = slice(start, start + len(cosines))
        best[part], cosine[part] = cosines.argmax(axis=1), cosines.max(axis=1)
        better = cosines.max(axis=0) > back_cosine
        back[better] = start + cosines.argmax(axis=0)[better]
        back_cosine = np.maximum(back_cosine, cosines.max(axis=0))
    own = np.arange(len(flat))
    returned = back[best]
    distance = np.hypot(returned // w - own // w, returned % w - own % w)
    places = best.reshape(h, w)
    return Matches(
        places,
        cosine.reshape(h, w),
        (distance <= _MUTUAL_CELLS).reshape(h, w),
        _coherence(places // width, places % width),
    )


def _coherence(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Share of neighbours whose matches lie near; at the border, of those that there are."""
    near = np.zeros(rows.shape, np.float32)
    count = np.zeros(rows.shape, np.float32)
    h, w = rows.shape
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if not (down or right):
                continue
            here = (
                slice(max(0, -down), h - max(0, down)),
                slice(max(0, -right), w - max(0, right)),
            )
            there = (slice(max(0, down), h + min(0, down)), slice(max(0, right), w + min(0, right)))
            apart = np.hypot(rows[here] - rows[there], columns[here] - columns[there])
            near[here] += apart <= _COHERENT_CELLS
            count[here] += 1.0
    return np.asarray(near / np.maximum(count, 1.0), np.float32)


def _resize(stage: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """(h, w, C) at another size: averaged where it shrinks, else linear."""
    if stage.shape[:2] == shape:
        return stage
    smaller = stage.shape[0] > shape[0]
    # OpenCV takes a limited number of channels at once.
    parts = [
        cv2.resize(
            np.ascontiguousarray(stage[..., start : start + _CHANNELS_AT_ONCE]),
            shape[::-1],
            interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR,
        ).reshape(*shape, -1)
        for start in range(0, stage.shape[-1], _CHANNELS_AT_ONCE)
    ]
    return np.concatenate(parts, axis=-1)


def _subtract_mean(stage: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without what all places of the picture have in common."""
    return np.asarray(stage - stage.mean((0, 1)), np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(
        vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6), np.float32
    )
