"""Which faces of an album are the same person's: groups by average linkage.

Two groups are as far apart as their faces are in the mean (Sokal, Michener, *A statistical method
for evaluating systematic relationships*, 1958); the nearest two are put together until none are
nearer than the threshold. A single pair that looks alike does not join two people, as it would if
the nearest faces counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from photochrom.faces.recognition import Template

WITHIN_GROUP: Final = 0.95
"""Of the distance at which two pictures are taken for one person: groups whose faces are nearer
than that in the mean are put together."""


def face_distances(templates: Sequence[Template]) -> NDArray[np.float64]:
    """(N, N) distances of faces by the metric head's embedding, symmetric, 0 on the diagonal.

    Each is the least of a face from the other's twins, as `photochrom.faces.recognition.Gallery`
    compares them, in the mean over both directions.
    """
    if not templates:
        return np.zeros((0, 0))
    twins = np.stack([template.embeddings for template in templates])
    upright = twins[:, twins.shape[1] // 2]
    cosines = np.max([upright @ twins[:, i].T for i in range(twins.shape[1])], axis=0)
    apart: NDArray[np.float64] = np.maximum(1.0 - (cosines + cosines.T) / 2.0, 0.0).astype(
        np.float64
    )
    np.fill_diagonal(apart, 0.0)
    return apart


def group_by_distance(apart: NDArray[np.float64], threshold: float) -> list[list[int]]:
    """Put together what is nearer than a threshold in the mean.

    apart: (N, N), symmetric. Returns the groups, the largest first and each in order; those of
    like size by their first member.
    """
    count = len(apart)
    members: dict[int, list[int]] = {i: [i] for i in range(count)}
    linkage = apart.astype(np.float64)
    np.fill_diagonal(linkage, np.inf)
    nearest = linkage.argmin(axis=1) if count else np.zeros(0, np.intp)
    while len(members) > 1:
        alive = np.array(sorted(members))
        first = int(alive[linkage[alive, nearest[alive]].argmin()])
        second = int(nearest[first])
        if linkage[first, second] > threshold:
            break
        a, b = len(members[first]), len(members[second])
        merged = (a * linkage[first] + b * linkage[second]) / (a + b)
        merged[first] = np.inf
        linkage[first, :] = linkage[:, first] = merged
        linkage[second, :] = linkage[:, second] = np.inf
        members[first] = sorted(members[first] + members.pop(second))
        alive = np.array(sorted(members))
        stale = alive[np.isin(nearest[alive], (first, second))]
        for row in {first, *map(int, stale)}:
            nearest[row] = linkage[row].argmin()
        closer = alive[linkage[alive, first] < linkage[alive, nearest[alive]]]
        nearest[closer] = first
    return sorted(members.values(), key=lambda group: (-len(group), group[0]))
