"""The layouts of the field's data sets: how each is recognised, and which photos it lists."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.imageio import is_picture_name

TRAINING, VALIDATION, TEST = "training", "validation", "test"
"""The parts that a data set may have of its own."""

_PART_OF_FOLDER = {
    **dict.fromkeys(("train", "training"), TRAINING),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
_SHOT = "/shot "
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_CELEBA_PARTS = {"0": TRAINING, "1": VALIDATION, "2": TEST}


class Member(NamedTuple):
    """One photo of a source.

    name: ``SOURCE/MEMBER``. read: its file's bytes, or the picture itself, (H, W, 3) uint8 sRGB.
    part: `TRAINING`, `VALIDATION`, `TEST`, or empty where the data set has none. group: what must
    not be divided between training and validation, such as a person, or a shot of a film, see
    `shot_film`; empty for the photo alone.
    """

    name: str
    read: Callable[[], bytes | NDArray[np.uint8]]
    part: str = ""
    group: str = ""


class Stream(NamedTuple):
    """Photos that are known only while they are read, one after the other: of a tar file, a film.

    members: reads nothing until its first is asked for.
    """

    members: Iterator[Member]


class Source(NamedTuple):
    """path: the source. frames_per_s: of films. archives: keeps open what members read from.

    report: called with what a person has to know of it.
    """

    path: Path
    frames_per_s: float
    archives: ExitStack
    report: Callable[[str], None]


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive, by its name."""
    return path.name.lower().endswith(_ARCHIVE_SUFFIXES) and path.is_file()


