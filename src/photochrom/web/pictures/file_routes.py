"""Files that pages show or people keep: previews, thumbnails, variants, downloads."""

from __future__ import annotations

import io

from flask import Blueprint, Response, jsonify, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.errors import InvalidInput, NotFound
from photochrom.web.i18n import _, gettext_noop
from photochrom.web.pictures.downloads import (
    export_result,
    picture_part,
    playable_film,
    result_file,
)
from photochrom.web.pictures.edits import VERSIONS
from photochrom.web.pictures.library import get_picture
from photochrom.web.pictures.live_preview import (
    offered_versions,
    preview_response,
    preview_variant,
)
from photochrom.web.pictures.sending import DAY_S, file_response, send_kept_file
from photochrom.web.security import computing
from photochrom.web.storage import current_storage

blueprint = Blueprint("picture_files", __name__)

_VARIANT_TITLES = {
    "likely": gettext_noop("As it looks most likely"),
    "detailed": gettext_noop("More small things"),
    "warm": gettext_noop("Something warmer"),
    "cool": gettext_noop("Something cooler"),
    "alternative2": gettext_noop("Second guess"),
    "alternative3": gettext_noop("Third guess"),
    "alternative4": gettext_noop("Fourth guess"),
    "alternative5": gettext_noop("Fifth guess"),
}


@blueprint.get("/pictures/<picture_id>/variants")
@login_required
@computing
def variant_list(picture_id: str) -> AnyResponse:
    """The versions to choose from."""
    picture, offered = offered_versions(this_user(), picture_id)
    variants = [
        {
            "n": n,
            "name": _(_VARIANT_TITLES[VERSIONS[n].name]),
            "url": url_for(
                "picture_files.variant_file", picture_id=picture_id, number=n, v=picture.revision
            ),
        }
        for n in offered
    ]
    return jsonify({"variants": variants})


@blueprint.get("/pictures/<picture_id>/variants/<int:number>.jpg")
@login_required
@computing
def variant_file(picture_id: str, number: int) -> AnyResponse:
    """One of the variants, small."""
    return preview_response(preview_variant(this_user(), picture_id, number))


@blueprint.get("/pictures/<picture_id>/preview/<int:revision>.jpg")
@login_required
def preview_file(picture_id: str, revision: int) -> AnyResponse:
    """The colours at the size of a screen."""
    picture = get_picture(this_user(), picture_id)
    if revision > picture.done_revision:
        raise NotFound(_("It is not finished yet."))
    # Of a page that was asked for before the next one was done, that one.
    is_current = revision == picture.done_revision
    path = current_storage().preview(picture.id, picture.done_revision)
    return file_response(path, "image/jpeg", keep=is_current)


@blueprint.get("/pictures/<picture_id>/grey.jpg")
@login_required
def grey_file(picture_id: str) -> AnyResponse:
    """The original at the size of a screen."""
    picture = get_picture(this_user(), picture_id)
    return file_response(current_storage().grey(picture.id), "image/jpeg", keep=True)


@blueprint.get("/pictures/<picture_id>/reference/<reference_id>.jpg")
@login_required
def reference_copy(picture_id: str, reference_id: str) -> AnyResponse:
    """The copy of a picture whose colours this one takes."""
    picture = get_picture(this_user(), picture_id)
    return file_response(current_storage().reference(picture.id, reference_id), "image/jpeg")


@blueprint.get("/pictures/<picture_id>/part/<int:revision>.jpg")
@login_required
@computing
def part_file(picture_id: str, revision: int) -> AnyResponse:
    """A part of a photograph in its own pixels, for whoever looks closer; revision 0: as it was."""
    names = ("left", "top", "width", "height", "longest")
    values = [_number(name) for name in names]
    left, top, width, height, longest = (0 if value is None else value for value in values)
    data = picture_part(this_user(), picture_id, revision, (left, top, width, height), longest)
    response = Response(data, mimetype="image/jpeg")
    response.headers["Cache-Control"] = f"private, max-age={DAY_S}, immutable"
    return response


@blueprint.get("/pictures/<picture_id>/changes.png")
@login_required
def changes_file(picture_id: str) -> AnyResponse:
    """Where it was mended, to lay over it."""
    picture = get_picture(this_user(), picture_id)
    if not picture.restored or picture.kind == "film":
        raise NotFound(_("Nothing of it was mended."))
    return file_response(current_storage().change_overlay(picture.id), "image/png")


@blueprint.get("/pictures/<picture_id>/thumb.jpg")
@login_required
def thumbnail_file(picture_id: str) -> AnyResponse:
    """The small picture of the library: grey until it is coloured; v: the revision it shows."""
    picture = get_picture(this_user(), picture_id)
    keep = picture.state == "done" and request.args.get("v") == str(picture.done_revision)
    return file_response(current_storage().thumbnail(picture.id), "image/jpeg", keep=keep)


@blueprint.get("/pictures/<picture_id>/past/<int:revision>.jpg")
@login_required
def past_file(picture_id: str, revision: int) -> AnyResponse:
    """An earlier result, small."""
    picture = get_picture(this_user(), picture_id)
    path = current_storage().past_thumbnail(picture.id, revision)
    return file_response(path, "image/jpeg", keep=True)


@blueprint.get("/pictures/<picture_id>/shots/<int:number>.jpg")
@login_required
def shot_file(picture_id: str, number: int) -> AnyResponse:
    """A frame of a film's shot, small and grey."""
    picture = get_picture(this_user(), picture_id)
    path = current_storage().shot_thumbnail(picture.id, number)
    return file_response(path, "image/jpeg", keep=True)


@blueprint.get("/pictures/<picture_id>/preview.mp4")
@login_required
def film_preview_file(picture_id: str) -> AnyResponse:
    """Some seconds of a film, before and after; or all of it, where there is no such preview."""
    picture = get_picture(this_user(), picture_id)
    path = playable_film(picture)
    if path is None:
        raise NotFound(_("There is no preview."))
    return file_response(path, "video/mp4")


@blueprint.get("/pictures/<picture_id>/download")
@login_required
@computing
def download(picture_id: str) -> AnyResponse:
    """The result, the pair, or the original, to keep."""
    form = request.args.get("form", "colour")
    path, name, media_type = result_file(this_user(), picture_id, form)
    response = send_kept_file(path, media_type, name)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@blueprint.get("/pictures/<picture_id>/export")
@login_required
@computing
def export(picture_id: str) -> AnyResponse:
    """The result in another format, quality or size, to keep."""
    data, name, media_type = export_result(
        this_user(),
        picture_id,
        request.args.get("format", "JPEG"),
        _number("quality"),
        _number("longest"),
    )
    response = send_file(io.BytesIO(data), media_type, as_attachment=True, download_name=name)
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _number(name: str) -> int | None:
    """A whole number of the query; None where it is empty. Raises InvalidInput."""
    text = request.args.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise InvalidInput(_("Quality and size are whole numbers."))
    return int(text)
