"""The HTTP server: what a request may bring is decided when its head is read, before its body."""

from __future__ import annotations

import select
import sys
from typing import Any, Final
from weakref import WeakSet

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadData
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.utilities import Error
from werkzeug.http import parse_cookie

from photochrom.web.connections import Connections
from photochrom.web.lanes import LaneDispatcher
from photochrom.web.security import (
    FILE_PATHS,
    FORM_BYTES,
    PART_PATHS,
    SESSION_DAYS,
    TRIAL_BYTES,
    TRIAL_PATH,
)
from photochrom.web.settings import WebSettings

_IDLE_S: Final = 30
_CLEANUP_S: Final = 10
_LARGE_BODIES: Final = 4
"""So many of the largest bodies may be held in memory and temporary files at once,"""
_TRIAL_BODIES: Final = 4
"""and so many of people without an account."""
_HAS_EPOLL: Final = hasattr(select, "epoll")
_HAS_POLL: Final = hasattr(select, "poll")
_CONNECTIONS: Final = 2000 if _HAS_POLL else 400
"""select(), all that Windows has, watches 512 sockets."""
_SPARE_FILES: Final = 500


class BodyLimits:
    """How large a request's body may be, by its path and by who sends it."""

    def __init__(self, app: Flask, settings: WebSettings) -> None:
        self._app = app
        self.largest = settings.max_request_mb * 1_000_000
        self._takes_trials = bool(settings.trial_rate) and not settings.local
        self._held: WeakSet[_Parser] = WeakSet()

    def max_body_bytes(self, path: str, headers: dict[str, str]) -> int:
        """Bytes. headers: by their names in capitals, with underscores.

        Large ones are taken for pictures alone, from browsers that are logged in and from
        programs, whose tokens the application looks at.
        """
        if path == TRIAL_PATH and self._takes_trials:
            return min(TRIAL_BYTES, self.largest)
        if path not in FILE_PATHS and not path.startswith(PART_PATHS):
            return FORM_BYTES
        known = "AUTHORIZATION" in headers or self._has_session(headers)
        return self.largest if known else FORM_BYTES

    def is_full(self, parser: _Parser) -> bool:
        """Whether with this body all that are held, and not yet answered, are too many."""
        self._held.add(parser)
        trials = sum(one.body_bytes_received for one in self._held if one.path == TRIAL_PATH)
        if parser.path == TRIAL_PATH:
            return bool(trials > _TRIAL_BODIES * TRIAL_BYTES)
        total = sum(other.body_bytes_received for other in self._held) - trials
        return bool(total > _LARGE_BODIES * self.largest)

    def _has_session(self, headers: dict[str, str]) -> bool:
        """Whether a cookie of ours, whole and not too old, says who it is."""
        cookie = parse_cookie(headers.get("COOKIE")).get(self._app.config["SESSION_COOKIE_NAME"])
        signer = SecureCookieSessionInterface().get_signing_serializer(self._app)
        if not cookie or signer is None:
            return False
        try:
            session = signer.loads(cookie, max_age=SESSION_DAYS * 86400)
        except BadData:
            return False
        return "_user_id" in session or "owner" in session


class _Busy(Error):  # type: ignore[misc]
    code = 503
    reason = "Service Unavailable"


class _TooLarge(Error):  # type: ignore[misc]
    code = 413
    reason = "Request Entity Too Large"


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Reads one request."""

    limits: BodyLimits
    _limit = FORM_BYTES
    _counted = 0

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head; refuse what announces more than it may bring."""
        super().parse_header(header_plus)
        self._limit = self.limits.max_body_bytes(self.path, self.headers)
        if self.content_length > self._limit:
            self._refuse(_TooLarge(f"more than {self._limit} bytes"))

    def received(self, data: bytes) -> int:
        """Take some bytes of the request; refuse what brings more than it announced."""
        consumed: int = super().received(data)
        if self.error is None and self.body_bytes_received > self._limit:
            self._refuse(_TooLarge(f"more than {self._limit} bytes"))
        if self.error is None and self.body_bytes_received - self._counted > FORM_BYTES:
            self._counted = self.body_bytes_received
            if self.limits.is_full(self):
                self._refuse(_Busy("too many large uploads at once; try again"))
        return consumed

    def _refuse(self, error: Error) -> None:
        self.error, self.completed = error, True
        self.close()
        self.body_rcv = None


class _Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    def handle_close(self) -> None:
        """Let go of a request that was still on its way."""
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def cancel(self) -> None:
        """Let go of the requests that nobody answers any more, as the server stops."""
        with self.requests_lock:
            waiting = list(self.requests)
            super().cancel()
        for request in waiting:
            request.close()


def make_server(app: Flask, settings: WebSettings, host: str, port: int) -> Any:
    """A server that listens. Raises OSError where the address cannot be had."""
    _allow_open_files(_CONNECTIONS + _SPARE_FILES)
    limits = BodyLimits(app, settings)
    parser = type("Parser", (_Parser,), {"limits": limits})
    channel = type("Channel", (_Channel,), {"parser_class": parser})
    sockets: dict[int, Any] = Connections() if _HAS_EPOLL else {}
    server = create_server(
        app,
        map=sockets,
        _dispatcher=LaneDispatcher(app, settings.threads),
        host=host,
        port=port,
        max_request_body_size=limits.largest,
        connection_limit=_CONNECTIONS,
        channel_timeout=_IDLE_S,
        cleanup_interval=_CLEANUP_S,
        asyncore_use_poll=_HAS_POLL,
        ident="photochrom",
        # They stay to be seen: whoever comes through a proxy is not at this machine.
        clear_untrusted_proxy_headers=False,
    )
    for listener in sockets.values():
        if hasattr(listener, "channel_class"):
            listener.channel_class = channel
    if isinstance(sockets, Connections):
        server.asyncore = sockets  # whose loop it is
    return server


def _allow_open_files(number: int) -> None:
    """As many as the system lets this process have, up to ``number``."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = number if hard == resource.RLIM_INFINITY else min(number, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
