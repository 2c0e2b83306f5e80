"""Pictures in the studio: coloured, corrected, found, shared, deleted, and nobody else's."""

from __future__ import annotations

import errno
import io
import itertools
import math
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from fixtures.studio import (
    Browser,
    ask,
    color_all,
    encode_image,
    jpeg,
    model_in,
    upload,
    upload_picture,
)
from fixtures.web import MakeApp, send, sign_up
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from photochrom.atomic import replacement_file
from photochrom.engine import load_with_features
from photochrom.errors import OutputError
from photochrom.guided.reference import SAME_SCENE
from photochrom.guided.suggestions import Suggestion
from photochrom.hints import Hint
from photochrom.imageio import Picture as Pixels
from photochrom.imageio import read, write
from photochrom.pipeline import WhiteBalance
from photochrom.variants import VARIANTS
from photochrom.web.cleanup import STRAY_S, sweep
from photochrom.web.database import MAX_NAME, PastResult, Picture, Share, db, now
from photochrom.web.lanes import stream_count
from photochrom.web.pictures import history, live_preview
from photochrom.web.pictures.decoding import current_decoding_space
from photochrom.web.pictures.edit_colorizer import EditColorizer
from photochrom.web.pictures.edits import VERSIONS, Edit
from photochrom.web.pictures.library import list_pictures
from photochrom.web.pictures.names import clean_file_name
from photochrom.web.pictures.shots import is_corrected
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage, current_storage, drop_ballast, make_ballast

pytestmark = pytest.mark.slow

pytest_plugins = ["fixtures.web"]


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(data_dir=tmp_path / "studio", model=model_in(tmp_path), device="cpu")


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    return studio(make_app, settings)


def studio(make_app: MakeApp, settings: WebSettings, **more: Any) -> Flask:
    app = make_app(model=settings.model, device="cpu", **more)
    app.test_client_class = Browser
    return app


@pytest.fixture
def photo(grey_scene: NDArray[np.uint8]) -> bytes:
    return jpeg(grey_scene)


@pytest.fixture
def picture_url(app: Flask, member: FlaskClient, settings: WebSettings, photo: bytes) -> str:
    """The address of a coloured picture."""
    url = upload_picture(member, photo, "Großmutter 1923.jpg")
    color_all(app, settings)
    assert member.get(f"{url}/state").get_json()["state"] == "done"
    return url


