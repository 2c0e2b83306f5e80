"""Version 1 of the API: pictures, by the same rules as the pages.

Every address is described in `document`; a test compares the two.
"""

from __future__ import annotations

import io

from flask import Blueprint, Response, jsonify, request, send_file, url_for
from werkzeug.datastructures import FileStorage

from photochrom.web.api.accounts import add_routes
from photochrom.web.api.bearer import rate_key, this_caller, this_writer
from photochrom.web.api.document import openapi
from photochrom.web.api.fields import form_fields, json_fields, query_fields
from photochrom.web.colors import album
from photochrom.web.database import Picture, SavedColor
from photochrom.web.errors import Conflict, InvalidInput, LoginRequired
from photochrom.web.film_time import whole_seconds_left
from photochrom.web.i18n import _
from photochrom.web.pictures.downloads import result_file
from photochrom.web.pictures.edits import Edit, edit_picture
from photochrom.web.pictures.history import list_past, past_edit
from photochrom.web.pictures.library import (
    delete_picture,
    get_picture,
    list_pictures,
    rename_picture,
)
from photochrom.web.pictures.models import list_models
from photochrom.web.pictures.quick import colorize_at_once
from photochrom.web.pictures.sending import send_kept_file
from photochrom.web.pictures.shots import color_shots, get_film, list_shots, open_shot
from photochrom.web.pictures.uploads import create_picture
from photochrom.web.security import COMPUTING, UPLOADS, compute_rate, csrf, limiter, upload_rate
from photochrom.web.settings import current_settings

blueprint = Blueprint("api", __name__)
csrf.exempt(blueprint)


def _api_rate() -> str:
    return current_settings().api_rate


limiter.limit(_api_rate, key_func=rate_key)(blueprint)
add_routes(blueprint)


@blueprint.errorhandler(LoginRequired)
def refuse_caller(error: LoginRequired) -> Response:
    """401, with what a program should send."""
    answer = jsonify({"error": str(error), "status": error.status})
    answer.status_code = error.status
    answer.headers["WWW-Authenticate"] = 'Bearer realm="photochrom"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.after_request
def add_private_headers(response: Response) -> Response:
    """Nothing of somebody's is kept by a cache on the way."""
    if "no-store" not in response.headers.get("Cache-Control", ""):
        response.headers["Cache-Control"] = "private, no-cache"
    response.headers.add("Vary", "Authorization")
    return response


@blueprint.get("/openapi.json")
def description() -> Response:
    """What there is, for programs that read such things."""
    query_fields()
    return jsonify(openapi([model.name for model in list_models()]))


@blueprint.post("/pictures")
@limiter.shared_limit(upload_rate, scope=UPLOADS, key_func=rate_key, override_defaults=False)
def create() -> tuple[Response, int, dict[str, str]]:
    """Take a picture or film; it is coloured as soon as it is its turn."""
    user = this_writer()
    query_fields()
    values = form_fields("size", "vividness", "chosen_model")
    file = _sent_file()
    picture = create_picture(user, file.filename or "", file.stream, **values)
    return jsonify(_picture_json(picture)), 201, {"Location": _address(picture)}


@blueprint.post("/colorize")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
@limiter.shared_limit(upload_rate, scope=UPLOADS, key_func=rate_key, override_defaults=False)
def colorize() -> Response:
    """Colour a photograph and answer with it; nothing is kept."""
    user = this_writer()
    query_fields()
    values = form_fields("size", "vividness", "model")
    file = _sent_file()
    data, name, media_type = colorize_at_once(user.id, file.filename or "", file.stream, **values)
    answer = send_file(
        io.BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name
    )
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.get("/pictures")
def listing() -> Response:
    """The user's pictures, the newest first."""
    user = this_caller()
    page = list_pictures(user, **query_fields("search", "page", "per_page"))
    return jsonify(
        {
            "pictures": [_picture_json(picture) for picture in page.items],
            "page": page.page,
            "pages": page.pages,
            "total": page.total,
        }
    )


