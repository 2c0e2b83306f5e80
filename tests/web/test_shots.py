"""Films corrected shot by shot: the still of each is a picture of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fixtures.film import Film, decoded, make_film
from fixtures.studio import Browser, ask, color_all, model_in, upload_picture
from fixtures.web import MakeApp, send
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from photochrom.guided.strokes import Stroke
from photochrom.hints import Hint
from photochrom.pipeline import WhiteBalance
from photochrom.video.shots_file import read_shots
from photochrom.web.accounts.login import local_token
from photochrom.web.database import Picture, User, db
from photochrom.web.pictures import shots
from photochrom.web.pictures.shots import still_edits, to_shots
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow

pytest_plugins = ["fixtures.web"]


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    model = model_in(tmp_path)
    return WebSettings(
        data_dir=tmp_path / "studio", model=model, film_model=model, device="cpu", local=True
    )


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(
        model=settings.model, film_model=settings.model, device="cpu", local=True, quota_mb=100
    )
    app.test_client_class = Browser
    return app


def test_what_is_said_of_stills_is_a_file_of_shots(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_film(
        tmp_path / "two.mp4", Film(frames=12, grain=2, encoder="libx264", format="mp4")
    )
    url = upload_picture(client, film.read_bytes(), "wedding.mp4")
    film_id = url.rpartition("/")[2]
    storage = Storage(settings.data_dir)
    storage.shots(film_id).write_text("[0.125, 0.375]")  # as the worker does
    still_url = send(client, f"{url}/shots/2", {}).headers["Location"]
    assert send(client, f"{url}/shots/2", {}).headers["Location"] == still_url
    assert send(client, f"{url}/shots/3", {}).status_code == 404
    frame = shots._frame_png
    opened: list[str] = []

    def while_it_is_opened_once_more(*arguments: Any) -> bytes:
        if not opened:  # as by a double click
            opened.append("")
            with app.app_context():
                user = db.session.scalars(select(User)).one()
                opened[0] = shots.open_shot(user, film_id, 1).id
        return frame(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(shots, "_frame_png", while_it_is_opened_once_more)
        answer = send(client, f"{url}/shots/1", {})
    assert answer.headers["Location"] == f"/pictures/{opened[0]}"
    with app.app_context():
        assert len(shots._stills(film_id)) == 2
    assert len(list((settings.data_dir / "pictures").glob("*/*"))) == 3
    color_all(app, settings)
    assert send(client, f"{url}/shots", {}).status_code == 400  # nothing is corrected yet
    hints = [[40, 30, "#c1272d"], {"points": [[5, 6], [9, 6]], "color": "#00ff00", "width": 3}]
    said = {"hints": hints, "temperature": 4, "revision": 1}
    assert ask(client, f"{still_url}/edit", said).status_code == 200
    assert send(client, f"{url}/shots", {}).status_code == 409  # the still waits to be coloured
    with app.app_context():
        row = db.session.get(Picture, film_id)
        assert row is not None
        (edit,) = still_edits(row)
        (shot,) = to_shots([edit], storage)
    assert shot.time_s == 0.375
    assert shot.hints == (
        Hint(40, 30, "#c1272d"),
        Stroke([(5, 6), (9, 6)], "#00ff00", 3),
    )
    assert shot.white_balance == WhiteBalance(temperature=4)
    # It is a picture of its own, not of the library, and goes with the film.
    assert "shot 2" not in client.get("/library").get_data(as_text=True)
    assert send(client, f"{url}/delete", {}).status_code == 303
    assert client.get(still_url).status_code == 404
    assert not storage.folder(still_url.rpartition("/")[2]).exists()


@pytest.mark.long
def test_a_shot_is_corrected_on_its_still_and_alone_is_colored_again(
    app: Flask, settings: WebSettings, client: FlaskClient, tmp_path: Path
) -> None:
    film = make_film(
        tmp_path / "two.mp4",
        Film(frames=36, grain=2, cut_at=18, encoder="libx264", format="mp4"),
    )
    url = upload_picture(client, film.read_bytes(), "wedding.mp4")
    film_id = url.rpartition("/")[2]
    color_all(app, settings)
    page = client.get(url).get_data(as_text=True)
    assert f'action="{url}/shots/2"' in page
    assert "Colour the film with" not in page
    assert client.get(f"{url}/shots/2.jpg").status_code == 200
    assert client.get(f"{url}/shots/3.jpg").status_code == 404
    assert send(client, f"{url}/shots", {}).status_code == 400  # nothing is corrected yet
    assert send(client, f"{url}/shots/9", {}).status_code == 404

    still_url = send(client, f"{url}/shots/2", {}).headers["Location"]
    assert send(client, f"{url}/shots/2", {}).headers["Location"] == still_url
    assert "wedding, shot 2" not in client.get("/library").get_data(as_text=True)
    color_all(app, settings)
    page = client.get(still_url).get_data(as_text=True)
    assert "A shot of a film" in page
    assert f'href="{url}' in page
    hint = [40, 30, "#c1272d"]
    assert (
        ask(
            client, f"{still_url}/edit", {"hints": [hint], "temperature": 4, "revision": 1}
        ).status_code
        == 200
    )
    assert send(client, f"{url}/shots", {}).status_code == 409  # the still is being coloured
    color_all(app, settings)
    storage = Storage(settings.data_dir)
    before = storage.result(film_id, 1)
    assert before is not None
    first = [u for _, _, u in decoded(before)]
    assert send(client, f"{url}/shots", {}).status_code == 303
    color_all(app, settings)
    (shot,) = read_shots(storage.shot_file(film_id))
    assert shot.hints == (Hint(40, 30, "#c1272d"),)
    assert shot.white_balance is not None
    after = storage.result(film_id, 2)
    assert after is not None
    second = [u for _, _, u in decoded(after)]
    assert len(first) == len(second) == 36
    assert all((a == b).all() for a, b in zip(first[:18], second[:18], strict=True))
    assert any((a != b).any() for a, b in zip(first[18:], second[18:], strict=True))
    page = client.get(url).get_data(as_text=True)
    assert "corrected</span>" in page
    assert "Colour the film with" in page

    api = f"/api/v1/pictures/{film_id}/shots"
    allowed = {"Authorization": f"Bearer {local_token(app)}"}
    listed = client.get(api, headers=allowed).get_json()["shots"]
    assert [(shot["number"], shot["corrected"]) for shot in listed] == [(1, False), (2, True)]
    assert listed[1]["still"] == still_url.rpartition("/")[2]
    opened = client.post(f"{api}/2", headers=allowed).get_json()
    assert (opened["id"], opened["film"]) == (listed[1]["still"], film_id)
    assert opened["film_time_s"] == pytest.approx(listed[1]["time_s"])
    of_still = f"/api/v1/pictures/{listed[1]['still']}/shots"
    assert client.get(of_still, headers=allowed).status_code == 400

    # Another version counts as the still itself; what is kept is counted, and goes with the film.
    assert ask(client, f"{still_url}/edit", {"variant": 2}).status_code == 200
    color_all(app, settings)
    assert send(client, f"{url}/shots", {}).status_code == 303
    color_all(app, settings)
    (shot,) = read_shots(storage.shot_file(film_id))
    assert shot.still is not None
    assert not shot.hints
    with app.app_context():
        row = db.session.get(Picture, film_id)
        assert row is not None
        assert row.state == "done", row.problem
        segments = sum(path.stat().st_size for path in storage.shot_segments(film_id).glob("*"))
        assert row.bytes > segments > 0
    assert send(client, f"{url}/delete", {}).status_code == 303
    with app.app_context():
        assert list(db.session.scalars(select(Picture.id))) == []
    assert not storage.folder(still_url.rpartition("/")[2]).exists()


def test_a_film_is_mended_first_on_demand(
    app: Flask, settings: WebSettings, client: FlaskClient, tmp_path: Path
) -> None:
    grainy = Film(frames=12, size=(120, 160), grain=40, encoder="libx264", format="mp4")
    film = make_film(tmp_path / "grainy.mp4", grainy)
    url = upload_picture(client, film.read_bytes(), "wedding.mp4")
    page = client.get(url).get_data(as_text=True)
    assert 'id="mend" role="switch" aria-checked="false"' in page
    assert ask(client, f"{url}/edit", {"restore": True}).status_code == 200
    color_all(app, settings)
    page = client.get(url).get_data(as_text=True)
    assert 'id="mend" role="switch" aria-checked="true"' in page
    assert "Found and mended: grain." in page
    assert client.get(f"{url}/changes.png").status_code == 404
    answer = ask(client, f"{url}/edit", {"scratched": True})
    assert answer.status_code == 400
    assert "Only photographs" in answer.get_json()["error"]
    assert 'id="scratched"' not in page
    assert ask(client, f"{url}/edit", {"restore": False}).status_code == 200
    assert client.get(f"{url}/state").get_json()["restored"] == ""
    assert "Found and mended" not in client.get(url).get_data(as_text=True)
