"""Colouring by Ray Data: readers, colouring actors with a network each, writers, on one machine or
on a cluster.

Ray Data lets each step take no more than the next one has room for. A reader or writer that dies is
started again, an actor too; its pictures are then coloured again, to the same results in the same
places. What the driver hears of goes into the manifest, in the driver alone.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from photochrom.archive.films import color_one_film
from photochrom.archive.manifest import Result, Task
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Store, open_store
from photochrom.archive.worker import (
    Colorer,
    InputContent,
    ResultContent,
    read_input,
    write_result,
)
from photochrom.errors import InputError, OutputError, requires_extra

WAVE: Final = 20_000
"""Inputs that are handed to Ray at a time, at least: what the driver holds in memory."""
_WAVE_PER_ACTOR: Final = 500
_BLOCK_INPUTS, _BLOCK_BYTES = 64, 64_000_000
"""Of a unit of work, at most."""
_READER_CPUS, _WRITER_CPUS = 0.1, 0.1
"""They wait for disks and networks most of the time."""
_ACTOR_CPUS = 0.8
"""So that readers and writers have room beside an actor for each processor."""
Row = dict[str, Any]


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
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise OutputError(
                f"no cluster can be reached at {options.address or 'this machine'}: {error}"
            ) from error
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.verbose_stats_logs = False
        self._actors = options.actors or self._default_actors()

    def _default_actors(self) -> int:
        resources = self._ray.cluster_resources()
        return max(1, int(self._options.gpus or resources.get("CPU", 1)))

    def run(self, tasks: Iterable[Task], source: Store, target: Store) -> Iterator[Result]:
        """What became of pictures, as they are done. Raises OutputError where the cluster ends."""
        waiting = iter(tasks)
        size = max(WAVE, _WAVE_PER_ACTOR * self._actors)
        while wave := list(islice(waiting, size)):
            yield from self._wave(wave, source.name, target.name)

    def _wave(self, tasks: Sequence[Task], source: str, target: str) -> Iterator[Result]:
        ray = self._ray
        blocks = max(
            len(tasks) / _BLOCK_INPUTS,
            sum(task.size for task in tasks) / _BLOCK_BYTES,
            min(len(tasks), 2 * self._actors),
        )
        options = self._options
        accelerated = {"num_gpus": options.gpus / self._actors} if options.gpus else {}
        rows = [{"task": json.dumps(task)} for task in tasks]
        actors, tasks_at_once = self._actors, max(2, self._actors)
        dataset = (
            ray.data.from_items(rows, override_num_blocks=max(1, round(blocks)))
            .map(
                partial(_read, place=source),
                compute=ray.data.TaskPoolStrategy(size=tasks_at_once),
                num_cpus=_READER_CPUS,
            )
            .map(
                _Painter,
                fn_constructor_args=(str(self._model), self._settings),
                compute=ray.data.ActorPoolStrategy(size=actors),
                num_cpus=_ACTOR_CPUS,
                **accelerated,
            )
            .map(
                partial(_write, place=target),
                compute=ray.data.TaskPoolStrategy(size=tasks_at_once),
                num_cpus=_WRITER_CPUS,
            )
        )
        try:
            for row in dataset.iter_rows():
                yield _result(row["result"])
        except ray.exceptions.RayError as error:
            raise _end_error(error) from error

    def run_films(
        self, tasks: Iterable[Task], source: Store, target: Store, work: Path
    ) -> Iterator[Result]:
        """What became of films, each of which one worker colours. work: for unfinished ones, in the
        same place of each machine.

        Raises OutputError where the cluster ends.
        """
        ray = self._ray
        color = ray.remote(_color_film).options(num_cpus=1)
        running: set[Any] = set()
        waiting = iter(tasks)
        try:
            while True:
                for task in islice(waiting, self._actors - len(running)):
                    facts = json.dumps(task), source.name, target.name, self._settings, str(work)
                    running.add(color.remote(*facts))
                if not running:
                    return
                done, left = ray.wait(list(running))
                running = set(left)
                for text in ray.get(done):
                    yield _result(text)
        except ray.exceptions.RayError as error:
            raise _end_error(error) from error

    def close(self) -> None:
        """Leave the cluster; one of this machine alone ends."""
        self._ray.shutdown()


@lru_cache(maxsize=4)
def _store(place: str) -> Store:
    """A place, opened once in each process."""
    return open_store(place)


def _read(row: Row, place: str) -> Row:
    """Step 1, in processes that wait for the source."""
    content = read_input(_task(row["task"]), _store(place))
    return {"task": row["task"], "data": content.data, "facts": _facts(content)}


class _Painter:
    """Step 2, in processes with a network."""

    def __init__(self, model: str | Path, settings: ArchiveSettings) -> None:
        options = dataclasses.replace(settings.options, threads=settings.options.threads or 1)
        self._colorer = Colorer(
            model, options, settings.provenance, find_damage=settings.find_damage
        )

    def __call__(self, row: Row) -> Row:
        facts = json.loads(row["facts"])
        done = self._colorer(InputContent(_task(row["task"]), row["data"], **facts))
        return {
            "result": json.dumps(dataclasses.asdict(done.result)),
            "data": done.data,
            "sidecar": done.sidecar,
            "file_mode": -1 if done.file_mode is None else done.file_mode,
        }


def _write(row: Row, place: str) -> Row:
    """Step 3, in processes that wait for the target."""
    mode = None if row["file_mode"] < 0 else int(row["file_mode"])
    content = ResultContent(_result(row["result"]), row["data"], row["sidecar"], mode)
    return {"result": json.dumps(dataclasses.asdict(write_result(content, _store(place))))}


def _color_film(task: str, source: str, target: str, settings: ArchiveSettings, work: str) -> str:
    """One film, in a process of its own."""
    result = color_one_film(_task(task), _store(source), _store(target), settings, Path(work))
    return json.dumps(dataclasses.asdict(result))


def _end_error(error: Exception) -> OutputError:
    return OutputError(
        f"the cluster has ended the run: {type(error).__name__}; the same call goes on with what "
        "is not done"
    )


def _task(text: str) -> Task:
    return Task(*json.loads(text))


def _facts(content: InputContent) -> str:
    facts = content._asdict()
    return json.dumps({name: facts[name] for name in facts if name not in ("task", "data")})


def _result(text: str) -> Result:
    values = json.loads(text)
    return Result(**{**values, "notes": tuple(values["notes"])})
