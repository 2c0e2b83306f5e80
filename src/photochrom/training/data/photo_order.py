"""Which photo each sample of a run shows: all in turn, or those of some sets more often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.recipe.recipe import DataRecipe


class PhotoOrder:
    """A new order in every epoch, a function of seed and epoch alone.

    An epoch is as many views as there are photos. In it every set has its part, at random places;
    and a set's photos come in turn, all of them before any comes again.
    """

    def __init__(self, sets: Sequence[NDArray[np.int64]], views: Sequence[int], seed: int) -> None:
        """sets: the indices of each set's photos. views: how many of them an epoch shows."""
        self._sets, self._views, self._seed = sets, views, seed
        self._length = sum(views)
        self._epoch: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))

    @classmethod
    def even(cls, count: int, seed: int) -> PhotoOrder:
        """Of so many photos, all equally often."""
        return cls([np.arange(count)], [count], seed)

    def photos(self, position: int, count: int) -> NDArray[np.int64]:
        """The photos of the views number position, position + 1, ...; (count,) int64."""
        parts = []
        while count:
            epoch, place = divmod(position, self._length)
            part = self._order(epoch)[place : place + count]
            parts.append(part)
            position, count = position + len(part), count - len(part)
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        known_epoch, order = self._epoch  # at once: other threads may be in the next epoch already
        if known_epoch != epoch:
            order = self._shuffle(epoch)
            self._epoch = (epoch, order)
        return order

    def _shuffle(self, epoch: int) -> NDArray[np.int64]:
        parts = [
            self._part(number, photos, epoch * views, views)
            for number, (photos, views) in enumerate(zip(self._sets, self._views, strict=True))
            if views
        ]
        if len(parts) == 1:
            return parts[0]
        places = np.random.default_rng([self._seed, 4, epoch]).permutation(self._length)
        order = np.empty(self._length, dtype=np.int64)
        order[places] = np.concatenate(parts)
        return order

    def _part(
        self, number: int, photos: NDArray[np.int64], first: int, count: int
    ) -> NDArray[np.int64]:
        """The views number first to first + count − 1 of a set, whose photos come in turn."""
        turns = range(first // len(photos), (first + count - 1) // len(photos) + 1)
        generators = (np.random.default_rng([self._seed, 1, turn, number]) for turn in turns)
        orders = np.concatenate([random.permutation(len(photos)) for random in generators])
        start = first - turns[0] * len(photos)
        part: NDArray[np.int64] = photos[orders[start : start + count]]
        return part


class PhotoSets:
    """The sets that photos belong to: the keys of ``data.weights``, and the sources of the rest."""

    def __init__(self, photos: PhotoSet, recipe: DataRecipe) -> None:
        """Raises InputError for a weight of a set without photos, and where all weights are 0."""
        labels = [_set_name(name, recipe.weights) for name in photos.names]
        self.names = tuple(dict.fromkeys(labels))
        if absent := [name for name in recipe.weights if name not in self.names]:
            raise InputError(
                f"data.weights has {absent[0]!r}, and no photo's name begins so; the first of "
                f"{len(photos)} is {photos.names[0]}"
            )
        numbers = {name: number for number, name in enumerate(self.names)}
        self._of_photo = np.array([numbers[label] for label in labels])
        self.sizes = np.bincount(self._of_photo, minlength=len(self.names))
        self._weights = np.array([recipe.weights.get(name, 1.0) for name in self.names])
        if not self._weights.any():
            raise InputError(
                f"data.weights is 0 for all of {', '.join(self.names)}, and nothing is left to "
                "train on; give one of them another weight"
            )
        self._balance = recipe.balance

    def order(self, seed: int) -> PhotoOrder:
        """The order in which a run shows the photos."""
        if not self._balance and (self._weights == 1).all():
            return PhotoOrder.even(len(self._of_photo), seed)
        shares = self._weights * self.sizes ** (1.0 - self._balance)
        views = _apportion(shares / shares.sum(), len(self._of_photo))
        sets = [np.flatnonzero(self._of_photo == number) for number in range(len(self.names))]
        return PhotoOrder(sets, views, seed)

    def count(self, photos: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many of some views are of each set. photos: (N,) what they show."""
        return np.bincount(self._of_photo[photos], minlength=len(self.names))


def _set_name(photo: str, weights: Mapping[str, float]) -> str:
    """The longest key that a photo's name begins with, whole parts of it; else its source."""
    parts = photo.split("/")
    beginnings = ("/".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((name for name in beginnings if name in weights), parts[0])


def _apportion(shares: NDArray[np.float64], total: int) -> list[int]:
    """Whole numbers in proportion to the shares, by the largest remainders; their sum is total."""
    exact = shares * total
    counts = np.floor(exact).astype(np.int64)
    largest = np.argsort(counts - exact, kind="stable")
    counts[largest[: total - counts.sum()]] += 1
    return [int(count) for count in counts]
