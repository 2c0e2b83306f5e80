"""The codebook of colours: (u, v) reduced by a self-organising map.

Source: Kohonen, *Self-Organized Formation of Topologically Correct Feature Maps* (1982); as a
vector quantizer of colours: Richart et al. (WVC 2017).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, requires_extra
from photochrom.training.patches.recipe import CodebookRecipe, PatchMapRecipe
from photochrom.training.patches.samples import FloatArray

_CHUNK = 8_192
_FEWEST_SHARE = 0.999
_ONE_COLOR = 1.0
"""How far u and v may be from their middle and still be one colour; less is hardly seen."""


def train_map(
    vectors: FloatArray, recipe: CodebookRecipe | PatchMapRecipe, seed: int
) -> FloatArray:
    """A self-organising map of vectors. vectors: (N, D). Returns the (rows · columns, D) nodes."""
    with requires_extra("classic", "training a self-organising map"):
        from minisom import MiniSom
    random = np.random.default_rng(seed)
    center, scale = vectors.mean(axis=0), max(float(vectors.std()), 1e-6)
    index = random.integers(0, len(vectors), recipe.iterations)
    samples = ((vectors[index] - center) / scale).astype(np.float64)
    som: Any = MiniSom(
        recipe.rows, recipe.columns, vectors.shape[1], sigma=recipe.sigma,
        learning_rate=recipe.lr, random_seed=seed % 2**31,
    )  # fmt: skip
    som.random_weights_init(samples)
    som.train(samples, len(samples))
    nodes = som.get_weights().reshape(-1, vectors.shape[1]) * scale + center
    return np.asarray(nodes, np.float32)


def nearest_nodes(vectors: FloatArray, nodes: FloatArray) -> NDArray[np.int64]:
    """For each vector, (N, D), the index of the nearest node, of (M, D): (N,) int64."""
    length = np.square(nodes).sum(axis=1)
    parts = [
        np.argmin(length - 2 * chunk @ nodes.T, axis=1)
        for chunk in np.array_split(vectors, max(1, -(-len(vectors) // _CHUNK)))
    ]
    return np.concatenate(parts).astype(np.int64)


def check_spread(uv: FloatArray) -> None:
    """Raise InputError where nearly all pixels, (N, 2) u and v, are of one colour."""
    distances = np.linalg.norm(uv - np.median(uv, axis=0), axis=1)
    share = float((distances <= _ONE_COLOR).mean())
    if share >= _FEWEST_SHARE:
        raise InputError(
            f"{share:.1%} of the {len(uv)} pixels have one colour: the pictures are all of one "
            "colour, or grey; give others"
        )


def check_classes(labels: NDArray[np.int64], colors: int) -> None:
    """Raise InputError where nearly all pixels have one colour: there is nothing to tell apart."""
    counts = np.bincount(labels, minlength=colors)
    if counts.max() >= _FEWEST_SHARE * len(labels):
        raise InputError(
            f"{counts.max() / len(labels):.1%} of the {len(labels)} pixels have one colour of the "
            "codebook: the pictures are all of one colour, or grey; give others"
        )
