"""How long an archive will take, from a sample of its own pictures that is coloured here, by the
workers that will colour all of them.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from photochrom.archive.local import LocalEngine
from photochrom.archive.manifest import Manifest, Task
from photochrom.archive.run import Engine
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import FolderStore, Store
from photochrom.archive.worker import read_input
from photochrom.batch.run import work_in_threads

DEFAULT_SAMPLE: Final = 128
WARM_UP: Final = 4
"""Pictures that are coloured before time is taken: a network's first calls are slower."""
_PARTS = 8
"""Of the sample, each of all sizes and endings; how far they differ tells how sure the sum is."""
_SURE = 2.0
"""Standard errors to each side: 95 of 100 sums are within, where nothing else changes."""


@dataclass(frozen=True)
class Estimate:
    """What a sample says of all that waits."""

    pictures: int
    """That wait."""
    sampled: int
    picture_s: float
    """Seconds for each picture, by all workers together."""
    processor_s: float
    """Seconds of a processor for each picture; of workers of Ray, seconds of a worker."""
    verify_s: float
    """Seconds for each original that is read once more."""
    start_s: float
    """Seconds until all workers have their networks."""
    error: float
    """How far off `picture_s` may be by the choice of the sample and by what else the machine did:
    a share of it, of 95 of 100 cases."""

    @property
    def seconds(self) -> float:
        """For all of them."""
        return self.start_s + self.pictures * (self.picture_s + self.verify_s)


def estimate(
    manifest: Manifest,
    source: Store,
    engine: Engine,
    settings: ArchiveSettings,
    sample: int = DEFAULT_SAMPLE,
) -> Estimate:
    """Colour a sample of the pictures that wait, of all endings and sizes, in mixed order.

    engine: of processes of this machine, as many as will colour all of them. The target is not
    touched. Raises what the engine raises.
    """
    number, tasks = manifest.sample("picture", sample)
    if not tasks:
        return Estimate(number, 0, 0.0, 0.0, 0.0, 0.0, 0.0)
    random.Random(number).shuffle(tasks)
    with tempfile.TemporaryDirectory() as folder:
        target = FolderStore(Path(folder))
        if isinstance(engine, LocalEngine):
            measured = _in_this_process(engine, tasks, source, target)
        else:
            measured = _by_workers(engine, tasks, source, target)
    verify_s = _reading_s(tasks, source, settings) if settings.verify else 0.0
    picture_s = float(np.mean(measured.pictures_s))
    return Estimate(
        number,
        len(tasks),
        picture_s,
        measured.processor_s,
        verify_s,
        measured.start_s,
        _relative_error(measured.pictures_s),
    )


class _SampleTimes(NamedTuple):
    start_s: float
    pictures_s: list[float]
    """Seconds of all workers together, for each picture."""
    processor_s: float


def _in_this_process(
    engine: LocalEngine, tasks: Sequence[Task], source: Store, target: Store
) -> _SampleTimes:
    began_s = time.perf_counter()
    _ = engine.colorer
    start_s = time.perf_counter() - began_s
    deque(engine.run(tasks[:WARM_UP], source, target), maxlen=0)
    processor_s, times_s = time.process_time(), [time.perf_counter()]
    times_s += [time.perf_counter() for _ in engine.run(tasks, source, target)]
    processor_s = (time.process_time() - processor_s) / len(tasks)
    return _SampleTimes(start_s, np.diff(times_s).tolist(), processor_s)


def _by_workers(
    engine: Engine, tasks: Sequence[Task], source: Store, target: Store
) -> _SampleTimes:
    began_s = time.perf_counter()
    workers_s = [result.seconds for result in engine.run(tasks, source, target)]
    wall_s = time.perf_counter() - began_s
    pictures_s = [seconds / engine.workers for seconds in workers_s]
    start_s = max(0.0, wall_s - sum(pictures_s))
    return _SampleTimes(start_s, pictures_s, sum(workers_s) / len(workers_s))


def _reading_s(tasks: Sequence[Task], source: Store, settings: ArchiveSettings) -> float:
    """Seconds for each original, by as many threads as verify them."""
    began_s = time.perf_counter()
    pool = ThreadPoolExecutor(settings.in_flight)
    results = work_in_threads(
        pool, tasks, lambda task: read_input(task, source), settings.in_flight
    )
    deque(results, maxlen=0)
    return (time.perf_counter() - began_s) / len(tasks)


def _relative_error(pictures_s: Sequence[float]) -> float:
    """Of a mean, by how far the means of `_PARTS` parts differ, each of which was measured at a
    time of its own; 0 where there are too few to tell.
    """
    if len(pictures_s) < 2 * _PARTS:
        return 0.0
    means = [float(np.mean(part)) for part in np.array_split(np.asarray(pictures_s), _PARTS)]
    return _SURE * float(np.std(means, ddof=1)) / math.sqrt(_PARTS) / float(np.mean(pictures_s))
