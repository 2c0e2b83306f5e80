"""`photochrom serve`: one command starts everything, and one signal stops it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from fixtures.studio import Studio, jpeg, model_in, run_studio
from numpy.typing import NDArray

from photochrom.cli import USAGE, main
from photochrom.web import lan
from photochrom.web.serve import serve, worker_command
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("serve")
    with run_studio(Studio(folder / "studio", model_in(folder))) as studio:
        yield studio


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_picture_sent_to_it_comes_out_in_colour(
    studio: Studio, grey_scene: NDArray[np.uint8]
) -> None:
    url = studio.upload(jpeg(grey_scene))
    assert studio.wait_until_done(url)["state"] == "done"
    with studio.get(f"{url}/download") as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.read(3) == b"\xff\xd8\xff"


@pytest.mark.skipif(os.name != "posix", reason="files have no such modes there")
def test_nobody_else_on_the_machine_reads_its_files(studio: Studio) -> None:
    databases = list(studio.data_dir.glob("*.db*"))
    assert databases
    assert [path.name for path in databases if path.stat().st_mode & 0o077] == []


def test_events_come_while_it_is_coloured(studio: Studio, grey_scene: NDArray[np.uint8]) -> None:
    url = studio.upload(jpeg(np.tile(grey_scene, (8, 8))))
    with studio.get(f"{url}/events") as answer:
        record = [line for line in answer if line.startswith(b"data:")]
    assert b'"state": "done"' in record[-1]


def test_a_gigabyte_is_refused_without_a_byte_of_it(studio: Studio) -> None:
    place = urlsplit(studio.address)
    with socket.create_connection((place.hostname, place.port or 0), timeout=10) as connection:
        connection.sendall(
            b"POST /pictures HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        assert b" 413 " in connection.recv(4096).partition(b"\r\n")[0]


def test_another_name_for_this_machine_is_not_answered(studio: Studio) -> None:
    place = urlsplit(studio.address)
    with socket.create_connection((place.hostname, place.port or 0), timeout=10) as connection:
        connection.sendall(b"GET /library HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert b" 400 " in connection.recv(4096).partition(b"\r\n")[0]


def test_a_worker_that_dies_is_replaced(studio: Studio, grey_scene: NDArray[np.uint8]) -> None:
    before = studio.worker_pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    url = studio.upload(jpeg(grey_scene))
    assert studio.wait_until_done(url)["state"] == "done"
    assert studio.worker_pid() not in (None, before)


def test_sigterm_stops_web_and_worker_within_seconds(studio: Studio) -> None:
    worker = studio.worker_pid()
    assert worker is not None
    assert studio.stop(signal.SIGTERM) < 10
    until = time.monotonic() + 5
    while not has_ended(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert has_ended(worker)
    assert not [line for line in studio.log_lines if "Traceback" in line]


def test_a_worker_does_not_outlive_a_killed_studio(tmp_path: Path) -> None:
    with run_studio(Studio(tmp_path / "studio", model_in(tmp_path))) as studio:
        worker = studio.worker_pid()
        assert worker is not None
        studio.stop(signal.SIGKILL)
        until = time.monotonic() + 90  # still starting, and nicer than all else on this machine
        while not has_ended(worker) and time.monotonic() < until:
            time.sleep(0.05)
        assert has_ended(worker)


def test_a_studio_does_not_outlive_the_program_that_shows_it(tmp_path: Path) -> None:
    settings = WebSettings(tmp_path, model=model_in(tmp_path), device="cpu", local=True)
    reading, writing = os.pipe()
    late = threading.Timer(30, os.kill, (os.getpid(), signal.SIGTERM))
    late.start()
    with os.fdopen(reading) as parent:
        serve(
            settings,
            host="127.0.0.1",
            port=0,
            with_worker=False,
            report=lambda _address: os.close(writing),
            parent=parent,
        )
    assert late.is_alive(), "it ended by itself"
    late.cancel()


def test_a_name_of_several_addresses_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def of_two(host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        hosts = ("127.0.0.1", "127.0.0.2") if host == "localhost" else (host,)
        return [found for one in hosts for found in resolve(one, port, *rest, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", of_two)
    settings = WebSettings(tmp_path, model=model_in(tmp_path), device="cpu", local=True)
    answers: list[int] = []

    def visit(address: str) -> None:
        try:
            with urllib.request.urlopen(address.replace("/?", "/healthz?"), timeout=20) as answer:
                answers.append(answer.status)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def record(address: str) -> None:
        threading.Thread(target=visit, args=(address,)).start()

    serve(settings, host="localhost", port=0, with_worker=False, report=record)
    assert answers == [200]


def test_the_worker_logs_from_the_level_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    package = logging.getLogger("photochrom")
    monkeypatch.setattr(package, "level", logging.NOTSET)
    assert "--log-level" not in worker_command(None)
    monkeypatch.setattr(package, "level", logging.DEBUG)
    assert worker_command(Path("studio.toml"))[-4:] == [
        *("--config", "studio.toml", "--log-level", "debug"),
    ]


def test_what_cannot_be_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOCHROM_WEB_DATA_DIR", str(tmp_path))
    assert main(["serve", "--local", "--host", "0.0.0.0"]) == 1
    assert "this machine only" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        # In a process of its own, which takes with it what the server had opened before.
        command = [sys.executable, "-m", "photochrom", "serve", "--local", "--no-worker"]
        ran = subprocess.run([*command, "--port", port], capture_output=True, text=True)
        assert ran.returncode == 1
        assert "Choose another --port" in ran.stderr
    monkeypatch.setenv("PHOTOCHROM_WEB_MODEL", "photochrom-bsae")
    assert main(["serve", "--local"]) == 1
    assert "did you mean 'photochrom-base'" in capsys.readouterr().err
    monkeypatch.setenv("PHOTOCHROM_WEB_QUOTE_MB", "5")
    assert main(["worker"]) == 1
    assert "unknown setting" in capsys.readouterr().err


def test_on_the_network_it_shows_its_address_as_a_code_and_says_what_is_not_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PHOTOCHROM_WEB_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(lan, "lan_address", lambda: "192.168.1.20")
    started: list[tuple[WebSettings, str]] = []

    def run(settings: WebSettings, *, host: str, port: int, report: Any, **_: Any) -> None:
        started.append((settings, host))
        report(f"http://localhost:{port}")

    monkeypatch.setattr("photochrom.web.serve.serve", run)
    assert main(["serve", "--lan", "--port", "8123"]) == 0
    settings, host = started[0]
    assert (host, settings.secure_cookies, settings.local) == ("0.0.0.0", False, False)
    assert settings.allowed_hosts == ("192.168.1.20",)
    lines = capsys.readouterr().err.splitlines()
    assert "On a phone in the same network: http://192.168.1.20:8123" in lines
    assert any("Not protected" in line for line in lines)
    code = lan.qr_lines("http://192.168.1.20:8123")
    assert "\n".join(code) in "\n".join(lines)
    assert set("".join(code)) <= set("\u2580\u2584\u2588 ")
    pixels = np.array([[(c in "\u2588\u2580", c in "\u2588\u2584") for c in row] for row in code])
    rows = pixels.transpose(0, 2, 1).reshape(-1, len(code[0]))  # light is True
    found, *_ = cv2.QRCodeDetector().detectAndDecode(
        np.kron(255 * rows, np.ones((6, 6))).astype(np.uint8)
    )
    assert found == "http://192.168.1.20:8123"
    assert main(["serve", "--lan", "--local"]) == USAGE
