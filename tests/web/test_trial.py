"""One picture without an account, and results in other formats and sizes."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from fixtures.studio import Browser, color_all, encode_image, jpeg, model_in, upload_picture
from fixtures.web import MakeApp, csrf_token, sign_up
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image
from werkzeug.test import TestResponse

from photochrom.imageio import read
from photochrom.web.database import Picture, User, db
from photochrom.web.http_server import BodyLimits
from photochrom.web.settings import WebSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    return WebSettings(data_dir=tmp_path / "studio", model=model_in(tmp_path), device="cpu")


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, device="cpu", trial_rate="3 per hour")
    app.test_client_class = Browser
    return app


def try_it(browser: FlaskClient, data: bytes, name: str) -> TestResponse:
    fields = {"csrf_token": csrf_token(browser), "file": (io.BytesIO(data), name)}
    return browser.post("/try", data=fields)


def test_a_picture_is_coloured_for_nobody_in_particular_and_not_kept(
    app: Flask, client: FlaskClient, grey_scene: NDArray[np.uint8], settings: WebSettings
) -> None:
    assert 'href="/try"' in client.get("/").text
    assert client.get("/try").status_code == 200
    answer = try_it(client, jpeg(grey_scene), "Oma.jpg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'download="Oma.color.jpg"' in answer.text
    pictures = re.findall(
        r'<img class="layer[^"]*" src="data:image/jpeg;base64,([^"]+)"', answer.text
    )
    before, after = (read(io.BytesIO(base64.b64decode(data))) for data in pictures)
    assert before.pixels.shape[:2] == after.pixels.shape[:2] == grey_scene.shape
    assert after.pixels.ndim == 3
    assert b"rainedAlgorithmicMedia" in base64.b64decode(pictures[1])
    with app.app_context():
        assert db.session.query(Picture).count() == db.session.query(User).count() == 0
    assert not [path for path in settings.data_dir.rglob("*.jpg") if path.is_file()]
    assert not list((settings.data_dir / "incoming").iterdir())

    refused = try_it(client, b"no picture", "a.jpg")
    assert (refused.status_code, "a.jpg" in refused.text) == (400, True)
    assert client.post("/try", data={}).status_code == 400  # without the page's token
    assert try_it(client, b"GIF89a", "a.gif").status_code == 400
    assert try_it(client, jpeg(grey_scene), "Oma.jpg").status_code == 429


@pytest.mark.long
def test_only_where_the_host_allows_it(make_app: MakeApp) -> None:
    for more in ({}, {"trial_rate": "3 per hour", "local": True}):
        app = make_app(**more)
        assert app.test_client().get("/try").status_code == 404
        limits = BodyLimits(app, app.config["STUDIO"])
        assert limits.max_body_bytes("/try", {}) == 1_000_000
    app = make_app(trial_rate="3 per hour")
    assert "/try" in app.test_client().get("/").text
    assert BodyLimits(app, app.config["STUDIO"]).max_body_bytes("/try", {}) == 12_000_000
    assert sign_up(app).get("/try").location == "/library"


@pytest.mark.long
def test_a_result_comes_in_another_format_quality_and_size(
    app: Flask, settings: WebSettings, grey_scene: NDArray[np.uint8]
) -> None:
    member = sign_up(app)
    url = upload_picture(member, encode_image(grey_scene, "PNG"), "Oma.png")
    assert member.get(f"{url}/export").status_code == 404
    color_all(app, settings)
    page = member.get(url).text
    assert f'action="{url}/export"' in page
    sizes = {}
    for quality in (20, 95):
        answer = member.get(f"{url}/export?format=JPEG&quality={quality}&longest=")
        sizes[quality] = len(answer.data)
        assert answer.mimetype == "image/jpeg"
        assert "Oma.color.jpg" in answer.headers["Content-Disposition"]
        assert b"rainedAlgorithmicMedia" in answer.data  # the mark goes along
    assert sizes[20] < sizes[95]
    for name, kind in (("WebP", "WEBP"), ("TIFF", "TIFF"), ("PNG", "PNG")):
        answer = member.get(f"{url}/export?format={name}&longest=60")
        with Image.open(io.BytesIO(answer.data)) as picture:
            assert (picture.format, picture.size) == (kind, (60, 45))
    same = member.get(f"{url}/export?format=PNG&longest=5000")
    exact = read(io.BytesIO(member.get(f"{url}/download").data))
    np.testing.assert_array_equal(read(io.BytesIO(same.data)).pixels, exact.pixels)
    for query in ("format=EXE", "quality=0", "quality=101", "quality=x", "longest=15", "longest=²"):
        assert member.get(f"{url}/export?{query}").status_code == 400, query
    assert sign_up(app, "eve@example.org").get(f"{url}/export").status_code == 404
