"""The studio behind several HTTP servers: pages a second, idle connections, refusals, SIGTERM.

    python -m pip install gunicorn granian uvicorn asgiref
    python benchmarks/studio_servers.py                     all of them
    python benchmarks/studio_servers.py waitress granian    some

Each serves the same application with eight threads and an empty folder, and is asked over eight
connections that are kept. Processor time hardly depends on what else the machine does, as pages a
second and percentiles do. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from studio_load import SETTINGS, Person, Tally, photograph

THREADS, CONNECTIONS, IDLE, SLOW = 8, 8, 1000, 16
STOP_S = 40.0
ANSWER_S = 40.0
"""After which a server counts as one that does not answer."""
BODY_MB = 20
"""Of a form, that is not wanted and ends nowhere."""
PROBE = "photochrom.web.app:create_app()"
WRAPPER = """\
from asgiref.wsgi import WsgiToAsgi
from photochrom.web.app import create_app
def make():
    return WsgiToAsgi(create_app())
"""


TABLE = (
    f"| server | pages a second | p50 / p95 | processor time of one | p95 with {IDLE} idle "
    "connections | processor time | a visitor's page | memory of them | a visitor's page beside "
    f"{SLOW} slow senders | a form without end | "
    "an upload at SIGTERM, until the end | Windows |"
)


class Server(NamedTuple):
    """How one is started; {port} and {folder} are filled in."""

    package: str
    command: str
    windows: bool


SERVERS = {
    "waitress": Server("waitress", "photochrom serve --no-worker --port {port}", True),
    "gunicorn": Server(
        "gunicorn", f"gunicorn -k gthread --threads {THREADS} --worker-connections 2000 -w 1 "
        f"-b 127.0.0.1:{{port}} {PROBE}",
        False,
    ),
    "granian": Server(
        "granian", f"granian --interface wsgi --blocking-threads {THREADS} --workers 1 "
        "--factory --port {port} --no-ws photochrom.web.app:create_app", True,
    ),
    "uvicorn": Server(
        "uvicorn", "uvicorn --factory --port {port} --log-level warning --app-dir {folder} "
        "wrapper:make", True,
    ),
}  # fmt: skip


def tree(pid: int) -> list[int]:
    """A process and all that it started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [pid, *(one for child in children for one in tree(child))]


def cpu_s(pid: int) -> float:
    """Processor time of all of them."""
    total = 0.0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def memory_mb(pid: int) -> float:
    """What they hold, shared pages once."""
    texts = [Path(f"/proc/{one}/smaps_rollup").read_text() for one in tree(pid)]
    return sum(int(size) for t in texts for size in re.findall(r"^Pss: +(\d+)", t, re.M)) / 1000


@contextlib.contextmanager
def serving(server: Server) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The server, answering at a port."""
    from photochrom.web.app import create_app
    from photochrom.web.settings import WebSettings
    from photochrom.web.worker import migrate

    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        settings = WebSettings(data_dir=Path(folder))
        migrate(create_app(settings), settings)
        (Path(folder) / "wrapper.py").write_text(WRAPPER)
        given = {**SETTINGS, "DATA_DIR": folder, "THREADS": str(THREADS)}
        environment = {f"PHOTOCHROM_WEB_{name}": value for name, value in given.items()}
        command = server.command.format(port=port, folder=folder).split()
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + 120
            while time.monotonic() < until and process.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield port, process
        finally:
            process.kill()
            process.wait()


async def ask_pages(person: Person, pid: int, count: int) -> tuple[float, float, float, float]:
    """Pages a second, their median and 95th percentile in ms, processor time of one in ms."""
    seconds: list[float] = []
    left = iter(range(count))
    before, start = cpu_s(pid), time.monotonic()

    async def ask() -> None:
        for _ in left:
            begun = time.monotonic()
            answer = await person.ask("page", "GET", "/library")
            assert answer.status == 200, answer
            seconds.append(time.monotonic() - begun)

    asked = asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    try:
        await asyncio.wait_for(asked, ANSWER_S)
    except asyncio.TimeoutError:
        return (math.nan,) * 4
    took_s = time.monotonic() - start
    busy_ms = 1000 * (cpu_s(pid) - before) / count
    return count / took_s, *(1000 * float(p) for p in np.percentile(seconds, [50, 95])), busy_ms


async def pour(port: int) -> str:
    """How much of a body is taken that a form cannot have, and what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /log-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent, piece = 0, b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
    answer = asyncio.ensure_future(reader.readline())
    with contextlib.suppress(OSError):
        while sent < BODY_MB * 1_000_000 and not answer.done():
            writer.write(piece)
            await writer.drain()
            sent += 100_000
            await asyncio.sleep(0.002)
    with contextlib.suppress(OSError, asyncio.TimeoutError):
        line = await asyncio.wait_for(asyncio.shield(answer), 5)
        status = [*line.split(), b"closed", b"closed"][1].decode()
        writer.close()
        return f"{status} after {sent / 1e6:.1f} MB"
    answer.cancel()
    writer.close()
    return f"nothing after {sent / 1e6:.1f} MB"


