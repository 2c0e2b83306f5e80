"""Templates, scripts and drawings of the studio fit together; nothing in them breaks the policy."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from fixtures.web import app, empty_database, make_app
from flask import Flask, render_template

from photochrom.web import pwa
from photochrom.web.i18n import use_language
from photochrom.web.pictures.names import picture_title
from photochrom.web.storage import kept_suffixes

__all__ = ["app", "empty_database", "make_app"]

WEB = Path(pwa.__file__).parent
SCRIPTS = sorted((WEB / "static" / "js").glob("*.js"))
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
STRICT = ["--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022"]
MODULES = ["--module", "es2022", "--moduleResolution", "bundler"]


@pytest.mark.parametrize("page", TEMPLATES, ids=lambda path: path.name)
def test_no_page_has_scripts_or_styles_of_its_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)


def test_scripts_show_only_messages_that_the_page_brings(app: Flask) -> None:
    with app.test_request_context():
        brought = pwa.script_messages()
    source = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    quoted = set(re.findall(r'"([a-z_]+)"', source))
    called = set(re.findall(r'message\("([a-z_]+)"', source))
    assert called <= set(brought)
    assert set(brought) <= quoted  # none that nobody says


def test_every_icon_that_a_page_names_is_drawn() -> None:
    drawn = set(re.findall(r'symbol id="([a-z]+)"', lines("icons/lines.svg")))
    pages = "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    named = set(re.findall(r'icon(?:_name=|\()"([a-z]+)"', pages))
    assert named <= drawn


def test_the_service_worker_keeps_files_that_are_there(app: Flask) -> None:
    kept = re.findall(r'^  "([a-z]+/[^"]+)",$', lines("sw.js"), re.MULTILINE)
    assert len(kept) > 5
    client = app.test_client()
    with app.test_request_context():
        version = re.findall(r"v=(\w+)", pwa.service_worker_url())[0]
    for name in kept:
        with client.get(f"/static/{version}/{name}") as answer:
            assert answer.status_code == 200, name
            assert "immutable" in answer.headers["Cache-Control"]
        with client.get(f"/static/{'0' * 12}/{name}") as answer:  # of another release
            assert answer.status_code == 200, name
            assert answer.headers["Cache-Control"] == "no-cache"


def test_static_files_come_small_and_once(app: Flask) -> None:
    client, (style, icon) = app.test_client(), ("css/studio.css", "icons/icon-192.png")
    with app.test_request_context():
        style, icon = pwa.asset(style), pwa.asset(icon)
    whole = client.get(style)
    small = client.get(style, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in whole.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == whole.data
    assert len(small.data) < len(whole.data) / 3
    assert small.headers["ETag"] != whole.headers["ETag"]
    assert small.headers["Vary"] == "Accept-Encoding"
    assert small.headers["X-Content-Type-Options"] == "nosniff"
    again = {"If-None-Match": small.headers["ETag"], "Accept-Encoding": "gzip"}
    kept = client.get(style, headers=again)
    assert (kept.status_code, kept.data) == (304, b"")
    picture = client.get(icon, headers={"Accept-Encoding": "gzip;q=0, *;q=0"})
    assert "Content-Encoding" not in picture.headers
    assert picture.mimetype == "image/png"
    assert client.get(f"{style}/../../../settings.py").status_code == 404


def test_another_release_has_another_service_worker(app: Flask) -> None:
    with app.test_request_context():
        address = pwa.service_worker_url()
        assert re.fullmatch(r"/sw\.js\?v=[0-9a-f]{12}", address)
        with use_language("de"):  # where one gives way to another, pages can be held up
            assert pwa.service_worker_url() == address


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("Aunt Mary.jpg", "Aunt Mary"),
        ("film.MKV", "film"),
        ("1. 2. 1950", "1. 2. 1950"),
        (".jpg", ".jpg"),
        ("Dr. Müller", "Dr. Müller"),
        ("telephone.3GP", "telephone"),
        ("VTS_01_1.VOB", "VTS_01_1"),
    ],
)
def test_names_are_shown_without_their_endings(name: str, title: str) -> None:
    assert picture_title(name) == title


def test_every_kind_that_is_kept_is_offered_and_named_without_its_ending() -> None:
    for suffix in kept_suffixes().values():
        assert picture_title(f"a{suffix}") == "a"


def test_scripts_send_what_the_studio_takes_and_phones_offer_their_gallery(
    app: Flask,
) -> None:
    with app.test_request_context():
        page = render_template("pictures/_add.html", max_bytes=1, free_bytes=1)
    taken = re.findall(r'data-accept="([^"]*)"', page)[0].split(",")
    assert {*kept_suffixes(), *kept_suffixes().values(), ".jpeg", ".heif", ".vob"} <= set(taken)
    assert ".pdf" in taken  # of which each page becomes a picture
    assert not {".svg", "image/*"} & set(taken)
    offered = re.findall(r'accept="([^"]*)" id="choose"', page)[0].split(",")
    assert {"image/*", "video/*"} <= set(offered)


@pytest.mark.hosts
@pytest.mark.parametrize(
    ("library", "files"),
    [
        ("es2022,dom,dom.iterable", SCRIPTS),
        ("es2022,webworker", [WEB / "static" / "sw.js"]),
        ("es2022,dom,dom.iterable", [*SCRIPTS, *(WEB / "private" / "js").glob("*.js")]),
        ("es2022,webworker", [WEB / "private" / "sw.js"]),
    ],
    ids=("pages", "service worker", "page on the device", "its service worker"),
)
def test_scripts_keep_their_types(library: str, files: list[Path], tmp_path: Path) -> None:
    compiler = shutil.which("tsc")
    if compiler is None:
        pytest.skip("types of scripts are checked where tsc is: npm install --global typescript")
    # One folder for all, as the page on the device has it.
    copies = [shutil.copy(file, tmp_path) for file in files]
    command = [compiler, *STRICT, *MODULES, "--lib", library, *copies]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def lines(name: str) -> str:
    """The text of a static file."""
    return (WEB / "static" / name).read_text(encoding="utf-8")
