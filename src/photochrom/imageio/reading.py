"""From a file, or its bytes, to an upright picture in sRGB."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.errors import InputError, PhotochromError
from photochrom.imageio import containers, convert, decoders, exif, icc, xmp
from photochrom.imageio.decoders import StoredPicture, StoredValues
from photochrom.imageio.formats import (
    FORMATS,
    HEAD_BYTES,
    Format,
    format_of_name,
    recognize,
    unread_format,
)
from photochrom.imageio.options import (
    DEFAULT_MAX_PIXELS,
    ReadOptions,
    mended_note,
    missing_pixels,
    salvage_note,
)
from photochrom.imageio.picture import Metadata, Picture
from photochrom.imageio.streams import read_all, stream_mode, stream_name

if TYPE_CHECKING:
    from PIL import Image

_MARK_BYTES = 1 << 17
"""Of the beginning and the end of a file, where the mark of colours stands; before it there may be
an EXIF block and a colour profile."""
_BYTES_PER_PIXEL = 16
_SPARE_BYTES = 1 << 26
"""No honest file is larger than 16 bytes per pixel and 64 MiB of metadata."""


Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Content"
"""What a picture can be read from: a path, the content of a file, or a binary file object."""


def read(
    source: Source,
    *,
    name: str = "",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY,
    page: int | None = None,
) -> Picture:
    """Read a picture: upright, in sRGB, with 16 bits where the file has more than 8.

    The format is told by the content, not the name. Damage around the pixels is mended, and `notes`
    says so; a file with missing pixels, or an animated one, is refused; of a file with several
    pages the first is read and `notes` says so.

    Args:
        source: A path; the content of a file as bytes; or a file object open in binary mode, which
            is read to its end from where it stands. It need not be seekable (a pipe, an upload),
            and is not closed.
        name: What messages call the picture. Empty: the path, the file object's own name, or "the
            picture".
        max_pixels: Larger pictures are refused before they are decoded.
        damage: "refuse" refuses also what could be mended; "salvage" reads what is there of a
            picture of which a part is missing, and `notes` says how much.
        page: Number of the picture in a file of several, from 1; None: the first.

    Raises:
        InputError: It cannot be read or is no picture; the message names the file and what to do.
        MissingDependencyError: The format needs an optional package.
    """
    content = read_content(source, name=name, max_pixels=max_pixels)
    return _decode(content, ReadOptions(max_pixels, damage, page))


def read_preview(
    source: Source,
    longest_px: int,
    *,
    name: str = "",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY,
    page: int | None = None,
) -> Picture:
    """Read a picture of which a small version is enough, for a look or a network.

    Its long side has at least ``longest_px`` where the file's has, and may have all of the file's:
    of a JPEG a half, quarter or eighth is decoded, which takes a part of the time and memory. Args
    and errors as for `read`.
    """
    content = read_content(source, name=name, max_pixels=max_pixels)
    return _decode(content, ReadOptions(max_pixels, damage, page, longest_px))


def read_values(
    source: Source,
    *,
    name: str = "",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    page: int | None = None,
) -> StoredValues:
    """Read what one grey exposure measured: the numbers of a FITS or DICOM file, in their unit.

    Of other formats they are the samples as `read` gives them, in [0, 1]. Args as for `read`.
    Raises what `read` raises, and InputError for a picture in colour.
    """
    content = read_content(source, name=name, max_pixels=max_pixels)
    options = ReadOptions(max_pixels, page=page)
    found = recognize(content.data[:HEAD_BYTES])
    if found is not None and found.decode_values is not None:
        with _named_errors(content.name, found.name):
            return found.decode_values(content.data, options)
    picture = _decode(content, options)
    samples = picture.pixels
    if samples.ndim == 3:
        if not convert.is_neutral(samples):
            raise InputError(
                f"{content.name} is in colour, and an exposure is grey; give the exposure of each "
                "filter as a file of its own"
            )
        samples = samples[..., 0]
    top = np.float32(np.iinfo(samples.dtype).max)
    return StoredValues(samples.astype(np.float32) / top, picture.notes, has_unit=False)


def page_count(source: Source, *, name: str = "", max_pixels: int = DEFAULT_MAX_PIXELS) -> int:
    """How many pictures a file holds: the pages of a TIFF or PDF, the pictures of an MPO or HEIC.

    Args as for `read`. Raises InputError, MissingDependencyError as `read` does.
    """
    content = read_content(source, name=name, max_pixels=max_pixels)
    found = recognize(content.data[:HEAD_BYTES])
    if found is None or found.page_count is None:
        return 1
    with _named_errors(content.name, found.name):
        return found.page_count(content.data)


class Content(NamedTuple):
    """A file that may be a picture, undecoded."""

    data: bytes
    name: str
    """What messages call it."""
    mode: int | None
    """Permission bits of a file on a disk."""


def read_generator(path: Path) -> str | None:
    """Who made the colours of a file that `write` has made, as its mark says.

    Only the file's beginning and end are read. None: it cannot be, or there is no mark.
    """
    try:
        with path.open("rb") as file:
            generator = xmp.find_generator(file.read(_MARK_BYTES))
            if generator is None:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _MARK_BYTES))
                generator = xmp.find_generator(file.read())
    except OSError:
        return None
    return generator


def read_content(
    source: Source, *, name: str = "", max_pixels: int = DEFAULT_MAX_PIXELS
) -> Content:
    """The bytes that `read` decodes. Raises InputError for what is too long for a picture, too."""
    if isinstance(source, Content):
        return source._replace(name=name or source.name)
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        data, mode = _file_bytes(path, max_pixels)
        return Content(data, name or str(path), mode)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Content(bytes(source), name or "the picture", None)
    if hasattr(source, "read"):
        name = name or stream_name(source)
        return Content(_stream_bytes(source, name, max_pixels), name, stream_mode(source))
    raise InputError(
        f"cannot read a picture from {type(source).__name__}; pass a path, bytes or a file object "
        "open in binary mode"
    )


def from_pil(image: Image.Image) -> Picture:
    """A picture that Pillow has opened or made, in sRGB by the profile in its ``info``.

    Its pixels stay where they are: an EXIF orientation is not applied. 16-bit grey stays 16-bit.
    Raises InputError for modes without a known white (F, I), and for damaged files.
    """
    profile: bytes | None = image.info.get("icc_profile")
    try:
        if image.mode.startswith("I;16"):
            decoded = StoredPicture(np.asarray(image).astype(np.uint16), icc=profile)
        else:
            samples, alpha, profile, notes = decoders.from_pillow(image, profile)
            decoded = StoredPicture(samples, alpha, icc=profile, notes=notes)
        return _upright_picture(decoded, "PNG", None)
    except InputError as error:
        raise InputError(f"cannot read the Pillow image: {error}") from error
    except (OSError, SyntaxError) as error:  # decoded only now, and the file is damaged
        raise InputError(f"cannot read the Pillow image: {error}") from error


def _decode(content: Content, options: ReadOptions) -> Picture:
    data, name = content.data, content.name
    found, defects = recognize(data[:HEAD_BYTES]), mended_note([])
    if found is None and options.damage != "refuse":
        start = _start_of_picture(data)
        found = recognize(data[start : start + HEAD_BYTES]) if start else None
        if found is not None:
            data = data[start:]
            defects = mended_note([f"{start} bytes before its beginning"])
    if found is None:
        raise _unknown_error(name, data)
    with _named_errors(name, found.name):
        try:
            stored = found.decode(data, options)
        except (PhotochromError, MemoryError):
            raise
        except Exception as error:
            if _has_too_many_pixels(error):
                raise
            if options.damage == "refuse" or found.salvage == "":
                raise
            stored = _salvage(found, data, options, error)
        stored.notes += defects
        return _upright_picture(stored, found.name, content.mode)


def _salvage(found: Format, data: bytes, options: ReadOptions, error: Exception) -> StoredPicture:
    """What is left of a file that its decoder has failed on. Raises InputError."""
    reader = found.salvage
    try:
        if isinstance(reader, str):
            raise ValueError(reader)  # as salvagers do
        stored, missing = reader(data, options)
    except (PhotochromError, MemoryError):
        raise
    except Exception as failure:  # noqa: BLE001  # what decoders raise is unbounded
        raise InputError(
            f"the {found.name} data are damaged ({_reason(error)}); nothing of the picture can be "
            f"salvaged: {_reason(failure)}"
        ) from error
    if not missing:
        stored.notes += mended_note(["it ends early"])
        return stored
    if options.damage != "salvage":
        raise missing_pixels(missing, _reason(error)) from error
    stored.notes += (salvage_note(missing),)
    return stored


def _reason(error: Exception) -> str:
    """What a library says of damaged data, in one line."""
    first = error.args[0] if error.args else ""
    text = first.decode(errors="replace") if isinstance(first, bytes) else str(error)
    return " ".join(text.split()) or type(error).__name__


def _has_too_many_pixels(error: Exception) -> bool:
    """Whether Pillow refuses to open what would fill the memory."""
    from PIL import Image

    return isinstance(error, Image.DecompressionBombError)


@contextmanager
def _named_errors(name: str, format_name: str) -> Iterator[None]:
    """Whatever decoders raise, as errors of ours that name the file."""
    try:
        yield
    except PhotochromError as error:
        raise type(error)(f"cannot read {name}: {error}") from error
    except MemoryError as error:
        raise InputError(f"cannot read {name}: not enough memory for its pixels") from error
    except Exception as error:  # what decoders raise on damaged data is unbounded
        if _has_too_many_pixels(error):
            raise InputError(f"cannot read {name}: its frame has too many pixels") from error
        raise InputError(
            f"cannot read {name}: the {format_name} data are damaged ({_reason(error)})"
        ) from error


def _start_of_picture(data: bytes) -> int:
    """Bytes before a JPEG or PNG that a careless program put there: blanks, a byte-order mark."""
    head = data[:HEAD_BYTES]
    start = len(head) - len(head.lstrip(b"\r\n\t \x00\xef\xbb\xbf"))
    return start if start < len(head) else 0


def _file_bytes(path: Path, max_pixels: int) -> tuple[bytes, int]:
    """The content and the permission bits of a regular file that may be a picture."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"cannot read {path}: it is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"cannot read {path}: it is not a regular file")
        if status.st_size > _max_bytes(max_pixels):
            raise _size_error(str(path), f"{status.st_size / 1e6:.0f} MB", max_pixels)
        return path.read_bytes(), stat.S_IMODE(status.st_mode)
    except FileNotFoundError as error:
        raise InputError(f"cannot read {path}: no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}: {reason}") from error


