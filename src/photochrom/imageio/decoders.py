"""From the bytes of each format to samples as they are stored, with what the file says of them.

Nothing is rotated and no RGB or grey profile is applied here; see ``reading``. Decoders raise
InputError on purpose, and whatever the libraries raise on damaged data.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from photochrom.errors import InputError
from photochrom.imageio import containers, convert, icc, xmp

EXIF_DAMAGED = "its EXIF data are damaged and were left out"
"""The note for a picture that is sound itself."""
_COMMENT_LOST = "its comment is not kept"
_TOOL_MARKS = (
    b"Created with ",
    b"CREATOR: ",
    b"File written by ",
    b"LEAD Technologies",
    b"AppleMark",
    b"Lavc",
)
"""How the comments begin that programs leave in all their files."""

_MAX_UNPACKED_BYTES = 1 << 24
"""Of a compressed profile or XMP packet; what is beyond is cut off."""
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_METADATA_CHUNKS = _TEXT_CHUNKS | {b"iCCP", b"eXIf"}
"""Read here and kept from the libraries, which take large ones for damage."""


@dataclass
class StoredPicture:
    """samples: (H, W) grey or (H, W, 3) RGB in the file's own colour space, uint8 or uint16.

    alpha: (H, W) of the same dtype. gamma: exponent of a file that names one instead of a profile.
    orientation: None where EXIF decides, otherwise the value to apply.
    """

    samples: NDArray[Any]
    alpha: NDArray[Any] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    gamma: float | None = None
    orientation: int | None = None
    notes: tuple[str, ...] = ()


Decoder = Callable[[bytes, int], StoredPicture]
"""The file's bytes and the largest number of pixels allowed, to samples."""


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise InputError if the picture is empty or larger than allowed; before it is decoded."""
    if width <= 0 or height <= 0:
        raise InputError(f"its size is {width} x {height}")
    if width * height > max_pixels:
        megapixels = -(-width * height // 1_000_000)
        raise InputError(
            f"it has {width} x {height} pixels, more than the {max_pixels / 1e6:g} megapixels "
            f"allowed; if you trust it, pass --max-megapixels {megapixels}"
        )


def decode_jpeg(data: bytes, max_pixels: int) -> StoredPicture:
    """JPEG: grey, YCbCr, RGB, CMYK, YCCK with 8 bits; baseline or progressive."""
    header = containers.jpeg_header(data)
    check_size(header.width, header.height, max_pixels)
    if header.bits != 8:
        raise InputError(f"it is a JPEG of {header.bits} bits; only 8 are supported")
    packet = header.xmp
    if packet is not None and header.xmp_parts:
        packet = xmp.merge(packet, b"".join(p for _, p in sorted(header.xmp_parts.items())))
    profile, alpha = header.icc, None
    notes: tuple[str, ...] = ()
    if header.has_captions:
        notes = ("its IPTC captions are not kept; EXIF and XMP are",)
    if any(map(_is_someones_text, header.comments)):
        notes += (_COMMENT_LOST,)
    if header.components == 4:
        image: ImageFile.ImageFile = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        samples, alpha, profile, remarks = from_pillow(image, profile)
        notes += remarks
    elif header.components in (1, 3):
        space = "GRAY" if header.components == 1 else "RGB"
        samples = _decode_jpeg_samples(data, space, header.scan)
    else:
        raise InputError(f"it is a JPEG of {header.components} components; 1, 3 or 4 are supported")
    return StoredPicture(samples, alpha, header.exif, packet, profile, header.dpi, notes=notes)


def _is_someones_text(comment: bytes) -> bool:
    text = comment.strip(b"\x00 \t\r\n")
    return bool(text) and not text.startswith(_TOOL_MARKS)


def _decode_jpeg_samples(data: bytes, space: str, scan: int) -> NDArray[Any]:
    try:
        samples = simplejpeg.decode_jpeg(data, space)
    except ValueError as error:
        # libjpeg goes on after damage and makes up what is missing; this one kind, padding between
        # the last row and the end marker, touches no pixel and does occur in cameras' files. The
        # message is the same after lost sync, when what is left over is pixels.
        left_over = re.search(r"(\d+) extraneous bytes before marker 0xd9", str(error))
        if left_over is None:
            raise
        unpadded = containers.jpeg_without_padding(data, scan, int(left_over[1]))
        if unpadded is None:
            raise
        samples = simplejpeg.decode_jpeg(unpadded, space)
    return np.asarray(samples[..., 0] if space == "GRAY" else samples)


def decode_png(data: bytes, max_pixels: int) -> StoredPicture:
    """PNG with 1 to 16 bits, all colour types; an animated one is refused."""
    chunks, metadata = _png_facts(data, max_pixels)
    if b"acTL" in chunks:
        raise _animation_error("PNG")
    data = containers.png_without_chunks(data, metadata)
    depth, color_type = chunks[b"IHDR"][8:10]
    if depth == 16:
        samples, alpha = opencv_samples(data)
        if color_type == 4:
            samples = np.ascontiguousarray(samples[..., 0])
    else:
        samples, alpha, _, _ = from_pillow(PngImagePlugin.PngImageFile(io.BytesIO(data)), None)
    if color_type == 0 and b"tRNS" in chunks:
        alpha = _alpha_of_key(samples, chunks[b"tRNS"], depth)
    stored = StoredPicture(samples, alpha, chunks.get(b"eXIf"), chunks.get(b"xmp"))
    if any(map(_is_someones_chunk, metadata)):
        stored.notes = ("its text chunks are not kept; EXIF and XMP are",)
    if b"iCCP" in chunks:
        _, _, packed = chunks[b"iCCP"].partition(b"\x00")
        stored.icc = _decompress(packed[1:])
    elif b"gAMA" in chunks and b"sRGB" not in chunks:
        (gamma,) = struct.unpack_from(">I", chunks[b"gAMA"])
        # 1/2.2 (45455) is what nearly every encoder writes when it means sRGB.
        if gamma and not 43_000 < gamma < 48_000:
            stored.gamma = 100_000 / gamma
    if b"pHYs" in chunks:
        x, y, unit = struct.unpack_from(">IIB", chunks[b"pHYs"])
        if unit == 1 and x and y:
            stored.dpi = (x * 0.0254, y * 0.0254)
    return stored


def _png_facts(data: bytes, max_pixels: int) -> tuple[dict[bytes, bytes], list[containers.Chunk]]:
    """The first chunk of every name (IDAT without its data), and b"xmp": the XMP packet; and all
    chunks of metadata.
    """
    chunks: dict[bytes, bytes] = {}
    metadata = []
    for chunk in containers.png_chunks(data):
        chunks.setdefault(chunk.name, chunk.data)
        if chunk.name == b"IHDR":
            width, height = struct.unpack_from(">II", chunk.data)
            check_size(width, height, max_pixels)
        if chunk.name in _METADATA_CHUNKS:
            metadata.append(chunk)
        if chunk.name == b"iTXt" and chunk.data.startswith(b"XML:com.adobe.xmp\x00"):
            chunks[b"xmp"] = _international_text(chunk.data)
    return chunks, metadata


def _is_someones_chunk(chunk: containers.Chunk) -> bool:
    """Whether it is text that a person may miss."""
    keyword, _, text = chunk.data.partition(b"\x00")
    if chunk.name not in _TEXT_CHUNKS or keyword == b"Software":
        return False
    if b":" in keyword:  # date:create, exif:Make, XML:com.adobe.xmp: copies, or kept
        return False
    return _is_someones_text(text.rpartition(b"\x00")[2])  # zTXt: packed, and taken for text


def _alpha_of_key(grey: NDArray[Any], key: bytes, depth: int) -> NDArray[Any]:
    """Alpha of (H, W) samples, stretched from ``depth`` bits, of which one value is transparent."""
    top, full = (1 << depth) - 1, np.iinfo(grey.dtype).max
    (value,) = struct.unpack_from(">H", key)
    return np.where(grey == (value & top) * full // top, 0, full).astype(grey.dtype)


def _international_text(data: bytes) -> bytes:
    """The text of an iTXt chunk: keyword, compression flag and method, language, translation."""
    _, _, rest = data.partition(b"\x00")
    compressed = rest[:1] == b"\x01"
    text = rest[2:].split(b"\x00", 2)[-1]
    return _decompress(text) if compressed else text


def _decompress(packed: bytes) -> bytes:
    return zlib.decompressobj().decompress(packed, _MAX_UNPACKED_BYTES)


def opencv_samples(data: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(H, W) or (H, W, 3) and alpha, by OpenCV, which keeps 16 bits."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise InputError("its pixel data are damaged or of a kind that OpenCV cannot read")
    if image.ndim == 2:
        return image, None
    alpha = np.ascontiguousarray(image[..., 3]) if image.shape[2] == 4 else None
    return np.ascontiguousarray(image[..., 2::-1]), alpha


def from_pillow(
    image: Image.Image, profile: bytes | None
) -> tuple[NDArray[Any], NDArray[Any] | None, bytes | None, tuple[str, ...]]:
    """Samples, alpha, the profile that still applies, notes; of an 8-bit picture of any mode."""
    if image.mode == "CMYK":
        samples, notes = _from_cmyk(image, profile)
        return samples, None, None, notes
    if image.mode in ("F", "I", "LAB", "HSV"):
        raise InputError(f"its pixels are of the kind {image.mode}; save it with 8 or 16 bits")
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La", "1")
        rgba = np.asarray(image.convert("LA" if grey else "RGBA"))
        samples = rgba[..., 0] if grey else rgba[..., :3]
        return np.ascontiguousarray(samples), np.ascontiguousarray(rgba[..., -1]), profile, ()
    grey = image.mode in ("L", "1") or (image.mode == "P" and _palette_is_grey(image))
    return np.asarray(image.convert("L" if grey else "RGB")), None, profile, ()


def _from_cmyk(image: Image.Image, profile: bytes | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    try:
        if profile is not None and icc.color_space(profile) == "CMYK":
            return np.asarray(convert.littlecms_to_srgb(image, profile)), ()
    except ValueError:
        notes = ("its ICC profile is damaged and was left out",)
    notes += ("CMYK without a profile: colours and tones were converted by the plain formula",)
    return np.asarray(image.convert("RGB")), notes


def _palette_is_grey(image: Image.Image) -> bool:
    palette = np.asarray(image.getpalette("RGB") or [0, 1, 2], np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _animation_error(name: str) -> InputError:
    return InputError(f"it is an animated {name}; save the frame you want as a still picture")


def decode_still(image: ImageFile.ImageFile, name: str, max_pixels: int) -> StoredPicture:
    """Decode what Pillow has opened; refuse animations."""
    check_size(image.width, image.height, max_pixels)
    if getattr(image, "is_animated", False):
        raise _animation_error(name)
    info = image.info
    samples, alpha, profile, notes = from_pillow(image, info.get("icc_profile"))
    if _is_someones_text(info.get("comment", b"")):
        notes += (_COMMENT_LOST,)
    block, packet, dpi = info.get("exif"), info.get("xmp"), info.get("dpi")
    if isinstance(packet, str):
        packet = packet.encode()
    if dpi is not None:
        dpi = (float(dpi[0]), float(dpi[1])) if dpi[0] > 0 and dpi[1] > 0 else None
    return StoredPicture(samples, alpha, block, packet, profile, dpi, notes=notes)


def decode_webp(data: bytes, max_pixels: int) -> StoredPicture:
    """WebP, lossy or lossless; an animated one is refused."""
    return decode_still(WebPImagePlugin.WebPImageFile(io.BytesIO(data)), "WebP", max_pixels)


def decode_gif(data: bytes, max_pixels: int) -> StoredPicture:
    """GIF with one frame."""
    return decode_still(GifImagePlugin.GifImageFile(io.BytesIO(data)), "GIF", max_pixels)


def decode_bmp(data: bytes, max_pixels: int) -> StoredPicture:
    """Windows bitmap."""
    return decode_still(BmpImagePlugin.BmpImageFile(io.BytesIO(data)), "BMP", max_pixels)


def widen(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Samples of ``bits`` bits in uint16, stretched to the full range of 16."""
    top = (1 << bits) - 1
    stretched = (np.minimum(samples, top).astype(np.uint32) * 65535 + top // 2) // top
    return np.asarray(stretched.astype(np.uint16))


def first_only_note(count: int, what: str) -> tuple[str, ...]:
    """The note for a file of which only the first picture was read; none if it has one."""
    return () if count < 2 else (f"the file holds {count} {what}; only the first was read",)
