"""Photos into the cache, and batches out of it."""

from __future__ import annotations

import dataclasses
import itertools
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures.training import drawn_folder, drawn_photo, no_file_beyond

from photochrom.errors import InputError, OutputError
from photochrom.training.data import photo_cache as data
from photochrom.training.data.loader import BatchMaker
from photochrom.training.data.photo_cache import load_photos, split
from photochrom.training.recipe.recipe import AugmentRecipe, DataRecipe, HintRecipe


def test_folder_and_zip_give_the_same_photos(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 5)
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for file in folder.iterdir():
            out.write(file, file.name)
    a = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "a")
    b = load_photos(DataRecipe(sources=(str(archive),)), tmp_path / "b")
    assert len(a) == len(b) == 5
    np.testing.assert_array_equal(a[3], drawn_photo(3))
    np.testing.assert_array_equal(a[3], b[3])


@pytest.mark.parametrize(("allowed", "threads"), [(3, 3), (64, 32)])
def test_photos_are_decoded_by_the_processors_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, threads: int
) -> None:
    pools: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, max_workers: int) -> None:
            pools.append(max_workers)
            super().__init__(max_workers)

    monkeypatch.setattr(data, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(os, "cpu_count", lambda: 128)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    folder = drawn_folder(tmp_path / "photos", 2)
    load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run")
    assert pools == [threads]


def test_grey_and_broken_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 3)
    cv2.imwrite(str(folder / "grey.png"), np.full((64, 64, 3), 90, np.uint8))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    lines: list[str] = []
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run", lines.append)
    assert len(photos) == 3
    assert any("broken.jpg" in line for line in lines)
    assert lines[-1] == "3 photos, 1 grey ones left out, 1 unreadable"


def test_large_photos_are_kept_at_the_short_side(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 1)
    photos = load_photos(DataRecipe(sources=(str(folder),), short_side=48), tmp_path / "run")
    assert photos[0].shape == (48, 60, 3)


