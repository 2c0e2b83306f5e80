"""The elements of a complete Matroska file, and its tracks: what is put right behind libav.

Source: RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

_SEGMENT, _TRACKS, TRACK = 0x18538067, 0x1654AE6B, 0xAE
_CHECKSUM, VOID = 0xBF, 0xEC
_TRACK_NUMBER = 0xD7


class Element(NamedTuple):
    """Where an element is in the file."""

    id: int
    head: int
    start: int
    """Of its content."""
    end: int


def elements(file: IO[bytes], place: int, end: int) -> Iterator[Element]:
    """The elements of a stretch of the file."""
    while place < end:
        file.seek(place)
        head = file.read(12)
        id_bytes = 9 - head[0].bit_length()
        size_bytes = 9 - head[id_bytes].bit_length()
        number = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big")
        start = place + id_bytes + size_bytes
        end_of_this = start + (number & ((1 << 7 * size_bytes) - 1))
        yield Element(int.from_bytes(head[:id_bytes], "big"), place, start, end_of_this)
        place = end_of_this


def content(file: IO[bytes], element: Element) -> bytes:
    """What is in an element."""
    file.seek(element.start)
    return file.read(element.end - element.start)


def encode(element_id: int, data: bytes) -> bytes:
    """An element as bytes; its content is shorter than 16 kB."""
    size = bytes([0x80 | len(data)]) if len(data) < 127 else (0x4000 | len(data)).to_bytes(2, "big")
    return element_id.to_bytes((element_id.bit_length() + 7) // 8, "big") + size + data


def find_tracks(file: IO[bytes], path: Path) -> Element | None:
    """The element that has the tracks."""
    size = path.stat().st_size
    for top in elements(file, 0, size):
        if top.id == _SEGMENT:
            for part in elements(file, top.start, min(top.end, size)):
                if part.id == _TRACKS:
                    return part
    return None


def by_number(file: IO[bytes], tracks: Element) -> dict[int, Element]:
    """The tracks by their numbers, from 1 on."""
    found = {}
    for track in elements(file, tracks.start, tracks.end):
        if track.id == TRACK:
            for element in elements(file, track.start, track.end):
                if element.id == _TRACK_NUMBER:
                    found[int.from_bytes(content(file, element), "big")] = track
    return found


def renew_checksum(file: IO[bytes], parent: Element) -> None:
    """Make the CRC-32 of an element anew, if it has one, after something in it was changed."""
    first = next(elements(file, parent.start, parent.end), None)
    if first is not None and first.id == _CHECKSUM:
        file.seek(first.end)
        checksum = zlib.crc32(file.read(parent.end - first.end))
        file.seek(first.start)
        file.write(checksum.to_bytes(4, "little"))
