"""Who tells patches apart: a map of patches, their nearest neighbours, or a small network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photochrom.errors import InputError, requires_extra
from photochrom.nets.patches import PatchMlp, PatchNeighbors, PatchNet
from photochrom.training.patches.codebook import nearest_nodes, train_map
from photochrom.training.patches.recipe import PatchesRecipe
from photochrom.training.patches.samples import FloatArray, PatchSamples

_COUNTED = 400_000
"""Samples by which the nodes of a map of patches get their colours."""
_MAP_SAMPLES = 50_000


def build_net(recipe: PatchesRecipe) -> PatchNet:
    """The network of a recipe, with nothing learnt."""
    colors = recipe.codebook.rows * recipe.codebook.columns
    if recipe.classifier == "mlp":
        return PatchMlp(recipe.patch, colors, recipe.temperature, recipe.mlp.hidden)
    if recipe.classifier == "knn":
        references, neighbors = recipe.knn.references, recipe.knn.neighbors
    else:
        references, neighbors = recipe.som.rows * recipe.som.columns, 1
    return PatchNeighbors(recipe.patch, colors, recipe.temperature, references, neighbors)


def check_count(net: PatchNeighbors, samples: int) -> None:
    """Raise InputError for fewer samples than the network stores."""
    count = len(net.references)
    if samples < count:
        raise InputError(
            f"{samples} pixels are fewer than knn.references ({count}); give more photos, or "
            "set it lower"
        )


def fit_neighbors(
    net: PatchNeighbors, samples: PatchSamples, labels: NDArray[np.int64], seed: int
) -> None:
    """Store patches that are drawn from the samples, each with a vote for its own colour.

    There are as many samples as the network stores, or more (`check_count`).
    """
    count, colors = net.votes.shape
    index = np.random.default_rng(seed).permutation(len(samples))[:count]
    net.references.copy_(_half_exact(samples.patches(index)))
    net.votes.copy_(F.one_hot(torch.from_numpy(labels[index]), colors).float())


def fit_map(
    net: PatchNeighbors,
    samples: PatchSamples,
    labels: NDArray[np.int64],
    recipe: PatchesRecipe,
) -> None:
    """A self-organising map of patches, whose nodes vote as the patches nearest to them do."""
    random = np.random.default_rng(recipe.seed)
    index = random.permutation(len(samples))[:_MAP_SAMPLES]
    nodes = train_map(samples.patches(index).reshape(len(index), -1), recipe.som, recipe.seed)
    net.references.copy_(_half_exact(nodes.reshape(net.references[:, 0].shape)))
    stored = net.references.numpy().reshape(len(nodes), -1)
    votes = np.zeros(net.votes.shape, np.float32)
    counted = random.permutation(len(samples))[:_COUNTED]
    for part in np.array_split(counted, max(1, len(counted) // 20_000)):
        at = nearest_nodes(samples.patches(part).reshape(len(part), -1), stored)
        np.add.at(votes, (at, labels[part]), 1.0)
    # A node that no patch is nearest to knows as much as all of them together.
    votes += 1e-3 * votes.sum(axis=0, keepdims=True) / max(1.0, float(votes.sum()))
    net.votes.copy_(torch.from_numpy(votes / votes.sum(axis=1, keepdims=True)))


def mlp_epochs(
    net: PatchMlp,
    samples: PatchSamples,
    labels: NDArray[np.int64],
    recipe: PatchesRecipe,
    optimizer: torch.optim.Optimizer,
    first_epoch: int,
    should_stop: Callable[[], bool],
) -> Iterator[tuple[int, float]]:
    """Back-propagation in batches: yields the epochs that are over, and the mean cross-entropy.

    should_stop: asked before each batch; an epoch that is broken off is not yielded.
    """
    steps = -(-len(samples) // recipe.mlp.batch)
    targets = torch.from_numpy(labels)
    for epoch in range(first_epoch, recipe.mlp.epochs):
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(samples))
        total = 0.0
        for step, index in enumerate(np.array_split(order, steps)):
            if should_stop():
                return
            share = (epoch * steps + step) / (recipe.mlp.epochs * steps)
            for group in optimizer.param_groups:
                group["lr"] = recipe.mlp.lr * 0.5 * (1 + math.cos(math.pi * share))
            patches = torch.from_numpy(samples.patches(index))[:, None]
            loss = F.cross_entropy(net.layers(patches).flatten(1), targets[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(loss.detach())
        yield epoch + 1, total / steps


def neighbors_classifier(net: PatchNeighbors) -> Any:
    """scikit-learn's classifier with the network's patches, votes and weights.

    Only where each patch has one vote. The network is this, written so that an engine can run it.
    """
    with requires_extra("classic", "k-nearest neighbours"):
        from sklearn.neighbors import KNeighborsClassifier
    classifier = KNeighborsClassifier(
        net.neighbors + 1, weights=_weigh_votes, algorithm="brute", n_jobs=1
    )
    patches = net.references.numpy().reshape(len(net.references), -1)
    return classifier.fit(patches, net.votes.argmax(dim=1).numpy())


def top_share(net: PatchNet, patches: FloatArray, labels: NDArray[np.int64]) -> float:
    """Share of patches, (N, p, p), whose most probable colour is the right one of the codebook."""
    hits = 0
    with torch.no_grad():
        for part, right in zip(
            torch.split(torch.from_numpy(patches)[:, None], 512),
            torch.split(torch.from_numpy(labels), 512),
            strict=True,
        ):
            hits += int((net.log_shares(part).flatten(1).argmax(dim=1) == right).sum())
    return hits / len(labels)


def _weigh_votes(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, k + 1) distances, nearest first, to weights; see `PatchNeighbors`."""
    squares = np.square(distances)
    weights: NDArray[np.float64] = squares[:, -1:] - squares + 1e-6
    return weights


def _half_exact(patches: FloatArray) -> Tensor:
    """(M, 1, p, p) as half precision has them: exporting then rounds nothing away."""
    return torch.from_numpy(patches.astype(np.float16).astype(np.float32))[:, None]
