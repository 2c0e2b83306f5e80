"""How often a classifier is right, and how far means over seeds can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]

MOST_SEEDS = 10
_T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""The 97.5 % quantile of Student's t for 1 to 9 degrees of freedom."""


class SeedMean(NamedTuple):
    """The mean over seeds, and half the width of its 95 % interval (nan for a single seed)."""

    mean: float
    half_width: float


def accuracy(scores: Floats, labels: Labels, *, several: bool) -> float:
    """The share of pictures whose class is named rightly; in [0, 1].

    scores, labels: (N, C). several: a picture may have several labels or none. Then it is the mean
    over pictures of |both| / |either|, of the true labels and those with a score above 0 (Godbole
    and Sarawagi, *Discriminative Methods for Multi-labeled Classification*, PAKDD 2004), and 1
    where there are neither.
    """
    if not several:
        return float(np.mean(labels[np.arange(len(labels)), scores.argmax(axis=1)]))
    found = scores > 0
    either = (labels | found).sum(axis=1)
    shares = np.where(either, (labels & found).sum(axis=1) / np.maximum(either, 1), 1.0)
    return float(np.mean(shares))


def average_precision(scores: Floats, labels: Labels) -> float:
    """Σ over thresholds of the precision times what the recall grows by, in [0, 1]; nan where no
    label is true.

    scores, labels: (N,). Equal scores are one threshold.
    """
    if not labels.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision, recall = hits[ends] / (ends + 1), hits[ends] / hits[-1]
    return float(np.sum(precision * np.diff(recall, prepend=0.0)))


def mean_average_precision(scores: Floats, labels: Labels) -> float:
    """The mean of `average_precision` over the classes that a picture shows. (N, C) both."""
    values = [average_precision(scores[:, c], labels[:, c]) for c in range(labels.shape[1])]
    return float(np.nanmean(values))


def seed_mean(values: Sequence[float]) -> SeedMean:
    """The mean of up to `MOST_SEEDS` values with its interval by Student's t."""
    if len(values) < 2:
        return SeedMean(float(values[0]), float("nan"))
    deviation = float(np.std(values, ddof=1))
    half_width = _T_975[len(values) - 2] * deviation / len(values) ** 0.5
    return SeedMean(float(np.mean(values)), half_width)


def confusion_matrix(
    truth: NDArray[np.int64], found: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """(C, C) how many pixels of each class, by row, were taken for which.

    truth, found: of one shape, in [0, C); pixels of another truth are not counted.
    """
    counts = truth < classes
    cells = truth[counts] * classes + found[counts]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def pixel_accuracy(confusion: NDArray[np.int64]) -> float:
    """The share of pixels that are named rightly, in [0, 1]. confusion: as `confusion_matrix`."""
    return float(np.trace(confusion) / max(1, confusion.sum()))


def mean_iou(confusion: NDArray[np.int64]) -> float:
    """The mean over classes of |both| / |either|, of the pixels that are a class and those taken
    for it; in [0, 1]. confusion: as `confusion_matrix`. Classes of neither are left out.

    Source: Everingham et al., *The Pascal Visual Object Classes (VOC) Challenge* (IJCV 2010).
    """
    both = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - both
    return float(np.mean(both[either > 0] / either[either > 0]))
