"""A picture format is one row: from it all rooms know how to read, name, keep and describe it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from fixtures.docs import load_generator
from fixtures.imageio import heic_bytes, pillow_bytes, rare_format_bytes
from fixtures.model import tiny_model
from fixtures.studio import Browser, color_all, model_in, upload_picture
from fixtures.web import MakeApp
from flask import Flask
from numpy.typing import NDArray

import photochrom
from photochrom.batch import plan
from photochrom.cli import main
from photochrom.imageio import FORMATS, Format, Picture, format_of_name, read, recognize, write
from photochrom.imageio.encoders import encode_png
from photochrom.imageio.png_decoder import decode_png
from photochrom.web.api.document import openapi
from photochrom.web.settings import WebSettings

DOCS = Path(__file__).parents[2] / "docs"
MAGIC = b"DUMMY\x00"
WRITTEN = [name for name, row in FORMATS.items() if row.encode is not None]


def dummy() -> Format:
    """A format as a test adds it: a PNG behind six bytes."""
    return Format(
        "Dummy",
        "image/x-dummy",
        (".dummy", ".dum"),
        lambda data, options: decode_png(data[len(MAGIC) :], options),
        magic=MAGIC,
        encode=lambda picture, quality: MAGIC + encode_png(picture, quality),
    )


@pytest.fixture
def with_dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "Dummy", dummy())


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    model = model_in(tmp_path)
    return WebSettings(data_dir=tmp_path / "studio", model=model, device="cpu", local=True)


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, device="cpu", local=True)
    app.test_client_class = Browser
    return app


def file_of(name: str, grey_scene: NDArray[np.uint8], tmp_path: Path) -> bytes:
    """A grey picture in a format, by our own encoder or somebody else's."""
    if FORMATS[name].encode is not None:
        path = tmp_path / f"made{FORMATS[name].suffix}"
        write(path, Picture(grey_scene))
        return path.read_bytes()
    if name == "HEIC":
        return heic_bytes(grey_scene)
    return rare_format_bytes(name, grey_scene)


def transparent_heic(grey_scene: NDArray[np.uint8]) -> bytes:
    rgba = np.dstack([grey_scene] * 3 + [np.full_like(grey_scene, 255)])
    rgba[:40, :40, 3] = 0
    buffer = io.BytesIO()
    height, width = grey_scene.shape
    pillow_heif.from_bytes("RGBA", (width, height), rgba.tobytes()).save(buffer, quality=-1)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_whole(name: str, grey_scene: NDArray[np.uint8], tmp_path: Path) -> None:
    row = FORMATS[name]
    assert row.name == name
    assert bool(row.magic) != bool(row.brands)
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in row.suffixes)
    assert all(format_of_name(f"a{suffix.upper()}") is row for suffix in row.suffixes)
    assert row.result_format(transparent=False).encode is not None
    assert row.result_format(transparent=True).alpha
    assert recognize(file_of(name, grey_scene, tmp_path)) is row


def test_no_two_rows_have_an_ending_or_a_media_type_in_common() -> None:
    for facts in (
        [suffix for row in FORMATS.values() for suffix in row.suffixes],
        [row.media_type for row in FORMATS.values()],
    ):
        assert len(facts) == len(set(facts))


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_row_promises_of_writing_is_kept(
    name: str, scene16: NDArray[np.uint16], tmp_path: Path
) -> None:
    row = FORMATS[name]
    alpha = np.ascontiguousarray(scene16[..., 0])
    path = tmp_path / f"a{row.suffix}"
    write(path, Picture(scene16, alpha if row.alpha else None))
    back = read(path)
    assert back.format == name
    assert (back.pixels.dtype == np.uint16) == row.deep
    assert (back.alpha is not None) == row.alpha


@pytest.mark.parametrize("name", [name for name, row in FORMATS.items() if not row.is_document])
def test_the_studio_takes_and_colors_every_format(
    name: str,
    app: Flask,
    settings: WebSettings,
    grey_scene: NDArray[np.uint8],
    tmp_path: Path,
) -> None:
    browser = app.test_client()
    url = upload_picture(browser, file_of(name, grey_scene, tmp_path), "aunt.xyz")
    color_all(app, settings)
    original, result = (
        browser.get(f"{url}/download?form={form}") for form in ("original", "colour")
    )
    assert original.mimetype == FORMATS[name].media_type
    becomes = FORMATS[name].result_format(transparent=False)
    assert result.mimetype == becomes.media_type
    assert recognize(result.data) is becomes


