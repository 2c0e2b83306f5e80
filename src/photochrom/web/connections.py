"""The open connections of the HTTP server, of which those that are silent cost nothing.

Waitress asks each of its connections what it waits for, whenever anything happens on one of them:
with 600 that takes 1 ms, in the thread that serves all. Here the system keeps that in mind (epoll,
which Linux has), and only connections on which something happens are asked.
"""

from __future__ import annotations

import contextlib
import select
import time
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel

_LOOK_S: Final = 1.0
"""After which all are asked: a connection that has been idle for too long is to be closed."""
_READ: Final = 0x1 | 0x2
"""epoll's IN and PRI."""


class Connections(dict[int, Any]):
    """Waitress's listeners and connections by their file descriptors, and the loop that runs them.

    For one thread, as Waitress's own; others wake it by the trigger. Only where there is epoll.
    """

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._events: dict[int, int] = {}
        """What the system watches for, of those for which it does."""
        self._awake: set[int] = set()
        """Those whose needs may have changed: also by other threads, as they are being served."""

    def __setitem__(self, descriptor: int, connection: Any) -> None:
        super().__setitem__(descriptor, connection)
        self._awake.add(descriptor)

    def __delitem__(self, descriptor: int) -> None:
        super().__delitem__(descriptor)
        self._awake.discard(descriptor)
        if self._events.pop(descriptor, 0):
            # The signal that stops the server may have come before this was noted.
            with contextlib.suppress(FileNotFoundError):
                self._epoll.unregister(descriptor)

    def loop(self, timeout: float, **_choices: object) -> None:
        """Serve until nothing is left, as `waitress.wasyncore.loop` does. timeout: s of a wait."""
        look_s = time.monotonic()
        while self:
            if time.monotonic() - look_s >= _LOOK_S:
                look_s = time.monotonic()
                self._awake.update(self)
            for descriptor in list(self._awake):
                self._ask(descriptor)
            for descriptor, events in self._epoll.poll(timeout):
                if (connection := self.get(descriptor)) is not None:
                    wasyncore.readwrite(connection, events)
                    if descriptor in self:
                        self._awake.add(descriptor)

    def _ask(self, descriptor: int) -> None:
        """What one waits for; it sleeps only while that is the other end, and nothing else.

        By one look at each of its needs: another thread may end its request between two.
        """
        connection = self[descriptor]
        events = _READ if connection.readable() else 0
        if connection.writable() and not connection.accepting:
            events |= select.EPOLLOUT
        before = self._events.get(descriptor, 0)
        if events != before:
            if not events:
                self._epoll.unregister(descriptor)  # or it would be woken when the other end goes
            elif before:
                self._epoll.modify(descriptor, events)
            else:
                self._epoll.register(descriptor, events)
            self._events[descriptor] = events
        if events == _READ and isinstance(connection, HTTPChannel):
            self._awake.discard(descriptor)
