"""Programs that a test starts and stops: the studio's commands, and the servers that it can use."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from api_fixtures import png

PHOTOCHROM = (sys.executable, "-m", "photochrom")
STUDIO_SAYS = r"The studio is at (http://\S+)"
WORKER_SAYS = r"The worker is ready\."
PASSWORD = "correct horse battery"
MANY = "100000 per minute"


def settings_for(folder: Path, model: str, **more: str) -> dict[str, str]:
    """Environment variables of a studio for tests, which come by plain HTTP."""
    given = {
        "data_dir": str(folder),
        "model": model,
        "device": "cpu",
        "secure_cookies": "0",
        "login_rate": MANY,
        "upload_rate": MANY,
        "api_rate": MANY,
        **more,
    }
    return {f"PHOTOCHROM_WEB_{name.upper()}": value for name, value in given.items()}


@contextlib.contextmanager
def launched(
    command: Sequence[str],
    environment: Mapping[str, str],
    says: str,
    within_s: float = 60.0,
    user: str | None = None,
) -> Iterator[str]:
    """A program, from when it says ``says`` (a pattern) until the block ends.

    Gives the pattern's group, or all of what matches. The program must end itself at SIGTERM.
    """
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "2", **environment},
        user=user,
        cwd=tempfile.gettempdir(),
    )
    lines: list[str] = []
    said, found = threading.Event(), []

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.append(line)
                if (match := re.search(says, line)) and not found:
                    found.append(match[1] if match.re.groups else match[0])
                    said.set()
        said.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert said.wait(within_s), f"not ready within {within_s} s: {''.join(lines)}"
        assert found, f"{command} ended: {''.join(lines)}"
        yield found[0]
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            listener.join()


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of its own, on a socket; its SQLAlchemy URL."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2])
    )
    if not folders:
        pytest.skip("PostgreSQL is not installed here (Debian's package postgresql)")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="pg-"))
    if user is not None:
        shutil.chown(home, user)
    try:
        data, tools = home / "data", folders[-1]
        make = [str(tools / "initdb"), "-D", str(data), "-U", "studio", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*make, "--no-sync"], check=True, capture_output=True, user=user, cwd=home)
        run = [str(tools / "postgres"), "-D", str(data), "-k", str(home), "-c", "fsync=off"]
        run += ["-c", "listen_addresses=", "-c", "max_connections=30"]
        with launched(run, {}, "ready to accept connections", user=user):
            yield f"postgresql+psycopg://studio@/postgres?host={home}"
    finally:
        shutil.rmtree(home)


@contextlib.contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[str]:
    """A Redis server of its own, on a free port if none is given; its URL."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("Redis is not installed here (Debian's package redis-server)")
    options = [
        "--port",
        str(port or free_port()),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with launched([command, *options], {}, "Ready to accept connections"):
        yield f"redis://127.0.0.1:{options[1]}/0"


def free_port() -> int:
    """One that nobody listens at, at this moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Person:
    """Somebody with an account and a browser, without the browser."""

    address: str
    web: requests.Session

    def post(self, path: str, fields: Mapping[str, str], **more: object) -> requests.Response:
        """Send a form, with the token that pages carry."""
        page = self.web.get(f"{self.address}/offline", timeout=30).text
        found = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert found is not None, page
        form = {"csrf_token": found[1], **fields}
        return self.web.post(f"{self.address}{path}", data=form, timeout=30, **more)  # type: ignore[arg-type]

    def get(self, path: str) -> requests.Response:
        """Fetch."""
        return self.web.get(f"{self.address}{path}", timeout=30)

    def upload(self) -> str:
        """Send a small picture; its address."""
        files = {"file": ("Grandmother.png", png(), "image/png")}
        with self.post(
            "/pictures", {}, files=files, headers={"Accept": "application/json"}
        ) as told:
            assert told.status_code == 201, told.text
            return str(told.json()["pictures"][0]["url"])

    def wait_until_done(self, path: str, within_s: float = 60.0) -> str:
        """Ask until it is done or failed; its state."""
        until = time.monotonic() + within_s
        while True:
            state = str(self.get(f"{path}/state").json()["state"])
            if state in ("done", "failed") or time.monotonic() > until:
                return state
            time.sleep(0.1)


@contextlib.contextmanager
def signed_up(address: str) -> Iterator[Person]:
    """Somebody who has just signed up."""
    with requests.Session() as web:
        person = Person(address, web)
        email = f"{secrets.token_hex(8)}@example.org"
        fields = {"name": "Ada", "email": email, "password": PASSWORD, "again": PASSWORD}
        answer = person.post("/sign-up", fields)
        assert (answer.status_code, answer.url) == (200, f"{address}/library"), answer.text
        yield person


def new_token(person: Person) -> str:
    """A token, made on the account's page."""
    page = person.post("/account/tokens", {"token_name": "test"}).text
    found = re.search(r'id="new-token"[^>]*value="([^"]+)"', page)
    assert found is not None, page
    return found[1]
