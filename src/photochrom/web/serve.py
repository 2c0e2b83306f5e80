"""`photochrom serve`: the web server and its worker, started, watched over and stopped together."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any, Final

from flask import Flask

from photochrom.engine import model_card
from photochrom.web.accounts.login import local_token
from photochrom.web.app import create_app
from photochrom.web.errors import SettingsError
from photochrom.web.http_server import make_server
from photochrom.web.logs import start_logs
from photochrom.web.mail import wait_for_mail
from photochrom.web.pictures.live_preview import current_previewer
from photochrom.web.settings import CONFIG, PREFIX, WebSettings
from photochrom.web.storage import make_private
from photochrom.web.worker import migrate

_STOP_TIMEOUT_S: Final = 8.0
_RESTART_DELAYS_S: Final = (0.2, 1.0, 5.0, 20.0)
"""A worker that dies again and again is started ever more slowly."""
_STABLE_S: Final = 60.0
_SWITCH_S: Final = 0.001
"""A thread that computes in Python lets others go on after so long. Of 5 ms, as Python has it, a
page would wait for some at each of its queries."""

_log = logging.getLogger(__name__)


def serve(
    settings: WebSettings,
    *,
    host: str,
    port: int,
    config: Path | None = None,
    with_worker: bool = True,
    report: Callable[[str], None] = lambda _text: None,
    parent: IO[str] | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT.

    port: 0 takes any that is free. config: the TOML file that the settings came from, for the
    worker. report: is told the address once requests are answered; of a studio without accounts
    with the token that lets its owner in. parent: stop too when this stream ends, as standard input
    does when the parent process dies.
    Raises SettingsError where the address cannot be had, and ModelError for an unknown model.
    """
    if settings.local and not _is_loopback(host):
        raise SettingsError(
            f"without accounts the studio answers this machine only, and {host} is more than "
            "that. Leave --host away, or --local"
        )
    start_logs(logging.WARNING if settings.local else logging.INFO)
    for model in (settings.model, settings.used_film_model):
        model_card(model)  # a wrong name is told now, not at the first picture
    sys.setswitchinterval(_SWITCH_S)
    make_private(settings.data_dir)
    app = create_app(settings)
    migrate(app, settings)
    with _stop_by_signal(), contextlib.ExitStack() as stack:
        try:
            server = make_server(app, settings, host, port)
        except OSError as error:
            raise SettingsError(
                f"cannot answer at {host}:{port}: {error.strerror}. Choose another --port"
            ) from None
        stack.callback(wait_for_mail)
        stack.callback(server.close)
        if with_worker:
            stack.enter_context(_Worker(settings, config))
        threading.Thread(target=_warm_previewer, args=(app,), daemon=True).start()
        if parent is not None:
            threading.Thread(target=_stop_with_parent, args=(parent,), daemon=True).start()
        path = f"/?token={local_token(app)}" if settings.local else ""
        report(f"http://{_display_host(host)}:{_server_port(server)}{path}")
        server.run()


@contextlib.contextmanager
def _stop_by_signal() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit  # waitress ends its loop and its threads at this, and returns

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with contextlib.suppress(SystemExit):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_with_parent(stream: IO[str]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while stream.read(1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def worker_command(config: Path | None) -> list[str]:
    """How the worker is started: with the settings file and the log level of this process."""
    command = [sys.executable, "-m", "photochrom", "worker", "--with-parent"]
    if config is not None:
        command += ["--config", str(config)]
    chosen = logging.getLogger("photochrom").level
    if chosen:
        command += ["--log-level", logging.getLevelName(chosen).lower()]
    return command


class _Worker:
    """The worker process, started again whenever it dies; a context manager."""

    def __init__(self, settings: WebSettings, config: Path | None) -> None:
        self._command = worker_command(config)
        self._environment = os.environ | {
            PREFIX + "LOCAL": "1" if settings.local else "0",
            PREFIX + "DATA_DIR": str(settings.data_dir),
        }
        if config is not None:
            self._environment.pop(CONFIG, None)
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)

    def __enter__(self) -> _Worker:
        self._start()
        self._watch.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._watch.join()
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()  # what it was at waits again; nothing is lost
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _start(self) -> None:
        # Its standard input ends when this process does, however it does; then it stops too.
        # In a session of its own, Ctrl-C reaches it through us alone.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, env=self._environment, start_new_session=True
        )

    def _keep_alive(self) -> None:
        deaths, started_at = 0, time.monotonic()
        while not self._stop.wait(0.1):
            if self._process is None or self._process.poll() is None:
                continue
            lived_s = time.monotonic() - started_at
            deaths = 0 if lived_s > _STABLE_S else deaths
            wait_s = _RESTART_DELAYS_S[min(deaths, len(_RESTART_DELAYS_S) - 1)]
            _log.warning("the worker ended (%s); another starts", self._process.returncode)
            if self._stop.wait(wait_s):
                return
            deaths, started_at = deaths + 1, time.monotonic()
            self._start()


def _warm_previewer(app: Flask) -> None:
    """Load the network of previews, so that the first hint is as quick as the next."""
    with app.app_context():
        current_previewer().warm()


def _server_port(server: Any) -> int:
    """The port that a server of waitress got; of a name with several addresses, the first one's."""
    several = getattr(server, "effective_listen", None)
    return int(several[0][1] if several else server.effective_port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _display_host(host: str) -> str:
    """The host as it stands in an address that can be opened."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host
