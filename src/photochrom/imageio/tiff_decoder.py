"""Decoding TIFF: three libraries share it, since none reads all of it rightly.

Pillow reads every layout with up to 8 bits, and 16-bit grey, but cuts 16-bit RGB to 8. OpenCV
keeps 16-bit RGB, but returns garbage for separate colour planes, turns the picture by itself and
does not invert "white is zero". tifffile (an extra) reads the separate planes, and 16-bit grey with
transparency.
"""

from __future__ import annotations

import io
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from photochrom.errors import InputError, MissingDependencyError, requires_extra
from photochrom.imageio import exif, tiff
from photochrom.imageio.decoders import (
    EXIF_DAMAGED,
    StoredPicture,
    check_size,
    first_only_note,
    from_pillow,
    opencv_samples,
    widen,
)

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 254, 256, 257, 258, 262
_SAMPLES, _PLANES, _EXTRA, _SAMPLE_FORMAT = 277, 284, 338, 339
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_REDUCED_OR_MASK = 1 | 4
_SEPARATE_PLANES = 2
_UNSPECIFIED, _PREMULTIPLIED, _TRANSPARENCY = 0, 1, 2


class _Layout(NamedTuple):
    """How the samples of a page lie in the file, by its tags.

    bits: of a channel. channels: of the colours and beside them. extra: what the first channel
    beside the colours is; transparency where the file has one and does not say.
    """

    bits: int
    channels: int
    photometric: int
    separate: bool
    extra: int

    @property
    def has_unknown_channel(self) -> bool:
        colors = _COLORS.get(self.photometric, self.channels)
        return self.channels > colors and self.extra == _UNSPECIFIED

    @property
    def is_deep(self) -> bool:
        """Whether Pillow would cut its samples to 8 bits, or not read them at all."""
        if self.bits <= 8:
            return False
        grey = self.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
        return (grey and self.channels > 1) or (self.photometric == _RGB and self.channels > 2)


def decode_tiff(data: bytes, max_pixels: int) -> StoredPicture:
    """TIFF with 1 to 16 bits: grey, palette, RGB, CMYK; the first page of several."""
    if data[2:4] in (b"+\x00", b"\x00+"):
        raise InputError("it is a BigTIFF; save it as an ordinary TIFF")
    directory = exif.read_directory(data)
    width, height = (exif.first_integer(directory, tag) or 0 for tag in (_WIDTH, _HEIGHT))
    check_size(width, height, max_pixels)
    if (exif.first_integer(directory, _SUBFILE) or 0) & _REDUCED_OR_MASK:
        raise InputError(
            "its first page is a preview or a mask, not the photograph; "
            "save it with the photograph as the first page"
        )
    layout = _layout(directory)
    orientation = exif.first_integer(directory, exif.ORIENTATION)
    if orientation not in (None, 1):
        data = _without_orientation(data, directory)
    notes = first_only_note(_pages(data), "pages")
    try:
        block = tiff.read_exif(data)
    except ValueError:
        block, notes = None, (*notes, EXIF_DAMAGED)
        data = _without_exif(data, directory)
    profile = tiff.read_icc(directory)
    if layout.is_deep:
        samples, alpha = _deep_samples(data, layout)
    else:
        samples, alpha, profile, remarks = _pillow_samples(data, layout, profile)
        notes += remarks
    if layout.has_unknown_channel:
        alpha = None
        notes += ("a channel beside its colours is not transparency and was left out",)
    return StoredPicture(
        samples,
        alpha,
        block,
        tiff.read_xmp(directory),
        profile,
        exif.resolution(data),
        orientation=orientation if orientation in range(1, 9) else 1,
        notes=notes,
    )


