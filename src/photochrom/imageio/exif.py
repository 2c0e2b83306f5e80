"""EXIF as a TIFF structure: read a few facts, change a few entries, leave every other byte alone.

EXIF blocks hold maker notes whose inner offsets count from the start of the block. Rewriting the
block would break them, so a change appends a new first directory at the end and points the header
to it; all older bytes stay where they are. The same trick writes TIFF files (see ``tiff``).

Source: TIFF 6.0, section 2; CIPA DC-008 (Exif 2.32).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

EMPTY = b"II*\x00\x00\x00\x00\x00"
"""A TIFF header without any directory yet."""

ORIENTATION, SOFTWARE = 0x0112, 0x0131
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
DATE_TAKEN = 0x9003
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_THUMBNAIL_START, _THUMBNAIL_BYTES = 0x0201, 0x0202

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
TYPE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
TYPE_SIZE |= {16: 8, 17: 8, 18: 8}
"""Bytes of a value of each type, those of BigTIFF among them."""


class Value(NamedTuple):
    """A directory entry: TIFF type, number of values, and their bytes in the block's order."""

    type: int
    number: int
    data: bytes


class Directory(NamedTuple):
    """A parsed directory: byte order ("<" or ">"), entries, where each 12-byte record lies, the
    offset of the next directory (0: none), and where that offset stands.
    """

    order: str
    values: dict[int, Value]
    positions: dict[int, int]
    next: int
    end: int = 0


def byte_order(block: bytes) -> str:
    """Return "<" or ">"; raise ValueError if ``block`` is not a (classic) TIFF structure."""
    if block[:4] == b"II*\x00":
        return "<"
    if block[:4] == b"MM\x00*":
        return ">"
    raise ValueError("not a TIFF structure")


def read_directory(block: bytes, offset: int | None = None) -> Directory:
    """Parse the directory at ``offset`` (default: the first). Entries out of bounds are left out,
    and those by which the values together would be longer than the block: in no honest one do they
    overlap, and in another thousands of them can be the whole block each.

    Raises ValueError if the directory itself lies outside the block.
    """
    order = byte_order(block)
    room = len(block)
    values: dict[int, Value] = {}
    positions: dict[int, int] = {}
    try:
        if offset is None:
            (offset,) = struct.unpack_from(order + "I", block, 4)
            if offset == 0:
                return Directory(order, values, positions, 0)
        (count,) = struct.unpack_from(order + "H", block, offset)
        for position in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", block, position)
            size = TYPE_SIZE.get(kind, 0) * number
            start = position + 8
            if size > 4:
                (start,) = struct.unpack_from(order + "I", block, start)
            if size and start + size <= len(block) and tag not in values and size <= room:
                values[tag] = Value(kind, number, block[start : start + size])
                positions[tag] = position
                room -= size
        following = block[offset + 2 + 12 * count : offset + 6 + 12 * count].ljust(4, b"\x00")
        next_offset: int = struct.unpack(order + "I", following)[0]
    except struct.error as error:
        raise ValueError("TIFF directory out of bounds") from error
    return Directory(order, values, positions, next_offset, offset + 2 + 12 * count)


def replace_entries(block: bytes | bytearray, changes: Mapping[int, Value | None]) -> bytes:
    """Return ``block`` with entries of its first directory set (or removed, with None).

    Data are given in the block's byte order. The chain of directories ends after the first, which
    drops an embedded thumbnail: it would show the picture as it was before.
    """
    old = bytes(block)
    directory = read_directory(old)
    order = directory.order
    new = bytearray(old)
    records: dict[int, bytes] = {
        tag: old[position : position + 12] for tag, position in directory.positions.items()
    }
    for tag, value in changes.items():
        records.pop(tag, None)
        if value is None:
            continue
        field = value.data
        if len(field) > 4:
            _pad(new)
            field = struct.pack(order + "I", len(new))
            new += value.data
        head = struct.pack(order + "HHI", tag, value.type, value.number)
        records[tag] = head + field.ljust(4, b"\x00")
    _pad(new)
    struct.pack_into(order + "I", new, 4, len(new))
    new += struct.pack(order + "H", len(records))
    for tag in sorted(records):
        new += records[tag]
    new += bytes(4)
    return bytes(new)


def _pad(block: bytearray) -> None:
    if len(block) % 2:
        block += b"\x00"


def orientation(block: bytes) -> int | None:
    """The orientation 1..8 that the block asks for; None where it has none or a nonsensical one."""
    number = first_integer(read_directory(block), ORIENTATION)
    return number if number is not None and 1 <= number <= 8 else None


