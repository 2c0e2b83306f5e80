"""Threads that hand work on: reading ahead and writing behind, with bounded memory.

An error in a thread is raised where its work is asked for; leaving the ``with`` block early (an
error, Ctrl-C) stops the thread without waiting for the work that is left.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_PATIENCE_S = 0.1


class _End:
    """The last thing in a queue."""


class Prefetcher(Generic[T]):
    """Items of an iterable, made in a thread, at most ``limit`` of them ahead."""

    def __init__(self, items: Iterable[T], limit: int) -> None:
        self._queue: queue.Queue[T | _End | BaseException] = queue.Queue(limit)
        self._stopped = threading.Event()
        self._items = items
        self._thread = threading.Thread(target=self._run, name="photochrom-read", daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._iterate()

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _iterate(self) -> Iterator[T]:
        while True:
            item = self._next_item()
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def _next_item(self) -> T | _End | BaseException:
        """The next item; waiting a little at a time, so that Ctrl-C is seen on Windows, too.

        The end where nothing will come any more.
        """
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=_PATIENCE_S)
        return _End()

    def _run(self) -> None:
        last: _End | BaseException = _End()
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except BaseException as error:  # noqa: BLE001  # raised where the items are taken
            last = error
        self._put(last)

    def _put(self, item: T | _End | BaseException) -> bool:
        """Put it into the queue; False when nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return True
        return False


class BackgroundWorker:
    """Calls that are made in a thread, in their order, at most ``limit`` of them waiting."""

    def __init__(self, limit: int) -> None:
        self._queue: queue.Queue[Callable[[], None] | _End] = queue.Queue(limit)
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="photochrom-write", daemon=True)

    def __enter__(self) -> BackgroundWorker:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        if kind is None:
            self._put(_End())
        else:
            self._stopped.set()
        self._thread.join()
        if kind is None:
            self._raise()

    def submit(self, work: Callable[[], None]) -> None:
        """Have this done after all that was asked for before. Raises what went wrong with that."""
        self._put(work)

    def _put(self, work: Callable[[], None] | _End) -> None:
        while True:
            self._raise()
            if not self._thread.is_alive():
                return
            try:
                self._queue.put(work, timeout=_PATIENCE_S)
            except queue.Full:
                continue
            return

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    work = self._queue.get(timeout=_PATIENCE_S)
                except queue.Empty:
                    continue
                if isinstance(work, _End):
                    return
                work()
        except BaseException as error:  # noqa: BLE001  # raised where the next work is given
            self._error = error
