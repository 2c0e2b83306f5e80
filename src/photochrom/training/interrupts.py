"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class TrainingStopped(Exception):
    """Training was asked to stop by a signal; the checkpoint is written."""

    def __init__(self, message: str, signum: signal.Signals) -> None:
        super().__init__(message)
        self.signal = signum


class StopRequest:
    """Listens for SIGTERM and SIGINT (Ctrl-C) while it is entered.

    The first one is only remembered, so that the step at work can be finished; a second one acts
    as it would have without this. In another thread than the main one, which gets no signals, it
    listens for none.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        in_main = threading.current_thread() is threading.main_thread()
        signals = (signal.SIGTERM, signal.SIGINT) if in_main else ()
        self._old_handlers = {signum: signal.getsignal(signum) for signum in signals}

    def __enter__(self) -> StopRequest:
        for number in self._old_handlers:
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
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
