"""Files that leave the studio: results, originals, pairs; and links for others to look."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from flask import current_app
from numpy.typing import NDArray
from sqlalchemy import bindparam, delete, select

from photochrom.errors import InputError, MissingDependencyError
from photochrom.imageio import Picture as Pixels
from photochrom.imageio import eight_bit_rgb, read, write
from photochrom.web.database import Picture, Share, User, db, now
from photochrom.web.errors import NotFound, Refused
from photochrom.web.i18n import _
from photochrom.web.pictures.library import get_picture
from photochrom.web.pictures.names import title_of
from photochrom.web.pictures.thumbnails import shrunk
from photochrom.web.pictures.uploads import decoding, storage
from photochrom.web.settings import current_settings
from photochrom.web.storage import Storage, kept_type

FORMS: Final = ("colour", "side-by-side", "original")
"""What can be downloaded."""

_PAIR_PX: Final = 4096
"""Long side of each half of a pair."""
_PAIR_QUALITY: Final = 92
_TOKEN_LENGTH: Final = 32
_SHARE: Final = select(Share).where(
    Share.picture_id == bindparam("picture_id"), Share.expires_at > bindparam("now")
)


class HandedOut(NamedTuple):
    """A file to send."""

    path: Path
    name: str
    """What the browser shall call it."""
    media_type: str


class Link(NamedTuple):
    """Where others can look at a picture, and until when."""

    token: str
    expires_at: datetime


def result_file(user: User, picture_id: str, form: str = "colour") -> HandedOut:
    """A file of a picture: its colours in the original's size and format, the pair, or itself.

    Raises NotFound where it is not finished, Refused for an unknown form.
    """
    if form not in FORMS:
        raise Refused(_("A download is one of {forms}.").format(forms=", ".join(FORMS)))
    picture, files = get_picture(user, picture_id), storage()
    stem = title_of(picture.name)
    if form == "original":
        path = files.original(picture.id, picture.media_type)
        return HandedOut(path, f"{stem}{path.suffix}", picture.media_type)
    result = files.result(picture.id, picture.done_revision)
    if result is None:
        raise NotFound(_("It is not finished yet."))
    if form == "colour":
        kind = kept_type(result.suffix)
        return HandedOut(result, f"{stem}.color{result.suffix}", kind)
    if picture.kind == "film":
        pair = film_pair(picture)
        if pair is None:
            raise NotFound(_("This film has no preview."))
        return HandedOut(pair, f"{stem}.before-after.mp4", "video/mp4")
    return HandedOut(_pair(files, picture, result), f"{stem}.before-after.jpg", "image/jpeg")


def film_pair(picture: Picture) -> Path | None:
    """Some seconds of a film, before and after; None where there is no such file."""
    path = storage().film_preview(picture.id)
    return path if path.is_file() else None


def film_to_show(picture: Picture) -> Path | None:
    """What a browser can play of a finished film: the pair, or all of it; None: neither."""
    result = storage().result(picture.id, picture.done_revision)
    playable = result is not None and result.suffix == ".mp4"
    return film_pair(picture) or (result if playable else None)


def shows_colors(picture: Picture) -> bool:
    """Whether there is a coloured picture at the size of a screen."""
    return storage().preview(picture.id, picture.done_revision).is_file()


def _pair(files: Storage, picture: Picture, result: Path) -> Path:
    """Before and after in one JPEG, made when first asked for."""
    path = files.side_by_side(picture.id, picture.done_revision)
    if path.is_file():
        return path
    original = files.original(picture.id, picture.media_type)
    with decoding:
        # Who asked at the same time may have made it meanwhile.
        if not path.is_file():
            try:
                before, after = _pair_half(original), _pair_half(result)
            except (InputError, MissingDependencyError):
                raise NotFound(_("The picture cannot be read any more.")) from None
            if before.shape != after.shape:
                size = before.shape[1::-1]
                after = np.asarray(cv2.resize(after, size, interpolation=cv2.INTER_AREA), np.uint8)
            pair = Pixels(np.concatenate([before, after], axis=1))
            write(path, pair, overwrite=True, quality=_PAIR_QUALITY)
    return path


def _pair_half(path: Path) -> NDArray[np.uint8]:
    """(h, w, 3) of a picture, sRGB. Raises InputError."""
    picture = read(path, max_pixels=current_settings().max_picture_mp * 1_000_000)
    return np.asarray(shrunk(eight_bit_rgb(picture), _PAIR_PX), np.uint8)


def share_picture(user: User, picture_id: str) -> Link:
    """Make a link with which anybody sees this picture for some days; one before it ends.

    Raises NotFound, also while it is not finished.
    """
    picture = get_picture(user, picture_id)
    if not picture.done_revision:
        raise NotFound(_("It is not finished yet."))
    expires_at = now() + timedelta(days=current_settings().share_days)
    token = _token(picture_id, expires_at)
    db.session.rollback()
    db.session.execute(delete(Share).where(Share.picture_id == picture_id))
    db.session.add(Share(picture_id=picture_id, digest=_digest(token), expires_at=expires_at))
    db.session.commit()
    return Link(token, expires_at)


def share_of(picture: Picture) -> Link | None:
    """The link of a picture, if one holds."""
    if not picture.done_revision:
        return None
    share = db.session.scalar(_SHARE, {"picture_id": picture.id, "now": now()})
    if share is None:
        return None
    token = _token(picture.id, share.expires_at)
    # After a change of the secret key old links still hold, but cannot be told again.
    return Link(token, share.expires_at) if _digest(token) == share.digest else None


def revoke(user: User, picture_id: str) -> None:
    """End the links of a picture. Raises NotFound."""
    get_picture(user, picture_id)
    db.session.rollback()
    db.session.execute(delete(Share).where(Share.picture_id == picture_id))
    db.session.commit()


def shared(token: str) -> tuple[Picture, Link]:
    """The picture that a link shows. Raises NotFound for links that ended or never were."""
    share = None
    if len(token) == _TOKEN_LENGTH:
        share = db.session.scalar(
            select(Share).where(Share.digest == _digest(token), Share.expires_at > now())
        )
    if share is None:
        raise NotFound(_("This link has ended, or it was never there."))
    return share.picture, Link(token, share.expires_at)


def _token(picture_id: str, expires_at: datetime) -> str:
    """The secret of a link: it follows from the studio's key, so the database need not hold it."""
    moment = round(expires_at.astimezone(timezone.utc).timestamp() * 1_000_000)
    key = str(current_app.config["SECRET_KEY"]).encode()
    mark = hmac.new(key, f"share:{picture_id}:{moment}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mark[:24]).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
