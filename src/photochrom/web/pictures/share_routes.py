"""What others see of a link: a picture or a film, or all pictures of an album."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from flask import Blueprint, Response, render_template, request, url_for

from photochrom.web.errors import NotFound
from photochrom.web.i18n import _
from photochrom.web.pictures.downloads import has_preview, shared_film
from photochrom.web.pictures.sending import file_response
from photochrom.web.pictures.share_links import (
    ShareLink,
    open_link,
    shared_picture,
    shared_pictures,
)
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage

blueprint = Blueprint("shares", __name__, url_prefix="/s")


class ShareBox(TypedDict):
    """What `pictures/_share.html` needs of a link."""

    share_url: str
    """"": there is none."""
    share_until: datetime | None
    share_days: int


def share_box(link: ShareLink | None) -> ShareBox:
    """What a page of the owner's shows of a link."""
    return {
        "share_url": "" if link is None else link_address(link.token),
        "share_until": None if link is None else link.expires_at,
        "share_days": current_settings().share_days,
    }


def link_address(token: str) -> str:
    """The whole address of a link."""
    # Whoever asks is the owner, so the name by which they reach the studio is good for the link.
    here = current_settings().public_url or request.host_url
    return here.rstrip("/") + url_for("shares.page", token=token)


@blueprint.get("/<token>")
def page(token: str) -> Response:
    """What anybody with a link sees: a picture or an album, and nothing else of its owner's."""
    picture, album, link = open_link(token)
    given = {"share_url": link_address(token), "share_until": link.expires_at}
    if picture is not None:
        text = render_template(
            "pictures/shared.html",
            picture=picture,
            address=f"/s/{token}",
            has_preview=has_preview(picture),
            has_film=picture.kind == "film" and shared_film(picture) is not None,
            **given,
        )
    else:
        assert album is not None
        number = request.args.get("page", 1, type=int)
        found = shared_pictures(album, min(max(1, number), 1_000_000))
        films = [one.id for one in found.items if one.kind == "film" and shared_film(one)]
        text = render_template(
            "pictures/shared_album.html",
            album=album,
            address=f"/s/{token}",
            page=found,
            with_preview=[one.id for one in found.items if has_preview(one)],
            with_film=films,
            **given,
        )
    answer = Response(text, mimetype="text/html")
    # The address is the secret: it goes nowhere, and nobody lists it.
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.get("/<token>/picture.jpg")
@blueprint.get("/<token>/<picture_id>/picture.jpg")
def picture_file(token: str, picture_id: str | None = None) -> Response:
    """The picture of a link, or one of its album, at the size of a screen."""
    picture, _link = shared_picture(token, picture_id)
    path = current_storage().preview(picture.id, picture.done_revision)
    return file_response(path, "image/jpeg")


@blueprint.get("/<token>/grey.jpg")
@blueprint.get("/<token>/<picture_id>/grey.jpg")
def original_file(token: str, picture_id: str | None = None) -> Response:
    """The same before it was coloured, at the size of a screen."""
    picture, _link = shared_picture(token, picture_id)
    return file_response(current_storage().grey(picture.id), "image/jpeg")


@blueprint.get("/<token>/film.mp4")
@blueprint.get("/<token>/<picture_id>/film.mp4")
def film_file(token: str, picture_id: str | None = None) -> Response:
    """The film of a link, or one of its album."""
    picture, _link = shared_picture(token, picture_id)
    path = shared_film(picture) if picture.kind == "film" else None
    if path is None:
        raise NotFound(_("There is no film to play."))
    return file_response(path, "video/mp4")
