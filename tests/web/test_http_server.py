"""What the server refuses before it reads it, and how many may be connected."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fixtures.web import MakeApp, sign_up
from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from werkzeug import formparser

from photochrom.web import connections
from photochrom.web.http_server import BodyLimits, _Channel, _Parser, make_server
from photochrom.web.lanes import LANES
from photochrom.web.pictures.sending import send_kept_file
from photochrom.web.priority import UPLOAD_NICENESS, lower_thread
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.slow

Address = tuple[str, int]
UPLOAD = b"Content-Type: multipart/form-data; boundary=x\r\n"
MB = 1_000_000
FILE = (
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.jpg"\r\n\r\n'
    + b"x" * 2 * MB
    + b"\r\n--x--\r\n"
)


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(max_request_mb=3, max_upload_mb=1)


@pytest.fixture
def address(app: Flask) -> Iterator[Address]:
    settings: WebSettings = app.config["STUDIO"]
    server = make_server(app, settings, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield "127.0.0.1", server.effective_port
    server.maintenance_interval = 0
    with contextlib.suppress(OSError):  # awake for another reason, it may have closed already
        server.trigger.pull_trigger(server.close)
    thread.join(timeout=10)
    server.task_dispatcher.shutdown()


@pytest.fixture
def cookie(app: Flask) -> bytes:
    """The header with which a browser says who is logged in."""
    found = sign_up(app).get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert found is not None
    return f"Cookie: {found.key}={found.value}\r\n".encode()


@contextlib.contextmanager
def connection(address: Address) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=10) as made:
        yield made


def head(path: str, length: int, *headers: bytes) -> bytes:
    first = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n".encode()
    return first + b"".join(headers) + b"\r\n"


def status(made: socket.socket) -> int:
    return int(made.recv(4096).split(b" ", 2)[1])


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="Linux has epoll")
def test_silent_connections_are_not_asked(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[HTTPChannel] = Counter()

    def readable(channel: HTTPChannel) -> bool:
        asked[channel] += 1
        return bool(HTTPChannel.readable(channel))

    monkeypatch.setattr(_Channel, "readable", readable)
    monkeypatch.setattr(connections, "_LOOK_S", 3600)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(connection(address))
        made = stack.enter_context(connection(address))
        for _ in range(3):
            made.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while b"alive" not in answer:  # head and body may come one after the other
                answer += made.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")
    # Not all at each arrival, which is 1,275 times, nor at each answer. The one that is served is
    # asked as often as the other thread, which writes its answer, lets the loop go round.
    silent = asked.total() - max(asked.values())
    assert 50 <= silent < 600


def test_threads_give_way_and_never_push_ahead() -> None:
    found = []

    def lower() -> None:
        for niceness in (UPLOAD_NICENESS, 0):
            lower_thread(niceness)
            found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    if sys.platform == "linux":
        thread = threading.Thread(target=lower)
        thread.start()
        thread.join()
        assert found[0] == found[1] >= UPLOAD_NICENESS


@pytest.mark.parametrize("path", ["/log-in", "/sign-up", "/pictures", "/share-target", "/nowhere"])
def test_nobody_known_sends_more_than_a_form(address: Address, path: str) -> None:
    with connection(address) as made:
        made.sendall(head(path, 2 * MB, UPLOAD))
        assert status(made) == 413  # and nothing of the body was sent


def test_a_body_of_no_announced_length_ends_at_a_form(address: Address) -> None:
    sent = 0
    with connection(address) as made, contextlib.suppress(ConnectionError):
        made.sendall(b"POST /log-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(300):
            made.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            sent += 10_000
            made.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                assert status(made) == 413
                break
            made.settimeout(10)
            time.sleep(0.001 if sent < MB else 0.05)  # a busy machine answers later
    assert MB <= sent < 2.5 * MB


def test_who_is_logged_in_sends_pictures(address: Address, cookie: bytes) -> None:
    with connection(address) as made:
        made.sendall(head("/pictures", len(FILE), UPLOAD, cookie) + FILE)
        assert status(made) == 400  # read, and found to have no token against forgery


@pytest.mark.parametrize("path", ["/log-in", "/account/password", "/pictures/x/edit"])
def test_who_is_logged_in_sends_no_large_forms(address: Address, cookie: bytes, path: str) -> None:
    with connection(address) as made:
        made.sendall(head(path, 2 * MB, UPLOAD, cookie))
        assert status(made) == 413


def test_a_forged_cookie_is_nobodys(address: Address, cookie: bytes) -> None:
    name, _equals, value = cookie.partition(b"=")
    forged = name + b"=" + value[:10] + b"A" + value[11:]
    with connection(address) as made:
        made.sendall(head("/pictures", 2 * MB, UPLOAD, forged))
        assert status(made) == 413


def test_all_bodies_together_have_a_limit(address: Address, cookie: bytes) -> None:
    with contextlib.ExitStack() as stack:
        several = [stack.enter_context(connection(address)) for _ in range(6)]
        for made in several:
            with contextlib.suppress(ConnectionError):
                made.sendall(head("/pictures", 2_900_000, UPLOAD, cookie) + b"x" * 2_800_000)
        answers = []
        for made in several:
            made.settimeout(1)
            with contextlib.suppress(TimeoutError, ConnectionError):
                answers.append(status(made))
    assert answers
    assert set(answers) == {503}
    with connection(address) as made:  # the others have gone, and there is space again
        made.sendall(head("/pictures", len(FILE), UPLOAD, cookie) + FILE)
        assert status(made) == 400


def test_idle_connections_keep_nobody_out(address: Address) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(500):
            made = stack.enter_context(connection(address))
            if number < 200:
                made.sendall(b"GET /healthz HTTP/1.1\r\n")
        made.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status(made) == 200  # all are there now
        assert ask(address, "/sign-up") == 200


def ask(address: Address, path: str) -> int:
    """The status of a GET, which may not take over two seconds."""
    begun = time.monotonic()
    with connection(address) as made:
        made.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answered = status(made)
    assert time.monotonic() - begun < 2
    return answered


def test_pages_wait_for_nothing_that_takes_long(app: Flask, address: Address) -> None:
    endpoints = {name for names in LANES.values() for name in names}
    assert endpoints <= set(app.view_functions)
    ended = threading.Event()

    def wait(**_values: object) -> str:
        ended.wait(10)
        return ""

    paths = {
        "pictures.preview": "POST /pictures/x/preview",
        "pictures.create": "POST /pictures",
        "picture_files.download": "GET /pictures/x/download",
        "pictures.stream_events": "GET /pictures/x/events",
    }
    app.config["WTF_CSRF_ENABLED"] = False
    for endpoint in paths:
        app.view_functions[endpoint] = wait
    with contextlib.ExitStack() as stack:
        for first in [*paths.values()] * 16:
            made = stack.enter_context(connection(address))
            made.sendall(f"{first} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert ask(address, "/healthz") == 200
        ended.set()


def test_whoever_reads_slowly_keeps_no_thread(app: Flask, address: Address, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"first")
    os.truncate(film, 64 * MB)
    app.add_url_rule("/film", view_func=lambda: send_kept_file(film, "video/mp4"))
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            made = stack.enter_context(connection(address))
            made.sendall(b"GET /film HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-\r\n\r\n")
        assert ask(address, "/healthz") == 200
    with connection(address) as made:
        made.sendall(b"GET /film HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-3\r\n\r\n")
        answer = made.recv(4096)
        while b"\r\n\r\nirs" not in answer:
            answer += made.recv(4096)
    assert answer.startswith(b"HTTP/1.1 206")
    assert b"Content-Length: 3\r\n" in answer
    assert b"Content-Range: bytes 1-3/64000000\r\n" in answer


@pytest.mark.parametrize("end", ["cancel", "handle_close"])
def test_bodies_that_nobody_reads_are_closed(app: Flask, end: str) -> None:
    parser = _Parser(Adjustments())
    parser.limits = BodyLimits(app, app.config["STUDIO"])
    body = head("/log-in", 900_000) + b"x" * 800_000
    while body:
        body = body[parser.received(body) :]
    file = parser.get_body_stream()
    ours, theirs = socket.socketpair()
    channel = _Channel(SimpleNamespace(active_channels={}), ours, ("", 0), parser.adj, map={})
    if end == "cancel":
        channel.requests.append(parser)  # waits to be answered
        channel.cancel()
    else:
        channel.request = parser  # is still on its way
    channel.handle_close()
    theirs.close()
    assert file.closed


def test_a_form_that_breaks_off_leaves_no_open_file(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = []

    def make_stream(*args: Any, **kwargs: Any) -> Any:
        streams.append(original(*args, **kwargs))
        return streams[-1]

    original = formparser.default_stream_factory
    monkeypatch.setattr("werkzeug.wrappers.request.default_stream_factory", make_stream)
    kind = "multipart/form-data; boundary=x"
    answer = sign_up(app).post("/pictures", data=FILE[:-9], content_type=kind)
    assert answer.status_code == 400
    assert streams
    assert all(stream.closed for stream in streams)


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="only Linux has epoll")
def test_a_signal_between_the_system_and_its_own_books_does_not_keep_it_from_closing() -> None:
    class Interrupted:
        def __init__(self, epoll: select.epoll) -> None:
            self.register, self.poll, self._epoll = epoll.register, epoll.poll, epoll

        def unregister(self, descriptor: int) -> None:
            self._epoll.unregister(descriptor)
            raise SystemExit

    held, other = socket.socketpair()
    with held, other:
        open_connections: Any = connections.Connections()
        silent = SimpleNamespace(readable=lambda: True, writable=lambda: False)
        open_connections[held.fileno()] = silent
        epoll = open_connections._epoll
        open_connections._epoll = Interrupted(epoll)
        silent.handle_read_event = lambda: setattr(silent, "readable", lambda: False)
        silent.addr = None
        other.send(b"x")
        with pytest.raises(SystemExit):
            open_connections.loop(1.0)
        open_connections._epoll = epoll
        del open_connections[held.fileno()]
        assert not open_connections
