"""Logs as lines of JSON that a machine can search and that name nobody.

A line tells which page was asked for by its rule (/pictures/<id>) and not by its address, which can
hold a share link; of an error it tells the kind and the places, not the text, which can hold an
email address. Neither names nor network addresses are ever written.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from datetime import datetime, timezone
from typing import Final

from flask import Flask, Response, g, has_request_context, request

from photochrom.web.database import new_id

_ROOT = "photochrom.web"
_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_log = logging.getLogger(_ROOT)


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, logger, message, and what was given as fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if has_request_context():
            line.setdefault("request", g.get("request_id"))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])
            line["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=False, default=str)


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]
    """To stderr as it is at the moment, which programs and tests replace."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def start_logs(level: int = logging.INFO) -> None:
    """Write what the package logs to stderr, once however often this is called.

    level: of ``photochrom.web``, unless one was chosen for the whole package (``--log-level``).
    """
    package = logging.getLogger("photochrom")
    logging.getLogger(_ROOT).setLevel(package.level or level)
    package.propagate = False
    if not any(isinstance(handler, _Stderr) for handler in package.handlers):
        handler = _Stderr()
        handler.setFormatter(JsonLines())
        package.addHandler(handler)


def init_logs(app: Flask) -> None:
    """A line for every request that was answered."""
    app.before_request(_begin_request)
    app.after_request(_log_request)


def request_method() -> str:
    """The method of this request, or "other": whoever asks may invent as many as they like."""
    return request.method if request.method in _METHODS else "other"


def _begin_request() -> None:
    g.request_id = new_id()
    g.start_s = time.perf_counter()


def _log_request(response: Response) -> Response:
    rule = request.url_rule.rule if request.url_rule else None
    fields = {
        "method": request_method(),
        "page": rule,
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.get("start_s", time.perf_counter())) * 1000, 1),
    }
    _log.info("answered", extra={"fields": fields})
    response.headers["X-Request-Id"] = g.get("request_id", "")
    return response