def decode_image(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


def find_row(app: Flask, url: str) -> Picture:
    with app.app_context():
        picture = db.session.get(Picture, url.rpartition("/")[2])
        assert picture is not None
        db.session.expunge(picture)
    return picture


def test_a_picture_is_coloured_in_its_own_size_and_format(
    member: FlaskClient, picture_url: str, grey_scene: NDArray[np.uint8]
) -> None:
    result = member.get(f"{picture_url}/download")
    rgb = decode_image(result.data)
    assert result.mimetype == "image/jpeg"
    assert rgb.shape == (*grey_scene.shape, 3)
    assert np.ptp(rgb.astype(int), axis=-1).mean() > 5
    assert np.abs(np.asarray(Image.fromarray(rgb).convert("L"), int) - grey_scene).mean() < 6
    assert decode_image(member.get(f"{picture_url}/preview/1.jpg").data).shape == rgb.shape
    assert member.get(f"{picture_url}/thumb.jpg").mimetype == "image/jpeg"
    assert member.get(f"{picture_url}/preview/2.jpg").status_code == 404
    before = member.get(f"{picture_url}/preview/0.jpg")  # of a page that came before the result
    assert before.status_code == 200
    assert "immutable" not in before.headers["Cache-Control"]


def test_a_result_keeps_which_model_made_it_and_a_change_says_what_comes(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings
) -> None:
    assert find_row(app, picture_url).model == "tiny 1.2.3"
    assert "Coloured by tiny 1.2.3." in member.get(picture_url).text
    with app.app_context():
        db.session.execute(update(Picture).values(model="tiny 0.2.0"))
        db.session.commit()
    sentence = "These colours are by tiny 0.2.0. A change makes all of them anew, by tiny 1.2.3."
    assert sentence in member.get(picture_url).text
    ask(member, f"{picture_url}/edit", {"vividness": 2.0})
    color_all(app, settings)
    assert find_row(app, picture_url).model == "tiny 1.2.3"


def test_a_result_that_a_killed_worker_left_is_of_the_model_that_it_names(
    app: Flask, picture_url: str, settings: WebSettings
) -> None:
    with app.app_context():
        row = {"state": "waiting", "done_revision": 0, "model": None}
        db.session.execute(update(Picture).values(row))
        db.session.commit()
        storage = current_storage()
        path = storage.result(picture_url.rpartition("/")[2], 1)
        assert path is not None
        write(path, read(path), generator="tiny 0.9 (photochrom 0.1.0)", overwrite=True)
    color_all(app, settings)
    assert find_row(app, picture_url).model == "tiny 0.9"


def test_browsers_keep_the_small_picture_of_a_revision_and_ask_again_for_others(
    member: FlaskClient, picture_url: str
) -> None:
    assert f'src="{picture_url}/thumb.jpg?v=1"' in member.get("/library").text
    assert "immutable" in member.get(f"{picture_url}/thumb.jpg?v=1").headers["Cache-Control"]
    for address in ("thumb.jpg", "thumb.jpg?v=0", "thumb.jpg?v=2"):
        assert (
            member.get(f"{picture_url}/{address}").headers["Cache-Control"] == "private, no-cache"
        )
    ask(member, f"{picture_url}/edit", {"vividness": 2.0})
    assert "immutable" not in member.get(f"{picture_url}/thumb.jpg?v=1").headers["Cache-Control"]


def test_words_on_a_page_escape_what_is_filled_in(app: Flask) -> None:
    words = "{{ _('%(name)s <b>is 100 %% here</b>', name=name) }} {{ _('<i>plain</i>') }}"
    with app.test_request_context():
        page = render_template_string(words, name="<script>")
    assert page == "&lt;script&gt; <b>is 100 % here</b> <i>plain</i>"


def test_sixteen_bits_and_the_resolution_stay(
    app: Flask,
    member: FlaskClient,
    settings: WebSettings,
    scene16: NDArray[np.uint16],
    tmp_path: Path,
) -> None:
    path = tmp_path / "scan.png"
    write(path, Pixels(scene16[..., 1]))
    url = upload_picture(member, path.read_bytes(), "scan.png")
    color_all(app, settings)
    path.write_bytes(member.get(f"{url}/download").data)
    picture = read(path)
    assert picture.pixels.dtype == np.uint16
    assert picture.format == "PNG"
    assert picture.metadata.xmp is not None
    assert b"The colour was generated by tiny" in picture.metadata.xmp


def test_a_download_is_called_as_its_owner_calls_it(member: FlaskClient, picture_url: str) -> None:
    output = member.get(f"{picture_url}/download").headers["Content-Disposition"]
    assert output.startswith("attachment")
    assert "filename*=UTF-8''Gro%C3%9Fmutter%201923.color.jpg" in output
    pair = member.get(f"{picture_url}/download?form=side-by-side")
    original = member.get(f"{picture_url}/download?form=original")
    assert decode_image(pair.data).shape[1] == 2 * decode_image(original.data).shape[1]
    assert member.get(f"{picture_url}/download?form=../secret").status_code == 400


def test_no_name_reaches_a_header_or_a_path(
    member: FlaskClient, settings: WebSettings, photo: bytes
) -> None:
    url = upload_picture(member, photo, "..\\..\\plain.jpg")
    for name in ('x"\r\nSet-Cookie: a=b\r\n.jpg', "../../../etc/passwd", "\u202egpj.exe"):
        send(member, f"{url}/rename", {"name": name})
        answer = member.get(f"{url}/download?form=original")
        assert answer.status_code == 200
        assert "a=b" not in answer.headers.get("Set-Cookie", "")
        assert not set("\r\n/") & set(answer.headers["Content-Disposition"])
    names = {p.name for p in (settings.data_dir / "pictures").rglob("*") if p.is_file()}
    assert names == {"original.jpg", "preview-grey.jpg", "thumb.jpg"}


def test_names_lose_folders_and_what_cannot_be_seen() -> None:
    assert clean_file_name("C:\\photos\\a.jpg") == "a.jpg"
    assert clean_file_name("../../etc/passwd") == "passwd"
    assert clean_file_name("a\r\nb\x00.jpg") == "a b .jpg"
    assert clean_file_name("\u202egpj.exe") == "gpj.exe"
    assert clean_file_name("///") == "Picture"
    long = clean_file_name("n" * 500 + ".jpeg")
    assert len(long) == MAX_NAME
    assert long.endswith("n.jpeg")


def test_a_name_that_is_too_long_is_refused_and_not_cut(
    app: Flask, member: FlaskClient, picture_url: str
) -> None:
    assert ask(member, f"{picture_url}/rename", {"name": "n" * MAX_NAME}).status_code == 200
    refusal = ask(member, f"{picture_url}/rename", {"name": "m" * (MAX_NAME + 1)})
    assert refusal.status_code == 400
    assert f"at most {MAX_NAME} characters" in refusal.get_json()["error"]
    assert find_row(app, picture_url).name == "n" * MAX_NAME
    assert f'maxlength="{MAX_NAME}"' in member.get(picture_url).text


def test_a_name_with_a_point_in_it_stays_whole(member: FlaskClient, picture_url: str) -> None:
    send(member, f"{picture_url}/rename", {"name": "Dr. Müller"})
    output = member.get(f"{picture_url}/download").headers["Content-Disposition"]
    assert output.endswith("filename*=UTF-8''Dr.%20M%C3%BCller.color.jpg")
    original = member.get(f"{picture_url}/download?form=original").headers["Content-Disposition"]
    assert original.endswith("filename*=UTF-8''Dr.%20M%C3%BCller.jpg")


def test_a_pair_is_made_once_and_while_no_upload_takes_the_memory(
    app: Flask, member: FlaskClient, picture_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def record_call(path: Path, *rest: Any, **more: Any) -> None:
        made.append(path)
        write(path, *rest, **more)

    monkeypatch.setattr("photochrom.web.pictures.downloads.write", record_call)
    asked = f"{picture_url}/download?form=side-by-side"
    cookies = member.get_cookie("__Host-studio") or member.get_cookie("studio")
    assert cookies is not None

    def fetch(_number: int) -> int:
        browser = app.test_client()
        browser.set_cookie(cookies.key, cookies.value)
        return browser.get(asked).status_code

    with app.app_context():
        space = current_decoding_space()
    with ThreadPoolExecutor(2) as pool:
        with ExitStack() as stack:
            for _ in range(space.at_once):  # as uploads that are being looked at
                stack.enter_context(space.take(1))
            answers = pool.map(fetch, range(2))
            time.sleep(0.3)
            assert made == []
        assert list(answers) == [200, 200]
    assert len(made) == 1


def test_a_pair_of_what_cannot_be_read_is_not_there(
    member: FlaskClient, picture_url: str, settings: WebSettings, photo: bytes
) -> None:
    original = Storage(settings.data_dir).original(picture_url.rpartition("/")[2], "image/jpeg")
    for broken in (photo[:500], None):
        original.unlink() if broken is None else original.write_bytes(broken)
        assert member.get(f"{picture_url}/download?form=side-by-side").status_code == 404


VERBS = (
    *("edit", "preview", "suggestions", "area", "uncertain"),
    *("delete", "rename", "share", "unshare", "stop", "resume"),
)
ROUTES = [
    ("GET", ""),
    *(("GET", f"/{page}") for page in ("state", "events", "variants", "variants/0.jpg")),
    *(("GET", f"/{page}") for page in ("preview/1.jpg", "grey.jpg", "thumb.jpg")),
    *(("GET", f"/download?form={form}") for form in ("colour", "side-by-side", "original")),
    ("GET", "/preview.mp4"),
    ("GET", "/export?format=JPEG"),
    ("GET", "/part/1.jpg?left=0&top=0&width=9&height=9&longest=9"),
    ("GET", "/reference/0123456789abcdef.jpg"),
    ("GET", "/changes.png"),
    ("GET", "/past/1.jpg"),
    ("POST", "/past/1"),
    ("POST", "/shots"),
    ("GET", "/shots/0.jpg"),
    ("POST", "/shots/0"),
    *(("POST", f"/{verb}") for verb in VERBS),
]


def test_every_route_of_a_picture_is_in_the_list(app: Flask) -> None:
    rules = {
        rule.rule.split("<picture_id>")[1]
        .replace("<int:number>", "0")
        .replace("<int:revision>", "1")
        .replace("<reference_id>", "0123456789abcdef")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("picture") and "picture_id" in rule.arguments
    }
    assert rules == {path.partition("?")[0] for _method, path in ROUTES}


def test_anothers_picture_does_not_exist(app: Flask, picture_url: str, member: FlaskClient) -> None:
    stranger = sign_up(app, "eve@example.org", "Eve")
    nobody = app.test_client()
    for method, path in ROUTES:
        if method == "GET":
            assert stranger.get(picture_url + path).status_code == 404, path
            assert nobody.get(picture_url + path).status_code == 302, path
        else:
            values = {"name": "mine"} if path == "/rename" else {}
            assert ask(stranger, picture_url + path, values).status_code == 404, path
            assert ask(nobody, picture_url + path).status_code == 401, path
    assert member.get(f"{picture_url}/state").get_json()["state"] == "done"
    assert member.get(f"{picture_url}/download").status_code == 200


def test_odd_identifiers_lead_nowhere(member: FlaskClient) -> None:
    for odd in ("..", "%2e%2e", "..%2f..%2fsecret", "a" * 16, "x", "%00" * 16, "%ff"):
        for path in (f"/pictures/{odd}", f"/pictures/{odd}/thumb.jpg", f"/s/{odd}"):
            assert member.get(path).status_code in (302, 404), path


def test_a_stroke_is_seen_at_once_and_kept_when_saved(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings
) -> None:
    stroke = {"points": [[50.0, 70.0], [72.0, 70.0]], "color": "#2040d0", "width": 4.0}
    asked = {"hints": [[10.0, 10.0, "#c1272d"], stroke], "temperature": 20}
    preview = decode_image(ask(member, f"{picture_url}/preview", asked).data).astype(int)
    assert ask(member, f"{picture_url}/edit", asked).status_code == 200
    color_all(app, settings)
    result = decode_image(member.get(f"{picture_url}/download").data).astype(int)
    for seen in (preview, result):
        assert (seen[69:72, 52:70, 2] > seen[69:72, 52:70, 0] + 20).all()
        assert np.median(seen[..., 0] - seen[..., 2]) > 10  # all else is warmer
    assert find_row(app, picture_url).hints == asked["hints"]


def test_an_area_is_outlined_before_it_has_a_color_and_ends_at_its_edge(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings
) -> None:
    selected = ask(member, f"{picture_url}/area", {"place": [50, 45], "tolerance": 8}).get_json()
    rings = [np.rint(ring).astype(np.int32) for ring in selected["outlines"]]
    inside = np.zeros((90, 120), np.uint8)
    cv2.fillPoly(inside, rings, 1)  # by the even-odd rule
    assert inside[40:68, 44:54].mean() > 0.9  # the drawn house, without its window
    assert abs(inside.mean() - selected["share"]) < 0.03
    area = {"area": [50.0, 45.0], "color": "#2040d0", "tolerance": 8.0}
    ask(member, f"{picture_url}/edit", {"hints": [area]})
    color_all(app, settings)
    result = decode_image(member.get(f"{picture_url}/download").data).astype(int)
    blue = result[..., 2] > result[..., 0] + 20
    assert blue[cv2.erode(inside, np.ones((5, 5))) > 0].mean() > 0.95
    assert blue[cv2.dilate(inside, np.ones((9, 9))) == 0].mean() < 0.02
    assert find_row(app, picture_url).hints == [area]
    assert ask(member, f"{picture_url}/area", {"place": [50, 450]}).status_code == 400
    assert ask(member, f"{picture_url}/area", {"tolerance": 8}).status_code == 400


def test_a_place_in_doubt_is_one_no_longer_once_it_has_a_color(
    member: FlaskClient, picture_url: str
) -> None:
    address = f"{picture_url}/uncertain"
    (x, y), *_others = ask(member, address).get_json()["places"]
    left = ask(member, address, {"hints": [[x, y, "#2040d0"]]}).get_json()["places"]
    assert all(math.hypot(x - other[0], y - other[1]) > 10 for other in left)
    strokes = [
        {"points": [[0, y], [119, y]], "color": "#2040d0", "width": 12} for y in (15, 45, 75)
    ]
    assert ask(member, address, {"hints": strokes}).get_json() == {"places": []}


def test_versions_are_the_alternatives_of_a_model_that_has_them(
    grey_scene: NDArray[np.uint8],
) -> None:
    colorizer = EditColorizer(load_with_features("photochrom-film", device="cpu", threads=1))
    assert colorizer.has_alternatives
    numbers = range(len(VARIANTS), len(VERSIONS))
    assert [VERSIONS[n].alternative for n in numbers] == [2, 3, 4, 5]
    whole = {n: colorizer.colorize(grey_scene, Edit(variant=n), None)[0] for n in (0, *numbers)}
    assert len({picture.tobytes() for picture in whole.values()}) == 5
    blue = Edit(hints=(Hint(50, 45, "#2040d0"),))
    # A hint is for the thing, and not for its own pixel, whatever the version.
    hinted = [colorizer.colorize(grey_scene, replace(blue, variant=n), None)[0] for n in (0, 4)]
    for picture in hinted:
        house = picture[42:68, 42:54].astype(int)
        assert (house[..., 2] > house[..., 0]).mean() > 0.5


def test_damage_is_mended_on_demand_shown_and_taken_back(
    app: Flask, member: FlaskClient, settings: WebSettings, grey_scene: NDArray[np.uint8]
) -> None:
    clean = np.rint(np.clip((grey_scene - 60.0) * 2.2, 0, 255)).astype(np.uint8)
    faded = (100 + 0.3 * clean).astype(np.uint8)
    url = upload_picture(member, jpeg(faded), "faded.jpg")
    color_all(app, settings)
    alone = decode_image(member.get(f"{url}/download").data)
    assert member.get(f"{url}/changes.png").status_code == 404
    preview = decode_image(ask(member, f"{url}/preview", {"restore": True}).data)
    assert np.ptp(preview) > 1.5 * np.ptp(alone)
    ask(member, f"{url}/edit", {"restore": True})
    assert member.get(f"{url}/state").get_json()["restored"] == ""
    color_all(app, settings)
    state = member.get(f"{url}/state").get_json()
    assert (state["restored"], state["has_changes"]) == ("Found and mended: fading.", True)
    assert np.ptp(decode_image(member.get(f"{url}/download").data)) > 1.5 * np.ptp(alone)
    assert "Found and mended: fading." in member.get(url).get_data(as_text=True)
    overlay = np.asarray(Image.open(io.BytesIO(member.get(f"{url}/changes.png").data)))
    assert overlay.shape == (*faded.shape, 4)
    assert overlay[..., 3].any()
    ask(member, f"{url}/edit", {"restore": False})
    color_all(app, settings)
    np.testing.assert_array_equal(decode_image(member.get(f"{url}/download").data), alone)
    assert member.get(f"{url}/changes.png").status_code == 404
    assert ask(member, f"{url}/edit", {"restore": 1}).status_code == 400

    url = upload_picture(member, jpeg(clean), "clean.jpg")
    ask(member, f"{url}/edit", {"restore": True})
    color_all(app, settings)
    state = member.get(f"{url}/state").get_json()
    assert (state["restored"][:9], state["has_changes"]) == ("No damage", False)


def test_a_single_scratch_is_mended_once_a_person_has_said_so(
    app: Flask, member: FlaskClient, settings: WebSettings, grey_scene: NDArray[np.uint8]
) -> None:
    place = np.s_[:, 80:82]
    scratched = grey_scene.copy()
    scratched[place] = 250
    url = upload_picture(member, encode_image(scratched), "scratched.png")

    def is_scratched(data: bytes) -> bool:
        grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float64)
        return np.abs(grey - grey_scene)[place].mean() > 40

    def preview(**edit: bool) -> bytes:
        return ask(member, f"{url}/preview", edit).data

    def color(**edit: bool) -> bytes:
        assert ask(member, f"{url}/edit", edit).status_code == 200
        color_all(app, settings)
        return member.get(f"{url}/download").data

    alone = color()
    assert is_scratched(preview(restore=True))
    assert not is_scratched(preview(restore=True, scratched=True))
    assert is_scratched(preview(restore=True))  # each has its own copy
    assert is_scratched(preview(scratched=True))  # which says nothing of mending

    assert is_scratched(color(restore=True))
    assert "No damage was found" in member.get(f"{url}/state").get_json()["restored"]
    page = member.get(url).text
    assert '<div class="box-part" id="scratched-field">' in page
    assert 'id="scratched" role="switch" aria-checked="false"' in page
    mended = color(scratched=True)
    assert not is_scratched(mended)
    state = member.get(f"{url}/state").get_json()
    assert (state["restored"], state["has_changes"]) == ("Found and mended: scratches, dust.", True)
    assert 'id="scratched" role="switch" aria-checked="true"' in member.get(url).text
    overlay = np.asarray(Image.open(io.BytesIO(member.get(f"{url}/changes.png").data)))
    assert overlay[place][..., 3].mean() > 100

    app.extensions.pop("photochrom-previewer")  # another process has what the worker has left
    assert is_scratched(preview(scratched=False))
    assert not is_scratched(preview())

    past = re.findall(rf"action=\"{url}/past/(\d+)", member.get(url).text)
    send(member, f"{url}/past/{past[0]}", {})  # as it was before somebody said so
    assert is_scratched(color())
    assert color(restore=False, scratched=True) == alone
    assert '<div class="box-part" id="scratched-field" hidden>' in member.get(url).text
    assert color(restore=True) == mended


@pytest.mark.long  # 4 s: a model with features, and three workers
def test_a_picture_takes_the_colors_of_another_and_keeps_them(
    make_app: MakeApp,
    settings: WebSettings,
    scene: NDArray[np.uint8],
    grey_scene: NDArray[np.uint8],
) -> None:
    settings = replace(settings, model="photochrom-film")
    app = studio(make_app, settings)
    member, eve = sign_up(app), sign_up(app, "eve@example.org", "Eve")
    url = upload_picture(member, jpeg(grey_scene), "grey.jpg")
    tiles = np.kron(scene[::30, ::30], np.ones((30, 30, 1), np.uint8))
    same, other = (
        upload_picture(member, jpeg(pixels), "colours.jpg").rpartition("/")[2]
        for pixels in (scene, tiles)
    )
    hers = upload_picture(eve, jpeg(scene), "hers.jpg").rpartition("/")[2]
    color_all(app, settings)

    def far(picture: bytes) -> float:
        return float(np.abs(decode_image(picture).astype(int) - scene).mean())

    alone = member.get(f"{url}/download").data
    preview = ask(member, f"{url}/preview", {"reference": same}).data
    ask(member, f"{url}/edit", {"reference": same})
    assert member.get(f"{url}/state").get_json()["reference"] == ""
    assert ask(member, f"/pictures/{same}/delete").status_code == 200  # there is a copy
    color_all(app, settings)
    assert max(far(preview), far(member.get(f"{url}/download").data)) < 0.8 * far(alone)
    assert "have its colours" in member.get(f"{url}/state").get_json()["reference"]
    row = find_row(app, url)
    assert row.reference_agreement is not None
    assert row.reference_agreement > SAME_SCENE
    assert member.get(f"{url}/reference/{same}.jpg").status_code == 200

    ask(member, f"{url}/edit", {"reference": other})
    color_all(app, settings)
    assert "changes nothing" in member.get(f"{url}/state").get_json()["reference"]
    assert member.get(f"{url}/download").data == alone
    Storage(settings.data_dir).forget_references(row.id, other, older_s=-1)
    assert member.get(f"{url}/reference/{same}.jpg").status_code == 404
    for wrong in (hers, row.id, same):
        assert ask(member, f"{url}/edit", {"reference": wrong}).status_code == 400, wrong


def test_a_model_without_features_takes_no_references(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings, scene: NDArray[Any]
) -> None:
    giver = upload_picture(member, jpeg(scene), "colours.jpg")
    color_all(app, settings)
    offered = member.get("/library/photos").get_json()["pictures"]
    assert [photo["name"] for photo in offered] == ["colours", "Großmutter 1923"]
    assert all(member.get(photo["preview"]).status_code == 200 for photo in offered)
    answer = ask(member, f"{picture_url}/preview", {"reference": giver.rpartition("/")[2]})
    assert answer.status_code == 400
    assert "takes no colours from other pictures" in answer.get_json()["error"]
    ask(member, f"{picture_url}/edit", {"reference": giver.rpartition("/")[2]})
    color_all(app, settings)  # who asks for it all the same is told, and can take it back
    state = member.get(f"{picture_url}/state").get_json()
    assert state["state"] == "failed"
    assert "cannot colour it so" in state["problem"]
    ask(member, f"{picture_url}/edit", {"reference": None})
    color_all(app, settings)
    assert member.get(f"{picture_url}/state").get_json()["state"] == "done"


def test_a_hint_is_seen_at_once_and_kept_when_saved(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings
) -> None:
    asked = {"hints": [[60, 70, "#2040d0"]], "size": None, "vividness": 1.0, "variant": 0}
    preview = decode_image(ask(member, f"{picture_url}/preview", asked).data).astype(int)
    assert preview[70, 60, 2] > preview[70, 60, 0] + 20
    assert find_row(app, picture_url).revision == 1
    saved = ask(member, f"{picture_url}/edit", {**asked, "revision": 1})
    assert saved.get_json()["revision"] == 2
    assert (
        member.get(f"{picture_url}/preview/1.jpg").status_code == 200
    )  # until the new one is there
    color_all(app, settings)
    result = decode_image(member.get(f"{picture_url}/download").data).astype(int)
    assert result[70, 60, 2] > result[70, 60, 0] + 20
    assert find_row(app, picture_url).hints == [[60.0, 70.0, "#2040d0"]]
    folder = Storage(settings.data_dir).folder(picture_url.rpartition("/")[2])
    assert [path.name for path in folder.glob("result-*")] == ["result-2.jpg"]


def test_a_preview_does_without_what_only_suggestions_need(
    member: FlaskClient, picture_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, object]] = []
    for name in ("load", "load_with_features"):
        real = getattr(live_preview, name)

        def load(*where: Any, name: str = name, real: Any = real, **options: Any) -> Any:
            loaded.append((name, options.get("confidence")))
            return real(*where, **options)

        monkeypatch.setattr(live_preview, name, load)
    asked = {"hints": [[60, 70, "#2040d0"]]}
    for _ in range(2):
        assert ask(member, f"{picture_url}/preview", asked).status_code == 200
    assert loaded == [("load", "none")]
    for _ in range(2):
        assert ask(member, f"{picture_url}/uncertain").get_json()["places"]
    assert loaded == [("load", "none"), ("load_with_features", None)]


