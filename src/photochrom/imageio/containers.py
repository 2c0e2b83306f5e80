"""JPEG segments and PNG chunks: taking metadata out and putting it in without touching pixels.

Source: ITU-T T.81 annex B; JFIF 1.02; XMP specification part 3; ICC.1 annex B.4; PNG (third
edition) sections 5, 11.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_EXIF_HEAD = b"Exif\x00\x00"
XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
"""What an XMP packet has before it in a JPEG."""
_XMP_MORE_HEAD = b"http://ns.adobe.com/xmp/extension/\x00"
_ICC_HEAD = b"ICC_PROFILE\x00"
_PHOTOSHOP_HEAD = b"Photoshop 3.0\x00"
_MULTI_PICTURE_HEAD = b"MPF\x00"
_IPTC_RESOURCE = 0x0404
_SEGMENT_BYTES = 65533
JPEG_EXIF_BYTES = _SEGMENT_BYTES - len(_EXIF_HEAD)
"""Of an EXIF block in one segment of a JPEG, at most."""
ICC_DAMAGED = "its ICC profile is damaged and was left out; the pixels were taken as sRGB"
"""The note for a picture whose profile cannot be used."""
_SECOND_EXIF = "it has more than one block of EXIF data; the first is kept"
_START_OF_SCAN = 0xDA
_RESTART_INTERVAL = 0xDD
_COMMENT = 0xFE
_END_OF_IMAGE = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass
class JpegHeader:
    """All that precedes the pixels. dpi from JFIF; the three blocks without their heads.

    scan: where the data of the first scan start. segments: marker, start and end of each before.
    restarts: how many restart markers the scan has; None: no such markers, or many scans.
    photoshop: Photoshop's block of resources, in which IPTC text is. comments: the COM segments.
    multi_picture: the index of an MPO file, and where its offsets count from.
    defects: what is wrong around the pixels. icc_damaged: whether the profile is not whole.
    """

    height: int = 0
    width: int = 0
    components: int = 0
    bits: int = 8
    scan: int = 0
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    icc_damaged: bool = False
    photoshop: bytes = b""
    comments: list[bytes] = field(default_factory=list)
    multi_picture: tuple[bytes, int] | None = None
    segments: list[tuple[int, int, int]] = field(default_factory=list)
    restarts: int | None = None
    defects: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dpi: tuple[float, float] | None = None
    exif_parts: list[bytes] = field(default_factory=list)
    photoshop_parts: list[bytes] = field(default_factory=list)
    icc_parts: list[tuple[int, int, bytes]] = field(default_factory=list)
    xmp_parts: dict[int, bytes] = field(default_factory=dict)


def jpeg_header(data: bytes) -> JpegHeader:
    """Parse the segments before the first scan. Raises ValueError on a broken structure.

    What is broken without harm to the pixels is passed over, and told in ``defects``.
    """
    header = JpegHeader()
    frame, interval, progressive = b"", 0, False
    for marker, start, end in _jpeg_segments(data, header.defects):
        header.segments.append((marker, start, end))
        payload = data[start + 4 : end]
        if marker == _START_OF_SCAN:
            header.scan = end
        elif marker == _RESTART_INTERVAL and len(payload) >= 2:
            (interval,) = struct.unpack_from(">H", payload)
        elif marker not in _FRAME_MARKERS:
            _take_metadata(header, marker, payload, start)
        elif not header.components:
            if len(payload) < 6:
                raise ValueError("damaged frame header")
            header.bits, header.height, header.width, header.components = struct.unpack_from(
                ">BHHB", payload
            )
            frame, progressive = payload, marker not in (0xC0, 0xC1)
    if not header.components:
        raise ValueError("no picture in it")
    if interval and not progressive:
        header.restarts = -(-_mcu_count(header, frame) // interval) - 1
    header.exif = b"".join(header.exif_parts) if header.exif_parts else None
    header.photoshop = b"".join(header.photoshop_parts)
    if header.icc_parts:
        header.icc, header.icc_damaged = _joined_profile(header.icc_parts)
        if header.icc_damaged:
            header.notes.append(ICC_DAMAGED)
    return header


def _mcu_count(header: JpegHeader, frame: bytes) -> int:
    """Minimum coded units of a scan of all components (T.81, A.2)."""
    sampling = frame[7::3][: header.components] or b"\x11"
    across, down = (
        (8, 8)
        if len(sampling) == 1
        else (
            8 * max((code >> 4) or 1 for code in sampling),
            8 * max((code & 15) or 1 for code in sampling),
        )
    )
    return -(-header.width // across) * -(-header.height // down)


def _joined_profile(parts: list[tuple[int, int, bytes]]) -> tuple[bytes | None, bool]:
    """The ICC profile of numbered parts, and whether it is not whole; None then.

    Parts whose numbers make no sense are taken in the file's order if they are as long together as
    the profile says it is.
    """
    numbers = [number for number, _, _ in parts]
    ordered = [part for _, _, part in sorted(parts, key=lambda part: part[0])]
    count = parts[0][1]
    if sorted(numbers) == list(range(1, count + 1)):
        return b"".join(ordered), False
    for attempt in (ordered, [part for _, _, part in parts]):
        profile = b"".join(attempt)
        if profile[36:40] == b"acsp" and int.from_bytes(profile[:4], "big") == len(profile):
            return profile, False
    return None, True


def _take_metadata(header: JpegHeader, marker: int, payload: bytes, start: int) -> None:
    """Store what a comment or an application segment holds, if it is one of the known ones."""
    if marker == 0xE0 and payload[:5] == b"JFIF\x00" and len(payload) >= 12:
        unit, x, y = struct.unpack_from(">BHH", payload, 7)
        per_inch = {1: 1.0, 2: 2.54}.get(unit)
        if per_inch and x and y:
            header.dpi = (x * per_inch, y * per_inch)
    elif marker == 0xE1 and payload.startswith(_EXIF_HEAD):
        _take_exif(header, payload[len(_EXIF_HEAD) :])
    elif marker == 0xE1 and payload.startswith(XMP_HEAD) and header.xmp is None:
        header.xmp = payload[len(XMP_HEAD) :]
    elif marker == 0xE1 and payload.startswith(_XMP_MORE_HEAD):
        at = len(_XMP_MORE_HEAD) + 32
        if len(payload) >= at + 8:
            (offset,) = struct.unpack_from(">I", payload, at + 4)
            header.xmp_parts[offset] = payload[at + 8 :]
    elif marker == 0xED and payload.startswith(_PHOTOSHOP_HEAD):
        header.photoshop_parts.append(payload[len(_PHOTOSHOP_HEAD) :])
    elif marker == 0xE2 and payload.startswith(_ICC_HEAD) and len(payload) > 14:
        header.icc_parts.append((payload[12], payload[13], payload[14:]))
    elif marker == 0xE2 and payload.startswith(_MULTI_PICTURE_HEAD):
        at = len(_MULTI_PICTURE_HEAD)
        header.multi_picture = (payload[at:], start + 4 + at)
    elif marker == _COMMENT:
        header.comments.append(payload)


def _take_exif(header: JpegHeader, block: bytes) -> None:
    """Store an EXIF block, or the rest of one that did not fit into the segment before."""
    if not header.exif_parts or block[:4] not in (b"II*\x00", b"MM\x00*"):
        header.exif_parts.append(block)
    elif _SECOND_EXIF not in header.notes:
        header.notes.append(_SECOND_EXIF)


def _jpeg_segments(data: bytes, defects: list[str]) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment, up to the first scan's own."""
    position, marker, stray = 2, 0, 0
    while position + 4 <= len(data) and marker != _START_OF_SCAN:
        if data[position] != 0xFF or data[position + 1] == 0x00:
            following = _MARKER.search(data, position)
            if following is None:
                raise ValueError(f"no marker after byte {position}")
            if stray:
                defects.pop()
            stray += following.start() - position
            defects.append(f"{stray} bytes between its segments")
            position = following.start()
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
            yield marker, position, end
            position = end


