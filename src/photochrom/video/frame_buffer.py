"""Frames that one thread looks ahead in while another takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import RLock

from photochrom.video.converter import PreparedFrame
from photochrom.video.temporal.smoothing import WorkingFrame


class FrameBuffer:
    """Frames that can be looked at ahead and back, as few as are asked for.

    What was taken stays as `WorkingFrame`, for warming up. One thread may go through
    `working_frames` while another takes frames.
    """

    def __init__(self, frames: Iterator[PreparedFrame], history: int, time_history: int) -> None:
        """history: frames behind that stay. time_history: frames behind whose times stay."""
        self._frames = frames
        self._ahead: deque[PreparedFrame] = deque()
        self._history: deque[WorkingFrame] = deque(maxlen=history)
        self._times: deque[int] = deque(maxlen=time_history)
        self._popped = 0
        self._lock = RLock()

    def peek(self, offset: int = 0) -> PreparedFrame | None:
        """The frame so many after the next one to be taken; None behind the last."""
        with self._lock:
            while len(self._ahead) <= offset:
                prepared = next(self._frames, None)
                if prepared is None:
                    return None
                self._ahead.append(prepared)
            return self._ahead[offset]

    def pop(self) -> PreparedFrame:
        """The next frame, which is then behind."""
        with self._lock:
            prepared = self._ahead.popleft()
            self._history.append(prepared.working)
            self._times.append(prepared.frame.pts)
            self._popped += 1
            return prepared

    def working_frames(self, count: int) -> Iterator[WorkingFrame]:
        """Those behind, then up to ``count`` from the next one on, also while frames are taken."""
        with self._lock:
            behind, start = list(self._history), self._popped
        yield from behind
        for offset in range(count):
            with self._lock:
                prepared = self.peek(offset - (self._popped - start))
            if prepared is None:
                return
            yield prepared.working

    @property
    def earliest_pts(self) -> int:
        """Time of the earliest frame behind that is still known."""
        return self._times[0]

    @property
    def latest_pts(self) -> int | None:
        """Time of the frame that was taken last; None before the first."""
        return self._times[-1] if self._times else None
