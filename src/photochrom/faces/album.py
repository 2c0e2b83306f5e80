"""An album's people: the faces in its pictures, grouped, and each group with the name it has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom import imageio
from photochrom.errors import PhotochromError
from photochrom.faces.detection import FaceDetector, align
from photochrom.faces.grouping import WITHIN_GROUP, face_distances, group_by_distance
from photochrom.faces.model import FaceNet
from photochrom.faces.preprocess import FACE_PX, Box, Face
from photochrom.faces.recognition import Template, make_templates
from photochrom.faces.store import EnrolledFace

_LEAST_EYES_PX: Final = 16.0
"""Between a face's eyes; smaller faces are alike because they are blurred."""
_SHEET_FACES: Final = 12
"""Of a group, on the contact sheet."""
_LABEL_PX: Final = 64


@dataclass(frozen=True)
class AlbumFace:
    """A face in a picture of an album."""

    picture: Path
    box: Box
    face: Face
    template: Template


@dataclass(frozen=True)
class Group:
    """Faces that are taken to be one person's.

    name: of the enrolled person who is nearest to them, where that is near enough.
    """

    faces: tuple[AlbumFace, ...]
    name: str | None = None


def find_album_faces(
    pictures: Iterable[Path], net: FaceNet, report: Callable[[str], None]
) -> list[AlbumFace]:
    """All faces in some pictures, one picture after the other.

    report: what is left out: pictures that cannot be read, and how many faces are so small (eyes
    less than 16 px apart) that nobody is known by them. Raises ModelError for damaged weights.
    """
    detector = FaceDetector()
    found: list[AlbumFace] = []
    small = 0
    for picture in pictures:
        try:
            rgb = imageio.eight_bit_rgb(imageio.read(picture, name=picture.name))
        except PhotochromError as error:
            report(f"left out: {picture}: {error}")
            continue
        all_places = detector.find(rgb)
        places = [place for place in all_places if math.dist(*place.eyes) >= _LEAST_EYES_PX]
        small += len(all_places) - len(places)
        squares = [align(rgb, place) for place in places]
        for place, square, template in zip(
            places, squares, make_templates(net, squares) if squares else (), strict=True
        ):
            found.append(AlbumFace(picture, place.box, square, template))
    if small:
        report(f"left out: {small} faces whose eyes are less than {_LEAST_EYES_PX:.0f} px apart")
    return found


def group_people(
    faces: Sequence[AlbumFace], threshold: float, enrolled: Sequence[EnrolledFace] = ()
) -> list[Group]:
    """The faces by person, the most frequent first.

    threshold: at which two pictures are taken for one person. enrolled: who is known by name; a
    group has the name of the person who is nearest to its faces in the mean, within the threshold,
    and groups of one name are one.
    """
    count = len(faces)
    apart = face_distances([f.template for f in faces] + [f.template for f in enrolled])
    by_name: dict[str, list[int]] = {}
    unnamed = []
    for members in group_by_distance(apart[:count, :count], WITHIN_GROUP * threshold):
        to_enrolled = apart[members, count:].mean(axis=0)
        if enrolled and to_enrolled.min() <= WITHIN_GROUP * threshold:
            name = enrolled[int(to_enrolled.argmin())].name
            by_name.setdefault(name, []).extend(members)
        else:
            unnamed.append(Group(tuple(faces[i] for i in members)))
    named = [Group(tuple(faces[i] for i in sorted(m)), name) for name, m in by_name.items()]
    return sorted([*named, *unnamed], key=lambda group: -len(group.faces))


def people_sheet(groups: Sequence[Group]) -> NDArray[np.uint8]:
    """A picture of the groups, one row each with its number, (H, W, 3): up to 12 faces of each."""
    columns = max((min(len(group.faces), _SHEET_FACES) for group in groups), default=1)
    step = FACE_PX + 4
    sheet = np.full((max(1, len(groups)) * step, _LABEL_PX + columns * step, 3), 255, np.uint8)
    for row, group in enumerate(groups):
        top = row * step
        cv2.putText(
            sheet, str(row + 1), (8, top + step // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2
        )
        for column, face in enumerate(group.faces[:_SHEET_FACES]):
            left = _LABEL_PX + column * step
            sheet[top : top + FACE_PX, left : left + FACE_PX] = face.face[..., None]
    return sheet
