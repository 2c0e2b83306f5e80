"""The common look of an album: files, or folders of them, in colours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from photochrom.color.look import Look, common_look, picture_look
from photochrom.color.tone import judge
from photochrom.errors import InputError, PhotochromError
from photochrom.imageio import eight_bit_rgb, is_picture_name, read_preview

_log = logging.getLogger(__name__)
_LONGEST_PX = 1024
"""Of a picture whose look is measured, which is at 256 px of the short side."""


def album_look(paths: Sequence[Path]) -> Look:
    """The median look of pictures in colours.

    paths: pictures, and folders of which every picture counts that is in colour; their subfolders
    count, too. Raises InputError where a picture that is named has no colours or cannot be read,
    and where a folder holds none that has.
    """
    looks: list[Look] = []
    for path in paths:
        found = _folder_looks(path) if path.is_dir() else [_file_look(path)]
        if not found:
            raise InputError(
                f"the folder {path} holds no picture in colours, so it has no look to match; give "
                "one of colour pictures"
            )
        looks += found
    if not looks:
        raise InputError("no album is named; give a folder of colour pictures, or some of them")
    return common_look(looks)


def _folder_looks(folder: Path) -> list[Look]:
    looks = []
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not is_picture_name(path.name) or not path.is_file():
            continue
        try:
            looks.append(_file_look(path))
        except PhotochromError as error:
            _log.info("no part of the album: %s", error)
    return looks


def _file_look(path: Path) -> Look:
    picture = read_preview(path, _LONGEST_PX)
    look = None if judge(picture.pixels).tone != "colour" else picture_look(eight_bit_rgb(picture))
    if look is None:
        raise InputError(
            f"{path} is grey or toned, so it has no look to match; give a picture in colours"
        )
    return look
