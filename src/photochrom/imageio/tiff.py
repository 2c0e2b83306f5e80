"""TIFF files: writing them with all metadata at any depth, and taking the EXIF part out of them.

Pillow writes 16-bit RGB as 8 bit and OpenCV's writer takes no metadata, hence this small one. It
puts the EXIF block, which is a TIFF structure itself, at the start of the file; the pixels follow,
and one new first directory describes both. All offsets inside the EXIF block stay valid.

Source: TIFF 6.0; Adobe TIFF Technical Notes (Deflate, predictor, XMP); ICC.1 annex B.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.imageio import containers, exif
from photochrom.imageio.exif import BYTE, LONG, SHORT, UNDEFINED, Value
from photochrom.processors import thread_count

XMP_TAG, ICC_TAG, IPTC_TAG = 700, 34675, 33723
_PHOTOSHOP_TAG = 34377
_SUB_DIRECTORIES = 330
_OLD_JPEG = 6
"""A compression whose tables lie where other tags say."""
_MAX_ENTRIES = 1 << 16
_STRIP_BYTES = 1 << 20
_MAX_BYTES = 2**32 - 2**20
"""Offsets in a classic TIFF file are 32 bit."""

_DESCRIPTIVE_TAGS = frozenset(
    {269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432}
    | {33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113}  # where on Earth: GeoTIFF
    | {exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT, exif.ORIENTATION}
    | set(range(40091, 40096))
)
"""Tags of a TIFF's first directory that speak about the photograph, not about its storage."""


