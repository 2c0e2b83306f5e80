"""Colouring by Ray Data: actors with a network each, on one machine or on a cluster.

What goes between processes are names and results' rows: an actor reads originals ahead and writes
results behind itself, in threads, so that no picture is copied from process to process. Ray Data
gives an actor no more blocks of names than it has room for, and starts another for one that dies;
its block is then coloured again, to the same results in the same places. What the driver hears of
goes into the manifest, in the driver alone.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from photochrom.archive.manifest import Result, Task
from photochrom.archive.places import open_store
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.split_films import FilmWorker, SplitFilms
from photochrom.archive.stores import Store
from photochrom.archive.worker import Colorer, color_block
from photochrom.errors import InputError, OutputError, requires_extra

WAVE: Final = 20_000
"""Inputs that are handed to Ray at a time, at least: what the driver holds in memory."""
_WAVE_PER_ACTOR: Final = 500
_BLOCK_INPUTS, _BLOCK_BYTES = 32, 64_000_000
"""Of a unit of work, at most: what is done again where an actor dies."""
_BLOCKS_PER_ACTOR = 8
"""At least, where there are inputs enough, so that all end at about the same time."""
_BLOCKS_AHEAD = 2
"""Blocks that an actor has at a time, so that it never waits for the driver."""
_TRIES = 10
"""How often a worker of films that dies is started again."""
Batch = dict[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class ClusterOptions:
    """Where the work is done. Raises InputError for numbers that make no sense."""

    address: str | None = None
    """Of a running cluster, as `ray.init` takes it ("auto", "ray://host:10001"); None: processes
    of this machine alone, which end with the run."""
    actors: int | None = None
    """Colouring processes; None: one for each GPU, or else for each processor."""
    gpus: float = 0.0
    """GPUs for all actors together; each gets its share."""
    cpus: int | None = None
    """Processors of a cluster of this machine alone; None: all."""
    store_bytes: int | None = None
    """Of shared memory for pictures on their way, on this machine alone; None: as Ray has it."""

    def __post_init__(self) -> None:
        if self.gpus < 0 or (self.actors is not None and self.actors < 1):
            raise InputError(
                f"{self.actors} actors with {self.gpus:g} GPUs cannot colour; give at least 1 "
                "actor, and 0 or more GPUs"
            )


class ClusterEngine:
    """Colours pictures by Ray."""

    def __init__(
        self, model: str | Path, settings: ArchiveSettings, options: ClusterOptions
    ) -> None:
        """model: a name, path or address that means the same on each machine.

        Raises MissingDependencyError without Ray, OutputError where no cluster can be reached.
        """
        with requires_extra("archive", "a run by --actors, --gpus or --address"):
            import ray
            import ray.data
        self._ray, self._model, self._settings = ray, model, settings
        self._options = options
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            if options.address is not None:
                ray.init(address=options.address, logging_level=logging.ERROR)
            else:
                ray.init(
                    num_cpus=options.cpus,
                    object_store_memory=options.store_bytes,
                    include_dashboard=False,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                )
        except Exception as error:  # Ray says by a bare one that its start took too long
            raise OutputError(
                f"no cluster can be reached at {options.address or 'this machine'}: {error}"
            ) from error
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.verbose_stats_logs = False
        self.workers = options.actors or self._default_actors()
        """Colouring processes."""

    def _default_actors(self) -> int:
        resources = self._ray.cluster_resources()
        return max(1, int(self._options.gpus or resources.get("CPU", 1)))

    def _actor_cpus(self) -> float:
        """Of an actor: a processor, or less on a machine that has fewer than actors."""
        if self._options.address is not None:
            return 1.0
        own = float(self._ray.cluster_resources().get("CPU", 1.0))
        return min(1.0, math.floor(1000 * own / self.workers) / 1000)

    def run(self, tasks: Iterable[Task], source: Store, target: Store) -> Iterator[Result]:
        """What became of pictures, as they are done. Raises OutputError where the cluster ends."""
        waiting = iter(tasks)
        size = max(WAVE, _WAVE_PER_ACTOR * self.workers)
        while wave := list(islice(waiting, size)):
            yield from self._wave(wave, source.name, target.name)

    def _wave(self, tasks: Sequence[Task], source: str, target: str) -> Iterator[Result]:
        ray = self._ray
        blocks = max(
            len(tasks) / _BLOCK_INPUTS,
            sum(task.size for task in tasks) / _BLOCK_BYTES,
            min(len(tasks), _BLOCKS_PER_ACTOR * self.workers),
        )
        dataset = ray.data.from_items(
            [{"task": json.dumps(task)} for task in tasks],
            override_num_blocks=max(1, round(blocks)),
        ).map_batches(
            _Painter,
            batch_size=None,
            zero_copy_batch=True,
            fn_constructor_args=(str(self._model), self._settings, source, target),
            compute=ray.data.ActorPoolStrategy(
                size=self.workers, max_tasks_in_flight_per_actor=_BLOCKS_AHEAD
            ),
            num_cpus=self._actor_cpus(),
            **self._gpu_share(),
        )
        try:
            for row in dataset.iter_rows():
                yield _result(row["result"])
        except ray.exceptions.RayError as error:
            raise _end_error(error) from error

    def run_films(
        self, tasks: Iterable[Task], source: Store, target: Store, work: Path
    ) -> Iterator[Result]:
        """What became of films, whose segments all workers share (`SplitFilms`). work: a folder of
        the driver's machine for unfinished ones.

        Raises OutputError where the cluster ends.
        """
        waiting = iter(tasks)
        first = next(waiting, None)
        if first is None:
            return
        ray = self._ray
        kind = ray.remote(FilmWorker).options(
            num_cpus=self._actor_cpus(),
            max_restarts=_TRIES,
            max_task_retries=_TRIES,
            **self._gpu_share(),
        )
        workers = [
            kind.remote(source.name, target.name, self._settings) for _ in range(self.workers)
        ]
        films = SplitFilms(ray, workers, source, target, work)
        try:
            yield from films.run(chain([first], waiting))
            ray.get([worker.close.remote() for worker in workers])
        except ray.exceptions.RayError as error:
            raise _end_error(error) from error

    def _gpu_share(self) -> dict[str, float]:
        """An actor's share of the GPUs."""
        gpus = self._options.gpus
        return {"num_gpus": gpus / self.workers} if gpus else {}

    def close(self) -> None:
        """Leave the cluster; one of this machine alone ends."""
        self._ray.shutdown()


@lru_cache(maxsize=4)
def _store(place: str) -> Store:
    """A place, opened once in each process."""
    return open_store(place)


class _Painter:
    """A process with a network, which colours blocks of pictures."""

    def __init__(
        self, model: str | Path, settings: ArchiveSettings, source: str, target: str
    ) -> None:
        options = dataclasses.replace(settings.options, threads=settings.options.threads or 1)
        self._colorer = Colorer(
            model, options, settings.provenance, find_damage=settings.find_damage
        )
        self._source, self._target = _store(source), _store(target)

    def __call__(self, batch: Batch) -> Batch:
        tasks = [_task(str(text)) for text in batch["task"]]
        done = color_block(tasks, self._source, self._colorer, self._target)
        return {"result": np.array([json.dumps(dataclasses.asdict(one)) for one in done])}


def _end_error(error: Exception) -> OutputError:
    return OutputError(
        f"the cluster has ended the run: {type(error).__name__}; the same call goes on with what "
        "is not done"
    )


def _task(text: str) -> Task:
    return Task(*json.loads(text))


def _result(text: str) -> Result:
    values = json.loads(text)
    return Result(**{**values, "notes": tuple(values["notes"])})
