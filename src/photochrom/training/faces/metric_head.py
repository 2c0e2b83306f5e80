"""The head that makes one person's pictures close, fitted in closed form.

Principal components of the features, then within-class covariance normalisation: directions in
which pictures of one person differ are made short (Hatch et al., *Within-Class Covariance
Normalization*, Interspeech 2006; for faces the idea is Belhumeur et al., *Eigenfaces vs.
Fisherfaces*, 1997), and of what is left those directions in which people differ most are kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

_COMPONENTS = 900
_SHRINKAGE = 0.01
"""Share of the mean variance that is added to each direction: few pictures know little of it."""
_ITERATIONS = 3


def fit_head(features: Tensor, people: Tensor, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Weight (size, F) and bias (size,) of the linear layer that makes the embedding.

    features: (N, F). people: (N,) numbers of the people. size: how many numbers an embedding has;
    at most the number of people less one.
    """
    mean = features.mean(dim=0)
    centered = features - mean
    components = min(_COMPONENTS, *(n - 1 for n in features.shape))
    torch.manual_seed(seed)
    _, scale, directions = torch.svd_lowrank(centered, q=components, niter=_ITERATIONS)
    whitening = directions / (scale / len(features) ** 0.5).clamp_min(1e-8)
    whitened = centered @ whitening
    _, index, count = torch.unique(people, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(count), components).index_add_(0, index, whitened)
    means = (sums / count[:, None])[index]
    within = whitened - means
    scatter = within.T @ within / max(1, len(features) - len(count))
    shrinkage = _SHRINKAGE * scatter.diagonal().mean()
    variances, axes = torch.linalg.eigh(scatter + shrinkage * torch.eye(components))
    normalizing = axes / variances.clamp_min(1e-8).sqrt()
    between = means @ normalizing
    _, order = torch.linalg.eigh(between.T @ between)
    weight = (whitening @ normalizing @ order.flip(1)[:, :size]).T
    return weight, -weight @ mean