def jpeg_with_metadata(
    data: bytes,
    *,
    exif: bytes | None,
    xmp: bytes | None,
    icc: bytes | None,
    iptc: bytes | None,
    dpi: tuple[float, float] | None,
    comments: Iterable[bytes] = (),
) -> bytes:
    """Insert metadata into a JPEG stream that starts with a JFIF segment and has none yet.

    An EXIF block that is longer than a segment goes into several, one after the other, as cameras
    and ExifTool write it. Raises ValueError if IPTC text does not fit into its segment.
    """
    (length,) = struct.unpack_from(">H", data, 4)
    if data[2:4] != b"\xff\xe0" or data[6:11] != b"JFIF\x00":
        raise ValueError("the stream has no JFIF segment")
    jfif = bytearray(data[6 : 4 + length])
    if dpi is not None:
        struct.pack_into(">BHH", jfif, 7, 1, *(min(max(round(v), 1), 65535) for v in dpi))
    segments = [(0xE0, bytes(jfif))]
    if exif is not None:
        segments += [
            (0xE1, _EXIF_HEAD + exif[start : start + JPEG_EXIF_BYTES])
            for start in range(0, len(exif), JPEG_EXIF_BYTES)
        ]
    if xmp is not None:
        segments += [(0xE1, payload) for payload in _xmp_payloads(xmp)]
    if icc is not None:
        size = _SEGMENT_BYTES - 14
        parts = [icc[start : start + size] for start in range(0, len(icc), size)]
        segments += [
            (0xE2, _ICC_HEAD + bytes([number, len(parts)]) + part)
            for number, part in enumerate(parts, 1)
        ]
    if iptc is not None:
        segments.append((0xED, _PHOTOSHOP_HEAD + iptc_resource(iptc)))
    segments += [
        (_COMMENT, comment[start : start + _SEGMENT_BYTES])
        for comment in comments
        for start in range(0, len(comment), _SEGMENT_BYTES)
    ]
    out = [data[:2]]
    for marker, payload in segments:
        if len(payload) > _SEGMENT_BYTES:
            raise ValueError("JPEG holds at most 64 KiB of IPTC data; write .png or .tif")
        out.append(struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload)
    out.append(data[4 + length :])
    return b"".join(out)


