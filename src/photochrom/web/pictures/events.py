"""How far a picture is, told while it happens (server-sent events).

A stream keeps a thread of the server, which sleeps most of the time, so there are only so many;
whoever gets none asks for the state now and then instead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Final

from flask import Response, current_app, stream_with_context
from sqlalchemy import bindparam, select

from photochrom.web.database import Picture, User, db
from photochrom.web.errors import NotFound, TooMany
from photochrom.web.film_time import whole_seconds_left
from photochrom.web.i18n import _, current_language, translate_stored, use_language
from photochrom.web.jobs import count_ahead
from photochrom.web.lanes import stream_count
from photochrom.web.pictures.library import get_picture
from photochrom.web.pictures.mending import mending_note
from photochrom.web.pictures.models import model_note
from photochrom.web.pictures.references import reference_note
from photochrom.web.settings import current_settings

_POLL_INTERVAL_S: Final = 0.15
_WAITING_S: Final = 1.0
"""How many are before it depends on others' pictures, and is counted anew so often."""
_HEARTBEAT_S: Final = 2.0
"""Nothing new is said too: browsers and proxies give up on silence, and who left is noticed."""
_MAX_STREAM_S: Final = 120.0
"""Then the browser asks for a new stream, which frees those of tabs that were forgotten."""
_FINAL_STATES: Final = ("done", "failed")
_EXTENSION: Final = "photochrom-streams"
# One row of few columns, in a tenth of the time of all that is said of a picture.
_SIGNS_OF_CHANGE: Final = select(
    Picture.state, Picture.progress, Picture.seconds_left, Picture.revision, Picture.done_revision
).where(Picture.id == bindparam("picture_id"), Picture.user_id == bindparam("user_id"))


def picture_state(picture: Picture) -> dict[str, object]:
    """What scripts are told of a picture."""
    return {
        "state": picture.state,
        "progress": round(picture.progress, 3),
        "seconds_left": whole_seconds_left(picture),
        "ahead": count_ahead(picture) if picture.state == "waiting" else 0,
        "revision": picture.revision,
        "done_revision": picture.done_revision,
        "problem": picture.problem and translate_stored(picture.problem),
        "reference": reference_note(picture),
        "restored": mending_note(picture),
        "has_changes": bool(picture.restored),
        "model": model_note(picture),
    }


def event_stream(user: User, picture_id: str) -> Response:
    """The stream of a picture, until it is done or failed. Raises NotFound, TooMany."""
    get_picture(user, picture_id)
    places: threading.Semaphore = current_app.extensions.setdefault(
        _EXTENSION, threading.Semaphore(stream_count(current_settings().threads))
    )
    if not places.acquire(blocking=False):
        raise TooMany(_("Too many pages are watching. This one asks now and then."), 1)
    stream = _Stream(_state_events(user, picture_id, current_language().code), places)
    answer = Response(stream, mimetype="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


class _Stream:
    """An iterator that gives its place back however it ends, also before it began."""

    def __init__(self, events: Iterator[str], places: threading.Semaphore) -> None:
        self._events = stream_with_context(events)
        self._places = places
        self._open = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._events)

    def close(self) -> None:
        """Called by the server at the end of the answer, or when the browser has gone."""
        if self._open:
            self._open = False
            self._places.release()
        close = getattr(self._events, "close", None)
        if close is not None:
            close()


def _state_events(user: User, picture_id: str, language: str) -> Iterator[str]:
    until = time.monotonic() + _MAX_STREAM_S
    row = {"picture_id": picture_id, "user_id": user.id}
    last_signs, last_data, sent_s, counted_s = None, "", 0.0, 0.0
    state: dict[str, object] = {}
    while (now_s := time.monotonic()) < until:
        signs = db.session.execute(_SIGNS_OF_CHANGE, row).first()
        is_counted = state.get("state") == "waiting" and now_s - counted_s > _WAITING_S
        if signs != last_signs or is_counted:
            last_signs, counted_s = signs, now_s
            try:
                with use_language(language):
                    state = picture_state(get_picture(user, picture_id))
            except NotFound:
                return  # deleted meanwhile
        # Nothing is kept open between two looks, neither a transaction nor a connection.
        db.session.rollback()
        data = json.dumps(state)
        if data != last_data or time.monotonic() - sent_s > _HEARTBEAT_S:
            last_data, sent_s = data, time.monotonic()
            yield f"data: {data}\n\n"
        if state["state"] in _FINAL_STATES:
            return
        time.sleep(_POLL_INTERVAL_S)