def encode(
    samples: NDArray[Any],
    *,
    exif_block: bytes | None,
    xmp: bytes | None,
    icc: bytes | None,
    iptc: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """Encode (H, W, C) uint8 or uint16 as TIFF, Deflate with horizontal differences.

    C: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha (not premultiplied).
    Raises ValueError if the file would pass 4 GiB.
    """
    height, width, channels = samples.shape
    start = exif.EMPTY if exif_block is None else exif_block
    order = exif.byte_order(start)
    deep = samples.dtype == np.uint16
    rows = max(1, _STRIP_BYTES // (width * channels * samples.itemsize))
    strips = [samples[top : top + rows] for top in range(0, height, rows)]
    with ThreadPoolExecutor(thread_count(4)) as pool:
        packed = list(pool.map(lambda strip: _compress(strip, order), strips))
    if len(start) + sum(map(len, packed)) > _MAX_BYTES:
        raise ValueError("the picture does not fit into a TIFF file of 4 GiB")
    block = bytearray(start)
    offsets = []
    for data in packed:
        offsets.append(len(block))
        block += data + bytes(len(data) % 2)

    def shorts(*numbers: int) -> Value:
        return Value(SHORT, len(numbers), struct.pack(f"{order}{len(numbers)}H", *numbers))

    def longs(numbers: Iterable[int]) -> Value:
        numbers = list(numbers)
        return Value(LONG, len(numbers), struct.pack(f"{order}{len(numbers)}I", *numbers))

    entries: dict[int, Value | None] = {
        256: longs([width]),
        257: longs([height]),
        258: shorts(*[16 if deep else 8] * channels),
        259: shorts(8),
        262: shorts(1 if channels < 3 else 2),
        273: longs(offsets),
        exif.ORIENTATION: shorts(1),
        277: shorts(channels),
        278: longs([rows]),
        279: longs(map(len, packed)),
        284: shorts(1),
        317: shorts(2),
        339: shorts(*[1] * channels),
        338: shorts(2) if channels in (2, 4) else None,
        XMP_TAG: None if xmp is None else Value(BYTE, len(xmp), xmp),
        ICC_TAG: None if icc is None else Value(UNDEFINED, len(icc), icc),
        IPTC_TAG: None if iptc is None else Value(UNDEFINED, len(iptc), iptc),
    }
    if dpi is not None:
        entries.update(exif.resolution_entries(order, dpi))
    return exif.replace_entries(block, entries)


def _compress(strip: NDArray[Any], order: str) -> bytes:
    difference = strip.copy()
    difference[:, 1:] -= strip[:, :-1]
    if difference.dtype == np.uint16:
        difference = difference.astype(np.dtype(order + "u2"))
    return zlib.compress(difference.tobytes(), 3)


def is_big(data: bytes) -> bool:
    """Whether it is a BigTIFF, whose offsets have 64 bits."""
    return data[:4] in (b"II+\x00", b"MM\x00+")


def first_offset(data: bytes) -> int:
    """Where the first directory lies. Raises ValueError for what is no TIFF."""
    big = is_big(data)
    order = ("<" if data[:2] == b"II" else ">") if big else exif.byte_order(data)
    place, code = (8, "Q") if big else (4, "I")
    if len(data) < place + struct.calcsize(code):
        raise ValueError("the file is truncated")
    offset: int = struct.unpack_from(order + code, data, place)[0]
    if offset == 0:
        raise ValueError("no picture in it")
    return offset


def with_first_directory(data: bytes, offset: int) -> bytes:
    """The file with the directory at ``offset`` as its first."""
    if first_offset(data) == offset:
        return data
    fixed = bytearray(data)
    order = "<" if data[:2] == b"II" else ">"
    place, code = (8, "Q") if is_big(data) else (4, "I")
    struct.pack_into(order + code, fixed, place, offset)
    return bytes(fixed)


def read_directory(data: bytes, offset: int | None = None) -> exif.Directory:
    """Parse a directory of a TIFF or BigTIFF; the first unless an offset is given. As of
    `exif.read_directory`, what is out of bounds is left out.

    Raises ValueError if it lies outside the file.
    """
    offset = first_offset(data) if offset is None else offset
    if not is_big(data):
        return exif.read_directory(data, offset)
    order = "<" if data[:2] == b"II" else ">"
    values: dict[int, Value] = {}
    positions: dict[int, int] = {}
    room = len(data)
    try:
        (count,) = struct.unpack_from(order + "Q", data, offset)
        if count > _MAX_ENTRIES:
            raise ValueError("TIFF directory out of bounds")
        end = offset + 8 + 20 * count
        for position in range(offset + 8, end, 20):
            tag, kind, number = struct.unpack_from(order + "HHQ", data, position)
            size = exif.TYPE_SIZE.get(kind, 0) * number
            start = position + 12
            if size > 8:
                (start,) = struct.unpack_from(order + "Q", data, start)
            if size and start + size <= len(data) and tag not in values and size <= room:
                values[tag] = Value(kind, number, data[start : start + size])
                positions[tag] = position
                room -= size
        following = data[end : end + 8].ljust(8, b"\x00")
        next_offset: int = struct.unpack(order + "Q", following)[0]
    except struct.error as error:
        raise ValueError("TIFF directory out of bounds") from error
    return exif.Directory(order, values, positions, next_offset, end)


def only_page(data: bytes, offset: int) -> bytes:
    """The page whose directory lies at an offset as a file of its own, so that what is done with it
    takes the time and memory of the page and not of all of them.

    Where it cannot be taken out (a BigTIFF, a page that is not whole, JPEG of before 1995), or is
    most of the file, it is the file with this page as its first.
    """
    directory = read_directory(data, offset)
    segments = _segments(directory, len(data))
    if is_big(data) or not segments or 2 * sum(size for _, size in segments) > len(data):
        return with_first_directory(data, offset)
    try:
        inner = _inner_directories(data, directory)
    except ValueError:
        return with_first_directory(data, offset)
    tree: dict[int, Any] = {**directory.values, **inner}
    tree.pop(_SUB_DIRECTORIES, None)
    block = bytearray(data[:4] + bytes(4))
    starts = []
    for start, size in segments:
        starts.append(len(block))
        block += data[start : start + size] + bytes(size % 2)
    offsets = struct.pack(f"{directory.order}{len(starts)}I", *starts)
    tree[273 if 273 in tree else 324] = Value(LONG, len(starts), offsets)
    place = _append_directory(block, directory.order, tree)
    struct.pack_into(directory.order + "I", block, 4, place)
    return bytes(block)


def _segments(directory: exif.Directory, length: int) -> list[tuple[int, int]]:
    """Start and size of each strip or tile; none where not all of them are in the file."""

    def number(tag: int, default: int) -> int:
        return exif.first_integer(directory, tag) or default

    starts_tag, sizes_tag = (273, 279) if 273 in directory.values else (324, 325)
    starts, sizes = (exif.integers(directory, tag) for tag in (starts_tag, sizes_tag))
    compression = number(259, 1)
    plain = -(-number(256, 0) * number(258, 1) * number(277, 1) // 8) * number(257, 0)
    if (
        len(starts) != len(sizes)
        or compression == _OLD_JPEG
        or (compression == 1 and sum(sizes) < plain)  # some writers say less than there is
        or any(start + size > length for start, size in zip(starts, sizes))
    ):
        return []
    return list(zip(starts, sizes))


def read_exif(data: bytes) -> bytes | None:
    """Collect what a TIFF file says about the photograph into an EXIF block of its own.

    Returns None if it says nothing. Raises ValueError if the directories are damaged.
    """
    directory = read_directory(data)
    tree: dict[int, Any] = {
        tag: value for tag, value in directory.values.items() if tag in _DESCRIPTIVE_TAGS
    }
    tree |= _inner_directories(data, directory)
    silent = {exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT, exif.ORIENTATION}
    if not set(tree) - silent and exif.first_integer(directory, exif.ORIENTATION) in (None, 1):
        return None
    block = bytearray((b"II*\x00" if directory.order == "<" else b"MM\x00*") + bytes(4))
    offset = _append_directory(block, directory.order, tree)
    struct.pack_into(directory.order + "I", block, 4, offset)
    return bytes(block)


def _inner_directories(data: bytes, directory: exif.Directory) -> dict[int, dict[int, Any]]:
    """EXIF's and GPS's directories, by the tags that lead to them. Raises ValueError."""
    tree: dict[int, dict[int, Any]] = {}
    for tag in (exif.EXIF_IFD, exif.GPS_IFD):
        offset = exif.first_integer(directory, tag)
        if offset is None:
            continue
        inner = read_directory(data, offset)
        tree[tag] = dict(inner.values)
        interop = exif.first_integer(inner, exif.INTEROP_IFD)
        if tag == exif.EXIF_IFD and interop is not None:
            tree[tag][exif.INTEROP_IFD] = dict(read_directory(data, interop).values)
    return tree


def _append_directory(block: bytearray, order: str, tree: dict[int, Any]) -> int:
    """Append a directory with all it points to; return the directory's offset."""
    records = bytearray(struct.pack(order + "H", len(tree)))
    for tag in sorted(tree):
        value = tree[tag]
        if isinstance(value, dict):
            offset = _append_directory(block, order, value)
            records += struct.pack(order + "HHII", tag, LONG, 1, offset)
            continue
        field = value.data
        if len(field) > 4:
            field = struct.pack(order + "I", len(block))
            block += value.data + bytes(len(value.data) % 2)
        records += struct.pack(order + "HHI", tag, value.type, value.number)
        records += field.ljust(4, b"\x00")
    offset = len(block)
    block += records + bytes(4)
    return offset


def read_xmp(directory: exif.Directory) -> bytes | None:
    """The XMP packet of a TIFF file's first directory."""
    value = directory.values.get(XMP_TAG)
    return None if value is None else value.data


def read_iptc(directory: exif.Directory) -> bytes | None:
    """The IPTC text of a TIFF file's first directory, from its own tag or Photoshop's."""
    value = directory.values.get(IPTC_TAG)
    if value is not None:
        # Photoshop writes it as 32-bit numbers, in the file's byte order.
        swapped = value.type == exif.LONG and value.data[:1] != b"\x1c"
        data = np.frombuffer(value.data, "<u4").byteswap().tobytes() if swapped else value.data
        return data if data[:1] == b"\x1c" else None
    resources = directory.values.get(_PHOTOSHOP_TAG)
    return None if resources is None else containers.iptc_datasets(resources.data)


def read_resolution(directory: exif.Directory) -> tuple[float, float] | None:
    """Pixels per inch by a TIFF file's first directory, or None."""
    return exif.directory_resolution(directory)


def read_icc(directory: exif.Directory) -> bytes | None:
    """The ICC profile of a TIFF file's first directory."""
    value = directory.values.get(ICC_TAG)
    return None if value is None else value.data
