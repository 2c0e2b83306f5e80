"""Films of an archive, each split into segments that all workers share, and joined by the driver.

A worker looks a film through for its segments, workers colour them, wherever they are, and the
driver keeps what is finished and joins it. Whoever dies, its segment is coloured again; a run that
ends early has the finished segments beside the manifest, or beside a target on a disk, and the next
one goes on with them, with Ray or without.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from photochrom.archive.films import FilmPlaces, failed_film, film_settings, hash_file
from photochrom.archive.manifest import Result, Task
from photochrom.archive.places import open_store
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Store
from photochrom.archive.worker import worker_name
from photochrom.errors import PhotochromError
from photochrom.locks import file_lock

if TYPE_CHECKING:
    from photochrom.video.segments import Segment
    from photochrom.video.split import FilmPlan, SegmentCollector


_PREFIX, _LOCK = "photochrom-films-", ".lock"


class PlannedFilm(NamedTuple):
    """What a worker says of a whole film."""

    sha256: str | None
    plan: FilmPlan | None
    """None: it need not be coloured, or cannot."""
    error: str = ""


class ColoredSegment(NamedTuple):
    """What a worker says of a segment."""

    worker: str
    segment: Segment | None
    """None: it could not be coloured."""
    data: bytes = b""
    """Its film file."""
    error: str = ""


class FilmWorker:
    """A process that looks films through and colours segments; its errors are in its answers."""

    def __init__(self, source: str, target: str, settings: ArchiveSettings) -> None:
        """source, target: addresses, or folders that mean the same on each machine."""
        self._source, self._target = open_store(source), open_store(target)
        self._settings = settings
        self._stack = contextlib.ExitStack()
        self._folder = self._stack.enter_context(_own_folder())
        self._last: FilmPlaces | None = None
        self._last_key = ""

    def plan(self, values: tuple[Any, ...]) -> PlannedFilm:
        """Where the segments of a film are. values: of its `Task`."""
        task, digest = Task(*values), None
        try:
            chosen = film_settings(self._settings)
            from photochrom.video.split import plan_film

            own = self._original(task)
            digest = hash_file(own)
            if digest == task.sha256:
                return PlannedFilm(digest, None)
            return PlannedFilm(digest, plan_film(own, chosen))
        except (PhotochromError, OSError) as error:
            return PlannedFilm(digest, None, str(error))

    def color(self, values: tuple[Any, ...], plan: FilmPlan, number: int) -> ColoredSegment:
        """One segment of a film. values: of its `Task`."""
        from photochrom.video.split import color_segment

        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                own = self._original(Task(*values))
                segment, path = color_segment(own, plan, number, Path(folder))
                return ColoredSegment(worker_name(), segment, path.read_bytes())
        except (PhotochromError, OSError) as error:
            return ColoredSegment(worker_name(), None, error=str(error))

    def close(self) -> None:
        """Leave nothing behind on this machine."""
        self._stack.close()

    def _original(self, task: Task) -> Path:
        """The film on a disk of this machine; one copy at a time is kept."""
        if self._last is None or self._last_key != task.key:
            if self._last is not None:
                self._last.remove_copy()
            self._last = FilmPlaces(task, self._source, self._target, self._folder)
            self._last_key = task.key
        return self._last.original()


@contextlib.contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder of this process; what killed ones have left on this machine is removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        lock = left / _LOCK
        if lock.is_file():  # else it is being made
            with contextlib.suppress(OSError), file_lock(lock, 0.0) as free:
                if free:
                    shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as folder,
        file_lock(Path(folder) / _LOCK, 0.0),
    ):
        yield Path(folder)


@dataclass
class _Film:
    """A film that is being coloured, as the driver has it."""

    task: Task
    places: FilmPlaces
    start_s: float = field(default_factory=time.perf_counter)
    sha256: str | None = None
    plan: FilmPlan | None = None
    collector: SegmentCollector | None = None
    waiting: deque[int] = field(default_factory=deque)
    """Segments that no worker has yet."""
    workers: set[str] = field(default_factory=set)
    error: str = ""
    is_done: bool = False
    """Whether its result is known; what comes of its segments then is left aside."""

    @property
    def is_complete(self) -> bool:
        return self.collector is not None and not self.collector.missing

    def take_plan(self, planned: PlannedFilm) -> None:
        """Begin to collect the film's segments, unless there is nothing to do."""
        self.sha256, self.plan, self.error = planned.sha256, planned.plan, planned.error
        if planned.plan is None:
            return
        from photochrom.video.split import SegmentCollector

        try:
            own, made = self.places.original(), self.places.result()
            self.collector = SegmentCollector(own, made, planned.plan)
            self.waiting.extend(self.collector.missing)
        except (PhotochromError, OSError) as error:
            self.error = str(error)

    def take_segment(self, done: ColoredSegment) -> None:
        """Keep what a worker has coloured."""
        if self.is_done or self.collector is None:
            return
        self.workers.add(done.worker)
        if done.segment is None:
            self.error = done.error
            return
        try:
            self.collector.keep(done.segment, done.data)
        except PhotochromError as error:
            self.error = str(error)

    def result(self) -> Result | None:
        """What became of it; None: that is not known yet."""
        if self.collector is not None and not self.error and not self.is_complete:
            return None
        self.is_done = True
        self.waiting.clear()
        try:
            return self._failure() if self.error else self._join()
        except (PhotochromError, OSError) as error:
            self.error = str(error)
            return self._failure()
        finally:
            self.close()

    def _failure(self) -> Result:
        seconds = time.perf_counter() - self.start_s
        worker = ", ".join(sorted(self.workers)) or worker_name()
        return failed_film(self.task, self.sha256, self.error, worker, seconds)

    def _join(self) -> Result:
        if self.collector is None or self.plan is None:
            return Result(self.task.key, "coloured", self.sha256, unchanged=True)
        notes = self.collector.join()
        size, hashed = self.places.deliver()
        return Result(
            self.task.key,
            "coloured",
            self.sha256,
            self.task.target,
            size,
            hashed,
            model=self.plan.model,
            worker=", ".join(sorted(self.workers)) or worker_name(),
            seconds=time.perf_counter() - self.start_s,
            notes=notes,
        )

    def close(self) -> None:
        """Let its output go."""
        if self.collector is not None:
            self.collector.close()
            self.collector = None


