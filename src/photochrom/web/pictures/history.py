"""Earlier results of a picture: what they were made by is kept, to go back to them.

Kept are settings, the model's name and version, the time and a small picture; the file itself is
not: going back colours the original again by the same settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from photochrom.web.database import PastResult, Picture, db
from photochrom.web.errors import NotFound
from photochrom.web.i18n import _
from photochrom.web.storage import current_storage, save

MAX_PAST: Final = 20
"""Earlier results of a picture; the oldest go first."""


def finished_result(picture: Picture, edit: Mapping[str, Any]) -> PastResult | None:
    """The result that a picture has now, as it is kept; None where it has none of this edit.

    edit: the picture's, as `Edit.columns` has it.
    """
    if picture.state != "done" or picture.done_revision != picture.revision:
        return None
    return PastResult(
        picture_id=picture.id,
        revision=picture.revision,
        edit=dict(edit),
        model=picture.model,
        finished_at=picture.finished_at,
    )


def keep_result(result: PastResult) -> None:
    """Keep a result of before a change, in the transaction that makes the change.

    One of the same settings and model is kept once, as the newest.
    """
    storage = current_storage()
    kept = [result]
    for past in _past_results(result.picture_id):
        if is_same(past, result.edit, result.model) or len(kept) == MAX_PAST:
            db.session.delete(past)
        else:
            kept.append(past)
    thumbnail = storage.thumbnail(result.picture_id)
    if thumbnail.is_file():
        path = storage.past_thumbnail(result.picture_id, result.revision)
        save(path, thumbnail.read_bytes())
    storage.forget_past(result.picture_id, {past.revision for past in kept})
    db.session.add(result)


def list_past(picture: Picture, edit: Mapping[str, Any]) -> list[PastResult]:
    """The earlier results of a picture, the newest first, but for the one that it has now.

    edit: the picture's, as `Edit.columns` has it.
    """
    return [past for past in _past_results(picture.id) if not is_same(past, edit, picture.model)]


def past_edit(picture: Picture, revision: int) -> dict[str, Any]:
    """What an earlier result was made by, as changes for `edit_picture`. Raises NotFound."""
    past = next((one for one in _past_results(picture.id) if one.revision == revision), None)
    if past is None:
        raise NotFound(_("There is no such earlier result."))
    return dict(past.edit)


def past_references(picture_id: str) -> set[str]:
    """Identifiers of the pictures that gave colours to earlier results."""
    edits = (past.edit.get("reference") for past in _past_results(picture_id))
    return {reference for reference in edits if reference is not None}


def is_same(past: PastResult, edit: Mapping[str, Any], model: str | None) -> bool:
    """Whether a result was made by this edit and this model."""
    return past.edit == dict(edit) and past.model == model


def _past_results(picture_id: str) -> list[PastResult]:
    rows = select(PastResult).where(PastResult.picture_id == picture_id)
    return list(db.session.scalars(rows.order_by(PastResult.revision.desc())))
