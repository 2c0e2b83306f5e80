"""Sets of pictures to measure on: a folder with its subfolders, or a zip file."""

from __future__ import annotations

import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom import imageio
from photochrom.color.luminance import lightness
from photochrom.errors import InputError
from photochrom.imageio import is_picture_name


class PictureSet(ABC):
    """Pictures by name, decoded one at a time."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """path: where the set lies; names: of its pictures, sorted. InputError where none."""
        if not names:
            known = ", ".join(imageio.read_suffixes())
            raise InputError(f"{path} holds no picture; photochrom reads {known}")
        self.path = path
        self.names = tuple(sorted(names))

    @abstractmethod
    def read(self, name: str) -> NDArray[np.uint8]:
        """One picture as (H, W, 3) uint8, sRGB-encoded; InputError where it cannot be read."""

    def sample(self, limit: int | None, seed: int) -> tuple[str, ...]:
        """``limit`` names drawn at random by ``seed``, sorted; all where limit is None or large."""
        if limit is None or limit >= len(self.names):
            return self.names
        drawn = np.random.default_rng(seed).choice(len(self.names), limit, replace=False)
        return tuple(self.names[i] for i in sorted(drawn))


class FolderPictures(PictureSet):
    """The pictures of a folder and its subfolders, named by their path inside it."""

    def __init__(self, path: Path) -> None:
        files = (file for file in path.rglob("*") if is_picture_name(file.name) and file.is_file())
        super().__init__(path, [file.relative_to(path).as_posix() for file in files])

    def read(self, name: str) -> NDArray[np.uint8]:
        """See :meth:`PictureSet.read`."""
        return imageio.eight_bit_rgb(imageio.read(self.path / name))


class ZipPictures(PictureSet):
    """The pictures inside a zip file, named by their path inside it."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"cannot read the zip file {path}: {error}") from error
        super().__init__(path, list(filter(is_picture_name, self._zip.namelist())))

    def read(self, name: str) -> NDArray[np.uint8]:
        """See :meth:`PictureSet.read`."""
        try:
            data = self._zip.read(name)
        except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"cannot read {name} in {self.path}: {error}") from error
        return imageio.eight_bit_rgb(imageio.read(data, name=f"{self.path}/{name}"))


class DecodedPictures(PictureSet):
    """Pictures that somebody else keeps, by name."""

    def __init__(
        self, path: Path, names: Sequence[str], read: Callable[[str], NDArray[np.uint8]]
    ) -> None:
        """path: where they come from. read: gives one as (H, W, 3) uint8, sRGB-encoded."""
        super().__init__(path, names)
        self._read = read

    def read(self, name: str) -> NDArray[np.uint8]:
        """See :meth:`PictureSet.read`."""
        return self._read(name)


def open_pictures(path: Path) -> PictureSet:
    """The pictures of a folder or zip file. Raises InputError where it is neither or holds none."""
    if path.is_dir():
        return FolderPictures(path)
    if path.suffix.lower() == ".zip" and path.is_file():
        return ZipPictures(path)
    raise InputError(f"{path} is neither a folder nor a zip file of pictures")


def center_crop(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The centre square at a fixed size, as published protocols cut it.

    rgb: (H, W, 3). The short side is brought to ``side`` (area averaging down, cubic up), then the
    centre is cut. Returns (side, side, 3).
    """
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    new_height, new_width = max(side, round(height * scale)), max(side, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    resized = rgb if scale == 1 else cv2.resize(rgb, (new_width, new_height), interpolation=method)
    top, left = (resized.shape[0] - side) // 2, (resized.shape[1] - side) // 2
    square: NDArray[np.uint8] = resized[top : top + side, left : left + side].astype(np.uint8)
    return square


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The black-and-white photograph of a colour picture: its own L*, in the nearest grey.

    rgb: (H, W, 3) uint8, sRGB-encoded. Returns (H, W) uint8: what a model is given to colour, and,
    as the prediction, the grey floor of every report.
    """
    codes = np.arange(256, dtype=np.uint8)
    L_of_code = lightness(codes[None])[0]
    return np.rint(np.interp(lightness(rgb), L_of_code, codes)).astype(np.uint8)


def grey_to_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture, (H, W), as (H, W, 3) with equal channels."""
    return np.repeat(grey[..., None], 3, axis=-1)