def _xmp_payloads(xmp: bytes) -> Iterator[bytes]:
    """One segment, or for a large packet a stub and "extended XMP" in pieces."""
    if len(XMP_HEAD) + len(xmp) <= _SEGMENT_BYTES:
        yield XMP_HEAD + xmp
        return
    digest = hashlib.md5(xmp, usedforsecurity=False).hexdigest().upper().encode()
    yield (
        XMP_HEAD
        + b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        + b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        + b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="'
        + digest
        + b'"/></rdf:RDF></x:xmpmeta>'
    )
    for start in range(0, len(xmp), 65000):
        place = struct.pack(">II", len(xmp), start)
        yield _XMP_MORE_HEAD + digest + place + xmp[start : start + 65000]


def iptc_resource(iptc: bytes) -> bytes:
    """IPTC datasets as a resource in Photoshop's form."""
    padding = bytes(len(iptc) % 2)
    return b"8BIM\x04\x04\x00\x00" + struct.pack(">I", len(iptc)) + iptc + padding


def iptc_datasets(resources: bytes) -> bytes | None:
    """IPTC datasets in Photoshop's resources; None where there are none."""
    return photoshop_resources(resources).get(_IPTC_RESOURCE) or None


def photoshop_resources(data: bytes) -> dict[int, bytes]:
    """Photoshop's resources by their numbers; what follows a damaged one is left out."""
    resources: dict[int, bytes] = {}
    position = 0
    while position + 12 <= len(data) and data[position : position + 4] == b"8BIM":
        (number,) = struct.unpack_from(">H", data, position + 4)
        name_bytes = 1 + data[position + 6]
        position += 6 + name_bytes + name_bytes % 2
        size = int.from_bytes(data[position : position + 4], "big")
        body = data[position + 4 : position + 4 + size]
        if len(body) < size:
            break
        resources.setdefault(number, body)
        position += 4 + size + size % 2
    return resources


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
