"""Pieces of picture files that the imageio tests build their input from."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'tiff:Orientation="6"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Grandmother</rdf:li>'
    b"</rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def exif_block(orientation: int = 1, *, order: str = "<", maker_note: bytes = b"") -> bytes:
    """An EXIF block: camera make, orientation, resolution, picture size, a maker note."""
    head = b"II*\x00" if order == "<" else b"MM\x00*"
    note = maker_note or b"\x07" * 24
    # header 8, directory 2 + 5 * 12 + 4, make 16, resolution 8, inner directory 2 + 4 * 12 + 4
    make_at = 8 + 66
    ratio_at = make_at + 16
    inner_at = ratio_at + 8
    note_at = inner_at + 54
    p = order
    block = head + struct.pack(p + "I", 8) + struct.pack(p + "H", 5)
    block += struct.pack(p + "HHII", 0x010F, 2, 16, make_at)
    block += struct.pack(p + "HHIHH", 0x0112, 3, 1, orientation, 0)
    block += struct.pack(p + "HHII", 0x011A, 5, 1, ratio_at)
    block += struct.pack(p + "HHII", 0x011B, 5, 1, ratio_at)
    block += struct.pack(p + "HHII", 0x8769, 4, 1, inner_at) + bytes(4)
    block += b"Eastman Kodak C\x00" + struct.pack(p + "II", 600, 1)
    block += struct.pack(p + "H", 4)
    block += struct.pack(p + "HHII", 0x9003, 2, 4, 0)[:8] + b"1923"
    block += struct.pack(p + "HHII", 0x927C, 7, len(note), note_at)
    block += struct.pack(p + "HHII", 0xA002, 4, 1, 640)
    block += struct.pack(p + "HHII", 0xA003, 4, 1, 480) + bytes(4)
    return block + note


def exif_facts(block: bytes) -> dict[int, Any]:
    """What Pillow, an independent reader, finds in a block: first directory and Exif directory."""
    exif = Image.Exif()
    exif.load(block)
    return {**exif, **exif.get_ifd(0x8769)}


def profile(space: str, gamma: float) -> bytes:
    """An ICC profile: "RGB" with Adobe RGB's primaries or "GRAY"; a pure power curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    tags = {b"wtpt": _xyz(0.9642, 1.0, 0.8249)}
    if space == "GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
        tags[b"rXYZ"] = _xyz(0.60974, 0.31111, 0.01947)
        tags[b"gXYZ"] = _xyz(0.20528, 0.62567, 0.06087)
        tags[b"bXYZ"] = _xyz(0.14919, 0.06322, 0.74457)
    text = b"test\x00"
    tags[b"desc"] = b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)
    tags[b"cprt"] = b"text" + bytes(4) + text
    start = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    header = struct.pack(
        ">I4xI4s4s4s12x4s", size, 0x02400000, b"mntr", space.ljust(4).encode(), b"XYZ ", b"acsp"
    )
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + table + body


def _xyz(*values: float) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(v * 65536) for v in values))


def lut_profile() -> bytes:
    """A profile without matrix, as LittleCMS makes it: CIELAB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def png_bytes(
    samples: NDArray[Any], colour_type: int, *chunks: tuple[bytes, bytes], bits: int | None = None
) -> bytes:
    """A PNG of raw samples (H, W, C), unfiltered, with extra chunks before the data."""
    height, width = samples.shape[:2]
    depth = bits or samples.itemsize * 8
    rows = samples.astype(f">u{samples.itemsize}").reshape(height, -1)
    raw = b"".join(b"\x00" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts
    )


def pillow_bytes(samples: NDArray[Any] | Image.Image, name: str, **options: Any) -> bytes:
    """A file as Pillow writes it."""
    image = samples if isinstance(samples, Image.Image) else Image.fromarray(samples)
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def heic_bytes(samples: NDArray[Any], exif: bytes | None = None) -> bytes:
    """A HEIC file, 8 bits from uint8 and 10 bits from uint16 (H, W, 3), as good as it gets."""
    height, width = samples.shape[:2]
    mode = {(np.uint8, 2): "L", (np.uint8, 3): "RGB", (np.uint16, 3): "RGB;16"}[
        (samples.dtype.type, samples.ndim)
    ]
    buffer = io.BytesIO()
    file = pillow_heif.from_bytes(mode, (width, height), samples.tobytes())
    file.save(buffer, quality=-1, chroma=444, exif=exif)
    return buffer.getvalue()
