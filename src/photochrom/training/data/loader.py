"""Batches of training samples, made ahead of time in threads or on the device that trains.

Batch k of a run is a function of the seed and k alone, so a resumed run sees the same batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

import torch
from torch import Tensor

from photochrom.color.input_kind import InputKind
from photochrom.color.space import rgb_to_lab
from photochrom.training.data.augment import Ager, bars
from photochrom.training.data.drawing import draw_lines
from photochrom.training.data.hints import render
from photochrom.training.data.packed_photos import FilePhotos, PackedPhotos
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.data.photo_order import PhotoOrder
from photochrom.training.data.resampling import rotate
from photochrom.training.data.views import ViewPlan, Views
from photochrom.training.recipe.recipe import AugmentRecipe, HintRecipe

_PREFETCH = 3
_BEFORE_ROTATION = 1.4
"""Side of the views that are turned, as a share of what is cut out of them at the most."""


class Batch(NamedTuple):
    """inputs: (N, 4, H, W) contract input. L: (N, 1, H, W) true lightness. ab: (N, 2, H, W)."""

    inputs: Tensor
    L: Tensor
    ab: Tensor

    def pin_memory(self) -> Batch:
        """The same in page-locked memory."""
        return Batch(*(tensor.pin_memory() for tensor in self))


class SavedBatch(NamedTuple):
    """A batch that the network coloured beforehand; coloured: (N, 2, H, W) ab."""

    inputs: Tensor
    L: Tensor
    ab: Tensor
    fake_ab: Tensor

    def pin_memory(self) -> SavedBatch:
        """The same in page-locked memory."""
        return SavedBatch(*(tensor.pin_memory() for tensor in self))


class MixedBatch(NamedTuple):
    """A batch, and M grey pictures beside it, whose colours nobody knows.

    grey_inputs: (M, 4, H, W) contract input without hints. grey_L: (M, 1, H, W) true lightness.
    """

    inputs: Tensor
    L: Tensor
    ab: Tensor
    grey_inputs: Tensor
    grey_L: Tensor


AnyBatch: TypeAlias = Batch | SavedBatch | MixedBatch
"""What a step may learn from."""

_AnyBatch = TypeVar("_AnyBatch", Batch, SavedBatch, Views)


class BatchMaker:
    """Makes batches of views, of photos in an order that is new in every epoch."""

    def __init__(
        self,
        photos: PhotoSet,
        hints: HintRecipe,
        augment: AugmentRecipe,
        seed: int,
        order: PhotoOrder | None = None,
        device: torch.device | None = None,
        kind: InputKind = "grey",
    ) -> None:
        """order: of the photos; None: all equally often. device: gets a copy of the photos, and
        makes the batches; None: the processor does, of photos in the file. kind: of what the
        network sees.

        Raises RecipeError when the device's memory is too small.
        """
        self._plan = ViewPlan(augment, hints, seed)
        self._order = order or PhotoOrder.even(len(photos), seed)
        self._photos = PackedPhotos(photos, device) if device else FilePhotos(photos)
        self._ager = Ager(self._photos.device)
        self._kind = kind
        self._rotates = augment.rotation > 0

    def make(self, position: int, batch: int, side: int) -> Batch:
        """The samples number position … position + batch − 1 of the run."""
        return self.render(self.draw(position, batch).on_device(self._photos.device), side)

    def draw(self, position: int, batch: int) -> Views:
        """What these samples show; in the processor's memory."""
        return self._plan.views(self._order.photos(position, batch), position)

    @torch.no_grad()
    def render(self, views: Views, side: int) -> Batch:
        """The samples themselves. views: on the device that holds the photos."""
        if self._rotates:
            wide = self._photos.views(views.photos, views.crops, round(_BEFORE_ROTATION * side))
            rgb = rotate(wide, views.rotation.angle, side) / 255.0
        else:
            rgb = self._photos.views(views.photos, views.crops, side) / 255.0
        lab = rgb_to_lab(rgb, axis=1)
        L, ab = lab[:, :1].contiguous(), lab[:, 1:].contiguous()
        shown_L = L if self._kind == "grey" else draw_lines(L, views.lines, self._kind)
        if len(rows := views.ageing.rows):
            shown_L = L.index_copy(0, rows, self._ager.age(rgb[rows], views.ageing))
        if len(rows := views.bars.rows):
            mask, lightness = bars(views.bars, side)
            shown_L = shown_L.index_copy(0, rows, torch.where(mask, lightness, shown_L[rows]))
            L = L.index_copy(0, rows, torch.where(mask, lightness, L[rows]))
            ab = ab.index_copy(0, rows, torch.where(mask, 0.0, ab[rows]))
        return Batch(torch.cat([shown_L, render(ab, views.hints)], dim=1), L, ab)

    def stream(
        self,
        positions: Iterable[int],
        batch: int,
        side: int,
        *,
        workers: int = 1,
        pin_memory: bool = False,
    ) -> Generator[Batch, None, None]:
        """The batches that begin at these positions.

        Threads make them ahead, as :func:`stream` has it; where another device makes them, threads
        only draw what they show, and it makes each when it is asked for.
        """
        if self._photos.device.type == "cpu":
            make = partial(self.make, batch=batch, side=side)
            yield from stream(make, positions, workers=workers, pin_memory=pin_memory)
            return
        draw = partial(self.draw, batch=batch)
        with closing(stream(draw, positions, pin_memory=pin_memory)) as all_views:
            for views in all_views:
                yield self.render(views.on_device(self._photos.device), side)


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
        return batch.pin_memory() if pin_memory else batch

    futures: deque[Future[_AnyBatch]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        try:
            for position in positions:
                futures.append(pool.submit(make_pinned, position))
                if len(futures) > _PREFETCH + workers:
                    yield futures.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