def _stream_bytes(stream: IO[bytes], name: str, max_pixels: int) -> bytes:
    """What is left of a stream that may be a picture."""
    limit = _max_bytes(max_pixels)
    try:
        data = read_all(stream, limit)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {name}: {reason}") from error
    if data is None:
        raise _size_error(name, f"more than {limit / 1e6:.0f} MB", max_pixels)
    return data


def _max_bytes(max_pixels: int) -> int:
    return max_pixels * _BYTES_PER_PIXEL + _SPARE_BYTES


def _size_error(name: str, size: str, max_pixels: int) -> InputError:
    return InputError(
        f"cannot read {name}: {size} cannot be a picture of at most "
        f"{max_pixels / 1e6:g} megapixels; if it is one, pass a larger --max-megapixels"
    )


def _unknown_error(name: str, data: bytes) -> InputError:
    """The error for what is no picture of a known format."""
    if not data:
        return InputError(f"cannot read {name}: the file is empty")
    unread = unread_format(name, data[:HEAD_BYTES])
    if unread is not None:
        return InputError(f"cannot read {name}: {unread.reason}")
    promised = format_of_name(name)
    what = f"it is not a {promised.name} file" if promised else "it is not a picture"
    known = ", ".join(FORMATS)
    return InputError(f"cannot read {name}: {what}, whatever its name says; known are {known}")


