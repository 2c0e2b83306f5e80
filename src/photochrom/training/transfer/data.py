"""Labelled pictures: read, checked, divided; and what of them a network sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.training.data.decode import Unusable, check_faults, decode
from photochrom.training.data.layouts import (
    TEST,
    TRAINING,
    VALIDATION,
    Member,
    coco_categories,
    part_of_folder,
)
from photochrom.training.data.sources import members, place_in_order, recognize
from photochrom.training.recipe.recipe import DataRecipe
from photochrom.training.transfer.metrics import Labels
from photochrom.training.transfer.recipe import TransferData
from photochrom.training.transfer.views import (
    as_lightness,
    central_square,
    draw_square,
    square,
)

ROOM = 1.25
"""Short side of a kept picture as a multiple of the side that networks see."""
_SHOWN_NAMES = 3


class LabelledSet(NamedTuple):
    """pictures: N of (h, w) uint8, L · 2.55. labels: (N, C). classes: C names, sorted.

    several: whether a picture may have several labels, or none.
    """

    pictures: tuple[NDArray[np.uint8], ...]
    labels: Labels
    classes: tuple[str, ...]
    several: bool

    def select(self, places: Iterable[int]) -> LabelledSet:
        """The pictures at these places, in this order."""
        chosen = list(places)
        pictures = tuple(self.pictures[i] for i in chosen)
        return self._replace(pictures=pictures, labels=self.labels[chosen])


class Division(NamedTuple):
    """What is learned from, and what is measured on."""

    training: LabelledSet
    held_out: LabelledSet


def read_labelled(data: TransferData, size: int, report: Callable[[str], None]) -> Division:
    """All pictures of the sources, with room around the side ``size`` px that networks see.

    Colour is dropped here. Raises InputError where there are none, where labels are missing, where
    there is one class alone or one with a single picture, or where more than a fifth are broken.
    """
    if not data.sources:
        raise InputError("data.sources is empty; name a folder with a folder for each class")
    where = ", ".join(Path(source).name for source in data.sources)
    recipe = DataRecipe(
        sources=data.sources, limit=data.limit, split_seed=data.split_seed,
        short_side=round(ROOM * size), grey_below=0.0,
    )  # fmt: skip
    annotations = _annotations(data.sources)
    pictures: list[NDArray[np.uint8]] = []
    labels: list[frozenset[str]] = []
    names: list[str] = []
    parts: list[str] = []
    faults: list[str] = []
    with ExitStack() as archives:
        for member in members(recipe, archives, report):
            own_labels = annotations.get(member.name, frozenset()) if annotations else None
            rgb = decode(member, recipe)
            if isinstance(rgb, Unusable):
                faults.append(rgb.reason)
                continue
            labels.append(_folder_class(member) if own_labels is None else own_labels)
            pictures.append(lightness_picture(rgb))
            names.append(member.name)
            parts.append(_part(member))
    if faults:
        check_faults(faults, len(pictures), where, report)
    if not pictures:
        raise InputError(f"{where} holds no picture; name a folder with a folder for each class")
    used = used_places(parts, where, report)
    pictures, labels = [pictures[i] for i in used], [labels[i] for i in used]
    names, parts = [names[i] for i in used], [parts[i] for i in used]
    classes = tuple(sorted(set().union(*labels)))
    if len(classes) < 2:
        named = f"the class {classes[0]!r} alone" if classes else "no class"
        raise InputError(
            f"the pictures of {where} are of {named}, and a classifier tells two apart at least; "
            "name a folder with a folder for each class"
        )
    matrix = np.array([[name in own for name in classes] for own in labels])
    whole = LabelledSet(tuple(pictures), matrix, classes, bool(annotations))
    # Of pictures with several labels all are one group: their combinations are too many.
    groups = () if whole.several else tuple(row.tobytes() for row in whole.labels)
    held_out = held_out_places(names, parts, data, groups)
    chosen, others = np.flatnonzero(held_out), np.flatnonzero(~held_out)
    _check_classes(whole, others, chosen)
    return Division(whole.select(others), whole.select(chosen))


def training_views(
    data: LabelledSet, places: NDArray[np.int64], size: int, zoom_in: float,
    random: np.random.Generator,
) -> Tensor:  # fmt: skip
    """Squares of these pictures at random places, mirrored or not: (N, 1, size, size) L."""
    views = []
    for place in places:
        picture = data.pictures[place]
        view = square(picture, draw_square(picture, zoom_in, random), size)
        views.append(view[:, ::-1] if random.random() < 0.5 else view)
    return as_lightness(views)


def central_views(data: LabelledSet, places: NDArray[np.int64], size: int) -> Tensor:
    """The squares in the middle of these pictures: (N, 1, size, size) L."""
    pictures = [data.pictures[place] for place in places]
    return as_lightness([square(picture, central_square(picture), size) for picture in pictures])


def _annotations(sources: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """The categories of COCO's photos by name; empty where no source is COCO.

    Raises InputError where some are and some are not.
    """
    kinds = {source: recognize(Path(source)) == "coco" for source in sources}
    if any(kinds.values()) and not all(kinds.values()):
        other = next(source for source, is_coco in kinds.items() if not is_coco)
        raise InputError(
            f"{other} has one class for a picture, and COCO beside it several; learn from one kind"
        )
    if not any(kinds.values()):
        return {}
    return {k: v for source in sources for k, v in coco_categories(Path(source)).items()}


def _folder_class(member: Member) -> frozenset[str]:
    """The folder that the picture lies in. Raises InputError for one in no folder of a class."""
    folders = PurePosixPath(member.name).parts[1:-1]
    if not folders or part_of_folder(folders[-1]):
        raise InputError(
            f"{member.name} lies in no folder of a class; sort the pictures into a folder for "
            "each class, CLASS/picture.jpg"
        )
    return frozenset((folders[-1],))


def _part(member: Member) -> str:
    """The data set's own part that the picture is of; empty for none."""
    if member.part:
        return member.part
    folders = PurePosixPath(member.name).parts[1:-2]
    return next((part for name in folders if (part := part_of_folder(name))), "")


