"""Folders and zip files of pictures, and what becomes of a picture before it is coloured."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photochrom.color.luminance import lightness
from photochrom.errors import InputError
from photochrom.evaluation.dataset import center_crop, grey_to_rgb, open_pictures, to_grey
from photochrom.evaluation.selection import select_pictures

FILES = ("b.png", "a.png", "below/c.png")


@pytest.fixture
def folder(tmp_path: Path, scene: NDArray[np.uint8]) -> Path:
    """Three pictures, one in a subfolder, and files that are none."""
    path = tmp_path / "set"
    (path / "below").mkdir(parents=True)
    for name in FILES:
        Image.fromarray(scene).save(path / name)
    (path / "notes.txt").write_text("no picture")
    (path / ".a.png").write_bytes(b"left behind by a file manager")
    return path


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        for entry in folder.rglob("*"):
            file.write(entry, entry.relative_to(folder))
        file.writestr("__MACOSX/a.png", b"a shadow")
    return path


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_pictures_are_found_by_name_and_read(
    kind: str, request: pytest.FixtureRequest, scene: NDArray[np.uint8]
) -> None:
    pictures = open_pictures(request.getfixturevalue(kind))
    assert pictures.names == ("a.png", "b.png", "below/c.png")
    assert (pictures.read("below/c.png") == scene).all()


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_a_broken_picture_is_told_by_its_name(
    kind: str, request: pytest.FixtureRequest, folder: Path
) -> None:
    (folder / "a.png").write_bytes((folder / "a.png").read_bytes()[:900])
    with pytest.raises(InputError, match=r"a\.png"):
        open_pictures(request.getfixturevalue(kind)).read("a.png")


def test_a_damaged_zip_member_is_told_by_its_name(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    middle = data.index(b"IDAT") + 50
    data[middle : middle + 8] = b"\0" * 8
    archive.write_bytes(data)
    with zipfile.ZipFile(archive) as file:
        broken = min(
            (entry for entry in file.infolist() if entry.filename in FILES),
            key=lambda entry: entry.header_offset,
        )
    with pytest.raises(InputError, match=broken.filename):
        open_pictures(archive).read(broken.filename)


def test_grey_and_deep_pictures_come_as_8_bit_rgb(
    tmp_path: Path, grey_scene: NDArray[np.uint8]
) -> None:
    Image.fromarray(grey_scene).save(tmp_path / "grey.png")
    Image.fromarray(grey_scene.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    pictures = open_pictures(tmp_path)
    for name in pictures.names:
        assert (pictures.read(name) == grey_to_rgb(grey_scene)).all()


def test_a_sample_repeats_with_its_seed(folder: Path) -> None:
    pictures = open_pictures(folder)
    assert pictures.sample(None, 0) == pictures.sample(9, 0) == pictures.names
    drawn = {seed: pictures.sample(2, seed) for seed in range(8)}
    assert all(len(names) == 2 and names == tuple(sorted(names)) for names in drawn.values())
    assert drawn[5] == pictures.sample(2, 5)
    assert len(set(drawn.values())) > 1


def test_what_holds_no_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fake.zip").write_bytes(b"no zip")
    (tmp_path / "empty").mkdir()
    for name, said in (("fake.zip", "zip"), ("empty", "no picture"), ("none", "neither")):
        with pytest.raises(InputError, match=said):
            open_pictures(tmp_path / name)


def test_the_grey_photograph_has_the_lightness_of_the_colour_picture(
    photo: NDArray[np.uint8],
) -> None:
    """Within half a grey level, which is at most 0.27 L*."""
    error = np.abs(lightness(to_grey(photo)) - lightness(photo))
    assert error.max() < 0.28
    assert error.mean() < 0.12


def test_a_grey_picture_stays_as_it_is() -> None:
    codes = np.arange(256, dtype=np.uint8)[None]
    assert (to_grey(grey_to_rgb(codes)) == codes).all()


@pytest.mark.parametrize("shape", [(90, 120), (120, 90), (64, 64), (30, 41)])
def test_the_crop_is_a_square_of_the_centre(shape: tuple[int, int]) -> None:
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    ramp = np.stack([255 * x / (width - 1), 255 * y / (height - 1), 0 * x], axis=-1)
    square = center_crop(np.rint(ramp).astype(np.uint8), 64)
    assert square.shape == (64, 64, 3)
    assert square[..., :2].mean(axis=(0, 1)) == pytest.approx([127.5, 127.5], abs=2)


def test_a_table_chooses_pictures_by_what_it_says_of_them(folder: Path, tmp_path: Path) -> None:
    pictures, table = open_pictures(folder), tmp_path / "table.csv"
    table.write_text("name,set,year\na.png,hills,1990\nb.png,rooms,1990\nc.png,sea,2001\n")
    chosen = select_pictures(pictures, table, ["set=hill*", "set=sea"])
    assert chosen.names == ("a.png", "below/c.png")
    assert (chosen.read("below/c.png") == pictures.read("below/c.png")).all()
    assert select_pictures(pictures, table, ["set=*", "year=2001"]).names == ("below/c.png",)
    other = tmp_path / "other.csv"
    other.write_text("picture\na.png\n")
    for path, condition, message in (
        (table, "set=town", "no picture of .* is set=town .* there are set: hills, rooms, sea"),
        (table, "place=sea", "'place=sea' names no column .* name, set, year"),
        (table, "sea", "write COLUMN=VALUE"),
        (other, "set=sea", "has the columns picture; one of them must be 'name'"),
        (tmp_path / "absent.csv", "set=sea", "cannot read the table"),
    ):
        with pytest.raises(InputError, match=message):
            select_pictures(pictures, path, [condition])