@blueprint.get("/pictures/<picture_id>")
def show(picture_id: str) -> Response:
    """How far a picture is."""
    user = this_caller()
    query_fields()
    return jsonify(_picture_json(get_picture(user, picture_id)))


@blueprint.patch("/pictures/<picture_id>")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def edit(picture_id: str) -> Response:
    """Change what is asked of a picture; what is not named stays as it is."""
    user = this_writer()
    query_fields()
    picture = get_picture(user, picture_id)
    changes = json_fields(
        "hints", "size", "vividness", "variant", "keep_colors", "temperature", "tint", "neutral",
        "reference", "restore", "scratched", "chosen_model", "name", "revision",
    )  # fmt: skip
    name = changes.pop("name", None)
    revision = changes.pop("revision", picture.revision)
    if changes:
        picture = edit_picture(user, picture_id, changes, expected_revision=revision)
    elif revision != picture.revision:
        raise Conflict(_("This picture was changed elsewhere. Load the page again."))
    if name is not None:
        picture = rename_picture(user, picture_id, name)
    return jsonify(_picture_json(picture))


@blueprint.delete("/pictures/<picture_id>")
def delete(picture_id: str) -> tuple[str, int]:
    """Remove a picture and all its files."""
    user = this_writer()
    query_fields()
    delete_picture(user, picture_id)
    return "", 204


@blueprint.get("/pictures/<picture_id>/result")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def result(picture_id: str) -> Response:
    """The coloured file, in the size and format of the original, or another form of it."""
    user = this_caller()
    path, name, media_type = result_file(user, picture_id, **query_fields("form"))
    return send_kept_file(path, media_type, name)


@blueprint.get("/pictures/<picture_id>/history")
def history(picture_id: str) -> Response:
    """The earlier results of a picture."""
    user = this_caller()
    query_fields()
    picture = get_picture(user, picture_id)
    results = [
        {
            "revision": past.revision,
            "finished_at": None if past.finished_at is None else past.finished_at.isoformat(),
            "model": past.model,
            "edit": past.edit,
        }
        for past in list_past(picture, Edit.from_picture(picture).columns())
    ]
    return jsonify({"results": results})


@blueprint.post("/pictures/<picture_id>/history/<int:revision>")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def go_back(picture_id: str, revision: int) -> Response:
    """Colour a picture as it was coloured before."""
    user = this_writer()
    query_fields()
    changes = past_edit(get_picture(user, picture_id), revision)
    return jsonify(_picture_json(edit_picture(user, picture_id, changes)))


@blueprint.get("/pictures/<picture_id>/shots")
def shots(picture_id: str) -> Response:
    """The shots of a film."""
    user = this_caller()
    query_fields()
    found = [
        {
            "number": shot.number,
            "time_s": shot.time_s,
            "still": None if shot.still is None else shot.still.id,
            "corrected": shot.is_corrected,
        }
        for shot in list_shots(get_film(user, picture_id))
    ]
    return jsonify({"shots": found})


@blueprint.post("/pictures/<picture_id>/shots/<int:number>")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def open_still(picture_id: str, number: int) -> Response:
    """The still of a shot."""
    user = this_writer()
    query_fields()
    return jsonify(_picture_json(open_shot(user, picture_id, number)))


@blueprint.post("/pictures/<picture_id>/shots")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def color_film_shots(picture_id: str) -> Response:
    """Colour a film again by its shots."""
    user = this_writer()
    query_fields()
    return jsonify(_picture_json(color_shots(user, picture_id)))


@blueprint.get("/colors")
def list_colors() -> Response:
    """The user's saved colours, and in how many photographs they are still looked for."""
    user = this_caller()
    query_fields()
    colors = [_color_json(color) for color in album.list_colors(user)]
    return jsonify({"colors": colors, "pictures_left": album.pictures_left(user)})


