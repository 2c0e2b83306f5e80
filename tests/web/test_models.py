"""The model that colours a picture can be chosen: by page, in parts and by program."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures.api import Program, png
from fixtures.film import Film, make_film
from fixtures.model import CARD, tiny_model
from fixtures.studio import Browser, ask, color_all, model_in, send_as, upload
from fixtures.web import MakeApp, csrf_token
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage

from photochrom.web.database import Picture, User, db
from photochrom.web.errors import SettingsError
from photochrom.web.settings import WebSettings, load_settings

pytestmark = pytest.mark.slow

OURS, LINES = "ours", "lines"


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    ours = tiny_model(tmp_path / "a.onnx", card=replace(CARD, name=OURS), ab_scale=3.0)
    lines = tiny_model(tmp_path / "b.onnx", card=replace(CARD, name=LINES, input="sketch"))
    model = model_in(tmp_path)
    return WebSettings(
        data_dir=tmp_path / "studio",
        model=model,
        models=(model, str(ours), str(lines)),
        device="cpu",
    )


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, models=settings.models, device="cpu")
    app.test_client_class = Browser
    return app


def row(app: Flask, url: str) -> tuple[str | None, str | None]:
    """The model that was chosen for a picture, and the one that made its result."""
    with app.app_context():
        picture = db.session.get(Picture, url.rpartition("/")[2])
        assert picture is not None
        return picture.chosen_model, picture.model


def test_a_model_is_chosen_by_its_name_for_a_picture_and_changed(
    app: Flask, member: FlaskClient, settings: WebSettings, tmp_path: Path
) -> None:
    automatic = upload(member, (png(), "a.png")).get_json()["pictures"][0]["url"]
    status, url = send_as(member, png(), "b.png", OURS)
    assert (status, row(app, url)) == (201, (OURS, None))
    color_all(app, settings)
    assert row(app, automatic) == (None, f"{CARD.name} {CARD.version}")
    assert row(app, url) == (OURS, f"{OURS} {CARD.version}")
    pixels = [member.get(f"{one}/download").data for one in (automatic, url)]
    assert pixels[0] != pixels[1]
    page = member.get(url).text
    assert f'value="{OURS}" selected' in page
    assert f"Coloured by {OURS} {CARD.version}." in page
    assert f'value="{OURS}" selected' in member.get("/library").text  # and for the next one
    assert str(tmp_path) not in page + member.get("/library").text  # where it lies is not told
    again = {"chosen_model": None, "revision": 1}
    seen = ask(member, f"{url}/preview", again).data
    assert seen == ask(member, f"{automatic}/preview", {}).data
    assert ask(member, f"{url}/edit", again).status_code == 200
    color_all(app, settings)
    assert row(app, url) == (None, f"{CARD.name} {CARD.version}")

    unknown = "There is no model “../x” here. Choose another one."
    assert send_as(member, png(), "a.png", "../x") == (400, unknown)
    assert ask(member, f"{url}/edit", {"chosen_model": "../x"}).get_json()["error"] == unknown
    assert ask(member, f"{url}/preview", {"chosen_model": "../x"}).status_code == 400
    film = make_film(tmp_path / "film.mp4", Film(frames=3, encoder="libx264", format="mp4"))
    refused = (400, f"“{LINES}” colours drawings, and no films. Choose another one.")
    assert send_as(member, film.read_bytes(), "film.mp4", LINES) == refused
    with app.app_context():
        assert [user.chosen_model for user in db.session.query(User)] == [LINES]


def test_a_film_takes_a_model_strength_and_tone(
    app: Flask, member: FlaskClient, settings: WebSettings, tmp_path: Path
) -> None:
    film = make_film(tmp_path / "film.mp4", Film(frames=3, encoder="libx264", format="mp4"))
    status, url = send_as(member, film.read_bytes(), "film.mp4", OURS)
    assert status == 201
    color_all(app, settings)
    assert row(app, url) == (OURS, f"{OURS} {CARD.version}")
    before = member.get(f"{url}/download").data
    warm = {"temperature": 20.0, "revision": 1}
    assert ask(member, f"{url}/edit", warm).status_code == 200
    color_all(app, settings)
    assert member.get(f"{url}/download").data != before
    page = member.get(url).text
    assert 'id="temperature" min="-' in page
    assert f'action="{url}/past/1"' in page


def test_a_model_that_is_gone_is_said_and_the_studio_goes_on(
    app: Flask, member: FlaskClient, settings: WebSettings
) -> None:
    _status, url = send_as(member, png(), "a.png", OURS)
    app.extensions["photochrom-models"].clear()
    color_all(app, settings)
    assert "There is no model “ours” here. Choose another one." in member.get(url).text
    assert member.get("/library").status_code == 200


def test_programs_and_files_in_parts_name_it_too(app: Flask, member: FlaskClient) -> None:
    program = Program(app, "eve@example.org")
    record = program.send(chosen_model=OURS).get_json()
    assert record["chosen_model"] == OURS
    path = f"/pictures/{record['id']}"
    assert (
        program.call("PATCH", path, json={"chosen_model": None}).get_json()["chosen_model"] is None
    )
    assert program.call("PATCH", path, json={"chosen_model": "x"}).status_code == 400
    form = {"file": FileStorage(io.BytesIO(png()), "a.png"), "model": OURS}
    assert program.call("POST", "/colorize", data=form).status_code == 200

    metadata = ",".join(
        f"{key} {base64.b64encode(text.encode()).decode()}"
        for key, text in (("filename", "a.png"), ("model", OURS))
    )
    tus = {"Tus-Resumable": "1.0.0", "X-CSRFToken": csrf_token(member)}
    begin = {**tus, "Upload-Length": str(len(png())), "Upload-Metadata": metadata}
    place = member.post("/uploads", headers=begin).location
    part = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = member.patch(place, data=png(), headers=part)
    assert row(app, answer.headers["Upload-Pictures"])[0] == OURS


def test_what_is_offered_is_a_setting(make_app: MakeApp, tmp_path: Path) -> None:
    assert "photochrom-cartoon" in load_settings(environ={}).models
    none = load_settings(environ={"PHOTOCHROM_WEB_MODELS": ""})
    assert none.models == ()
    page = make_app(models=(), local=True)
    assert page.extensions["photochrom-models"] == {}
    with pytest.raises(SettingsError, match=r"models: .*absent\.onnx"):
        make_app(models=(str(tmp_path / "absent.onnx"),))
