"""An Immich library is coloured through its interface, here that of a small stand-in.

The stand-in has the routes, fields and status codes of Immich's OpenAPI document that are used.
"""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import io
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.archive import (
    ArchiveSettings,
    LocalEngine,
    Manifest,
    RunReport,
    open_store,
    run_archive,
    stores,
    verify_originals,
)
from photochrom.batch import BatchOptions
from photochrom.errors import InputError

KEY = "a-key"


class Library:
    """Assets and stacks, in memory."""

    def __init__(self) -> None:
        self.assets: dict[str, dict[str, Any]] = {}
        self.data: dict[str, bytes] = {}
        self.stacks: dict[str, list[str]] = {}
        self.failures = 0
        """Requests that are answered with 503 before all is well."""

    def add(self, name: str, data: bytes) -> tuple[str, str]:
        checksum = base64.b64encode(hashlib.sha1(data).digest()).decode()
        for known in self.assets.values():
            if known["checksum"] == checksum:
                return known["id"], "duplicate"
        asset_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name + checksum))
        self.assets[asset_id] = {
            "id": asset_id, "originalFileName": name, "checksum": checksum, "type": "IMAGE",
            "exifInfo": {"fileSizeInByte": len(data)}, "fileCreatedAt": "1931-05-01T00:00:00.000Z",
            "fileModifiedAt": "1931-05-01T00:00:00.000Z",
        }  # fmt: skip
        self.data[asset_id] = data
        return asset_id, "created"

    def answer(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, Any]:
        match method, path.removeprefix("/api").split("/")[1:]:
            case "GET", ["server", "version"]:
                return 200, {"major": 2, "minor": 0, "patch": 0}
            case "POST", ["search", "metadata"]:
                asked = json.loads(body)
                items = sorted(self.assets.values(), key=lambda asset: asset["id"])
                first = (asked["page"] - 1) * 2
                more = str(asked["page"] + 1) if len(items) > first + 2 else None
                return 200, {"assets": {"items": items[first : first + 2], "nextPage": more}}
            case "GET", ["assets", asset_id]:
                return 200, self.assets[asset_id]
            case "GET", ["assets", asset_id, "original"]:
                return 200, self.data[asset_id]
            case _, ["stacks"]:
                return self.answer_stacks(method, body)
            case "POST", ["assets"]:
                head = f"Content-Type: {content_type}\r\n\r\n".encode()
                form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
                parts = {
                    part.get_param("name", header="content-disposition"): part
                    for part in form.iter_parts()
                }
                assert {"deviceAssetId", "deviceId", "fileCreatedAt", "fileModifiedAt"} < set(parts)
                file: Any = parts["assetData"]
                asset_id, status = self.add(file.get_filename(), file.get_payload(decode=True))
                return 201 if status == "created" else 200, {"id": asset_id, "status": status}
            case "DELETE", ["assets"]:
                for asset_id in json.loads(body)["ids"]:
                    del self.assets[asset_id]
                    for ids in self.stacks.values():
                        ids[:] = [other for other in ids if other != asset_id]
                return 204, b""
        return 404, {"message": "Not Found"}

    def answer_stacks(self, method: str, body: bytes) -> tuple[int, Any]:
        if method == "GET":
            return 200, [
                {"id": s, "primaryAssetId": ids[0], "assets": [self.assets[i] for i in ids]}
                for s, ids in self.stacks.items()
            ]
        ids = json.loads(body)["assetIds"]
        for stack, others in list(self.stacks.items()):
            if set(others) & set(ids):
                ids += [other for other in self.stacks.pop(stack) if other not in ids]
        self.stacks[str(uuid.uuid4())] = ids
        return 201, {"primaryAssetId": ids[0]}


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Library, str]]:
    """A library and its address."""
    library = Library()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers["x-api-key"] != KEY:
                status: int = 401
                answer: Any = {"message": "Invalid API key"}
            elif library.failures:
                library.failures -= 1
                status, answer = 503, {}
            else:
                status, answer = library.answer(
                    self.command, self.path, body, self.headers.get("Content-Type", "")
                )
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.02))
    thread.start()
    monkeypatch.setenv("IMMICH_API_KEY", KEY)
    monkeypatch.setattr(stores, "_FIRST_WAIT_S", 0.001)
    yield library, f"immich+http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def test_results_are_stacked_on_their_originals(
    library: tuple[Library, str], grey_scene: NDArray[np.uint8], tmp_path: Path
) -> None:
    shelf, address = library
    originals = {
        name: shelf.add(name, png(pixels))[0]
        for name, pixels in (
            ("aunt.png", grey_scene),
            ("aunt.bmp.png", grey_scene[::-1]),
            ("uncle.png", grey_scene[:, ::-1]),
        )
    }
    shelf.add("broken.jpg", b"\xff\xd8\xff")
    before = {asset_id: shelf.data[asset_id] for asset_id in shelf.assets}
    options = BatchOptions(model=tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    settings = ArchiveSettings(options=options)

    def run() -> RunReport:
        with Manifest(tmp_path / "manifest.sqlite") as manifest:
            engine = LocalEngine(options.model, settings)
            return run_archive(manifest, open_store(address), open_store(address), settings, engine)

    shelf.failures = 3
    report = run()
    assert report.counts.states == {"coloured": 3, "failed": 1}
    assert report.verified == (4, ())
    names = {
        tuple(shelf.assets[asset_id]["originalFileName"] for asset_id in ids)
        for ids in shelf.stacks.values()
    }
    assert names == {
        ("aunt.color.png", "aunt.png"),
        ("aunt.bmp.color.png", "aunt.bmp.png"),
        ("uncle.color.png", "uncle.png"),
    }
    assert before.items() <= shelf.data.items()
    assert run().results == {}, "results are no inputs, and are known again"
    (result,) = (i for i, a in shelf.assets.items() if a["originalFileName"] == "uncle.color.png")
    shelf.answer("DELETE", "/api/assets", json.dumps({"ids": [result]}).encode(), "")
    assert run().results == {"coloured": 1}, "what was deleted is made again"
    target, key = open_store(address), f"{originals['uncle.png']}/uncle.png"
    with Manifest(tmp_path / "manifest.sqlite") as manifest:
        assert verify_originals(manifest, open_store(address)) == (4, ())
        manifest.decide(key, "hint", '[{"x": 0.5, "y": 0.5, "color": "#c81e1e"}]')
        (result,) = (row["result_sha256"] for row in manifest.rows("key = ?", (key,)))
    assert hashlib.sha256(target.read_result(key)).hexdigest() == result
    assert run().results == {"coloured": 1}, "the original, and not what was made of it"
    assert sum("uncle" in a["originalFileName"] for a in shelf.assets.values()) == 2
    target.remove(f"{originals['aunt.png']}/aunt.png")
    assert sum("aunt.color" in a["originalFileName"] for a in shelf.assets.values()) == 0
    assert originals["aunt.png"] in shelf.assets


def test_what_is_wrong_with_an_address_is_said(
    library: tuple[Library, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address = library
    with pytest.raises(InputError, match="no address of an Immich library"):
        open_store("immich+ftp://a")
    monkeypatch.setenv("IMMICH_API_KEY", "another")
    with pytest.raises(InputError, match="was refused: 401"):
        open_store(address).exists()
    monkeypatch.delenv("IMMICH_API_KEY")
    with pytest.raises(InputError, match="IMMICH_API_KEY"):
        open_store(address)
