"""An album's people in the studio: off until asked for, grouped, named, forgotten for good."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from fixtures.studio import jpeg, model_in, upload_picture
from fixtures.web import PASSWORD, MakeApp, send, sign_up
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from sqlalchemy import select

from photochrom.faces.album import AlbumFace, find_album_faces
from photochrom.web.database import User, db
from photochrom.web.people import album
from photochrom.web.pictures.library import delete_picture
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow

pytest_plugins = ["fixtures.web"]


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(data_dir=tmp_path / "studio", model=model_in(tmp_path), device="cpu")


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    return make_app(
        owner=False, data_dir=settings.data_dir, model=settings.model, device=settings.device
    )


def faces_on(page: str) -> list[list[str]]:
    """The faces of each person, as the page's forms name them."""
    return [
        re.findall(r'name="face" value="([^"]+)"', section)
        for section in re.findall(r'<section class="form-card person".*?</section>', page, re.S)
    ]


def test_people_are_found_named_once_and_forgotten_for_good(
    app: Flask, member: FlaskClient, settings: WebSettings
) -> None:
    storage = Storage(settings.data_dir)
    rgb = skimage.data.astronaut()
    ids = [
        upload_picture(member, jpeg(np.ascontiguousarray(pixels))).removeprefix("/pictures/")
        for pixels in (rgb, rgb[:, ::-1], skimage.data.coffee())
    ]
    assert "Find people in my pictures" in member.get("/people").text
    assert send(member, "/people/look", {}).status_code == 409
    assert not any(storage.faces(picture).exists() for picture in ids)

    assert send(member, "/people/on", {}).status_code == 303
    assert "3 photographs are not looked through" in member.get("/people").text
    while "not looked through" in member.get("/people").text:
        assert send(member, "/people/look", {}).status_code == 303
    (person,) = faces_on(member.get("/people").text)
    assert sorted(person) == sorted(f"{picture}.0" for picture in ids[:2])
    face = member.get(f"/people/faces/{ids[0]}/0.png")
    assert face.data.startswith(b"\x89PNG")
    assert "private" in face.headers["Cache-Control"]
    assert member.get(f"/people/faces/{ids[0]}/1.png").status_code == 404

    for name, status in (("  ", 400), ("x" * 101, 400), ("Eileen", 303)):
        answer = send(member, "/people/name", {"face": person[:1], "name": name})
        assert answer.status_code == status
    assert send(member, "/people/name", {"name": "Nobody"}).status_code == 400
    assert "<h2>Eileen</h2>" in member.get("/people").text
    assert send(member, "/people/forget", {"name": "Eve"}).status_code == 404

    other = sign_up(app, "eve@example.org", "Eve")
    assert send(other, "/people/on", {}).status_code == 303
    assert other.get(f"/people/faces/{ids[0]}/0.png").status_code == 404
    stolen = send(other, "/people/name", {"face": person, "name": "Mine"})
    assert stolen.status_code == 404

    assert send(member, "/people/forget", {"name": "Eileen"}).status_code == 303
    assert "<h2>" not in member.get("/people").text
    send(member, "/people/name", {"face": person, "name": "Eileen"})
    send(member, "/people/name", {"face": person, "name": "Aunt Eileen"})
    assert re.findall("<h2>(.*)</h2>", member.get("/people").text) == ["Aunt Eileen"]
    assert send(member, f"/pictures/{ids[1]}/delete", {}).status_code == 303
    assert faces_on(member.get("/people").text) == [[f"{ids[0]}.0"]]
    assert send(member, "/people/off", {}).status_code == 303
    assert not any(storage.faces(picture).exists() for picture in ids)
    assert [path.name for path in (settings.data_dir / "people").iterdir()] == ["2.on"]
    assert "Find people in my pictures" in member.get("/people").text


def test_what_is_switched_off_or_deleted_meanwhile_leaves_no_faces(
    app: Flask,
    member: FlaskClient,
    settings: WebSettings,
    grey_scene: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = Storage(settings.data_dir)
    photo = jpeg(grey_scene)
    ids = [upload_picture(member, photo).removeprefix("/pictures/") for _ in range(3)]
    then = iter(["delete", "go on", "go on", "off"])

    def and_somebody_else(*arguments: Any) -> list[AlbumFace]:
        with app.app_context():
            user = db.session.scalars(select(User)).one()
            match next(then):
                case "delete":
                    delete_picture(user, ids[1])
                case "off":
                    album.disable(user)
        return find_album_faces(*arguments)

    monkeypatch.setattr("photochrom.web.people.album.find_album_faces", and_somebody_else)
    send(member, "/people/on", {})
    assert send(member, "/people/look", {}).status_code == 303
    assert [storage.faces(picture).exists() for picture in ids] == [True, False, True]
    assert not storage.folder(ids[1]).exists()
    ids.append(upload_picture(member, photo).removeprefix("/pictures/"))
    assert send(member, "/people/look", {}).status_code == 409
    assert not any(storage.faces(picture).exists() for picture in ids)


def test_a_deleted_account_and_a_damaged_file_leave_no_faces(
    member: FlaskClient, settings: WebSettings
) -> None:
    page = upload_picture(member, jpeg(skimage.data.astronaut()))
    picture = page.removeprefix("/pictures/")
    send(member, "/people/on", {})
    send(member, "/people/look", {})
    (person,) = faces_on(member.get("/people").text)
    send(member, "/people/name", {"face": person, "name": "Eileen"})
    Storage(settings.data_dir).faces(picture).write_bytes(b"damaged")
    assert faces_on(member.get("/people").text) == []
    assert list((settings.data_dir / "people").iterdir())
    assert send(member, "/account/delete", {"confirm": PASSWORD}).status_code == 302
    assert list((settings.data_dir / "people").iterdir()) == []
