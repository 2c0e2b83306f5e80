"""What people see while a film is coloured: on stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from photochrom.cli.console import printable
from photochrom.video.settings import FilmOutcome, FilmProgress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class FilmReporter:
    """Tells about one film, with a progress bar where a person watches; a context manager."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self._target = source, target
        self._bar: tuple[Progress, TaskID] | None = None
        self._worked = False

    def __enter__(self) -> FilmReporter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        if kind is KeyboardInterrupt and self._worked:
            self.say("Finished segments are kept; the same call with --resume goes on.")

    def progress(self, done: FilmProgress) -> None:
        """How far the film is."""
        self._worked = True
        # A command may be started without any stderr.
        if self._bar is None and sys.stderr is not None and sys.stderr.isatty():
            self._bar = _film_bar(done)
        if self._bar is not None:
            bar, task = self._bar
            bar.update(task, completed=done.frames - done.resumed)

    def tell(self, outcome: FilmOutcome) -> None:
        """What became of it."""
        self._stop()
        went_on = f", {outcome.resumed} of them before" if outcome.resumed else ""
        self.say(f"{outcome.model} on {outcome.device}")
        self.say(
            f"{outcome.source} -> {outcome.target} ({outcome.frames} frames{went_on}, "
            f"{outcome.seconds:.1f} s, {outcome.fps:.1f} fps)"
        )
        for note in outcome.notes:
            self.say(f"  note: {note}")

    def fail(self, error: Exception) -> None:
        """Why nothing became of it."""
        self._stop()
        self.say(f"Error: {error}")

    def say(self, text: str) -> None:
        """One line."""
        click.echo(printable(text), err=True)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None


def _film_bar(done: FilmProgress) -> tuple[Progress, TaskID]:
    # rich takes as long to import as everything else of the command line together
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Fps(ProgressColumn):
        """Frames per second."""

        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.1f} fps")

    columns = (BarColumn(bar_width=None), MofNCompleteColumn(), Fps(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    total = None if done.total is None else max(0, done.total - done.resumed)
    task = bar.add_task("", total=total)
    bar.start()
    return bar, task
