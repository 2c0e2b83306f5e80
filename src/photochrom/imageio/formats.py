"""Every picture format, one row each: what its files are called, how they are read and written.

All that photochrom knows of a format stands in its row: reading and writing, the names of results,
what the studio takes in and keeps, its API's description and the documentation are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from photochrom.imageio import containers, encoders, jpeg_decoder
from photochrom.imageio.encoders import Encoder
from photochrom.imageio.options import ReadOptions

if TYPE_CHECKING:
    from photochrom.imageio.decoders import Decoder, StoredValues
    from photochrom.imageio.salvage import Salvager

HEAD_BYTES = 256
"""How much of a file `recognize` looks at."""
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN"})
"""Where systems and network disks put shadows and thumbnails of pictures, and what was deleted."""


@dataclass(frozen=True)
class Format:
    """What photochrom knows of a picture format."""

    name: str
    """Its key in `FORMATS`, and what people call it."""
    media_type: str
    suffixes: tuple[str, ...]
    """Endings of its files, in lower case; the first is the one that files are given."""
    decode: Decoder
    salvage: Salvager | str = ""
    """What reads the rest of a damaged file; or why nothing can, in words; empty: ``decode`` does
    what can be done."""
    foreign_suffixes: tuple[str, ...] = ()
    """Endings of files that are read as this format, and are never written."""
    extra: str = ""
    """The extra without which it is not read; empty: none is needed."""
    is_document: bool = False
    """Whether its files hold more than pictures. The studio takes no documents: they may hold
    programs, and are sent back to others."""
    page_count: Callable[[bytes], int] | None = None
    """How many pictures a file holds; None: one. Raises what decoders raise."""
    decode_values: Callable[[bytes, ReadOptions], StoredValues] | None = None
    """The numbers that were measured, where a picture is only one way to show them; None: the
    samples are all there is."""
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
    iptc: bool = False
    """Whether it is written with IPTC text."""
    comments: bool = False
    """Whether it is written with comments."""
    texts: bool = False
    """Whether it is written with the text chunks of a PNG."""
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


def _late(name: str) -> Callable[..., Any]:
    """A function of a module of this package, which is imported when it is called: a picture is of
    one format, and the libraries of the others take as long to import as to colour it.

    name: ``module.function``.
    """
    module, function = name.split(".")

    def call(*arguments: Any) -> Any:
        return getattr(import_module(f"photochrom.imageio.{module}"), function)(*arguments)

    return call


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "JPEG",
            "image/jpeg",
            (".jpg", ".jpeg", ".jpe", ".jfif"),
            jpeg_decoder.decode_jpeg,
            foreign_suffixes=(".mpo",),
            page_count=jpeg_decoder.picture_count,
            magic=rb"\xff\xd8\xff",
            encode=encoders.encode_jpeg,
            iptc=True,
            comments=True,
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
            _late("png_decoder.decode_png"),
            magic=rb"\x89PNG\r\n\x1a\n",
            encode=encoders.encode_png,
            iptc=True,
            comments=True,
            texts=True,
            alpha=True,
            deep=True,
        ),
        Format(
            "Raw",
            "image/x-dcraw",
            (
                *(".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".srf", ".sr2", ".raf"),
                *(".orf", ".rw2", ".rwl", ".pef", ".srw", ".x3f", ".mrw", ".3fr", ".fff", ".iiq"),
                *(".erf", ".kdc", ".dcr", ".mef", ".mos"),
            ),
            _late("raw_decoder.decode_raw"),
            "its library, LibRaw, gives no part of a picture",
            extra="formats-all",
            # DNG and those of Nikon, Sony and Pentax begin like TIFF, which passes them on.
            magic=rb"II\*\x00.{4}CR|II(RO|RS|U\x00)|MMOR|FUJIFILMCCD-RAW|\x00MRM|FOVb|"
            rb".{4}ftypcrx |(II|MM).{4}HEAPCCDR",
            result="TIFF",
        ),
        Format(
            "TIFF",
            "image/tiff",
            (".tif", ".tiff"),
            _late("tiff_decoder.decode_tiff"),
            page_count=_late("tiff_decoder.page_count"),
            # A file of DICOM may begin as a TIFF file does (PS3.10 7.1), for those who read that.
            magic=rb"(?!.{128}DICM)(II[*+]\x00|MM\x00[*+])",
            encode=encoders.encode_tiff,
            iptc=True,
            alpha=True,
            deep=True,
        ),
        Format(
            "WebP",
            "image/webp",
            (".webp",),
            _late("decoders.decode_webp"),
            _late("salvage.salvage_webp"),
            magic=rb"RIFF....WEBP",
            encode=encoders.encode_webp,
            alpha=True,
        ),
        Format(
            "AVIF",
            "image/avif",
            (".avif",),
            _late("heif_decoders.decode_avif"),
            _late("salvage.salvage_avif"),
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
            (".heic", ".heif", ".hif"),
            _late("heif_decoders.decode_heic"),
            _late("salvage.salvage_heic"),
            extra="formats",
            page_count=_late("heif_decoders.picture_count"),
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
            _late("decoders.decode_gif"),
            _late("salvage.salvage_gif"),
            magic=rb"GIF8[79]a",
            result="PNG",
        ),
        Format(
            "BMP",
            "image/bmp",
            (".bmp",),
            _late("bmp_decoder.decode_bmp"),
            _late("bmp_decoder.salvage_bmp"),
            magic=rb"BM",
            result="PNG",
        ),
        Format(
            "JPEG 2000",
            "image/jp2",
            (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
            _late("jpeg2000_decoder.decode_jpeg2000"),
            "its library, OpenJPEG, gives no part of a picture",
            extra="formats",
            magic=rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
            result="PNG",
        ),
        Format(
            "JPEG XL",
            "image/jxl",
            (".jxl",),
            _late("jpegxl_decoder.decode_jpegxl"),
            "its library, libjxl, gives no part of a picture",
            extra="formats",
            magic=rb"\x00\x00\x00\x0cJXL \r\n\x87\n|\xff\x0a",
            result="PNG",
        ),
        Format(
            "PNM",
            "image/x-portable-anymap",
            (".pnm", ".pgm", ".ppm", ".pbm", ".pam", ".pfm"),
            _late("pnm_decoder.decode_pnm"),
            magic=rb"P[1-6Ff]\s|P7\n",
            result="PNG",
        ),
        Format(
            "Photoshop",
            "image/vnd.adobe.photoshop",
            (".psd", ".psb"),
            _late("psd_decoder.decode_psd"),
            _late("psd_decoder.salvage_psd"),
            extra="formats",
            magic=rb"8BPS\x00[\x01\x02]",
            result="TIFF",
        ),
        Format(
            "PDF",
            "application/pdf",
            (".pdf",),
            _late("pdf_decoder.decode_pdf"),
            "its library, PDFium, finds no page in it",
            extra="formats-all",
            is_document=True,
            page_count=_late("pdf_decoder.page_count"),
            magic=rb"%PDF-",
            result="PNG",
        ),
        Format(
            "FITS",
            "image/fits",
            (".fits", ".fit", ".fts"),
            _late("fits_decoder.decode_fits"),
            "its library, astropy, gives no part of a picture",
            extra="science",
            page_count=_late("fits_decoder.plane_count"),
            decode_values=_late("fits_decoder.fits_values"),
            magic=rb"SIMPLE  =",
            result="PNG",
        ),
        Format(
            "DICOM",
            "application/dicom",
            (".dcm", ".dicom"),
            _late("dicom_decoder.decode_dicom"),
            "its library, pydicom, gives no part of a picture",
            extra="science",
            page_count=_late("dicom_decoder.frame_count"),
            decode_values=_late("dicom_decoder.dicom_values"),
            magic=rb".{128}DICM",
            result="PNG",
        ),
    )
}
"""Every format by its name. A file is of the first whose beginning or brands it has."""


class UnreadFormat(NamedTuple):
    """A format that is known and not read, so that nobody is told that his picture is none."""

    name: str
    suffixes: tuple[str, ...]
    magic: bytes = b""
    """Regular expression of how its files begin; empty where nothing tells them."""
    advice: str = "convert it to TIFF or PNG"

    @property
    def reason(self) -> str:
        """Why its files are left out, and what to do, in words."""
        return f"{self.name} is not supported; {self.advice}"


_FILM_ADVICE = "it may be a film, which photochrom film colours"
UNREAD_FORMATS: tuple[UnreadFormat, ...] = (
    UnreadFormat("TGA", (".tga", ".icb", ".vda", ".vst")),
    UnreadFormat("HEIF with a short header", (), rb".{4}ftypmif3"),
    UnreadFormat("an OS/2 bitmap array", (), rb"BA.{12}(BM|CI|CP|IC|PT)"),
    UnreadFormat("PCX", (".pcx", ".dcx"), rb"\x0a[\x00-\x05]\x01[\x01-\x08]"),
    UnreadFormat("ICO", (".ico", ".cur"), rb"\x00\x00[\x01\x02]\x00.\x00"),
    UnreadFormat("ICNS", (".icns",), rb"icns"),
    UnreadFormat("SVG", (".svg", ".svgz"), rb"\s*(<\?xml.*)?<svg|\s*<!DOCTYPE svg"),
    UnreadFormat("PostScript", (".ps", ".eps", ".ai"), rb"%!PS|\xc5\xd0\xd3\xc6"),
    UnreadFormat("GIMP's XCF", (".xcf",), rb"gimp xcf"),
    UnreadFormat("OpenEXR", (".exr",), rb"\x76\x2f\x31\x01"),
    UnreadFormat("Radiance HDR", (".hdr",), rb"#\?(RADIANCE|RGBE)"),
    UnreadFormat("DDS", (".dds",), rb"DDS "),
    UnreadFormat("JPEG XR", (".jxr", ".wdp", ".hdp"), rb"II\xbc"),
    UnreadFormat("DjVu", (".djvu", ".djv"), rb"AT&TFORM"),
    UnreadFormat("SGI", (".sgi", ".rgb", ".bw"), rb"\x01\xda[\x00\x01][\x01\x02]"),
    UnreadFormat("QOI", (".qoi",), rb"qoif"),
    UnreadFormat("Photo CD", (".pcd",)),
    UnreadFormat("WMF", (".wmf", ".emf"), rb"\xd7\xcd\xc6\x9a"),
    UnreadFormat("Sun raster", (".ras", ".sun"), rb"\x59\xa6\x6a\x95"),
    UnreadFormat("JPEG-LS", (".jls",), rb"\xff\xd8\xff\xf7"),
    UnreadFormat(
        "a film's format",
        (
            *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".mts"),
            *(".m2ts", ".3gp", ".vob", ".flv", ".ogv", ".dv", ".mxf"),
        ),
        rb".{4}ftyp(isom|mp4|qt  |M4V|3gp|avc1)|\x1aE\xdf\xa3|RIFF....AVI ",
        _FILM_ADVICE,
    ),
)


def unread_format(name: str | PurePath, head: bytes = b"") -> UnreadFormat | None:
    """The format of a file that is known and not read: by its beginning, else by its name."""
    suffix = PurePath(name).suffix.lower()
    by_magic = (row for row in UNREAD_FORMATS if row.magic and re.match(row.magic, head, re.DOTALL))
    by_name = (row for row in UNREAD_FORMATS if suffix in row.suffixes)
    return next(by_magic, None) or next(by_name, None)


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
    rows = FORMATS.values()
    return next((r for r in rows if suffix in r.suffixes or suffix in r.foreign_suffixes), None)


def read_suffixes() -> tuple[str, ...]:
    """Endings of the files that can be read, sorted."""
    rows = FORMATS.values()
    return tuple(sorted(end for row in rows for end in (*row.suffixes, *row.foreign_suffixes)))


def write_suffixes() -> tuple[str, ...]:
    """Endings of the files that can be written, sorted."""
    rows = (row for row in FORMATS.values() if row.encode is not None)
    return tuple(sorted(suffix for row in rows for suffix in row.suffixes))


def is_picture_name(name: str, *, documents: bool = False) -> bool:
    """Whether a file of this name (or path) may be a picture; hidden ones are not looked at.

    documents: count documents with pictures in them, too. Beside a data set they are its papers.
    """
    path = PurePath(name)
    hidden = path.name.startswith(".") or not SYSTEM_FOLDERS.isdisjoint(path.parts)
    promised = format_of_name(path)
    return promised is not None and not hidden and (documents or not promised.is_document)


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
    if result is promised and path.suffix.lower() not in promised.foreign_suffixes:
        return f"{path.stem}{mark}{path.suffix}"
    return f"{name}{mark}{result.suffix}"
