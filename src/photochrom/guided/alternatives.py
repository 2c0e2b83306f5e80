"""Clearly different colourings of one picture, from what the network itself holds possible.

A network that classifies colours gives each place a distribution over colour bins; what it answers
is near the mean of it. The distribution of the whole picture is divided into a few clusters, and
each cluster's distance from the answer is a direction in which the picture may be otherwise. An
alternative leans every place's own distribution that way and takes the mean of what is left: where
the network is sure nothing changes, and things change as a whole, as the network sees them. One
alternative more is calmer, since a mean is greyer than what is likely, and at times that is right;
and one is warmer as a whole.

Source: the distribution of colours, Zhang et al., *Colorful Image Colorization* (ECCV 2016); what
a picture may be as modes of a distribution at each place, Charpiat et al., *Automatic Image
Colorization via Multimodal Predictions* (ECCV 2008).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.color.fit import shrink, working_shape
from photochrom.engine import Features, Network, feature_extractor
from photochrom.errors import InputError, ModelError
from photochrom.guided.matching import extract
from photochrom.pipeline import DEFAULT_VIVIDNESS, Guide
from photochrom.variants import MOST_ALTERNATIVES

_CLUSTERS = 4
_ROUNDS = 15
_REACH = 15.0
"""Sigma of the Gaussian by which a distribution is leaned, CIELAB units."""
_CALM = 0.4
"""Factor on the chroma of the calm alternative."""
_CALM_RANK = 2
"""How many clusters are taken before the calm and the warm alternative are."""
_WARM_CHROMA, _WARM = 0.7, (0.0, 8.0)
"""Factor on the chroma of the warm alternative, and what it adds to a* and b*."""
_RANKS = (0, 2, 1, 3)
"""In which order the clusters are taken, by how much they matter: after one that is far from the
answer one that is nearer, since the truth is seldom as far as the second."""
_SMOOTHING_PX = 2.0
"""Sigma over an alternative's difference, px of the network's output."""
_LIKELIHOOD_SIGMA = 10.0
"""CIELAB units: the distance of two colour bins."""
_KEPT = 8
"""Pictures whose alternatives are remembered, 50 kB each: one after the other is asked for, and
what else is changed of the picture leaves them as they are."""


class AlternativeMaker:
    """A network that tells what else a picture may be. Safe to share between threads."""

    def __init__(self, network: Network, *, threads: int | None = None) -> None:
        """Raises ModelError for a network that gives no distribution of colours."""
        self._extractor = feature_extractor(network, threads=threads)
        self._gain = network.card.chroma_gain
        self._title = network.card.title
        self._bins = ColorBins.in_gamut().centres
        self._kept: OrderedDict[tuple[object, ...], list[NDArray[np.float32]]] = OrderedDict()
        self._lock = Lock()

    def guide(self, number: int, count: int, *, vividness: float = DEFAULT_VIVIDNESS) -> Guide:
        """The colours of an alternative, as `photochrom.pipeline.predict` takes them.

        number: from 2, the likeliest, to ``count``; the network's own answer, 1, needs no guide.
        count: how many versions there are, 2 to `MOST_ALTERNATIVES`.
        Raises InputError for other numbers.
        """
        if not 2 <= number <= count <= MOST_ALTERNATIVES:
            raise InputError(
                f"alternative {number} of {count} is none; there are 2 to {MOST_ALTERNATIVES} "
                "versions, and the first is the network's own answer"
            )

        def colors(L: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            height, width = L.shape
            shape = working_shape(height, width, min(L.shape), self._extractor.card.multiple)
            seen = L if L.shape == shape else shrink(L, shape)
            ab = vividness * self._versions(seen, count)[number - 2]
            full = cv2.resize(ab, (L.shape[1], L.shape[0]), interpolation=cv2.INTER_LINEAR)
            return np.asarray(full, np.float32), np.ones(L.shape, np.float32)

        return colors

    def guides(self, count: int, *, vividness: float = DEFAULT_VIVIDNESS) -> list[Guide]:
        """Those of all versions but the first; as `guide`."""
        numbers = range(2, max(count, 2) + 1)
        return [self.guide(number, count, vividness=vividness) for number in numbers]

    def alternatives(self, L: NDArray[np.float32], count: int) -> list[NDArray[np.float32]]:
        """The other versions of a picture, the likeliest first.

        L: (h, w), [0, 100], as the network takes it. Returns ``count`` - 1 of (h/k, w/k, 2) float32
        in CIELAB units.
        """
        features = extract(L, self._extractor)
        shares = self._distribution(features)
        answer = self._gain * features.prediction.ab[0].transpose(1, 2, 0)
        mean = (shares @ self._bins).astype(np.float32)
        whole = shares.reshape(-1, len(self._bins)).mean(axis=0)
        offsets = _offsets(self._bins, whole, answer.reshape(-1, 2).mean(axis=0))
        versions = [answer + self._lean(shares, mean, offsets[rank]) for rank in _RANKS]
        warm = _WARM_CHROMA * answer + np.array(_WARM, np.float32)
        versions[_CALM_RANK:_CALM_RANK] = [_CALM * answer, warm]
        chosen = [np.asarray(ab, np.float32) for ab in versions[: count - 1]]
        return sorted(chosen, key=lambda ab: -self._likelihood(shares, ab))

    def _versions(self, L: NDArray[np.float32], count: int) -> list[NDArray[np.float32]]:
        """As `alternatives`, and only once for each picture."""
        key = (hashlib.sha256(L.tobytes()).digest(), L.shape, count)
        with self._lock:  # who asks for another version of the same picture waits for this one
            if key not in self._kept:
                self._kept[key] = self.alternatives(L, count)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _distribution(self, features: Features) -> NDArray[np.float32]:
        """(h/k, w/k, Q): how probable each colour bin is at each place."""
        scores = features.bin_scores
        if scores is None or len(scores) != len(self._bins):
            raise ModelError(
                f"{self._title} has no alternatives: it gives no distribution of colours; use a "
                "shipped model, such as photochrom-base"
            )
        shares = np.exp(scores - scores.max(axis=0))
        return np.ascontiguousarray((shares / shares.sum(axis=0)).transpose(1, 2, 0))

    def _lean(
        self, shares: NDArray[np.float32], mean: NDArray[np.float32], offset: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """How far each place's mean moves when its distribution is leaned by an offset."""
        moved = np.empty_like(mean)
        for row, (share, center) in enumerate(zip(shares, mean, strict=True)):
            kept = share * _gaussian(self._bins, center + offset, _REACH)
            kept /= np.maximum(kept.sum(axis=-1, keepdims=True), 1e-9)
            moved[row] = kept @ self._bins - center
        return np.asarray(cv2.GaussianBlur(moved, (0, 0), _SMOOTHING_PX), np.float32)

    def _likelihood(self, shares: NDArray[np.float32], ab: NDArray[np.float32]) -> float:
        """Mean logarithm of how probable the colours are, blurred by the distance of two bins."""
        rows = (
            np.log((share * _gaussian(self._bins, colors, _LIKELIHOOD_SIGMA)).sum(axis=-1) + 1e-9)
            for share, colors in zip(shares, ab, strict=True)
        )
        return float(np.mean([row.mean() for row in rows]))


