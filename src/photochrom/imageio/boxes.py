"""Boxes of the ISO base media format, in which JPEG 2000 and JPEG XL files keep what is not pixels.

Source: ISO/IEC 14496-12, section 4.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


def walk_boxes(data: bytes, emptied: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each box on one level; what is not a box ends the walk.

    emptied: the name of boxes whose body has been taken out of ``data``; they are passed over.
    """
    position = 0
    while position + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1 and start + 8 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = position + size if size else len(data)
        if name == emptied:
            position = start
            continue
        if end < start:
            return
        yield name, data[start:end]
        position = end


def end_of_boxes(data: bytes) -> int:
    """Where the last box that begins in the file ends; for a file that is cut off, behind it."""
    position = 0
    while position + 16 <= len(data):
        size, name = struct.unpack_from(">I4s", data, position)
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, position + 8)
        if not size or not name.isalnum():
            break
        position += size
    return position
