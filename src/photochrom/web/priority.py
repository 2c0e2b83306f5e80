"""Who goes first where the processor is short: pages and previews, then uploads, then results.

Linux alone has priorities of threads; elsewhere all of a process have the same.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Final

PREVIEW_NICENESS: Final = 2
"""Of threads that compute what somebody is waiting for, who has a page before them."""
UPLOAD_NICENESS: Final = 5
"""Of threads that decode what people send, and send what they keep."""
PHOTO_NICENESS: Final = 10
"""Of the worker: beside busy pages it has a tenth of the processor, and all that they leave."""
FILM_NICENESS: Final = 17
"""Of the worker's films, which beside its photographs have a sixth."""
_GROUP: Final = Path("/proc/self/autogroup")
"""Linux shares the processor among sessions first, of which the worker is one of its own."""


def lower_process(niceness: int) -> None:
    """Let this process give way to others; threads and processes that it starts do so too."""
    if hasattr(os, "nice"):
        os.nice(max(0, niceness - os.nice(0)))
    with contextlib.suppress(OSError):  # another system, or none of its sessions
        if _is_session_leader():
            _GROUP.write_text(str(niceness), encoding="ascii")


def lower_thread(niceness: int) -> None:
    """Let this thread give way to others of its process; threads that it starts do so too."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        least = os.getpriority(os.PRIO_PROCESS, thread)  # which it may not go below
        os.setpriority(os.PRIO_PROCESS, thread, max(niceness, least))


def _is_session_leader() -> bool:
    """Whether nothing else than this process, and what it starts, is in its session."""
    return hasattr(os, "getsid") and os.getsid(0) == os.getpid()
