"""Lanes of the HTTP server: requests that take long have threads of their own.

So a page never waits for pictures that are decoded, colours that are computed, or somebody who
reads a large file slowly, however many of them there are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from flask import Flask
from waitress.task import ThreadedTaskDispatcher
from werkzeug.exceptions import HTTPException

from photochrom.web.priority import PREVIEW_NICENESS, UPLOAD_NICENESS, lower_thread

PAGES: Final = "pages"
"""The lane of all that is in none of the others."""
LANES: Final[Mapping[str, frozenset[str]]] = {
    "uploads": frozenset(
        {
            "pictures.create",
            "pictures.show_shot",
            "pictures.share_target",
            "uploads.append",
            "trial.color",
            "api.create",
            "api.colorize",
        }
    ),
    "previews": frozenset(
        {
            "pictures.preview",
            "pictures.suggestions",
            "pictures.area",
            "pictures.uncertain",
            "picture_files.variant_list",
            "picture_files.variant_file",
            "colors.save",
            "people.look",
        }
    ),
    "downloads": frozenset(
        {
            "picture_files.download",
            "picture_files.export",
            "picture_files.part_file",
            "profile.export",
            "selection.download",
            "api.result",
        }
    ),
    "events": frozenset({"pictures.stream_events"}),
}
"""The endpoints of each lane."""
_NICENESS: Final[Mapping[str, int]] = {
    "previews": PREVIEW_NICENESS,
    "uploads": UPLOAD_NICENESS,
    "downloads": UPLOAD_NICENESS,
}
"""Of the threads of a lane; others have that of the process."""


def lane_threads(threads: int) -> dict[str, int]:
    """How many threads each lane has, of a studio whose pages have ``threads``.

    Events have one more than there are places for streams, which refuses all others at once.
    """
    half = max(2, threads // 2)
    events = {"events": stream_count(threads) + 1}
    return {PAGES: threads, **dict.fromkeys(LANES, half), **events}


def stream_count(threads: int) -> int:
    """How many streams of events there are at once: their threads sleep most of the time."""
    return 2 * threads


class _Lane(ThreadedTaskDispatcher):  # type: ignore[misc]
    """A queue and its threads."""

    def __init__(self, niceness: int | None) -> None:
        super().__init__()
        self._niceness = niceness

    def handler_thread(self, thread_no: int) -> None:
        """Answer requests until the lane is shut down."""
        if self._niceness is not None:
            lower_thread(self._niceness)
        super().handler_thread(thread_no)


class LaneDispatcher:
    """Waitress's dispatcher, with a queue and threads for each lane."""

    def __init__(self, app: Flask, threads: int) -> None:
        self._urls = app.url_map.bind("")
        self._lane_of = {name: lane for lane, names in LANES.items() for name in names}
        self._lanes: dict[str, Any] = {}
        for lane, count in lane_threads(threads).items():
            self._lanes[lane] = _Lane(_NICENESS.get(lane))
            self._lanes[lane].set_thread_count(count)

    def add_task(self, channel: Any) -> None:
        """Have the first request of a connection answered."""
        request = channel.requests[0]
        is_refused = request.error is not None  # its path may not be known
        lane = PAGES if is_refused else self.lane(request.path, request.command)
        self._lanes[lane].add_task(channel)

    def lane(self, path: str, method: str) -> str:
        """Of a request by its path, without its query."""
        try:
            endpoint, _values = self._urls.match(path, method)
        except HTTPException:
            return PAGES
        return self._lane_of.get(endpoint, PAGES)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Stop all threads; those that are not done after ``timeout`` seconds are left alone."""
        until = time.monotonic() + timeout
        for lane in self._lanes.values():
            lane.set_thread_count(0)
        ended = [
            lane.shutdown(cancel_pending, max(0.0, until - time.monotonic()))
            for lane in self._lanes.values()
        ]
        return all(ended)
