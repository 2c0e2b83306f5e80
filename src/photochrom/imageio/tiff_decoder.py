"""Decoding TIFF: three libraries share it, since none reads all of it rightly.

Pillow reads nearly every layout with up to 8 bits, and 16-bit grey, but cuts 16-bit RGB to 8.
OpenCV keeps 16-bit RGB, but returns garbage for separate colour planes, turns the picture by itself
and does not invert "white is zero". tifffile with imagecodecs (an extra) reads what is left:
BigTIFF, separate planes, 16-bit grey with transparency, samples of 10, 12 or 14 bits, CMYK with
transparency, palettes of 16 bits, and rare compressions.

Every library reads the first directory of a file; of several pages the one to read is taken out.
"""

from __future__ import annotations

import io
import itertools
import logging
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from photochrom.errors import InputError, MissingDependencyError, requires_extra
from photochrom.imageio import convert, exif, raw_decoder, tiff, xmp
from photochrom.imageio.decoders import (
    EXIF_DAMAGED,
    StoredPicture,
    divide_by_alpha,
    from_pillow,
    opencv_samples,
    stretch,
    widen,
)
from photochrom.imageio.exif import Directory
from photochrom.imageio.options import (
    ReadOptions,
    check_page,
    check_size,
    missing_pixels,
    page_note,
    salvage_note,
)

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_COLOR_MAP = 320
_FILL_ORDER, _SAMPLES, _PLANES, _SUB_DIRECTORIES, _EXTRA, _SAMPLE_FORMAT = (
    266,
    277,
    284,
    330,
    338,
    339,
)
_STARTS, _BYTES = (273, 324), (279, 325)
_DNG_VERSION = 50706
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK = 0, 1, 2, 3, 5
_SENSOR, _LINEAR_SENSOR = 32803, 34892
_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_REDUCED_OR_MASK = 1 | 4
_SEPARATE_PLANES = 2
_UNSPECIFIED, _PREMULTIPLIED, _TRANSPARENCY = 0, 1, 2
_MAX_PAGES = 10_000
_SHARED_BYTES = 1 << 27
"""Of values that several pages have in common, such as a profile; what overlaps more is no page."""
_MAX_SUB_DIRECTORIES = 64
_INLINE_BYTES = 8
"""Of a value, that may stand in its directory itself; in a BigTIFF."""
_SILENCE = logging.NullHandler()
_OPTIONAL_COMPRESSIONS = (34925, 50000)
"""LZMA and Zstandard, which Pillow knows by name and may be built without."""
_WEBP = 50001
"""Pillow is built without it, and its library would say so on stderr."""
_PILLOW_BITS = 12
"""Of grey, in little-endian files; no other number between 8 and 16."""


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


def decode_tiff(data: bytes, options: ReadOptions) -> StoredPicture:
    """TIFF and BigTIFF with 1 to 16 bits: grey, palette, RGB, CMYK; one page of several."""
    chain = _chain(data)
    if _is_raw(data, chain):
        return raw_decoder.decode_raw(data, options)
    places = [place for place, directory in chain if not _is_preview(directory)]
    if not places:
        raise InputError(
            "its first page is a preview or a mask, not the photograph, and there is no other"
        )
    place = places[check_page(options.page, len(places)) - 1]
    notes = page_note(options.page, len(places))
    if options.page is None and place != chain[0][0]:
        notes += ("its first page is a preview; the photograph behind it was read",)
    big = tiff.is_big(data)
    data = tiff.only_page(data, place) if len(chain) > 1 else data
    directory = tiff.read_directory(data)
    width, height = (exif.first_integer(directory, tag) or 0 for tag in (_WIDTH, _HEIGHT))
    check_size(width, height, options.max_pixels)
    layout = _layout(directory)
    orientation = exif.first_integer(directory, exif.ORIENTATION)
    if orientation not in (None, 1) and not big:
        data = _without_orientation(data, directory)
    packet = tiff.read_xmp(directory)
    if packet is not None and (upright := xmp.upright(packet)) != packet:
        data = data.replace(packet, upright, 1)  # Pillow would turn the picture also by this
    try:
        block = tiff.read_exif(data)
    except ValueError:
        block, notes = None, (*notes, EXIF_DAMAGED)
        data = data if big else _without_exif(data, directory)
    profile = tiff.read_icc(directory)
    samples, alpha, profile, remarks = _samples(data, directory, layout, profile, options)
    notes += remarks
    if layout.has_unknown_channel:
        alpha = None
        notes += ("a channel beside its colours is not transparency and was left out",)
    return StoredPicture(
        samples,
        alpha,
        block,
        packet,
        profile,
        tiff.read_resolution(directory),
        iptc=tiff.read_iptc(directory),
        orientation=orientation if orientation in range(1, 9) else None,
        notes=notes,
    )


