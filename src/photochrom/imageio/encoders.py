"""From samples to the bytes of each format, with metadata.

JPEG is written without chroma subsampling, WebP without loss: both would otherwise move the
lightness of the photograph, which is the one thing that must stay.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.imageio import containers, exif, icc, tiff
from photochrom.imageio.jpeg_strips import encode_jpeg_strips

MOST_PX: Final = {"JPEG": 65_500, "WebP": 16_383}
"""Of a side, by format; others hold more than there is memory for."""
_PNG_LEVEL = 1
_WEBP_METHOD = 0
_AVIF_SPEED = 10


@dataclass(frozen=True)
class Encodable:
    """What goes into a file. colour: (H, W) or (H, W, 3); alpha: (H, W) or None; same dtype.

    icc: profile of the colour samples; None for sRGB.
    """

    color: NDArray[Any]
    alpha: NDArray[Any] | None
    exif: bytes | None
    xmp: bytes | None
    icc: bytes | None
    dpi: tuple[float, float] | None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    texts: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def channels(self) -> NDArray[Any]:
        """(H, W, C): grey or RGB, then alpha if there is one."""
        color = self.color if self.color.ndim == 3 else self.color[..., None]
        if self.alpha is None:
            return color
        return np.concatenate([color, self.alpha[..., None]], axis=2)

    @property
    def profile(self) -> bytes | None:
        """The profile to embed; a grey picture in sRGB carries none."""
        if self.icc is not None or self.color.ndim == 2:
            return self.icc
        return icc.srgb_bytes()


Encoder = Callable[[Encodable, int], bytes]
"""Picture and quality (0 to 100, for lossy formats), to a file's bytes. Raises ValueError."""


def encode_jpeg(picture: Encodable, quality: int) -> bytes:
    """JPEG, 4:4:4."""
    color = np.ascontiguousarray(picture.color)
    if max(color.shape[:2]) > MOST_PX["JPEG"]:
        raise ValueError(f"JPEG holds at most {MOST_PX['JPEG']} pixels a side; write .png or .tif")
    return containers.jpeg_with_metadata(
        encode_jpeg_strips(color, quality),
        exif=picture.exif,
        xmp=picture.xmp,
        icc=picture.profile,
        iptc=picture.iptc,
        dpi=picture.dpi,
        comments=picture.comments,
    )


def encode_png(picture: Encodable, quality: int) -> bytes:
    """PNG with 8 or 16 bits. OpenCV has no PNG of grey with alpha: that becomes RGB with alpha."""
    samples = picture.channels
    if samples.shape[2] == 2:
        samples = samples[..., [0, 0, 0, 1]]
    elif samples.shape[2] == 3:
        samples = cv2.cvtColor(samples, cv2.COLOR_RGB2BGR)
    elif samples.shape[2] == 4:
        samples = cv2.cvtColor(samples, cv2.COLOR_RGBA2BGRA)
    done, encoded = cv2.imencode(".png", samples, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])
    if not done:
        raise ValueError("OpenCV could not encode it as PNG")
    chunks = []
    if picture.icc is None:
        chunks.append((b"sRGB", b"\x00"))
    else:
        chunks.append((b"iCCP", b"ICC profile\x00\x00" + zlib.compress(picture.icc)))
    if picture.dpi is not None:
        per_metre = b"".join(
            min(max(round(v / 0.0254), 1), 2**31 - 1).to_bytes(4, "big") for v in picture.dpi
        )
        chunks.append((b"pHYs", per_metre + b"\x01"))
    if picture.exif is not None:
        chunks.append((b"eXIf", picture.exif))
    if picture.xmp is not None:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + picture.xmp))
    if picture.iptc is not None:
        chunks.append((b"zTXt", _raw_profile(b"iptc", containers.iptc_resource(picture.iptc))))
    chunks += picture.texts
    chunks += map(_comment_chunk, picture.comments)
    return containers.png_with_chunks(encoded.tobytes(), chunks)


def _comment_chunk(comment: bytes) -> tuple[bytes, bytes]:
    """A comment as a text chunk: UTF-8 where it is that, which Latin-1 hardly ever is."""
    text = comment.rstrip(b"\x00").replace(b"\x00", b" ")
    try:
        text.decode("ascii")
    except UnicodeDecodeError:
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return b"tEXt", b"Comment\x00" + text
        return b"iTXt", b"Comment\x00\x00\x00\x00\x00" + text
    return b"tEXt", b"Comment\x00" + text


def _raw_profile(name: bytes, block: bytes) -> bytes:
    """A text chunk of hexadecimal digits, as ImageMagick and ExifTool read and write it."""
    digits = block.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = b"\n%s\n%8d\n%s\n" % (name, len(block), lines)
    return b"Raw profile type " + name + b"\x00\x00" + zlib.compress(text)


def encode_tiff(picture: Encodable, quality: int) -> bytes:
    """TIFF with 8 or 16 bits, Deflate. 16-bit grey with alpha becomes RGB: few programs read it."""
    samples = picture.channels
    if samples.shape[2] == 2 and samples.dtype == np.uint16:
        samples = samples[..., [0, 0, 0, 1]]
    return tiff.encode(
        samples,
        exif_block=picture.exif,
        xmp=picture.xmp,
        icc=picture.profile,
        iptc=picture.iptc,
        dpi=picture.dpi,
    )


def encode_webp(picture: Encodable, quality: int) -> bytes:
    """WebP, lossless."""
    if max(picture.color.shape[:2]) > MOST_PX["WebP"]:
        raise ValueError(
            f"WebP holds at most {MOST_PX['WebP']} pixels a side; write .jpg, .png or .tif"
        )
    return _encode_with_pillow(
        picture, "WEBP", lossless=True, exact=True, quality=0, method=_WEBP_METHOD
    )


def encode_avif(picture: Encodable, quality: int) -> bytes:
    """AVIF, 4:4:4, 8 bits."""
    if max(picture.color.shape[:2]) > 65536:
        raise ValueError("AVIF holds at most 65536 pixels a side; write .png or .tif")
    return _encode_with_pillow(
        picture, "AVIF", quality=quality, subsampling="4:4:4", speed=_AVIF_SPEED
    )


def _encode_with_pillow(picture: Encodable, name: str, **options: Any) -> bytes:
    from PIL import Image  # for these formats alone

    samples = picture.channels
    if samples.shape[2] < 3:  # neither format has a grey form with a profile or with alpha
        samples = samples[..., [0, 0, 0, 1][: samples.shape[2] + 2]]
    block = picture.exif
    if picture.dpi is not None:  # these formats have no other place for it
        block = exif.with_resolution(block, picture.dpi)
    if block is not None:
        # Pillow would rebuild a block that has an orientation, which breaks maker notes.
        options["exif"] = exif.replace_entries(block, {exif.ORIENTATION: None})
    if picture.xmp is not None:
        options["xmp"] = picture.xmp
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(samples))
    image.save(buffer, name, icc_profile=picture.icc or icc.srgb_bytes(), **options)
    return buffer.getvalue()
