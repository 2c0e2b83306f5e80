"""What is let in: pictures and films by their content, whatever they are called.

A file that is a picture and something else at the same time (an archive, a program's text, a web
page) is refused: whoever keeps it would also hand it out.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import FORMATS, eight_bit_rgb, recognize
from photochrom.imageio.exif import date_taken
from photochrom.pipeline import own_colors
from photochrom.web.errors import InvalidInput, TooLarge
from photochrom.web.i18n import _
from photochrom.web.pictures.decoding import (
    FILM_MP,
    current_decoding_space,
    decode_picture,
    is_too_large,
)
from photochrom.web.pictures.reasons import refusal
from photochrom.web.pictures.thumbnails import SCREEN_PX, shrink
from photochrom.web.settings import current_settings

_FOREIGN: Final = (
    b"<script",
    b"<html>",
    b"<html ",
    b"<!doctype html",
    b"<iframe ",
    b"<svg xmlns",
    b"<svg version",
    b"<svg width",
    b"<svg viewbox",
    b"<svg onload",
    b"<?php ",
    b"<?php\n",
    b"<?php\r",
)
"""Beginnings of pages and programs, in lower case: long enough not to occur by chance."""
_PDF, _PDF_HEAD_BYTES = b"%PDF-", 1024
_ZIP_END, _ZIP_ENTRY, _ZIP_TAIL_BYTES = b"PK\x05\x06", b"PK\x01\x02", 66_000
_SCAN_BYTES: Final = 1 << 24
_JPEG_START, _JPEG_SCAN, _MAX_JPEG_SCANS = b"\xff\xd8", b"\xff\xda", 64
"""Encoders make a dozen at most, and the time that a picture takes grows with each."""
_TS_PACKET: Final = 188


@dataclass(frozen=True, eq=False)
class UploadInfo:
    """A file that is let in.

    kind: "photo" or "film". screen: (h, w, 3) uint8 sRGB at the size of a screen, as it is.
    own_colors, notes: as in `Picture`.
    """

    kind: str
    media_type: str
    width: int
    height: int
    screen: NDArray[np.uint8]
    own_colors: str | None = None
    notes: tuple[str, ...] = ()
    taken_at: datetime | None = None
    """As of `Picture`."""


def check_upload(
    path: Path, name: str, max_pixels: int, *, user_id: int | None = None
) -> UploadInfo:
    """Find out what a file is, by reading it.

    name: what the person called it, for messages. max_pixels: of a frame of a film; of pictures
    the app's setting counts. user_id: who sends it; None: nobody who is known.
    Raises InvalidInput or TooLarge, with the reason, and TooMany.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise InvalidInput(_("“{name}” is empty.").format(name=name))
    if head.startswith(_PDF):
        raise InvalidInput(
            _("“{name}” is a PDF. Send its pages as pictures, such as PNG or JPEG.").format(
                name=name
            )
        )
    if _is_foreign(path, head):
        raise InvalidInput(
            _("“{name}” holds something else besides a picture, such as a web page.").format(
                name=name
            )
        )
    film_type = _film_type(head) if recognize(head) is None else None
    if film_type is not None:
        return _check_film(path, name, film_type, max_pixels, user_id)
    return _check_photo(path, name, user_id)


def _check_photo(path: Path, name: str, user_id: int | None) -> UploadInfo:
    content = path.read_bytes()
    if content.startswith(_JPEG_START) and (scans := content.count(_JPEG_SCAN)) > _MAX_JPEG_SCANS:
        raise InvalidInput(
            _("“{name}” is a JPEG of {number} scans, more than the {limit} that are taken.").format(
                name=name, number=scans, limit=_MAX_JPEG_SCANS
            )
        )
    try:
        with decode_picture(content, name, user_id=user_id) as picture:
            height, width = picture.pixels.shape[:2]
            # Small before it has three channels, which of a large grey picture takes long.
            small = replace(picture, pixels=shrink(picture.pixels, SCREEN_PX), alpha=None)
            screen = eight_bit_rgb(small)
            media_type = FORMATS[picture.format].media_type
            colors, notes = own_colors(picture.pixels), picture.notes
            taken_at = date_taken(picture.metadata.exif or b"")
    except MissingDependencyError:
        raise InvalidInput(
            _("“{name}” is of a kind that this studio cannot read.").format(name=name)
        ) from None
    except InputError as error:
        if is_too_large(error):
            raise TooLarge(
                _("“{name}” has more than {limit} megapixels.").format(
                    name=name, limit=current_decoding_space().total_mp
                )
            ) from None
        raise InvalidInput(refusal(error, name)) from None
    if taken_at is not None:
        taken_at = taken_at.replace(tzinfo=timezone.utc)
    return UploadInfo("photo", media_type, width, height, screen, colors, notes, taken_at)


def _check_film(
    path: Path, name: str, media_type: str, max_pixels: int, user_id: int | None
) -> UploadInfo:
    try:
        from photochrom.web.pictures.film_info import inspect_film
    except MissingDependencyError:
        raise InvalidInput(_("This studio colours no films.")) from None
    try:
        with current_decoding_space().take(FILM_MP, user_id):
            height, width, screen = inspect_film(
                path, max_pixels, current_settings().max_film_minutes
            )
    except InputError as error:
        raise InvalidInput(refusal(error, name, path)) from None
    return UploadInfo("film", media_type, width, height, screen)


def _film_type(head: bytes) -> str | None:
    """The media type of a film, by the first bytes of what is no picture; None: it is none."""
    if head[4:8] == b"ftyp":
        return "video/quicktime" if head[8:12] == b"qt  " else "video/mp4"
    if head[4:8] in (b"moov", b"mdat", b"wide"):
        return "video/quicktime"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    if head[:4] in (b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"):
        return "video/mpeg"
    if head[:16] == bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"):
        return "video/x-ms-wmv"
    if head[:4] == b"OggS":
        return "video/ogg"
    packets = head[::_TS_PACKET][:8]
    if len(packets) == 8 and set(packets) == {0x47}:
        return "video/mp2t"
    return None


def _is_foreign(path: Path, head: bytes) -> bool:
    """Whether there is a page, a program or an archive in a file."""
    if _PDF in head[:_PDF_HEAD_BYTES]:
        return True
    overlap = max(map(len, _FOREIGN))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        tail = data[-_ZIP_TAIL_BYTES:]
        if _ZIP_END in tail and data.find(_ZIP_ENTRY) >= 0:
            return True
        for start in range(0, len(data), _SCAN_BYTES):
            piece = data[start : start + _SCAN_BYTES + overlap].lower()
            if any(text in piece for text in _FOREIGN):
                return True
    return False
