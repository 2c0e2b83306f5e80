"""What there is to do: the source's files brought into the manifest, each with its result's place.

Names follow `photochrom image -o`: results have the inputs' names and places; an input whose format
cannot be written keeps its whole name before the new suffix.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from photochrom.archive.manifest import Kind, Manifest
from photochrom.archive.stores import Entry, Store
from photochrom.errors import InputError
from photochrom.imageio import is_picture_name, output_name

FILM_SUFFIXES: Final = frozenset(
    {".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv"}
    | {".ts", ".webm", ".wmv"}
)
_KEPT_SUFFIXES = frozenset({".m4v", ".mkv", ".mov", ".mp4", ".webm"})
"""Of films that are written in the container that they come in; others become .mkv."""
_NO_INPUT = "it is no picture or film by its name"
_AMONG_ORIGINALS = "its result would lie among the originals; name another target"


def parse_shard(text: str) -> tuple[int, int]:
    """``2/8`` as (2, 8). Raises InputError."""
    number, slash, total = text.partition("/")
    if slash and number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total):
        return int(number), int(total)
    raise InputError(f"{text!r} is no shard; say 1/8 for the first of eight, up to 8/8")


def in_shard(key: str, shard: tuple[int, int]) -> bool:
    """Whether an input belongs to a shard (k, n): by its key alone, so that shards need not talk
    with each other.
    """
    return zlib.crc32(key.encode("utf-8", "surrogateescape")) % shard[1] == shard[0] - 1


def scan(
    manifest: Manifest,
    source: Store,
    *,
    shard: tuple[int, int] = (1, 1),
    entries: Iterable[Entry] | None = None,
    below: str = "",
    among: str = "",
    films: bool = True,
) -> None:
    """Bring the source's files into the manifest: new ones and changed ones wait from then on.

    entries: these alone; None: all that there are, and what is gone is marked as missing.
    below: the place of the target, where it is inside of the source; it is left aside.
    among: the place of the source, where it is inside of the target; what would have its result
        there is left out.
    films: without, they are left out.
    Raises InputError where the source cannot be listed.
    """
    number = manifest.begin_scan()
    found = source.entries() if entries is None else entries
    mine = (
        entry
        for entry in found
        if in_shard(entry.key, shard) and not (below and entry.key.startswith(below))
    )
    manifest.add_entries(_rows(mine, among, films=films), number)
    if entries is None:
        manifest.end_scan(number)


def _rows(
    entries: Iterable[Entry], among: str, *, films: bool
) -> Iterator[tuple[Entry, Kind, str | None, str | None, str]]:
    for entry in entries:
        place = PurePosixPath(entry.key)
        if among and entry.key.startswith(among):
            yield entry, "picture", None, None, _AMONG_ORIGINALS
        elif place.suffix.lower() in FILM_SUFFIXES:
            reason = "" if films else "it is a film; --films colours them"
            target = film_target(entry.key) if films else None
            yield entry, "film", target, None, reason
        elif is_picture_name(entry.key, documents=True):
            target, transparent = (
                str(place.with_name(output_name(place.name, mark="", transparent=transparent)))
                for transparent in (False, True)
            )
            yield entry, "picture", target, None if transparent == target else transparent, ""
        else:
            yield entry, "picture", None, None, _NO_INPUT


def film_target(key: str) -> str:
    """Where the result of a film is: its own name, or with ``.mkv`` behind it."""
    return key if PurePosixPath(key).suffix.lower() in _KEPT_SUFFIXES else f"{key}.mkv"
