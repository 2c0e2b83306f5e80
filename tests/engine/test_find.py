"""Models are found by name, path and address; what is not the file that was meant is refused."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from photochrom.engine import find
from photochrom.errors import ModelError
from photochrom.folders import cache_dir

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder with two shipped models."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "photochrom-base.onnx").write_bytes(CONTENT)
    (folder / "photochrom-small.onnx").write_bytes(b"other")
    (folder / "SHA256SUMS").write_text(
        f"{SHA256}  photochrom-base.onnx\n{'0' * 64}  photochrom-small.onnx\n"
    )
    return folder


def test_shipped_models_are_those_of_the_table(shelf: Path) -> None:
    assert find.shipped_models(shelf) == ("photochrom-base", "photochrom-small")


def test_a_shipped_model_is_found_by_name(shelf: Path) -> None:
    path, content = find.read_model("photochrom-base", shipped_dir=shelf)
    assert (path.name, content) == ("photochrom-base.onnx", CONTENT)


def test_a_changed_shipped_model_is_refused(shelf: Path) -> None:
    with pytest.raises(ModelError, match="not the file that was shipped"):
        find.read_model("photochrom-small", shipped_dir=shelf)


def test_an_unknown_name_suggests_a_known_one(shelf: Path) -> None:
    with pytest.raises(ModelError, match="did you mean 'photochrom-base'"):
        find.read_model("photochrom-bass", shipped_dir=shelf)


def test_an_unknown_name_is_told_when_nothing_is_shipped(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ships none"):
        find.read_model("base", shipped_dir=tmp_path)


def test_every_shipped_model_is_whole_and_has_its_card_page() -> None:
    for name in find.shipped_models():
        path, _ = find.read_model(name)
        assert path.with_suffix(".md").is_file()


@pytest.mark.parametrize("kind", [str, Path])
def test_a_model_is_found_by_path(tmp_path: Path, kind: type) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(CONTENT)
    assert find.read_model(kind(file)) == (file, CONTENT)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file .*missing\.onnx"):
        find.read_model(tmp_path / "missing.onnx")


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        find.read_model(tmp_path)


class _Server(http.server.BaseHTTPRequestHandler):
    seen: list[str]
    cut = False

    def do_GET(self) -> None:
        type(self).seen.append(self.path)
        if "missing" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if type(self).cut else CONTENT)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[_Server]]]:
    """A web server with one file under every name, and an empty cache of our own."""
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    handler = type("Handler", (_Server,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", handler
        served.shutdown()
        thread.join()


def test_an_address_is_fetched_once_and_then_kept(server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    address = f"{url}/a/net.onnx#sha256={SHA256}"
    first, second = find.read_model(address), find.read_model(address)
    assert first == second == (first[0], CONTENT)
    assert first[0].is_relative_to(cache_dir())
    assert handler.seen == ["/a/net.onnx"]
    assert find.local_model(address) == first[0]


def test_a_signed_address_is_known_again_by_its_path(server: tuple[str, type[_Server]]) -> None:
    url, handler = server
    paths = set()
    for signature in ("a" * 300, "b/" * 150):
        paths.add(find.read_model(f"{url}/net.onnx?signature={signature}#sha256={SHA256}")[0])
    assert [path.name for path in paths] == [f"{SHA256[:16]}-net.onnx"]
    assert len(handler.seen) == 1


@pytest.mark.parametrize("letter", ["n", "ü"])
def test_a_long_name_is_kept_by_its_end(server: tuple[str, type[_Server]], letter: str) -> None:
    name = quote(letter * 200)
    path, content = find.read_model(f"{server[0]}/{name}.onnx#sha256={SHA256}")
    assert content == CONTENT
    assert path.suffix == ".onnx"
    assert len(path.name.encode()) < 128


def test_a_kept_model_is_a_file_like_any_other(
    server: tuple[str, type[_Server]], tmp_path: Path
) -> None:
    path, _ = find.read_model(f"{server[0]}/net.onnx#sha256={SHA256}")
    (tmp_path / "ordinary").touch()
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_copy_in_the_cache_is_fetched_again(server: tuple[str, type[_Server]]) -> None:
    address = f"{server[0]}/net.onnx#sha256={SHA256}"
    path, _ = find.read_model(address)
    path.write_bytes(b"rot")
    assert find.read_model(address) == (path, CONTENT)
    assert path.read_bytes() == CONTENT


def test_a_hub_address_names_owner_repo_revision_and_file(
    server: tuple[str, type[_Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server[0])
    find.read_model(f"hf:owner/repo/deep/net.onnx#sha256={SHA256}")
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(ModelError, match="is not the file that was asked for"):
        find.read_model(f"hf:owner/repo@v1.0/net.onnx#sha256={other}")
    assert server[1].seen == [
        "/owner/repo/resolve/main/deep/net.onnx",
        "/owner/repo/resolve/v1.0/net.onnx",
    ]


@pytest.mark.parametrize("cut", [False, True])
def test_a_wrong_or_cut_download_leaves_nothing(
    server: tuple[str, type[_Server]], cut: bool
) -> None:
    server[1].cut = cut
    checksum = SHA256 if cut else "0" * 64
    with pytest.raises(ModelError, match=r"net\.onnx"):
        find.read_model(f"{server[0]}/net.onnx#sha256={checksum}")
    assert not [path for path in cache_dir().rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://example.org/net.onnx", "needs its checksum"),
        ("https://example.org/net.onnx#sha256=12", "needs its checksum"),
        (f"hf:only-owner#sha256={SHA256}", "not a Hugging Face model address"),
    ],
)
def test_an_address_without_all_it_needs_is_refused(address: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find.read_model(address)


def test_a_missing_page_and_a_silent_host_are_told(server: tuple[str, type[_Server]]) -> None:
    with pytest.raises(ModelError, match="answers 404"):
        find.read_model(f"{server[0]}/missing.onnx#sha256={SHA256}")
    with pytest.raises(ModelError, match="check the address and the network"):
        find.read_model(f"http://127.0.0.1:9/net.onnx#sha256={SHA256}")


def test_a_cache_that_cannot_be_written_is_told(
    server: tuple[str, type[_Server]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="PHOTOCHROM_CACHE"):
        find.read_model(f"{server[0]}/net.onnx#sha256={SHA256}")
