"""``photochrom evaluate`` from its arguments to its files and exit code."""

from __future__ import annotations

import dataclasses
import json
import os
from html import escape
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import FAILED, OK, USAGE, main
from photochrom.errors import InputError, MissingDependencyError, OutputError
from photochrom.evaluation import outputs
from photochrom.evaluation.card_metrics import read_card_metrics
from photochrom.imageio import FORMATS

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name != "posix", reason="names elsewhere are always text")
ODD_NAME = "b & <i>c.png"


@pytest.fixture(autouse=True)
def no_lpips_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture
def photos(tmp_path: Path, scene: NDArray[np.uint8]) -> Path:
    """Three colour pictures, one of them with a name that HTML would stumble over."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, shift in (("a.png", 0), (ODD_NAME, 20), ("d.png", 40)):
        Image.fromarray(np.roll(scene, shift, axis=1)[:, :100]).save(folder / name)
    return folder


def run(photos: Path, model: Path, *more: str | Path) -> int:
    return main(["evaluate", "--data", str(photos), "--model", str(model), *map(str, more)])


def test_figures_stand_beside_the_grey_floor(
    photos: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, model) == OK
    told = capsys.readouterr()
    head, *lines = told.out.splitlines()
    assert head.split("  ")[-1].strip() == "true"
    assert "grey" in head
    assert CARD.title in head
    assert any(line.startswith("CIEDE2000") for line in lines)
    assert "LPIPS is not measured" in told.err
    assert "3 pictures, 0 left out" in told.err


def test_a_table_chooses_the_pictures(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("name,set\na.png,hills\nd.png,rooms\n")
    assert run(photos, model, "--table", table, "--where", "set=hills") == OK
    assert "1 pictures, 0 left out" in capsys.readouterr().err
    assert run(photos, model, "--where", "set=hills") == USAGE
    assert "give all" in capsys.readouterr().err


def test_the_json_tells_everything(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert run(photos, model, "--json", out, "--seed", "7", "--vividness", "0.5") == OK
    content: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert content["settings"]["seed"] == 7
    assert content["settings"]["vividness"] == 0.5
    assert content["methods"][0]["card"]["version"] == CARD.version
    assert len(content["methods"][0]["sha256"]) == 64
    assert [row["method"] for row in content["rows"]] == ["grey", CARD.title, "true"]
    assert content["rows"][1]["values"]["lpips"] is None
    assert {picture["name"] for picture in content["pictures"]} == {"a.png", ODD_NAME, "d.png"}


def test_the_figures_of_one_model_can_go_onto_its_card(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    out, both, other = (tmp_path / name for name in ("out.json", "both.json", "other.json"))
    assert run(photos, model, "--json", out) == OK
    figures = read_card_metrics(out)
    row = json.loads(out.read_text())["rows"][1]["values"]
    assert figures["psnr"] == row["psnr"]["value"]
    assert "lpips" not in figures  # not measured here
    dataclasses.replace(CARD, metrics=figures)
    twin = tiny_model(tmp_path / "twin.onnx")
    assert run(photos, model, "--model", twin, "--json", both) == OK
    other.write_text("[1, 2]")
    for path, said in ((both, "2 models"), (other, "evaluate --json"), (tmp_path / "no", "read")):
        with pytest.raises(InputError, match=said):
            read_card_metrics(path)


def test_several_models_are_rows_told_apart(photos: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    twin = tiny_model(tmp_path / "other" / "tiny.onnx", ab_scale=0.5)
    third = tiny_model(tmp_path / "third.onnx", card=dataclasses.replace(CARD, name="third"))
    out = tmp_path / "out.json"
    assert run(photos, model, "--model", twin, "--model", third, "--json", out) == OK
    rows = {row["method"]: row["values"] for row in json.loads(out.read_text())["rows"]}
    assert len(rows) == 5
    assert "third 1.2.3" in rows
    full, half = (v for name, v in rows.items() if name.startswith(CARD.title))
    assert full["colourfulness"]["value"] > half["colourfulness"]["value"]


def test_the_gallery_holds_its_pictures_and_goes_from_worst_to_best(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    gallery, out = tmp_path / "gallery.html", tmp_path / "out.json"
    assert run(photos, model, "--gallery", gallery, "--json", out) == OK
    page = gallery.read_text(encoding="utf-8")
    assert "http" not in page
    assert page.count("data:image/webp;base64,") == 9
    assert "b &amp; &lt;i&gt;c.png" in page
    assert ODD_NAME not in page
    pictures = json.loads(out.read_text())["pictures"]
    error = {p["name"]: p["values"][CARD.title]["ciede2000"] for p in pictures}
    worst_first = sorted(error, key=lambda name: -error[name])
    shown = [page.index(f"<h2>{escape(name)},") for name in worst_first]
    assert shown == sorted(shown)


def test_the_contact_sheet_shows_each_picture_in_each_method(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.png"
    assert run(photos, model, "--contact-sheet", sheet) == OK
    with Image.open(sheet) as image:
        assert image.format == "PNG"
        assert image.width > 3 * 100


def test_a_broken_picture_is_named_and_left_out(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (photos / "small.png").write_bytes(b"")
    out = tmp_path / "out.json"
    assert run(photos, model, "--json", out) == FAILED
    told = capsys.readouterr().err
    assert "left out: broken.jpg" in told
    assert "3 pictures, 2 left out" in told
    assert set(json.loads(out.read_text())["data"]["failures"]) == {"broken.jpg", "small.png"}


@posix
def test_names_that_are_no_text_are_told_as_escapes(
    photos: Path, model: Path, tmp_path: Path
) -> None:
    (photos / "a.png").rename(photos / os.fsdecode(b"\xff\n.png"))
    names = [tmp_path / name for name in ("out.json", "gallery.html", "sheet.png")]
    outputs = zip(("--json", "--gallery", "--contact-sheet"), names, strict=True)
    assert run(photos, model, *(part for output in outputs for part in output)) == OK
    pictures = json.loads(names[0].read_text(encoding="utf-8"))["pictures"]
    assert os.fsdecode(b"\xff\n.png") in {picture["name"] for picture in pictures}
    assert "\\udcff" in names[1].read_text(encoding="utf-8")


def test_the_table_is_told_even_if_nothing_can_be_written(
    photos: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(outputs, "write_json", full)
    assert run(photos, model, "--json", tmp_path / "out.json") == FAILED
    told = capsys.readouterr()
    assert "CIEDE2000" in told.out
    assert "the disk is full" in told.err


def test_a_format_that_needs_an_extra_costs_only_its_pictures(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "a.png").rename(photos / "a.heic")

    def needy(*_: Any) -> NoReturn:
        raise MissingDependencyError("pip install photochrom[formats]")

    monkeypatch.setitem(FORMATS, "PNG", dataclasses.replace(FORMATS["PNG"], decode=needy))
    Image.new("RGB", (64, 64), (200, 80, 20)).save(photos / "z.jpg")
    assert run(photos, model) == FAILED
    assert "photochrom[formats]" in capsys.readouterr().err


def test_a_set_of_broken_pictures_is_an_error(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"text")
    assert run(folder, model, "--json", tmp_path / "out.json") == FAILED
    assert "none of the 1 pictures" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_pictures_without_truth_are_shown_only(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = tmp_path / "gallery.html"
    assert run(photos, model, "--no-truth", "--gallery", gallery) == OK
    page = gallery.read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 6
    assert "CIEDE2000" not in page
    assert capsys.readouterr().out == ""
    assert run(photos, model, "--no-truth") == USAGE


def test_grey_pictures_with_truth_asked_for_are_pointed_out(
    tmp_path: Path, model: Path, grey_scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    Image.fromarray(grey_scene).save(folder / "old.png")
    assert run(folder, model) == OK
    assert "--no-truth" in capsys.readouterr().err


def test_an_output_that_exists_stays_unless_told(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    out.write_text("mine")
    assert run(photos, model, "--json", out) == FAILED
    assert out.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert run(photos, model, "--json", out, "--overwrite") == OK
    assert out.read_text() != "mine"


def test_ordering_by_what_is_not_measured_is_refused_before_the_work(
    photos: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.html"
    assert run(photos, model, "--sort-by", "lpips", "--gallery", out) == USAGE
    assert "3 pictures" not in capsys.readouterr().err
    assert not out.exists()


def test_limit_and_crop_choose_what_is_measured(photos: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert run(photos, model, "--limit", "2", "--crop", "48", "--json", out) == OK
    content = json.loads(out.read_text())
    assert content["data"]["measured"] == 2
    assert {(p["height"], p["width"]) for p in content["pictures"]} == {(48, 48)}


@pytest.mark.parametrize(
    "wrong", [["--lpips-weights", "none.safetensors"], ["--model", "no-such-model"]]
)
def test_what_is_named_and_not_there_ends_it(
    photos: Path, model: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, model, *wrong) == FAILED
    assert wrong[1] in capsys.readouterr().err
