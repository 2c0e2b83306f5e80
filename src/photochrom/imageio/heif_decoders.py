"""Decoding AVIF and HEIC, the two formats in HEIF containers, with up to 12 bits."""

from __future__ import annotations

import io

import numpy as np
from PIL import AvifImagePlugin

from photochrom.errors import InputError, requires_extra
from photochrom.imageio.decoders import (
    StoredPicture,
    check_size,
    decode_still,
    first_only_note,
    opencv_samples,
    widen,
)


def decode_avif(data: bytes, max_pixels: int) -> StoredPicture:
    """AVIF; 10 and 12 bits are kept as 16."""
    _refuse_hdr(data)
    stored = decode_still(AvifImagePlugin.AvifImageFile(io.BytesIO(data)), "AVIF", max_pixels)
    bits = _av1_bits(data)
    if bits > 8:
        samples, alpha = opencv_samples(data)
        if samples.dtype != np.uint16 or samples.shape[:2] != stored.samples.shape[:2]:
            raise InputError(f"its {bits} bits per channel cannot be decoded; save it as PNG")
        stored.samples = widen(samples, bits)
        stored.alpha = None if alpha is None else widen(alpha, bits)
    return stored


def _av1_bits(data: bytes) -> int:
    """Bits per channel by the AV1 configuration box (AV1-ISOBMFF, section 2.3)."""
    place = data.find(b"av1C", 0, 1 << 16)
    flags = data[place + 6] if 0 <= place < len(data) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


def _refuse_hdr(data: bytes) -> None:
    """Raise InputError for the PQ and HLG curves (ITU-T H.273: 16, 18), which are not sRGB's."""
    place = data.find(b"colrnclx", 0, 1 << 16)
    if place >= 0 and data[place + 10 : place + 12] in (b"\x00\x10", b"\x00\x12"):
        raise InputError("it is an HDR picture (PQ or HLG); save it in a standard dynamic range")


def decode_heic(data: bytes, max_pixels: int) -> StoredPicture:
    """HEIC, the first picture; needs the extra "formats". libheif applies the rotation itself."""
    with requires_extra("formats", "reading HEIC"):
        import pillow_heif
    _refuse_hdr(data)
    container = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    width, height = container.size
    check_size(width, height, max_pixels)
    pixels = np.asarray(container)
    info = container.info
    bits = int(info.get("bit_depth", 8))
    if pixels.dtype == np.uint16:
        pixels = widen(pixels >> (16 - bits), bits)  # libheif's bits are the upper ones
    alpha = None
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        alpha = np.ascontiguousarray(pixels[..., -1])
        pixels = pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3]
    return StoredPicture(
        np.ascontiguousarray(pixels),
        alpha,
        info.get("exif"),
        info.get("xmp"),
        info.get("icc_profile"),
        orientation=1,
        notes=first_only_note(len(container), "pictures"),
    )
