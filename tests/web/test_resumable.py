"""Files that are sent in parts: they go on where they broke off, and become pictures."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.studio import Browser, jpeg, model_in
from fixtures.web import MakeApp, csrf_token, sign_up
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from werkzeug.test import TestResponse

from photochrom.locks import file_lock
from photochrom.web.accounts import admin, service
from photochrom.web.database import Picture, db
from photochrom.web.errors import TooMany
from photochrom.web.pictures import resumable

pytestmark = pytest.mark.slow

TUS = {"Tus-Resumable": "1.0.0", "Accept": "application/json"}


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> Flask:
    app = make_app(model=model_in(tmp_path), device="cpu", max_upload_mb=2, quota_mb=3)
    app.test_client_class = Browser
    return app


@pytest.fixture
def photo(grey_scene: NDArray[np.uint8]) -> bytes:
    return jpeg(grey_scene)


def ask(browser: FlaskClient, method: str, path: str, **more: Any) -> TestResponse:
    headers = {**TUS, "X-CSRFToken": csrf_token(browser), **more.pop("headers", {})}
    return browser.open(path, method=method, headers=headers, **more)


def begin(browser: FlaskClient, length: int, name: str = "Großmutter.jpg") -> str:
    encoded = base64.b64encode(name.encode()).decode()
    headers = {"Upload-Length": str(length), "Upload-Metadata": f"is_x, filename {encoded}"}
    answer = ask(browser, "POST", "/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.location)


def send_part(browser: FlaskClient, path: str, offset: int, data: bytes) -> TestResponse:
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return ask(browser, "PATCH", path, headers=headers, data=data)


def folders(app: Flask) -> list[Path]:
    return list((app.config["STUDIO"].data_dir / "uploads").glob("*/*"))


def test_a_file_comes_in_parts_and_goes_on_where_it_broke_off(
    app: Flask, member: FlaskClient, photo: bytes
) -> None:
    path, half = begin(member, len(photo)), len(photo) // 2
    first = send_part(member, path, 0, photo[:half])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(half))
    wrong = send_part(member, path, 0, photo)
    assert wrong.status_code == 409
    state = ask(member, "HEAD", path)
    assert (state.headers["Upload-Offset"], state.headers["Upload-Length"]) == (
        str(half),
        str(len(photo)),
    )
    assert state.headers["Cache-Control"] == "no-store"
    done = send_part(member, path, half, photo[half:])
    with app.app_context():
        picture = db.session.query(Picture).one()
        assert (picture.name, picture.state) == ("Großmutter.jpg", "waiting")
        stored = Path(app.config["STUDIO"].data_dir, "pictures", picture.id[:2], picture.id)
        assert (stored / "original.jpg").read_bytes() == photo
    # The answer may be lost, too: whoever asks again is told the same.
    for answer in (done, send_part(member, path, half, b""), ask(member, "HEAD", path)):
        assert answer.headers["Upload-Pictures"] == picture.id
        assert answer.headers["Upload-Offset"] == str(len(photo))
    assert not (folders(app)[0] / "data").exists()


def test_nobody_else_reads_continues_or_ends_it(
    app: Flask, member: FlaskClient, photo: bytes
) -> None:
    path = begin(member, len(photo))
    stranger = sign_up(app, "eve@example.org")
    for browser, status in ((stranger, 404), (app.test_client(), 401)):
        assert ask(browser, "HEAD", path).status_code == status
        assert send_part(browser, path, 0, photo).status_code == status
        assert ask(browser, "DELETE", path).status_code == status
    plain = member.patch(path, headers={**TUS, "Upload-Offset": "0"}, data=photo)
    assert plain.status_code == 400  # without the page's token
    for odd in ("/uploads/..", "/uploads/" + "A" * 16, "/uploads/%2e%2e%2f%2e%2e%2fsecret"):
        assert ask(member, "HEAD", odd).status_code == 404
    assert ask(member, "DELETE", path).status_code == 204
    assert folders(app) == []


@pytest.mark.long
def test_what_cannot_be_is_refused_before_it_is_sent(member: FlaskClient) -> None:
    def status(headers: dict[str, str]) -> int:
        return ask(member, "POST", "/uploads", headers=headers).status_code

    for length in ("", "-1", "0", "1.5", "x", "9" * 30, "²"):
        assert status({"Upload-Length": length}) == 400, length
    assert status({"Upload-Length": "2000001"}) == 413
    assert status({"Upload-Length": "5", "Upload-Metadata": "filename ?"}) == 400
    begin(member, 2_000_000)
    assert status({"Upload-Length": "1500000"}) == 413  # with the other one the quota is full
    old = member.post("/uploads", headers={"X-CSRFToken": csrf_token(member)})
    assert (old.status_code, old.headers["Tus-Version"]) == (412, "1.0.0")
    offer = member.options("/uploads")
    assert offer.headers["Tus-Extension"] == "creation,termination"
    assert offer.headers["Tus-Max-Size"] == "2000000"


@pytest.mark.long
def test_what_is_no_picture_is_refused_and_gone(app: Flask, member: FlaskClient) -> None:
    path = begin(member, 5)
    headers = {"Upload-Offset": "0", "Content-Type": "text/plain"}
    assert ask(member, "PATCH", path, headers=headers, data=b"hello").status_code == 415
    assert send_part(member, path, 0, b"hello, you").status_code == 400  # longer than it may be
    assert ask(member, "HEAD", path).headers["Upload-Offset"] == "0"
    refused = send_part(member, path, 0, b"hello")
    assert refused.status_code == 400
    assert "Großmutter.jpg" in refused.get_json()["error"]
    assert folders(app) == []


@pytest.mark.long
def test_a_studio_that_is_busy_keeps_what_it_has(
    app: Flask, member: FlaskClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_more: object) -> None:
        raise TooMany("busy", 3)

    path = begin(member, len(photo))
    with file_lock(folders(app)[0] / "lock", 0):
        assert send_part(member, path, 0, photo).status_code == 409  # by another process
    with monkeypatch.context() as patch:
        patch.setattr(resumable, "create_pictures", refuse)
        assert send_part(member, path, 0, photo).status_code == 429
    assert send_part(member, path, len(photo), b"").headers["Upload-Pictures"]


@pytest.mark.long
def test_old_uploads_and_those_of_deleted_users_go(app: Flask, member: FlaskClient) -> None:
    begin(member, 5)
    begin(member, 6)
    old, new = folders(app)
    for file in (old, *old.iterdir()):
        os.utime(file, (time.time() - 90_000, time.time() - 90_000))
    with app.app_context():
        resumable.sweep_uploads(app.config["STUDIO"].data_dir)
        assert folders(app) == [new]
        service.delete_user(admin.find_account("ada@example.org"))
    assert folders(app) == []
