"""Every picture format, one row each: what its files are called, how they are read and written.

All that photochrom knows of a format stands in its row: reading and writing, the names of results,
what the studio takes in and keeps, its API's description and the documentation are made from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from photochrom.imageio import containers, decoders, encoders, heif_decoders, tiff_decoder
from photochrom.imageio.decoders import Decoder
from photochrom.imageio.encoders import Encoder

HEAD_BYTES = 256
"""How much of a file `recognize` looks at."""


@dataclass(frozen=True)
class Format:
    """What photochrom knows of a picture format."""

    name: str
    """Its key in `FORMATS`, and what people call it."""
    media_type: str
    suffixes: tuple[str, ...]
    """Endings of its files, in lower case; the first is the one that files are given."""
    decode: Decoder
    magic: bytes = b""
    """Regular expression of how its files begin; empty where ``brands`` tell."""
    brands: frozenset[bytes] = frozenset()
    """Brands of its files, where they are ISO base media (ISO/IEC 14496-12, section 4.3)."""
    encode: Encoder | None = None
    """None: it is only read."""
    alpha: bool = False
    """Whether it is written with transparency."""
    deep: bool = False
    """Whether it is written with 16 bits where the picture has them."""
    quality: int | None = None
    """Default quality, 0 to 100; None: it is written without loss."""
    max_exif_bytes: int | None = None
    """Longest EXIF block that it holds; None: any."""
    result: str = ""
    """Name of the format of a coloured version; empty: the same."""
    transparent_result: str = ""
    """Name of the format of a coloured version with transparency; empty: as ``result``."""

    @property
    def suffix(self) -> str:
        """The ending that its files are given."""
        return self.suffixes[0]

    def result_format(self, *, transparent: bool) -> Format:
        """The format of a coloured version: this one, or the nearest that can hold it."""
        name = (transparent and self.transparent_result) or self.result or self.name
        return FORMATS[name]


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "JPEG",
            "image/jpeg",
            (".jpg", ".jpeg", ".jpe", ".jfif"),
            decoders.decode_jpeg,
            magic=rb"\xff\xd8\xff",
            encode=encoders.encode_jpeg,
            # By what it does to L* (4:4:4, detailed photos): 95 / 97 / 98 / 100: |dL*| 0.36 / 0.22
            # / 0.19 / 0.15 on average and above 0.5 in 25 / 9 / 6 / 2.5 % of the pixels, at 0.47 /
            # 0.58 / 0.64 / 0.99 bytes per pixel. No JPEG keeps every pixel within 0.5: the rounding
            # of its three transforms alone passes it.
            quality=98,
            max_exif_bytes=containers.JPEG_EXIF_BYTES,
            transparent_result="PNG",
        ),
        Format(
            "PNG",
            "image/png",
            (".png",),
            decoders.decode_png,
            magic=rb"\x89PNG\r\n\x1a\n",
            encode=encoders.encode_png,
            alpha=True,
            deep=True,
        ),
        Format(
            "TIFF",
            "image/tiff",
            (".tif", ".tiff"),
            tiff_decoder.decode_tiff,
            magic=rb"II[*+]\x00|MM\x00[*+]",
            encode=encoders.encode_tiff,
            alpha=True,
            deep=True,
        ),
        Format(
            "WebP",
            "image/webp",
            (".webp",),
            decoders.decode_webp,
            magic=rb"RIFF....WEBP",
            encode=encoders.encode_webp,
            alpha=True,
        ),
        Format(
            "AVIF",
            "image/avif",
            (".avif",),
            heif_decoders.decode_avif,
            brands=frozenset({b"avif", b"avis"}),
            encode=encoders.encode_avif,
            alpha=True,
            # 100 keeps photographs within 0.5 of L*, in 0.74 bytes per pixel (of all RGB values,
            # 0.04 % move by up to 0.67); 98 has up to 1.5.
            quality=100,
        ),
        Format(
            "HEIC",
            "image/heic",
            (".heic", ".heif"),
            heif_decoders.decode_heic,
            # Those of containers in general come last: an AVIF file may have them, too.
            brands=frozenset(
                {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
            ),
            result="JPEG",  # a camera's photograph
            transparent_result="PNG",
        ),
        Format(
            "GIF",
            "image/gif",
            (".gif",),
            decoders.decode_gif,
            magic=rb"GIF8[79]a",
            result="PNG",
        ),
        Format("BMP", "image/bmp", (".bmp",), decoders.decode_bmp, magic=rb"BM", result="PNG"),
    )
}
"""Every format by its name. A file is of the first whose beginning or brands it has."""


def recognize(head: bytes) -> Format | None:
    """The format of a file by its first `HEAD_BYTES`, or all of its bytes; None: no picture."""
    brands = _brands(head)
    for row in FORMATS.values():
        if row.brands & brands or (row.magic and re.match(row.magic, head, re.DOTALL)):
            return row
    return None


def _brands(head: bytes) -> frozenset[bytes]:
    """The brands of a file of ISO base media; none for others."""
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), HEAD_BYTES)
    return frozenset(head[at : at + 4] for at in (8, *range(16, end, 4)))


def format_of_name(name: str | PurePath) -> Format | None:
    """The format that a file name promises. Reading trusts the content, writing the name."""
    suffix = PurePath(name).suffix.lower()
    return next((row for row in FORMATS.values() if suffix in row.suffixes), None)


def read_suffixes() -> tuple[str, ...]:
    """Endings of the files that can be read, sorted."""
    return tuple(sorted(suffix for row in FORMATS.values() for suffix in row.suffixes))


def write_suffixes() -> tuple[str, ...]:
    """Endings of the files that can be written, sorted."""
    rows = (row for row in FORMATS.values() if row.encode is not None)
    return tuple(sorted(suffix for row in rows for suffix in row.suffixes))


def is_picture_name(name: str) -> bool:
    """Whether a file of this name (or path) may be a picture; hidden ones are not looked at."""
    path = PurePath(name)
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return format_of_name(path) is not None and not hidden


def output_name(name: str, *, mark: str = "", transparent: bool = False) -> str:
    """The file name of a coloured version of ``name``, with ``mark`` before its suffix.

    transparent: whether the picture is not opaque throughout.
    The format stays, or becomes the nearest that can hold the picture (see `Format.result_format`;
    PNG where the name promises none). Then the whole old name comes before the new suffix, so that
    "a.heic" and "a.jpg" have different results.
    """
    path = PurePath(name)
    promised = format_of_name(path)
    if promised is None:
        return f"{name}{mark}{FORMATS['PNG'].suffix}"
    result = promised.result_format(transparent=transparent)
    if result is promised:
        return f"{path.stem}{mark}{path.suffix}"
    return f"{name}{mark}{result.suffix}"