def _gaussian(
    bins: NDArray[np.float32], centers: NDArray[np.float32], sigma: float
) -> NDArray[np.float32]:
    """(w, Q), at most 1. bins: (Q, 2), of a grid. centers: (w, 2)."""
    along = []
    for values, center in zip(bins.T, centers.T, strict=True):  # of the grid's lines there are few
        lines, place = np.unique(values, return_inverse=True)
        distance2 = (lines - center[:, None]) ** 2
        along.append(np.exp(-distance2 / (2 * sigma**2)).astype(np.float32)[:, place])
    return np.asarray(along[0] * along[1], np.float32)


def _offsets(
    bins: NDArray[np.float32], shares: NDArray[np.float32], answer: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Where the clusters of a distribution lie from an answer, those that matter most first.

    Weighted k-means, begun with equal shares along the principal axis, so that the same picture
    always has the same alternatives. bins: (Q, 2). shares: (Q,), sum 1. answer: (2,).
    """
    middle = shares @ bins
    apart = bins - middle
    axis = np.linalg.eigh((shares[:, None] * apart).T @ apart)[1][:, 1]
    axis *= 1.0 if axis.sum() >= 0 else -1.0
    order = np.argsort(apart @ axis, kind="stable")
    quantile = np.empty(len(bins))
    quantile[order] = np.cumsum(shares[order])
    cluster = np.minimum((quantile * _CLUSTERS).astype(int), _CLUSTERS - 1)
    centers = np.repeat(middle[None], _CLUSTERS, axis=0)
    mass = np.zeros(_CLUSTERS)
    for _ in range(_ROUNDS):
        for i in range(_CLUSTERS):
            own = cluster == i
            mass[i] = shares[own].sum()
            if mass[i] > 0:
                centers[i] = shares[own] @ bins[own] / mass[i]
        cluster = ((bins[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)
    offsets = (centers - answer).astype(np.float32)
    value = mass * (offsets**2).sum(axis=1)
    return [offsets[i] for i in np.argsort(-value, kind="stable")]
