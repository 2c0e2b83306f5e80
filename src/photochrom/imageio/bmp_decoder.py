"""Decoding Windows bitmaps: those whose pixels have masks here, all others by Pillow.

Pillow knows the usual masks only, and of pixels of 16 bits none for alpha.

Source: Windows, BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER.
"""

from __future__ import annotations

import io
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin

from photochrom.errors import InputError
from photochrom.imageio.decoders import StoredPicture, check_still, decode_still, stored_still
from photochrom.imageio.options import ReadOptions, check_page, check_size
from photochrom.imageio.salvage import Remains, black_rows, load_part

_BITFIELDS, _ALPHA_BITFIELDS = 3, 6
_V3_BYTES, _V5_BYTES = 56, 124
"""Of headers, from which on they have a mask for alpha; and may have a profile."""
_HEADER = 14
"""Where the header begins, after the file's own."""
_MASKED_BITS = (16, 32)
_EMBEDDED = b"DEBM"
_INCHES_PER_M = 39.3701


class _MaskedBitmap(NamedTuple):
    """A bitmap of which masks say what is red, green, blue and alpha; 0: there is none."""

    width: int
    height: int
    """Below 0 where the upper row is the first."""
    bits: int
    masks: tuple[int, ...]
    start: int
    """Of the pixels in the file."""

    @property
    def row_bytes(self) -> int:
        return -(-self.width * self.bits // 32) * 4


def decode_bmp(data: bytes, options: ReadOptions) -> StoredPicture:
    """Windows bitmap of 1 to 32 bits a pixel."""
    bitmap = _find_masks(data)
    if bitmap is not None:
        check_page(options.page, 1)
        check_size(bitmap.width, abs(bitmap.height), options.max_pixels)
        stored = _masked_samples(data, bitmap)
    else:
        try:
            image = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
        except OSError as error:
            if "Unsupported" in str(error):
                raise InputError(f"it is a rare kind of BMP ({error}); save it as PNG") from error
            raise
        stored = decode_still(image, "BMP", options)
    stored.icc = _profile(data)
    return stored


def salvage_bmp(data: bytes, options: ReadOptions) -> Remains:
    """The rows of a bitmap that are there, mostly the lower ones."""
    bitmap = _find_masks(data)
    if bitmap is not None:
        check_size(bitmap.width, abs(bitmap.height), options.max_pixels)
        height, from_below = abs(bitmap.height), bitmap.height > 0
        there = max(len(data) - bitmap.start, 0) // bitmap.row_bytes
        whole = data.ljust(bitmap.start + bitmap.row_bytes * height, b"\x00")
        stored = _masked_samples(whole, bitmap)
    else:
        image = BmpImagePlugin.BmpImageFile(io.BytesIO(data))
        check_still(image, "BMP", options)
        codec, _, start, arguments = image.tile[0]
        if codec != "raw" or not isinstance(arguments, tuple) or len(arguments) < 2:
            raise ValueError("its rows are packed")
        height, from_below = image.height, len(arguments) > 2 and arguments[2] == -1
        there = max(len(data) - start, 0) // max(int(arguments[1]), 1)
        load_part(image)
        stored = stored_still(image)
    rows = np.arange(height)
    return black_rows(stored, (rows[::-1] if from_below else rows) >= there)


def _find_masks(data: bytes) -> _MaskedBitmap | None:
    """Where a bitmap's pixels and their masks are; None where it has none that make sense."""
    start, header_bytes, width, height, _, bits, compression = struct.unpack_from(
        "<IIiiHHI", data, 10
    )
    if header_bytes < 40 or compression not in (_BITFIELDS, _ALPHA_BITFIELDS):
        return None
    masks = list(struct.unpack_from("<3I", data, _HEADER + 40))
    if header_bytes >= _V3_BYTES or compression == _ALPHA_BITFIELDS:
        masks += struct.unpack_from("<I", data, _HEADER + 52)
    if bits not in _MASKED_BITS or not any(masks):
        return None
    if not all(masks[:3]) or max(masks) >> bits or not all(map(_is_one_run, masks)):
        raise ValueError("its masks make no sense")
    return _MaskedBitmap(width, height, bits, tuple(masks), start)


def _is_one_run(mask: int) -> bool:
    """Whether the bits of a mask stand side by side."""
    top = mask >> _shift(mask)
    return not top & (top + 1)


def _shift(mask: int) -> int:
    return max(0, (mask & -mask).bit_length() - 1)


def _masked_samples(data: bytes, bitmap: _MaskedBitmap) -> StoredPicture:
    height = abs(bitmap.height)
    stored = np.frombuffer(data, np.uint8, bitmap.row_bytes * height, bitmap.start)
    pixels = stored.reshape(height, bitmap.row_bytes).view(f"<u{bitmap.bits // 8}")
    pixels = pixels[:, : bitmap.width]
    if bitmap.height > 0:
        pixels = pixels[::-1]
    is_deep = any((mask >> _shift(mask)) > 255 for mask in bitmap.masks)
    dtype = np.uint16 if is_deep else np.uint8
    planes = [_mask_values(pixels, mask, dtype) for mask in bitmap.masks if mask]
    # A mask for alpha that no pixel has a bit of is a mistake of its program: viewers show such a
    # picture, of which nothing would be seen.
    alpha = planes[3] if len(planes) > 3 and planes[3].any() else None
    across, down = struct.unpack_from("<ii", data, _HEADER + 24)
    dpi = (across / _INCHES_PER_M, down / _INCHES_PER_M) if across > 0 and down > 0 else None
    return StoredPicture(np.dstack(planes[:3]), alpha, dpi=dpi)


def _mask_values(
    pixels: NDArray[Any], mask: int, dtype: type[np.uint8] | type[np.uint16]
) -> NDArray[Any]:
    """The bits of a mask, stretched to the range of a dtype."""
    shift = _shift(mask)
    values = ((pixels & mask) >> shift).astype(np.float64)
    return np.rint(values * (float(np.iinfo(dtype).max) / (mask >> shift))).astype(dtype)


def _profile(data: bytes) -> bytes | None:
    """The ICC profile in the file; None where it has none, or names one outside."""
    (header_bytes,) = struct.unpack_from("<I", data, _HEADER)
    if header_bytes < _V5_BYTES or data[_HEADER + 56 : _HEADER + 60] != _EMBEDDED:
        return None
    place, size = struct.unpack_from("<II", data, _HEADER + 112)
    return data[_HEADER + place : _HEADER + place + size] or None
