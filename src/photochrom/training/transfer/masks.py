"""Pictures with masks, whose values are the classes of their pixels: read, checked, divided."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from photochrom.errors import InputError
from photochrom.imageio import is_picture_name
from photochrom.training.data.decode import Unusable, check_faults, cut_and_shrink, decode
from photochrom.training.data.layouts import TRAINING, VALIDATION, Member, part_of_folder
from photochrom.training.data.sources import place_in_order
from photochrom.training.recipe.recipe import DataRecipe
from photochrom.training.transfer.data import (
    ROOM,
    held_out_places,
    lightness_picture,
    used_places,
)
from photochrom.training.transfer.recipe import TransferData
from photochrom.training.transfer.views import as_lightness, central_square, draw_square, square

NOT_COUNTED = 255
"""Value of a mask where nothing is learned or measured, such as VOC's borders."""

_FOLDERS = (("JPEGImages", "SegmentationClass"), ("images", "masks"))
_LISTS = Path("ImageSets", "Segmentation")
_INDEXED_MODES = ("P", "L", "1")


class MaskedSet(NamedTuple):
    """pictures: N of (h, w) uint8, L · 2.55. masks: N of (h, w) uint8, a place in ``classes``, or
    `NOT_COUNTED`. classes: C values of the masks' files, as text, in their order.
    """

    pictures: tuple[NDArray[np.uint8], ...]
    masks: tuple[NDArray[np.uint8], ...]
    classes: tuple[str, ...]

    def counts(self) -> NDArray[np.int64]:
        """(C,) pixels of each class."""
        totals = np.zeros(NOT_COUNTED + 1, np.int64)
        for mask in self.masks:
            totals += np.bincount(mask.ravel(), minlength=NOT_COUNTED + 1)
        return totals[: len(self.classes)]


class MaskedDivision(NamedTuple):
    """What is learned from, and what is measured on."""

    training: MaskedSet
    held_out: MaskedSet


class _Entry(NamedTuple):
    picture: Member
    mask: Path


def read_masked(data: TransferData, size: int, report: Callable[[str], None]) -> MaskedDivision:
    """All pictures with masks of the sources, with room around the side ``size`` px.

    Raises InputError where there are none, where masks are no indexed or grey pictures, where there
    is one class alone, or where more than a fifth cannot be used.
    """
    if not data.sources:
        raise InputError("data.sources is empty; name a folder with images and masks")
    where = ", ".join(Path(source).name for source in data.sources)
    entries = [entry for source in data.sources for entry in _entries(Path(source), report)]
    entries.sort(key=lambda entry: place_in_order(entry.picture.name, data.split_seed))
    entries = entries[: data.limit or None]
    recipe = DataRecipe(sources=data.sources, short_side=round(ROOM * size), grey_below=0.0)
    pictures: list[NDArray[np.uint8]] = []
    masks: list[NDArray[np.uint8]] = []
    usable: list[Member] = []
    faults: list[str] = []
    for picture, mask_file in entries:
        read = _read_pair(picture, mask_file, recipe)
        if isinstance(read, Unusable):
            faults.append(read.reason)
            continue
        pictures.append(read[0])
        masks.append(read[1])
        usable.append(picture)
    if faults:
        check_faults(faults, len(pictures), where, report)
    used = used_places([picture.part for picture in usable], where, report)
    pictures, masks = [pictures[i] for i in used], [masks[i] for i in used]
    usable = [usable[i] for i in used]
    if len(pictures) < 2:
        raise InputError(f"{where}: {len(pictures)} pictures with masks are too few")
    values = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    values = values[values != NOT_COUNTED]
    if len(values) < 2:
        named = f"the value {values[0]} alone" if len(values) else "no value"
        raise InputError(
            f"the masks of {where} have {named}, and {NOT_COUNTED} is not counted; a mask is a PNG "
            "whose values are the classes of its pixels: 0, 1, 2, ..."
        )
    places = np.full(NOT_COUNTED + 1, NOT_COUNTED, np.uint8)
    places[values] = np.arange(len(values))
    classes = tuple(str(value) for value in values)
    held_out = held_out_places([m.name for m in usable], [m.part for m in usable], data)
    sides = []
    for chosen in (~held_out, held_out):
        indices = np.flatnonzero(chosen)
        sides.append(
            MaskedSet(
                tuple(pictures[i] for i in indices),
                tuple(places[masks[i]] for i in indices),
                classes,
            )
        )
    division = MaskedDivision(*sides)
    for side, words in zip(division, ("to learn from", "to measure on"), strict=True):
        if np.count_nonzero(side.counts()) < 2:
            raise InputError(f"the pictures of {where} {words} are of one class; add others")
    return division


