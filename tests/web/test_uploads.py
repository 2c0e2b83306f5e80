"""What the studio lets in, and what it refuses: by content, early, and without a trace."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from fixtures.film import Film, make_film
from fixtures.studio import Browser, color_all, encode_image, jpeg, model_in, upload, upload_picture
from fixtures.web import MakeApp, csrf_token
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image

from photochrom.imageio.options import mended_note, page_note, salvage_note
from photochrom.web.database import Picture, db
from photochrom.web.errors import TooLarge
from photochrom.web.i18n import is_own_sentence, use_language
from photochrom.web.memory import film_limit_minutes
from photochrom.web.pictures.reasons import translated_note
from photochrom.web.pictures.space import check_film_length

pytest_plugins = ["fixtures.web"]


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path) -> Flask:
    app = make_app(
        model=model_in(tmp_path),
        device="cpu",
        local=True,
        max_upload_mb=2,
        max_request_mb=6,
        max_picture_mp=2,
    )
    app.test_client_class = Browser
    return app


@pytest.fixture
def member(client: FlaskClient) -> FlaskClient:
    """The one person of a studio without accounts."""
    return client


@pytest.fixture
def photo(grey_scene: NDArray[np.uint8]) -> bytes:
    return jpeg(grey_scene)


@pytest.fixture(autouse=True)
def nothing_is_left(app: Flask, tmp_path: Path) -> object:
    """After every test: as many folders as rows, and nothing half received."""
    yield
    with app.app_context():
        rows = db.session.query(Picture).count()
    data = tmp_path / "studio"
    assert len(list((data / "pictures").glob("*/*"))) == rows
    assert not list((data / "incoming").glob("*"))


def refusal(member: FlaskClient, data: bytes, name: str, status: int = 400) -> str:
    """Send a file that must be refused; the reason."""
    answer = upload(member, (data, name))
    assert answer.status_code == status, answer.get_data(as_text=True)
    reason: str = answer.get_json()["error"]
    assert "/" not in reason.replace("and/or", "")  # no path of the server's
    return reason


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("evil.class", b"\xca\xfe\xba\xbe" * 20)
    return buffer.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_comment(photo: bytes, text: bytes) -> bytes:
    """A JPEG with a comment before everything else."""
    return photo[:2] + segment(0xFE, text) + photo[2:]


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


def test_pages_programs_and_texts_are_no_pictures(member: FlaskClient) -> None:
    for name, data in {
        "a.svg": SVG,
        "a.jpg": SVG,
        "b.png": HTML,
        "c.jpg": b"Dear Sir or Madam,\n" * 50,
        "d.png": archive(),
        "e.pdf": b"%PDF-1.7\n" + b"x" * 200,
        "f.mp4": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "g.mkv": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "h.gif": b"GIF89a",
        "i.mp4": b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 400,
        "j.jpg": b"",
        "k.exe": b"MZ" + b"\x00" * 100,
    }.items():
        refusal(member, data, name)


def test_entities_of_xml_in_a_picture_bring_nothing_in(
    app: Flask, member: FlaskClient, grey_scene: NDArray[np.uint8], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret of this machine", encoding="utf-8")
    xmp = (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/'
        '22-rdf-syntax-ns#"><rdf:Description rdf:about="">&e;</rdf:Description></rdf:RDF>'
        "</x:xmpmeta>"
    )
    url = upload_picture(member, jpeg(grey_scene, xmp=xmp.encode()))
    color_all(app, app.config["STUDIO"])
    result = member.get(f"{url}/download").data
    assert Image.open(io.BytesIO(result)).size == grey_scene.shape[::-1]
    assert b"a secret" not in result


def test_a_picture_that_is_something_else_too_is_refused(
    member: FlaskClient, photo: bytes, grey_scene: NDArray[np.uint8]
) -> None:
    gif = encode_image(grey_scene, "GIF")
    png = encode_image(grey_scene, "PNG")
    text = b"tEXtComment\x00<ScRiPt>alert(1)</ScRiPt>"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    for name, data in {
        "gifar.gif": gif + archive(),
        "jar.jpg": photo + archive(),
        "page.jpg": photo + HTML,
        "page.gif": gif[:-1] + HTML + b";",
        "php.jpg": with_comment(photo, b"<?php system($_GET['c']); ?>"),
        "svg.jpg": with_comment(photo, SVG),
        "pdf.jpg": with_comment(photo, b"%PDF-1.4 1 0 obj"),
        "script.png": png[:33] + chunk + png[33:],
    }.items():
        assert "something else besides a picture" in refusal(member, data, name), name


def test_honest_pictures_with_more_in_them_are_taken(
    member: FlaskClient, photo: bytes, grey_scene: NDArray[np.uint8], tmp_path: Path
) -> None:
    film = make_film(tmp_path / "motion.mp4", Film(frames=4, encoder="mpeg4", format="mp4"))
    xmp = (
        b"http://ns.adobe.com/xap/1.0/\x00<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    )
    for name, data in {
        "motion.jpg": photo + film.read_bytes(),  # what phones make of a moving moment
        "two.jpg": photo + photo,  # and of two lenses
        "xmp.jpg": photo[:2] + segment(0xE1, xmp) + photo[2:],
        "named.wrongly.png": photo,
        "rgb.webp": encode_image(np.repeat(grey_scene[..., None], 3, -1), "WEBP"),
        "scan.tif": encode_image(grey_scene, "TIFF"),
        "old.bmp": encode_image(grey_scene, "BMP"),
    }.items():
        assert upload(member, (data, name)).status_code == 201, name


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that says it has so many pixels, and has them."""
    packer = zlib.compressobj(9)
    line = b"\x00" + b"\x00" * (width // 8)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_bombs_are_refused_before_they_are_decoded(
    member: FlaskClient, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("PIL.Image.Image.convert", decoded)
    data = bomb(16_000, 16_000)
    assert len(data) < 200_000
    assert "more than 2 megapixels" in refusal(member, data, "bomb.png", 413)
    large = bytearray(photo)
    at = large.index(b"\xff\xc0") + 5
    large[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    assert "more than 2 megapixels" in refusal(member, bytes(large), "bomb.jpg", 413)


def test_damaged_pictures_are_refused_in_words_of_ours(
    member: FlaskClient, photo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "photochrom.web.pictures.reasons")
    for cut in (3, 40, 300):
        assert "“cut.jpg” is damaged" in refusal(member, photo[:cut], "cut.jpg")
    assert "“a.jpg” is not a picture" in refusal(member, b"no picture at all", "a.jpg")
    assert "“a.mkv” is damaged" in refusal(member, b"\x1a\x45\xdf\xa3" + bytes(999), "a.mkv")
    # What a decoder says is for whoever runs the studio, and names nobody's file.
    assert all(words in caplog.text for words in ("data are damaged", "whatever its name says"))
    assert not any(name in caplog.text for name in ("cut.jpg", "a.jpg", "a.mkv", "/incoming"))
    answer = upload(member, (photo[:40], "cut.jpg"), **{"Accept-Language": "de"})
    assert "„cut.jpg“ ist beschädigt" in answer.get_json()["error"]


def test_notes_about_a_file_are_in_the_readers_language() -> None:
    with use_language("de"):
        assert "34 % des Bildes fehlen" in translated_note(salvage_note(0.34))
        assert "ist beschädigt, das Bild aber nicht" in translated_note(mended_note(["a hole"])[0])
        assert "Seiten in der Datei: 3;" in translated_note(page_note(None, 3)[0])
        assert "nicht zu gebrauchen" in translated_note("a remark that nobody has translated")


def test_a_film_may_be_so_long() -> None:
    assert [film_limit_minutes(memory) for memory in (10**9, 4 * 10**9, 10**11, None)] == [
        30, 120, 240, 120,
    ]  # fmt: skip
    check_film_length(None, 1)
    check_film_length(60.0, 1)
    with pytest.raises(TooLarge, match="longer than 1 minutes") as refused:
        check_film_length(61.0, 1)
    assert is_own_sentence(str(refused.value))


def test_a_file_that_is_too_large_is_refused(member: FlaskClient) -> None:
    assert "larger than 2 MB" in refusal(
        member, b"\xff\xd8\xff" + b"\x00" * 2_000_001, "a.jpg", 413
    )


class Untouched(io.RawIOBase):
    """A body that nobody may read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise AssertionError("the body was read")


def test_a_gigabyte_is_refused_before_it_is_read(member: FlaskClient) -> None:
    token = csrf_token(member)
    for path in ("/pictures", "/share-target", "/api/v1/pictures"):
        answer = member.post(
            path,
            environ_overrides={"wsgi.input": Untouched(), "CONTENT_LENGTH": "1000000000"},
            content_type="multipart/form-data; boundary=x",
            headers={"X-CSRFToken": token, "Accept": "application/json"},
        )
        assert answer.status_code == 413, path


def test_without_the_token_nothing_is_taken(member: FlaskClient, photo: bytes) -> None:
    for path in ("/pictures", "/share-target"):
        answer = member.post(path, data={"file": (io.BytesIO(photo), "a.jpg")})
        assert answer.status_code == 400, path
    assert upload(member, (photo, "a.jpg"), **{"X-CSRFToken": "forged"}).status_code == 400


def test_of_several_files_the_good_ones_are_taken(member: FlaskClient, photo: bytes) -> None:
    answer = upload(member, (photo, "a.jpg"), (SVG, "b.svg"), (photo, "c.jpg"))
    record = answer.get_json()
    assert answer.status_code == 201
    assert [picture["name"] for picture in record["pictures"]] == ["a.jpg", "c.jpg"]
    assert len(record["problems"]) == 1
    assert upload(member).status_code == 400


def test_a_form_without_scripts_leads_to_the_picture(member: FlaskClient, photo: bytes) -> None:
    data = {"csrf_token": csrf_token(member), "file": (io.BytesIO(photo), "a.jpg")}
    answer = member.post("/pictures", data=data)
    assert answer.status_code == 303
    assert member.get(answer.headers["Location"]).status_code == 200
    shared = {"csrf_token": csrf_token(member), "file": (io.BytesIO(photo), "b.jpg")}
    assert member.post("/share-target", data=shared).status_code == 303


def test_a_film_is_taken_with_a_picture_of_it(member: FlaskClient, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=6))
    answer = upload(member, (film.read_bytes(), "film.mkv"))
    assert answer.status_code == 201
    url = answer.get_json()["pictures"][0]["url"]
    assert member.get(f"{url}/thumb.jpg").mimetype == "image/jpeg"
    assert b"video" in member.get(url).data or b"film" in member.get(url).data


@pytest.mark.slow
def test_a_film_of_huge_frames_is_not_decoded(
    member: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(_path: Path) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("photochrom.web.pictures.film_info.probe", decoded)
    huge = Film(frames=1, size=(1600, 1600), encoder="mpeg4", format="mp4")
    film = make_film(tmp_path / "huge.mp4", huge)
    assert "more than 2 megapixels" in refusal(member, film.read_bytes(), "huge.mp4", 413)


def test_uploads_are_counted(make_app: MakeApp, tmp_path: Path, photo: bytes) -> None:
    app = make_app(model=model_in(tmp_path), local=True, upload_rate="2 per minute")
    member = app.test_client()
    assert [upload(member, (photo, "a.jpg")).status_code for _ in range(3)] == [201, 201, 429]
    assert upload(member, (photo, "a.jpg")).headers["Retry-After"]
