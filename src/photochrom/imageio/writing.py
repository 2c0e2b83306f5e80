"""From a picture to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from photochrom.atomic import check_target, write_atomically
from photochrom.errors import OutputError
from photochrom.imageio import containers, convert, exif, icc, xmp
from photochrom.imageio.encoders import ENCODERS, Encodable
from photochrom.imageio.picture import (
    ALPHA_FORMATS,
    DEEP_FORMATS,
    FORMAT_OF_SUFFIX,
    WRITE_SUFFIXES,
    Picture,
)

DEFAULT_QUALITY = {"JPEG": 98, "AVIF": 100}
"""Quality of the lossy formats, 0 to 100, chosen by what they do to L* (4:4:4, detailed photos).

JPEG 95 / 97 / 98 / 100: |dL*| 0.36 / 0.22 / 0.19 / 0.15 on average and above 0.5 in 25 / 9 / 6 /
2.5 % of the pixels, at 0.47 / 0.58 / 0.64 / 0.99 bytes per pixel. No JPEG keeps every pixel within
0.5: the rounding of its three transforms alone passes it. AVIF 100 keeps photographs within it, in
0.74 bytes per pixel (of all RGB values, 0.04 % move by up to 0.67); AVIF 98 has up to 1.5.
"""


def write(
    path: str | Path,
    picture: Picture,
    *,
    overwrite: bool = False,
    quality: int | None = None,
    generator: str | None = None,
) -> None:
    """Write a picture; the suffix decides the format. Old or whole new content, never a part.

    overwrite: replace an existing file; otherwise it is an error.
    quality: 0 to 100, for JPEG and AVIF (default: DEFAULT_QUALITY); the others lose nothing.
    generator: who made the colours ("photochrom-base 0.1.0 (photochrom 0.1.0)"); recorded in the
        metadata together with IPTC's mark for pictures made with a trained model.

    The pixels go back to the input's RGB profile if there is one, otherwise the file is tagged
    sRGB. 16 bits stay 16 in PNG and TIFF. Raises OutputError; the earlier file is then intact.
    """
    path = Path(path)
    name = FORMAT_OF_SUFFIX.get(path.suffix.lower(), "")
    if name not in ENCODERS:
        raise OutputError(
            f"cannot write {path}: {path.suffix or 'a name without suffix'} is no format that can "
            f"be written; use one of {', '.join(sorted(WRITE_SUFFIXES))}"
        )
    quality = DEFAULT_QUALITY.get(name, 100) if quality is None else quality
    if not 0 <= quality <= 100:
        raise OutputError(f"cannot write {path}: quality {quality} is not between 0 and 100")
    check_target(path, overwrite=overwrite)
    try:
        data = ENCODERS[name](_encodable(picture, name, generator), quality)
    except MemoryError as error:
        raise OutputError(f"cannot write {path}: not enough memory to encode it") from error
    except (ValueError, OSError, OverflowError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    write_atomically(path, data, overwrite=overwrite, file_mode=picture.metadata.file_mode)


def keeps_depth(path: Path, picture: Picture) -> bool:
    """Whether a file of this name has as many bits per channel as the one the picture is from."""
    return not _is_deep(picture) or FORMAT_OF_SUFFIX.get(path.suffix.lower()) in DEEP_FORMATS


def _is_deep(picture: Picture) -> bool:
    return picture.pixels.dtype == np.uint16 and picture.metadata.bits > 8


def _encodable(picture: Picture, name: str, generator: str | None) -> Encodable:
    """The picture in the depth and profile that the file will have. Raises ValueError."""
    metadata = picture.metadata
    dtype = np.uint16 if _is_deep(picture) and name in DEEP_FORMATS else np.uint8
    color, alpha = picture.pixels, picture.alpha
    if alpha is not None:
        alpha = convert.to_depth(alpha, dtype)
        if name not in ALPHA_FORMATS:
            if alpha.min() < np.iinfo(dtype).max:
                raise ValueError(f"{name} holds no transparency; write .png, .tif, .webp or .avif")
            alpha = None
    profile = None if metadata.icc is None else icc.parse(metadata.icc)
    if profile is not None:
        if color.ndim == 2:
            color = np.repeat(color[..., None], 3, axis=2)
        color = convert.from_srgb(color, profile, dtype)
    else:
        color = convert.to_depth(color, dtype)
    block, packet = metadata.exif, metadata.xmp
    if generator is not None:
        packet = xmp.mark_generated(packet, generator)
        block = None if block is None else _marked(block, name, generator)
    embedded = metadata.icc if profile is not None else None
    return Encodable(color, alpha, block, packet, embedded, metadata.dpi)


def _marked(block: bytes, name: str, generator: str) -> bytes:
    """The EXIF block with the generator's name; without, if JPEG has no room for it. XMP has it."""
    marked = exif.with_software(block, generator)
    fits = name != "JPEG" or len(marked) <= containers.JPEG_EXIF_BYTES
    return marked if fits else block