class SplitFilms:
    """Gives segments to workers that are free, those of the film first that came first, and begins
    with the next film where there is none; so films are split as far as there are workers.
    """

    def __init__(
        self, ray: Any, workers: Sequence[Any], source: Store, target: Store, work: Path
    ) -> None:
        """ray: the module. workers: actors of `FilmWorker`. work: a folder for unfinished films."""
        self._ray, self._free = ray, deque(workers)
        self._source, self._target, self._work = source, target, work
        self._films: list[_Film] = []
        self._running: dict[Any, tuple[_Film, Any]] = {}

    def run(self, tasks: Iterable[Task]) -> Iterator[Result]:
        """What became of films, as they are done. Raises Ray's errors where the cluster ends."""
        waiting = iter(tasks)
        try:
            while True:
                while self._free and self._give_work(waiting):
                    pass
                if not self._running:
                    return
                (answered, *_), _ = self._ray.wait(list(self._running))
                film, worker = self._running.pop(answered)
                self._free.append(worker)
                answer = self._ray.get(answered)
                if isinstance(answer, PlannedFilm):
                    film.take_plan(answer)
                else:
                    film.take_segment(answer)
                self._give_work(waiting)  # while the driver joins
                if not film.is_done and (result := film.result()) is not None:
                    self._films.remove(film)
                    yield result
        finally:
            for film in self._films:
                film.close()

    def _give_work(self, waiting: Iterator[Task]) -> bool:
        """Give one free worker something to do; False where there is nothing."""
        for film in self._films:
            if film.waiting:
                worker = self._free.popleft()
                call = worker.color.remote(tuple(film.task), film.plan, film.waiting.popleft())
                self._running[call] = film, worker
                return True
        task = next(waiting, None)
        if task is None:
            return False
        film = _Film(task, FilmPlaces(task, self._source, self._target, self._work))
        self._films.append(film)
        worker = self._free.popleft()
        self._running[worker.plan.remote(tuple(task))] = film, worker
        return True
