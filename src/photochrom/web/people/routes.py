"""The page of an album's people."""

from __future__ import annotations

from typing import Final, TypeAlias

from flask import Blueprint, Response, flash, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _, ngettext
from photochrom.web.people import album
from photochrom.web.security import computing

blueprint = Blueprint("people", __name__, url_prefix="/people")
Answer: TypeAlias = "str | AnyResponse"

SHOWN_FACES: Final = 12
"""Of one person, on the page."""
_DAY_S: Final = 86_400


@blueprint.get("")
@login_required
def show() -> Answer:
    """The user's people, or what it would mean to have them found."""
    user = this_user()
    return render_template(
        "people/people.html",
        is_enabled=album.is_enabled(user),
        left=album.pictures_left(user) if album.is_enabled(user) else 0,
        people=album.people(user),
        shown=SHOWN_FACES,
        max_name=album.MAX_NAME,
    )


@blueprint.post("/on")
@login_required
def enable() -> Answer:
    """Let people be found."""
    album.enable(this_user())
    return redirect("/people", 303)


@blueprint.post("/off")
@login_required
def disable() -> Answer:
    """Forget every face and name."""
    album.disable(this_user())
    flash(_("Every face and every name is forgotten."))
    return redirect("/people", 303)


@blueprint.post("/look")
@login_required
@computing
def look() -> Answer:
    """Look through some more pictures."""
    left = album.search_faces(this_user())
    if left:
        text = ngettext(
            "{left} picture is left to look through.",
            "{left} pictures are left to look through.",
            left,
        )
        flash(text.format(left=left))
    return redirect("/people", 303)


@blueprint.post("/name")
@login_required
def name() -> Answer:
    """Give a person a name."""
    faces = [_parse_face(value) for value in request.form.getlist("face")]
    album.name_person(this_user(), faces, request.form.get("name", ""))
    return redirect("/people", 303)


@blueprint.post("/forget")
@login_required
def forget() -> Answer:
    """Forget a name."""
    album.forget_person(this_user(), request.form.get("name", ""))
    return redirect("/people", 303)


@blueprint.get("/faces/<picture_id>/<int:number>.png")
@login_required
def face_file(picture_id: str, number: int) -> AnyResponse:
    """One face."""
    response = Response(album.face_png(this_user(), picture_id, number), mimetype="image/png")
    response.cache_control.private = True
    response.cache_control.max_age = _DAY_S
    return response


def _parse_face(value: str) -> tuple[str, int]:
    picture, dot, number = value.rpartition(".")
    if not dot or not number.isdecimal():
        raise InvalidInput(_("Choose a person first."))
    return picture, int(number)
