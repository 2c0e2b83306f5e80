"""Decoding JPEG XL: files in a container, and bare codestreams.

A file that was made from a JPEG, which most are, is turned back into that JPEG, bit for bit. Of the
others the header says which colours they mean.

Source: ISO/IEC 18181-1 (codestream), annexes D and E; ISO/IEC 18181-2 (container).
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, requires_extra
from photochrom.imageio import color_description, convert, icc, jpeg_decoder
from photochrom.imageio.boxes import walk_boxes
from photochrom.imageio.color_description import ColorDescription
from photochrom.imageio.decoders import StoredPicture, stretch
from photochrom.imageio.options import ReadOptions, check_page, check_size
from photochrom.processors import thread_count

_CODESTREAM = b"\xff\x0a"
_HEADER_BYTES = 256
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_GREY, _XYB, _UNKNOWN = 1, 2, 3
_SRGB_PRIMARIES, _CUSTOM = 1, 2
_D65, _P3, _DISPLAY_P3 = 1, 11, 12
"""Code points of JPEG XL, which has white apart, but the last, which is H.273's of both."""
_PACKED_BOX = b"brob"
"""One that is packed by Brotli, as cjxl writes metadata unless told otherwise; its name and content
are inside (ISO/IEC 18181-2)."""
_METADATA = {b"Exif": "EXIF", b"xml ": "XMP"}
_MAX_UNPACKED_BYTES = 1 << 24


@dataclasses.dataclass
class _Header:
    """Of a codestream: its size in px, bits of a sample, what its colours are."""

    width: int = 0
    height: int = 0
    bits: int = 8
    floating: bool = False
    animated: bool = False
    description: ColorDescription | None = None
    gamma: float | None = None
    has_profile: bool = False
    is_custom: bool = False
    is_linear: bool = False
    """Whether libjxl makes linear sRGB of the samples, in place of what their profile says."""
    depth_place: int = 0
    """Of the two bits of the codestream that are 0 for samples of 8 bits, 1 for 10 and 2 for 12."""


def decode_jpegxl(data: bytes, options: ReadOptions) -> StoredPicture:
    """JPEG XL with up to 16 bits, grey or RGB, with transparency; needs the extra "formats"."""
    check_page(options.page, 1)
    boxes: dict[bytes, bytes] = {}
    packed: dict[bytes, bytes] = {}
    if not data.startswith(_CODESTREAM):
        for name, body in walk_boxes(data):
            if name == _PACKED_BOX:
                packed.setdefault(body[:4], body[4:])
            boxes.setdefault(name, body)
    codestream = data if not boxes else boxes.get(b"jxlc") or boxes.get(b"jxlp", b"")[4:]
    header = _header(codestream)
    check_size(header.width, header.height, options.max_pixels)
    with requires_extra("formats", "reading JPEG XL"):
        import imagecodecs
    if b"jbrd" in boxes:
        jpeg = bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=thread_count(4)))
        return jpeg_decoder.decode_jpeg(jpeg, options)
    if header.animated:
        raise InputError("it is an animated JPEG XL; save the frame you want as a still picture")
    if header.floating or header.bits > 16:
        raise InputError(
            f"its samples are of {header.bits} bits, or floating-point; save it with 8 or 16 bits"
        )
    color_description.check_not_hdr(header.description)
    if header.has_profile or header.is_custom:
        what = "an ICC profile" if header.has_profile else "primaries of its own"
        raise InputError(
            f"its colours are those of {what}, which imagecodecs does not hand out from JPEG XL; "
            "convert it with djxl FILE.jxl FILE.png, which keeps them"
        )
    bits = header.bits
    if header.is_linear:
        data, bits = _deeper(data, codestream, header)
    samples = stretch(np.asarray(imagecodecs.jpegxl_decode(data)), bits)
    stored = StoredPicture(*_planes(samples), orientation=1)
    if header.is_linear:
        _encode_linear(stored, header)
    else:
        stored.profile = color_description.named_profile(header.description, header.gamma)
    for name in (_METADATA.keys() & packed.keys()) - boxes.keys():
        content = _unpack_box(packed[name])
        if content is None:
            stored.notes += (f"its {_METADATA[name]} data are damaged and were left out",)
        else:
            boxes[name] = content
    stored.exif = boxes.get(b"Exif", b"")[4:] or None
    stored.xmp = boxes.get(b"xml ")
    return stored


def _unpack_box(body: bytes) -> bytes | None:
    """What Brotli has packed; None where it is damaged, or more than any metadata."""
    import imagecodecs

    try:
        return bytes(imagecodecs.brotli_decode(body, out=_MAX_UNPACKED_BYTES))
    except imagecodecs.BrotliError:
        return None


def _deeper(data: bytes, codestream: bytes, header: _Header) -> tuple[bytes, int]:
    """The file as one of 12 bits, where it has 8 or 10, and its bits: in XYB they are a remark for
    who decodes it, and of linear light these are too few.
    """
    place, low = divmod(header.depth_place, 8)
    place += data.find(codestream[:_HEADER_BYTES])
    word = int.from_bytes(data[place : place + 2], "little")
    if (word >> low) & 3 not in (0, 1):
        return data, header.bits
    word = word & ~(3 << low) | 2 << low
    return data[:place] + word.to_bytes(2, "little") + data[place + 2 :], 12


