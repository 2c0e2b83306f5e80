"""From a picture to a file, or its bytes."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import IO, TypeAlias

import numpy as np

from photochrom.atomic import check_target, write_atomically
from photochrom.errors import OutputError
from photochrom.imageio import convert, exif, icc, xmp
from photochrom.imageio.encoders import Encodable
from photochrom.imageio.formats import FORMATS, Format, format_of_name, write_suffixes
from photochrom.imageio.picture import Picture, is_transparent
from photochrom.imageio.streams import stream_name, write_all

Target: TypeAlias = "str | os.PathLike[str] | IO[bytes]"
"""Where a picture can be written to: a path, or a binary file object."""


def write(
    target: Target,
    picture: Picture,
    *,
    format_name: str = "",
    overwrite: bool = False,
    quality: int | None = None,
    generator: str | None = None,
) -> None:
    """Write a picture. To a path: old or whole new content, never a part.

    The pixels go back to the input's RGB profile if there is one, otherwise the file is tagged
    sRGB. 16 bits stay 16 in PNG and TIFF.

    Args:
        target: A path; or a file object open in binary mode, which gets all bytes at once when they
            are encoded. It need not be seekable (a pipe), is flushed, and is not closed.
        picture: What to write.
        format_name: The format, in any case ("PNG", "webp"), or a suffix of its files. Empty: what
            the suffix of the path (or of the file object's name) says; for a file object without
            any, the picture's own format, or the nearest that can be written.
        overwrite: Replace an existing file; otherwise it is an error. File objects are never asked.
        quality: 0 to 100, for formats with loss; None: the format's default. Others lose nothing.
        generator: Who made the colours, in place of `picture.generator`.

    Raises:
        OutputError: It cannot be written; an earlier file is then intact, and a file object has got
            nothing unless it failed itself.
    """
    generator = generator or picture.generator
    if isinstance(target, (str, os.PathLike)):
        path = Path(target)
        chosen = _choose_format(str(path), format_name, None)
        check_target(path, overwrite=overwrite)
        data = _encode(str(path), picture, chosen, quality, generator)
        write_atomically(path, data, overwrite=overwrite, file_mode=picture.metadata.file_mode)
        return
    if not hasattr(target, "write"):
        raise OutputError(
            f"cannot write a picture to {type(target).__name__}; pass a path or a file object open "
            "in binary mode"
        )
    name = stream_name(target)
    chosen = _choose_format(name, format_name, picture)
    data = _encode(name, picture, chosen, quality, generator)
    try:
        write_all(target, data)
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write {name}: {reason}") from error


def _choose_format(name: str, format_name: str, picture: Picture | None) -> Format:
    """The format to write; by ``picture`` where nothing else says it. Raises OutputError."""
    suffix = PurePath(name).suffix
    promised = format_of_name(name)
    if promised is not None and suffix.lower() in promised.foreign_suffixes:
        promised = None
    if format_name:
        chosen = _format_by_name(name, format_name)
        if promised not in (None, chosen):
            raise OutputError(
                f"cannot write {name} as {chosen.name}: its name ends in {suffix}; change one of "
                "the two"
            )
    elif promised is None and picture is not None:
        own = FORMATS.get(picture.format)
        if own is None:
            raise OutputError(
                f"cannot write {name}: the picture's own format {picture.format!r} is unknown; "
                "pass format_name"
            )
        chosen = own.result_format(transparent=is_transparent(picture))
    elif promised is None or promised.encode is None:
        raise OutputError(
            f"cannot write {name}: {suffix or 'a name without suffix'} is no format that can "
            f"be written; use one of {', '.join(write_suffixes())}"
        )
    else:
        chosen = promised
    return chosen


def _format_by_name(name: str, format_name: str) -> Format:
    """The writable format of this name or suffix."""
    wanted = format_name.lower()
    writable = [row for row in FORMATS.values() if row.encode is not None]
    for row in writable:
        if wanted == row.name.lower() or f".{wanted.removeprefix('.')}" in row.suffixes:
            return row
    known = ", ".join(row.name for row in writable)
    raise OutputError(
        f"cannot write {name} as {format_name}: no format that can be written is called so; use "
        f"one of {known}"
    )


def _encode(
    name: str, picture: Picture, target: Format, quality: int | None, generator: str | None
) -> bytes:
    """The content of the file. Raises OutputError."""
    assert target.encode is not None
    if quality is None:
        quality = 100 if target.quality is None else target.quality
    if not 0 <= quality <= 100:
        raise OutputError(f"cannot write {name}: quality {quality} is not between 0 and 100")
    try:
        return target.encode(_encodable(picture, target, generator), quality)
    except MemoryError as error:
        raise OutputError(f"cannot write {name}: not enough memory to encode it") from error
    except (ValueError, OSError, OverflowError, RuntimeError) as error:  # libavif raises the last
        raise OutputError(f"cannot write {name}: {error}") from error


def writing_notes(target: Target, picture: Picture, *, format_name: str = "") -> tuple[str, ...]:
    """Sentences about what the picture has and a file of it, by `write` to this target, has not.

    Raises OutputError where no format is known for the target.
    """
    if isinstance(target, (str, os.PathLike)):
        chosen = _choose_format(os.fspath(target), format_name, None)
    else:
        chosen = _choose_format(stream_name(target), format_name, picture)
    lost = []
    if _is_deep(picture) and not chosen.deep:
        able = " and ".join(row.suffix for row in FORMATS.values() if row.deep)
        lost.append(f"it has more than 8 bits per channel, its result has 8; {able} keep them")
    if picture.metadata.iptc is not None and not chosen.iptc:
        lost.append(f"{chosen.name} has no place for its IPTC text; EXIF and XMP are kept")
    if picture.metadata.comments and not chosen.comments:
        lost.append(f"{chosen.name} has no place for its comment")
    if picture.metadata.texts and not chosen.texts:
        lost.append(f"{chosen.name} has no place for its text chunks; EXIF and XMP are kept")
    return tuple(lost)


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
    block = metadata.exif
    packet = None if metadata.xmp is None else xmp.upright(metadata.xmp)
    if generator is not None:
        packet = xmp.mark_generated(packet, generator)
        block = None if block is None else _mark_exif(block, target, generator)
    embedded = metadata.icc if profile is not None else None
    return Encodable(
        color,
        alpha,
        block,
        packet,
        embedded,
        metadata.dpi,
        metadata.iptc,
        metadata.comments,
        metadata.texts,
    )


def _mark_exif(block: bytes, target: Format, generator: str) -> bytes:
    """The EXIF block with the generator's name; without, if there is no room for it. XMP has it."""
    marked = exif.with_software(block, generator)
    fits = target.max_exif_bytes is None or len(marked) <= target.max_exif_bytes
    return marked if fits else block