def used_places(parts: Sequence[str], where: str, report: Callable[[str], None]) -> list[int]:
    """The pictures that are learned from or measured on: nobody's test set beside a validation part
    of its own. parts: of the pictures. where: their sources, for the report.
    """
    if VALIDATION not in parts:
        return list(range(len(parts)))
    used = [i for i, part in enumerate(parts) if part != TEST]
    if len(used) < len(parts):
        report(f"{where}: {len(parts) - len(used)} pictures are its test set and left out")
    return used


def held_out_places(
    names: Sequence[str], parts: Sequence[str], data: TransferData, groups: Sequence[bytes] = ()
) -> NDArray[np.bool_]:
    """(N,) the data set's validation part, else its test part, else a share of each group.

    names, parts: of the pictures. groups: what each is of; empty: all are one group.
    """
    for part in (VALIDATION, TEST):
        if part in parts:
            return np.array([own == part for own in parts])
    if TRAINING in parts and len(set(parts)) > 1:
        return np.array([own != TRAINING for own in parts])
    order = sorted(range(len(names)), key=lambda i: place_in_order(names[i], data.split_seed))
    places: dict[bytes, list[int]] = {}
    for place in order:
        places.setdefault(groups[place] if groups else b"", []).append(place)
    held_out = np.zeros(len(names), bool)
    for group in places.values():
        held_out[group[: round(data.held_out * len(group)) or 1]] = True
    return held_out


def _check_classes(
    whole: LabelledSet, training: NDArray[np.int64], held_out: NDArray[np.int64]
) -> None:
    """Raise InputError where a class is not on both sides, or none is."""
    sides = [whole.labels[places].sum(axis=0) for places in (training, held_out)]
    missing = np.flatnonzero(np.minimum(*sides) == 0)
    if len(missing) and not (whole.several and len(missing) < len(whole.classes)):
        counts = whole.labels.sum(axis=0)
        few = ", ".join(f"{whole.classes[c]} ({counts[c]})" for c in missing[:_SHOWN_NAMES])
        raise InputError(
            f"{len(missing)} of {len(whole.classes)} classes have no picture to learn from or none "
            f"to measure on: {few}; add pictures to them, or remove them"
        )


def lightness_picture(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) of (H, W, 3) sRGB: L · 2.55, rounded."""
    L = rgb_to_lab(rgb.astype(np.float32) / 255.0)[..., 0]
    return np.asarray(np.clip(np.rint(2.55 * L), 0, 255), np.uint8)