def _encode_linear(stored: StoredPicture, header: _Header) -> None:
    """Linear sRGB to sRGB, in the depth of the file."""
    depth: type[np.uint8] | type[np.uint16] = np.uint8 if header.bits == 8 else np.uint16
    encoded = convert.to_srgb(stored.samples, icc.gamma_profile(1.0))
    stored.samples = convert.to_depth(encoded, depth)
    if stored.alpha is not None:
        stored.alpha = convert.to_depth(stored.alpha, depth)


def _planes(samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Samples and alpha."""
    if samples.ndim == 2:
        return samples, None
    channels = samples.shape[2]
    colors = 1 if channels < 3 else 3
    alpha = np.ascontiguousarray(samples[..., colors]) if channels > colors else None
    color = samples[..., 0] if colors == 1 else samples[..., :3]
    return np.ascontiguousarray(color), alpha


class _Bits:
    """The bits of a codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data[:_HEADER_BYTES], "little")
        self.taken = 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        self.taken += count
        return value

    def u32(self, *choices: tuple[int, int]) -> int:
        """A number in one of four forms, each bits and an offset."""
        bits, offset = choices[self.take(2)]
        return self.take(bits) + offset

    def enumeration(self) -> int:
        """An enumerated value."""
        return self.u32((0, 0), (0, 1), (4, 2), (6, 18))

    def u64(self) -> None:
        """Pass over a number of up to 64 bits."""
        kind = self.take(2)
        if kind in (1, 2):
            self.take(4 if kind == 1 else 8)
        elif kind == 3:
            self.take(12)
            while self.take(1):
                self.take(8)


def _header(codestream: bytes) -> _Header:
    """Parse the header up to the colours. Raises ValueError for what is no codestream."""
    if not codestream.startswith(_CODESTREAM):
        raise ValueError("no codestream in it")
    bits = _Bits(codestream[2:])
    header = _Header()
    header.height, header.width = _size(bits)
    if bits.take(1):  # all as usual: 8 bits, sRGB
        return header
    if bits.take(1):  # extra fields
        if (bits.take(3) + 1) > 4:
            header.width, header.height = header.height, header.width
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            _preview_size(bits)
        header.animated = bool(bits.take(1))
        if header.animated:
            return header
    header.depth_place = 8 * len(_CODESTREAM) + bits.taken + 1
    header.bits, header.floating = _depth(bits)
    bits.take(1)  # 16-bit buffers are enough
    for _ in range(bits.u32((0, 0), (0, 1), (4, 2), (12, 1))):
        _extra_channel(bits)
    xyb = bits.take(1)
    _colors(bits, header, xyb=bool(xyb))
    return header


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        if small:
            return 8 * (bits.take(5) + 1)
        return bits.u32((9, 1), (13, 1), (18, 1), (30, 1))

    height = side()
    ratio = bits.take(3)
    if ratio == 0:
        return height, side()
    across, down = _RATIOS[ratio]
    return height, height * across // down


def _preview_size(bits: _Bits) -> None:
    eighths = bits.take(1)
    forms = ((6, 1), (8, 65), (10, 321), (12, 1345))
    forms = ((0, 16), (0, 32), (5, 1), (9, 33)) if eighths else forms
    bits.u32(*forms)
    if bits.take(3) == 0:
        bits.u32(*forms)


def _depth(bits: _Bits) -> tuple[int, bool]:
    if bits.take(1):
        depth = bits.u32((0, 32), (0, 16), (0, 24), (6, 1))
        bits.take(4)
        return depth, True
    return bits.u32((0, 8), (0, 10), (0, 12), (6, 1)), False


def _extra_channel(bits: _Bits) -> None:
    if bits.take(1):
        return  # alpha, as usual
    kind = bits.enumeration()
    _depth(bits)
    bits.u32((0, 0), (0, 3), (0, 4), (3, 1))
    length = bits.u32((0, 0), (4, 0), (5, 16), (10, 48))
    bits.take(8 * length)
    if kind == 0:
        bits.take(1)
    elif kind == 2:
        bits.take(64)
    elif kind == 5:
        bits.u32((0, 1), (2, 0), (4, 3), (8, 19))


def _colors(bits: _Bits, header: _Header, *, xyb: bool) -> None:
    """What the colours are; those of a picture in XYB come out of libjxl as they are named, or,
    where it has a profile, as linear sRGB.
    """
    if bits.take(1):
        return  # sRGB
    if bits.take(1):
        header.has_profile, header.is_linear = not xyb, xyb
        return
    space = bits.enumeration()
    if space in (_XYB, _UNKNOWN):
        header.has_profile = space == _UNKNOWN
        return
    white = bits.enumeration()
    if white == _CUSTOM:
        for _ in range(2):
            bits.u32((19, 0), (19, 524288), (20, 1048576), (21, 2097152))
    primaries = _SRGB_PRIMARIES
    if space != _GREY:
        primaries = bits.enumeration()
        if primaries == _P3 and white == _D65:
            primaries = _DISPLAY_P3
        if primaries == _CUSTOM:
            for _ in range(6):
                bits.u32((19, 0), (19, 524288), (20, 1048576), (21, 2097152))
    if bits.take(1):
        header.gamma = 1e7 / max(bits.take(24), 1)
        transfer = 13
    else:
        transfer = bits.enumeration()
    header.is_custom = primaries == _CUSTOM
    header.description = ColorDescription(primaries, transfer)
