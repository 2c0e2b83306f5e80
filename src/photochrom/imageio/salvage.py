"""What is left of a file that is cut off, by libraries that read whole files only.

WebP, AVIF and HEIC have nothing in their data by which a library could tell where they stop to make
sense. So the file is filled up to its length, twice and with other bytes each time: where both
decodings agree, the picture is the file's own.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin, ImageFile

from photochrom.imageio.boxes import end_of_boxes
from photochrom.imageio.decoders import (
    StoredPicture,
    check_still,
    decode_webp,
    stored_still,
)
from photochrom.imageio.heif_decoders import decode_avif, decode_heic
from photochrom.imageio.options import ReadOptions

_FILLINGS = (b"\x00", b"\x80", b"\x55", b"\x01", b"\xb3\x27", b"\x33", b"\x5a\x3c\x11")
"""Bytes that fill a file up; some are no code in a format. 0xff is an end to many decoders."""
_MIN_SHARE = 0.01
"""Of a file; of less, nothing is read."""
_FILTER_PIXELS = 8
"""Before the first pixel that is made up, filters of blocks have touched as many."""
_BLOCK_PIXELS = 64
_MAX_FILLED_BYTES = 1 << 28
_GIF_BLOCK_BYTES = 256
_GIF_CODES, _GIF_MAX_BITS = 4096, 12
_GIF_PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))
"""First row and step of each pass of an interlaced GIF (GIF89a, appendix E)."""


class Remains(NamedTuple):
    """What is left of a picture."""

    stored: StoredPicture
    missing: float
    """Share of its pixels, [0, 1]; they are black."""


Salvager: TypeAlias = Callable[[bytes, ReadOptions], Remains]
"""Reads what is left of a file that its decoder fails on. Raises ValueError where nothing is, and
whatever decoders raise."""


def salvage_webp(data: bytes, options: ReadOptions) -> Remains:
    """The upper rows of a WebP."""
    return _decode_padded(data, 8 + int.from_bytes(data[4:8], "little"), options, decode_webp)


def salvage_avif(data: bytes, options: ReadOptions) -> Remains:
    """The upper rows of an AVIF."""
    return _decode_padded(data, end_of_boxes(data), options, decode_avif)


def salvage_heic(data: bytes, options: ReadOptions) -> Remains:
    """The upper rows of a HEIC, or what they are once it is turned; needs the extra "formats"."""
    place = data.find(b"irot")
    turns = data[place + 4] & 3 if 0 <= place < len(data) - 4 else 0
    if b"imir" in data:
        raise ValueError("it is mirrored, and where its beginning lies cannot be told")
    return _decode_padded(data, end_of_boxes(data), options, decode_heic, turns)


def salvage_gif(data: bytes, options: ReadOptions) -> Remains:
    """What a GIF says before its end; of an interlaced one the rows between are as those above."""
    whole_block = data + bytes(_GIF_BLOCK_BYTES)  # Pillow leaves a part of one alone
    image = GifImagePlugin.GifImageFile(io.BytesIO(whole_block))
    check_still(image, "GIF", options)
    _, extents, start, arguments = image.tile[0]
    if not isinstance(arguments, tuple) or extents is None or extents[2] <= extents[0]:
        raise ValueError("it has no pixels")
    rows = np.arange(image.height)
    order = rows
    if arguments[1]:
        order = np.concatenate([rows[first::step] for first, step in _GIF_PASSES])
    there = _gif_pixel_count(data[start:], int(arguments[0])) // (extents[2] - extents[0])
    load_part(image)
    stored, gone = stored_still(image), np.isin(rows, order[there:])
    if not arguments[1] or there < len(rows[:: _GIF_PASSES[0][1]]):
        return black_rows(stored, gone)
    nearest = np.maximum.accumulate(np.where(gone, 0, rows))
    stored.samples = np.ascontiguousarray(stored.samples[nearest])
    stored.alpha = None if stored.alpha is None else np.ascontiguousarray(stored.alpha[nearest])
    return Remains(stored, float(gone.mean()))


def _gif_pixel_count(data: bytes, bits: int) -> int:
    """How many pixels the codes of a GIF stand for, up to the last one that is there.

    data: sub-blocks, each after its length. bits: of a pixel (GIF89a, appendix F).
    """
    blocks, position = [], 0
    while position < len(data) and data[position]:
        blocks.append(data[position + 1 : position + 1 + data[position]])
        position += 1 + data[position]
    packed = b"".join(blocks)
    clear = 1 << bits
    lengths = [1] * clear + [0, 0]
    width, before, count = bits + 1, 0, 0
    buffer = buffered = 0
    for byte in packed:
        buffer |= byte << buffered
        buffered += 8
        while buffered >= width:
            code = buffer & ((1 << width) - 1)
            buffer >>= width
            buffered -= width
            if code == clear:
                del lengths[clear + 2 :]
                width, before = bits + 1, 0
                continue
            if code == clear + 1 or code > len(lengths):
                return count
            if before and len(lengths) < _GIF_CODES:
                lengths.append(before + 1)
                if len(lengths) == 1 << width and width < _GIF_MAX_BITS:
                    width += 1
            elif code == len(lengths):
                return count
            before = lengths[code]
            count += before
    return count


def load_part(image: ImageFile.ImageFile) -> None:
    """Have Pillow decode as far as it comes; what it has then stays in the image."""
    try:
        image.load()
    except (OSError, ValueError):
        image.tile = []


def black_rows(stored: StoredPicture, gone: NDArray[np.bool_], quarter_turns: int = 0) -> Remains:
    """The picture with rows that are not there in black, and opaque.

    gone: (rows,) of the picture as it was before quarter turns, anticlockwise.
    Raises ValueError where no row is left.
    """
    if gone.all():
        raise ValueError("nothing of its picture is there")
    if gone.any():
        stored.samples = _with_rows(stored.samples, gone, 0, quarter_turns)
        if stored.alpha is not None:
            top = int(np.iinfo(stored.alpha.dtype).max)
            stored.alpha = _with_rows(stored.alpha, gone, top, quarter_turns)
    return Remains(stored, float(gone.mean()))


def _with_rows(
    plane: NDArray[Any], rows: NDArray[np.bool_], value: int, quarter_turns: int
) -> NDArray[Any]:
    turned = np.rot90(plane, -quarter_turns).copy()
    turned[rows] = value
    return np.ascontiguousarray(np.rot90(turned, quarter_turns))


def _decode_padded(
    data: bytes,
    length: int,
    options: ReadOptions,
    decode: Callable[[bytes, ReadOptions], StoredPicture],
    quarter_turns: int = 0,
) -> Remains:
    """What is there of a file that should be ``length`` bytes long.

    quarter_turns: by which the decoder turns the picture, anticlockwise.
    """
    short = length - len(data)
    if short <= 0:
        raise ValueError("none of its bytes are missing, but some are wrong")
    if len(data) < _MIN_SHARE * length or length > _MAX_FILLED_BYTES:
        raise ValueError("nearly all of it is missing")
    readings: list[StoredPicture] = []
    failure: Exception | None = None
    for filling in _FILLINGS:
        try:
            readings.append(decode(data + (filling * short)[:short], options))
        except Exception as error:  # noqa: BLE001  # what decoders raise is unbounded
            failure = error
        if len(readings) == 2:
            break
    if len(readings) < 2:
        raise ValueError("no part of its picture can be decoded") from failure
    return _agreement(readings[0], readings[1], quarter_turns)


def _agreement(stored: StoredPicture, other: StoredPicture, quarter_turns: int) -> Remains:
    """The rows above the first on which two decodings differ, or give up in the same way."""
    different = np.rot90(_differs(stored, other), -quarter_turns)
    rows: NDArray[np.bool_] = np.any(different, axis=1)
    count = len(rows)
    there = max(int(np.argmax(rows)) - _FILTER_PIXELS, 0) if rows.any() else count
    there = min(there, _first_empty_row(np.rot90(stored.samples, -quarter_turns)))
    return black_rows(stored, np.arange(count) >= there, quarter_turns)


def _first_empty_row(samples: NDArray[Any]) -> int:
    """The row from which on down to the last there are blocks of nothing; the height: none.

    So libheif leaves tiles that it cannot decode.
    """
    height, width = int(samples.shape[0]), int(samples.shape[1])
    high, wide = height // _BLOCK_PIXELS, width // _BLOCK_PIXELS
    if not high or not wide:
        return height
    top = height - high * _BLOCK_PIXELS
    blocks = samples[top:, : wide * _BLOCK_PIXELS].reshape(
        high, _BLOCK_PIXELS, wide, _BLOCK_PIXELS, -1
    )
    whole_rows: NDArray[np.bool_] = np.all(np.any(blocks, axis=(1, 3, 4)), axis=1)
    filled = np.flatnonzero(whole_rows)
    last = int(filled[-1]) + 1 if filled.size else 0
    if last == high:
        return height
    return top + last * _BLOCK_PIXELS if last else 0


def _differs(stored: StoredPicture, other: StoredPicture) -> NDArray[np.bool_]:
    """(H, W) of where two pictures differ. Raises ValueError for other sizes."""
    if stored.samples.shape != other.samples.shape:
        raise ValueError("no part of its picture can be decoded")
    different: NDArray[np.bool_] = np.not_equal(stored.samples, other.samples)
    if different.ndim == 3:
        different = np.any(different, axis=2)
    if stored.alpha is not None and other.alpha is not None:
        different |= stored.alpha != other.alpha
    return different
