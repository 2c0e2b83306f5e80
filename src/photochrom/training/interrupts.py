"""Being asked to stop, politely."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class Stopped(Exception):
    """Training was asked to stop by a signal; the checkpoint is written."""

    def __init__(self, message: str, by: signal.Signals) -> None:
        super().__init__(message)
        self.by = by


class StopRequest:
    """Listens for SIGTERM and SIGINT (Ctrl-C) while it is entered.

    The first one is only remembered, so that the step at work can be finished; a second one acts
    as it would have without this.
    """

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._before = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)}

    def __enter__(self) -> StopRequest:
        for number in self._before:
            signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _remember(self, number: int, _: FrameType | None) -> None:
        self.by = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
