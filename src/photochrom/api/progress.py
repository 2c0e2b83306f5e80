"""How far something is: told to the caller, or shown as a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, "int | None"], None]
"""Called with how many are done and how many there are; None where nobody knows."""


@contextmanager
def progress_reporter(progress: bool | Progress, label: str) -> Iterator[Progress]:
    """What to call after each step.

    progress: the caller's own; or True for a bar on stderr (in a notebook, below the cell), False
        for nothing. label: what stands before the bar.
    """
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda _done, _total: None
    else:
        from rich.console import Console  # as slow to import as all the rest
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(label, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
