"""JPEG segments and PNG chunks: taking metadata out and putting it in without touching pixels.

Source: ITU-T T.81 annex B; JFIF 1.02; XMP specification part 3; ICC.1 annex B.4; PNG (third
edition) sections 5, 11.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_EXIF_HEAD = b"Exif\x00\x00"
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
_XMP_MORE_HEAD = b"http://ns.adobe.com/xmp/extension/\x00"
_ICC_HEAD = b"ICC_PROFILE\x00"
_PHOTOSHOP_HEAD = b"Photoshop 3.0\x00"
_IPTC_HEAD = b"8BIM\x04\x04"
_SEGMENT_BYTES = 65533
JPEG_EXIF_BYTES = _SEGMENT_BYTES - len(_EXIF_HEAD)
"""Of an EXIF block in a JPEG, at most."""
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = b"\xff\xd9"
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass
class JpegHeader:
    """All that precedes the pixels. dpi from JFIF; the three blocks without their heads.

    scan: where the data of the first scan start.
    has_captions: whether there is IPTC text in Photoshop's block. comments: the COM segments.
    """

    height: int = 0
    width: int = 0
    components: int = 0
    bits: int = 8
    scan: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    has_captions: bool = False
    comments: list[bytes] = field(default_factory=list)
    dpi: tuple[float, float] | None = None
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    xmp_parts: dict[int, bytes] = field(default_factory=dict)


def jpeg_header(data: bytes) -> JpegHeader:
    """Parse the segments before the first scan. Raises ValueError on a broken structure."""
    header = JpegHeader()
    for marker, payload, end in _jpeg_segments(data):
        if marker == _START_OF_SCAN:
            header.scan = end
        elif marker not in _FRAME_MARKERS:
            _take_metadata(header, marker, payload)
        elif not header.components:
            if len(payload) < 6:
                raise ValueError("damaged frame header")
            header.bits, header.height, header.width, header.components = struct.unpack_from(
                ">BHHB", payload
            )
    if not header.components:
        raise ValueError("no picture in it")
    if header.icc_parts:
        header.icc = b"".join(part for _, part in sorted(header.icc_parts.items()))
    return header


def _take_metadata(header: JpegHeader, marker: int, payload: bytes) -> None:
    """Store what a comment or an application segment holds, if it is one of the known ones."""
    if marker == 0xE0 and payload[:5] == b"JFIF\x00" and len(payload) >= 12:
        unit, x, y = struct.unpack_from(">BHH", payload, 7)
        per_inch = {1: 1.0, 2: 2.54}.get(unit)
        if per_inch and x and y:
            header.dpi = (x * per_inch, y * per_inch)
    elif marker == 0xE1 and payload.startswith(_EXIF_HEAD) and header.exif is None:
        header.exif = payload[len(_EXIF_HEAD) :]
    elif marker == 0xE1 and payload.startswith(_XMP_HEAD) and header.xmp is None:
        header.xmp = payload[len(_XMP_HEAD) :]
    elif marker == 0xE1 and payload.startswith(_XMP_MORE_HEAD):
        start = len(_XMP_MORE_HEAD) + 32
        if len(payload) >= start + 8:
            (offset,) = struct.unpack_from(">I", payload, start + 4)
            header.xmp_parts[offset] = payload[start + 8 :]
    elif marker == 0xED and payload.startswith(_PHOTOSHOP_HEAD) and _IPTC_HEAD in payload:
        header.has_captions = True
    elif marker == 0xE2 and payload.startswith(_ICC_HEAD) and len(payload) > 14:
        header.icc_parts[payload[12]] = payload[14:]
    elif marker == 0xFE:
        header.comments.append(payload)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, payload and end of each segment, up to the first scan's own."""
    position, marker = 2, 0
    while position + 4 <= len(data) and marker != _START_OF_SCAN:
        if data[position] != 0xFF:
            raise ValueError(f"no marker at byte {position}")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker in _BARE_MARKERS:
            position += 2
        elif marker == _END_OF_IMAGE[1]:
            return
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            if length < 2 or position + 2 + length > len(data):
                raise ValueError(f"segment at byte {position} passes the end of the file")
            end = position + 2 + length
            yield marker, data[position + 4 : end], end
            position = end