def page_count(data: bytes) -> int:
    """How many full pictures are in the file; previews and masks do not count."""
    chain = _chain(data)
    return 1 if _is_raw(data, chain) else sum(not _is_preview(found) for _, found in chain)


def _chain(data: bytes) -> list[tuple[int, Directory]]:
    """The directories of the file and where each lies. Raises ValueError if the first is broken."""
    offset = tiff.first_offset(data)
    chain = [(offset, tiff.read_directory(data, offset))]
    seen = {offset}
    room = len(data) + _SHARED_BYTES - _size(*chain[0])
    offset = chain[0][1].next
    while offset and offset not in seen and len(seen) < _MAX_PAGES and room >= 0:
        seen.add(offset)
        try:
            chain.append((offset, tiff.read_directory(data, offset)))
        except ValueError:
            break  # a broken chain after the first page harms nothing that is read
        room -= _size(*chain[-1])
        offset = chain[-1][1].next
    return chain


def _size(offset: int, directory: Directory) -> int:
    """Bytes of a directory at an offset, with its values but those that stand in it."""
    return (
        directory.end
        - offset
        + sum(
            len(value.data)
            for value in directory.values.values()
            if len(value.data) > _INLINE_BYTES
        )
    )


def _is_preview(directory: Directory) -> bool:
    return bool((exif.first_integer(directory, _SUBFILE) or 0) & _REDUCED_OR_MASK)


def _is_raw(data: bytes, chain: list[tuple[int, Directory]]) -> bool:
    """Whether it is what a camera's sensor saw, in a TIFF: DNG, NEF, ARW, PEF and others."""
    first = chain[0][1]
    if _DNG_VERSION in first.values:
        return True
    places = exif.integers(first, _SUB_DIRECTORIES)[:_MAX_SUB_DIRECTORIES]
    inner = filter(None, (_sub_directory(data, place) for place in places))
    return any(
        exif.first_integer(directory, _PHOTOMETRIC) in (_SENSOR, _LINEAR_SENSOR)
        for directory in itertools.chain((directory for _, directory in chain), inner)
    )


def _sub_directory(data: bytes, offset: int) -> Directory | None:
    try:
        return tiff.read_directory(data, offset)
    except ValueError:
        return None


def _layout(directory: Directory) -> _Layout:
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


_Samples = tuple[NDArray[Any], "NDArray[Any] | None", "bytes | None", tuple[str, ...]]
"""Samples, alpha, the profile that still applies, notes."""


def _samples(
    data: bytes,
    directory: Directory,
    layout: _Layout,
    profile: bytes | None,
    options: ReadOptions,
) -> _Samples:
    """Decode, and tell how much is missing where that fails."""
    try:
        if _needs_tifffile(data, directory, layout):
            return _tifffile_samples(data, layout, profile)
        if layout.is_deep:
            samples, alpha = _deep_samples(data, layout)
            return samples, alpha, profile, ()
        return _pillow_samples(data, directory, layout, profile)
    except (InputError, MissingDependencyError, MemoryError):
        raise
    except Exception as error:
        missing = _missing_share(data, directory)
        if not missing or options.damage == "refuse":
            raise
        if options.damage != "salvage":
            raise missing_pixels(missing, "the file ends early") from error
        samples, alpha, profile, notes = _tifffile_samples(data, layout, profile, salvage=True)
        if not samples.any():
            raise ValueError("nothing of its pixels can be decoded") from error
        return samples, alpha, profile, (*notes, salvage_note(missing))


def _missing_share(data: bytes, directory: Directory) -> float:
    """The share of the pixels' bytes that lie beyond the end of the file, [0, 1]."""
    starts, sizes = (
        next(filter(None, (exif.integers(directory, tag) for tag in tags)), ())
        for tags in (_STARTS, _BYTES)
    )
    beyond = [max(0, min(size, start + size - len(data))) for start, size in zip(starts, sizes)]
    return sum(beyond) / max(sum(sizes), 1)


