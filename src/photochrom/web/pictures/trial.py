"""One picture for somebody without an account, where the host allows it; nothing is kept."""

from __future__ import annotations

import base64
import io
from typing import IO, Final

from flask import Blueprint, abort, redirect, render_template, request
from flask_login import current_user
from werkzeug.wrappers import Response

from photochrom.imageio import Picture as Pixels
from photochrom.imageio import write
from photochrom.web.errors import InvalidInput, StudioError
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.live_preview import current_previewer
from photochrom.web.pictures.names import clean_file_name, picture_title
from photochrom.web.pictures.upload_check import check_upload
from photochrom.web.security import TRIAL_BYTES, TRIAL_PATH, forbid_caching, limiter, trial_rate
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage

blueprint = Blueprint("trial", __name__)
blueprint.after_request(forbid_caching)
Page = str | Response | tuple[str, int]
_QUALITY: Final = 85


@blueprint.before_request
def _require_trial() -> Response | None:
    settings = current_settings()
    if settings.local or not settings.trial_rate:
        abort(404)
    return redirect("/library") if current_user.is_authenticated else None


@blueprint.get(TRIAL_PATH)
def show() -> Page:
    """Show the form."""
    return _page()


@blueprint.post(TRIAL_PATH)
@limiter.limit(trial_rate)
def color() -> Page:
    """Colour a photograph at the size of a screen; it is in this one answer, and nowhere else."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _page(problem=_("Choose a picture first.")), 400
    name = clean_file_name(file.filename)
    try:
        before, after = _color_trial(name, file.stream)
    except StudioError as error:
        return _page(problem=str(error)), error.status
    return _page(before=_address(before), after=_address(after), title=picture_title(name))


def _color_trial(name: str, stream: IO[bytes]) -> tuple[bytes, bytes]:
    """A photograph as it is and in colour: two JPEG files at the size of a screen.

    Raises InvalidInput, TooLarge, and TooMany where others take all the time.
    """
    settings = current_settings()
    limit = min(TRIAL_BYTES, settings.max_upload_mb * 1_000_000)
    with current_storage().receive(stream, limit) as path:
        upload = check_upload(path, name, settings.max_picture_mp * 1_000_000)
    if upload.kind != "photo":
        raise InvalidInput(_("Films are coloured for those who have an account."))
    rgb, signature = current_previewer().colorize_whole(upload.screen, Edit(keep_colors=False))
    return _encode(Pixels(upload.screen)), _encode(Pixels(rgb, generator=signature))


def _encode(picture: Pixels) -> bytes:
    file = io.BytesIO()
    write(file, picture, format_name="JPEG", quality=_QUALITY)
    return file.getvalue()


def _address(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _page(**more: str) -> str:
    given = {"problem": "", "before": "", "after": "", "title": "", **more}
    return render_template("pictures/trial.html", max_mb=TRIAL_BYTES // 1_000_000, **given)
