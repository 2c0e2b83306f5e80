"""What people see while pictures are coloured: on stderr, so that stdout stays with programs."""

from __future__ import annotations

import sys
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING

import click

from photochrom.batch import Outcome, Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_SUMMARY: dict[Status, str] = {
    "coloured": "coloured",
    "finished": "finished before",
    "in colour": "in colour already",
    "failed": "failed",
}


class Reporter:
    """Reports outcomes line by line, with a progress bar where a person watches many.

    A context manager; on leaving it, a summary is printed.
    """

    def __init__(self, total: int) -> None:
        self.counts: Counter[Status] = Counter()
        self._total = total
        self._device = ""
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Reporter:
        # A command may be started without any stderr.
        if self._total > 1 and sys.stderr is not None and sys.stderr.isatty():
            self._bar = _progress_bar(self._total)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar[0].stop()
        if self._total > 1 and self.counts:
            parts = [f"{self.counts[s]} {text}" for s, text in _SUMMARY.items() if self.counts[s]]
            self._print(f"{', '.join(parts)}.")
        if kind is KeyboardInterrupt and self._total > 1:
            self._print("Finished pictures are kept; the same call goes on with the others.")

    def report(self, outcome: Outcome) -> None:
        """Say what became of one picture."""
        self.counts[outcome.status] += 1
        if outcome.device and outcome.device != self._device:
            self._device = outcome.device
            self._print(f"{outcome.model} on {outcome.device}")
        if outcome.status == "coloured":
            self._print(f"{outcome.job.source} -> {outcome.job.target} ({outcome.seconds:.1f} s)")
        else:
            prefix = "Error" if outcome.status == "failed" else "Skipped"
            self._print(f"{prefix}: {outcome.message}")
        for note in outcome.notes:
            self._print(f"  note: {note}")
        if self._bar is not None:
            bar, task = self._bar
            bar.advance(task)

    def _print(self, text: str) -> None:
        line = escape_unprintable(text)
        if self._bar is None:
            click.echo(line, err=True)
        else:
            self._bar[0].console.print(line, markup=False, highlight=False, soft_wrap=True)


def message_console() -> Console:
    """Where the commands that measure speak to people: stderr, lines unbroken."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def escape_unprintable(text: str) -> str:
    """The text with what would move the cursor escaped: file names may contain anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _progress_bar(total: int) -> tuple[Progress, TaskID]:
    # rich takes as long to import as everything else of the command line together
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task("", total=total)
    progress.start()
    return progress, task