def _upright_picture(stored: StoredPicture, name: str, mode: int | None) -> Picture:
    samples, alpha, notes = stored.samples, stored.alpha, stored.notes
    bits = 8 if samples.dtype == np.uint8 else 16
    pixels, profile, remarks = _to_srgb(stored)
    notes += remarks
    block = stored.exif
    if block is not None:
        block = block.removeprefix(b"Exif\x00\x00")
    packet, dpi = stored.xmp, stored.dpi
    if packet is not None:
        packet, remarks = _well_formed_xmp(packet)
        notes += remarks
    turn, own_turn = stored.orientation, None
    try:
        if block is not None:
            own_turn = exif.orientation(block)
            turn = turn or own_turn
            dpi = dpi or exif.resolution(block)
    except ValueError:
        block, notes = None, (*notes, decoders.EXIF_DAMAGED)
    if turn is None:
        turn = (None if packet is None else xmp.orientation(packet)) or 1
    # What a library has turned is upright, but what else the file says is of before.
    applied = turn if turn > 1 else own_turn or 1
    try:
        block = None if block is None else exif.upright(block, sides_swapped=applied > 4)
    except (ValueError, struct.error):
        block, notes = None, (*notes, decoders.EXIF_DAMAGED)
    packet = None if packet is None else xmp.upright(xmp.turn_regions(packet, applied))
    if turn != 1:
        pixels = _rotate(pixels, turn)
        alpha = None if alpha is None else _rotate(alpha, turn)
        dpi = (dpi[1], dpi[0]) if dpi is not None and turn > 4 else dpi
    if alpha is not None:
        alpha = convert.to_depth(alpha, pixels.dtype.type)
    metadata = Metadata(
        block, packet, profile, dpi, bits, mode, stored.iptc, stored.comments, stored.texts
    )
    return Picture(np.ascontiguousarray(pixels), alpha, metadata, name, notes)


