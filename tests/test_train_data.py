"""Photos into the cache, crops, hints and aged prints."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from training_fixtures import drawn_folder, drawn_photo

from photochrom.errors import InputError
from photochrom.train import augment, hints
from photochrom.train.batches import BatchMaker
from photochrom.train.data import load_photos, split
from photochrom.train.recipe import AugmentRecipe, DataRecipe, HintRecipe


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


def test_grey_and_broken_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 3)
    cv2.imwrite(str(folder / "grey.png"), np.full((64, 64, 3), 90, np.uint8))
    (folder / "broken.jpg").write_bytes(b"not a picture")
    told: list[str] = []
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run", told.append)
    assert len(photos) == 3
    assert any("broken.jpg" in line for line in told)
    assert told[-1] == "3 photos, 1 grey ones left out, 1 unreadable"


def test_large_photos_are_kept_at_the_short_side(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 1)
    photos = load_photos(DataRecipe(sources=(str(folder),), short_side=48), tmp_path / "run")
    assert photos[0].shape == (48, 60, 3)


def test_missing_and_empty_sources_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        load_photos(DataRecipe(sources=(str(tmp_path / "absent"),)), tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no usable colour picture"):
        load_photos(DataRecipe(sources=(str(tmp_path / "empty"),)), tmp_path / "run")


def test_split_is_stable_and_disjoint(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 10)
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run")
    train, held_out = split(photos, 4)
    again, _ = split(photos, 4)
    assert train.names == again.names
    assert set(train.names) | set(held_out.names) == set(photos.names)
    assert (len(train), len(held_out)) == (6, 4)
    with pytest.raises(InputError, match="too few"):
        split(photos, 10)


def test_batches_are_a_function_of_seed_and_position(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "photos", 6)
    photos = load_photos(DataRecipe(sources=(str(folder),)), tmp_path / "run")
    one, two = (BatchMaker(photos, HintRecipe(), AugmentRecipe(), seed=1) for _ in range(2))
    one.make(0, 4, 32)
    late = one.make(8, 4, 32)
    for a, b in zip(late, two.make(8, 4, 32), strict=True):
        assert a.equal(b)
    other = BatchMaker(photos, HintRecipe(), AugmentRecipe(), seed=2).make(8, 4, 32)
    assert not late.ab.equal(other.ab)


def test_hints_tell_the_true_colour_at_points(rng: np.random.Generator) -> None:
    ab = np.zeros((2, 64, 64), np.float32)
    ab[0], ab[1] = 30.0, -20.0
    given = hints.points(ab, 0.125, rng)
    inside = given[2] == 1
    assert 0 < inside.mean() < 1
    np.testing.assert_allclose(given[0][inside], 30.0)
    np.testing.assert_allclose(given[1][inside], -20.0)
    assert not given[:2, ~inside].any()


def test_hint_shares_follow_the_recipe(rng: np.random.Generator) -> None:
    ab = rng.normal(0, 30, (2, 32, 32)).astype(np.float32)
    recipe = HintRecipe(points=0.3, full=0.1, field=0.2)
    shares = np.array([hints.simulate(ab, recipe, rng)[2].mean() for _ in range(600)])
    assert (shares == 0).mean() == pytest.approx(0.4, abs=0.06)
    assert (shares == 1).mean() >= 0.07


def test_a_carried_field_is_dense_and_partly_wrong(rng: np.random.Generator) -> None:
    y, x = np.mgrid[0:64, 0:64].astype(np.float32)
    ab = np.stack([x - 32, y - 32])
    fields = [hints.carried(ab, rng) for _ in range(20)]
    known = np.mean([f[2].mean() for f in fields])
    error = np.mean([np.abs(f[:2] - ab)[:, f[2] == 1].mean() for f in fields])
    assert 0.6 < known < 0.98
    assert 1.0 < error < 20.0


def test_ageing_keeps_the_scene_but_not_the_tones(rng: np.random.Generator) -> None:
    rgb = drawn_photo(1)
    plain = augment.rgb_to_lab(rgb.astype(np.float32) / 255)[..., 0]
    aged = [augment.age(rgb, rng) for _ in range(12)]
    for L in aged:
        assert L.shape == plain.shape
        assert L.dtype == np.float32
        assert L.min() >= 0
        assert L.max() <= 100
    assert np.mean([np.abs(L - plain).mean() for L in aged]) > 3
    assert np.mean([np.corrcoef(L.ravel(), plain.ravel())[0, 1] for L in aged]) > 0.6


def test_crops_have_the_side_asked_for(rng: np.random.Generator) -> None:
    for side in (16, 64, 128):
        assert augment.crop(drawn_photo(2), side, AugmentRecipe(), rng).shape == (side, side, 3)
