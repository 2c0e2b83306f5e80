"""Batches of training samples, made ahead of time in threads.

Batch k of a run is a function of the seed and k alone, so a resumed run sees the same batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.space import rgb_to_lab
from photochrom.training.data import augment, hints
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.recipe.recipe import AugmentRecipe, HintRecipe

_PREFETCH = 3


class Batch(NamedTuple):
    """inputs: (N, 4, H, W) contract input. L: (N, 1, H, W) true lightness. ab: (N, 2, H, W)."""

    inputs: Tensor
    L: Tensor
    ab: Tensor


class SavedBatch(NamedTuple):
    """A batch that the network coloured beforehand; coloured: (N, 2, H, W) ab."""

    inputs: Tensor
    L: Tensor
    ab: Tensor
    fake_ab: Tensor


_AnyBatch = TypeVar("_AnyBatch", Batch, SavedBatch)


class BatchMaker:
    """Draws crops from the photos, in a new order every epoch."""

    def __init__(
        self, photos: PhotoSet, hints: HintRecipe, augment: AugmentRecipe, seed: int
    ) -> None:
        self._photos, self._hints, self._augment, self._seed = photos, hints, augment, seed
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, dtype=np.int64))

    def _photo(self, position: int) -> NDArray[np.uint8]:
        epoch, place = divmod(position, len(self._photos))
        known_epoch, order = self._order  # at once: other threads may be in the next epoch already
        if known_epoch != epoch:
            order = np.random.default_rng([self._seed, 1, epoch]).permutation(len(self._photos))
            self._order = (epoch, order)
        return self._photos[int(order[place])]

    def make(self, position: int, batch: int, side: int) -> Batch:
        """The samples number position … position + batch − 1 of the run."""
        crops = np.empty((batch, side, side, 3), dtype=np.uint8)
        random = [np.random.default_rng([self._seed, 2, position + i]) for i in range(batch)]
        for i in range(batch):
            crops[i] = augment.crop(self._photo(position + i), side, self._augment, random[i])
        rgb = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255.0
        lab = rgb_to_lab(rgb, axis=1)
        L, ab = lab[:, :1].contiguous(), lab[:, 1:].contiguous()
        inputs = torch.zeros(batch, 4, side, side)
        inputs[:, :1] = L
        ab_np = ab.numpy()
        for i in range(batch):
            if random[i].random() < self._augment.old:
                inputs[i, 0] = torch.from_numpy(augment.age(crops[i], random[i]))
            inputs[i, 1:] = torch.from_numpy(hints.simulate(ab_np[i], self._hints, random[i]))
        return Batch(inputs, L, ab)

    def stream(
        self, position: int, batch: int, side: int, *, workers: int = 1, pin_memory: bool = False
    ) -> Generator[Batch, None, None]:
        """Endless batches from ``position`` on, as :func:`stream` gives them."""
        make = partial(self.make, batch=batch, side=side)
        return stream(make, count(position, batch), workers=workers, pin_memory=pin_memory)


def stream(
    make: Callable[[int], _AnyBatch],
    positions: Iterable[int],
    *,
    workers: int = 1,
    pin_memory: bool = False,
) -> Generator[_AnyBatch, None, None]:
    """The batches at these positions, made ahead; close the generator to stop its threads.

    workers: threads that make batches; their number changes nothing but the speed.
    pin_memory: in page-locked memory, from which a GPU copies while it computes.
    """

    def make_pinned(position: int) -> _AnyBatch:
        batch = make(position)
        return type(batch)(*(tensor.pin_memory() for tensor in batch)) if pin_memory else batch

    futures: deque[Future[_AnyBatch]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        try:
            for position in positions:
                futures.append(pool.submit(make_pinned, position))
                if len(futures) > _PREFETCH + workers:
                    yield futures.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
