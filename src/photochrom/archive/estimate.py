"""How long an archive will take, from a sample of its own pictures that is coloured here."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from photochrom.archive.local import LocalEngine
from photochrom.archive.manifest import Manifest
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import FolderStore, Store
from photochrom.archive.worker import read_input
from photochrom.batch.run import work_in_threads

DEFAULT_SAMPLE: Final = 64
WARM_UP: Final = 4
"""Pictures that are coloured before time is taken: a network's first calls are slower."""


@dataclass(frozen=True)
class Estimate:
    """What a sample says of all that waits."""

    pictures: int
    """That wait."""
    sampled: int
    picture_s: float
    """Seconds of this machine for each picture, several in flight."""
    processor_s: float
    """Seconds of a processor for each picture."""
    verify_s: float
    """Seconds for each original that is read once more."""
    start_s: float
    """Seconds until the network is loaded."""

    @property
    def seconds(self) -> float:
        """For all of them, by one process on this machine."""
        return self.start_s + self.pictures * (self.picture_s + self.verify_s)


def estimate(
    manifest: Manifest,
    source: Store,
    model: str | Path,
    settings: ArchiveSettings,
    sample: int = DEFAULT_SAMPLE,
) -> Estimate:
    """Colour a sample of the pictures that wait, evenly chosen by their sizes in bytes.

    The target is not touched. model: as `local_model` returns it. Raises ModelError, InputError.
    """
    number, tasks = manifest.sample("picture", sample)
    if not tasks:
        return Estimate(number, 0, 0.0, 0.0, 0.0, 0.0)
    began_s = time.perf_counter()
    engine = LocalEngine(model, settings)
    _ = engine.colorer
    start_s = time.perf_counter() - began_s
    with tempfile.TemporaryDirectory() as folder:
        target = FolderStore(Path(folder))
        deque(engine.run(tasks[:WARM_UP], source, target), maxlen=0)
        wall_s, processor_s = time.perf_counter(), time.process_time()
        deque(engine.run(tasks, source, target), maxlen=0)
        wall_s, processor_s = time.perf_counter() - wall_s, time.process_time() - processor_s
    read_s = 0.0
    if settings.verify:
        read_s = time.perf_counter()
        pool = ThreadPoolExecutor(settings.in_flight)
        deque(
            work_in_threads(pool, tasks, lambda task: read_input(task, source), settings.in_flight),
            maxlen=0,
        )
        read_s = time.perf_counter() - read_s
    count = len(tasks)
    return Estimate(number, count, wall_s / count, processor_s / count, read_s / count, start_s)
