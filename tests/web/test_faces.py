"""The page of faces: uploads whose faces are coloured from close up; nothing about them is kept."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures.film import Film, make_film
from fixtures.studio import Browser, ask, color_all, jpeg, model_in, send_as
from fixtures.web import MakeApp, sign_up
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray

from photochrom import imageio
from photochrom.web.database import Picture, User, db
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    model = model_in(tmp_path)
    return WebSettings(
        data_dir=tmp_path / "studio", model=model, models=("photochrom-faces",), device="cpu"
    )


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, models=settings.models, device="cpu")
    app.test_client_class = Browser
    return app


def pixels(browser: FlaskClient, url: str) -> NDArray[np.int64]:
    return imageio.read(browser.get(f"{url}/download").data).pixels.astype(int)


def test_a_face_that_is_found_is_coloured_from_close_up(
    app: Flask, member: FlaskClient, settings: WebSettings, astronaut: NDArray[np.uint8],
    grey_scene: NDArray[np.uint8], tmp_path: Path,
) -> None:  # fmt: skip
    assert 'href="/faces"' in member.get("/library").text
    page = member.get("/faces").text
    choice = re.search(r'name="chosen_model" value="(\w+)"', page)
    assert choice is not None
    grey = cv2.resize(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), (192, 192))
    portrait = jpeg(np.dstack([grey] * 3))
    sent = [send_as(member, portrait, "a.jpg", one) for one in ("", choice[1])]
    sent.append(send_as(member, jpeg(np.dstack([grey_scene] * 3)), "b.jpg", choice[1]))
    assert [status for status, _ in sent] == [201] * 3
    (_, plain), (_, faces), (_, none) = sent
    assert "1 face is found, and coloured from close up." in member.get(faces).text
    assert "No face is found." in member.get(none).text
    assert 'id="faces-note"' not in member.get(plain).text

    color_all(app, settings)
    change = np.abs(pixels(member, faces) - pixels(member, plain)).max(axis=-1)
    assert np.median(change[30:60, 75:95]) > 5  # the face
    assert np.median(change[150:]) <= 2  # and the rest
    assert "tiny+photochrom-faces" in member.get(faces).text
    preview = ask(member, f"{faces}/preview", {})
    assert preview.data != ask(member, f"{plain}/preview", {}).data

    film = make_film(tmp_path / "film.mp4", Film(frames=2, encoder="libx264", format="mp4"))
    refused = send_as(member, film.read_bytes(), "film.mp4", choice[1])
    assert refused == (400, "Faces are looked for in photographs, not in films.")
    with app.app_context():
        row = db.session.get(Picture, faces.rpartition("/")[2])
        assert row is not None
        assert not Storage(settings.data_dir).faces(row.id).exists()  # nothing is kept of a face
        assert [user.chosen_model for user in db.session.query(User)] == [None]


def test_a_studio_without_the_model_has_no_such_page(
    make_app: MakeApp, settings: WebSettings
) -> None:
    browser = sign_up(make_app(model=settings.model, models=(), device="cpu"))
    missing = browser.get("/faces")
    assert missing.status_code == 404
    assert "This studio has no model for faces." in missing.text
    assert 'href="/faces"' not in browser.get("/library").text
