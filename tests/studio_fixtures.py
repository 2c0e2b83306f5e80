"""Pictures for the studio's tests, a worker without a process, and whole studios as processes."""

from __future__ import annotations

import contextlib
import http.cookiejar
import io
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from flask import Flask
from flask.testing import FlaskClient
from model_fixtures import tiny_model
from numpy.typing import NDArray
from PIL import Image
from web_fixtures import csrf_token
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from photochrom.engine import load
from photochrom.web import jobs
from photochrom.web.settings import WebSettings
from photochrom.web.worker import Worker


class Browser(FlaskClient):
    """Reads every answer to its end at once, so that files that are sent do not stay open."""

    def open(self, *args: Any, buffered: bool = True, **kwargs: Any) -> TestResponse:
        return super().open(*args, buffered=buffered, **kwargs)


def model_in(folder: Path) -> str:
    """A tiny model, for settings."""
    path = folder / "tiny.onnx"
    return str(path if path.is_file() else tiny_model(path))


def jpeg(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    """A JPEG file."""
    return encoded(pixels, "JPEG", **options)


def encoded(pixels: NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    """A file of this kind."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def upload(browser: FlaskClient, *files: tuple[bytes, str], **headers: str) -> TestResponse:
    """Send files as the library's script does."""
    # Werkzeug would put a large body into a temporary file and leave it open.
    parts = MultiDict(
        [("file", FileStorage(io.BytesIO(data), filename=name)) for data, name in files]
    )
    border, body = encode_multipart(parts)
    return browser.post(
        "/pictures",
        data=body,
        content_type=f"multipart/form-data; boundary={border}",
        headers={
            "Accept": "application/json",
            "X-CSRFToken": csrf_token(browser),
            **headers,
        },
    )


def uploaded(browser: FlaskClient, data: bytes, name: str = "scene.jpg") -> str:
    """Send a file that is accepted; the picture's address."""
    answer = upload(browser, (data, name))
    assert answer.status_code == 201, answer.get_data(as_text=True)
    url: str = answer.get_json()["pictures"][0]["url"]
    return url


def ask(browser: FlaskClient, path: str, values: Any = None) -> TestResponse:
    """Post JSON as the picture page's script does."""
    return browser.post(
        path,
        json={} if values is None else values,
        headers={"X-CSRFToken": csrf_token(browser), "Accept": "application/json"},
    )


def worker_of(app: Flask, settings: WebSettings) -> Worker:
    """A worker in this process."""
    return Worker(app, settings, load(settings.model, device="cpu"))


def colour_all(app: Flask, settings: WebSettings) -> None:
    """What the worker would do, now."""
    worker = worker_of(app, settings)
    for kind in jobs.KINDS:
        with app.app_context():
            found = jobs.waiting_rows(kind)
        for job in found:
            worker.work(job.picture_id, job.revision)


class Studio:
    """A studio as people run it: `photochrom serve` in a process of its own, for one person."""

    def __init__(self, data_dir: Path, model: str, *options: str, local: bool = True) -> None:
        self._command = [sys.executable, "-m", "photochrom", "serve", "--port", "0", *options]
        self._command += ["--local"] if local else []
        self._environment = os.environ | {
            "PHOTOCHROM_WEB_DATA_DIR": str(data_dir),
            "PHOTOCHROM_WEB_MODEL": model,
            "PHOTOCHROM_WEB_DEVICE": "cpu",
            "PHOTOCHROM_WEB_UPLOAD_RATE": "100000 per minute",
            "OMP_NUM_THREADS": "2",
        }
        self.address = ""
        self.said: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            self._command, stderr=subprocess.PIPE, text=True, env=self._environment
        )
        told = threading.Event()

        def listen(process: subprocess.Popen[str]) -> None:
            assert process.stderr is not None
            for line in process.stderr:
                self.said.append(line)
                if (found := re.search(r"http://\S+", line)) and not told.is_set():
                    self.address = found[0]
                    told.set()
            process.stderr.close()

        threading.Thread(target=listen, args=(self._process,), daemon=True).start()
        assert told.wait(60), self.said
        assert self.get("/readyz").status == 200

    @property
    def pid(self) -> int:
        """Of the web process."""
        assert self._process is not None
        return self._process.pid

    def worker_pid(self) -> int | None:
        """Of the worker, while there is one."""
        with contextlib.suppress(FileNotFoundError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            for child in children:
                with contextlib.suppress(FileNotFoundError):
                    if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        return int(child)
        # A thread may have started it.
        with contextlib.suppress(FileNotFoundError):
            for task in Path(f"/proc/{self.pid}/task").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    for child in (task / "children").read_text().split():
                        if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                            return int(child)
        return None

    def stop(self, number: int) -> float:
        """Send a signal and wait for the end; seconds."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(number)
        self._process.wait(30)
        return time.monotonic() - began

    def close(self) -> None:
        """Make sure that nothing is left of it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def get(self, path: str) -> Any:
        """The answer to a GET, also where it is an error's."""
        try:
            return self._opener.open(self.address + path, timeout=30)
        except urllib.error.HTTPError as error:
            return error

    def state(self, path: str) -> dict[str, Any]:
        """How far a picture is."""
        with self.get(f"{path}/state") as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def upload(self, data: bytes, name: str = "a.jpg") -> str:
        """Send a file; the picture's address. OSError where the studio goes away meanwhile."""
        with self.get("/offline") as page:
            found = re.search(r'name="csrf-token" content="([^"]+)"', page.read().decode())
        assert found is not None
        border = uuid.uuid4().hex
        head = (
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        request = urllib.request.Request(
            self.address + "/pictures",
            head.encode() + data + f"\r\n--{border}--\r\n".encode(),
            {
                "Content-Type": f"multipart/form-data; boundary={border}",
                "Accept": "application/json",
                "X-CSRFToken": found[1],
            },
        )
        with self._opener.open(request, timeout=30) as answer:
            url: str = json.load(answer)["pictures"][0]["url"]
        return url

    def wait_until_done(self, path: str, within_s: float = 60.0) -> dict[str, Any]:
        """Ask until it is done or failed."""
        until = time.monotonic() + within_s
        while True:
            told = self.state(path)
            if told["state"] in ("done", "failed") or time.monotonic() > until:
                return told
            time.sleep(0.1)


@contextlib.contextmanager
def running(studio: Studio) -> Iterator[Studio]:
    """A studio, started, and stopped at the end."""
    try:
        studio.start()
        yield studio
    finally:
        studio.close()
