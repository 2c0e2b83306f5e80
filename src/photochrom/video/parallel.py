"""Several films at once, each as if it were alone; Ctrl-C ends all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeAlias

from photochrom.errors import PhotochromError
from photochrom.video.options import FilmOutcome, FilmProgress, FilmSettings, Progress

Work: TypeAlias = Callable[[Path, Path, FilmSettings, "Progress | None"], FilmOutcome]
"""Source, target, settings, and what is called after each frame: `film.color_film`, for one."""

_PATIENCE_S = 0.2


class _StopRequestedError(KeyboardInterrupt):
    """Ctrl-C, in the threads of the other films; their finished segments are kept."""


def color_films(
    films: Sequence[tuple[Path, Path]],
    settings: FilmSettings,
    work: Work,
    progress: Sequence[Progress],
    jobs: int = 1,
) -> Iterator[tuple[int, FilmOutcome | PhotochromError]]:
    """Colour films, up to `jobs` of them at once, and tell of each when it is done.

    films: sources and targets. progress: for each film; called in the film's own thread.
    Yields the film's place and its outcome, or why there is none. KeyboardInterrupt goes on to the
    caller when all films have stopped.
    """
    if jobs == 1 or len(films) < 2:
        for number, (source, target) in enumerate(films):
            yield number, _attempt(work, source, target, settings, progress[number])
        return
    stop = threading.Event()

    def stoppable(number: int) -> Progress:
        def report(done: FilmProgress) -> None:
            if stop.is_set():
                raise _StopRequestedError
            progress[number](done)

        return report

    pool = ThreadPoolExecutor(jobs, thread_name_prefix="photochrom-film")
    try:
        running = {
            pool.submit(_attempt, work, source, target, settings, stoppable(number)): number
            for number, (source, target) in enumerate(films)
        }
        while running:
            # A short wait, so that Ctrl-C is seen on Windows, too.
            for future in wait(running, _PATIENCE_S, FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _attempt(
    work: Work, source: Path, target: Path, settings: FilmSettings, progress: Progress
) -> FilmOutcome | PhotochromError:
    try:
        return work(source, target, settings, progress)
    except PhotochromError as error:
        return error