def _layout(directory: exif.Directory) -> _Layout:
    """Raises InputError for samples that are no whole numbers of at most 16 bits."""

    def fact(tag: int, default: int) -> int:
        return next(iter(exif.integers(directory, tag)), default)

    bits = max(exif.integers(directory, _BITS), default=1)
    if set(exif.integers(directory, _SAMPLE_FORMAT)) - {1} or bits > 16:
        raise InputError(
            f"its samples are of {bits} bits, signed or floating-point; save it with 8 or 16 bits"
        )
    channels = fact(_SAMPLES, 1)
    return _Layout(
        bits,
        channels,
        fact(_PHOTOMETRIC, _RGB if channels > 2 else _BLACK_IS_ZERO),
        fact(_PLANES, 1) == _SEPARATE_PLANES,
        fact(_EXTRA, _TRANSPARENCY),
    )


def _deep_samples(data: bytes, layout: _Layout) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Samples and the channel beside them, both uint16, not premultiplied, black is zero."""
    bits = layout.bits
    if layout.separate or layout.photometric != _RGB or layout.channels > 4:
        samples, alpha = _tifffile_samples(data, layout)
    else:
        samples, alpha = opencv_samples(data)
    if samples.dtype != np.uint16:
        raise InputError(f"its {bits} bits per channel cannot be decoded; save it with 16")
    if bits < 16:
        samples, alpha = widen(samples, bits), None if alpha is None else widen(alpha, bits)
    if alpha is not None and layout.extra == _PREMULTIPLIED:
        samples = _divide_by_alpha(samples, alpha)
    if layout.photometric == _WHITE_IS_ZERO:
        samples = 65535 - samples
    return samples, alpha


def _pillow_samples(
    data: bytes, layout: _Layout, profile: bytes | None
) -> tuple[NDArray[Any], NDArray[Any] | None, bytes | None, tuple[str, ...]]:
    """Samples, alpha, the profile that still applies, notes."""
    with TiffImagePlugin.TiffImageFile(io.BytesIO(data)) as image:
        if not image.mode.startswith("I;16"):
            samples, alpha, profile, notes = from_pillow(image, profile)
            if layout.bits > 8:
                notes += (f"{layout.bits} bits per channel were read as 8",)
            return samples, alpha, profile, notes
        samples = np.asarray(image).astype(np.uint16)
    if layout.bits < 16:
        samples = widen(samples, layout.bits)
    if layout.photometric == _WHITE_IS_ZERO:
        samples = 65535 - samples
    return samples, None, profile, ()


def _without_orientation(data: bytes, directory: exif.Directory) -> bytes:
    """The file with orientation 1, so that no library turns the picture by itself."""
    fixed = bytearray(data)
    position = directory.positions[exif.ORIENTATION]
    struct.pack_into(directory.order + "HIHH", fixed, position + 2, exif.SHORT, 1, 1, 0)
    return bytes(fixed)


def _without_exif(data: bytes, directory: exif.Directory) -> bytes:
    """The file with an empty directory in place of EXIF's two, which Pillow would read as well."""
    fixed = bytearray(data)
    for tag in (exif.EXIF_IFD, exif.GPS_IFD):
        if tag in directory.positions:
            place = directory.positions[tag] + 2
            struct.pack_into(directory.order + "HII", fixed, place, exif.LONG, 1, len(data))
    return bytes(fixed) + bytes(6)


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


def _tifffile_samples(data: bytes, layout: _Layout) -> tuple[NDArray[Any], NDArray[Any] | None]:
    with requires_extra(
        "formats",
        "reading 16-bit TIFF with separate colour planes, or of grey with transparency,",
    ):
        import tifffile
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            planes = file.pages[0].asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise MissingDependencyError(
            "its compression needs an optional package: pip install imagecodecs"
        ) from error
    if layout.separate:
        planes = np.moveaxis(planes, 0, -1)
    colors = _COLORS[layout.photometric]
    alpha = np.ascontiguousarray(planes[..., colors]) if layout.channels > colors else None
    samples = planes[..., 0] if colors == 1 else planes[..., :colors]
    return np.ascontiguousarray(samples), alpha


def _divide_by_alpha(samples: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    divisor = np.maximum(alpha, 1).reshape(alpha.shape + (1,) * (samples.ndim - 2))
    quotient = samples.astype(np.uint64) * 65535 // divisor
    return np.asarray(np.minimum(quotient, 65535).astype(np.uint16))
