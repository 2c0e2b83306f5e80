"""How many views a second do photographs give here, and how many does the network take?

    python benchmarks/data_path.py RECIPE PHOTOS [PHOTOS ...] [--stage N] [--seconds S]
                                   [--threads N] [--set KEY=VALUE]

For one stage of a recipe, with its crop and batch, on the GPU if there is one:

    drawing      what each view shows, drawn on the processor (both stores need it)
    store file   batches made by the processor's threads, ahead of time, and copied to the device
    store device batches made by the device, of photos in its memory
    network      steps on one batch that is there: all losses, gradients, the optimizers
    training     steps on batches as they come, from each store

What is slowest sets the pace of training; where "training" is near "network", the data path costs
nothing. The photographs are decoded into a temporary folder, unless data.cache names another.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from photochrom.training.data.loader import Batch, BatchMaker
from photochrom.training.data.photo_cache import PhotoSet, load_photos, split
from photochrom.training.data.run_data import divide_threads
from photochrom.training.distributed import Ranks
from photochrom.training.models import Models, autocast_dtype
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import load_recipe, with_sources
from photochrom.training.step import StageStep

WARM_UP = 3


def main() -> None:
    """Measure and print a table."""
    arguments = parse()
    recipe = load_recipe(
        recipe_path(arguments.recipe), with_sources(arguments.set, arguments.photos)
    )
    stage, ranks = recipe.stages[arguments.stage], Ranks()
    workers = divide_threads(arguments.threads, ranks.device)
    with TemporaryDirectory() as folder:
        photos, _ = split(load_photos(recipe.data, Path(folder), print_note), recipe.data)
        rates = Rates(recipe, stage, photos, ranks, workers, arguments.seconds)
        precision = "bf16" if autocast_dtype(recipe.precision, ranks.device) else "fp32"
        print_note(
            f"stage {stage.name}: crop {stage.crop} px, batch {stage.batch} × {stage.accumulate}, "
            f"{precision}; {len(photos)} photos, {photos.pixels.nbytes / 1e9:.2f} GB; "
            f"{device_name(ranks.device)}, {workers} threads"
        )
        for name, measure in rates.rows().items():
            sys.stdout.write(f"{name:24s} {measure():10.1f} views/s\n")
            sys.stdout.flush()


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("recipe", help="name or file")
    parser.add_argument("photos", nargs="+", help="folders or archives of photographs")
    parser.add_argument("--stage", type=int, default=0, help="number of the stage, from 0")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each figure")
    parser.add_argument("--threads", type=int, help="of the processor; all unless given")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


class Rates:
    """Views a second of each part of training, and of all together."""

    def __init__(
        self,
        recipe: Recipe,
        stage: Stage,
        photos: PhotoSet,
        ranks: Ranks,
        workers: int,
        seconds: float,
    ) -> None:
        self._stage, self._device = stage, ranks.device
        self._workers, self._seconds = workers, seconds
        models = Models.from_recipe(recipe, ranks)
        makers = (
            BatchMaker(photos, recipe.hints, recipe.augment, recipe.seed, device=device)
            for device in (None, ranks.device)
        )
        self._file, self._memory = makers
        models.settle(iter([self._file.make(0, stage.batch, stage.crop).inputs]))
        self._step = StageStep(recipe, stage, models, photos, ranks)

    def rows(self) -> dict[str, Callable[[], float]]:
        """What measures each row of the table."""
        return {
            "drawing": self._drawing,
            "store file": lambda: self._batches(self._file),
            "store device": lambda: self._batches(self._memory),
            "network": self._network,
            "training, store file": lambda: self._training(self._file),
            "training, store device": lambda: self._training(self._memory),
        }

    def _drawing(self) -> float:
        positions = count(0, self._stage.batch)
        return self._rate(lambda: self._memory.draw(next(positions), self._stage.batch), 1)

    def _batches(self, maker: BatchMaker) -> float:
        with closing(self._stream(maker)) as batches:
            # On its way to the device, as a step begins.
            return self._rate(lambda: [t.to(self._device) for t in next(batches)], 1)

    def _network(self) -> float:
        batch = self._memory.make(0, self._stage.batch, self._stage.crop)
        same = [Batch(*(t.to(self._device) for t in batch))] * self._stage.accumulate
        return self._steps(lambda: same)

    def _training(self, maker: BatchMaker) -> float:
        with closing(self._stream(maker)) as batches:
            return self._steps(lambda: list(islice(batches, self._stage.accumulate)))

    def _stream(self, maker: BatchMaker) -> Generator[Batch, None, None]:
        return maker.stream(
            count(0, self._stage.batch), self._stage.batch, self._stage.crop,
            workers=self._workers, pin_memory=self._device.type == "cuda",
        )  # fmt: skip

    def _steps(self, take: Callable[[], list[Batch]]) -> float:
        numbers = count()
        # From the middle of the stage: all that it has learns.
        return self._rate(lambda: self._step(take(), 0.5, next(numbers)), self._stage.accumulate)

    def _rate(self, action: Callable[[], object], batches: int) -> float:
        """Views a second of an action that is one of so many batches."""
        for _ in range(WARM_UP):
            action()
        self._wait()
        start, repeats = time.monotonic(), 0
        while time.monotonic() - start < self._seconds:
            action()
            repeats += 1
        self._wait()
        return repeats * batches * self._stage.batch / (time.monotonic() - start)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def device_name(device: torch.device) -> str:
    """What the device is."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"processor, {torch.get_num_threads()} threads of torch"


def print_note(text: str) -> None:
    """A line beside the table."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
