"""Decoding JPEG: the photograph, another of several in the file, or what is left of a damaged one.

libjpeg goes on after damage and makes up what is missing, hence nothing is decoded but strictly;
where that fails, what is harmless is taken away first, and then it is told how much is missing.
"""

from __future__ import annotations

import dataclasses
import io
import re
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.imageio import containers, exif, mending, xmp
from photochrom.imageio.decoders import (
    StoredPicture,
    from_pillow,
    is_someones_text,
)
from photochrom.imageio.options import (
    ReadOptions,
    check_page,
    check_size,
    mended_note,
    missing_pixels,
    page_note,
    salvage_note,
)

_MP_ENTRIES = 0xB002
_MP_TYPE, _MP_PRIMARY, _MP_UNDEFINED = 0xFFFFFF, 0x030000, 0
_MP_CLASS, _MP_FRAME = 0xFF0000, 0x020000
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MAX_CUTS = 16
_END_OF_IMAGE = b"\xff\xd9"
_MORE_DATA = b"\x55\xaa" * 32
"""Of pixels, any; without a marker in them."""
_PARTS = (8, 4, 2)
"""Of the sides, that are decoded for a preview."""


def decode_jpeg(data: bytes, options: ReadOptions) -> StoredPicture:
    """JPEG: grey, YCbCr, RGB, CMYK, YCCK with 8 bits; baseline or progressive; one of several."""
    header = containers.jpeg_header(data)
    check_size(header.width, header.height, options.max_pixels)
    if header.bits != 8:
        raise InputError(f"it is a JPEG of {header.bits} bits; only 8 are supported")
    pictures = _pictures(data, header)
    page = check_page(options.page, len(pictures), "pictures")
    if page > 1:
        start, end = pictures[page - 1]
        return decode_jpeg(data[start:end], dataclasses.replace(options, page=None))
    notes = page_note(options.page, len(pictures), "pictures")
    packet = header.xmp
    if packet is not None and header.xmp_parts:
        packet = xmp.merge(packet, b"".join(p for _, p in sorted(header.xmp_parts.items())))
    profile, alpha = header.icc, None
    if header.components == 4:
        from PIL import JpegImagePlugin  # of rare files alone

        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        samples, alpha, profile, remarks = from_pillow(image, profile)
    elif header.components in (1, 3):
        space = "GRAY" if header.components == 1 else "RGB"
        samples, remarks = _samples(data, header, space, options)
    else:
        raise InputError(f"it is a JPEG of {header.components} components; 1, 3 or 4 are supported")
    return StoredPicture(
        samples,
        alpha,
        header.exif,
        packet,
        profile,
        header.dpi,
        iptc=containers.iptc_datasets(header.photoshop),
        comments=tuple(filter(is_someones_text, header.comments)),
        notes=(*notes, *header.notes, *remarks),
    )


def picture_count(data: bytes) -> int:
    """How many photographs are in the file. Raises ValueError on a broken structure."""
    return len(_pictures(data, containers.jpeg_header(data)))


