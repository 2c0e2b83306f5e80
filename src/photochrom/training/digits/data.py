"""Handwritten digits: MNIST's files, or the small set that scikit-learn brings."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photochrom.errors import InputError, requires_extra
from photochrom.nets.digits import DIGITS, SIDE, Side
from photochrom.training.digits.recipe import DigitData

_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"
_NPZ_KEYS = (("x_train", "y_train"), ("x_test", "y_test"), ("images", "labels"))
_MNIST_SIDE = 28
_FEWEST = 100
"""Fewer digits teach nothing."""


@dataclass(frozen=True)
class Digits:
    """pictures: (N, 1, S, S) float32 in [-1, 1], ink 1. labels: (N,) int64, 0 to 9."""

    pictures: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def side(self) -> Side:
        """Side of the pictures, one of a generator's, px."""
        return cast(Side, self.pictures.shape[2])


def load_digits(data: DigitData, seed: int, side: int = SIDE) -> tuple[Digits, Digits]:
    """The digits to learn from and those held out, in an order drawn by the seed.

    side: S of their pictures, px; 0: the least of a generator's that the digits do not exceed.

    Raises InputError for files that are missing, damaged or hold something else, for too few
    digits, and where a class is missing; MissingDependencyError where there is no scikit-learn.
    """
    parts = [_read_source(Path(source)) for source in data.sources] or [_read_bundled()]
    side = side or _own_side(pictures.shape[1:] for pictures, _ in parts)
    ink = np.concatenate([_resize(pictures, side) for pictures, _ in parts])
    labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[: data.limit or None]
    names = ", ".join(data.sources) or "scikit-learn's digits"
    if len(order) < max(_FEWEST, data.validation + 1):
        raise InputError(
            f"{names}: {len(order)} digits are too few; at least {_FEWEST} are needed, and more "
            f"than the {data.validation} of data.validation"
        )
    counts = np.bincount(labels[order], minlength=DIGITS)
    if missing := np.flatnonzero(counts[:DIGITS] == 0).tolist():
        raise InputError(
            f"{names}: there is no {', '.join(map(str, missing))} among the {len(order)} digits; "
            "all ten are needed"
        )
    pictures = torch.from_numpy(2.0 * ink[order][:, None] - 1.0)
    whole = Digits(pictures, torch.from_numpy(labels[order]))
    held_out = data.validation
    training = Digits(whole.pictures[held_out:], whole.labels[held_out:])
    return training, Digits(whole.pictures[:held_out], whole.labels[:held_out])


def _read_bundled() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(1797, 8, 8) in [0, 1], and their labels."""
    with requires_extra("classic", "training on scikit-learn's digits"):
        from sklearn.datasets import load_digits as load_bundled
    digits = load_bundled()
    return (digits.images / 16.0).astype(np.float32), digits.target.astype(np.int64)


def _read_source(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(N, h, w) ink in [0, 1], and labels, of a folder or a file."""
    if path.is_file() and path.suffix == ".npz":
        parts = _read_npz(path)
    elif path.is_dir():
        parts = _read_folder(path)
    else:
        raise InputError(f"{path} is neither a folder with MNIST's files nor an .npz file")
    for pictures, labels in parts:
        if pictures.ndim != 3 or labels.ndim != 1 or len(pictures) != len(labels):
            raise InputError(
                f"{path}: pictures of {pictures.shape} do not go with labels of {labels.shape}; "
                "expected (N, h, w) and (N,)"
            )
        if labels.size and (labels.min() < 0 or labels.max() >= DIGITS):
            raise InputError(
                f"{path}: labels go from {labels.min()} to {labels.max()}; digits are 0 to 9"
            )
    ink = np.concatenate([pictures for pictures, _ in parts]).astype(np.float32) / 255.0
    if ink.size and ink.std() == 0:
        raise InputError(f"{path}: all pictures are blank")
    return ink, np.concatenate([labels for _, labels in parts]).astype(np.int64)


def _read_npz(path: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    try:
        with np.load(path) as file:
            keys = [pair for pair in _NPZ_KEYS if set(pair) <= set(file.files)]
            if not keys:
                raise InputError(
                    f"{path} holds {', '.join(file.files)}; expected x_train and y_train, x_test "
                    "and y_test, or images and labels"
                )
            return [(file[pictures], file[labels]) for pictures, labels in keys]
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"cannot read {path} as an .npz file: {error}") from error


def _read_folder(path: Path) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    files = [f for f in sorted(path.iterdir()) if f.name.removesuffix(".gz").endswith(_IMAGES)]
    if not files:
        raise InputError(
            f"{path} holds no MNIST: there is no file whose name ends in {_IMAGES} or {_IMAGES}.gz"
        )
    parts = []
    for file in files:
        name = file.name.removesuffix(".gz").replace(_IMAGES, _LABELS)
        label_files = [file.with_name(name), file.with_name(f"{name}.gz")]
        label_file = next(filter(Path.is_file, label_files), None)
        if label_file is None:
            raise InputError(f"{file} has no labels beside it; expected {name}, or {name}.gz")
        parts.append((_read_idx(file), _read_idx(label_file)))
    return parts


def _read_idx(path: Path) -> NDArray[np.uint8]:
    """An array of bytes as MNIST's files hold it: 0, 0, type, number of axes, their lengths."""
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise InputError(f"{path} is no idx file of bytes")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise InputError(f"{path} is cut off: its header is not whole")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    values = np.frombuffer(content, np.uint8, offset=start)
    if len(values) != np.prod(shape):
        raise InputError(f"{path} is cut off: {len(values)} of {np.prod(shape)} bytes are there")
    return values.reshape(shape)


def enlarge(pictures: Tensor) -> Tensor:
    """(N, 1, S, S) in [-1, 1] to 32 px, as true digits of that size are enlarged."""
    if pictures.shape[2] == SIDE:
        return pictures
    ink = (0.5 * (pictures[:, 0] + 1.0)).numpy()
    return torch.from_numpy(2.0 * _resize(ink, SIDE)[:, None] - 1.0)


def _own_side(shapes: Iterable[tuple[int, ...]]) -> int:
    """shapes: (h, w) of the digits."""
    largest = max(max(shape) for shape in shapes)
    return next((side for side in get_args(Side) if side >= largest), SIDE)


def _resize(ink: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(N, h, w) to (N, side, side): MNIST's 28 px get a margin, then sizes are interpolated."""
    if ink.shape[1:] == (_MNIST_SIDE, _MNIST_SIDE):
        margin = (SIDE - _MNIST_SIDE) // 2
        ink = np.pad(ink, ((0, 0), (margin, margin), (margin, margin)))
    if ink.shape[1:] == (side, side):
        return ink
    method = cv2.INTER_AREA if min(ink.shape[1:]) > side else cv2.INTER_CUBIC
    resized = [cv2.resize(picture, (side, side), interpolation=method) for picture in ink]
    clipped: NDArray[np.float32] = np.clip(np.stack(resized), 0.0, 1.0).astype(np.float32)
    return clipped
