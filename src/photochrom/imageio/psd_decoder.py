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
from photochrom.imageio.salvage import Remains, black_rows

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
_RGB_MODE = 3
_RED_ALONE = "its green and blue are missing, or a part of them, and were taken as its red"
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
    return _decode(data, options)[0]


def salvage_psd(data: bytes, options: ReadOptions) -> Remains:
    """The rows of a document that are there; its colours lie in planes one after the other."""
    stored, gone = _decode(data, options, whole=False)
    return black_rows(stored, gone)


def _decode(
    data: bytes, options: ReadOptions, *, whole: bool = True
) -> tuple[StoredPicture, NDArray[np.bool_]]:
    """The picture, and (H,) which rows are not there; none of them where it must be whole."""
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
    colors = _COLORS[mode]
    planes, there = _planes(data, position, header, min(channels, colors + 1), whole=whole)
    alpha = None
    gone = _missing_rows(planes, there, header)
    notes: tuple[str, ...] = () if there[:colors].all() or mode != _RGB_MODE else (_RED_ALONE,)
    if channels > colors:
        if _is_transparent(layers, header):
            alpha = np.ascontiguousarray(planes[colors])
        else:
            notes += ("a channel beside its colours is not transparency and was left out",)
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
    stored = StoredPicture(
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
    return stored, gone


def _missing_rows(
    planes: NDArray[Any], there: NDArray[np.bool_], header: _Header
) -> NDArray[np.bool_]:
    """(H,) which rows of the colours are missing; what else is, is put into ``planes``.

    there: (channels, H). Green and blue are taken as red where only that is there, as it is in
    black-and-white pictures; transparency as none.
    """
    colors = _COLORS[header.mode]
    planes[colors:][~there[colors:]] = np.iinfo(planes.dtype).max
    if header.mode == _RGB_MODE:
        for plane, rows in zip(planes[1:3], there[1:3]):
            plane[~rows] = planes[0][~rows]
        colors = 1
    whole: NDArray[np.bool_] = np.all(there[:colors], axis=0)
    return np.logical_not(whole)


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


def _planes(
    data: bytes, position: int, header: _Header, count: int, *, whole: bool
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """(count, H, W) uint8 or uint16 of the first channels, and (count, H) which rows are there.

    Raises ValueError if some are missing and it must be whole.
    """
    (compression,) = struct.unpack_from(">H", data, position)
    position += 2
    dtype = np.dtype(">u2" if header.bits == 16 else "u1")
    rows, row_bytes = count * header.height, header.width * dtype.itemsize
    all_rows, size = header.channels * header.height, rows * row_bytes
    if compression == _RAW:
        raw, end = data[position : position + size], position + all_rows * row_bytes
    elif compression == _PACK_BITS:
        with requires_extra("formats", "reading a Photoshop document"):
            import imagecodecs
        code = np.dtype(">u4" if header.big else ">u2")
        start = position + all_rows * code.itemsize
        lengths = np.frombuffer(data[position:start], code)
        end = start + int(lengths.sum())
        if whole:
            packed = data[start : start + int(lengths[:rows].sum())]
            raw = bytes(imagecodecs.packbits_decode(packed))
        else:
            raw = _unpacked_rows(data, start, lengths[:rows], row_bytes)
    else:
        raise InputError(f"its pixels are packed in a way ({compression}) that is not supported")
    if whole and (len(raw) < size or len(data) < end):
        raise ValueError("the file is truncated")
    planes = np.frombuffer(raw[:size].ljust(size, b"\x00"), dtype)
    planes = planes.astype(dtype.newbyteorder("=")).reshape(count, header.height, header.width)
    there = np.arange(rows) < len(raw) // row_bytes
    return planes, there.reshape(count, header.height)


def _unpacked_rows(data: bytes, start: int, lengths: NDArray[Any], row_bytes: int) -> bytes:
    """The rows that can be unpacked, up to the first that cannot. lengths: of each, packed."""
    import imagecodecs

    unpacked = []
    for length in lengths.tolist():
        packed = data[start : start + length]
        start += length
        try:
            row = bytes(imagecodecs.packbits_decode(packed)) if len(packed) == length else b""
        except imagecodecs.PackbitsError:
            break
        if len(row) != row_bytes:
            break
        unpacked.append(row)
    return b"".join(unpacked)


def _resolution(info: bytes) -> tuple[float, float] | None:
    """Pixels per inch: two fixed-point numbers, each before its units."""
    if len(info) < 16:
        return None
    x, y = struct.unpack_from(">I4xI", info)
    return (x / 65536, y / 65536) if x and y else None
