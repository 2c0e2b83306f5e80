"""Decoding TIFF: three libraries share it, since none reads all of it rightly.

Pillow reads every layout with up to 8 bits, and 16-bit grey, but cuts 16-bit RGB to 8. OpenCV
keeps 16-bit RGB, but returns garbage for separate colour planes, turns the picture by itself and
does not invert "white is zero". tifffile (an extra) reads the separate planes.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import exif, tiff
from photochrom.imageio.decoders import (
    Decoded,
    check_size,
    first_of,
    from_pillow,
    opencv_samples,
    widen,
)

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 256, 257, 258, 262
_SAMPLES, _PLANES, _EXTRA, _SAMPLE_FORMAT = 277, 284, 338, 339
_WHITE_IS_ZERO, _RGB = 0, 2
_REDUCED_OR_MASK = 1 | 4
_SEPARATE_PLANES = 2
_PREMULTIPLIED = 1


def decode_tiff(data: bytes, max_pixels: int) -> Decoded:
    """TIFF with 1 to 16 bits: grey, palette, RGB, CMYK; the first page of several."""
    if data[2:4] in (b"+\x00", b"\x00+"):
        raise InputError("it is a BigTIFF; save it as an ordinary TIFF")
    directory = exif.read_directory(data)
    facts = {tag: exif.integers(directory, tag) for tag in directory.values}

    def fact(tag: int, default: int) -> int:
        return next(iter(facts.get(tag, ())), default)

    check_size(fact(_WIDTH, 0), fact(_HEIGHT, 0), max_pixels)
    orientation = fact(exif.ORIENTATION, 1)
    if orientation != 1:
        data = _without_orientation(data, directory)
    bits = max(facts.get(_BITS, (1,)), default=1)
    if set(facts.get(_SAMPLE_FORMAT, (1,))) - {1} or bits > 16:
        raise InputError(
            f"its samples are of {bits} bits, signed or floating-point; save it with 8 or 16 bits"
        )
    notes = first_of(_pages(data), "pages")
    profile = tiff.icc_of(directory)
    alpha = None
    if bits > 8 and fact(_SAMPLES, 1) >= 3 and fact(_PHOTOMETRIC, _RGB) == _RGB:
        if fact(_PLANES, 1) == _SEPARATE_PLANES:
            samples, alpha = _tifffile_samples(data)
        else:
            samples, alpha = opencv_samples(data)
        if samples.dtype != np.uint16:
            raise InputError(f"its {bits} bits per channel cannot be decoded; save it with 16")
        samples = samples if bits == 16 else widen(samples, bits)
        if alpha is not None and fact(_EXTRA, 0) == _PREMULTIPLIED:
            samples = _divide_by_alpha(samples, alpha)
    else:
        with TiffImagePlugin.TiffImageFile(io.BytesIO(data)) as image:
            if image.mode.startswith("I;16"):
                samples = np.asarray(image).astype(np.uint16)
                samples = samples if bits == 16 else widen(samples, bits)
                if fact(_PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
                    samples = 65535 - samples
            else:
                samples, alpha, profile, more = from_pillow(image, profile)
                notes += more
                if bits > 8:
                    notes += (f"{bits} bits per channel were read as 8",)
    return Decoded(
        samples,
        alpha,
        tiff.exif_of(data),
        tiff.xmp_of(directory),
        profile,
        exif.resolution(data),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        notes=notes,
    )


def _without_orientation(data: bytes, directory: exif.Directory) -> bytes:
    """The file with orientation 1, so that no library turns the picture by itself."""
    fixed = bytearray(data)
    position = directory.positions[exif.ORIENTATION]
    struct.pack_into(directory.order + "HIHH", fixed, position + 2, exif.SHORT, 1, 1, 0)
    return bytes(fixed)


def _pages(data: bytes) -> int:
    """The number of full pictures; previews and masks do not count."""
    pages, offset = 0, None
    seen: set[int | None] = set()
    while offset != 0 and offset not in seen and len(seen) < 10_000:
        seen.add(offset)
        try:
            directory = exif.read_directory(data, offset)
        except ValueError:
            break  # a broken chain after the first page harms nothing that is read
        pages += not (exif.first_integer(directory, _SUBFILE) or 0) & _REDUCED_OR_MASK
        offset = directory.next
    return pages


def _tifffile_samples(data: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    try:
        import tifffile
    except ImportError as error:
        raise MissingDependencyError(
            "reading 16-bit TIFF with separate colour planes needs an optional package: "
            "pip install photochrom[formats]"
        ) from error
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        planes = np.moveaxis(file.pages[0].asarray(), 0, -1)
    alpha = np.ascontiguousarray(planes[..., 3]) if planes.shape[2] > 3 else None
    return np.ascontiguousarray(planes[..., :3]), alpha


def _divide_by_alpha(rgb: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    quotient = rgb.astype(np.uint64) * 65535 // np.maximum(alpha, 1)[..., None]
    return np.asarray(np.minimum(quotient, 65535).astype(np.uint16))
