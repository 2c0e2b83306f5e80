"""What people see while a film is coloured: on stderr."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from photochrom.cli.progress import escape_unprintable
from photochrom.video.options import FilmOutcome, FilmProgress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class FilmBars:
    """The progress bars of all films that are being coloured; a context manager."""

    def __init__(self, *, resumable: bool) -> None:
        """resumable: whether what was interrupted can go on where it was."""
        self._resumable = resumable
        self._bars: Progress | None = None
        self._lock = threading.Lock()
        self._worked = False

    def __enter__(self) -> FilmBars:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if interrupted and self._worked and self._resumable:
            self.say("Finished segments are kept; the same call with --resume goes on.")

    def show(self, name: str, task: TaskID | None, done: FilmProgress) -> TaskID | None:
        """Show how far a film is. Returns its bar, for the next time; None where nobody watches."""
        with self._lock:  # films that are coloured at once tell from threads of their own
            self._worked = True
            # A command may be started without any stderr.
            if self._bars is None and sys.stderr is not None and sys.stderr.isatty():
                self._bars = _film_bars()
            if self._bars is None:
                return None
            if task is None:
                total = None if done.total is None else max(0, done.total - done.resumed_frames)
                task = self._bars.add_task(name.replace("[", "\\["), total=total)
            self._bars.update(task, completed=done.frames - done.resumed_frames)
            return task

    def remove(self, task: TaskID | None) -> None:
        """A film has ended."""
        with self._lock:
            if self._bars is not None and task is not None:
                self._bars.remove_task(task)

    def say(self, text: str) -> None:
        """One line, above the bars."""
        with self._lock:
            if self._bars is not None and not self._bars.finished:
                self._bars.console.print(escape_unprintable(text), markup=False, highlight=False)
            else:
                click.echo(escape_unprintable(text), err=True)


class FilmReporter:
    """Tells about one film, with a progress bar where a person watches."""

    def __init__(self, source: Path, target: Path, bars: FilmBars) -> None:
        self._source, self._target, self._bars = source, target, bars
        self._task: TaskID | None = None

    def progress(self, done: FilmProgress) -> None:
        """How far the film is; may be called from any thread."""
        self._task = self._bars.show(self._source.name, self._task, done)

    def report(self, outcome: FilmOutcome) -> None:
        """What became of it."""
        self._bars.remove(self._task)
        earlier = f", {outcome.resumed_frames} of them before" if outcome.resumed_frames else ""
        self.say(f"{outcome.model} on {outcome.device}")
        self.say(
            f"{outcome.source} -> {outcome.target} ({outcome.frames} frames{earlier}, "
            f"{outcome.seconds:.1f} s, {outcome.fps:.1f} fps)"
        )
        for note in outcome.notes:
            self.say(f"  note: {note}")

    def fail(self, error: Exception) -> None:
        """Why nothing became of it."""
        self._bars.remove(self._task)
        self.say(f"Error: {error}")

    def say(self, text: str) -> None:
        """One line."""
        self._bars.say(text)


def _film_bars() -> Progress:
    # rich takes as long to import as everything else of the command line together
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Fps(ProgressColumn):
        """Frames per second."""

        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:.1f} fps")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        Fps(),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=Console(stderr=True, soft_wrap=True), transient=True)
    bars.start()
    return bars
