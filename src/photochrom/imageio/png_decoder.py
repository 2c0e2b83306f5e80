"""Decoding PNG, with all it says of its colours; and mending what is broken around the pixels."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from photochrom.errors import InputError
from photochrom.imageio import color_description, containers, icc, mending
from photochrom.imageio.decoders import (
    StoredPicture,
    animation_error,
    from_pillow,
    is_someones_text,
    opencv_samples,
)
from photochrom.imageio.options import (
    ReadOptions,
    check_page,
    check_size,
    mended_note,
    missing_pixels,
    salvage_note,
)

_MAX_UNPACKED_BYTES = 1 << 24
"""Of a compressed profile or XMP packet; what is beyond is cut off."""
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_METADATA_CHUNKS = _TEXT_CHUNKS | {b"iCCP", b"eXIf", b"acTL", b"fcTL", b"fdAT"}
"""Read here and kept from the libraries, which take large ones for damage; the last three are of
animations, of which those of a single frame are stills.
"""
_RAW_PROFILE = b"Raw profile type "
_KEYWORD_BYTES = 79
"""Of a keyword, at most (section 11.3.3.2)."""


def decode_png(data: bytes, options: ReadOptions) -> StoredPicture:
    """PNG with 1 to 16 bits, all colour types; an animated one is refused."""
    check_page(options.page, 1)
    try:
        return _decode(data, options)
    except InputError:
        raise
    except Exception as error:
        if options.damage == "refuse":
            raise
        mended = mending.mend_png(data)
        if mended.missing and options.damage != "salvage":
            raise missing_pixels(mended.missing, mended.reason) from error
        stored = _decode(mended.data, options)
        if mended.missing:
            stored.notes += (salvage_note(mended.missing),)
        else:
            stored.notes += mended_note(mended.defects)
        return stored


def _decode(data: bytes, options: ReadOptions) -> StoredPicture:
    """A PNG in which everything is right that its pixels need."""
    chunks, metadata = _facts(data, options.max_pixels)
    if int.from_bytes(chunks.get(b"acTL", b"")[:4], "big") > 1:
        raise animation_error("PNG")
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
    _take_raw_profiles(stored, metadata)
    stored.texts = tuple((c.name, c.data) for c in metadata if _is_someones_chunk(c))
    _take_color(stored, chunks, options)
    if b"pHYs" in chunks:
        x, y, unit = struct.unpack_from(">IIB", chunks[b"pHYs"])
        if unit == 1 and x and y:
            stored.dpi = (x * 0.0254, y * 0.0254)
    return stored


def _take_color(stored: StoredPicture, chunks: dict[bytes, bytes], options: ReadOptions) -> None:
    """What the file says of its colours: cICP, else iCCP, else sRGB, else gAMA (section 13.16)."""
    if b"cICP" in chunks:
        description = color_description.png_description(chunks[b"cICP"])
        color_description.check_not_hdr(description)
        stored.profile = color_description.named_profile(description)
        if not description.full_range:
            bits = 8 * stored.samples.itemsize
            stored.samples = color_description.expand_range(stored.samples, bits)
    elif b"iCCP" in chunks:
        _, _, packed = chunks[b"iCCP"].partition(b"\x00")
        try:
            stored.icc = _decompress(packed[1:])
        except zlib.error:
            if options.damage == "refuse":
                raise
            stored.notes += (containers.ICC_DAMAGED,)
    elif b"gAMA" in chunks and b"sRGB" not in chunks:
        (gamma,) = struct.unpack_from(">I", chunks[b"gAMA"])
        # 1/2.2 (45455) is what nearly every encoder writes when it means sRGB.
        if gamma and not 43_000 < gamma < 48_000:
            stored.profile = icc.gamma_profile(100_000 / gamma)


def _take_raw_profiles(stored: StoredPicture, metadata: list[containers.Chunk]) -> None:
    """EXIF, XMP and IPTC as ImageMagick writes them: in hexadecimal digits, in text chunks.

    What stands in a chunk of its own comes first.
    """
    damaged: dict[str, None] = {}
    for chunk in metadata:
        keyword, _, text = chunk.data.partition(b"\x00")
        if chunk.name not in _TEXT_CHUNKS or not keyword.startswith(_RAW_PROFILE):
            continue
        try:
            if chunk.name == b"iTXt":
                text = _international_text(chunk.data)
            elif chunk.name == b"zTXt":
                text = _decompress(text[1:])
            _, name, size, digits = text.split(b"\n", 3)
            block = bytes.fromhex(digits.decode("ascii"))[: int(size)]
        except (ValueError, zlib.error):
            damaged[keyword[:_KEYWORD_BYTES].decode("latin-1")] = None
            continue
        kind = name.strip().lower()
        if kind in (b"exif", b"app1") and block.startswith(b"Exif\x00\x00"):
            stored.exif = stored.exif or block
        elif kind == b"app1" and block.startswith(containers.XMP_HEAD):
            stored.xmp = stored.xmp or block.removeprefix(containers.XMP_HEAD)
        elif kind == b"xmp":
            stored.xmp = stored.xmp or block
        elif kind in (b"iptc", b"8bim"):
            stored.iptc = containers.iptc_datasets(block) or (
                block if block[:1] == b"\x1c" else None
            )
    stored.notes += tuple(f"its {keyword!r} is damaged and was left out" for keyword in damaged)


def _facts(data: bytes, max_pixels: int) -> tuple[dict[bytes, bytes], list[containers.Chunk]]:
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
    if b":" in keyword or keyword.startswith(_RAW_PROFILE):
        return False  # date:create, exif:Make, XML:com.adobe.xmp: copies, or kept
    return is_someones_text(text.rpartition(b"\x00")[2])  # zTXt: packed, and taken for text


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
