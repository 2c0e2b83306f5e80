"""The faces of a training set: read, checked, divided by person, moved at random."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photochrom import imageio
from photochrom.errors import InputError, PhotochromError
from photochrom.faces.preprocess import Face, Pose, face_of_rgb, network_input, standardize
from photochrom.training.data.decode import check_faults
from photochrom.training.data.layouts import Member
from photochrom.training.data.sources import members, place_in_order
from photochrom.training.faces.recipe import FaceData, FaceRecipe
from photochrom.training.recipe.recipe import DataRecipe


class FaceSet(NamedTuple):
    """faces: (N, FACE_PX, FACE_PX) uint8. people: whose each is, empty where no folder says it."""

    faces: NDArray[np.uint8]
    people: tuple[str, ...]

    def select(self, people: set[str]) -> FaceSet:
        """The faces of these people."""
        places = [i for i, person in enumerate(self.people) if person in people]
        return FaceSet(self.faces[places], tuple(self.people[i] for i in places))


def read_faces(sources: tuple[str, ...], report: Callable[[str], None]) -> FaceSet:
    """All faces of folders and zip files.

    A few broken pictures are reported and left out. Raises InputError where there are none, or
    where more than a fifth are broken.
    """
    faces: list[Face] = []
    people: list[str] = []
    faults: list[str] = []
    with ExitStack() as archives:
        for member in members(DataRecipe(sources=sources), archives, report):
            try:
                faces.append(_read(member))
            except InputError as error:
                faults.append(str(error))
                continue
            people.append(_person(member))
    where = ", ".join(Path(source).name for source in sources)
    check_faults(faults, len(faces), where, report)
    if not faces:
        raise InputError(f"{where} holds no picture; name a folder with a folder for each person")
    return FaceSet(np.stack(faces), tuple(people))


def held_out_people(people: tuple[str, ...], data: FaceData) -> set[str]:
    """Those that nothing is learned from, all of them with two pictures and more.

    Raises InputError where nobody, or one person alone, is left to learn from.
    """
    counts = Counter(person for person in people if person)
    if not counts:
        raise InputError(
            f"none of the {len(people)} pictures lies in a folder of a person; sort them into one "
            "for each, PERSON/picture.jpg"
        )
    several = [person for person, count in counts.items() if count > 1]
    if len(several) < 2:
        raise InputError(
            f"{len(several)} of {len(counts)} people (the first: {min(counts)}) have two pictures "
            "and more, and what tells people apart is learned from two such people at least; add "
            "people, each in a folder of their own"
        )
    if len(several) - data.held_out < 2:
        raise InputError(
            f"there are {len(several)} people with two pictures and more, and data.held_out keeps "
            f"{data.held_out} of them for evaluation: the head learns from two people at least; "
            "add people, each in a folder of their own, or lower data.held_out"
        )
    several.sort(key=lambda person: place_in_order(person, data.split_seed))
    return set(several[: data.held_out])


def random_pose(random: np.random.Generator, recipe: FaceRecipe) -> Pose:
    """How a picture is moved once in training."""
    return Pose(
        angle=random.uniform(-recipe.max_angle, recipe.max_angle),
        mirror=bool(random.random() < 0.5),
        scale=random.uniform(0.93, 1.07),
        shift_x=random.uniform(-0.03, 0.03),
        shift_y=random.uniform(-0.03, 0.03),
    )


def random_view(face: Face, random: np.random.Generator, recipe: FaceRecipe) -> NDArray[np.float32]:
    """A face as the network sees it once in training: moved, in another light, less sharp."""
    grey = network_input(face, random_pose(random, recipe))
    if random.random() < 0.5:
        grey = np.sign(grey) * np.abs(grey) ** np.float32(random.uniform(0.75, 1.35))
    if random.random() < 0.25:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), random.uniform(0.5, 1.4)), np.float32)
    if random.random() < 0.25:
        noise = random.standard_normal(grey.shape, dtype=np.float32)
        grey = grey + noise * np.float32(random.uniform(0.02, 0.12))
    return standardize(grey)


def stack(views: list[NDArray[np.float32]]) -> Tensor:
    """(N, 1, H, W)."""
    return torch.from_numpy(np.stack(views))[:, None]


def _read(member: Member) -> Face:
    try:
        content = member.read()
        if isinstance(content, bytes):
            content = imageio.eight_bit_rgb(imageio.read(content, name=member.name))
        return face_of_rgb(content, member.name)
    except PhotochromError as error:
        raise InputError(str(error)) from error
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"cannot read {member.name}: {error}") from error


def _person(member: Member) -> str:
    """Whose picture it is: the folder's name inside the source."""
    parts = PurePosixPath(member.name).parts
    return member.group or (parts[-2] if len(parts) > 2 else "")
