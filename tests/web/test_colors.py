"""Saved colours in the studio: named once, found by the worker, used when somebody says yes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.api import Program
from fixtures.studio import Browser, ask, color_all, jpeg, make_worker, model_in, upload_picture
from fixtures.web import EMAIL, MakeApp, send, sign_up
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from sqlalchemy import select, update

from photochrom.web.colors.album import MAX_COLORS
from photochrom.web.database import ColorPlace, Picture, SavedColor, db
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.slow

pytest_plugins = ["fixtures.web"]

COAT = {"name": "  Anna's   coat ", "place": [60, 52], "color": "#2040D0"}


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(data_dir=tmp_path / "studio", model="photochrom-film", device="cpu")


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, device="cpu")
    app.test_client_class = Browser
    return app


def test_a_color_is_found_in_another_picture_and_used_when_it_is_right(
    app: Flask,
    settings: WebSettings,
    member: FlaskClient,
    grey_scene: NDArray[np.uint8],
    rng: np.random.Generator,
) -> None:
    scene = np.repeat(np.repeat(grey_scene, 2, 0), 2, 1)
    here = upload_picture(member, jpeg(scene), "here.jpg").rpartition("/")[2]
    there = upload_picture(member, jpeg(scene[:, 30:][:, ::-1]), "mirrored.jpg").rpartition("/")[2]
    other = rng.integers(0, 255, (90, 120), np.uint8)
    upload_picture(member, jpeg(other), "something else.jpg")
    assert ask(member, f"/colors/of/{here}", COAT).get_json()["name"] == "Anna's coat"
    assert ask(member, f"/colors/of/{here}", COAT).status_code == 409
    assert "2 photographs" not in member.get("/colors").get_data(as_text=True)
    worker = make_worker(app, settings)
    looked = 0
    while worker._search_colors():
        looked += 1
    assert looked == 3
    (found,) = member.get(f"/colors/of/{there}").get_json()["proposals"]
    assert found["name"] == "Anna's coat"
    ((x, y),) = found["hint"]["points"]
    assert abs(x - (239 - 60)) < 6
    assert abs(y - 52) < 6
    page = member.get("/colors").get_data(as_text=True)
    assert page.count("/colors/places/") == 2  # the picture and the form, and nothing of the other
    for file in (found["cutout"], "/colors/1.jpg"):
        assert member.get(file).mimetype == "image/jpeg"

    for colors, count in (("all", 0), (None, 1)):  # one that keeps its own is not asked about
        with app.app_context():
            db.session.execute(update(Picture).filter_by(id=there).values(own_colors=colors))
            db.session.commit()
        assert len(member.get(f"/colors/of/{there}").get_json()["proposals"]) == count

    program = Program(app, EMAIL)
    (color,) = program.call("GET", "/colors").get_json()["colors"]
    assert (color["name"], color["picture"], color["place"]) == ("Anna's coat", here, [60, 52])
    (proposal,) = program.call("GET", "/colors/proposals").get_json()["proposals"]
    assert (proposal["picture"], proposal["hint"]) == (there, found["hint"])
    path = f"/colors/proposals/{proposal['id']}"
    assert program.call("GET", f"{path}/cutout").mimetype == "image/jpeg"
    assert program.call("POST", path, json={"accepted": "yes"}).status_code == 400
    again = {"picture": here, "name": "Anna's coat", "place": [60, 52], "color": "#2040d0"}
    assert program.call("POST", "/colors", json=again).status_code == 409
    assert program.call("POST", "/colors", json={"picture": here}).status_code == 400

    stranger = sign_up(app, "eve@example.org", "Eve")
    assert stranger.get(f"/colors/of/{there}").get_json() == {"proposals": []}
    for path in (found["cutout"], "/colors/1.jpg"):
        assert stranger.get(path).status_code == 404
    assert ask(stranger, f"/colors/places/{found['id']}", {"accepted": True}).status_code == 404
    assert send(stranger, "/colors/1/delete", {}).status_code == 404

    assert send(member, f"/colors/places/{found['id']}", {"answer": "yes"}).status_code == 303
    with app.app_context():
        picture = db.session.get(Picture, there)
        assert picture is not None
        assert picture.hints == [found["hint"]]
        assert picture.state == "waiting"
    assert ask(member, f"/colors/places/{found['id']}", {"accepted": False}).status_code == 404
    assert program.call("POST", path, json={"accepted": True}).status_code == 404
    saved = program.call("POST", "/colors", json={**again, "name": "a sleeve"})
    assert saved.status_code == 201, saved.get_data(as_text=True)
    deleted = program.call("DELETE", f"/colors/{saved.get_json()['id']}")
    assert deleted.status_code == 204
    color_all(app, settings)

    ask(member, f"/pictures/{here}/delete")  # the colour stays, and what it is found by
    assert member.get("/colors/1.jpg").status_code == 200
    assert send(member, "/colors/1/delete", {}).status_code == 303
    with app.app_context():
        assert db.session.scalars(select(ColorPlace)).all() == []
    # The next place gets the number of the one that is gone, which browsers may have kept.
    assert ask(member, f"/colors/of/{there}", COAT).status_code == 201
    mirrored = jpeg(scene[:, 20:][:, ::-1])
    third = upload_picture(member, mirrored, "mirrored once more.jpg").rpartition("/")[2]
    while worker._search_colors():
        pass
    (other_place,) = member.get(f"/colors/of/{third}").get_json()["proposals"]
    assert other_place["id"] == found["id"]
    assert other_place["cutout"] != found["cutout"]
    assert f'src="{other_place["cutout"]}"' in member.get("/colors").text
    endless = "9" * 30
    for path in (f"/colors/{endless}.jpg", f"/colors/places/{endless}.jpg"):
        assert member.get(path).status_code == 404
    assert send(member, f"/colors/{endless}/delete", {}).status_code == 404
    assert program.call("DELETE", f"/colors/{endless}").status_code == 404


def test_colors_that_cannot_be_saved_are_refused(
    app: Flask, settings: WebSettings, member: FlaskClient
) -> None:
    picture = upload_picture(member, jpeg(np.full((90, 120), 128, np.uint8))).rpartition("/")[2]
    address = f"/colors/of/{picture}"
    for wrong in (
        {**COAT, "name": " "},
        {**COAT, "name": "n" * 101},
        {**COAT, "place": [60, 700]},
        {**COAT, "color": "blue"},
        {"name": "coat"},
        COAT,  # nothing can be seen there
    ):
        assert ask(member, address, wrong).status_code == 400, wrong
    with app.app_context():
        user = db.session.scalars(select(Picture.user_id)).one()
        db.session.add_all(
            SavedColor(
                user_id=user, name=str(n), color="#000000", x=1, y=1, width=9, height=9, view=b""
            )
            for n in range(MAX_COLORS)
        )
        db.session.commit()
    assert ask(member, address, COAT).status_code == 409
    # What cannot be read is looked through once, and not for ever.
    worker = make_worker(app, settings)
    assert worker._search_colors()
    assert not worker._search_colors()


def test_a_model_without_features_saves_and_finds_none(
    make_app: MakeApp, settings: WebSettings, tmp_path: Path, grey_scene: NDArray[np.uint8]
) -> None:
    settings = replace(settings, model=model_in(tmp_path))
    app = make_app(model=settings.model, device="cpu")
    app.test_client_class = Browser
    member = sign_up(app)
    picture = upload_picture(member, jpeg(grey_scene)).rpartition("/")[2]
    answer = ask(member, f"/colors/of/{picture}", {**COAT, "place": [30, 40]})
    assert answer.status_code == 400
    assert "cannot find a place again" in answer.get_json()["error"]
    assert not make_worker(app, settings)._search_colors()
