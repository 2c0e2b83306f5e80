"""The memory of the machine, or of the container, and how large pictures may be in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where Linux tells what a container may take, in its second and in its first way."""
_MP_PER_GB, _LEAST_MP, _MOST_MP, _UNKNOWN_MP = 12, 20, 100, 50
"""A megapixel takes up to 25 MB in the web process and as much in the worker: so 60 % of it all."""


def memory_bytes() -> int | None:
    """What this process can use at most; None where the system does not tell."""
    found = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for path in _LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue  # another system, or another way
        if text.isdecimal():
            found.append(int(text))
    return min(found, default=None)


def picture_limit_mp(memory: int | None) -> int:
    """The largest picture, in megapixels, that a studio takes with so many bytes of memory."""
    if memory is None:
        return _UNKNOWN_MP
    return min(_MOST_MP, max(_LEAST_MP, round(memory / 1e9 * _MP_PER_GB)))


def film_limit_minutes(memory: int | None) -> int:
    """The longest film that is taken, in minutes: of whole GB of memory; None: it is not known."""
    return 120 if memory is None else max(30, min(240, 30 * (memory // 10**9)))
