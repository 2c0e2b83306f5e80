"""The page of saved colours, and what picture pages ask of them."""

from __future__ import annotations

from typing import Final, TypeAlias

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.colors import album
from photochrom.web.error_pages import wants_json
from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _
from photochrom.web.security import computing

blueprint = Blueprint("colors", __name__, url_prefix="/colors")
Answer: TypeAlias = "str | AnyResponse | tuple[AnyResponse, int]"

_DAY_S: Final = 86_400


@blueprint.get("")
@login_required
def show() -> Answer:
    """The user's saved colours, and where they were found."""
    user = this_user()
    return render_template(
        "colors/colors.html",
        colors=album.list_colors(user),
        proposals=album.list_proposals(user),
        left=album.pictures_left(user),
    )


@blueprint.post("/of/<picture_id>")
@login_required
@computing
def save(picture_id: str) -> Answer:
    """Name the colour of a place."""
    fields = request.get_json(silent=True)
    if not isinstance(fields, dict) or set(fields) != {"name", "place", "color"}:
        raise InvalidInput(_("Send a JSON object of {names}.").format(names="name, place, color"))
    color = album.save_color(
        this_user(), picture_id, fields["name"], fields["place"], fields["color"]
    )
    return jsonify({"id": color.id, "name": color.name}), 201


@blueprint.get("/of/<picture_id>")
@login_required
def proposals(picture_id: str) -> Answer:
    """What was found in one picture."""
    found = [
        {
            "id": proposal.place.id,
            "name": proposal.color.name,
            "color": proposal.color.color,
            "cutout": proposal.cutout,
            "hint": proposal.hint,
        }
        for proposal in album.list_proposals(this_user(), picture_id)
    ]
    answer = jsonify({"proposals": found})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/places/<int:place_id>")
@login_required
@computing
def settle(place_id: int) -> Answer:
    """Yes or no: of a form, yes becomes a hint at once; a script puts it into its own edit."""
    if wants_json():
        fields = request.get_json(silent=True)
        accepted = fields.get("accepted") if isinstance(fields, dict) else None
        if not isinstance(accepted, bool):
            raise InvalidInput(_("Send a JSON object of {names}.").format(names="accepted"))
        album.settle(this_user(), place_id, accepted=accepted, apply=False)
        return jsonify({"id": place_id, "accepted": accepted})
    accepted = request.form.get("answer") == "yes"
    album.settle(this_user(), place_id, accepted=accepted, apply=True)
    return redirect("/colors", 303)


@blueprint.post("/<int:color_id>/delete")
@login_required
def delete(color_id: int) -> Answer:
    """Forget a colour."""
    album.delete_color(this_user(), color_id)
    flash(_("The colour is deleted. Pictures that have it keep it."))
    return redirect("/colors", 303)


@blueprint.get("/<int:color_id>.jpg")
@login_required
def color_file(color_id: int) -> AnyResponse:
    """Where a colour was saved."""
    return _picture(album.color_cutout(this_user(), color_id))


@blueprint.get("/places/<int:place_id>.jpg")
@login_required
def place_file(place_id: int) -> AnyResponse:
    """Where a colour was found."""
    return _picture(album.place_cutout(this_user(), place_id))


def _picture(data: bytes) -> AnyResponse:
    response = Response(data, mimetype="image/jpeg")
    response.cache_control.private = True
    response.cache_control.max_age = _DAY_S
    return response