def jpeg_without_padding(data: bytes, scan: int, count: int) -> bytes | None:
    """The JPEG up to its end marker, without the ``count`` bytes of padding before that.

    scan: where the data of the first scan start (an embedded thumbnail has an end marker too).
    Returns None if those bytes are not padding, which is 00 or FF throughout.
    """
    end = data.find(_END_OF_IMAGE, scan)
    filled = len(data[scan : max(end, scan)].rstrip(b"\xff"))  # FF before a marker is not counted
    stop = scan + filled - count
    if stop < scan or set(data[stop : scan + filled]) - {0x00, 0xFF}:
        return None
    return data[:stop] + _END_OF_IMAGE


def jpeg_with_metadata(
    data: bytes,
    *,
    exif: bytes | None,
    xmp: bytes | None,
    icc: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """Insert metadata into a JPEG stream that starts with a JFIF segment and has none yet.

    Raises ValueError if the EXIF block does not fit into its one segment of 64 KiB.
    """
    (length,) = struct.unpack_from(">H", data, 4)
    if data[2:4] != b"\xff\xe0" or data[6:11] != b"JFIF\x00":
        raise ValueError("the stream has no JFIF segment")
    jfif = bytearray(data[6 : 4 + length])
    if dpi is not None:
        struct.pack_into(">BHH", jfif, 7, 1, *(min(max(round(v), 1), 65535) for v in dpi))
    segments = [(0xE0, bytes(jfif))]
    if exif is not None:
        segments.append((0xE1, _EXIF_HEAD + exif))
    if xmp is not None:
        segments += [(0xE1, payload) for payload in _xmp_payloads(xmp)]
    if icc is not None:
        size = _SEGMENT_BYTES - 14
        parts = [icc[start : start + size] for start in range(0, len(icc), size)]
        segments += [
            (0xE2, _ICC_HEAD + bytes([number, len(parts)]) + part)
            for number, part in enumerate(parts, 1)
        ]
    out = [data[:2]]
    for marker, payload in segments:
        if len(payload) > _SEGMENT_BYTES:
            raise ValueError("JPEG holds at most 64 KiB of EXIF data; write .png or .tif")
        out.append(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload)
    out.append(data[4 + length :])
    return b"".join(out)


def _xmp_payloads(xmp: bytes) -> Iterator[bytes]:
    """One segment, or for a large packet a stub and "extended XMP" in pieces."""
    if len(_XMP_HEAD) + len(xmp) <= _SEGMENT_BYTES:
        yield _XMP_HEAD + xmp
        return
    digest = hashlib.md5(xmp, usedforsecurity=False).hexdigest().upper().encode()
    yield (
        _XMP_HEAD
        + b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        + b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        + b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="'
        + digest
        + b'"/></rdf:RDF></x:xmpmeta>'
    )
    for start in range(0, len(xmp), 65000):
        place = struct.pack(">II", len(xmp), start)
        yield _XMP_MORE_HEAD + digest + place + xmp[start : start + 65000]


class Chunk(NamedTuple):
    """A PNG chunk: four-letter name, data, and where it starts in the file."""

    name: bytes
    data: bytes
    position: int


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """All chunks up to IEND, checksums verified. Raises ValueError if truncated or damaged."""
    position = len(PNG_SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise ValueError("the file is truncated")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise ValueError("the file is truncated")
        (expected,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(memoryview(data)[position + 4 : end]) != expected:
            raise ValueError(f"damaged at byte {position}: wrong checksum")
        yield Chunk(name, data[position + 8 : end] if name != b"IDAT" else b"", position)
        if name == b"IEND":
            return
        position = end + 4


def png_without_chunks(data: bytes, chunks: Iterable[Chunk]) -> bytes:
    """Leave chunks out, given in the file's order; the same bytes if there are none."""
    kept, start = [], 0
    for chunk in chunks:
        kept.append(data[start : chunk.position])
        start = chunk.position + 12 + len(chunk.data)
    return b"".join([*kept, data[start:]]) if kept else data


def png_with_chunks(data: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Insert chunks right after the IHDR chunk, before everything that may depend on them."""
    start = len(PNG_SIGNATURE) + 25
    new = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    ]
    return b"".join([data[:start], *new, data[start:]])
