"""The page of pictures whose faces are coloured from close up, and what is found in each.

Nothing about a face is kept: where faces are is found again whenever a picture is coloured, and
who they are is nobody's question here (that is `photochrom.web.people`, by leave alone).
"""

from __future__ import annotations

from functools import cache, lru_cache

from flask import Blueprint, render_template

from photochrom.engine.close_ups import CloseUpFinder
from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.database import Picture
from photochrom.web.errors import NotFound
from photochrom.web.i18n import _, ngettext
from photochrom.web.pictures.edits import VERSIONS, Edit
from photochrom.web.pictures.library import quota_mb, used_bytes
from photochrom.web.pictures.models import FACES_CHOICE, offers_faces
from photochrom.web.pictures.thumbnails import decode_jpeg
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage

blueprint = Blueprint("faces", __name__, url_prefix="/faces")


@blueprint.get("")
@login_required
def show() -> str:
    """Where pictures of people come in. Raises NotFound in a studio without the model for faces."""
    if not offers_faces():
        raise NotFound(_("This studio has no model for faces."))
    user, settings = this_user(), current_settings()
    return render_template(
        "pictures/faces.html",
        fixed_model=FACES_CHOICE,
        max_bytes=settings.max_upload_mb * 1_000_000,
        free_bytes=max(0, quota_mb(user) * 1_000_000 - used_bytes(user.id)),
    )


def faces_note(picture: Picture) -> str:
    """How many faces are found, in a sentence; empty where none are looked for.

    That is so in a picture that keeps its colours, or has them from elsewhere all over.
    """
    edit = Edit.from_picture(picture)
    is_whole = edit.reference is not None or VERSIONS[edit.variant].alternative is not None
    if edit.chosen_model != FACES_CHOICE or not offers_faces() or is_whole or edit.leaves_colors:
        return ""
    try:
        number = _count_faces(picture.id)
    except FileNotFoundError:  # deleted just now
        return ""
    if not number:
        return _("No face is found. The picture is coloured as all photographs are.")
    text = ngettext(
        "{n} face is found, and coloured from close up.",
        "{n} faces are found, and each is coloured from close up.",
        number,
    )
    return text.format(n=number)


@lru_cache(maxsize=1000)
def _count_faces(picture_id: str) -> int:
    """In the copy at the size of a screen, which never changes. Raises FileNotFoundError."""
    return len(_finder().find(decode_jpeg(current_storage().grey(picture_id).read_bytes())))


@cache
def _finder() -> CloseUpFinder:
    return CloseUpFinder()