def test_a_change_that_somebody_else_made_first_is_told(
    member: FlaskClient, picture_url: str
) -> None:
    assert ask(member, f"{picture_url}/edit", {"vividness": 0.5, "revision": 1}).status_code == 200
    again = ask(member, f"{picture_url}/edit", {"vividness": 2.0, "revision": 1})
    assert again.status_code == 409
    assert "changed elsewhere" in again.get_json()["error"]


def test_earlier_results_are_kept_as_settings_and_come_back(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(history, "MAX_PAST", 2)
    first = member.get(f"{picture_url}/download").data
    page = member.get(picture_url).text
    assert "How it was before" not in page
    for hints in ([[9, 9, "#ff0000"]], [[9, 9, "#ff0000"], [20, 20, "#0000ff"]]):
        assert ask(member, f"{picture_url}/edit", {"hints": hints}).status_code == 200
        # Not coloured yet, so that it is no result to go back to.
        assert ask(member, f"{picture_url}/edit", {"hints": hints, "vividness": 0.5}).status_code
        color_all(app, settings)
    page = member.get(picture_url).text
    assert re.findall(rf"action=\"{picture_url}/past/(\d+)", page) == ["3", "1"]
    assert "· 1 correction" in page
    assert decode_image(member.get(f"{picture_url}/past/1.jpg").data).ndim == 3
    answer = send(member, f"{picture_url}/past/1", {})
    assert (answer.status_code, answer.location) == (303, picture_url)
    color_all(app, settings)
    assert member.get(f"{picture_url}/download").data == first
    page = member.get(picture_url).text
    assert re.findall(rf"action=\"{picture_url}/past/(\d+)", page) == ["5", "3"]  # two at most
    folder = Storage(settings.data_dir).folder(picture_url.rpartition("/")[2])
    assert {path.name for path in folder.glob("past-*")} == {"past-5.jpg", "past-3.jpg"}
    assert member.get(f"{picture_url}/past/1.jpg").status_code == 404
    assert send(member, f"{picture_url}/past/1", {}).status_code == 404
    send(member, f"{picture_url}/past/5", {})  # and back: each of the same settings once
    color_all(app, settings)
    page = member.get(picture_url).text
    assert re.findall(rf"action=\"{picture_url}/past/(\d+)", page) == ["6"]
    ask(member, f"{picture_url}/delete")
    with app.app_context():
        assert db.session.query(PastResult).count() == 0


def test_likely_colours_of_a_place_are_suggested(
    member: FlaskClient, picture_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = f"{picture_url}/suggestions", []

    def suggest(picture: Any, x: float, y: float, extractor: Any, **options: Any) -> Any:
        asked.append((picture.shape[:2], x, y, extractor, options["hints"], options["size"]))
        return [Suggestion((193, 39, 45), (50.0, 30.0), 0.75)]

    with monkeypatch.context() as patch:
        patch.setattr(live_preview, "feature_extractor", lambda network: "its features")
        patch.setattr(live_preview, "suggest_colors", suggest)
        found = ask(member, address, {"place": [60, 70], "hints": [[1, 2, "#c1272d"]]}).get_json()
    assert found == {"colors": [{"color": "#c1272d", "probability": 0.75}]}
    assert asked == [((90, 120), 60, 70, "its features", [Hint(1, 2, "#c1272d")], "auto")]
    for wrong in ({}, {"place": [60, 700]}, {"place": [60]}, {"place": [1, 1], "hints": "all"}):
        assert ask(member, address, wrong).status_code == 400, wrong


def test_a_model_without_colour_bins_suggests_none(
    member: FlaskClient, picture_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        answer = ask(member, f"{picture_url}/suggestions", {"place": [60, 70]})
        assert answer.get_json() == {"colors": []}
    assert caplog.text.count("no colours are suggested") == 1


BAD_EDITS = [
    {"hints": [[1, 2]]},
    {"hints": [[1, 2, "red"]]},
    {"hints": [[-1, 2, "#ff0000"]]},
    {"hints": [[1e9, 2, "#ff0000"]]},
    {"hints": [[True, 2, "#ff0000"]]},
    {"hints": [[float("nan"), 2, "#ff0000"]]},
    {"hints": "everything"},
    {"hints": [[1, 1, "#ff0000"]] * 201},
    {"hints": [[10**400, 1, "#ff0000"]]},
    {"hints": [{"points": [], "color": "#ff0000", "width": 3}]},
    {"hints": [{"points": [[1, 1]], "color": "#ff0000"}]},
    {"hints": [{"points": [[1, 1]], "color": "red", "width": 3}]},
    {"hints": [{"points": [[1, 999]], "color": "#ff0000", "width": 3}]},
    {"hints": [{"points": [[1, 1]], "color": "#ff0000", "width": 0}]},
    {"hints": [{"points": [[1, 1]], "color": "#ff0000", "width": 17}]},
    {"hints": [{"points": [[1, 1]] * 5001, "color": "#ff0000", "width": 3}]},
    {"hints": [{"points": [[0, 0], [99, 99]] * 100, "color": "#ff0000", "width": 3}]},
    {"hints": [{"area": [1, 1], "color": "#ff0000"}]},
    {"hints": [{"area": [1, 999], "color": "#ff0000", "tolerance": 12}]},
    {"hints": [{"area": [1, 1], "color": "#ff0000", "tolerance": 0}]},
    {"hints": [{"area": [1, 1], "color": "#ff0000", "tolerance": 12}] * 21},
    {"size": 5},
    {"size": 100_000},
    {"size": "large"},
    {"vividness": -1},
    {"vividness": float("inf")},
    {"temperature": 51},
    {"tint": "green"},
    {"neutral": -0.1},
    {"variant": 99},
    {"variant": True},
    {"reference": 7},
    {"reference": "../0123456789abc"},
    {"reference": "0123456789abcdef"},
    {"restore": 1},
    {"scratched": 1},
    {"scratched": "yes"},
    {"scratched": None},
    {"colour": "all"},
]


def test_edits_without_sense_are_refused(member: FlaskClient, picture_url: str) -> None:
    for edit, verb in itertools.product(BAD_EDITS, ("edit", "preview")):
        answer = ask(member, f"{picture_url}/{verb}", edit)
        assert answer.status_code == 400, edit
        assert answer.get_json()["error"]
    assert member.get(f"{picture_url}/state").get_json()["revision"] == 1


def test_an_edit_that_is_kept_is_the_edit_that_was_sent(app: Flask, picture_url: str) -> None:
    edit = Edit.parse(120, 160, hints=[[3, 4.5, "#C1272d"]], size=128, vividness=2, variant=2)
    edit = replace(edit, white_balance=WhiteBalance(temperature=-6, tint=3.5, neutral=0.8))
    edit = replace(edit, restore=True, scratched=True)
    picture = find_row(app, picture_url)
    for name, value in edit.columns().items():
        setattr(picture, name, value)
    assert Edit.from_picture(picture) == edit
    assert Edit.from_picture(picture, size=None, variant=0) == replace(edit, size=None, variant=0)
    assert picture.hints == [[3.0, 4.5, "#c1272d"]]


def test_scratches_ask_for_no_colors() -> None:
    assert Edit(own_colors="all", restore=True, scratched=True).leaves_colors
    assert not is_corrected(Edit(scratched=True))  # nor do they say anything of a shot
    assert is_corrected(Edit(restore=True, scratched=True))


def test_variants_are_shown(member: FlaskClient, picture_url: str) -> None:
    variants = member.get(f"{picture_url}/variants").get_json()["variants"]
    assert [variant["n"] for variant in variants] == [0, 1, 2, 3]
    pictures = [member.get(variant["url"]).data for variant in variants]
    assert len(set(pictures)) >= 3
    assert member.get(f"{picture_url}/variants/4.jpg").status_code == 400  # of another model
    assert member.get(f"{picture_url}/variants/8.jpg").status_code == 404


def test_the_library_is_searched_and_paged(app: Flask, member: FlaskClient, photo: bytes) -> None:
    upload_picture(member, photo, "100% Oma.jpg")
    with app.app_context():
        user = db.session.get_one(Picture, row_id(app)).user
        for number in range(30):
            db.session.add(
                Picture(user_id=user.id, name=f"beach {number}", media_type="image/jpeg", hints=[])
            )
        db.session.commit()
        assert list_pictures(user).pages == 2
        assert list_pictures(user, "BEACH 1").total == 11
        assert list_pictures(user, "%").total == 1  # a letter like others
        assert list_pictures(user, "_").total == 0
        last = list_pictures(user, page=99)
        assert (last.page, len(last.items), last.has_next) == (2, 7, False)
        db.session.add(Picture(user_id=user.id, name="Öl und Ähre", media_type="", hints=[]))
        db.session.commit()
        assert list_pictures(user, "öL UND ähRE").total == 1
    page = member.get("/library?q=Oma")
    assert b"100% Oma" in page.data
    assert b"beach" not in page.data
    assert member.get("/library?page=-5").status_code == 200
    assert member.get("/library?page=99999999999999999999").status_code == 200


def row_id(app: Flask) -> str:
    with app.app_context():
        return db.session.query(Picture.id).first()[0]  # type: ignore[index]


def test_a_link_shows_the_picture_and_nothing_else(
    app: Flask, member: FlaskClient, picture_url: str
) -> None:
    link = ask(member, f"{picture_url}/share").get_json()["url"].removeprefix("http://localhost")
    nobody = app.test_client()
    page = nobody.get(link)
    assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert picture_url.rpartition("/")[2] not in page.get_data(as_text=True)
    assert decode_image(nobody.get(f"{link}/picture.jpg").data).ndim == 3
    assert nobody.get(f"{link}/grey.jpg").mimetype == "image/jpeg"
    address = f'content="http://localhost{link}/picture.jpg"'  # for what shows a preview of links
    assert f'property="og:image" {address}' in page.get_data(as_text=True)
    assert nobody.get(f"{picture_url}/download").status_code == 302
    with app.app_context():
        (share,) = db.session.query(Share).all()
        assert share.digest not in link
        assert link.rpartition("/")[2] not in share.digest
    assert link.encode() in member.get(picture_url).data  # the owner can read it again
    ask(member, f"{picture_url}/unshare")
    assert nobody.get(link).status_code == 404
    assert nobody.get(f"{link}/picture.jpg").status_code == 404


def test_whoever_looks_closer_sees_the_pictures_own_pixels(
    member: FlaskClient, picture_url: str, settings: WebSettings, photo: bytes
) -> None:
    picture_id = picture_url.rpartition("/")[2]
    result = Storage(settings.data_dir).result(picture_id, 1)
    assert result is not None
    for revision, whole in ((0, read(photo).pixels), (1, read(result).pixels)):
        address = f"{picture_url}/part/{revision}.jpg?left=30&top=20&width=60&height=40"
        part = decode_image(member.get(f"{address}&longest=2048").data)
        assert part.shape == (40, 60, 3)
        expected = whole[20:60, 30:90] if whole.ndim == 3 else whole[20:60, 30:90, None]
        assert np.abs(part.astype(int) - expected).mean() < 3
        assert decode_image(member.get(f"{address}&longest=30").data).shape == (20, 30, 3)
        assert member.get(address).status_code == 400
        assert member.get(f"{address}0&longest=30").status_code == 400  # height 400
    assert member.get(f"{address}&longest=30".replace("part/1", "part/7")).status_code == 404


def test_numbers_without_end_lead_nowhere(member: FlaskClient, picture_url: str) -> None:
    endless, box = "9" * 300, "left=0&top=0&width=9&height=9&longest=9"
    for path in (f"past/{endless}.jpg", f"shots/{endless}.jpg", f"part/{endless}.jpg?{box}"):
        assert member.get(f"{picture_url}/{path}").status_code == 404


def test_what_a_format_cannot_hold_is_refused(
    app: Flask, member: FlaskClient, settings: WebSettings
) -> None:
    wide = np.tile(np.linspace(0, 255, 16_384).astype(np.uint8), (40, 1))
    url = upload_picture(member, encode_image(wide), "panorama.png")
    color_all(app, settings)
    refused = member.get(f"{url}/export?format=WebP", headers={"Accept": "application/json"})
    assert refused.status_code == 400
    assert refused.get_json()["error"] == "The longer side is from 16 to 16383 pixels."
    assert member.get(f"{url}/export?format=WebP&longest=400").mimetype == "image/webp"


def test_a_full_disk_is_told_as_such(
    member: FlaskClient, picture_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OutputError("cannot write it: no space left on device")
    full.__cause__ = OSError(errno.ENOSPC, "no space left on device")
    monkeypatch.setattr("photochrom.web.pictures.downloads.write", Mock(side_effect=full))
    assert member.get(f"{picture_url}/download?form=side-by-side").status_code == 507


def test_a_link_ends(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings
) -> None:
    link = ask(member, f"{picture_url}/share").get_json()["url"].removeprefix("http://localhost")
    with app.app_context():
        db.session.query(Share).update({"expires_at": now() - timedelta(seconds=1)})
        db.session.commit()
    assert app.test_client().get(link).status_code == 404
    with app.app_context():
        sweep(settings, Storage(settings.data_dir))
        assert db.session.query(Share).count() == 0


def test_what_is_not_finished_cannot_be_shared_or_downloaded(
    member: FlaskClient, photo: bytes
) -> None:
    url = upload_picture(member, photo)
    assert ask(member, f"{url}/share").status_code == 404
    assert member.get(f"{url}/download").status_code == 404
    assert member.get(f"{url}/download?form=original").status_code == 200


def test_deleting_leaves_no_file(
    member: FlaskClient, picture_url: str, settings: WebSettings
) -> None:
    assert ask(member, f"{picture_url}/delete").status_code == 200
    assert member.get(picture_url).status_code == 404
    assert not [path for path in (settings.data_dir / "pictures").rglob("*") if path.is_file()]


def test_the_quota_counts_originals_and_results(
    make_app: MakeApp, settings: WebSettings, rng: np.random.Generator
) -> None:
    app = studio(make_app, settings, quota_mb=1)
    member = sign_up(app, "quota@example.org", "Q")
    noise = rng.integers(0, 255, (300, 400), np.uint8)
    big = encode_image(noise, "PNG")
    first = upload_picture(member, big, "a.png")
    before = find_row(app, first).bytes
    color_all(app, settings)
    assert find_row(app, first).bytes > before + len(big)
    full = upload(member, (big, "b.png"))
    assert full.status_code == 413
    assert "used up" in full.get_json()["error"]
    ask(member, f"{first}/delete")
    assert upload(member, (big, "b.png")).status_code == 201


def test_corrections_count_too(
    make_app: MakeApp, settings: WebSettings, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = studio(make_app, settings, quota_mb=1, total_quota_mb=2, local=True)
    member = app.test_client()
    url = upload_picture(member, photo)
    color_all(app, settings)
    before = find_row(app, url).bytes
    assert ask(member, f"{url}/edit", {"vividness": 0.5}).status_code == 200
    reserved = find_row(app, url).reserved_bytes
    assert 200_000 < reserved < 300_000  # the result, and its previews
    assert ask(member, f"{url}/edit", {"vividness": 0.6}).status_code == 200
    assert find_row(app, url).reserved_bytes == reserved, "of the one that it takes the place of"
    color_all(app, settings)
    row = find_row(app, url)
    assert (row.reserved_bytes, abs(row.bytes - before) < 20_000) == (0, True)

    monkeypatch.setattr("photochrom.web.pictures.space.used_bytes", lambda _user: 900_000)
    refused = ask(member, f"{url}/edit", {"vividness": 0.7})
    assert (refused.status_code, "used up" in refused.get_json()["error"]) == (413, True)
    monkeypatch.undo()
    monkeypatch.setattr("photochrom.web.pictures.space.free_bytes", lambda _folder: 19_000_000)
    refused = ask(member, f"{url}/edit", {"vividness": 0.7})
    assert (refused.status_code, "no space" in refused.get_json()["error"]) == (507, True)
    assert find_row(app, url).reserved_bytes == 0


@pytest.mark.long
def test_a_full_disk_can_be_deleted_from(
    member: FlaskClient, picture_url: str, settings: WebSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = settings.data_dir / "ballast"
    make_ballast(settings.data_dir)
    drop_ballast(settings.data_dir)
    assert ballast.stat().st_size == 4_000_000  # there is space
    monkeypatch.setattr("photochrom.web.storage.free_bytes", lambda _folder: 0)
    full = OperationalError("DELETE", None, Exception("database or disk is full"))
    with monkeypatch.context() as patch:
        patch.setattr("photochrom.web.pictures.routes.delete_picture", Mock(side_effect=full))
        refused = ask(member, f"{picture_url}/delete")
        assert (refused.status_code, "Delete what" in refused.get_json()["error"]) == (507, True)
    assert not ballast.exists(), "given up for the next try"
    make_ballast(settings.data_dir)
    assert not ballast.exists(), "there is no space for it"
    assert ask(member, f"{picture_url}/delete").status_code == 200


def test_two_uploads_at_once_do_not_pass_the_quota_together(
    make_app: MakeApp, settings: WebSettings, rng: np.random.Generator
) -> None:
    app = studio(make_app, settings, quota_mb=2, local=True)
    big = encode_image(rng.integers(0, 255, (500, 700), np.uint8), "PNG")
    app.test_client().get("/library")  # makes the one user
    browsers = [app.test_client() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda browser: upload(browser, (big, "a.png")), browsers))
    assert sorted(answer.status_code for answer in answers) == [201, 413]
    assert len(list((settings.data_dir / "pictures").glob("*/*"))) == 1


def test_old_pictures_are_swept_and_others_stay(
    app: Flask, member: FlaskClient, picture_url: str, settings: WebSettings, photo: bytes
) -> None:
    fresh = upload_picture(member, photo)
    color_all(app, settings)
    with app.app_context():
        old = db.session.get_one(Picture, picture_url.rpartition("/")[2])
        old.finished_at = now() - timedelta(days=8)
        db.session.commit()
        sweep(settings, Storage(settings.data_dir))
        assert db.session.query(Picture).count() == 2  # keep_days is 0: for ever
        film = db.session.get_one(Picture, fresh.rpartition("/")[2])
        film.kind = "film"
        still = Picture(
            id="A" * 16, user_id=film.user_id, name="shot", media_type="image/png", state="done",
            finished_at=old.finished_at, film_id=film.id, film_time_s=1.0,
        )  # fmt: skip
        db.session.add(still)
        db.session.commit()
        sweep(replace(settings, keep_days=7), Storage(settings.data_dir))
    assert member.get(picture_url).status_code == 404
    assert member.get(fresh).status_code == 200
    assert find_row(app, "/" + "A" * 16).name == "shot", "it goes with its film"
    assert not Storage(settings.data_dir).folder(picture_url.rpartition("/")[2]).exists()


def test_what_a_kill_left_behind_is_swept(
    app: Flask, picture_url: str, settings: WebSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(settings.data_dir)
    (storage.make("A" * 16) / "original.jpg").write_bytes(b"half")
    picture = storage.folder(picture_url.rpartition("/")[2])
    half = picture / ".photochrom-old.tmp"
    half.write_bytes(b"half")
    os.utime(half, (time.time() - 4000,) * 2)
    with replacement_file(picture / "new.jpg", overwrite=False) as in_work:
        with app.app_context():
            sweep(settings, storage)
        assert storage.folder("A" * 16).exists()  # its row may be about to come
        assert list(picture.glob(".*")) == [in_work]
    monkeypatch.setattr("photochrom.web.cleanup.STRAY_S", -1.0)
    with app.app_context():
        sweep(settings, storage)
    assert not storage.folder("A" * 16).exists()
    assert storage.folder(picture_url.rpartition("/")[2]).exists()
    assert STRAY_S > 600


def test_events_tell_each_state_and_end(member: FlaskClient, picture_url: str) -> None:
    answer = member.get(f"{picture_url}/events")
    assert answer.mimetype == "text/event-stream"
    assert answer.get_data(as_text=True).count('"state": "done"') == 1


def test_streams_are_few_and_given_back(make_app: MakeApp, settings: WebSettings) -> None:
    app = studio(make_app, settings, threads=1)
    member = sign_up(app, "s@example.org", "S")
    url = upload_picture(member, jpeg(np.full((40, 40), 99, np.uint8)))
    first, second = (member.get(f"{url}/events", buffered=False) for _ in range(stream_count(1)))
    refused = member.get(f"{url}/events")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"]
    second.close()
    another = member.get(f"{url}/events", buffered=False)
    assert another.status_code == 200
    another.close()
    first.close()