def date_taken(block: bytes) -> datetime | None:
    """When a photograph was taken (DateTimeOriginal), on the clock of its place; None: not known.

    A scan's own date (DateTimeDigitized) is not it.
    """
    try:
        offset = first_integer(read_directory(block), EXIF_IFD)
        inner = None if offset is None else read_directory(block, offset)
        value = None if inner is None else inner.values.get(DATE_TAKEN)
        if value is None or value.type != ASCII:
            return None
        text = value.data.rstrip(b"\0 ").decode("ascii")
        return datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  # it has no zone
    except ValueError:
        return None


def upright(block: bytes, *, sides_swapped: bool) -> bytes:
    """The block for the picture after its orientation has been applied.

    Orientation becomes 1, the thumbnail goes; if the sides were swapped, so are the two entries
    that repeat the picture's size. All of it in place: the block gets no longer, since a camera's
    may fill its segment of a JPEG to the last byte.
    """
    directory = read_directory(block)
    fixed = bytearray(_without_last_thumbnail(block, directory))
    if ORIENTATION in directory.positions:
        place = directory.positions[ORIENTATION]
        struct.pack_into(directory.order + "HIHH", fixed, place + 2, SHORT, 1, 1, 0)
    if directory.next:
        struct.pack_into(directory.order + "I", fixed, directory.end, 0)
    exif_offset = first_integer(directory, EXIF_IFD)
    if sides_swapped and exif_offset is not None:
        inner = read_directory(block, exif_offset)
        if _PIXEL_X in inner.positions and _PIXEL_Y in inner.positions:
            x, y = inner.positions[_PIXEL_X], inner.positions[_PIXEL_Y]
            fixed[x + 2 : x + 12] = block[y + 2 : y + 12]
            fixed[y + 2 : y + 12] = block[x + 2 : x + 12]
    return bytes(fixed)


def _without_last_thumbnail(block: bytes, directory: Directory) -> bytes:
    """Cut the thumbnail's data off if they end the block, as they do in cameras' files."""
    if directory.next == 0:
        return block
    try:
        thumbnail = read_directory(block, directory.next)
    except ValueError:
        return block
    start = first_integer(thumbnail, _THUMBNAIL_START) or 0
    size = first_integer(thumbnail, _THUMBNAIL_BYTES) or 0
    at_end = len(block) - 4 <= start + size <= len(block)
    return block[:start] if size and start > directory.next and at_end else block


def integers(directory: Directory, tag: int) -> tuple[int, ...]:
    """The values of a BYTE, SHORT or LONG entry; empty where there is none."""
    value = directory.values.get(tag)
    code = (
        {BYTE: "B", SHORT: "H", LONG: "I", 13: "I", 16: "Q", 18: "Q"}.get(value.type)
        if value
        else None
    )
    if value is None or code is None:
        return ()
    return struct.unpack(f"{directory.order}{value.number}{code}", value.data)


def first_integer(directory: Directory, tag: int) -> int | None:
    """The first value of a BYTE, SHORT or LONG entry, or None."""
    return next(iter(integers(directory, tag)), None)


def with_software(block: bytes, software: str) -> bytes:
    """The block with its Software entry set."""
    text = software.encode("ascii", "replace") + b"\x00"
    return replace_entries(block, {SOFTWARE: Value(ASCII, len(text), text)})


def resolution(block: bytes) -> tuple[float, float] | None:
    """Pixels per inch, or None if the block does not say."""
    return directory_resolution(read_directory(block))


def directory_resolution(directory: Directory) -> tuple[float, float] | None:
    """Pixels per inch by a directory, or None if it does not say."""
    x, y = (directory.values.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION))
    if x is None or y is None or x.type != RATIONAL or y.type != RATIONAL:
        return None
    unit = first_integer(directory, RESOLUTION_UNIT)
    per_inch = {None: 1.0, 2: 1.0, 3: 2.54}.get(unit)
    ratios = [struct.unpack_from(directory.order + "II", value.data) for value in (x, y)]
    if per_inch is None or any(0 in ratio for ratio in ratios):
        return None
    horizontal, vertical = (n / d * per_inch for n, d in ratios)
    return horizontal, vertical


def resolution_entries(order: str, dpi: tuple[float, float]) -> dict[int, Value]:
    """The three entries that state a resolution in pixels per inch."""
    entries = {
        tag: Value(RATIONAL, 1, struct.pack(order + "II", min(round(v * 1000), 2**32 - 1), 1000))
        for tag, v in zip((X_RESOLUTION, Y_RESOLUTION), dpi, strict=True)
    }
    entries[RESOLUTION_UNIT] = Value(SHORT, 1, struct.pack(order + "H", 2))
    return entries


def with_resolution(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """The block (or a new one) with the resolution set."""
    block = EMPTY if block is None else block
    return replace_entries(block, resolution_entries(byte_order(block), dpi))
