"""Training photos: found in folders and zip files, decoded once into a memory-mapped cache."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.train.recipe import DataRecipe

SUFFIXES = frozenset({".avif", ".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_CACHE_FORMAT = 1
_MAX_ASPECT = 2.0


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


def load_photos(
    recipe: DataRecipe, run: Path, report: Callable[[str], None] = lambda message: None
) -> PhotoSet:
    """Open the cache of a recipe's photos, making it first if need be.

    report: called with a line for every picture that is skipped and with the counts.
    Raises InputError when a source is missing or holds no usable colour picture.
    """
    key = _key(recipe)
    folder = run / recipe.cache
    index_path, pixels_path = folder / f"{key}.json", folder / f"{key}.rgb"
    if not index_path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _decode_all(recipe, index_path, pixels_path, report)
    index = json.loads(index_path.read_text(encoding="utf-8"))
    shapes = np.asarray(index["shapes"], dtype=np.int64)
    sizes = shapes.prod(axis=1) * 3
    return PhotoSet(
        tuple(index["names"]),
        np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64),
        shapes,
        np.memmap(pixels_path, dtype=np.uint8, mode="r"),
    )


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


def _key(recipe: DataRecipe) -> str:
    parts: list[object] = [_CACHE_FORMAT, recipe.short_side, recipe.grey_below, recipe.limit]
    for source in recipe.sources:
        path = Path(source)
        if not path.exists():
            raise InputError(f"no training photos at {source}: the folder or zip does not exist")
        stat = path.stat()
        parts.append((source, stat.st_size if path.is_file() else 0, stat.st_mtime_ns))
    return hashlib.sha1(json.dumps(parts).encode()).hexdigest()[:16]


def _members(sources: tuple[str, ...]) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for source in sources:
        path = Path(source)
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix.lower() in SUFFIXES:
                    yield f"{path.name}/{file.relative_to(path)}", file.read_bytes
        else:
            try:
                archive = zipfile.ZipFile(path)
            except zipfile.BadZipFile as error:
                raise InputError(f"{path} is neither a folder nor a zip file: {error}") from error
            with archive:
                for name in sorted(archive.namelist()):
                    if Path(name).suffix.lower() in SUFFIXES:
                        yield f"{path.name}/{name}", partial(archive.read, name)


def _decode_all(
    recipe: DataRecipe, index_path: Path, pixels_path: Path, report: Callable[[str], None]
) -> None:
    names: list[str] = []
    shapes: list[tuple[int, int]] = []
    grey = broken = 0
    members = _members(recipe.sources)
    if recipe.limit:
        members = islice(members, recipe.limit)
    unfinished = pixels_path.with_suffix(".partial")
    with unfinished.open("wb") as out, ThreadPoolExecutor(2) as pool:
        while chunk := [(name, read()) for name, read in islice(members, 256)]:
            decoded = pool.map(lambda m: _decode(m[1], recipe), chunk)
            for (name, _), picture in zip(chunk, decoded, strict=True):
                if isinstance(picture, str):
                    broken += 1
                    report(f"skipped {name}: {picture}")
                elif picture is None:
                    grey += 1
                else:
                    names.append(name)
                    shapes.append((picture.shape[0], picture.shape[1]))
                    out.write(picture.tobytes())
    report(f"{len(names)} photos, {grey} grey ones left out, {broken} unreadable")
    if not names:
        unfinished.unlink()
        raise InputError(f"no usable colour picture in {', '.join(recipe.sources)}")
    unfinished.replace(pixels_path)
    temporary = index_path.with_suffix(".partial")
    temporary.write_text(json.dumps({"names": names, "shapes": shapes}), encoding="utf-8")
    os.replace(temporary, index_path)


def _decode(data: bytes, recipe: DataRecipe) -> NDArray[np.uint8] | str | None:
    """The picture at cache size, None if it is grey, or why it cannot be read."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (recipe.short_side * 2, recipe.short_side * 2))
            rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error) or type(error).__name__
    h, w = rgb.shape[:2]
    if min(h, w) < 16:
        return f"{w}×{h} px is too small"
    top, left = (h - min(h, int(w * _MAX_ASPECT))) // 2, (w - min(w, int(h * _MAX_ASPECT))) // 2
    rgb = rgb[top : h - top, left : w - left]
    scale = recipe.short_side / min(rgb.shape[:2])
    if scale < 1:
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    thumb = rgb[::4, ::4].astype(np.float32) / 255.0
    if float(np.abs(rgb_to_lab(thumb)[..., 1:]).mean()) < recipe.grey_below:
        return None
    return np.ascontiguousarray(rgb)
