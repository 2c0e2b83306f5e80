"""The protocol buffer encoding, as far as ONNX files need it: fields read, and bytes appended.

Source: *Protocol Buffers: Encoding* (protobuf.dev). A message that stands twice in another one is
merged: repeated fields of the later one are appended to those of the earlier.
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MORE = 0x80
"""In each byte of a variable-length integer but the last."""


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Top-level fields of a message: (field number, content; empty for numbers).

    Raises ValueError or IndexError where it is none.
    """
    for number, content, _ in stored_fields(message):
        yield number, content


def stored_fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """As `fields`, each with all of its bytes as they stand in the message."""
    at, end = 0, len(message)
    while at < end:
        start = at
        tag, at = message[at], at + 1
        if tag >= _MORE:  # most numbers have one byte, and files ten thousands of fields
            tag, at = _varint(message, start)
        number, wire = tag >> 3, tag & 7
        length = 0
        if wire == _BYTES:
            length, at = message[at], at + 1
            if length >= _MORE:
                length, at = _varint(message, at - 1)
        elif wire == _VARINT:
            _, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            at += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > end or number == 0:
            raise ValueError("truncated")
        yield number, message[at : at + length], message[start : at + length]
        at += length


def bytes_field(number: int, content: bytes) -> bytes:
    """A field that holds text, bytes or another message."""
    return bytes_field_head(number, len(content)) + content


def bytes_field_head(number: int, length: int) -> bytes:
    """What stands before the content of a `bytes_field`."""
    return _to_varint(number << 3 | _BYTES) + _to_varint(length)


def number_field(number: int, value: int) -> bytes:
    """A field that holds a whole number of at least 0."""
    return _to_varint(number << 3 | _VARINT) + _to_varint(value)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A variable-length integer and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
    raise ValueError("varint too long")


def _to_varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | _MORE)
        value >>= 7
    return bytes([*groups, value])