def _pictures(data: bytes, header: containers.JpegHeader) -> list[tuple[int, int]]:
    """Start and end of every photograph in the file, by its multi-picture index (CIPA DC-007).

    Its previews and gain maps are none.
    """
    alone = [(0, len(data))]
    if header.multi_picture is None:
        return alone
    index, origin = header.multi_picture
    try:
        directory = exif.read_directory(index)
    except ValueError:
        return alone
    entries = directory.values.get(_MP_ENTRIES)
    if entries is None:
        return alone
    records = entries.data[: len(entries.data) // 16 * 16]
    pictures = []
    for kind, size, offset, _ in struct.iter_unpack(directory.order + "IIII", records):
        start = origin + offset if offset else 0
        end = start + size if offset else len(data)
        if data[start : start + 2] == b"\xff\xd8" and _is_photograph(data[start:end], kind, header):
            pictures.append((start, end))
    return pictures if pictures and pictures[0][0] == 0 else alone


def _is_photograph(data: bytes, kind: int, first: containers.JpegHeader) -> bool:
    """Whether an entry of the index is one; where it does not say, if it has the first's size."""
    if kind & _MP_TYPE == _MP_UNDEFINED:
        try:
            header = containers.jpeg_header(data)
        except ValueError:
            return False
        return (header.height, header.width) == (first.height, first.width)
    return kind & _MP_TYPE == _MP_PRIMARY or kind & _MP_CLASS == _MP_FRAME


def _samples(
    data: bytes, header: containers.JpegHeader, space: str, options: ReadOptions
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Samples, and notes: of damage that was mended, or of what is missing."""
    if options.damage == "refuse" and header.defects:
        raise ValueError("; ".join(header.defects))
    try:
        samples = _decode(data, space, least=_least_size(header, options))
        remarks = mended_note(header.defects)
    except ValueError as error:
        if options.damage == "refuse":
            raise
        samples, remarks = _damaged_samples(data, header, space, options, error)
    return (samples[..., 0] if space == "GRAY" else samples), remarks


def _least_size(header: containers.JpegHeader, options: ReadOptions) -> tuple[int, int]:
    """Height and width that the samples have at least; (0, 0): all of them.

    libjpeg gives a half, quarter or eighth of a size from the low frequencies of each block alone;
    what lies between takes it as long as the whole.
    """
    longest = max(header.width, header.height)
    enough = longest if options.longest_px is None else options.longest_px
    for part in _PARTS:
        if -(-longest // part) >= enough:
            return -(-header.height // part), -(-header.width // part)
    return 0, 0


def _decode(
    data: bytes, space: str, *, strict: bool = True, least: tuple[int, int] = (0, 0)
) -> NDArray[Any]:
    """(H, W, C) uint8. least: as of `_least_size`. Raises ValueError."""
    try:
        return np.asarray(
            simplejpeg.decode_jpeg(
                data, space, strict=strict, min_height=least[0], min_width=least[1], min_factor=2
            )
        )
    except ValueError as error:
        if "subsampling level" not in str(error):
            raise
        return _decode_rare_sampling(data, space, strict=strict)


def _decode_rare_sampling(data: bytes, space: str, *, strict: bool) -> NDArray[Any]:
    """(H, W, C) uint8 of a JPEG whose sampling factors TurboJPEG does not know."""
    samples = _by_pillow(data, space)
    if strict and _made_up_share(samples):
        # A picture may end in flat blocks by itself: then it does without more data.
        end = data.find(_END_OF_IMAGE, containers.jpeg_header(data).scan)
        longer = data[:end] + _MORE_DATA + data[end:]
        if end < 0 or not np.array_equal(_by_pillow(longer, space), samples):
            raise ValueError("its pixel data end early")
    return samples


def _by_pillow(data: bytes, space: str) -> NDArray[Any]:
    """(H, W, C) uint8, with whatever libjpeg makes up. Raises ValueError."""
    from PIL import JpegImagePlugin

    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        samples = np.asarray(image.convert("L" if space == "GRAY" else "RGB"))
    except (OSError, SyntaxError) as error:
        raise ValueError(str(error)) from error
    return samples[..., None] if samples.ndim == 2 else samples


def _damaged_samples(
    data: bytes,
    header: containers.JpegHeader,
    space: str,
    options: ReadOptions,
    error: ValueError,
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Samples of a JPEG that libjpeg finds fault with, and notes."""
    core, scan, ended = mending.jpeg_core(data, header)
    defects = [*header.defects, *([] if ended else ["no end marker"])]
    try:
        samples, rubbish = _without_rubbish(core, scan, header, space)
    except ValueError as still:
        reason = str(still)
    else:
        if rubbish:
            defects.append("bytes without use among its pixels")
        unnamed = not (defects or header.notes)  # notes: of metadata that are damaged, too
        return samples, mended_note(["metadata that cannot be read"] if unnamed else defects)
    samples = _decode(core, space, strict=False)
    missing = _made_up_share(samples)
    if missing >= 1.0:
        raise InputError(
            f"its pixels are damaged ({reason}), and nothing of the picture can be salvaged"
        ) from error
    if options.damage == "salvage":
        note = f"its pixels are damaged ({reason}); what could be decoded was read"
        return samples, (salvage_note(missing) if missing else note,)
    if missing:
        raise missing_pixels(missing, reason) from error
    raise InputError(
        f"its pixels are damaged ({reason}); --damaged salvage colours what is there"
    ) from error


def _without_rubbish(
    core: bytes, scan: int, header: containers.JpegHeader, space: str
) -> tuple[NDArray[Any], bool]:
    """Samples, and whether something was cut out for them. Raises ValueError."""
    tried, message = core, ""
    candidates: Iterable[bytes] = [core]
    for cuts in range(_MAX_CUTS):
        for candidate in candidates:
            samples, failure = _decode_or_failure(candidate, space)
            if samples is not None:
                return samples, cuts > 0
            if failure != message:  # this cut has mended a place
                tried, message = candidate, failure
                break
        else:
            break
        left_over = _EXTRANEOUS.search(message)
        if left_over is None:
            break
        count, marker = int(left_over[1]), int(left_over[2], 16)
        shorter = mending.jpeg_without_surplus(tried, scan, header)
        if shorter is None:
            candidates = mending.jpeg_without_rubbish(tried, scan, count, marker)
        else:
            candidates = [shorter]
    raise ValueError(message)


def _decode_or_failure(data: bytes, space: str) -> tuple[NDArray[Any] | None, str]:
    """Samples, or why there are none."""
    try:
        return _decode(data, space), ""
    except ValueError as error:
        return None, str(error)


def _made_up_share(samples: NDArray[Any]) -> float:
    """The share of a JPEG that libjpeg had to make up: flat blocks, from the lower end.

    samples: (H, W, C) uint8. Returns [0, 1]; 0 where the last block holds a picture.
    """
    height, width = (side // 8 * 8 for side in samples.shape[:2])
    if not height or not width:
        return 0.0
    blocks = samples[:height, :width].reshape(height // 8, 8, width // 8, 8, -1)
    flat = (blocks == blocks[:, :1, :, :1]).all(axis=(1, 3, 4))
    filled = np.flatnonzero(~flat.ravel())
    last = int(filled[-1]) + 1 if filled.size else 0
    return 1.0 - last / float(flat.size)
