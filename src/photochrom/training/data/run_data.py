"""The photos of a run, where they lie, and the batches that each of its processes learns from."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from photochrom.nets.contract import ColorNet
from photochrom.processors import thread_count
from photochrom.training.checkpoint import Position
from photochrom.training.data.held_out import earlier_held_out, without_held_out, write_held_out
from photochrom.training.data.loader import AnyBatch, Batch, BatchMaker, MixedBatch
from photochrom.training.data.photo_cache import PhotoSet, load_photos, split
from photochrom.training.data.photo_order import PhotoSets
from photochrom.training.data.saved_samples import SavedPictures
from photochrom.training.data.sources import Report
from photochrom.training.distributed import Ranks
from photochrom.training.recipe.recipe import DataRecipe, HintRecipe, Recipe
from photochrom.training.recipe.stage import Stage

_MAX_WORKERS = 8
_NO_HINTS = HintRecipe(points=0.0, full=0.0, field=0.0)
_SAMPLE, _SAMPLES = 64, 12
"""Pictures of a batch and batches by which batch norms are set."""


class RunData:
    """photos: those to learn from. validation_photos: those held out, to validate with."""

    def __init__(
        self, recipe: Recipe, run: Path, ranks: Ranks, threads: int | None, report: Report
    ) -> None:
        """Decodes the photos unless that is done. threads: of the processor; None: all.

        Raises InputError for missing or too few photos, OutputError when they cannot be cached,
        RecipeError when the device's memory is too small for them.
        """
        self._run, self._ranks, self._report = run, ranks, report
        self._workers = divide_threads(threads, ranks.device)
        if not ranks.is_first:
            ranks.barrier()  # the first one makes the cache, the others find it made
        photos = load_photos(recipe.data, run, report)
        grey_recipe = _grey_recipe(recipe.data)
        grey_photos = load_photos(grey_recipe, run, report) if grey_recipe else None
        if ranks.is_first:
            ranks.barrier()
        self.photos: PhotoSet
        self.validation_photos: PhotoSet
        self.photos, self.validation_photos = split(photos, recipe.data, earlier_held_out(run))
        if ranks.is_first:
            write_held_out(run, self.validation_photos, report)
        self._sets = PhotoSets(self.photos, recipe.data)
        self._order = self._sets.order(recipe.seed)
        self._batch_maker = partial(
            BatchMaker, self.photos, recipe.hints, recipe.augment, recipe.seed, self._order,
            kind=recipe.data.input,
        )  # fmt: skip
        self._maker = self._batch_maker(photo_store(recipe.data, self.photos, ranks.device, report))
        self._grey_maker: BatchMaker | None = None
        if grey_photos is not None:
            grey_photos = without_held_out(grey_photos, self.validation_photos)
            report(f"{len(grey_photos)} photos are learned from in grey alone")
            self._grey_maker = BatchMaker(
                grey_photos, _NO_HINTS, recipe.augment, recipe.seed,
                device=photo_store(recipe.data, grey_photos, ranks.device, report),
                kind=recipe.data.input,
            )  # fmt: skip

    def views_by_set(self, images: int) -> dict[str, tuple[int, int]]:
        """Of a run's first ``images`` views, how many show each set, and the number of its photos.

        Empty where all photos are of one set.
        """
        if len(self._sets.names) == 1:
            return {}
        views = np.zeros(len(self._sets.names), dtype=np.int64)
        for first in range(0, images, len(self.photos)):
            count = min(len(self.photos), images - first)
            views += self._sets.count(self._order.photos(first, count))
        columns = zip(self._sets.names, views.tolist(), self._sets.sizes.tolist(), strict=True)
        return {name: (seen, size) for name, seen, size in columns}

    def sample(self, crop: int) -> Iterator[Tensor]:
        """Inputs of the run's first pictures, the same in all processes: (N, 4, crop, crop)."""
        for first_sample in range(0, _SAMPLES * _SAMPLE, _SAMPLE):
            yield self._maker.make(first_sample, _SAMPLE, crop).inputs

    def stream(
        self, stage: Stage, position: Position, net: ColorNet
    ) -> Generator[AnyBatch, None, None]:
        """The batches of this process, from a position in the stage on.

        net: colours the pictures that a stage wants saved beforehand.
        """
        first_sample = position.images + self._ranks.rank * stage.batch
        period = stage.batch * self._ranks.world_size
        pin_memory = self._ranks.device.type == "cuda"
        if not stage.saved_pictures:
            makers = [self._maker]
            if self._grey_maker is not None and stage.adversarial:
                makers.append(self._grey_maker)
            streams = [
                maker.stream(
                    count(first_sample, period), stage.batch, stage.crop,
                    workers=self._workers, pin_memory=pin_memory,
                )
                for maker in makers
            ]  # fmt: skip
            return streams[0] if len(streams) == 1 else _mix(*streams)
        pictures = self._saved_pictures(stage, position, net)
        return pictures.stream(first_sample, period, workers=self._workers, pin_memory=pin_memory)

    def _saved_pictures(self, stage: Stage, position: Position, net: ColorNet) -> SavedPictures:
        folder = self._run / "saved" / stage.name
        first = position.images - position.stage_images
        # Saved as files and read again: made by the processor, wherever the photos lie.
        pictures = SavedPictures(folder, self._batch_maker(), stage, first)
        if self._ranks.is_first:
            made_count = pictures.make(
                net, self._ranks.device, overwrite=position.stage_images == 0
            )
            self._report(f"{made_count} pictures coloured for the critic, in {folder}")
        self._ranks.barrier()
        return pictures


def _grey_recipe(recipe: DataRecipe) -> DataRecipe | None:
    """How the pictures of data.grey are read; None where there are none."""
    if not recipe.grey:
        return None
    return replace(
        recipe, sources=(recipe.grey,), limit=recipe.grey_limit, kind="auto", grey_below=0.0
    )


def _mix(
    batches: Generator[Batch, None, None], grey_batches: Generator[Batch, None, None]
) -> Generator[MixedBatch, None, None]:
    """Batches with grey pictures beside them; their hints and colours are dropped."""
    with closing(batches), closing(grey_batches):
        for batch, grey in zip(batches, grey_batches, strict=True):
            yield MixedBatch(*batch, grey.inputs, grey.L)


def photo_store(
    recipe: DataRecipe, photos: PhotoSet, device: torch.device, report: Report
) -> torch.device | None:
    """The device that is to hold the photos and make the batches; None: the file and the processor.

    report: called with what the recipe's ``store = "auto"`` came to on a GPU.
    """
    if recipe.store != "auto":
        return device if recipe.store == "device" else None
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    need_gb, may_gb = photos.pixels.nbytes / 1e9, recipe.device_share * free / 1e9
    if need_gb <= may_gb:
        report(f"{need_gb:.1f} GB of photos go into the GPU's memory, which makes the batches")
        return device
    report(
        f"the photos stay in their file and the processor makes the batches: they are "
        f"{need_gb:.1f} GB, and data.device_share = {recipe.device_share:g} of the GPU's free "
        f"memory is {may_gb:.1f} GB"
    )
    return None


def divide_threads(threads: int | None, device: torch.device) -> int:
    """Divide the processor's threads between torch and the making of batches; returns the latter.

    A GPU leaves the processor to the batches; without one the network needs it.
    """
    if device.type == "cuda":
        torch.set_num_threads(1)
        return min(threads, _MAX_WORKERS) if threads else thread_count(_MAX_WORKERS)
    if threads:
        torch.set_num_threads(threads)
    return 1