def part_of_folder(name: str) -> str:
    """The part of a data set that a folder of this name holds; empty for other names."""
    return _PART_OF_FOLDER.get(name, "")


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder and its subfolders, sorted."""
    return sorted(
        file for file in folder.rglob("*") if is_picture_name(file.name) and file.is_file()
    )


def film(source: Source) -> Iterator[Member]:
    """Frames of each shot, drawn at random. Raises InputError, or MissingDependencyError."""
    from photochrom.training.data.film_frames import drawn_frames
    from photochrom.video.io.damage import DamageLog
    from photochrom.video.io.probe import probe

    damage = DamageLog()
    name = source.path.name
    for index, shot, rgb in drawn_frames(source.path, source.frames_per_s, damage):
        yield Member(f"{name}/{index:06d}", partial(np.asarray, rgb), group=f"{name}{_SHOT}{shot}")
    for sentence in damage.sentences(probe(source.path)):
        source.report(f"{source.path.name}: {sentence}")


def shot_film(group: str) -> str:
    """The film of a group that is a shot; empty for other groups."""
    film_name, is_shot, _ = group.rpartition(_SHOT)
    return film_name if is_shot else ""


def is_mirflickr(path: Path) -> bool:
    """``im1.jpg``, ``im2.jpg``, ... and no other picture, in the folder or in ``mirflickr``."""
    for folder in (path, path / "mirflickr"):
        if (folder / "im1.jpg").is_file():
            names = (file.name for file in folder.iterdir() if is_picture_name(file.name))
            return all(re.fullmatch(r"im\d+\.jpg", name) for name in names)
    return False


def mirflickr(source: Source) -> Iterator[Member]:
    """Its photos by their numbers; what lies beside them (tags, licences) is left alone."""
    base = source.path if (source.path / "im1.jpg").is_file() else source.path / "mirflickr"
    by_number = {
        int(match[1]): file
        for file in base.glob("im*.jpg")
        if (match := re.fullmatch(r"im(\d+)\.jpg", file.name))
    }
    for _, file in sorted(by_number.items()):
        yield _file(source.path, file)


def is_mirflickr_npy(path: Path) -> bool:
    """``l/gray_scale.npy`` beside ``ab``, as the arrays are handed round."""
    return (path / "l" / "gray_scale.npy").is_file() and (path / "ab").is_dir()


def mirflickr_npy(source: Source) -> Iterator[Member]:
    """(N, H, W) L and (M, H, W, 2) ab, uint8 as OpenCV scales them: L to 255, ab moved by 128.

    There may be fewer ab than L: photos without are left out. Raises InputError for other arrays.
    """
    L = _array(source.path / "l" / "gray_scale.npy", 3)
    number = 0
    for file in sorted((source.path / "ab").rglob("ab*.npy"), key=_by_number):
        ab = _array(file, 4)
        for index in range(min(len(ab), len(L) - number)):
            read = partial(_rgb_from_lab, L, ab, number + index, index)
            yield Member(f"{source.path.name}/{number + index:05d}", read)
        number += len(ab)
    if not number:
        raise InputError(f"{source.path / 'ab'} holds no ab*.npy")


def is_coco(path: Path) -> bool:
    """``annotations/*_train2017.json`` and the like."""
    return any(_coco_lists(path))


def coco(source: Source) -> Iterator[Member]:
    """The photos that the annotations list, divided as they are. Raises InputError."""
    for split, file in sorted(_coco_lists(source.path).items()):
        try:
            images = json.loads(file.read_text(encoding="utf-8"))["images"]
            names = sorted(image["file_name"] for image in images)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"cannot read COCO's list {file}: {error!r}") from error
        folder = next(f for f in _coco_folders(source.path, split) if f.is_dir())
        part = _PART_OF_FOLDER[split.rstrip("0123456789")]
        for name in names:
            yield _file(source.path, folder / name, part)


def coco_categories(path: Path) -> dict[str, frozenset[str]]:
    """What each photo shows, by its `Member.name`: the categories of its annotated instances.

    Raises InputError where the annotations of a split are missing or cannot be read.
    """
    categories: dict[str, frozenset[str]] = {}
    for split in sorted(_coco_lists(path)):
        file = path / "annotations" / f"instances_{split}.json"
        folder = next(f for f in _coco_folders(path, split) if f.is_dir())
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            names = {row["id"]: row["name"] for row in content["categories"]}
            by_image: dict[int, set[str]] = {row["id"]: set() for row in content["images"]}
            for row in content["annotations"]:
                by_image[row["image_id"]].add(names[row["category_id"]])
            for row in content["images"]:
                name = _file(path, folder / row["file_name"]).name
                categories[name] = frozenset(by_image[row["id"]])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"cannot read COCO's annotations {file}: {error!r}") from error
    return categories


def is_imagenet(path: Path) -> bool:
    """Folders named by synsets, such as ``n01440764``, perhaps below ``train``."""
    return _imagenet_base(path) is not None


def imagenet(source: Source) -> Iterator[Member]:
    """Every photo; those below ``val`` for validation, those below ``test`` not at all."""
    base = _imagenet_base(source.path) or source.path
    for file in picture_files(base):
        first = file.relative_to(base).parts[0]
        yield _file(source.path, file, _PART_OF_FOLDER.get(first, ""))


def is_celeba(path: Path) -> bool:
    """``list_eval_partition`` beside ``img_align_celeba``."""
    return _celeba_file(path, "list_eval_partition") is not None


def celeba(source: Source) -> Iterator[Member]:
    """The aligned faces, divided as listed, nobody on both sides. Raises InputError."""
    parts = _celeba_list(source.path, "list_eval_partition")
    people = _celeba_list(source.path, "identity_CelebA")
    folders = sorted(folder for folder in source.path.rglob("img_align_celeba") if folder.is_dir())
    if not folders:
        raise InputError(f"{source.path} lists CelebA's photos but has no img_align_celeba")
    for file in picture_files(folders[-1]):
        if file.name in parts:
            part = _CELEBA_PARTS.get(parts[file.name], "")
            yield _file(source.path, file, part, people.get(file.name, ""))


def is_lfw(path: Path) -> bool:
    """Folders of people with ``Their_Name_0001.jpg`` inside, perhaps below ``lfw``."""
    return _lfw_base(path) is not None


def lfw(source: Source) -> Iterator[Member]:
    """Every face; a person's photos stay together."""
    base = _lfw_base(source.path) or source.path
    for file in picture_files(base):
        yield _file(source.path, file, group=file.parent.name)


def is_retina(path: Path) -> bool:
    """``training/images``, or ``images`` beside masks or segmentations by hand."""
    has_masks = any((path / name).is_dir() for name in ("mask", "manual1", "1st_manual"))
    return (path / "training" / "images").is_dir() or ((path / "images").is_dir() and has_masks)


def retina(source: Source) -> Iterator[Member]:
    """The photographs, without masks and segmentations; DRIVE's test set is left out."""
    for file in picture_files(source.path):
        parts = file.relative_to(source.path).parts
        if "images" in parts[:-1]:
            yield _file(source.path, file, _PART_OF_FOLDER.get(parts[0], ""))


def _file(base: Path, file: Path, part: str = "", group: str = "") -> Member:
    name = f"{base.name}/{file.relative_to(base).as_posix()}"
    return Member(name, file.read_bytes, part, group)


def _array(path: Path, dimensions: int) -> NDArray[np.uint8]:
    try:
        array: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} as an array: {error}") from error
    if array.dtype != np.uint8 or array.ndim != dimensions:
        raise InputError(f"{path} is {array.shape} {array.dtype}, not {dimensions}-D uint8")
    return array


def _rgb_from_lab(
    L: NDArray[np.uint8], ab: NDArray[np.uint8], L_index: int, ab_index: int
) -> NDArray[np.uint8]:
    lab = np.concatenate([L[L_index][..., None], ab[ab_index]], axis=-1)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def _by_number(file: Path) -> tuple[int, str]:
    match = re.search(r"\d+", file.stem)
    return (int(match[0]) if match else 0, file.name)


def _coco_lists(path: Path) -> Mapping[str, Path]:
    """For each split with photos at hand the smallest file that lists them: all list the same."""
    lists: dict[str, Path] = {}
    for file in sorted((path / "annotations").glob("*.json"), key=lambda f: f.stat().st_size):
        match = re.search(r"(train|val)\d{4}", file.stem)
        if match and any(folder.is_dir() for folder in _coco_folders(path, match[0])):
            lists.setdefault(match[0], file)
    return lists


def _coco_folders(path: Path, split: str) -> tuple[Path, Path]:
    return path / split, path / "images" / split


def _imagenet_base(path: Path) -> Path | None:
    for base in (path, path / "ILSVRC" / "Data" / "CLS-LOC", path / "Data" / "CLS-LOC"):
        for folder in (base, base / "train"):
            if any(re.fullmatch(r"n\d{8}", f.name) for f in folder.glob("n*") if f.is_dir()):
                return base
    return None


def _celeba_file(path: Path, name: str) -> Path | None:
    files = [f for f in path.rglob(f"{name}.*") if f.suffix in (".txt", ".csv")]
    return min(files, default=None)


def _celeba_list(path: Path, name: str) -> dict[str, str]:
    """File name to what the list says of it; empty where there is no such list."""
    file = _celeba_file(path, name)
    if file is None:
        return {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read CelebA's list {file}: {error}") from error
    rows = csv.reader(lines) if file.suffix == ".csv" else (line.split() for line in lines)
    return {row[0]: row[1].strip() for row in rows if len(row) == 2 and is_picture_name(row[0])}


def _lfw_base(path: Path) -> Path | None:
    for base in (path, path / "lfw", path / "lfw-deepfunneled"):
        if any(file.stem == f"{file.parent.name}_0001" for file in base.glob("*/*_0001.jpg")):
            return base
    return None
