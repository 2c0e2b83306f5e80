"""Saved colours are found in other pictures of the same thing, and the file is held to account."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import main
from photochrom.engine import Network, load_with_features
from photochrom.errors import InputError
from photochrom.evaluation.dataset import to_grey
from photochrom.guided.color_file import ColorFile
from photochrom.guided.names import COLOR_FILE_NAME
from photochrom.hints import Hint

pytestmark = pytest.mark.slow  # a shipped model is loaded

MODEL = ["--model", "photochrom-film", "--device", "cpu"]
PLACE = (64.0, 30.0)
"""In the first picture, px; the second one shows it mirrored, and begins elsewhere."""


@pytest.fixture
def album(tmp_path: Path, astronaut: NDArray[np.uint8]) -> Path:
    grey = to_grey(astronaut[::2, ::2])
    folder = tmp_path / "album"
    folder.mkdir()
    Image.fromarray(grey[:, :210]).save(folder / "a.png")
    darker = np.rint(255.0 * (grey[5:, 20:][:, ::-1] / 255.0) ** 1.3).astype(np.uint8)
    Image.fromarray(darker).save(folder / "b.png")
    cat = skimage.data.chelsea()[::2, ::2]  # type: ignore[no-untyped-call]
    Image.fromarray(to_grey(np.ascontiguousarray(cat))).save(folder / "c.png")
    return folder


@pytest.fixture(scope="module")
def network() -> Network:
    return load_with_features("photochrom-film", device="cpu", threads=1)


def test_a_saved_color_is_found_accepted_and_used(
    album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = album / COLOR_FILE_NAME
    assert main(["colors", "save", "the flag", str(album / "a.png"), "64,30,#20b040", *MODEL]) == 0
    capsys.readouterr()
    assert main(["colors", "find", str(album), "--least-score", "1", "--json", *MODEL]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["colors", "find", str(album), "--json", *MODEL]) == 0
    (place,) = json.loads(capsys.readouterr().out)
    assert place["photo"] == "b.png"
    assert not place["accepted"]
    # Columns from 20 on are mirrored, rows from 5 on are kept.
    expected = (_pixels(album / "b.png").shape[1] - 1 - (PLACE[0] - 20), PLACE[1] - 5)
    assert np.hypot(place["x"] - expected[0], place["y"] - expected[1]) <= 2.0
    assert (_pixels(album / "photochrom-colors.png") == (0x20, 0xB0, 0x40)).all(axis=-1).sum() > 100

    assert not ColorFile(file).hints(album / "b.png")
    assert main(["colors", "accept", "1", "--project", str(file)]) == 0
    (hint,) = ColorFile(file).hints(album / "b.png")
    assert hint.rgb == (0x20, 0xB0, 0x40)
    assert main(["image", str(album), "--colors", str(file), *MODEL]) == 0
    red, green, blue = _pixels(album / "b.color.png")[round(hint.y), round(hint.x)]
    assert green > max(red, blue)
    # The files of saved colours are no photographs, so none is left out.
    assert main(["image", str(album), "--colors", str(file), "--fail-on-skipped", *MODEL]) == 0

    assert main(["colors", "forget", "the flag", "--project", str(file)]) == 0
    assert not ColorFile(file).colors
    assert not ColorFile(file).places


def test_what_cannot_be_saved_or_found_is_told(
    album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, file = str(album / "a.png"), album / COLOR_FILE_NAME
    Image.new("L", (128, 128), 90).save(album / "flat.png")

    def message(*arguments: str) -> str:
        assert main(["colors", *arguments]) == 1
        return capsys.readouterr().err

    assert "there are no saved colours in" in message("find", str(album), *MODEL)
    assert "lies outside the picture" in message("save", "a", photo, "999,3,red", *MODEL)
    flat = str(album / "flat.png")
    assert "nothing can be seen around" in message("save", "a", flat, "60,60,red", *MODEL)
    assert main(["colors", "save", "a", photo, "64,30,red", *MODEL]) == 0
    assert "is saved already" in message("save", "a", photo, "64,30,blue", *MODEL)
    project = ("--project", str(file))
    assert "no colour is saved as 'b'; there are: 'a'" in message("forget", "b", *project)
    assert "3 is the number of no place" in message("accept", "3", *project)
    content = json.loads(file.read_text(encoding="utf-8"))
    for damage, told in (
        ({"format": 2}, "another version of photochrom"),
        ({"places": 3}, "places must be a list"),
        ({"colors": [content["colors"][0] | {"view": "AAAA"}]}, "is no PNG"),
        ({"colors": [content["colors"][0] | {"x": -4.0}]}, "outside of"),
        ({"colors": [content["colors"][0] | {"color": "reddish"}]}, "reddish"),
        ({"colors": 2 * content["colors"]}, "saves 'a' twice"),
    ):
        file.write_text(json.dumps(content | damage), encoding="utf-8")
        assert told in message("list", *project)
    file.write_text("{", encoding="utf-8")
    assert "is damaged" in message("list", *project)


def test_what_is_saved_while_an_album_is_looked_through_stays(
    album: Path, network: Network
) -> None:
    colors, file = save_flag(album / "a.png", network), album / COLOR_FILE_NAME

    def change(_done: int) -> None:
        ColorFile(file).save("suit", album / "a.png", Hint(120, 200, "orange"), network)
        ColorFile(file).forget("the flag")

    assert colors.find([album / "b.png"], network, change) == ()
    assert [color.name for color in ColorFile(file).colors] == ["suit"]


def test_a_photograph_that_is_gone_is_empty_on_the_sheet(album: Path, network: Network) -> None:
    colors = save_flag(album / "a.png", network)
    colors.find([album / "b.png"], network)
    assert [place.photo for place in colors.places] == ["b.png"]
    marked = []
    for _ in range(2):
        colors.write_sheet(album / "sheet.png", lambda film, _: pytest.fail(f"{film} is no film"))
        flag = (_pixels(album / "sheet.png") == (0x20, 0xB0, 0x40)).all(axis=-1)
        marked.append(np.array_split(flag.any(axis=0), 2))
        (album / "b.png").unlink(missing_ok=True)
    assert [[bool(tile.any()) for tile in tiles] for tiles in marked] == [[True] * 2, [True, False]]


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text")
def test_photographs_may_have_names_that_are_no_text(album: Path, network: Network) -> None:
    photo = (album / "a.png").rename(album / os.fsdecode(b"caf\xe9.png"))
    save_flag(photo, network)
    assert len(ColorFile(album / COLOR_FILE_NAME).hints(photo)) == 1


def test_a_saved_color_is_at_its_place_in_a_larger_scan_and_in_no_other_picture(
    album: Path, network: Network
) -> None:
    (hint,) = save_flag(album / "a.png", network).hints(album / "a.png")
    grey = _pixels(album / "a.png")
    assert hint.on_picture(grey) == Hint(*PLACE, (0x20, 0xB0, 0x40), hint.radius)
    larger = hint.on_picture(np.repeat(np.repeat(grey, 2, axis=0), 2, axis=1))
    assert (larger.x, larger.y, larger.radius) == (128.5, 60.5, 2 * hint.radius)
    with pytest.raises(InputError, match="are not the proportions of the picture"):
        hint.on_picture(grey[:, 20:])


def test_a_saved_color_is_of_the_first_page_alone(
    album: Path, tmp_path: Path, network: Network
) -> None:
    page = Image.open(album / "a.png").convert("L")
    photo = tmp_path / "pages.tif"
    page.save(photo, save_all=True, append_images=[page])
    save_flag(photo, network)
    file = str(tmp_path / COLOR_FILE_NAME)
    assert main(["image", str(photo), "--pages", "all", "--colors", file, *MODEL]) == 0
    first, second = (_pixels(tmp_path / f"pages.color.p{n}.tif")[30, 64] for n in (1, 2))
    assert first[1] > max(first[0], first[2])
    assert second[1] <= max(second[0], second[2])


def save_flag(photo: Path, network: Network) -> ColorFile:
    colors = ColorFile(photo.parent / COLOR_FILE_NAME, must_exist=False)
    colors.save("the flag", photo, Hint(*PLACE, "#20b040"), network)
    return colors


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such names")
def test_a_photo_whose_name_is_of_another_encoding_is_saved_and_listed(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = album / os.fsdecode(b"M\xfcnchen.png")
    (album / "a.png").rename(photo)
    file = str(album / COLOR_FILE_NAME)
    assert main(["colors", "save", "the flag", str(photo), "64,30,#20b040", *MODEL]) == 0
    written = io.BytesIO()
    stdout = io.TextIOWrapper(written, encoding="cp1252", write_through=True)
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["colors", "list", "--project", file]) == 0
    assert b"M\\udcfcnchen.png" in written.getvalue()
    assert stdout.errors == "strict", "as it was"
    assert main(["colors", "list", "--project", file, "--json"]) == 0
    record = json.loads(written.getvalue().splitlines()[-1])
    assert record["colors"][0]["photo"] == photo.name


def _pixels(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) of a picture file."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
