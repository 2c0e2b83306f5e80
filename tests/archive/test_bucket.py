"""From bucket to bucket: nothing is lost and nothing is twice, also where the store throttles.

Needs s3fs and moto, whose server stands in for S3: `make test-hosts`.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.model import tiny_model
from PIL import Image

from photochrom.archive import (
    ArchiveSettings,
    LocalEngine,
    Manifest,
    RunReport,
    open_store,
    run_archive,
    stores,
)
from photochrom.batch import BatchOptions

pytestmark = pytest.mark.hosts
_REFUSALS = (
    ("503 Slow Down", "SlowDown"), ("500 Internal Server Error", "InternalError"),
    ("503 Service Unavailable", "ServiceUnavailable"),
)  # fmt: skip


class Throttled:
    """A server that refuses some requests, before or after it has done what they ask."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app, self.every = app, 0
        """One in so many is refused; 0 refuses none."""
        self.refused: Counter[str] = Counter()
        self._number = itertools.count(1)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            number = next(self._number)
        if not self.every or number % self.every:
            return self.app(environ, start)
        refusal = number // self.every
        if refusal % 2:  # it is done, and nobody hears of it
            b"".join(self.app(environ, lambda *_: lambda _: None))
        status, code = _REFUSALS[refusal % len(_REFUSALS)]
        self.refused[environ["REQUEST_METHOD"]] += 1
        body = f"<Error><Code>{code}</Code><Message>try again</Message></Error>".encode()
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Throttled, Any]]:
    """The server, and s3fs on it with two buckets."""
    s3fs = pytest.importorskip("s3fs", reason="pip install 'photochrom[archive]'")
    moto_server = pytest.importorskip("moto.server", reason="pip install 'moto[s3,server]'")
    from werkzeug.serving import make_server

    throttled = Throttled(moto_server.DomainDispatcherApplication(moto_server.create_backend_app))
    server = make_server("127.0.0.1", 0, throttled, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}"),
        ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"), ("AWS_MAX_ATTEMPTS", "1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stores, "_FIRST_WAIT_S", 0.01)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("scans")
    files.mkdir("colored")
    yield throttled, files
    server.shutdown()
    thread.join()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.filterwarnings("ignore")
def test_a_throttled_store_loses_nothing(bucket: tuple[Throttled, Any], tmp_path: Path) -> None:
    throttled, files = bucket
    local = tmp_path / "scans"
    for number in range(24):
        path = local / f"box {number % 3}" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64 + number, 64), 40 + 5 * number).save(path)
    (local / "box 0/broken.jpg").write_bytes(b"\xff\xd8\xff")
    files.put(str(local), "scans/1931", recursive=True)
    options = BatchOptions(model=tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    settings = ArchiveSettings(options=options)

    def run(source: str, target: str, manifest: Path) -> RunReport:
        with Manifest(manifest) as rows:
            places = open_store(source), open_store(target)
            return run_archive(rows, *places, settings, LocalEngine(options.model, settings))

    run(str(local), str(tmp_path / "alone"), tmp_path / "alone.sqlite")
    throttled.every = 4
    report = run("s3://scans/1931", "s3://colored/1931", tmp_path / "manifest.sqlite")
    assert report.counts.states == {"coloured": 24, "failed": 1}
    assert report.verified == (25, ())
    assert sum(throttled.refused.values()) > 20
    assert {"GET", "PUT"} <= set(throttled.refused)
    again = run("s3://scans/1931", "s3://colored/1931", tmp_path / "manifest.sqlite")
    assert again.results == {}
    throttled.every = 0
    files.invalidate_cache()
    found = {key.removeprefix("colored/1931/"): files.cat(key) for key in files.find("colored")}
    alone = {
        path.relative_to(tmp_path / "alone").as_posix(): path.read_bytes()
        for path in (tmp_path / "alone").rglob("*.png")
    }
    assert found == alone
    files.rm("colored/1931/box 1/01.png")
    third = run("s3://scans/1931", "s3://colored/1931", tmp_path / "manifest.sqlite")
    assert third.results == {"coloured": 1}
