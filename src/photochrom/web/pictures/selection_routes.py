"""What is done to several pictures of the library at once, and to albums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flask import Blueprint, Response, flash, jsonify, redirect, request, stream_with_context
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.error_pages import wants_json
from photochrom.web.errors import InvalidInput, NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures import albums
from photochrom.web.pictures.downloads import open_result
from photochrom.web.pictures.edits import edit_picture, resume_picture
from photochrom.web.pictures.library import delete_picture, get_picture
from photochrom.web.pictures.share_links import create_album_link, revoke_album_links
from photochrom.web.pictures.share_routes import link_address
from photochrom.web.pictures.zip_stream import ZipStream
from photochrom.web.security import computing

blueprint = Blueprint("selection", __name__, url_prefix="/library")
MAX_SELECTED: Final = 100


@blueprint.post("/delete")
@login_required
def delete() -> AnyResponse:
    """Remove all of them for ever."""
    ids = _picture_ids()
    for picture_id in ids:
        delete_picture(this_user(), picture_id)
    flash(_("Pictures that are deleted: {number}.").format(number=len(ids)))
    return _back()


@blueprint.post("/color")
@login_required
@computing
def color() -> AnyResponse:
    """Colour all of them again, by the model of today, each with the colours that were given."""
    begun = 0
    for picture_id in _picture_ids():
        picture = get_picture(this_user(), picture_id)
        if picture.state == "failed":
            resume_picture(this_user(), picture_id)
        elif picture.state == "done":
            edit_picture(this_user(), picture_id, {}, expected_revision=picture.revision)
        else:
            continue
        begun += 1
    flash(_("Pictures that are coloured again: {number}.").format(number=begun))
    return _back()


@blueprint.post("/zip")
@login_required
@computing
def download() -> AnyResponse:
    """All of them in one file, as far as they are in colour."""
    pictures = [get_picture(this_user(), picture_id) for picture_id in _picture_ids()]
    finished = [one.id for one in pictures if one.done_revision]
    if not finished:
        raise NotFound(_("None of these is finished yet."))
    pieces = zip_results(this_user().id, finished)
    answer = Response(stream_with_context(pieces), mimetype="application/zip")
    answer.headers["Content-Disposition"] = 'attachment; filename="photochrom.zip"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.post("/album")
@login_required
def add_to_album() -> AnyResponse:
    """Put them into an album."""
    album = albums.add_to_album(this_user(), request.form.get("album_name", ""), _picture_ids())
    return redirect(f"/library?album={album.id}", 303)


@blueprint.post("/album/<int:number>/remove")
@login_required
def remove_from_album(number: int) -> AnyResponse:
    """Take them out of an album."""
    albums.remove_from_album(this_user(), number, _picture_ids())
    return _back()


@blueprint.post("/album/<int:number>/rename")
@login_required
def rename_album(number: int) -> AnyResponse:
    """Call an album something else."""
    albums.rename_album(this_user(), number, request.form.get("name", ""))
    return redirect(f"/library?album={number}", 303)


@blueprint.post("/album/<int:number>/delete")
@login_required
def delete_album(number: int) -> AnyResponse:
    """Remove an album; its pictures stay."""
    albums.delete_album(this_user(), number)
    flash(_("The album is gone; its pictures are still here."))
    return redirect("/library", 303)


@blueprint.post("/album/<int:number>/share")
@login_required
@computing
def share_album(number: int) -> AnyResponse:
    """Make a link to an album for others."""
    link = create_album_link(this_user(), number)
    if wants_json():
        until = link.expires_at.isoformat()
        return jsonify({"url": link_address(link.token), "expires_at": until})
    return redirect(f"/library?album={number}#share-link", 303)


@blueprint.post("/album/<int:number>/unshare")
@login_required
def unshare_album(number: int) -> AnyResponse:
    """End the link to an album."""
    revoke_album_links(this_user(), number)
    if wants_json():
        return jsonify({"url": None})
    return redirect(f"/library?album={number}", 303)


def zip_results(user_id: int, picture_ids: list[str]) -> Iterator[bytes]:
    """A ZIP file of pictures in colour, piece by piece; names that occur twice get a number.

    Each is as it is at its turn; one that is deleted meanwhile is left out.
    """
    archive = ZipStream()
    for picture_id in picture_ids:
        if (opened := open_result(user_id, picture_id)) is not None:
            file, source = opened
            with source:
                yield from archive.add_file(file.path, archive.free_name(file.name), source)
    yield from archive.finish()


def _picture_ids() -> list[str]:
    """The pictures that were chosen, all of this user. Raises InvalidInput, NotFound."""
    ids = list(dict.fromkeys(request.form.getlist("picture")))
    if not ids:
        raise InvalidInput(_("Choose a picture first."))
    if len(ids) > MAX_SELECTED:
        raise InvalidInput(_("Choose at most {most} pictures.").format(most=MAX_SELECTED))
    for picture_id in ids:
        get_picture(this_user(), picture_id)
    return ids


def _back() -> AnyResponse:
    """To the page of the library that one came from."""
    query = request.form.get("here", "")
    return redirect(f"/library?{query}" if query.isprintable() else "/library", 303)
