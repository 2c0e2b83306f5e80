"""Training photos, decoded once into a memory-mapped cache that several runs can share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import secrets
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.errors import InputError, OutputError
from photochrom.processors import thread_count
from photochrom.training.data.decode import Unusable, decode
from photochrom.training.data.layouts import VALIDATION, Member, shot_film
from photochrom.training.data.sources import Report, members, place_in_order, source_files
from photochrom.training.recipe.recipe import DataRecipe
from photochrom.video.names import is_film

_CACHE_FORMAT = 1
_CHUNK = 64
_MOST_OF_SHOTS = 0.25
"""Whole shots are held out as far as they are no larger share of all; then the ends of films."""
_MAX_DECODERS = 32
_REPORT_S = 20.0
_ABANDONED_S = 3600.0


@dataclass(frozen=True)
class PhotoSet:
    """Decoded photos in one flat file.

    names: (N,) names as found, ``SOURCE/MEMBER``. offsets: (N,) first byte of each photo.
    shapes: (N, 2) height and width. pixels: all photos one after the other, RGB uint8.
    parts, groups: (N,) as in `layouts.Member`; empty where no photo has any.
    """

    names: tuple[str, ...]
    offsets: NDArray[np.int64]
    shapes: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    parts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Photo ``index`` as (H, W, 3) uint8 sRGB; a view into the file."""
        h, w = self.shapes[index]
        start = self.offsets[index]
        return self.pixels[start : start + h * w * 3].reshape(h, w, 3)

    def select(self, keep: NDArray[np.int64]) -> PhotoSet:
        """The photos at these indices, in this order."""
        names, parts, groups = (
            tuple(values[i] for i in keep) if values else ()
            for values in (self.names, self.parts, self.groups)
        )
        return PhotoSet(names, self.offsets[keep], self.shapes[keep], self.pixels, parts, groups)


def load_photos(recipe: DataRecipe, run: Path, report: Report = lambda message: None) -> PhotoSet:
    """Open the cache of a recipe's photos, making it first if need be.

    A cache that is damaged, or whose sources have changed, is made anew.

    report: called with a line for every picture that is skipped, with progress, and with the
        counts.
    Raises InputError when a source is missing or holds no usable colour picture, OutputError when
    the cache cannot be written.
    """
    folder = run / recipe.cache
    key = _cache_key(recipe)
    files = _Files(folder / f"{key}.json", folder / f"{key}.rgb")
    photos = _open_cache(files)
    if photos is None:
        if files.listing.exists():
            report(f"the cache {files.pixels} is damaged; decoding the photos again")
        _make_cache(recipe, files, report)
        photos = _open_cache(files)
    if photos is None:
        raise InputError(f"the cache {files.pixels} has vanished while it was made; start again")
    return photos


def split(
    photos: PhotoSet, recipe: DataRecipe, earlier: Collection[str] | None = None
) -> tuple[PhotoSet, PhotoSet]:
    """Training and validation photos; the same names fall on the same side every time.

    Held out are those of the recipe's list; or, of a data set with a validation part, some of it
    (the rest of it is not trained on either); or some of all: a person's photos together, and a
    shot's frames, or, where whole shots would be too many, the ends of films.
    earlier: names that the run held out before, where it goes on; empty for one that kept no list.
    Runs once held out single frames of films, and keep to those.
    Raises InputError where nothing is left to train on, or the list fits no photo.
    """
    if earlier is not None and any(map(shot_film, photos.groups)):
        alone = replace(photos, groups=tuple("" if shot_film(g) else g for g in photos.groups))
        by_frames, by_shots = (_held_out_names(p, recipe) & set(earlier) for p in (alone, photos))
        if not earlier or len(by_frames) > len(by_shots):
            photos = alone
    return _split(photos, recipe)


def _held_out_names(photos: PhotoSet, recipe: DataRecipe) -> set[str]:
    return set(_split(photos, recipe)[1].names)


