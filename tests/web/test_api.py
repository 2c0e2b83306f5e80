"""The API: what a program can do with pictures, and what it is told when it cannot."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from fixtures.api import API, Program, png, work_off
from fixtures.model import tiny_model
from fixtures.web import EMAIL, MakeApp, app, make_app
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from photochrom.web.api.document import openapi
from photochrom.web.errors import TooMany
from photochrom.web.pictures import live_preview, quick
from photochrom.web.pictures.decoding import DecodingSpace
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.slow

__all__ = ["app", "make_app"]


@pytest.fixture
def program(app: Flask) -> Program:
    return Program(app, EMAIL)


def app_settings(app: Flask) -> WebSettings:
    settings: WebSettings = app.config["STUDIO"]
    return settings


def test_a_picture_is_sent_polled_fetched_and_deleted(program: Program, tmp_path: Path) -> None:
    sent = program.send(png(48, 64), "Grandmother.png", vividness="1.5", size="64")
    assert sent.status_code == 201
    record = sent.get_json()
    assert record["state"] == "waiting"
    assert (record["width"], record["height"]) == (64, 48)
    assert (record["vividness"], record["size"]) == (1.5, 64)
    assert sent.headers["Location"] == record["url"] == f"{API}/pictures/{record['id']}"

    address = f"/pictures/{record['id']}"
    early = program.call("GET", f"{address}/result")
    assert (early.status_code, early.get_json()["error"]) == (404, "It is not finished yet.")

    work_off(program.app, app_settings(program.app), tmp_path)
    record = program.call("GET", address).get_json()
    assert (record["state"], record["progress"], record["done_revision"]) == ("done", 1.0, 1)

    with program.call("GET", f"{address}/result") as answer:
        assert answer.mimetype == "image/png"
        assert "Grandmother.color.png" in answer.headers["Content-Disposition"]
        assert "private" in answer.headers["Cache-Control"]
        assert Image.open(io.BytesIO(answer.data)).size == (64, 48)
    with program.call("GET", f"{address}/result?form=original") as answer:
        assert answer.data == png(48, 64)
    with program.call("GET", f"{address}/result?form=side-by-side") as answer:
        assert Image.open(io.BytesIO(answer.data)).size == (128, 48)

    assert program.call("DELETE", address).status_code == 204
    assert program.call("GET", address).status_code == 404


def test_an_edit_makes_a_new_revision_and_keeps_what_it_does_not_name(
    program: Program, tmp_path: Path
) -> None:
    address = f"/pictures/{program.picture()}"
    hints = [[10, 12.5, "#c1272d"]]
    record = program.call("PATCH", address, json={"hints": hints, "size": 96}).get_json()
    assert (record["revision"], record["state"], record["hints"]) == (2, "waiting", hints)
    record = program.call("PATCH", address, json={"vividness": 0.5, "name": "Oma"}).get_json()
    assert (record["revision"], record["size"], record["hints"]) == (3, 96, hints)
    assert (record["vividness"], record["name"]) == (0.5, "Oma")
    record = program.call("PATCH", address, json={"size": None, "revision": 3}).get_json()
    assert (record["revision"], record["size"], record["scratched"]) == (4, None, False)
    record = program.call("PATCH", address, json={"restore": True, "scratched": True}).get_json()
    assert (record["restore"], record["scratched"]) == (True, True)
    work_off(program.app, app_settings(program.app), tmp_path)
    assert program.call("GET", address).get_json()["done_revision"] == 5


def test_an_edit_of_what_has_changed_meanwhile_is_a_conflict(program: Program) -> None:
    address = f"/pictures/{program.picture()}"
    assert program.call("PATCH", address, json={"vividness": 2, "revision": 1}).status_code == 200
    answer = program.call("PATCH", address, json={"vividness": 1, "revision": 1})
    assert answer.status_code == 409
    assert program.call("GET", address).get_json()["vividness"] == 2


def test_a_name_alone_asks_for_no_new_colours(program: Program) -> None:
    address = f"/pictures/{program.picture()}"
    record = program.call("PATCH", address, json={"name": "Oma"}).get_json()
    assert (record["name"], record["revision"]) == ("Oma", 1)
    stale = program.call("PATCH", address, json={"name": "Opa", "revision": 2})
    assert stale.status_code == 409
    assert program.call("GET", address).get_json()["name"] == "Oma"


def test_the_list_is_searched_and_comes_in_pages(program: Program) -> None:
    for name in ("Oma.png", "Opa.png", "Haus.png"):
        assert program.send(name=name).status_code == 201
    record = program.call("GET", "/pictures?per_page=2&page=2").get_json()
    assert (record["page"], record["pages"], record["total"]) == (2, 2, 3)
    assert [picture["name"] for picture in record["pictures"]] == ["Oma.png"]
    record = program.call("GET", "/pictures?search=op").get_json()
    assert [picture["name"] for picture in record["pictures"]] == ["Opa.png"]


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "words"),
    [
        ("GET", "/pictures?page=0", {}, 400, "“page” must be a whole number from 1"),
        ("GET", "/pictures?pages=1", {}, 400, "“pages” is not known here; known are: search"),
        ("GET", "/pictures?page=1&page=2", {}, 400, "more than once"),
        ("GET", "/pictures?search=%00", {}, 400, "could not be understood"),
        ("GET", "/pictures?search=" + "a" * 201, {}, 400, "“search” must be"),
        ("GET", "/pictures/ID/result?form=png", {}, 400, "must be one of: colour, side"),
        ("GET", "/pictures/nowhere", {}, 404, "There is no such picture."),
        ("GET", "/pictures/%00", {}, 404, "There is no such page"),
        ("GET", "/nowhere", {}, 404, "There is no such page"),
        ("PUT", "/pictures", {}, 405, "does not take this kind"),
        ("POST", "/pictures", {"json": {}}, 415, "multipart"),
        ("POST", "/pictures", {"data": {"size": "64"}}, 415, "multipart"),
        ("PATCH", "/pictures/ID", {"data": "size=64"}, 415, "Send JSON"),
        ("PATCH", "/pictures/ID", {"json": [1]}, 400, "Send a JSON object."),
        ("PATCH", "/pictures/ID", {"json": {"sizes": 3}}, 400, "known are: hints, size"),
        ("PATCH", "/pictures/ID", {"json": {"size": 7}}, 400, "from 32 to 640"),
        ("PATCH", "/pictures/ID", {"json": {"hints": None}}, 400, "not null"),
        ("PATCH", "/pictures/ID", {"json": {"hints": [[999, 1, "#ffffff"]]}}, 400, "64 × 48"),
        ("PATCH", "/pictures/ID", {"json": {"scratched": 1}}, 400, "scratches or specks is true"),
        ("PATCH", "/pictures/ID", {"json": {"name": " "}}, 400, "The name must be"),
        ("PATCH", "/pictures/ID", {"json": {"revision": 1e99}}, 400, "The revision"),
        ("PATCH", "/pictures/ID", {"json": {"vividness": 10**400}}, 400, "The vividness"),
    ],
)
def test_what_cannot_be_done_is_told_in_json(
    program: Program, method: str, path: str, sent: dict[str, Any], status: int, words: str
) -> None:
    answer = program.call(method, path.replace("ID", program.picture()), **sent)
    assert answer.status_code == status, answer.get_data(as_text=True)
    record = answer.get_json()
    assert words in record["error"]
    assert record["status"] == status


@pytest.mark.parametrize("body", [b"[" * 300_000, b'{"size": ', b"\xff", b'{"size": NaN}'])
def test_broken_json_is_refused(program: Program, body: bytes) -> None:
    path = f"/pictures/{program.picture()}"
    answer = program.call("PATCH", path, data=body, content_type="application/json")
    assert answer.status_code == 400


def test_a_surrogate_in_a_name_breaks_nothing(program: Program) -> None:
    path, body = f"/pictures/{program.picture()}", b'{"name": "a\\ud800b\\u0000c"}'
    answer = program.call("PATCH", path, data=body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["name"]) == (200, "a b c")


def test_a_file_that_is_no_picture_is_refused(program: Program) -> None:
    answer = program.send(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.png")
    assert answer.status_code == 400
    assert program.call("GET", "/pictures").get_json()["total"] == 0


def test_two_files_at_once_are_refused(program: Program) -> None:
    files = [(io.BytesIO(png()), "a.png"), (io.BytesIO(png()), "b.png")]
    answer = program.call("POST", "/pictures", data={"file": files})
    assert (answer.status_code, "one file" in answer.get_json()["error"]) == (400, True)


def test_a_full_storage_takes_no_more(make_app: MakeApp) -> None:
    program = Program(make_app(quota_mb=1), EMAIL)
    large = png() + bytes(1_000_000)
    answer = program.send(large)
    assert answer.status_code == 413
    assert "1 MB are used up" in answer.get_json()["error"]


def test_the_document_describes_every_address_and_no_other(app: Flask) -> None:
    described = {
        (path, method.upper())
        for path, operations in openapi()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    there = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule.removeprefix(API)), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == there


def test_the_document_is_there_without_a_token(app: Flask) -> None:
    answer = app.test_client().get(f"{API}/openapi.json")
    assert answer.status_code == 200
    assert answer.get_json() == openapi()


def test_a_quick_photograph_is_coloured_in_one_request_and_nothing_is_kept(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(tmp_path / "tiny.onnx")
    monkeypatch.setattr(live_preview, "local_model", lambda _name: model)

    def send(file: bytes, name: str, **fields: str) -> TestResponse:
        form = {"file": FileStorage(io.BytesIO(file), name), **fields}
        boundary, body = encode_multipart(form)
        kind = f"multipart/form-data; boundary={boundary}"
        return program.call("POST", "/colorize", data=body, content_type=kind)

    takers: list[int | None] = []
    take, count = DecodingSpace.take, live_preview.Previewer._count

    def record_take(space: DecodingSpace, megapixels: int, user_id: int | None = None) -> Any:
        takers.append(user_id)
        return take(space, megapixels, user_id)

    def record_count(previewer: Any, user_id: int | None, busy: TooMany) -> Any:
        takers.append(user_id)
        return count(previewer, user_id, busy)

    monkeypatch.setattr(DecodingSpace, "take", record_take)
    monkeypatch.setattr(live_preview.Previewer, "_count", record_count)
    with send(png(48, 64), "Grandmother.png", vividness="1.5") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert "Grandmother.color.png" in answer.headers["Content-Disposition"]
        colored = Image.open(io.BytesIO(answer.data))
        assert (colored.mode, colored.size) == ("RGB", (64, 48))
        assert "no-store" in answer.headers["Cache-Control"]
    assert takers == [1, 1, 1], "as an upload and a preview are, so that nobody takes all of it"
    assert program.call("GET", "/pictures").get_json()["total"] == 0
    assert list((app_settings(program.app).data_dir).rglob("*.png")) == []
    monkeypatch.setattr(quick, "QUICK_MP", 0)
    answer = send(png(48, 64), "Grandmother.png")
    assert (answer.status_code, "send it to /api/v1/pictures" in answer.text) == (413, True)
    assert send(b"no picture", "a.png").status_code == 400
    assert program.call("POST", "/colorize", json={}).status_code == 415
    program.token = "pc_none"
    assert send(png(), "a.png").status_code == 401
