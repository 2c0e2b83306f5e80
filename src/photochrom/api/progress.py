"""How far something is: told to the caller, or shown as a bar."""

from __future__ import annotations

import sys
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
        from tqdm import tqdm  # not needed where nobody watches

        # In a notebook stderr stands below the cell, and is no terminal.
        with tqdm(desc=label, file=sys.stderr, dynamic_ncols=True) as bar:

            def show(done: int, total: int | None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield show
