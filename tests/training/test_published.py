"""Published data sets are fetched, gone on with, and checked; by a stand-in for their servers."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from photochrom.cli import FAILED, OK, main
from photochrom.training.data.published import PUBLISHED, Checksum, PublishedFile

CONTENT = bytes(range(256)) * 9000
MD5 = hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = len(CONTENT) // 2


class _Server(http.server.BaseHTTPRequestHandler):
    """Ranges as RFC 9110 has them; breaks off in the middle as long as `breaks` says."""

    ranges: list[str | None]
    breaks = 0
    knows_ranges = True

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        type(self).ranges.append(wanted)
        if "missing" in self.path:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        start = start if self.knows_ranges else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        end = len(CONTENT)
        if type(self).breaks:
            type(self).breaks -= 1
            end = start + HALF
        self.wfile.write(CONTENT[start:end])

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[_Server]]]:
    """Stands in for the publisher of MNIST, with one file of a known MD5."""
    monkeypatch.chdir(tmp_path)
    handler = type("Handler", (_Server,), {"ranges": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{served.server_port}"
        serve(monkeypatch, PublishedFile(f"{url}/digits.gz", Checksum("md5", MD5, "we say")))
        yield url, handler
        served.shutdown()
        thread.join()


def serve(monkeypatch: pytest.MonkeyPatch, file: PublishedFile) -> None:
    row = dataclasses.replace(PUBLISHED["mnist"], files=(file,))
    monkeypatch.setitem(PUBLISHED, "mnist", row)


def test_a_download_goes_on_where_it_broke_off(
    server: tuple[str, type[_Server]], capsys: pytest.CaptureFixture[str]
) -> None:
    _, handler = server
    handler.breaks = 1
    assert main(["data", "get", "mnist"]) == FAILED
    shown = capsys.readouterr().err
    before, _, after = shown.partition("cannot be fetched")
    for fact in ("/digits.gz", MD5, "CC BY-SA 3.0"):
        assert fact in before
    assert "the same call goes on where it stopped" in after
    assert Path("data/mnist/digits.gz.part").stat().st_size == HALF
    assert main(["data", "get", "mnist"]) == OK
    assert handler.ranges == [None, f"bytes={HALF}-"]
    kept = Path("data/mnist/digits.gz")
    assert kept.read_bytes() == CONTENT
    assert capsys.readouterr().out == f"{kept}\n"
    assert main(["data", "get", "mnist"]) == OK, "it is there"
    assert len(handler.ranges) == 2
    kept.write_bytes(CONTENT[:-1])
    assert main(["data", "get", "mnist"]) == FAILED
    assert "remove data/mnist/digits.gz to fetch it again" in capsys.readouterr().err


def test_a_server_without_ranges_begins_anew_and_a_whole_part_is_kept(
    server: tuple[str, type[_Server]],
) -> None:
    _, handler = server
    part = Path("data/mnist/digits.gz.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT)
    assert main(["data", "get", "mnist"]) == OK
    assert handler.ranges == [f"bytes={len(CONTENT)}-"], "answered 416"
    Path("data/mnist/digits.gz").unlink()
    part.write_bytes(b"\xff" * 1000)
    handler.knows_ranges = False
    assert main(["data", "get", "mnist"]) == OK
    assert Path("data/mnist/digits.gz").read_bytes() == CONTENT


def test_what_is_not_the_published_file_is_not_kept(
    server: tuple[str, type[_Server]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, _ = server
    wrong = Checksum("md5", "0" * 32, "we say")
    for file, words in (
        (PublishedFile(f"{url}/digits.gz", wrong), f"its MD5 is {MD5}, not {'0' * 32}; nothing"),
        (PublishedFile(f"{url}/digits.gz", wrong, 7), "bytes, not 7"),
        (PublishedFile(f"{url}/missing.gz", wrong), "the server answers 404"),
        (PublishedFile(f"{url}/a.gz", wrong, 1 << 60), "GB are free; free some space"),
        (
            PublishedFile("http://127.0.0.1:9/a.gz", wrong),
            "refused; check the address and the netw",
        ),
    ):
        serve(monkeypatch, file)
        assert main(["data", "get", "mnist", "-o", "kept"]) == FAILED
        assert words in capsys.readouterr().err
        assert list(Path("kept").iterdir()) == []


def test_a_checksum_that_nobody_publishes_has_to_be_accepted(
    server: tuple[str, type[_Server]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, handler = server
    start = hashlib.md5(CONTENT[:4096]).hexdigest()
    checksum = Checksum("md5", start, "we say", 4096)
    serve(monkeypatch, PublishedFile(f"{url}/photos.tgz", checksum, len(CONTENT)))
    for accept in ([], ["--accept-checksum", "12"]):
        assert main(["data", "get", "mnist", *accept]) == FAILED
        assert f"call again with --accept-checksum {SHA256}" in capsys.readouterr().err
        assert not Path("data/mnist/photos.tgz").exists()
    assert main(["data", "get", "mnist", "--accept-checksum", SHA256]) == OK
    assert Path("data/mnist/photos.tgz").read_bytes() == CONTENT
    assert len(handler.ranges) == 1, "it was fetched once"


def test_every_row_has_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == OK
    shown = capsys.readouterr().out
    for name, row in PUBLISHED.items():
        assert name in shown
        assert row.licence in shown
        for file in row.files:
            assert file.url in shown
            length = {"md5": 32, "sha256": 64}[file.checksum.algorithm]
            assert len(file.checksum.digits) == length
            assert int(file.checksum.digits, 16)
            assert file.checksum.first_bytes is None or file.size_bytes is not None
