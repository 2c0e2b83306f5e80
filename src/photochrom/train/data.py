"""Training photos, decoded once into a memory-mapped cache that several runs can share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, OutputError
from photochrom.imageio.atomic import write_atomically
from photochrom.train.decode import Unusable, decode, members, picture_files
from photochrom.train.recipe import DataRecipe

_CACHE_FORMAT = 1
_CHUNK = 64
_REPORT_S = 20.0
_ABANDONED_S = 3600.0

Report = Callable[[str], None]
"""Told what happens, a line at a time."""


@dataclass(frozen=True)
class PhotoSet:
    """Decoded photos in one flat file.

    names: (N,) names as found, ``SOURCE/MEMBER``. offsets: (N,) first byte of each photo.
    shapes: (N, 2) height and width. pixels: all photos one after the other, RGB uint8.
    """

    names: tuple[str, ...]
    offsets: NDArray[np.int64]
    shapes: NDArray[np.int64]
    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Photo ``index`` as (H, W, 3) uint8 sRGB; a view into the file."""
        h, w = self.shapes[index]
        start = self.offsets[index]
        return self.pixels[start : start + h * w * 3].reshape(h, w, 3)

    def select(self, keep: NDArray[np.int64]) -> PhotoSet:
        """The photos at these indices, in this order."""
        return PhotoSet(
            tuple(self.names[i] for i in keep), self.offsets[keep], self.shapes[keep], self.pixels
        )


def load_photos(recipe: DataRecipe, run: Path, report: Report = lambda message: None) -> PhotoSet:
    """Open the cache of a recipe's photos, making it first if need be.

    A cache that is damaged, or whose sources have changed, is made anew.

    report: called with a line for every picture that is skipped, with progress, and with the
        counts.
    Raises InputError when a source is missing or holds no usable colour picture, OutputError when
    the cache cannot be written.
    """
    folder = run / recipe.cache
    key = _key(recipe)
    files = _Files(folder / f"{key}.json", folder / f"{key}.rgb")
    photos = _open(files)
    if photos is None:
        if files.listing.exists():
            report(f"the cache {files.pixels} is damaged; decoding the photos again")
        _make(recipe, files, report)
        photos = _open(files)
    if photos is None:
        raise InputError(f"the cache {files.pixels} has vanished while it was made; start again")
    return photos


def split(photos: PhotoSet, validation: int) -> tuple[PhotoSet, PhotoSet]:
    """Training and validation photos; the same names fall on the same side every time."""
    ranks = np.array(
        [int.from_bytes(hashlib.sha1(n.encode()).digest()[:8], "big") for n in photos.names],
        dtype=np.uint64,
    )
    order = np.argsort(ranks, kind="stable")
    held_out = np.sort(order[:validation])
    rest = np.sort(order[validation:])
    if len(rest) == 0:
        raise InputError(
            f"{len(photos)} photos are too few to hold out {validation} for validation; "
            "give more photos or set data.validation lower"
        )
    return photos.select(rest), photos.select(held_out)


class _Files(NamedTuple):
    """Names and shapes as JSON, written last; and all pixels, one photo after the other."""

    listing: Path
    pixels: Path


def _key(recipe: DataRecipe) -> str:
    """Another key for other settings and for sources whose files have changed."""
    parts: list[object] = [_CACHE_FORMAT, recipe.short_side, recipe.grey_below, recipe.limit]
    for source in recipe.sources:
        path = Path(source)
        if not path.exists():
            raise InputError(f"no training photos at {source}: the folder or zip does not exist")
        if path.is_dir():
            stats = [(str(file.relative_to(path)), file.stat()) for file in picture_files(path)]
            parts.append((source, [(name, s.st_size, s.st_mtime_ns) for name, s in stats]))
        else:
            stat = path.stat()
            parts.append((source, stat.st_size, stat.st_mtime_ns))
    return hashlib.sha1(json.dumps(parts).encode()).hexdigest()[:16]


def _open(files: _Files) -> PhotoSet | None:
    """The photos of a whole cache; None where there is none or a crash has left half of one."""
    try:
        index = json.loads(files.listing.read_text(encoding="utf-8"))
        names = tuple(index["names"])
        shapes = np.asarray(index["shapes"], dtype=np.int64).reshape(len(names), 2)
        pixels = np.memmap(files.pixels, dtype=np.uint8, mode="r")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise InputError(f"cannot read the cache {files.pixels}: {error.strerror}") from error
    ends = np.cumsum(shapes.prod(axis=1) * 3)
    if not names or ends[-1] != len(pixels):
        return None
    return PhotoSet(names, np.concatenate([[0], ends[:-1]]).astype(np.int64), shapes, pixels)


def _make(recipe: DataRecipe, files: _Files, report: Report) -> None:
    """Decode all photos into the cache; whatever interrupts it leaves no half of one behind."""
    folder, key = files.listing.parent, files.listing.stem
    unfinished = folder / f".{key}-{secrets.token_hex(4)}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(folder, key)
        with unfinished.open("xb") as out:
            names, shapes = _decode_all(recipe, out, report)
        if _open(files) is not None:
            return  # another run that shares the cache was faster
        files.listing.unlink(missing_ok=True)
        unfinished.replace(files.pixels)
        index = json.dumps({"names": names, "shapes": shapes})
        write_atomically(files.listing, index.encode(), overwrite=True)
    except OSError as error:
        raise OutputError(
            f"cannot write the cache {files.pixels}: {error.strerror}; data.cache names another "
            "folder, a lower data.short_side or data.limit makes it smaller"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _remove_abandoned(folder: Path, key: str) -> None:
    """Remove what killed runs have left; one that still writes has touched its file just now."""
    for path in folder.glob(f".{key}-*.partial"):
        if time.time() - path.stat().st_mtime > _ABANDONED_S:
            path.unlink(missing_ok=True)


def _decode_all(
    recipe: DataRecipe, out: BinaryIO, report: Report
) -> tuple[list[str], list[tuple[int, int]]]:
    """Write the pixels of all usable photos; returns their names and (height, width)."""
    names: list[str] = []
    shapes: list[tuple[int, int]] = []
    grey = broken = 0
    told = time.monotonic()
    with contextlib.ExitStack() as archives, ThreadPoolExecutor(os.cpu_count()) as pool:
        found = islice(members(recipe.sources, archives), recipe.limit or None)
        while chunk := list(islice(found, _CHUNK)):
            decoded = pool.map(lambda member: decode(member, recipe), chunk)
            for member, photo in zip(chunk, decoded, strict=True):
                if not isinstance(photo, Unusable):
                    names.append(member.name)
                    shapes.append((photo.shape[0], photo.shape[1]))
                    out.write(photo.tobytes())
                elif photo.reason:
                    broken += 1
                    report(f"skipped: {photo.reason}")
                else:
                    grey += 1
            if time.monotonic() - told > _REPORT_S:
                told = time.monotonic()
                report(f"{len(names)} photos decoded so far")
    report(f"{len(names)} photos, {grey} grey ones left out, {broken} unreadable")
    if not names:
        raise InputError(f"no usable colour picture in {', '.join(recipe.sources)}")
    return names, shapes
