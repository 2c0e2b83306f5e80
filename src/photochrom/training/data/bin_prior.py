"""How common each colour bin is in a set of photos: what class rebalancing needs to know."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.color.bins import ColorBins
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, RecipeError
from photochrom.training.data.photo_cache import PhotoSet, load_photos, split
from photochrom.training.data.sources import Report
from photochrom.training.network import build_network
from photochrom.training.recipe.recipe import Recipe

_SAMPLE = 1000
_GREYISH = 15


def bin_prior(
    bins: ColorBins, photos: PhotoSet, seed: int, max_photos: int = _SAMPLE
) -> NDArray[np.float64]:
    """Share of each colour bin in a sample of at most ``max_photos`` photos; (Q,), sums to 1."""
    random = np.random.default_rng([seed, 3])
    count = np.zeros(len(bins))
    for i in random.permutation(len(photos))[:max_photos]:
        ab = rgb_to_lab(photos[int(i)][::4, ::4].astype(np.float32) / 255.0)[..., 1:]
        index, weight = bins.soft_encode(ab)
        np.add.at(count, index.ravel(), weight.ravel())
    prior: NDArray[np.float64] = count / count.sum()
    return prior


def save_prior(path: Path, bins: ColorBins, prior: NDArray[np.float64], photos: int) -> None:
    """Write a prior as JSON: every bin's centre (ab) and share. photos: how many were counted.

    Raises OutputError when it cannot be written.
    """
    table = {"photos": photos, "centres": bins.centres.tolist(), "shares": prior.tolist()}
    write_atomically(path, json.dumps(table).encode(), overwrite=True)


def write_recipe_prior(recipe: Recipe, out: Path, report: Report) -> str:
    """Count the colour bins of a recipe's network in its training photos, and write the prior.

    report: called with what is decoded. Returns a description of it. Raises RecipeError when the
    network has no bins, InputError when there are no photos, OutputError when ``out`` cannot be
    written.
    """
    bins = build_network(recipe).bins
    if bins is None:
        raise RecipeError(
            f"the network {recipe.net.name!r} classifies no colours and needs no prior; try the "
            "recipe classification"
        )
    with TemporaryDirectory() as folder:
        photos, _ = split(load_photos(recipe.data, Path(folder), report), recipe.data)
        prior = bin_prior(bins, photos, recipe.seed, max_photos=len(photos))
    save_prior(out, bins, prior, len(photos))
    return describe_prior(bins, prior, len(photos))


def load_prior(path: Path, bins: ColorBins) -> NDArray[np.float64]:
    """Read a prior of these bins; (Q,), sums to 1.

    Raises InputError when the file is missing or damaged, RecipeError when it is of other bins.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        centres = np.asarray(table["centres"], dtype=np.float32)
        prior = np.asarray(table["shares"], dtype=np.float64)
    except OSError as error:
        raise InputError(f"classes_prior: cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"classes_prior: {path} is not a prior; make one by photochrom train --prior"
        ) from error
    if centres.shape != bins.centres.shape or not np.array_equal(centres, bins.centres):
        raise RecipeError(
            f"classes_prior: {path} counts {len(centres)} other bins than the network's "
            f"{len(bins)}; make it anew with this recipe"
        )
    prior /= prior.sum()
    return prior


def describe_prior(bins: ColorBins, prior: NDArray[np.float64], photos: int) -> str:
    """What a person wants to know of a prior, in three lines."""
    most_common = np.argsort(prior)[::-1][:5]
    greyish_share = prior[(bins.centres**2).sum(axis=1) <= _GREYISH**2].sum()
    first = ", ".join(f"({a:.0f}, {b:.0f}) {p:.1%}" for (a, b), p in
                      zip(bins.centres[most_common], prior[most_common]))  # fmt: skip
    return (
        f"{photos} photos, {len(bins)} colour bins, {(prior < 1e-6).sum()} of them hardly seen\n"
        f"{greyish_share:.0%} of all pixels are within {_GREYISH} units of grey\n"
        f"most common bins (a, b): {first}"
    )