def _split(photos: PhotoSet, recipe: DataRecipe) -> tuple[PhotoSet, PhotoSet]:
    if recipe.validation_list:
        held_out = _validation_list_mask(photos, recipe)
        rest = ~held_out
    elif VALIDATION in photos.parts:
        own_validation = np.array([part == VALIDATION for part in photos.parts])
        held_out, rest = _held_out_mask(photos, recipe, own_validation), ~own_validation
    else:
        held_out = _held_out_mask(photos, recipe, np.ones(len(photos), dtype=bool))
        rest = ~held_out
    if not rest.any():
        raise InputError(
            f"{len(photos)} photos are too few to hold out {recipe.validation} for validation; "
            "give more photos or set data.validation lower"
        )
    return photos.select(np.flatnonzero(rest)), photos.select(np.flatnonzero(held_out))


def _held_out_mask(
    photos: PhotoSet, recipe: DataRecipe, candidates: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The first ``recipe.validation`` of some photos in a random order, and the rest of the last
    one's group; the ends of films where such groups are long shots. Returns (N,) bool.
    """
    groups = [g or n for g, n in zip(photos.groups or photos.names, photos.names, strict=True)]
    places = np.array([place_in_order(g, recipe.split_seed) for g in groups], dtype=np.uint64)
    order = np.flatnonzero(candidates)
    order = order[np.argsort(places[order], kind="stable")]
    count = min(recipe.validation, len(order))
    while 0 < count < len(order) and groups[order[count]] == groups[order[count - 1]]:
        count += 1
    mask = np.zeros(len(photos), dtype=bool)
    mask[order[:count]] = True
    films = [shot_film(group) for group in groups]
    if any(films) and count > max(recipe.validation, _MOST_OF_SHOTS * len(order)):
        return _ends_of_films(films, recipe.validation, candidates)
    return mask


def _ends_of_films(
    films: list[str], number: int, candidates: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """About so many of some films' frames, which are in order: the same share of each, its last.

    films: of each photo, empty for others. Returns (N,) bool.
    """
    names = np.array(films)
    is_frame = candidates & (names != "")
    share = number / np.count_nonzero(is_frame)
    mask = np.zeros(len(films), dtype=bool)
    for name in set(names[is_frame]):
        frames = np.flatnonzero(is_frame & (names == name))
        mask[frames[len(frames) - math.ceil(share * len(frames)) :]] = True
    return mask


def _validation_list_mask(photos: PhotoSet, recipe: DataRecipe) -> NDArray[np.bool_]:
    """Which photos the recipe's list names: by the whole name or by any end of it. Returns (N,)
    bool.
    """
    path = Path(recipe.validation_list)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read data.validation_list {path}: {error}") from error
    names = {line.strip() for line in lines if line.strip()}
    held_out = np.array(
        [
            any("/".join(ends) in names for ends in _name_endings(photo.split("/")))
            for photo in photos.names
        ]
    )
    if not held_out.any():
        limit_note = f" that data.limit = {recipe.limit} draws" if recipe.limit else ""
        raise InputError(
            f"{path} names none of the {len(photos)} photos{limit_note}; {photos.names[0]} is one"
        )
    return held_out


def _name_endings(parts: list[str]) -> list[list[str]]:
    return [parts[start:] for start in range(len(parts))]


class _Files(NamedTuple):
    """Names and shapes as JSON, written last; and all pixels, one photo after the other."""

    listing: Path
    pixels: Path


def _cache_key(recipe: DataRecipe) -> str:
    """Another key for other settings and for sources whose files have changed."""
    parts: list[object] = [_CACHE_FORMAT, recipe.short_side, recipe.grey_below, recipe.limit]
    for source in recipe.sources:
        path = Path(source)
        if not path.exists():
            raise InputError(f"no training photos at {source}: the folder or zip does not exist")
        if path.is_dir():
            stats = [(str(file.relative_to(path)), file.stat()) for file in source_files(path)]
            parts.append((source, [(name, s.st_size, s.st_mtime_ns) for name, s in stats]))
        else:
            stat = path.stat()
            parts.append((source, stat.st_size, stat.st_mtime_ns))
    if recipe.kind != DataRecipe.kind or recipe.frames_per_s != DataRecipe.frames_per_s:
        parts.append([recipe.kind, recipe.frames_per_s])
    if any(map(_has_film, recipe.sources)):
        parts.append("shots")
    if recipe.limit:
        parts.append(["drawn", recipe.split_seed, recipe.validation])
    return hashlib.sha1(json.dumps(parts).encode()).hexdigest()[:16]


def _has_film(source: str) -> bool:
    path = Path(source)
    return any(map(is_film, source_files(path))) if path.is_dir() else is_film(path)


def _open_cache(files: _Files) -> PhotoSet | None:
    """The photos of a whole cache; None where there is none or a crash has left half of one."""
    try:
        index = json.loads(files.listing.read_text(encoding="utf-8"))
        names = tuple(index["names"])
        parts, groups = (tuple(index.get(key, ())) for key in ("parts", "groups"))
        shapes = np.asarray(index["shapes"], dtype=np.int64).reshape(len(names), 2)
        # Copied on write: torch wants memory that it could write to. The file stays as it is.
        pixels = np.memmap(files.pixels, dtype=np.uint8, mode="c")
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise InputError(f"cannot read the cache {files.pixels}: {error.strerror}") from error
    ends = np.cumsum(shapes.prod(axis=1) * 3)
    if not names or ends[-1] != len(pixels):
        return None
    offsets = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    return PhotoSet(names, offsets, shapes, pixels, parts, groups)


def _make_cache(recipe: DataRecipe, files: _Files, report: Report) -> None:
    """Decode all photos into the cache; whatever interrupts it leaves no half of one behind."""
    folder, key = files.listing.parent, files.listing.stem
    partial_file = folder / f".{key}-{secrets.token_hex(4)}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_abandoned_files(folder, key)
        with partial_file.open("xb") as out:
            index = _decode_all(recipe, out, report)
        if _open_cache(files) is not None:
            return  # another run that shares the cache was faster
        files.listing.unlink(missing_ok=True)
        partial_file.replace(files.pixels)
        write_atomically(files.listing, json.dumps(index).encode(), overwrite=True)
    except OSError as error:
        raise OutputError(
            f"cannot write the cache {files.pixels}: {error.strerror}; data.cache names another "
            "folder, a lower data.short_side or data.limit makes it smaller"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial_file.unlink()


def _remove_abandoned_files(folder: Path, key: str) -> None:
    """Remove what killed runs have left; one that still writes has touched its file just now."""
    for path in folder.glob(f".{key}-*.partial"):
        if time.time() - path.stat().st_mtime > _ABANDONED_S:
            path.unlink(missing_ok=True)


def _decode_all(
    recipe: DataRecipe, out: BinaryIO, report: Report
) -> dict[str, list[str] | list[tuple[int, int]]]:
    """Write the pixels of all usable photos; returns their names, (height, width), and, where a
    photo has any, their parts and groups.
    """
    usable: list[Member] = []
    shapes: list[tuple[int, int]] = []
    grey_count = broken_count = 0
    last_report_s = time.monotonic()
    threads = thread_count(_MAX_DECODERS)
    with contextlib.ExitStack() as archives, ThreadPoolExecutor(threads) as pool:
        all_members = members(recipe, archives, report)
        while chunk := list(islice(all_members, _CHUNK)):
            decoded_photos = pool.map(lambda member: decode(member, recipe), chunk)
            for member, photo in zip(chunk, decoded_photos, strict=True):
                if not isinstance(photo, Unusable):
                    usable.append(member._replace(read=bytes))  # lets go of what it holds
                    shapes.append((photo.shape[0], photo.shape[1]))
                    out.write(photo.tobytes())
                elif photo.reason:
                    broken_count += 1
                    report(f"skipped: {photo.reason}")
                else:
                    grey_count += 1
            if time.monotonic() - last_report_s > _REPORT_S:
                last_report_s = time.monotonic()
                report(f"{len(usable)} photos decoded so far")
    report(f"{len(usable)} photos, {grey_count} grey ones left out, {broken_count} unreadable")
    if not usable:
        kind = "colour picture" if recipe.grey_below else "picture"
        found = (
            f"{grey_count} are grey and {broken_count} cannot be read; name photographs in colour"
            if grey_count or broken_count
            else "there is no picture at all; name a folder, zip or tar file of photographs"
        )
        raise InputError(f"no usable {kind} in {', '.join(recipe.sources)}: {found}")
    parts, groups = [m.part for m in usable], [m.group for m in usable]
    return {
        "names": [m.name for m in usable],
        "shapes": shapes,
        "parts": parts if any(parts) else [],
        "groups": groups if any(groups) else [],
    }
