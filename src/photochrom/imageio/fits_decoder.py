"""Decoding FITS, in which telescopes store what they measured, by astropy.

Source: the FITS standard 4.0 (IAU, 2018). Its first row is the lowest one of the picture.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, requires_extra
from photochrom.imageio.decoders import StoredPicture, StoredValues, show_values
from photochrom.imageio.options import ReadOptions, check_page, check_size, page_note

_PURPOSE = "reading FITS"
_PSEUDO_COLOR = (
    "colours that are given to an exposure are pseudo-colour, and say nothing of stars or gas"
)
_SHOWN_PERCENTILES = (0.5, 99.5)
"""What becomes black and white. A star has a thousand times the light of the sky around it, and a
picture from the least to the largest value would be black but for some points."""
_BYTE_BITS = 8
_STORED = (("BITPIX", 0), ("BSCALE", 1), ("BZERO", 0))
"""What tells how a value is stored, and what holds where it does not."""


def decode_fits(data: bytes, options: ReadOptions) -> StoredPicture:
    """A plane of a FITS file as 16-bit grey; needs the extra "science".

    Bytes stay what they are. Other numbers are shown from their 0.5th to their 99.5th percentile,
    and a note tells from which to which.
    """
    with _open(data) as images:
        plane, count, is_bytes = _plane(images, options)
        values = _upright(plane)
    notes = page_note(options.page, count, "planes")
    pixels, how = _show(values, is_bytes=is_bytes)
    return StoredPicture(pixels, orientation=1, notes=(*notes, *how, _PSEUDO_COLOR))


def fits_values(data: bytes, options: ReadOptions) -> StoredValues:
    """The values of a plane in the file's own unit; needs the extra "science"."""
    with _open(data) as images:
        plane, count, _ = _plane(images, options)
        return StoredValues(_upright(plane), page_note(options.page, count, "planes"))


def plane_count(data: bytes) -> int:
    """How many planes of two axes its images have together; needs the extra "science"."""
    with _open(data) as images:
        return sum(_image_planes(image) for image in images)


@contextmanager
def _open(data: bytes) -> Iterator[list[Any]]:
    """The parts of a file that are images of two axes or more. Raises InputError."""
    with requires_extra("science", _PURPOSE):
        from astropy.io import fits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that others wrote; damage is told below
        with fits.open(io.BytesIO(data), memmap=False) as parts:
            images = [part for part in parts if part.is_image and _image_planes(part)]
            if not images:
                raise InputError("it holds tables or spectra, and no image")
            last = parts[-1].fileinfo()
            missing = last["datLoc"] + last["datSpan"] - len(data)
            if missing > 0:
                raise InputError(
                    f"the FITS data are damaged ({missing} of its {missing + len(data)} bytes are "
                    "missing at the end)"
                )
            yield images


def _image_planes(image: Any) -> int:
    shape = image.shape
    return math.prod(shape[:-2]) if len(shape) >= 2 and 0 not in shape else 0


def _plane(images: list[Any], options: ReadOptions) -> tuple[NDArray[Any], int, bool]:
    """The plane to read, how many there are, and whether its values are bytes as they are stored:
    not those that stand for others, by BZERO for signed ones, say.
    """
    counts = [_image_planes(image) for image in images]
    number = check_page(options.page, sum(counts), "planes") - 1
    for image, count in zip(images, counts):
        if number < count:
            height, width = image.shape[-2:]
            check_size(width, height, options.max_pixels)
            stored = [image.header.get(*key) for key in _STORED]
            plane = image.data.reshape(count, height, width)[number]
            return plane, sum(counts), stored == [_BYTE_BITS, 1, 0]
        number -= count
    raise AssertionError("check_page has let a page through that is not there")


def _upright(plane: NDArray[Any]) -> NDArray[np.float32]:
    """(H, W) of any kind of number to float32, the first row on top; what is no number is NaN."""
    values = plane[::-1].astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    if np.isnan(values).all():
        raise InputError("none of its values is a number: nothing was measured in this plane")
    return np.ascontiguousarray(values)


def _show(
    values: NDArray[np.float32], *, is_bytes: bool
) -> tuple[NDArray[np.uint8] | NDArray[np.uint16], tuple[str, ...]]:
    """Values as grey (H, W), and in words how they became it."""
    if is_bytes and np.isfinite(values).all():
        return np.rint(values).astype(np.uint8), ()
    low, high = _shown_range(values)
    how = (
        f"its values from {low:.6g} to {high:.6g} are shown as black to white; photochrom combine "
        "stretches them otherwise"
    )
    return show_values(values, low, high), (how,)


def _shown_range(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = (float(edge) for edge in np.nanpercentile(values, _SHOWN_PERCENTILES))
    if low == high:  # a few points on an even ground
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return low, high