def _well_formed_xmp(packet: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The packet, mended where that can be done; and a note where it was not well-formed."""
    mended = xmp.well_formed(packet)
    if mended is None:
        return packet, ("its XMP packet is not well-formed; a new one takes its place",)
    if mended != packet:
        return mended, ("its XMP packet was not well-formed and has been mended",)
    return packet, ()


def _to_srgb(stored: StoredPicture) -> tuple[NDArray[Any], bytes | None, tuple[str, ...]]:
    """Return sRGB pixels, the profile to return to when writing, and notes."""
    samples, data = stored.samples, stored.icc
    if stored.profile is not None:
        return convert.to_srgb(samples, stored.profile), None, ()
    if data is None:
        return samples, None, ()
    try:
        profile = icc.parse(data)
        space = icc.color_space(data)
        if space not in ("RGB", "GRAY"):
            note = f"its ICC profile is for {space} pixels and was left out"
            return samples, None, (f"{note}; the pixels were taken as sRGB",)
        if profile is None:
            return _convert_tables(samples, data, space), None, ()
    except ValueError:
        return samples, None, (containers.ICC_DAMAGED,)
    if profile.to_xyz is None and samples.ndim == 3:
        note = "its ICC profile is for grey pixels and was left out; the pixels were taken as sRGB"
        return samples, None, (note,)
    keep = data if icc.holds_srgb(profile) else None
    return convert.to_srgb(samples, profile), keep, ()


def _convert_tables(samples: NDArray[Any], data: bytes, space: str) -> NDArray[Any]:
    if space == "RGB" and samples.ndim == 2:
        samples = np.repeat(samples[..., None], 3, axis=2)
    return convert.tables_to_srgb(samples, data)


def _rotate(plane: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation, 2 to 8 (CIPA DC-008, tag 0112)."""
    if orientation in (5, 7):
        plane = cv2.transpose(plane)
    turn = {
        3: cv2.ROTATE_180,
        6: cv2.ROTATE_90_CLOCKWISE,
        7: cv2.ROTATE_180,
        8: cv2.ROTATE_90_COUNTERCLOCKWISE,
    }.get(orientation)
    if turn is not None:
        plane = cv2.rotate(plane, turn)
    flip = {2: 1, 4: 0}.get(orientation)
    return plane if flip is None else cv2.flip(plane, flip)