@blueprint.post("/colors")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def save_color() -> tuple[Response, int]:
    """Name the colour of a place of a photograph, and have it looked for in the others."""
    user = this_writer()
    query_fields()
    fields = json_fields("picture", "name", "place", "color", required=True)
    picture = str(fields["picture"])
    color = album.save_color(user, picture, fields["name"], fields["place"], fields["color"])
    return jsonify(_color_json(color)), 201


@blueprint.delete("/colors/<int:color_id>")
def delete_color(color_id: int) -> tuple[str, int]:
    """Forget a colour; pictures that have it keep it."""
    user = this_writer()
    query_fields()
    album.delete_color(user, color_id)
    return "", 204


@blueprint.get("/colors/proposals")
def list_proposals() -> Response:
    """Where saved colours were found, and nobody has said whether that is right."""
    user = this_caller()
    query_fields()
    return jsonify({"proposals": [_proposal_json(found) for found in album.list_proposals(user)]})


@blueprint.post("/colors/proposals/<int:place_id>")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def settle_proposal(place_id: int) -> Response:
    """Yes, which makes it a hint of its picture at once, or no."""
    user = this_writer()
    query_fields()
    accepted = json_fields("accepted", required=True)["accepted"]
    if not isinstance(accepted, bool):
        raise InvalidInput("“accepted” is true or false.")
    album.settle(user, place_id, accepted=accepted, apply=True)
    return jsonify({"id": place_id, "accepted": accepted})


@blueprint.get("/colors/proposals/<int:place_id>/cutout")
@limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=rate_key, override_defaults=False)
def proposal_cutout(place_id: int) -> Response:
    """What is around the place, which a ring in the saved colour marks."""
    user = this_caller()
    query_fields()
    return Response(album.place_cutout(user, place_id), mimetype="image/jpeg")


def _color_json(color: SavedColor) -> dict[str, object]:
    """What a program is told of a saved colour."""
    return {
        "id": color.id,
        "name": color.name,
        "color": color.color,
        "picture": color.picture_id,
        "place": [color.x, color.y],
    }


def _proposal_json(found: album.Proposal) -> dict[str, object]:
    """What a program is told of a place that was found."""
    return {
        "id": found.place.id,
        "color_id": found.color.id,
        "name": found.color.name,
        "color": found.color.color,
        "picture": found.picture.id,
        "place": [found.place.x, found.place.y],
        "score": found.place.score,
        "hint": found.hint,
    }


def _sent_file() -> FileStorage:
    files = request.files.getlist("file")
    if len(files) != 1 or set(request.files) != {"file"}:
        raise InvalidInput("Send one file, as the part “file” of a multipart form.")
    return files[0]


def _address(picture: Picture) -> str:
    return url_for("api.show", picture_id=picture.id)


def _picture_json(picture: Picture) -> dict[str, object]:
    """What a program is told of a picture."""
    finished_at = picture.finished_at
    return {
        "id": picture.id,
        "url": _address(picture),
        "name": picture.name,
        "kind": picture.kind,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "created_at": picture.created_at.isoformat(),
        "state": picture.state,
        "progress": picture.progress,
        "seconds_left": whole_seconds_left(picture),
        "problem": picture.problem,
        "finished_at": None if finished_at is None else finished_at.isoformat(),
        "size": picture.size,
        "vividness": picture.vividness,
        "hints": picture.hints,
        "variant": picture.variant,
        "own_colors": picture.own_colors,
        "keep_colors": picture.keep_colors,
        "temperature": picture.temperature,
        "tint": picture.tint,
        "neutral": picture.neutral,
        "reference": picture.reference,
        "reference_agreement": picture.reference_agreement,
        "film": picture.film_id,
        "film_time_s": picture.film_time_s,
        "restore": picture.restore,
        "scratched": picture.scratched,
        "restored": picture.restored,
        "notes": picture.notes or [],
        "revision": picture.revision,
        "done_revision": picture.done_revision,
        "chosen_model": picture.chosen_model,
        "model": picture.model,
    }
