"""Decoding Photoshop's documents (PSD, PSB): the picture of all layers together.

Source: Adobe Photoshop File Formats Specification (2019).
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photochrom.errors import InputError, requires_extra
from photochrom.imageio import containers
from photochrom.imageio.decoders import StoredPicture, from_pillow
from photochrom.imageio.options import ReadOptions, check_page, check_size

_MODES = {
    0: "bitmap",
    1: "grey",
    2: "indexed",
    3: "RGB",
    4: "CMYK",
    7: "multichannel",
    8: "duotone",
    9: "Lab",
}
_COLORS = {1: 1, 2: 1, 3: 3, 4: 4, 8: 1}
_ICC, _EXIF, _XMP, _RESOLUTION, _VERSION_INFO, _IPTC = 1039, 1058, 1060, 1005, 1057, 1028
_RAW, _PACK_BITS, _ZIP, _ZIP_WITH_PREDICTION = range(4)


class _Header(NamedTuple):
    big: bool
    channels: int
    height: int
    width: int
    bits: int
    mode: int


def decode_psd(data: bytes, options: ReadOptions) -> StoredPicture:
    """PSD and PSB with 8 or 16 bits: grey, duotone, indexed, RGB, CMYK; needs "formats"."""
    version, channels, height, width, bits, mode = struct.unpack_from(">H6xHIIHH", data, 4)
    header = _Header(version == 2, channels, height, width, bits, mode)
    check_size(width, height, options.max_pixels)
    check_page(options.page, 1)
    if mode not in _COLORS or bits not in (8, 16):
        raise InputError(
            f"its pixels are of the kind {_MODES.get(mode, mode)} with {bits} bits; save it as RGB "
            "or grey with 8 or 16 bits"
        )
    palette, position = _section(data, 26)
    blocks, position = _section(data, position)
    resources = containers.photoshop_resources(blocks)
    if resources.get(_VERSION_INFO, b"\0\0\0\0\1")[4:5] == b"\0":
        raise InputError(
            "it was saved without the picture of all layers together; save it with maximum "
            "compatibility, or as TIFF"
        )
    layers, position = _section(data, position, "Q" if header.big else "I")
    planes = _planes(data, position, header)
    colors = _COLORS[mode]
    alpha = None
    notes: tuple[str, ...] = ()
    if channels > colors:
        if _is_transparent(layers, header):
            alpha = np.ascontiguousarray(planes[colors])
        else:
            notes = ("a channel beside its colours is not transparency and was left out",)
    profile = resources.get(_ICC)
    if mode == 2:
        colors_of = np.frombuffer(palette[:768], np.uint8).reshape(3, 256).T
        samples = colors_of[planes[0]]
    elif mode == 4:
        eight = 255 - (planes[:4] >> (bits - 8)).astype(np.uint8)
        ink = Image.fromarray(np.ascontiguousarray(np.moveaxis(eight, 0, -1)), "CMYK")
        samples, _, profile, remarks = from_pillow(ink, profile)
        alpha = None if alpha is None else (alpha >> (bits - 8)).astype(np.uint8)
        notes += remarks + (("16 bits per channel were read as 8",) if bits == 16 else ())
    else:
        samples = planes[0] if colors == 1 else np.moveaxis(planes[:3], 0, -1)
    return StoredPicture(
        np.ascontiguousarray(samples),
        alpha,
        resources.get(_EXIF),
        resources.get(_XMP),
        profile,
        _resolution(resources.get(_RESOLUTION, b"")),
        iptc=resources.get(_IPTC),
        orientation=1,
        notes=notes,
    )


def _section(data: bytes, position: int, code: str = "I") -> tuple[bytes, int]:
    """A section with its length before it, and where the next begins."""
    (length,) = struct.unpack_from(">" + code, data, position)
    start = position + struct.calcsize(code)
    if start + length > len(data):
        raise ValueError("the file is truncated")
    return data[start : start + length], start + length


def _is_transparent(layers: bytes, header: _Header) -> bool:
    """Whether the first channel beside the colours is the transparency of the whole."""
    if header.mode == 4 and not layers:
        return False
    size = 8 if header.big else 4
    count = struct.unpack_from(">h", layers, size)[0] if len(layers) >= size + 2 else 0
    return bool(count < 0)


def _planes(data: bytes, position: int, header: _Header) -> NDArray[Any]:
    """(channels, H, W) uint8 or uint16. Raises ValueError if some are missing."""
    (compression,) = struct.unpack_from(">H", data, position)
    position += 2
    dtype = np.dtype(">u2" if header.bits == 16 else "u1")
    size = header.channels * header.height * header.width * dtype.itemsize
    if compression == _RAW:
        raw = data[position : position + size]
    elif compression == _PACK_BITS:
        with requires_extra("formats", "reading a Photoshop document"):
            import imagecodecs
        rows = header.channels * header.height
        start = position + rows * (4 if header.big else 2)
        raw = bytes(imagecodecs.packbits_decode(data[start:]))
    else:
        raise InputError(f"its pixels are packed in a way ({compression}) that is not supported")
    if len(raw) < size:
        raise ValueError("the file is truncated")
    planes = np.frombuffer(raw[:size], dtype).astype(dtype.newbyteorder("="))
    return planes.reshape(header.channels, header.height, header.width)


def _resolution(info: bytes) -> tuple[float, float] | None:
    """Pixels per inch: two fixed-point numbers, each before its units."""
    if len(info) < 16:
        return None
    x, y = struct.unpack_from(">I4xI", info)
    return (x / 65536, y / 65536) if x and y else None
