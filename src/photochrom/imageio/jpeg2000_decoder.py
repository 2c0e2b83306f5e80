"""Decoding JPEG 2000, as archives keep scans: files (JP2, JPX) and bare codestreams.

Source: ITU-T T.800 (JPEG 2000 part 1), annexes A and I.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Jpeg2KImagePlugin

from photochrom.errors import InputError, requires_extra
from photochrom.imageio.boxes import walk_boxes
from photochrom.imageio.decoders import StoredPicture, decode_still, stretch
from photochrom.imageio.options import ReadOptions, check_page, check_size

_CODESTREAM = b"\xff\x4f\xff\x51"
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_EXIF = b"JpgTiffExif->JP2"
_UUID_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_RESTRICTED_PROFILE, _ANY_PROFILE = 2, 3
_OPACITY = 1


def decode_jpeg2000(data: bytes, options: ReadOptions) -> StoredPicture:
    """JPEG 2000 with 1 to 16 bits, grey or RGB, with transparency; needs the extra "formats"."""
    check_page(options.page, 1)
    place = data.find(_CODESTREAM)
    if place < 0 or len(data) < place + 43:
        raise ValueError("no codestream in it")
    x1, y1, x0, y0 = struct.unpack_from(">4I", data, place + 8)
    check_size(x1 - x0, y1 - y0, options.max_pixels)
    bits, signed = (data[place + 42] & 127) + 1, data[place + 42] & 128
    if bits > 16 or signed:
        raise InputError(
            f"its samples are of {bits} bits, signed or not; save it with 8 or 16 bits"
        )
    with requires_extra("formats", "reading JPEG 2000"):
        import imagecodecs
    head, end = data[:place], _end_of_codestream(data, place)
    profile, palette = _profile(head), b"pclr" in head
    # OpenJPEG would apply a profile by itself, to 8 bits; a bare codestream has none.
    try:
        samples = imagecodecs.jpeg2k_decode(data[place:end] if profile and not palette else data)
    except NotImplementedError as error:
        if "subsampling" not in str(error):
            raise
        return _decode_subsampled(data, head, options)
    if samples.ndim == 3 and samples.shape[2] == 1:
        samples = samples[..., 0]
    stored = StoredPicture(samples, icc=None if palette else profile)
    if place:
        _take_metadata(stored, head + data[end:])
    stored.samples = stretch(samples, bits)
    _split_alpha(stored, head)
    return stored


def _decode_subsampled(data: bytes, head: bytes, options: ReadOptions) -> StoredPicture:
    """A picture whose colours have fewer samples than its lightness, which Pillow reads."""
    stored = decode_still(Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data)), "JPEG 2000", options)
    stored.icc = _profile(head)
    if head:
        _take_metadata(stored, head + data[_end_of_codestream(data, len(head)) :])
    return stored


def _end_of_codestream(data: bytes, place: int) -> int:
    end = data.rfind(b"\xff\xd9")
    return end + 2 if end > place else len(data)


def _split_alpha(stored: StoredPicture, head: bytes) -> None:
    """The channel beside the colours to alpha, if the file says that it is transparency."""
    if stored.samples.ndim == 2:
        return
    channels = stored.samples.shape[2]
    colors = 1 if channels < 3 else 3
    if channels > colors:
        opacity = _opacity(head)
        if opacity == _OPACITY or (opacity is None and channels == colors + 1):
            stored.alpha = np.ascontiguousarray(stored.samples[..., colors])
        else:
            stored.notes += ("a channel beside its colours was left out",)
    color = stored.samples[..., 0] if colors == 1 else stored.samples[..., :3]
    stored.samples = np.ascontiguousarray(color)


def _opacity(head: bytes) -> int | None:
    """The type of the first channel that is no colour, by the channel definitions; None: none."""
    place = head.find(b"cdef")
    if place < 0:
        return None
    (count,) = struct.unpack_from(">H", head, place + 4)
    kinds = struct.unpack_from(f">{3 * count}H", head, place + 6)[1::3]
    return next((kind for kind in kinds if kind), 0)


def _profile(head: bytes) -> bytes | None:
    """The ICC profile of a file, by what is before its codestream."""
    for name, body in walk_boxes(head, emptied=b"jp2c"):
        if name == b"jp2h":
            for inner, content in walk_boxes(body, emptied=b"jp2c"):
                if inner == b"colr" and content[0] in (_RESTRICTED_PROFILE, _ANY_PROFILE):
                    return content[3:]
    return None


def _take_metadata(stored: StoredPicture, data: bytes) -> None:
    """EXIF, XMP and IPTC from the boxes around the codestream, which is left out of ``data``."""
    for name, body in walk_boxes(data, emptied=b"jp2c"):
        if name == b"uuid" and body[:16] == _UUID_XMP:
            stored.xmp = body[16:]
        elif name == b"uuid" and body[:16] == _UUID_EXIF:
            stored.exif = body[16:]
        elif name == b"uuid" and body[:16] == _UUID_IPTC:
            stored.iptc = body[16:]
