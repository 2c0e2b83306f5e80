"""How much space there is for a picture's files: of its owner, of all together, of the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from photochrom.web.database import Picture, User, db
from photochrom.web.errors import DiskFull, QuotaExceeded, TooLarge
from photochrom.web.i18n import _
from photochrom.web.pictures.library import quota_mb, used_bytes
from photochrom.web.settings import current_settings
from photochrom.web.storage import RESERVE_MB, free_bytes

_MEGA: Final = 1_000_000
_LOSSY: Final = ("image/jpeg", "image/webp", "image/heic", "image/avif")
_PREVIEW_BYTES: Final = 200_000


def estimate_result_bytes(kind: str, media_type: str, original_bytes: int) -> int:
    """What a result and its previews will take, about: in colour, in the original's format."""
    is_lossy = kind == "film" or media_type in _LOSSY
    return original_bytes * (2 if is_lossy else 3) + _PREVIEW_BYTES


def estimate_edit_bytes(original: Path, result: Path | None, kind: str, media_type: str) -> int:
    """What the next result will take, about: as much as the one before, where there is one."""
    if result is not None:
        return result.stat().st_size + _PREVIEW_BYTES
    return estimate_result_bytes(kind, media_type, original.stat().st_size)


EDIT_RESERVE_MB: Final = 20
"""Corrections may take what uploads leave, but for this."""


def require_space(user: User, more_bytes: int, *, reserve_mb: int = RESERVE_MB) -> None:
    """Ask whether ``user`` can have so much more. Nothing is reserved by it.

    reserve_mb: what is left of the disk. Raises QuotaExceeded, and DiskFull where the disk, or what
    all users may have, is full.
    """
    if free_bytes(current_settings().data_dir) - more_bytes < reserve_mb * _MEGA:
        raise DiskFull(_("There is no space for more pictures. Whoever runs it must make some."))
    require_quota(user.id, quota_mb(user), used_bytes(user.id) + more_bytes)


def require_quota(user_id: int, limit_mb: int, total_bytes: int) -> None:
    """Raise QuotaExceeded if a user's files take more, DiskFull if all users' do.

    total_bytes: of that user. limit_mb: what they may have.
    """
    if total_bytes > limit_mb * _MEGA:
        raise QuotaExceeded(
            _("Your {quota} MB are used up. Delete pictures that you do not need.").format(
                quota=limit_mb
            )
        )
    total_limit = current_settings().total_quota_mb * _MEGA
    if total_limit:
        others = select(func.sum(Picture.bytes + Picture.reserved_bytes)).where(
            Picture.user_id != user_id
        )
        if (db.session.scalar(others) or 0) + total_bytes > total_limit:
            raise DiskFull(
                _("The storage of all is used up. Whoever runs the studio can make more.")
            )


def check_film_length(seconds: float | None, limit_minutes: int) -> None:
    """Refuse a film that is too long. seconds: None: it does not say. Raises TooLarge."""
    if seconds is not None and seconds > 60 * limit_minutes:
        raise TooLarge(_("The film is longer than {limit} minutes.").format(limit=limit_minutes))
