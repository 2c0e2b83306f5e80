"""Stores behind addresses other than s3://, each by a small server of this machine.

Needs fsspec with aiohttp, paramiko and sftpserver: what is there of these is tested by
`make test-hosts`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fixtures.model import tiny_model
from PIL import Image

from photochrom.archive import (
    ArchiveSettings,
    LocalEngine,
    Manifest,
    RunReport,
    Store,
    open_store,
    run_archive,
    stores,
)
from photochrom.batch import BatchOptions
from photochrom.errors import OutputError

pytestmark = [pytest.mark.hosts, pytest.mark.filterwarnings("ignore")]
COUNT = 6


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    for number in range(COUNT):
        path = folder / f"box {number % 2}" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (64 + number, 64), 40 + 5 * number).save(path)
    return folder


class Runs:
    """Runs of one archive."""

    def __init__(self, folder: Path) -> None:
        options = BatchOptions(model=tiny_model(folder / "tiny.onnx"), device="cpu")
        self.settings, self.folder = ArchiveSettings(options=options), folder

    def run(self, source: Store, target: Store, name: str) -> RunReport:
        engine = LocalEngine(self.settings.options.model, self.settings)
        with Manifest(self.folder / f"{name}.sqlite") as rows:
            return run_archive(rows, source, target, self.settings, engine)

    def expected(self, scans: Path) -> dict[str, bytes]:
        alone = self.folder / "alone"
        self.run(open_store(str(scans)), open_store(str(alone)), "alone")
        found = {p.relative_to(alone).as_posix(): p.read_bytes() for p in alone.rglob("*.png")}
        assert len(found) == COUNT
        return found


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    monkeypatch.setattr(stores, "_FIRST_WAIT_S", 0.01)
    return Runs(tmp_path)


def contents(store: Store) -> dict[str, bytes]:
    return {entry.key: store.read(entry.key) for entry in store.entries()}


def check(source: Store, target: Store, runs: Runs, scans: Path) -> None:
    """Coloured once; then nothing; then what was removed, and nothing is left beside."""
    expected = runs.expected(scans)
    assert runs.run(source, target, "run").counts.states == {"coloured": COUNT}
    assert contents(target) == expected
    assert runs.run(source, target, "run").results == {}
    target.remove("box 1/01.png")
    assert runs.run(source, target, "run").results == {"coloured": 1}
    assert contents(target) == expected


def test_memory_to_memory(scans: Path, runs: Runs) -> None:
    fsspec = pytest.importorskip("fsspec", reason="pip install 'photochrom[archive]'")
    files = fsspec.filesystem("memory")
    for path in scans.rglob("*.png"):
        files.pipe(f"/scans/{path.relative_to(scans).as_posix()}", path.read_bytes())
    check(open_store("memory://scans"), open_store("memory://colored"), runs, scans)
    assert all(".photochrom" not in name for name in files.find("/"))
    files.rm("/", recursive=True)


def test_from_http_which_is_only_read(scans: Path, runs: Runs, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="pip install 'photochrom[archive]'")
    pytest.importorskip("aiohttp", reason="pip install aiohttp")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        source = open_store(f"http://127.0.0.1:{server.server_port}/scans")
        check(source, open_store(str(tmp_path / "colored")), runs, scans)
        with pytest.raises(OutputError, match="cannot write http://"):
            source.write("box 0/new.png", b"x")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server, whose root is the test's folder."""
    fsspec = pytest.importorskip("fsspec", reason="pip install 'photochrom[archive]'")
    paramiko = pytest.importorskip("paramiko", reason="pip install paramiko")
    stub = pytest.importorskip("sftpserver.stub_sftp", reason="pip install sftpserver")
    import socket

    class Files(stub.StubSFTPServer):  # type: ignore[misc,name-defined]
        ROOT = str(tmp_path)

        def posix_rename(self, oldpath: str, newpath: str) -> int:
            Path(self._realpath(oldpath)).replace(self._realpath(newpath))
            return int(paramiko.SFTP_OK)

    key, transports = paramiko.RSAKey.generate(2048), []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            transport.start_server(server=stub.StubServer())
            transports.append(transport)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    # As FSSPEC_SFTP_PASSWORD does at the start of a program.
    monkeypatch.setitem(fsspec.config.conf, "sftp", {"password": "secret"})
    yield f"sftp://archive@127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for transport in transports:
        transport.close()


def test_from_sftp_to_sftp(scans: Path, runs: Runs, sftp: str, tmp_path: Path) -> None:
    check(open_store(f"{sftp}/scans"), open_store(f"{sftp}/colored"), runs, scans)
    (tmp_path / "colored" / "box 0" / ".photochrom-left.tmp").write_bytes(b"half")
    runs.run(open_store(f"{sftp}/scans"), open_store(f"{sftp}/colored"), "run")
    assert not list((tmp_path / "colored").rglob(".photochrom*"))