def test_missing_and_empty_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        load_photos(DataRecipe(sources=(str(tmp_path / "absent"),)), tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no usable colour picture"):
        load_photos(DataRecipe(sources=(str(tmp_path / "empty"),)), tmp_path / "run")


def test_unreadable_members_are_skipped_one_by_one(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 3)
    (folder / "a-folder.png").mkdir()
    (folder / "._001.png").write_bytes(b"what macOS leaves beside a file")
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for file in sorted(folder.glob("0*.png")):
            out.write(file, file.name)
    damaged_bytes = bytearray(archive.read_bytes())
    damaged_bytes[20_000] ^= 255
    archive.write_bytes(damaged_bytes)
    lines: list[str] = []
    photos = load_photos(DataRecipe(sources=(str(folder), str(archive))), tmp_path, lines.append)
    assert len(photos) == 5
    assert [line for line in lines if line.startswith("skipped")] == [
        "skipped: cannot read photos.zip/000.png: Bad CRC-32 for file '000.png'"
    ]
    with pytest.raises(InputError, match="as a folder or zip file"):
        load_photos(DataRecipe(sources=(str(folder / "000.png"),)), tmp_path)


class TestCache:
    """The cache is whole and of these very files, or it is made anew."""

    @pytest.fixture
    def recipe(self, tmp_path: Path) -> DataRecipe:
        return DataRecipe(sources=(str(drawn_folder(tmp_path / "photos" / "deep", 6)),))

    def files(self, run: Path) -> list[Path]:
        return sorted((run / "cache").iterdir())

    def test_a_second_start_decodes_nothing(self, recipe: DataRecipe, tmp_path: Path) -> None:
        load_photos(recipe, tmp_path)
        lines: list[str] = []
        assert len(load_photos(recipe, tmp_path, lines.append)) == 6
        assert not lines

    def test_a_changed_file_in_a_folder_is_noticed(
        self, recipe: DataRecipe, tmp_path: Path
    ) -> None:
        recipe = dataclasses.replace(recipe, sources=(str(tmp_path / "photos"),))
        load_photos(recipe, tmp_path)
        file = tmp_path / "photos" / "deep" / "002.png"
        cv2.imwrite(str(file), drawn_photo(77)[:, :, ::-1])
        np.testing.assert_array_equal(load_photos(recipe, tmp_path)[2], drawn_photo(77))

    @pytest.mark.parametrize("damage", ["short pixels", "no pixels", "half an index"])
    def test_half_a_cache_is_made_anew(
        self, recipe: DataRecipe, tmp_path: Path, damage: str
    ) -> None:
        whole = [np.array(load_photos(recipe, tmp_path)[i]) for i in range(6)]
        listing, pixels = self.files(tmp_path)
        if damage == "short pixels":
            pixels.write_bytes(pixels.read_bytes()[:-1])
        elif damage == "no pixels":
            pixels.unlink()
        else:
            listing.write_bytes(listing.read_bytes()[:20])
        lines: list[str] = []
        again = load_photos(recipe, tmp_path, lines.append)
        assert "damaged" in lines[0]
        for i, photo in enumerate(whole):
            np.testing.assert_array_equal(again[i], photo)

    def test_ctrl_c_while_decoding_leaves_nothing(
        self, recipe: DataRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(data, "decode", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load_photos(recipe, tmp_path)
        assert not self.files(tmp_path)

    def test_a_full_disk_is_reported_and_leaves_nothing(
        self, recipe: DataRecipe, tmp_path: Path
    ) -> None:
        with no_file_beyond(100_000), pytest.raises(OutputError, match=r"data\.cache"):
            load_photos(recipe, tmp_path)
        assert not self.files(tmp_path)

    def test_what_killed_runs_left_is_removed_and_what_others_write_is_not(
        self, recipe: DataRecipe, tmp_path: Path
    ) -> None:
        load_photos(recipe, tmp_path)
        listing, _ = self.files(tmp_path)
        old, young = (listing.with_name(f".{listing.stem}-{n}.partial") for n in ("0a", "0b"))
        old.touch()
        young.touch()
        os.utime(old, (1e9, 1e9))
        listing.unlink()
        load_photos(recipe, tmp_path)
        assert not old.exists()
        assert young.exists()

    def test_of_two_runs_the_slower_uses_what_the_faster_made(
        self, recipe: DataRecipe, tmp_path: Path
    ) -> None:
        def other_run(line: str) -> None:
            if line.endswith("unreadable"):
                load_photos(recipe, tmp_path)

        assert len(load_photos(recipe, tmp_path, other_run)) == 6
        assert len(self.files(tmp_path)) == 2


def test_split_is_stable_and_disjoint(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 10)
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run")
    four = DataRecipe(sources=(str(folder),), validation=4)
    train, held_out = split(photos, four)
    again, _ = split(photos, four)
    assert train.names == again.names
    assert set(train.names) | set(held_out.names) == set(photos.names)
    assert (len(train), len(held_out)) == (6, 4)
    with pytest.raises(InputError, match="too few"):
        split(photos, dataclasses.replace(four, validation=10))


def test_batches_are_a_function_of_seed_and_position(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 6)
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run")
    one, two = (BatchMaker(photos, HintRecipe(), AugmentRecipe(), seed=1) for _ in range(2))
    one.make(0, 4, 32)
    late = one.make(8, 4, 32)
    for a, b in zip(late, two.make(8, 4, 32), strict=True):
        assert a.equal(b)
    many = two.stream(itertools.count(0, 4), 4, 32, workers=3)
    for at, batch in zip(range(0, 24, 4), many, strict=False):
        assert batch.inputs.equal(one.make(at, 4, 32).inputs)
    many.close()
    other = BatchMaker(photos, HintRecipe(), AugmentRecipe(), seed=2).make(8, 4, 32)
    assert not late.ab.equal(other.ab)


def test_a_failure_while_making_batches_is_raised_where_they_are_taken(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 2)
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path)
    maker = BatchMaker(photos, HintRecipe(), AugmentRecipe(), seed=-1)
    with pytest.raises(ValueError, match="non-negative"):
        next(maker.stream(itertools.count(0, 2), 2, 32))
