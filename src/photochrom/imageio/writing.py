"""From a picture to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from photochrom.atomic import check_target, write_atomically
from photochrom.errors import OutputError
from photochrom.imageio import convert, exif, icc, xmp
from photochrom.imageio.encoders import Encodable
from photochrom.imageio.formats import FORMATS, Format, format_of_name, write_suffixes
from photochrom.imageio.picture import Picture, is_transparent


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
    quality: 0 to 100, for formats with loss (default: `Format.quality`); the others lose nothing.
    generator: who made the colours ("photochrom-base 0.1.0 (photochrom 0.1.0)"); recorded in the
        metadata together with IPTC's mark for pictures made with a trained model.

    The pixels go back to the input's RGB profile if there is one, otherwise the file is tagged
    sRGB. 16 bits stay 16 in PNG and TIFF. Raises OutputError; the earlier file is then intact.
    """
    path = Path(path)
    target = format_of_name(path)
    if target is None or target.encode is None:
        raise OutputError(
            f"cannot write {path}: {path.suffix or 'a name without suffix'} is no format that can "
            f"be written; use one of {', '.join(write_suffixes())}"
        )
    if quality is None:
        quality = 100 if target.quality is None else target.quality
    if not 0 <= quality <= 100:
        raise OutputError(f"cannot write {path}: quality {quality} is not between 0 and 100")
    check_target(path, overwrite=overwrite)
    try:
        data = target.encode(_encodable(picture, target, generator), quality)
    except MemoryError as error:
        raise OutputError(f"cannot write {path}: not enough memory to encode it") from error
    except (ValueError, OSError, OverflowError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    write_atomically(path, data, overwrite=overwrite, file_mode=picture.metadata.file_mode)


def keeps_depth(path: Path, picture: Picture) -> bool:
    """Whether a file of this name has as many bits per channel as the one the picture is from."""
    target = format_of_name(path)
    return not _is_deep(picture) or (target is not None and target.deep)


def _is_deep(picture: Picture) -> bool:
    return picture.pixels.dtype == np.uint16 and picture.metadata.bits > 8


def _encodable(picture: Picture, target: Format, generator: str | None) -> Encodable:
    """The picture in the depth and profile that the file will have. Raises ValueError."""
    metadata = picture.metadata
    dtype = np.uint16 if _is_deep(picture) and target.deep else np.uint8
    color, alpha = picture.pixels, picture.alpha
    if alpha is not None:
        if not target.alpha and is_transparent(picture):
            able = ", ".join(row.suffix for row in FORMATS.values() if row.alpha)
            raise ValueError(f"{target.name} holds no transparency; write one of {able}")
        alpha = convert.to_depth(alpha, dtype) if target.alpha else None
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
        block = None if block is None else _marked(block, target, generator)
    embedded = metadata.icc if profile is not None else None
    return Encodable(color, alpha, block, packet, embedded, metadata.dpi)


def _marked(block: bytes, target: Format, generator: str) -> bytes:
    """The EXIF block with the generator's name; without, if there is no room for it. XMP has it."""
    marked = exif.with_software(block, generator)
    fits = target.max_exif_bytes is None or len(marked) <= target.max_exif_bytes
    return marked if fits else block