def _needs_tifffile(data: bytes, directory: Directory, layout: _Layout) -> bool:
    """Whether it is of a kind that neither Pillow nor OpenCV reads."""
    if tiff.is_big(data):
        return True
    compression = exif.first_integer(directory, _COMPRESSION) or 1
    if compression not in TiffImagePlugin.COMPRESSION_INFO or compression == _WEBP:
        return True
    if layout.is_deep and layout.bits == 16:
        return layout.separate or layout.photometric != _RGB or layout.channels > 4
    grey = layout.photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO) and layout.channels == 1
    if layout.bits not in (1, 2, 4, 8, 16) and not (
        layout.bits == _PILLOW_BITS and grey and directory.order == "<"
    ):
        return True  # which Pillow and OpenCV partly take for other samples
    bits = exif.integers(directory, _BITS) or (1,)
    bits = bits * layout.channels if len(bits) == 1 else bits
    formats = exif.integers(directory, _SAMPLE_FORMAT) or (1,)
    prefix = b"II" if directory.order == "<" else b"MM"
    fill = exif.first_integer(directory, _FILL_ORDER) or 1
    extra = exif.integers(directory, _EXTRA)
    modes = TiffImagePlugin.OPEN_INFO
    return (
        not any(
            (prefix, layout.photometric, (formats[0],) * count, fill, bits, extra) in modes
            for count in (1, len(formats))
        )
        and layout.photometric in _COLORS
    )


def _deep_samples(data: bytes, layout: _Layout) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """RGB samples and the channel beside them, both uint16, not premultiplied."""
    samples, alpha = opencv_samples(data)
    if samples.dtype != np.uint16:
        raise InputError("its 16 bits per channel cannot be decoded; save it as PNG")
    return _full_range(samples, alpha, layout)


def _full_range(
    samples: NDArray[Any], alpha: NDArray[Any] | None, layout: _Layout
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Samples stretched to the range of their dtype, not premultiplied, black is zero."""
    top = int(np.iinfo(samples.dtype).max)
    samples = stretch(samples, layout.bits)
    alpha = None if alpha is None else stretch(alpha, layout.bits)
    if alpha is not None and layout.extra == _PREMULTIPLIED:
        samples = divide_by_alpha(samples, alpha)
    if layout.photometric == _WHITE_IS_ZERO:
        samples = top - samples
    return samples, alpha


def _pillow_samples(
    data: bytes, directory: Directory, layout: _Layout, profile: bytes | None
) -> _Samples:
    with TiffImagePlugin.TiffImageFile(io.BytesIO(data)) as image:
        try:
            image.load()
        except OSError:
            if exif.first_integer(directory, _COMPRESSION) not in _OPTIONAL_COMPRESSIONS:
                raise
            return _tifffile_samples(data, layout, profile)
        colors = np.array(exif.integers(directory, _COLOR_MAP), np.uint16).reshape(3, -1)
        if image.mode == "P" and not image.has_transparency_data and colors.size:
            return _palette_samples(np.asarray(image), colors), None, profile, ()
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


def _without_orientation(data: bytes, directory: Directory) -> bytes:
    """The file with orientation 1, so that no library turns the picture by itself."""
    fixed = bytearray(data)
    position = directory.positions[exif.ORIENTATION]
    struct.pack_into(directory.order + "HIHH", fixed, position + 2, exif.SHORT, 1, 1, 0)
    return bytes(fixed)


def _without_exif(data: bytes, directory: Directory) -> bytes:
    """The file with an empty directory in place of EXIF's two, which Pillow would read as well."""
    fixed = bytearray(data)
    for tag in (exif.EXIF_IFD, exif.GPS_IFD):
        if tag in directory.positions:
            place = directory.positions[tag] + 2
            struct.pack_into(directory.order + "HII", fixed, place, exif.LONG, 1, len(data))
    return bytes(fixed) + bytes(6)


def _tifffile_samples(
    data: bytes, layout: _Layout, profile: bytes | None, *, salvage: bool = False
) -> _Samples:
    with requires_extra("formats", f"reading TIFF of this kind ({_kind(data, layout)})"):
        import imagecodecs  # noqa: F401  # which tifffile asks for compressions
        import tifffile
    # What it says of damage is for its own users; ours get an error or a note.
    logging.getLogger("tifffile").addHandler(_SILENCE)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage):
            raise ValueError("its first directory is damaged")
        planes = _available_segments(page, data) if salvage else page.asarray()
        colors, separate = page.colormap, layout.separate and planes.ndim == 3
    if separate:
        planes = np.moveaxis(planes, 0, -1)
    if layout.photometric == _PALETTE:
        if colors is None:
            raise ValueError("its palette is missing")
        shown = _palette_samples(planes if planes.ndim == 2 else planes[..., 0], colors)
        alpha = planes[..., 1] if layout.channels > 1 else None
        if alpha is not None:
            alpha = convert.to_depth(stretch(alpha, layout.bits), shown.dtype.type)
        return shown, alpha, profile, ()
    count = _COLORS.get(layout.photometric, 3)
    alpha = np.ascontiguousarray(planes[..., count]) if layout.channels > count else None
    samples = planes if planes.ndim == 2 else planes[..., 0] if count == 1 else planes[..., :count]
    samples, alpha = _full_range(np.ascontiguousarray(samples), alpha, layout)
    if layout.photometric != _CMYK:
        return samples, alpha, profile, ()
    notes: tuple[str, ...] = ()
    if samples.dtype == np.uint16:
        notes = (f"{layout.bits} bits per channel were read as 8",)
        samples = (samples >> 8).astype(np.uint8)
        alpha = None if alpha is None else (alpha >> 8).astype(np.uint8)
    rgb, _, profile, remarks = from_pillow(Image.fromarray(samples, "CMYK"), profile)
    return rgb, alpha, profile, notes + remarks


