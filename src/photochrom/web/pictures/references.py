"""Pictures whose colours others take: one of the user's own, a copy of which is kept beside them.

By the copy an edit stays what it was, also where the reference is corrected or deleted later.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from sqlalchemy import select

from photochrom.guided.reference import SAME_SCENE
from photochrom.pipeline import own_colors
from photochrom.web.database import Picture, db
from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _
from photochrom.web.pictures.thumbnails import decode_jpeg
from photochrom.web.storage import current_storage, save


def reference_file(picture: Picture, reference_id: str) -> Path:
    """The file whose colours a picture takes: the copy that it has, or else the reference's own.

    Raises InvalidInput where the user has no such picture, or it is not in colour.
    """
    storage = current_storage()
    copy = storage.reference(picture.id, reference_id)
    if copy.is_file():
        return copy
    if reference_id == picture.id:
        raise InvalidInput(_("A picture cannot take its own colours. Choose another one."))
    own = select(Picture).where(Picture.user_id == picture.user_id, Picture.kind == "photo")
    reference = db.session.scalar(own.where(Picture.id == reference_id))
    if reference is None:
        raise InvalidInput(_("The picture to take colours from is not there. Choose another one."))
    path = storage.preview(reference.id, reference.done_revision)
    if not path.is_file():
        raise InvalidInput(_("“{name}” is not in colour yet.").format(name=reference.name))
    if own_colors(np.asarray(decode_jpeg(path.read_bytes()))) != "all":
        raise InvalidInput(
            _("“{name}” has no colours to give: it is grey or toned.").format(name=reference.name)
        )
    return path


def keep_reference(picture_id: str, reference_id: str, path: Path) -> None:
    """Keep a copy of a reference, as from `reference_file`, beside a picture."""
    copy = current_storage().reference(picture_id, reference_id)
    if path == copy:
        os.utime(copy)  # it was chosen again, so it is not one of those that nobody wants any more
    else:
        save(copy, path.read_bytes())


def reference_note(picture: Picture) -> str:
    """What became of the colours of a picture's reference, in a sentence; empty: not known yet."""
    agreement = picture.reference_agreement
    if picture.reference is None or agreement is None:
        return ""
    if agreement < SAME_SCENE:
        return _("Nothing in it clearly matches this picture, so it changes nothing.")
    return _("{percent} % of this picture surely match it, and have its colours.").format(
        percent=round(100 * agreement)
    )
