"""What people see on stderr: notes, errors, progress bars, and what the package logs.

stdout stays with programs. How much is shown is chosen for one run of the command line, by
``-v``, ``-q`` and ``--log-level`` (`photochrom.cli.verbosity`).
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tqdm import tqdm

LOG_LEVELS = ("debug", "info", "warning", "error")
"""Of the package's loggers, from all to little."""
_DEFAULT_LEVEL = "warning"
_PACKAGE = logging.getLogger("photochrom")
_COUNTED = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
_SHARE = "{percentage:3.0f}%|{bar:30}| {desc}"


@dataclass
class _Output:
    """What one run of the command line shows."""

    quiet: bool = False
    bars: int = 0
    """Bars that are on the screen."""


_output = _Output()
_lock = threading.RLock()


def note(text: str) -> None:
    """A line that is good to know: what was written, what was left aside. Not with --quiet."""
    if not _output.quiet:
        _line(text)


def complain(text: str) -> None:
    """A line about what failed; it is always shown."""
    _line(text)


def escape_unprintable(text: str) -> str:
    """The text with what would move the cursor escaped: file names may contain anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Bar:
    """A progress bar, where a person watches; a context manager, closed on leaving it.

    Where stderr is no terminal, and with --quiet, nothing is drawn. May be called from any thread.
    """

    def __init__(self, title: str = "", total: float | None = None, unit: str = "pictures") -> None:
        """title: before the bar. total: of the unit; None while it is unknown.

        unit: what is counted; "" where `show` gets a share of 1 and `title` is told behind it.
        """
        self._bar: tqdm[Any] | None = None
        # A command may be started without any stderr.
        if _output.quiet or sys.stderr is None or not sys.stderr.isatty():
            return
        from tqdm import tqdm  # not needed where nobody watches

        with _lock:
            tqdm.monitor_interval = 0  # no thread of its own
            tqdm.set_lock(_lock)  # its own would be one between processes
            self._bar = tqdm(
                desc=escape_unprintable(title) or None,
                total=total if unit else 1.0,
                unit=f" {unit}",
                bar_format=_COUNTED if unit else _SHARE,
                leave=False,
                dynamic_ncols=True,
                file=sys.stderr,
            )
            _output.bars += 1

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def advance(self) -> None:
        """One more is done."""
        if self._bar is not None:
            with _lock:
                self._bar.update()

    def show(self, done: float, total: float | None = None, title: str | None = None) -> None:
        """So much is done, of so much; None leaves total and title as they are."""
        if self._bar is None:
            return
        with _lock:
            if total is not None:
                self._bar.total = total
            if title is not None:
                self._bar.set_description_str(escape_unprintable(title), refresh=False)
            self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Remove it from the screen."""
        if self._bar is not None:
            with _lock:
                self._bar.close()
                _output.bars -= 1
            self._bar = None


@contextlib.contextmanager
def stderr_session() -> Iterator[None]:
    """One run of the command line: what was chosen in it does not outlive it."""
    handler = _Lines()
    handler.setFormatter(
        logging.Formatter("%(relativeCreated)d ms %(levelname)s %(name)s: %(message)s")
    )
    handler.setLevel(_DEFAULT_LEVEL.upper())
    before = (_PACKAGE.level, list(_PACKAGE.handlers), _PACKAGE.propagate)
    _PACKAGE.addHandler(handler)
    try:
        yield
    finally:
        level, _PACKAGE.handlers, _PACKAGE.propagate = before
        _PACKAGE.setLevel(level)
        _output.quiet = False


def stop_log_lines() -> None:
    """Leave the log to the studio, which writes lines of JSON."""
    for handler in [handler for handler in _PACKAGE.handlers if isinstance(handler, _Lines)]:
        _PACKAGE.removeHandler(handler)


def set_verbosity(*, quiet: bool, level: str | None) -> None:
    """Show this much from now on. level: one of `LOG_LEVELS`; None: as it is unless said."""
    _output.quiet = quiet
    if level is not None:
        _PACKAGE.setLevel(level.upper())
        for handler in _PACKAGE.handlers:
            if isinstance(handler, _Lines):
                handler.setLevel(level.upper())


class _Lines(logging.Handler):
    """Records as lines on stderr, beside the bars."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; a traceback keeps its own."""
        try:
            for line in self.format(record).splitlines():
                _line(line)
        except Exception:  # noqa: BLE001  # as logging has it: a log never stops the work
            self.handleError(record)


def _line(text: str) -> None:
    with _lock:
        if _output.bars:
            from tqdm import tqdm

            tqdm.write(escape_unprintable(text), file=sys.stderr)
        else:
            click.echo(escape_unprintable(text), err=True)
