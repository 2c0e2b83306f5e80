"""Decoding AVIF and HEIC, the two formats in HEIF containers, with up to 12 bits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin

from photochrom.errors import InputError, requires_extra
from photochrom.imageio import color_description
from photochrom.imageio.boxes import end_of_boxes
from photochrom.imageio.color_description import ColorDescription
from photochrom.imageio.decoders import (
    StoredPicture,
    decode_still,
    divide_by_alpha,
    opencv_samples,
    widen,
)
from photochrom.imageio.options import ReadOptions, check_page, check_size, page_note

_ADVICE = "convert it to TIFF or PNG"
_SAME_CODES = 2.0
"""Largest mean difference, in codes of 8 bits, of two decoders that read the same samples."""


def decode_avif(data: bytes, options: ReadOptions) -> StoredPicture:
    """AVIF; 10 and 12 bits are kept as 16."""
    description = color_description.heif_description(data)
    color_description.check_not_hdr(description)
    stored = decode_still(AvifImagePlugin.AvifImageFile(io.BytesIO(data)), "AVIF", options)
    bits = _av1_bits(data)
    if bits > 8:
        _deepen(stored, data, bits)
    if stored.icc is None:
        stored.profile = color_description.named_profile(description)
    return stored


def _deepen(stored: StoredPicture, data: bytes, bits: int) -> None:
    """Put the samples of more than 8 bits in the place of those of 8, which Pillow has decoded.

    OpenCV leaves the samples of grey pictures in the range that the file has: what it decodes is
    taken as it agrees with the 8 bits, from libavif; where it does not, those stay.
    """
    try:
        samples, alpha = opencv_samples(data)
    except InputError:
        samples, alpha = stored.samples, None
    if samples.dtype == np.uint16 and samples.shape[:2] == stored.samples.shape[:2]:
        readings = (widen(samples, bits), color_description.expand_range(samples, bits))
        differences = [_mean_difference(reading, stored.samples) for reading in readings]
        if min(differences) <= _SAME_CODES:
            stored.samples = readings[int(np.argmin(differences))]
            stored.alpha = None if alpha is None else widen(alpha, bits)
            return
    stored.notes += (f"{bits} bits per channel were read as 8",)


def _mean_difference(deep: NDArray[Any], shown: NDArray[Any]) -> float:
    """Between (H, W) or (H, W, 3) uint16 and the same picture in uint8, in codes of 8 bits."""
    if deep.ndim > shown.ndim:
        shown = shown[..., None]
    elif deep.ndim < shown.ndim:
        shown = shown[..., 0]
    return float(np.abs(deep.astype(np.float32) / np.float32(257) - shown).mean())


def _av1_bits(data: bytes) -> int:
    """Bits per channel by the AV1 configuration box (AV1-ISOBMFF, section 2.3)."""
    place = data.find(b"av1C", 0, 1 << 16)
    flags = data[place + 6] if 0 <= place < len(data) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def decode_heic(data: bytes, options: ReadOptions) -> StoredPicture:
    """HEIC, one picture of it; needs the extra "formats". libheif applies the rotation itself."""
    with requires_extra("formats", "reading HEIC"):
        import pillow_heif
    if end_of_boxes(data) > len(data):  # libheif leaves tiles that are not there black
        raise ValueError("the file ends early")
    with _unread_kinds():
        container = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    if not len(container):
        raise InputError(f"it holds no picture that is coded as HEVC; {_ADVICE}")
    page = check_page(options.page, len(container), "pictures")
    image = container if options.page is None else container[page - 1]
    width, height = image.size
    check_size(width, height, options.max_pixels)
    info: dict[str, Any] = dict(image.info)
    description = _description(info)
    color_description.check_not_hdr(description)
    with _unread_kinds():
        pixels = np.asarray(image)
    bits = int(info.get("bit_depth", 8))
    if pixels.dtype == np.uint16:
        pixels = widen(pixels >> (16 - bits), bits)  # libheif's bits are the upper ones
    alpha = None
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(pixels[..., -1])
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
        if image.premultiplied_alpha:
            pixels = divide_by_alpha(pixels, alpha)
    return StoredPicture(
        np.ascontiguousarray(pixels),
        alpha,
        info.get("exif"),
        info.get("xmp"),
        info.get("icc_profile"),
        profile=None if info.get("icc_profile") else color_description.named_profile(description),
        orientation=1,
        notes=page_note(options.page, len(container), "pictures"),
    )


def _description(info: dict[str, Any]) -> ColorDescription | None:
    """Of the picture itself; a file may say something else of a gain map or thumbnail beside it."""
    nclx = info.get("nclx_profile")
    if nclx is None:
        return None
    return ColorDescription(
        nclx["color_primaries"], nclx["transfer_characteristics"], bool(nclx["full_range_flag"])
    )


@contextmanager
def _unread_kinds() -> Iterator[None]:
    """What libheif has not learnt to read is not damaged."""
    try:
        yield
    except (ValueError, RuntimeError, NotImplementedError) as error:
        reason = str(error)
        if "primary item" in reason:
            raise InputError("it is a sequence of pictures, of which none is the first") from error
        if "nsupported" not in reason and "not been built in" not in reason:
            raise
        raise InputError(f"it is of a kind that libheif does not read; {_ADVICE}") from error


def picture_count(data: bytes) -> int:
    """How many pictures a HEIC file holds; needs the extra "formats"."""
    with requires_extra("formats", "reading HEIC"):
        import pillow_heif
    with _unread_kinds():
        return len(pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False))
