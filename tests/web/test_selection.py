"""Several pictures at once, albums, and the order of the library."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from fixtures.studio import Browser, ask, color_all, encode_image, jpeg, model_in, upload_picture
from fixtures.web import EMAIL, MakeApp, send, sign_up
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import select

from photochrom.web.accounts.admin import find_account, set_disabled
from photochrom.web.accounts.service import delete_user
from photochrom.web.cleanup import sweep
from photochrom.web.database import AlbumShare, Picture, Share, User, db, now
from photochrom.web.errors import Conflict
from photochrom.web.pictures import albums
from photochrom.web.pictures.albums import list_albums
from photochrom.web.pictures.selection_routes import zip_results
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(data_dir=tmp_path / "studio", model=model_in(tmp_path), device="cpu")


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, device="cpu")
    app.test_client_class = Browser
    return app


@pytest.fixture
def photo(grey_scene: NDArray[np.uint8]) -> bytes:
    return jpeg(grey_scene)


def names(browser: FlaskClient, query: str = "") -> list[str]:
    page = browser.get(f"/library{query}").text
    return re.findall(r'class="card-name"><bdi>([^<]+)', page)


def ids(*urls: str) -> dict[str, list[str]]:
    return {"picture": [url.rpartition("/")[2] for url in urls]}


def states(app: Flask) -> dict[str, str]:
    with app.app_context():
        return {picture.name: picture.state for picture in db.session.query(Picture)}


def test_several_are_downloaded_coloured_again_and_deleted(
    app: Flask, member: FlaskClient, settings: WebSettings, photo: bytes
) -> None:
    urls = [upload_picture(member, photo, name) for name in ("a.jpg", "A.jpg", "b.jpg")]
    assert send(member, "/library/zip", ids(*urls)).status_code == 404  # none is finished
    color_all(app, settings)
    answer = send(member, "/library/zip", ids(*urls))
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.color.jpg", "A.color (2).jpg", "b.color.jpg"]
        assert archive.read("b.color.jpg") == member.get(f"{urls[2]}/download").data

    with app.app_context():
        db.session.query(Picture).filter_by(name="b.jpg").update({"state": "failed"})
        db.session.commit()
    answer = send(member, "/library/color", {**ids(*urls[1:]), "here": "q=a&page=2"})
    assert answer.location == "/library?q=a&page=2"
    assert states(app) == {"a.jpg": "done", "A.jpg": "waiting", "b.jpg": "waiting"}
    assert "coloured again: 2." in member.get("/library").text

    stranger = sign_up(app, "eve@example.org")
    for action in ("zip", "color", "delete", "album"):
        assert send(stranger, f"/library/{action}", ids(urls[0])).status_code in (400, 404)
        assert send(member, f"/library/{action}", {}).status_code == 400
    mixed = ids(urls[0], "A" * 16)
    assert send(member, "/library/delete", mixed).status_code == 404
    assert len(states(app)) == 3, "all or none"
    assert send(member, "/library/delete", ids(*urls[:2])).status_code == 303
    assert states(app) == {"b.jpg": "waiting"}
    assert (
        send(member, "/library/delete", {"picture": [str(n) for n in range(101)]}).status_code
        == 400
    )


def test_what_is_changed_while_a_zip_file_is_sent_does_not_break_it(
    app: Flask, member: FlaskClient, settings: WebSettings, photo: bytes
) -> None:
    urls = [upload_picture(member, photo, f"{name}.jpg") for name in "abc"]
    color_all(app, settings)
    with app.app_context():
        user_id = db.session.scalars(select(User.id)).one()
        pieces = zip_results(user_id, ids(*urls)["picture"])
        data = next(pieces)
        assert ask(member, f"{urls[1]}/delete").status_code == 200
        assert ask(member, f"{urls[2]}/edit", {"vividness": 0.0}).status_code == 200
        color_all(app, settings)
        data += b"".join(pieces)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.color.jpg", "c.color.jpg"]
        assert archive.read("c.color.jpg") == member.get(f"{urls[2]}/download").data


def test_an_album_that_is_made_twice_at_the_same_moment_is_told(
    app: Flask, member: FlaskClient, photo: bytes
) -> None:
    picture_id = upload_picture(member, photo).rpartition("/")[2]
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        albums.add_to_album(user, "Summer", [picture_id])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(db.session, "scalar", lambda _query: None)  # asked a moment before
            with pytest.raises(Conflict):
                albums.add_to_album(user, "Summer", [picture_id])
        assert [one.name for one in albums.list_albums(user)] == ["Summer"]


@pytest.mark.long
def test_albums_hold_pictures_and_let_them_go(
    app: Flask, member: FlaskClient, photo: bytes
) -> None:
    urls = [upload_picture(member, photo, name) for name in ("a.jpg", "b.jpg", "c.jpg")]
    first = send(member, "/library/album", {**ids(*urls[:2]), "album_name": " Großmutter "})
    here = first.location
    again = send(member, "/library/album", {**ids(*urls), "album_name": "Großmutter"})
    assert again.location == here
    assert names(member, here.removeprefix("/library")) == ["c", "b", "a"]
    assert "Großmutter <small>3</small>" in member.get("/library").text
    number = here.rpartition("=")[2]
    path = f"/library/album/{number}"

    stranger = sign_up(app, "eve@example.org")
    assert stranger.get(here).status_code == 404
    for action in ("remove", "rename", "delete"):
        fields = {**ids(urls[0]), "name": "x"}
        assert send(stranger, f"{path}/{action}", fields).status_code == 404
    theirs = send(stranger, "/library/album", {**ids(urls[0]), "album_name": "x"})
    assert theirs.status_code == 404

    send(member, f"{path}/remove", ids(urls[2]))
    assert names(member, f"?album={number}") == ["b", "a"]
    assert names(member, f"?album={number}&q=A") == ["a"]
    send(member, "/library/album", {**ids(urls[0]), "album_name": "Other"})
    assert send(member, f"{path}/rename", {"name": "Other"}).status_code == 409
    assert send(member, f"{path}/rename", {"name": ""}).status_code == 400
    assert send(member, f"{path}/rename", {"name": "x" * 101}).status_code == 400
    send(member, f"{path}/rename", {"name": "Oma"})
    send(member, f"{urls[1]}/delete", {})
    with app.app_context():
        user = db.session.query(Picture).first()
        assert user is not None
        assert [album[1:] for album in list_albums(user.user)] == [("Oma", 1), ("Other", 1)]
    assert send(member, f"{path}/delete", {}).location == "/library"
    assert names(member) == ["c", "a"]
    assert member.get(f"/library?album={10**30}").status_code == 404


def test_a_link_shows_the_album_as_it_is_and_nothing_else(
    app: Flask, member: FlaskClient, settings: WebSettings, photo: bytes
) -> None:
    urls = [upload_picture(member, photo, name) for name in ("a.jpg", "b.jpg", "c.jpg")]
    here = send(member, "/library/album", {**ids(*urls[:2]), "album_name": "Oma"}).location
    album = f"/library/album/{here.rpartition('=')[2]}"
    assert ask(member, f"{album}/share").status_code == 404  # nothing is finished
    color_all(app, settings)
    stranger = sign_up(app, "eve@example.org")
    assert ask(stranger, f"{album}/share").status_code == 404
    assert ask(stranger, f"{album}/unshare").status_code == 404

    answer = send(member, f"{album}/share", {})  # as the page's script sends it
    assert answer.location == f"{here}#share-link"
    shown = re.search(r'value="http://localhost(/s/[^"]+)"', member.get(here).text)
    assert shown is not None
    link, nobody = shown[1], app.test_client()
    page = nobody.get(link)
    assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert [urls[n].rpartition("/")[2] in page.text for n in range(3)] == [True, True, False]
    assert page.text.count("data-demo") == 2
    first = urls[1].rpartition("/")[2]  # the newest
    assert f'og:image" content="http://localhost{link}/{first}/picture.jpg"' in page.text
    for file in ("picture.jpg", "grey.jpg"):
        assert nobody.get(f"{link}/{first}/{file}").mimetype == "image/jpeg"
        other = urls[2].rpartition("/")[2]
        assert nobody.get(f"{link}/{other}/{file}").status_code == 404
        assert nobody.get(f"{link}/{file}").status_code == 404
    assert nobody.get(f"{link}/{first}/film.mp4").status_code == 404
    assert nobody.get(f"{urls[1]}/download").status_code == 302

    of_picture = ask(member, f"{urls[0]}/share").get_json()["url"].removeprefix("http://localhost")
    assert nobody.get(f"{of_picture}/{first}/picture.jpg").status_code == 404
    send(member, f"{album}/remove", ids(urls[1]))
    assert nobody.get(f"{link}/{first}/picture.jpg").status_code == 404
    ask(member, f"{album}/share")
    assert nobody.get(link).status_code == 404  # a new link ends the one before
    again = ask(member, f"{album}/share").get_json()["url"].removeprefix("http://localhost")
    ask(member, f"{album}/unshare")
    assert nobody.get(again).status_code == 404
    last = ask(member, f"{album}/share").get_json()["url"].removeprefix("http://localhost")
    with app.app_context():
        db.session.query(AlbumShare).update({"expires_at": now() - timedelta(seconds=1)})
        db.session.commit()
    assert nobody.get(last).status_code == 404
    with app.app_context():
        sweep(settings, Storage(settings.data_dir))
        assert db.session.query(AlbumShare).count() == 0
    ask(member, f"{album}/share")
    send(member, f"{album}/delete", {})
    with app.app_context():
        assert db.session.query(AlbumShare).count() == 0


def test_links_of_a_disabled_account_open_nothing_until_it_is_let_in_again(
    app: Flask, member: FlaskClient, settings: WebSettings, photo: bytes
) -> None:
    url = upload_picture(member, photo)
    here = send(member, "/library/album", {**ids(url), "album_name": "Oma"}).location
    color_all(app, settings)
    album, picture_id = f"/library/album/{here.rpartition('=')[2]}", url.rpartition("/")[2]
    links = [ask(member, f"{one}/share").get_json()["url"][16:] for one in (url, album)]
    pages = [*links, f"{links[0]}/picture.jpg", f"{links[0]}/grey.jpg"]
    pages += [f"{links[1]}/{picture_id}/picture.jpg", f"{links[1]}/{picture_id}/grey.jpg"]

    def statuses() -> set[int]:
        return {app.test_client().get(page).status_code for page in pages}

    assert statuses() == {200}
    with app.app_context():
        set_disabled(EMAIL, True)
    assert statuses() == {404}
    with app.app_context():
        set_disabled(EMAIL, False)
    assert statuses() == {200}
    with app.app_context():
        delete_user(find_account(EMAIL))
        assert db.session.query(Share).count() == db.session.query(AlbumShare).count() == 0
    assert statuses() == {404}


@pytest.mark.long
def test_the_library_can_be_in_the_order_of_when_photographs_were_taken(
    app: Flask, member: FlaskClient, scene: NDArray[np.uint8], photo: bytes
) -> None:
    def taken(text: str) -> bytes:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = text
        return encode_image(scene, "JPEG", exif=exif)

    for name, data in (
        ("old.jpg", taken("1943:05:01 12:00:00")),
        ("unknown.jpg", photo),
        ("older.jpg", taken("1912:12:24 18:30:00")),
        ("nonsense.jpg", taken("0000:00:00 00:00:00")),
    ):
        upload_picture(member, data, name)
    assert names(member) == ["nonsense", "older", "unknown", "old"]
    assert names(member, "?order=taken") == ["nonsense", "unknown", "old", "older"]
    page = member.get("/library?order=taken").text
    assert "24 December 1912" in page
    assert names(member, "?order=sideways") == names(member)
    with app.app_context():
        times = {p.name: p.taken_at for p in db.session.query(Picture)}
    assert times["unknown.jpg"] is times["nonsense.jpg"] is None
