"""Files that leave the studio: results, originals, pairs."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import (
    FORMATS,
    eight_bit_rgb,
    read,
    read_generator,
    read_preview,
    write,
)
from photochrom.imageio import Picture as Pixels
from photochrom.imageio.encoders import MOST_PX
from photochrom.web.database import Picture, User, db
from photochrom.web.errors import InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.decoding import current_decoding_space, decode_picture
from photochrom.web.pictures.library import get_photo, get_picture
from photochrom.web.pictures.names import picture_title
from photochrom.web.pictures.thumbnails import encode_jpeg, resize, shrink
from photochrom.web.settings import current_settings
from photochrom.web.storage import Storage, current_storage, kept_type

FORMS: Final = ("colour", "side-by-side", "original")
"""What can be downloaded."""

_PAIR_PX: Final = 4096
"""Long side of each half of a pair."""
_PAIR_QUALITY: Final = 92
_TRIES: Final = 3
"""A file that is replaced between its row and its opening is looked for anew so often."""


class Download(NamedTuple):
    """A file to send."""

    path: Path
    name: str
    """What the browser shall call it."""
    media_type: str


def result_file(user: User, picture_id: str, form: str = "colour") -> Download:
    """A file of a picture: its colours in the original's size and format, the pair, or itself.

    Raises NotFound where it is not finished, InvalidInput for an unknown form.
    """
    if form not in FORMS:
        raise InvalidInput(_("A download is one of {forms}.").format(forms=", ".join(FORMS)))
    picture, files = get_picture(user, picture_id), current_storage()
    stem = picture_title(picture.name)
    if form == "original":
        path = files.original(picture.id, picture.media_type)
        return Download(path, f"{stem}{path.suffix}", picture.media_type)
    result = files.result(picture.id, picture.done_revision)
    if result is None:
        raise NotFound(_("It is not finished yet."))
    if form == "colour":
        kind = kept_type(result.suffix)
        return Download(result, f"{stem}.color{result.suffix}", kind)
    if picture.kind == "film":
        pair = film_pair(picture)
        if pair is None:
            raise NotFound(_("This film has no preview."))
        return Download(pair, f"{stem}.before-after.mp4", "video/mp4")
    return Download(_pair_file(files, picture, result), f"{stem}.before-after.jpg", "image/jpeg")


def open_result(user_id: int, picture_id: str) -> tuple[Download, BinaryIO] | None:
    """A picture in colour, and its file, opened; None where it is gone, or not finished.

    The database is asked anew: of what was replaced just now, the newer file is found.
    """
    for _try in range(_TRIES):
        db.session.rollback()
        user = db.session.get(User, user_id)
        try:
            file = None if user is None else result_file(user, picture_id)
            return None if file is None else (file, file.path.open("rb"))
        except FileNotFoundError:
            continue
        except NotFound:
            return None
        finally:
            db.session.rollback()
    return None


EXPORT_FORMATS: Final = ("JPEG", "PNG", "WebP", "TIFF")
"""Of photographs that are downloaded in another format than their own."""
MAX_EXPORT_PX: Final = 20_000


class Export(NamedTuple):
    """A file that was made for this download."""

    data: bytes
    name: str
    media_type: str


def export_result(
    user: User, picture_id: str, format_name: str, quality: int | None, longest_px: int | None
) -> Export:
    """A photograph's result in another format, quality or size.

    format_name: of `EXPORT_FORMATS`. quality: 1 to 100, of JPEG and WebP; None: the format's own.
    longest_px: of its longer side, 16 to `MAX_EXPORT_PX`; it is never made larger; None: as it is.
    Raises NotFound where it is not finished, InvalidInput, and TooMany.
    """
    if format_name not in EXPORT_FORMATS:
        raise InvalidInput(
            _("The format is one of {formats}.").format(formats=", ".join(EXPORT_FORMATS))
        )
    if quality is not None and not 1 <= quality <= 100:
        raise InvalidInput(_("The quality is from 1 to 100."))
    if longest_px is not None and not 16 <= longest_px <= MAX_EXPORT_PX:
        raise InvalidInput(
            _("The longer side is from 16 to {most} pixels.").format(most=MAX_EXPORT_PX)
        )
    picture = get_picture(user, picture_id)
    if picture.kind != "photo":
        raise InvalidInput(_("A film is downloaded as it is."))
    path = result_file(user, picture_id).path
    chosen, data = FORMATS[format_name], io.BytesIO()
    with current_decoding_space().take(math.ceil(picture.width * picture.height / 1e6)):
        try:
            most = current_settings().max_picture_mp * 1_000_000
            if longest_px is None:
                pixels = read(path, max_pixels=most)
            else:
                pixels = read_preview(path, longest_px, max_pixels=most)
        except (InputError, MissingDependencyError):
            raise NotFound(_("The picture cannot be read any more.")) from None
        if longest_px is not None and longest_px < max(pixels.pixels.shape[:2]):
            alpha = None if pixels.alpha is None else shrink(pixels.alpha, longest_px)
            pixels = replace(pixels, pixels=shrink(pixels.pixels, longest_px), alpha=alpha)
        # The mark that the colours were generated goes along.
        mark = pixels.generator or read_generator(path)
        _check_sides(format_name, max(pixels.pixels.shape[:2]))
        write(data, pixels, format_name=format_name, quality=quality, generator=mark)
    name = f"{picture_title(picture.name)}.color{chosen.suffix}"
    return Export(data.getvalue(), name, chosen.media_type)


def _check_sides(format_name: str, longest_px: int) -> None:
    """Refuse what the format cannot hold. Raises InvalidInput, with what it can."""
    most = MOST_PX.get(format_name)
    if most is not None and longest_px > most:
        raise InvalidInput(_("The longer side is from 16 to {most} pixels.").format(most=most))


def film_pair(picture: Picture) -> Path | None:
    """Some seconds of a film, before and after; None where there is no such file."""
    path = current_storage().film_preview(picture.id)
    return path if path.is_file() else None


def playable_film(picture: Picture) -> Path | None:
    """What a browser can play of a finished film: the pair, or all of it; None: neither."""
    result = current_storage().result(picture.id, picture.done_revision)
    playable = result is not None and result.suffix == ".mp4"
    return film_pair(picture) or (result if playable else None)


MAX_PART_PX: Final = 2048
"""Of the longer side of a part that is shown."""


def picture_part(
    user: User, picture_id: str, revision: int, box: tuple[int, int, int, int], longest_px: int
) -> bytes:
    """A part of a photograph in its own pixels, as a JPEG; where it is larger, made smaller.

    revision: 0: of the original, else of the result, which is of this revision. box: left, top,
    width and height in px of the upright original. longest_px: of the part's longer side as it is
    sent, 1 to `MAX_PART_PX`.
    Raises NotFound, InvalidInput for a film or a box that is not in the picture, and TooMany.
    """
    picture, files = get_photo(user, picture_id), current_storage()
    left, top, width, height = box
    fits = left + width <= picture.width and top + height <= picture.height
    if not (width and height and fits and 1 <= longest_px <= MAX_PART_PX):
        raise InvalidInput(_("There is no such part of the picture."))
    if revision not in (0, picture.done_revision):
        raise NotFound(_("It is not finished yet."))
    path: Path | None = files.original(picture.id, picture.media_type)
    if revision:
        path = files.result(picture.id, revision)
    if path is None:
        raise NotFound(_("It is not finished yet."))
    try:
        with decode_picture(path.read_bytes(), picture.name) as whole:
            pixels = np.ascontiguousarray(whole.pixels[top : top + height, left : left + width])
            return encode_jpeg(eight_bit_rgb(Pixels(shrink(pixels, longest_px))))
    except (FileNotFoundError, InputError, MissingDependencyError):
        raise NotFound(_("The picture cannot be read any more.")) from None


def shared_film(picture: Picture) -> Path | None:
    """What a browser can play of a film for others: all of it, or the pair; None: neither."""
    result = current_storage().result(picture.id, picture.done_revision)
    if result is not None and result.suffix == ".mp4":
        return result
    return film_pair(picture)


def has_preview(picture: Picture) -> bool:
    """Whether there is a coloured picture at the size of a screen."""
    return current_storage().preview(picture.id, picture.done_revision).is_file()


def _pair_file(files: Storage, picture: Picture, result: Path) -> Path:
    """Before and after in one JPEG, made when first asked for."""
    path = files.side_by_side(picture.id, picture.done_revision)
    if path.is_file():
        return path
    original = files.original(picture.id, picture.media_type)
    with current_decoding_space().take(math.ceil(picture.width * picture.height / 1e6)):
        # Who asked at the same time may have made it meanwhile.
        if not path.is_file():
            try:
                before, after = _pair_half(original), _pair_half(result)
            except (InputError, MissingDependencyError):
                raise NotFound(_("The picture cannot be read any more.")) from None
            if before.shape != after.shape:
                after = resize(after, before.shape[:2])
            pair = Pixels(np.concatenate([before, after], axis=1))
            write(path, pair, overwrite=True, quality=_PAIR_QUALITY)
    return path


def _pair_half(path: Path) -> NDArray[np.uint8]:
    """(h, w, 3) of a picture, sRGB. Raises InputError."""
    most = current_settings().max_picture_mp * 1_000_000
    picture = read_preview(path, _PAIR_PX, max_pixels=most)
    small = shrink(picture.pixels, _PAIR_PX)
    return eight_bit_rgb(replace(picture, pixels=small, alpha=None))
