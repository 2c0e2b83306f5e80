"""The field's data sets as training sources: recognised, listed, divided."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from fixtures.training import drawn_photo

from photochrom.errors import InputError
from photochrom.training.data.film_frames import drawn_frames
from photochrom.training.data.photo_cache import PhotoSet, load_photos, split
from photochrom.training.data.sources import recognize
from photochrom.training.recipe.recipe import DataRecipe


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), drawn_photo(seed, 40, 48)[:, :, ::-1])
    return path


def pictures(folder: Path, names: Sequence[str]) -> Path:
    for seed, name in enumerate(names):
        picture(folder / name, seed)
    return folder


def film(path: Path, shots: Sequence[tuple[int, int]], encoder: str = "ffv1") -> Path:
    """A film of drawn photos, each (seed, frames) a shot, 10 frames a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(encoder, rate=Fraction(10), options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 120, 96, "yuv420p"
        for seed, frames in shots:
            photo = drawn_photo(seed).astype(np.int16)
            for index in range(frames):
                still = np.random.default_rng(index).integers(-3, 4, photo.shape) + photo
                rgb = np.clip(still, 0, 255).astype(np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(stream.encode())
    return path


def load_source(path: Path, **changes: object) -> tuple[PhotoSet, list[str], DataRecipe]:
    lines: list[str] = []
    recipe = replace(DataRecipe(sources=(str(path),), validation=1), **changes)  # type: ignore[arg-type]
    return load_photos(recipe, path.parent / "run", lines.append), lines, recipe


def endings(photos: PhotoSet) -> list[str]:
    return [name.partition("/")[2] for name in photos.names]


def test_tar_shards_give_their_photos(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"{shard}.tar.gz", "w:gz") as out:
            for seed in range(2):
                out.add(picture(tmp_path / "x.png", 2 * shard + seed), f"./{shard}{seed}.png")
            out.addfile(tarfile.TarInfo("note.txt"), io.BytesIO())
    photos, lines, _ = load_source(folder)
    assert endings(photos) == [
        "0.tar.gz/00.png",
        "0.tar.gz/01.png",
        "1.tar.gz/10.png",
        "1.tar.gz/11.png",
    ]
    np.testing.assert_array_equal(photos[3], drawn_photo(3, 40, 48))
    one, lines, _ = load_source(folder / "1.tar.gz")
    assert len(one) == 2
    assert lines[0] == "1.tar.gz: a tar file"


def test_a_broken_shard_or_film_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "photos", ["a.png", "b.png"])
    (folder / "torn.tar").write_bytes(b"x" * 700)
    (folder / "torn.mp4").write_bytes(b"x" * 700)
    photos, lines, _ = load_source(folder)
    assert len(photos) == 2
    skipped = [line for line in lines if line.startswith("skipped")]
    assert ["torn.mp4" in line or "torn.tar" in line for line in skipped] == [True, True]
    with pytest.raises(InputError, match=r"torn\.tar"):
        load_source(folder / "torn.tar")


def test_mirflickr_is_its_numbered_photos(tmp_path: Path) -> None:
    folder = pictures(
        tmp_path / "set" / "mirflickr", ["im1.jpg", "im2.jpg", "im10.jpg", "meta/t.jpg"]
    )
    photos, lines, _ = load_source(folder.parent)
    assert endings(photos) == [f"mirflickr/im{n}.jpg" for n in (1, 2, 10)]
    assert lines[0] == "set: MIRFLICKR"


def test_mirflickr_as_arrays_has_the_colours_of_its_photos(tmp_path: Path) -> None:
    folder = tmp_path / "arrays"
    (folder / "l").mkdir(parents=True)
    (folder / "ab" / "ab").mkdir(parents=True)
    rgb = np.stack([drawn_photo(seed, 32, 32) for seed in range(4)])
    lab = np.stack([cv2.cvtColor(photo, cv2.COLOR_RGB2LAB) for photo in rgb])
    np.save(folder / "l" / "gray_scale.npy", lab[..., 0])
    np.save(folder / "ab" / "ab" / "ab1.npy", lab[:1, ..., 1:])
    np.save(folder / "ab" / "ab" / "ab2.npy", lab[1:3, ..., 1:])  # the fourth has no ab
    photos, _, _ = load_source(folder)
    assert endings(photos) == ["00000", "00001", "00002"]
    assert np.abs(photos[2].astype(int) - rgb[2]).mean() < 2
    np.save(folder / "l" / "gray_scale.npy", lab.astype(np.float32))
    with pytest.raises(InputError, match="uint8"):
        load_source(folder)


def test_coco_is_divided_as_its_annotations_say(tmp_path: Path) -> None:
    folder = tmp_path / "coco"
    pictures(folder, ["train2017/1.jpg", "train2017/2.jpg", "train2017/unlisted.jpg"])
    pictures(folder, ["val2017/3.jpg", "val2017/4.jpg"])
    (folder / "annotations").mkdir()
    for split_name, names in (("train2017", ["1.jpg", "2.jpg"]), ("val2017", ["3.jpg", "4.jpg"])):
        list_file = {"images": [{"file_name": name} for name in names]}
        (folder / "annotations" / f"captions_{split_name}.json").write_text(json.dumps(list_file))
    photos, _, recipe = load_source(folder)
    train, held_out = split(photos, recipe)
    assert endings(train) == ["train2017/1.jpg", "train2017/2.jpg"]
    assert len(held_out) == 1
    assert held_out.names[0].split("/")[1] == "val2017"
    (folder / "annotations" / "captions_val2017.json").write_text("{")
    with pytest.raises(InputError, match="captions_val2017"):
        load_source(folder)


def test_imagenet_is_recognised_by_its_synsets(tmp_path: Path) -> None:
    names = ["train/n01440764/a.jpg", "train/n01443537/b.jpg", "val/c.jpg", "test/d.jpg"]
    photos, lines, recipe = load_source(pictures(tmp_path / "imagenet", names))
    train, held_out = split(photos, recipe)
    assert endings(train) == names[:2]
    assert endings(held_out) == ["val/c.jpg"]
    assert "imagenet: 1 photos are its test set and left out" in lines


@pytest.mark.parametrize("ending", ["txt", "csv"])
def test_celeba_is_divided_by_its_list(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "celeba"
    pictures(folder / "img_align_celeba", [f"00000{n}.jpg" for n in range(1, 5)])
    sign = "," if ending == "csv" else " "
    rows = [f"00000{n}.jpg{sign}{part}" for n, part in zip(range(1, 5), (0, 0, 1, 2))]
    heading = ["image_id,partition"] if ending == "csv" else []
    (folder / f"list_eval_partition.{ending}").write_text("\n".join(heading + rows))
    (folder / "identity_CelebA.txt").write_text("000001.jpg 7\n000002.jpg 7\n")
    photos, _, recipe = load_source(folder)
    assert photos.parts == ("training", "training", "validation")
    assert photos.groups == ("7", "7", "")
    assert endings(split(photos, recipe)[1]) == ["img_align_celeba/000003.jpg"]


def coco(folder: Path, training: int, validation: int) -> Path:
    (folder / "annotations").mkdir(parents=True)
    for part, count in (("train2017", training), ("val2017", validation)):
        names = [f"{part[0]}{number:02d}.jpg" for number in range(count)]
        pictures(folder / part, names)
        list_file = {"images": [{"file_name": name} for name in names]}
        (folder / "annotations" / f"captions_{part}.json").write_text(json.dumps(list_file))
    return folder


def test_a_limit_keeps_the_data_sets_own_validation_part(tmp_path: Path) -> None:
    photos, _, recipe = load_source(coco(tmp_path / "coco", 12, 5), limit=3, validation=4)
    train, held_out = split(photos, recipe)
    assert (len(train), len(held_out)) == (3, 4)
    assert {name.split("/")[1] for name in train.names} == {"train2017"}
    assert {name.split("/")[1] for name in held_out.names} == {"val2017"}


def test_a_limit_draws_from_all_classes_and_sources_and_the_same_each_time(tmp_path: Path) -> None:
    classes = [f"n0000000{n}" for n in range(4)]
    names = [f"{kind}/{n}.jpg" for kind in classes for n in range(10)]
    folder = pictures(tmp_path / "imagenet", names)
    photos, _, recipe = load_source(folder, limit=12)
    assert len(photos) == 12
    assert {name.split("/")[1] for name in photos.names} == set(classes)
    (tmp_path / "elsewhere").mkdir()
    new_folder = folder.rename(tmp_path / "elsewhere" / "imagenet")
    assert load_source(new_folder, limit=12)[0].names == photos.names
    assert load_source(new_folder, limit=12, split_seed=1)[0].names != photos.names
    # Those that are held out are the same as without a limit.
    everything, _, _ = load_source(new_folder)
    assert split(photos, recipe)[1].names == split(everything, recipe)[1].names


def test_a_limit_takes_streams_last_and_from_their_beginning(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "mixed", ["a.png", "b.png"])
    film(folder / "film.mkv", [(1, 10)])
    with tarfile.open(folder / "z.tar", "w") as out:
        out.add(picture(tmp_path / "x.png", 7), "x.png")
    few, _, _ = load_source(folder, frames_per_s=99.0, limit=1)
    assert [name.split("/")[1] for name in few.names] in (["a.png"], ["b.png"])
    more, _, _ = load_source(folder, frames_per_s=99.0, limit=4)
    assert endings(more) == ["a.png", "b.png", "film.mkv/000000", "film.mkv/000001"]
    all_, _, _ = load_source(folder, frames_per_s=99.0, limit=99)
    assert len(all_) == 13
    assert len(load_source(folder / "film.mkv", frames_per_s=99.0, limit=3)[0]) == 3


def test_the_reports_protocol_divides_a_published_archive_as_it_is(tmp_path: Path) -> None:
    """8,000 and 2,000 of COCO's sample, here 8 and 2 of 12 photos in a .tgz."""
    with tarfile.open(tmp_path / "coco_sample.tgz", "w:gz") as out:
        for seed in range(12):
            out.add(picture(tmp_path / "x.png", seed), f"coco_sample/train_sample/{seed:012}.png")
    photos, _, recipe = load_source(tmp_path / "coco_sample.tgz", limit=10, validation=2)
    training, held_out = split(photos, recipe)
    assert (len(training), len(held_out)) == (8, 2)
    assert not set(training.names) & set(held_out.names)
    again = load_source(tmp_path / "coco_sample.tgz", limit=10, validation=2)[0]
    assert split(again, recipe)[1].names == held_out.names


@pytest.mark.parametrize("limit", [0, 1, 4, 99])
def test_a_broken_zip_is_reported_under_any_limit(tmp_path: Path, limit: int) -> None:
    folder = pictures(tmp_path / "photos", [f"{n}.png" for n in range(9)])
    (folder / "torn.zip").write_bytes(b"x" * 700)
    photos, lines, _ = load_source(folder, limit=limit)
    assert len(photos) == min(limit or 9, 9)
    assert ["torn.zip" in line for line in lines if line.startswith("skipped")] == [True]
    assert lines[-1].endswith("1 unreadable")


def test_nobody_of_lfw_is_on_both_sides(tmp_path: Path) -> None:
    names = [f"{who}/{who}_000{n}.jpg" for who in ("Ann_Lee", "Bo_Ek", "Cy_Orr") for n in (1, 2, 3)]
    photos, _, recipe = load_source(pictures(tmp_path / "lfw", names), validation=2)
    train, held_out = split(photos, recipe)
    assert (len(train), len(held_out)) == (6, 3)  # a whole person, although two would be enough
    assert not set(train.groups) & set(held_out.groups)
    others = {split(photos, replace(recipe, split_seed=seed))[0].names for seed in range(8)}
    assert len(others) == 3


def test_retina_folders_give_photographs_and_no_masks(tmp_path: Path) -> None:
    kinds = [f"{part}/{kind}" for part in ("training", "test") for kind in ("images", "mask")]
    names = [f"{kind}/{n}.png" for kind in kinds for n in (1, 2)]
    photos, lines, _ = load_source(pictures(tmp_path / "DRIVE", names))
    assert endings(photos) == ["training/images/1.png", "training/images/2.png"]
    assert any("test set" in line for line in lines)
    assert recognize(pictures(tmp_path / "HRF", ["images/1.png", "mask/1.png"])) == "retina"


@pytest.mark.slow
def test_a_film_gives_some_frames_of_each_second_of_each_shot(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", [(1, 20), (2, 12)])
    indices = [index for index, _, _ in drawn_frames(path, 3.0)]
    per_second = [
        sum(low <= i < high for i in indices) for low, high in ((0, 10), (10, 20), (20, 30))
    ]
    assert per_second == [3, 3, 3]
    assert len([i for i in indices if i >= 30]) == 1
    assert indices == sorted(indices) == [index for index, _, _ in drawn_frames(path, 3.0)]
    assert len(list(drawn_frames(path, 99.0))) == 32
    rgb = next(rgb for index, _, rgb in drawn_frames(path, 99.0) if index == 25)
    assert np.abs(rgb.astype(int) - drawn_photo(2)).mean() < 6


def test_shots_are_held_out_as_wholes_and_of_long_ones_the_end(tmp_path: Path) -> None:
    cut = film(tmp_path / "cut.mkv", [(seed, 8) for seed in range(1, 9)])
    photos, _, recipe = load_source(cut, frames_per_s=99.0, validation=2)
    learned, held_out = split(photos, recipe)
    assert (len(learned), len(held_out)) == (56, 8)
    assert len(set(held_out.groups)) == 1 == len({int(n[-6:]) // 8 for n in held_out.names})
    assert not set(learned.groups) & set(held_out.groups)
    one = film(tmp_path / "one.mkv", [(1, 12)])
    learned, held_out = split(*load_source(one, frames_per_s=99.0, validation=3)[::2])
    assert endings(held_out) == [f"{n:06}" for n in (9, 10, 11)]
    assert len(learned) == 9
    # Runs from before go on with the single frames that they held out.
    alone = split(replace(photos, groups=()), recipe)
    assert len(set(alone[1].names)) == 2
    for before in (alone[1].names, ()):
        again = split(photos, recipe, before)
        assert [part.names for part in again] == [part.names for part in alone]
    for now in (None, split(photos, recipe)[1].names):
        assert len(split(photos, recipe, now)[1]) == 8


def test_damaged_stretches_of_a_film_are_left_out_and_named(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", [(1, 48)], "libx264")
    with av.open(str(path)) as container:
        place = [packet.pos or 0 for packet in container.demux(video=0) if packet.size][20]
    data = bytearray(path.read_bytes())
    data[place : place + 150] = bytes(150)
    path.write_bytes(data)
    photos, lines, _ = load_source(path, frames_per_s=99.0)
    text = " ".join(lines)
    left_out = int(re.findall(r"(\d+) frames? (?:is|are) left out, as the damage", text)[0])
    lost = sum(map(int, re.findall(r"(\d+) frames? lost", text)))
    assert 1 <= left_out < 12
    assert len(photos) + left_out + lost == 48


def test_films_are_sources_alone_and_in_folders(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "mixed", ["a.png"])
    film(folder / "film.mkv", [(1, 10)])
    photos, _, _ = load_source(folder, frames_per_s=2.0)
    assert len(photos) == 3
    assert photos.names[0] == "mixed/a.png"
    assert photos.names[1].startswith("mixed/film.mkv/")
    alone, lines, _ = load_source(folder / "film.mkv", frames_per_s=4.0)
    assert len(alone) == 4
    assert lines[0] == "film.mkv: a film"


def test_a_list_says_what_is_held_out(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "photos", ["deep/a.png", "deep/b.png", "c.png"])
    list_file = tmp_path / "held.txt"
    list_file.write_text("b.png\n\nphotos/c.png\n")
    photos, _, recipe = load_source(folder, validation_list=str(list_file))
    train, held_out = split(photos, recipe)
    assert endings(train) == ["deep/a.png"]
    assert endings(held_out) == ["c.png", "deep/b.png"]
    list_file.write_text("nothing.png\n")
    with pytest.raises(InputError, match="names none of the 3 photos; photos/"):
        split(photos, recipe)
    few, _, recipe = load_source(folder, validation_list=str(list_file), limit=2)
    with pytest.raises(InputError, match=r"of the 2 photos that data\.limit = 2 draws; photos/"):
        split(few, recipe)


def test_another_seed_holds_out_others(tmp_path: Path) -> None:
    photos, _, recipe = load_source(pictures(tmp_path / "photos", [f"{n}.png" for n in range(12)]))
    held_out = {split(photos, replace(recipe, split_seed=seed))[1].names for seed in range(6)}
    assert len(held_out) > 2


def test_a_kind_can_be_forced_but_must_fit(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "DRIVE", ["training/images/1.png", "training/mask/1.png"])
    assert len(load_source(folder)[0]) == 1
    assert len(load_source(folder, kind="folder")[0]) == 2
    assert recognize(pictures(tmp_path / "mine", ["im1.jpg", "other.jpg"])) == "folder"
    with pytest.raises(InputError, match=r"is not COCO.*'auto'"):
        load_source(folder, kind="coco")


def test_a_second_start_knows_parts_and_groups_from_the_cache(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "lfw", ["A_B/A_B_0001.jpg", "C_D/C_D_0001.jpg"])
    first, _, _ = load_source(folder)
    again, lines, _ = load_source(folder)
    assert not lines
    assert again.groups == first.groups == ("A_B", "C_D")
    np.testing.assert_array_equal(first[1], again[1])