def training_views(
    data: MaskedSet, places: NDArray[np.int64], size: int, zoom_in: float,
    random: np.random.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Squares of these pictures at random places, mirrored or not: (N, 1, size, size) L, and
    (N, size, size) int64 places in the classes, or `NOT_COUNTED`.
    """
    views, truths = [], []
    for place in places:
        picture, mask = data.pictures[place], data.masks[place]
        cut = draw_square(picture, zoom_in, random)
        step = -1 if random.random() < 0.5 else 1
        views.append(square(picture, cut, size)[:, ::step])
        truths.append(square(mask, cut, size, cv2.INTER_NEAREST)[:, ::step])
    return as_lightness(views), torch.from_numpy(np.stack(truths).astype(np.int64))


def central_views(data: MaskedSet, places: NDArray[np.int64], size: int) -> tuple[Tensor, Tensor]:
    """The squares in the middle of these pictures, as of `training_views`."""
    cuts = [central_square(data.pictures[place]) for place in places]
    views = [square(data.pictures[p], cut, size) for p, cut in zip(places, cuts, strict=True)]
    truths = [
        square(data.masks[p], cut, size, cv2.INTER_NEAREST)
        for p, cut in zip(places, cuts, strict=True)
    ]
    return as_lightness(views), torch.from_numpy(np.stack(truths).astype(np.int64))


def _entries(source: Path, report: Callable[[str], None]) -> Iterator[_Entry]:
    """The pictures of a source that have a mask. Raises InputError for another layout."""
    bases = (source, *sorted(source.glob("VOC*")), *sorted(source.glob("VOCdevkit/VOC*")))
    pairs = [(base / a, base / b) for base in bases for a, b in _FOLDERS]
    found = [(a, b) for a, b in pairs if a.is_dir() and b.is_dir()]
    if not found:
        raise InputError(
            f"{source} has no pictures with masks: neither JPEGImages beside SegmentationClass nor "
            "images beside masks"
        )
    for pictures, masks in found:
        files = {
            file.relative_to(pictures).with_suffix("").as_posix(): file
            for file in sorted(pictures.rglob("*"))
            if is_picture_name(file.name)
        }
        mask_files = {
            file.relative_to(masks).with_suffix("").as_posix(): file
            for file in sorted(masks.rglob("*.png"))
        }
        parts = _listed_parts(pictures.parent)
        if lone := sorted(mask_files.keys() - files.keys()):
            report(
                f"left out: {len(lone)} masks without a picture, the first {mask_files[lone[0]]}"
            )
        if others := len(files.keys() - mask_files.keys()):
            report(f"{pictures}: {others} pictures have no mask and are left out")
        for name in sorted(files.keys() & mask_files.keys()):
            part = parts.get(name, "") or part_of_folder(name.partition("/")[0])
            member_name = f"{source.name}/{files[name].relative_to(source).as_posix()}"
            yield _Entry(Member(member_name, files[name].read_bytes, part), mask_files[name])


def _listed_parts(base: Path) -> dict[str, str]:
    """The parts that VOC lists, by the pictures' names; empty where it lists none."""
    parts: dict[str, str] = {}
    for file, part in (("train.txt", TRAINING), ("val.txt", VALIDATION)):
        try:
            names = (base / _LISTS / file).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read VOC's list {base / _LISTS / file}: {error}") from error
        parts |= dict.fromkeys(names, part)
    return parts


def _read_pair(
    picture: Member, mask_file: Path, recipe: DataRecipe
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | Unusable:
    """A picture's lightness and its mask, at cache size."""
    rgb = decode(picture, recipe)
    if isinstance(rgb, Unusable):
        return rgb
    try:
        with Image.open(io.BytesIO(mask_file.read_bytes())) as file:
            if file.mode not in _INDEXED_MODES:
                return Unusable(
                    f"{mask_file} is a picture of mode {file.mode}; a mask is indexed or grey, 8 "
                    "bits, and its values are classes"
                )
            mask = np.asarray(file, np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return Unusable(f"cannot read the mask {mask_file}: {error}")
    mask = cut_and_shrink(mask, recipe.short_side, cv2.INTER_NEAREST)
    if mask.shape != rgb.shape[:2]:
        return Unusable(
            f"{mask_file} is {mask.shape[1]}×{mask.shape[0]} px and its picture "
            f"{rgb.shape[1]}×{rgb.shape[0]}, brought to the same short side"
        )
    return lightness_picture(rgb), mask
