"""Harmless damage of JPEG and PNG files: taken out, with words for the note; and what is missing.

A file is mended where every pixel is there and only what lies around the pixels is broken. Nothing
here looks at a sound file: decoders come here after they have failed.

Source: ITU-T T.81 annexes B and F; PNG (third edition), sections 5, 7, 8, 10, 13.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from photochrom.imageio.containers import PNG_SIGNATURE, JpegHeader

_END_OF_IMAGE = b"\xff\xd9"
_AFTER_SCAN = re.compile(rb"(?<!\xff)\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_JFIF, _ADOBE, _COMMENT = 0xE0, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_TRAILERS = (b"SEFT", b"SEFH", b"ftyp")
"""In what phones put behind a photograph."""
_LEAST_BYTES = {b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"pHYs": 9, b"cICP": 4, b"tIME": 7}
"""Of chunks beside the pixels."""
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
"""Start and step, across and down, of each pass of an interlaced PNG."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def jpeg_core(data: bytes, header: JpegHeader) -> tuple[bytes, int, bool]:
    """What of a JPEG its pixels need: no metadata, no bytes between segments, with an end.

    Returns it, where the data of its first scan start, and whether it had an end.
    """
    kept = [b"\xff\xd8"]
    for marker, start, end in header.segments:
        if marker in (_JFIF, _ADOBE) or (marker not in _APPLICATION and marker != _COMMENT):
            kept.append(b"\xff" + bytes([marker]) + data[start + 2 : end])
    scan = sum(map(len, kept))
    kept.append(data[header.scan :])
    ended = data.rfind(_END_OF_IMAGE, header.scan) >= 0
    if not ended:
        kept.append(_END_OF_IMAGE)
    return b"".join(kept), scan, ended


def jpeg_without_rubbish(core: bytes, scan: int, count: int, marker: int) -> Iterator[bytes]:
    """The JPEG without ``count`` bytes that libjpeg found no use for before a marker.

    scan: where the data of the first scan start. There can be several places with such a marker;
    each gives a candidate. None are given for bytes that may be pixels: after a lost code, pixels
    are left over as well.
    """
    if 0xD0 <= marker <= 0xD7:
        # Between restart markers the number of blocks is known, and the markers are numbered: with
        # all of them in place, what is left over is too much.
        places = (place.start() for place in _RESTART.finditer(core, scan))
        for place in places:
            if core[place + 1] == marker and place - count >= scan:
                yield core[: place - count] + core[place:]
        return
    end = _AFTER_SCAN.search(core, scan)
    if end is None or core[end.end() - 1] != marker:
        return
    at_marker = end.start()
    filled = scan + len(core[scan:at_marker].rstrip(b"\xff"))
    stop = filled - count
    if stop < scan:
        return
    rubbish = core[stop:filled]
    harmless = (
        not set(rubbish) - {0x00, 0xFF}
        or marker != _END_OF_IMAGE[1]
        or any(trailer in rubbish for trailer in _TRAILERS)
        or rubbish.strip(b"\x00\r\n\t").isalpha()
    )
    if harmless:
        yield core[:stop] + _END_OF_IMAGE


def jpeg_without_surplus(core: bytes, scan: int, header: JpegHeader) -> bytes | None:
    """The JPEG without rows beyond its height, as some scanners write them; None: it has none."""
    expected = header.restarts
    if expected is None:
        return None
    places = [place.start() for place in _RESTART.finditer(core, scan)]
    if len(places) <= expected:
        return None
    return core[: places[expected]] + _END_OF_IMAGE


@dataclass
class MendedPng:
    """A PNG put together anew from what was left of one."""

    data: bytes
    defects: list[str] = field(default_factory=list)
    """What was wrong around the pixels."""
    missing: float = 0.0
    """Share of the picture's bytes that are not there, [0, 1]."""
    reason: str = ""
    """Why they are not."""


def mend_png(data: bytes) -> MendedPng:
    """Put a PNG together anew. Raises ValueError where not even its header can be used."""
    mended = MendedPng(b"")
    chunks = _sound_chunks(data, mended.defects)
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise ValueError("its header is damaged")
    size = _raw_size(chunks[0][1])
    packed = b"".join(body for name, body in chunks if name == b"IDAT")
    unpacker = zlib.decompressobj()
    raw, mended.reason = _unpack(unpacker, packed, size)
    if len(raw) < size:
        mended.missing = 1.0 - len(raw) / size
        mended.reason = mended.reason or "its pixel data end early"
        packed = zlib.compress(raw + bytes(size - len(raw)), 1)
    elif mended.reason or not unpacker.eof:
        # Every byte is there, but not the checksum over all of them, or another.
        if mended.reason:
            mended.missing = 1.0 / size
        packed = zlib.compress(raw, 1)
    out = [PNG_SIGNATURE]
    written = False
    for name, body in chunks:
        if name == b"IDAT":
            if not written:
                out.append(_chunk(name, packed))
            written = True
        elif name != b"IEND":
            out.append(_chunk(name, body))
    if not written:
        out.append(_chunk(b"IDAT", packed))
    out.append(_chunk(b"IEND", b""))
    mended.data = b"".join(out)
    return mended


def _unpack(unpacker: zlib._Decompress, packed: bytes, size: int) -> tuple[bytes, str]:
    """As much as can be unpacked, at most ``size`` bytes, and why no more could be."""
    parts: list[bytes] = []
    step = 1 << 16
    length = 0
    for start in range(0, len(packed), step):
        try:
            part = unpacker.decompress(packed[start : start + step])
        except zlib.error as error:
            return b"".join(parts)[:size], f"its pixel data are damaged: {error}"
        parts.append(part)
        length += len(part)
        if length > size:
            break
    return b"".join(parts)[:size], ""


def _sound_chunks(data: bytes, defects: list[str]) -> list[tuple[bytes, bytes]]:
    """The chunks that can be used, up to IEND; what is wrong with the others goes to defects."""
    chunks: list[tuple[bytes, bytes]] = []
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        body = data[position + 8 : position + 8 + length]
        whole = position + 12 + length <= len(data)
        if not re.fullmatch(rb"[A-Za-z]{4}", name):
            defects.append(f"bytes at {position} that are no chunk")
            break
        if name == b"IEND":
            return chunks
        expected = data[position + 8 + length : position + 12 + length]
        right = whole and zlib.crc32(name + body).to_bytes(4, "big") == expected
        if right and length < _LEAST_BYTES.get(name, 0):
            defects.append(f"its {name.decode()} chunk is too short")
            position += 12 + length
            continue
        if right or name == b"IDAT":
            chunks.append((name, body))
        elif name in _CRITICAL:
            raise ValueError(f"damaged at byte {position}: wrong checksum of {name.decode()}")
        if not right:
            what = "wrong checksum" if whole else "the file ends inside"
            defects.append(f"{what} of its {name.decode()} chunk")
        position += 12 + length
    else:
        defects.append("no end marker")
    return chunks


def _raw_size(header: bytes) -> int:
    """Bytes of all rows, with one byte for the filter of each, of a PNG by its IHDR chunk."""
    width, height, depth, color_type, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if color_type not in _CHANNELS or not width or not height:
        raise ValueError("its header is damaged")
    bits = depth * _CHANNELS[color_type]

    def rows(wide: int, high: int) -> int:
        return high * (1 + -(-wide * bits // 8)) if wide and high else 0

    if not interlaced:
        return rows(width, height)
    return sum(
        rows(-(-max(width - x, 0) // dx), -(-max(height - y, 0) // dy)) for x, y, dx, dy in _ADAM7
    )


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