def _kind(data: bytes, layout: _Layout) -> str:
    """What is rare about it, in words."""
    if tiff.is_big(data):
        return "BigTIFF"
    planes = ", separate planes" if layout.separate else ""
    return f"{layout.channels} channels of {layout.bits} bits{planes}"


def _available_segments(page: Any, data: bytes) -> NDArray[Any]:
    """The page with the strips and tiles that are in the file; the others are 0.

    Of separate planes, those of green and blue that are not whole are taken as red.
    """
    separate = page.planarconfig == _SEPARATE_PLANES
    planes = page.samplesperpixel if separate else 1
    out = np.zeros((planes, *_plane_shape(page)), page.dtype)
    of_plane = len(page.dataoffsets) // planes
    for index in range(len(page.dataoffsets)):
        whole = page.dataoffsets[index] + page.databytecounts[index] <= len(data)
        found = _segment(page, data, index if whole else index % of_plane)
        if found is not None:
            segment, (_, _, top, left, _), (_, high, wide, _) = found
            room = out[index // of_plane, top : top + high, left : left + wide]
            room[...] = segment[0][: room.shape[0], : room.shape[1]]
    samples = out if separate else out[0]
    return np.asarray(samples[..., 0] if samples.shape[-1] == 1 else samples)


def _segment(page: Any, data: bytes, index: int) -> Any:
    """A strip or tile with its place and shape; None where nothing of it is left."""
    start, size = page.dataoffsets[index], page.databytecounts[index]
    stored = data[start : start + size]
    try:
        if len(stored) < size:
            stored = _padded_segment(page, stored, index)
        found = page.decode(stored, index, jpegtables=page.jpegtables)
    except Exception:  # noqa: BLE001  # what decoders raise on damaged data is unbounded
        return None
    return None if found[0] is None else found


def _padded_segment(page: Any, stored: bytes, index: int) -> bytes:
    """A strip or tile that is cut off, with zeros for what is missing of its samples.

    Raises whatever decoders raise, and leaves compressions other than the common ones as they are.
    """
    import imagecodecs

    if not stored:
        raise ValueError("nothing of it is there")
    if page.is_tiled:
        rows, width = page.tilelength, page.tilewidth
    else:
        width, high = page.imagewidth, page.rowsperstrip
        rows = min(high, page.imagelength - index % -(-page.imagelength // high) * high)
    _, _, channels = _plane_shape(page)
    size = rows * -(-width * channels * page.bitspersample // 8)
    match page.compression:
        case 1:
            return stored.ljust(size, b"\x00")
        case 5:
            plain = bytes(imagecodecs.lzw_decode(stored))
            return bytes(imagecodecs.lzw_encode(plain.ljust(size, b"\x00")))
        case 8 | 32946:
            plain = zlib.decompressobj().decompress(stored, size)
            return zlib.compress(plain.ljust(size, b"\x00"), 1)
    return stored


def _plane_shape(page: Any) -> tuple[int, int, int]:
    channels = 1 if page.planarconfig == 2 else page.samplesperpixel
    return page.imagelength, page.imagewidth, channels


def _palette_samples(indices: NDArray[Any], colors: NDArray[Any]) -> NDArray[Any]:
    """The colours of a palette: (H, W, 3), or (H, W) where all are grey.

    colors: (3, N) uint16. Returns uint8 where the palette has no more than 8 bits.
    """
    palette = np.ascontiguousarray(colors.T)
    if palette.max() < 256:  # by mistake, as some programs write it
        palette = palette.astype(np.uint8)
    elif not (palette % 257).any():
        palette = (palette // 257).astype(np.uint8)
    elif not (palette % 256).any():
        palette = (palette >> 8).astype(np.uint8)
    if (palette == palette[:, :1]).all():
        palette = np.ascontiguousarray(palette[:, 0])
    return np.asarray(palette[np.minimum(indices, len(palette) - 1)])
