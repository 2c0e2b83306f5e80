"""Colouring in this process, without Ray: several pictures in flight, as `photochrom image`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from photochrom.archive.films import color_one_film
from photochrom.archive.manifest import Result, Task
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Store
from photochrom.archive.worker import Colorer, picture_work
from photochrom.batch.run import work_in_threads


class LocalEngine:
    """Colours pictures in threads of this process."""

    def __init__(self, model: str | Path, settings: ArchiveSettings) -> None:
        """model: as `local_model` returns it. The network is loaded with the first pictures."""
        self._model, self._settings = model, settings
        self._colorer: Colorer | None = None

    @property
    def workers(self) -> int:
        """Threads, each with a picture."""
        return self._settings.in_flight

    @property
    def colorer(self) -> Colorer:
        """What colours; loaded when it is asked for first. Raises ModelError, InputError."""
        if self._colorer is None:
            settings = self._settings
            self._colorer = Colorer(
                self._model,
                settings.options,
                settings.provenance,
                find_damage=settings.find_damage,
                callers=settings.in_flight,
            )
        return self._colorer

    def run(self, tasks: Iterable[Task], source: Store, target: Store) -> Iterator[Result]:
        """What became of pictures, as they are done. Raises ModelError, InputError."""
        work = picture_work(source, self.colorer, target)
        pool = ThreadPoolExecutor(self._settings.in_flight)
        yield from work_in_threads(pool, tasks, work, self._settings.in_flight)

    def run_films(
        self, tasks: Iterable[Task], source: Store, target: Store, work: Path
    ) -> Iterator[Result]:
        """What became of films, one after the other. work: a folder for unfinished ones."""
        for task in tasks:
            yield color_one_film(task, source, target, self._settings, work)

    def close(self) -> None:
        """Nothing is left behind."""