def test_a_transparent_heic_becomes_png_on_the_command_line(
    tmp_path: Path, grey_scene: NDArray[np.uint8]
) -> None:
    source = tmp_path / "a.heic"
    source.write_bytes(transparent_heic(grey_scene))
    (tmp_path / "b.heic").write_bytes(heic_bytes(grey_scene))
    model = str(tiny_model(tmp_path / "tiny.onnx"))
    call = ["image", str(source), str(tmp_path / "b.heic"), "--model", model]
    assert main(call) == 0
    results = {path.name for path in tmp_path.glob("*.color.*")}
    assert results == {"a.heic.color.png", "b.heic.color.jpg"}
    result = read(tmp_path / "a.heic.color.png")
    assert result.alpha is not None
    assert result.alpha[0, 0] == 0
    assert result.alpha[-1, -1] == 255


def test_a_transparent_result_is_finished_like_any_other(
    tmp_path: Path, grey_scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.heic").write_bytes(transparent_heic(grey_scene))
    model = str(tiny_model(tmp_path / "tiny.onnx"))
    call = ["image", str(tmp_path), "-o", str(tmp_path / "new"), "--model", model]
    assert main(call) == 0
    stamp = (tmp_path / "new" / "a.heic.png").stat().st_mtime_ns
    capsys.readouterr()
    assert main(call) == 0
    assert "a.heic.png exists; --overwrite colours it again" in capsys.readouterr().err
    assert (tmp_path / "new" / "a.heic.png").stat().st_mtime_ns == stamp


def test_a_transparent_heic_becomes_png_in_the_studio(
    app: Flask, settings: WebSettings, grey_scene: NDArray[np.uint8]
) -> None:
    browser = app.test_client()
    url = upload_picture(browser, transparent_heic(grey_scene), "a.heic")
    color_all(app, settings)
    assert browser.get(f"{url}/download?form=colour").mimetype == "image/png"


@pytest.mark.usefixtures("with_dummy")
class TestADummyFormatIsOneRow:
    """What one row more changes in every room."""

    @pytest.fixture
    def data(self, grey_scene: NDArray[np.uint8]) -> bytes:
        return MAGIC + pillow_bytes(grey_scene, "PNG")

    def test_the_planner_finds_and_names_it(self, tmp_path: Path) -> None:
        (tmp_path / "a.DUM").touch()
        assert [job.target.name for job in plan([tmp_path])] == ["a.color.DUM"]
        (job,) = plan([tmp_path / "a.DUM"], tmp_path / "b.dummy")
        assert job.target == tmp_path / "b.dummy"

    def test_the_command_line_colors_it(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.dummy").write_bytes(data)
        model = str(tiny_model(tmp_path / "tiny.onnx"))
        assert main(["image", str(tmp_path / "a.dummy"), "--model", model]) == 0
        assert read(tmp_path / "a.color.dummy").format == "Dummy"

    def test_python_reads_colors_and_saves_it(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.dummy").write_bytes(data)
        options: dict[str, Any] = {"model": tiny_model(tmp_path / "tiny.onnx"), "device": "cpu"}
        for source in (tmp_path / "a.dummy", data):
            result = photochrom.colorize(source, **options)
            assert isinstance(result, photochrom.Picture)
            assert result.format == "Dummy"
            result.save(tmp_path / "b.dum")
            assert (tmp_path / "b.dum").read_bytes().startswith(MAGIC)
            (tmp_path / "b.dum").unlink()
        photochrom.folder(tmp_path, tmp_path / "new", **options)
        assert photochrom.read(tmp_path / "new" / "a.dummy").format == "Dummy"

    def test_the_studio_takes_keeps_and_sends_it(
        self, app: Flask, settings: WebSettings, data: bytes
    ) -> None:
        browser = app.test_client()
        url = upload_picture(browser, data, "aunt.dummy")
        color_all(app, settings)
        result = browser.get(f"{url}/download?form=colour")
        assert result.mimetype == "image/x-dummy"
        assert result.data.startswith(MAGIC)
        assert "aunt.color.dummy" in result.headers["Content-Disposition"]
        assert ".dum," in browser.get("/library").get_data(as_text=True)

    def test_the_api_document_and_the_documentation_name_it(self) -> None:
        upload = openapi()["components"]["schemas"]["Upload"]["properties"]["file"]
        assert "Photoshop, FITS, DICOM, Dummy, or a film." in upload["description"]
        assert "| Dummy | `.dummy`, `.dum` |" in generated_page()

    def test_a_format_that_is_only_read_becomes_what_its_row_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = dataclasses.replace(dummy(), encode=None, result="TIFF")
        monkeypatch.setitem(FORMATS, "Dummy", row)
        (job,) = plan([tmp_path / "a.dummy"])
        assert job.target.name == "a.dummy.color.tif"


def generated_page() -> str:
    """docs/formats.md as docs/generate.py makes it."""
    page: Callable[[], str] = load_generator().formats_page
    return page()
