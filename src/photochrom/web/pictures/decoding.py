"""How many large pictures are looked at in requests at once, and how many wait for their turn."""

from __future__ import annotations

import threading
from typing import Final

from photochrom.web.errors import TooMany
from photochrom.web.i18n import _

_RETRY_S: Final = 3


class DecodingSlots:
    """A context manager in which a picture is decoded; a picture takes much memory and time.

    Those that wait hold a thread of the server each, which pages need too: so few may wait.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._slots = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)

    def __enter__(self) -> None:
        """Wait for a slot. Raises TooMany where too many wait already."""
        if not self._places.acquire(blocking=False):
            raise TooMany(_("Many large pictures are coming in. Try again in a moment."), _RETRY_S)
        self._slots.acquire()

    def __exit__(self, *_error: object) -> None:
        self._slots.release()
        self._places.release()


decoding_slots = DecodingSlots(at_once=2, waiting=2)
"""Half of the server's eight threads at most; see the setting ``threads``."""