async def visit(port: int) -> str:
    """Seconds until somebody new has a page."""
    visitor, begun, status = Person(f"http://127.0.0.1:{port}", Tally(), 1), time.monotonic(), 0
    with contextlib.suppress(asyncio.TimeoutError):
        status = (await asyncio.wait_for(visitor.ask("page", "GET", "/"), ANSWER_S)).status
    visitor.close()
    return f"{time.monotonic() - begun:.2f} s" if status == 200 else "none"


async def visit_beside_slow_senders(port: int) -> str:
    """The same, while some send forms and do not go on."""
    slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SLOW)]
    for _reader, writer in slow:
        writer.write(b"POST /log-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
                     b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=")  # fmt: skip
    await asyncio.sleep(0.5)
    found = await visit(port)
    for _reader, writer in slow:
        writer.close()
    return found


async def stop(person: Person, process: subprocess.Popen[bytes]) -> str:
    """Whether an upload on its way is answered at SIGTERM, and how long it takes to end."""
    upload = asyncio.ensure_future(person.send(photograph(2.0), "a.jpg", "photo", 0.0))
    await asyncio.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    with contextlib.suppress(asyncio.TimeoutError, json.JSONDecodeError):
        await asyncio.wait_for(upload, STOP_S)
    is_answered = upload.done() and not (upload.cancelled() or upload.exception())
    while process.poll() is None and time.monotonic() - begun < STOP_S:
        await asyncio.sleep(0.02)
    took = "not ended" if process.returncode is None else f"{time.monotonic() - begun:.1f} s"
    return f"{'answered' if is_answered else 'lost'}, {took}"


async def measure(name: str, port: int, process: subprocess.Popen[bytes], pages: int) -> None:
    """A row of the table."""
    person = Person(f"http://127.0.0.1:{port}", Tally(), 0)
    await person.sign_up()
    await ask_pages(person, process.pid, CONNECTIONS)
    alone = await ask_pages(person, process.pid, pages)
    before_mb, idle = memory_mb(process.pid), []
    for _ in range(IDLE):
        with contextlib.suppress(OSError):
            idle.append(await asyncio.open_connection("127.0.0.1", port))
    await asyncio.sleep(1)
    crowded = await ask_pages(person, process.pid, pages)
    page = await visit(port)
    held_mb = memory_mb(process.pid) - before_mb
    for _reader, writer in idle:
        writer.close()
    slow_page = await visit_beside_slow_senders(port)
    refusal = await pour(port)
    stopped = await stop(person, process)
    person.close()
    figures = f"{alone[0]:.0f} | {alone[1]:.0f} / {alone[2]:.0f} ms | {alone[3]:.1f} ms"
    idle_figures = f"{crowded[2]:.0f} ms | {crowded[3]:.1f} ms | {page} | {held_mb:.0f} MB"
    windows = "yes" if SERVERS[name].windows else "no"
    row = (name, figures, idle_figures, slow_page, refusal, stopped, windows)
    print(f"| {' | '.join(row)} |", flush=True)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("servers", nargs="*", choices=[*SERVERS, []], default=[])
    parser.add_argument("--pages", type=int, default=400)
    arguments = parser.parse_args()
    print(TABLE)
    print("| --- " * 12 + "|")
    for name in arguments.servers or SERVERS:
        if find_spec(SERVERS[name].package) is None:
            print(f"{name} is not installed", file=sys.stderr)
            continue
        with serving(SERVERS[name]) as (port, process):
            asyncio.run(measure(name, port, process, arguments.pages))
    print(f"load after: {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
