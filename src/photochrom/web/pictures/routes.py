"""The pages of pictures: the library, one picture, a film."""

from __future__ import annotations

from typing import Any, TypeAlias

from flask import (
    Blueprint,
    current_app,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from photochrom.guided.areas import DEFAULT_TOLERANCE
from photochrom.pipeline import MAX_SHIFT
from photochrom.variants import MAX_SIZE_PX
from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.database import Picture
from photochrom.web.error_pages import wants_json
from photochrom.web.errors import InvalidInput, StudioError
from photochrom.web.i18n import _
from photochrom.web.pictures.albums import get_album, list_albums
from photochrom.web.pictures.downloads import (
    EXPORT_FORMATS,
    film_pair,
    playable_film,
)
from photochrom.web.pictures.edits import MIN_SIZE_PX, Edit, edit_picture, resume_picture
from photochrom.web.pictures.events import event_stream, picture_state
from photochrom.web.pictures.faces import faces_note
from photochrom.web.pictures.history import list_past, past_edit
from photochrom.web.pictures.library import (
    ORDERS,
    delete_picture,
    get_picture,
    list_finished_photos,
    list_pictures,
    quota_mb,
    rename_picture,
    stop_picture,
    used_bytes,
)
from photochrom.web.pictures.live_preview import (
    find_outlines,
    find_uncertain_places,
    preview_edit,
    preview_response,
    suggest_for_place,
)
from photochrom.web.pictures.mending import mending_note
from photochrom.web.pictures.models import (
    check_choice,
    list_models,
    model_note,
    offers_faces,
    remember_choice,
    used_card,
)
from photochrom.web.pictures.names import picture_title
from photochrom.web.pictures.reasons import translated_note
from photochrom.web.pictures.references import reference_note
from photochrom.web.pictures.share_links import (
    create_link,
    find_album_link,
    find_link,
    revoke_links,
)
from photochrom.web.pictures.share_routes import link_address, share_box
from photochrom.web.pictures.shots import color_shots, list_shots, open_shot
from photochrom.web.pictures.uploads import create_pictures
from photochrom.web.security import UPLOADS, computing, limiter, upload_rate, user_key
from photochrom.web.settings import current_settings

blueprint = Blueprint("pictures", __name__)
Answer: TypeAlias = "str | AnyResponse | tuple[AnyResponse, int]"

_EDIT_FIELDS = (
    "hints", "size", "vividness", "variant", "keep_colors", "temperature", "tint", "neutral",
    "reference", "restore", "scratched", "chosen_model",
)  # fmt: skip
_SIZE_STEP_PX, _MAX_SIZE_FACTOR = 32, 4
"""The slider goes from one step to so many times the model's own size, at most."""


@blueprint.get("/")
def home() -> Answer:
    """The library, or what the studio is for those who are not logged in."""
    if current_user.is_authenticated:
        return redirect(url_for("pictures.library"))
    if current_settings().local:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined,no-any-return]
    return render_template("pictures/welcome.html")


@blueprint.get("/library")
@login_required
def library() -> Answer:
    """The user's pictures."""
    search = request.args.get("q", "").strip()
    number = request.args.get("page", 1, type=int)
    user, settings = this_user(), current_settings()
    order = request.args.get("order", ORDERS[0])
    order = order if order in ORDERS else ORDERS[0]
    number_of_album = request.args.get("album", type=int)
    album = None if number_of_album is None else get_album(user, number_of_album)
    link = None if album is None else find_album_link(album)
    page = list_pictures(
        user, search, min(max(1, number), 1_000_000), order=order, album=number_of_album
    )
    query = {"q": search, "order": order, "album": number_of_album}
    return render_template(
        "pictures/library.html",
        page=page,
        search=search,
        order=order,
        album=album,
        albums=list_albums(user),
        **share_box(link),
        query={name: value for name, value in query.items() if value and value != ORDERS[0]},
        models=list_models(),
        offers_faces=offers_faces(),
        chosen_model=user.chosen_model,  # where it is not offered any more, no option is
        max_bytes=settings.max_upload_mb * 1_000_000,
        free_bytes=max(0, quota_mb(user) * 1_000_000 - used_bytes(user.id)),
    )


@blueprint.get("/library/photos")
@login_required
def photos() -> Answer:
    """The user's photographs that are finished, to choose from."""
    number = request.args.get("page", 1, type=int)
    page = list_finished_photos(this_user(), min(max(1, number), 1_000_000))
    records = [
        {
            "id": photo.id,
            "name": picture_title(photo.name),
            "thumbnail": url_for(
                "picture_files.thumbnail_file", picture_id=photo.id, v=photo.done_revision
            ),
            "preview": url_for(
                "picture_files.preview_file", picture_id=photo.id, revision=photo.done_revision
            ),
        }
        for photo in page.items
    ]
    answer = jsonify({"pictures": records, "page": page.page, "pages": page.pages})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/pictures")
@login_required
@limiter.shared_limit(upload_rate, scope=UPLOADS, key_func=user_key)
def create() -> Answer:
    """Take in one or several files; each is accepted or refused by itself."""
    files = [file for file in request.files.getlist("file") if file.filename or file.content_length]
    if not files:
        raise InvalidInput(_("Choose a picture first."))
    user = this_user()
    choice = request.form.get("chosen_model")
    if choice is not None:
        check_choice(choice or None, "photo")
        remember_choice(user, choice or None)
    pictures: list[Picture] = []
    problems: list[StudioError] = []
    for file in files:
        try:
            pictures += create_pictures(
                user, file.filename or "", file.stream, chosen_model=choice or None
            )
        except StudioError as error:  # noqa: PERF203  # of a few files, each has its own reason
            problems.append(error)
    if not pictures:
        raise problems[0]
    if wants_json():
        records = [
            {"id": p.id, "name": p.name, "url": url_for("pictures.show", picture_id=p.id)}
            for p in pictures
        ]
        answer = {"pictures": records, "problems": [str(problem) for problem in problems]}
        return jsonify(answer), 201
    for problem in problems:
        flash(str(problem), "error")
    if len(pictures) == 1 and not problems:
        return redirect(url_for("pictures.show", picture_id=pictures[0].id), 303)
    return redirect(url_for("pictures.library"), 303)


@blueprint.post("/share-target")
@login_required
@limiter.shared_limit(upload_rate, scope=UPLOADS, key_func=user_key)
def share_target() -> Answer:
    """Take what another app shares, where no service worker has put it aside.

    Like every form it needs the token, which other apps do not have: they get the page that says
    so, and the service worker, from then on, sends shared files from the library.
    """
    return create()


@blueprint.get("/pictures/<picture_id>")
@login_required
def show(picture_id: str) -> Answer:
    """One picture or film, with all that can be done to it."""
    picture = get_picture(this_user(), picture_id)
    sharing = share_box(find_link(picture))
    past = list_past(picture, Edit.from_picture(picture).columns())
    if picture.kind == "film":
        return render_template(
            "pictures/film.html",
            picture=picture,
            **sharing,
            past=past,
            model_note=model_note(picture),
            max_shift=int(MAX_SHIFT),
            is_playable=playable_film(picture) is not None,
            has_pair=film_pair(picture) is not None,
            mending_note=mending_note(picture) if picture.state == "done" else "",
            shots=list_shots(picture) if picture.state == "done" else [],
            models=list_models(picture.kind),
        )
    card = used_card(picture)
    return render_template(
        "pictures/picture.html",
        picture=picture,
        **sharing,
        past=past,
        model_note=model_note(picture),
        models=list_models(picture.kind),
        export_formats=EXPORT_FORMATS,
        max_shift=int(MAX_SHIFT),
        area_tolerance=DEFAULT_TOLERANCE,
        reference_note=reference_note(picture),
        mending_note=mending_note(picture),
        faces_note=faces_note(picture),
        notes=[translated_note(note) for note in picture.notes or []],
        film=None if picture.film_id is None else get_picture(this_user(), picture.film_id),
        size_auto=card.size,
        size_min=max(MIN_SIZE_PX, card.size % _SIZE_STEP_PX + _SIZE_STEP_PX),
        size_max=min(card.size * _MAX_SIZE_FACTOR, MAX_SIZE_PX),
        size_step=_SIZE_STEP_PX,
    )


@blueprint.get("/pictures/<picture_id>/state")
@login_required
def state(picture_id: str) -> Answer:
    """How far it is."""
    answer = jsonify(picture_state(get_picture(this_user(), picture_id)))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/pictures/<picture_id>/events")
@login_required
def stream_events(picture_id: str) -> Answer:
    """How far it is, told at every change."""
    return event_stream(this_user(), picture_id)


@blueprint.post("/pictures/<picture_id>/edit")
@login_required
@computing
def edit(picture_id: str) -> Answer:
    """Other colours, please."""
    changes = _json(*_EDIT_FIELDS, "revision")
    revision = changes.pop("revision", None)
    picture = edit_picture(this_user(), picture_id, changes, expected_revision=revision)
    return jsonify(picture_state(picture))


@blueprint.post("/pictures/<picture_id>/preview")
@login_required
@computing
def preview(picture_id: str) -> Answer:
    """What other colours would look like, at once."""
    changes = _json(*_EDIT_FIELDS, "revision")
    changes.pop("revision", None)
    return preview_response(preview_edit(this_user(), picture_id, changes))


@blueprint.post("/pictures/<picture_id>/suggestions")
@login_required
@computing
def suggestions(picture_id: str) -> Answer:
    """Likely colours of a place."""
    fields = _json("place", "hints")
    found = suggest_for_place(this_user(), picture_id, fields.get("place"), fields.get("hints"))
    colors = [
        {"color": "#{:02x}{:02x}{:02x}".format(*color.rgb), "probability": color.probability}
        for color in found
    ]
    return jsonify({"colors": colors})


@blueprint.post("/pictures/<picture_id>/area")
@login_required
@computing
def area(picture_id: str) -> Answer:
    """What a place is part of, as outlines to be filled by the even-odd rule."""
    fields = _json("place", "tolerance")
    rings, share = find_outlines(
        this_user(), picture_id, fields.get("place"), fields.get("tolerance", DEFAULT_TOLERANCE)
    )
    return jsonify({"outlines": rings, "share": share})


@blueprint.post("/pictures/<picture_id>/uncertain")
@login_required
@computing
def uncertain(picture_id: str) -> Answer:
    """Where a hint would help most."""
    changes = _json(*_EDIT_FIELDS, "revision")
    changes.pop("revision", None)
    return jsonify({"places": find_uncertain_places(this_user(), picture_id, changes)})


@blueprint.post("/pictures/<picture_id>/shots/<int:number>")
@login_required
@computing
def show_shot(picture_id: str, number: int) -> Answer:
    """The page on which a shot of a film is corrected."""
    still = open_shot(this_user(), picture_id, number)
    return redirect(url_for("pictures.show", picture_id=still.id), 303)


@blueprint.post("/pictures/<picture_id>/shots")
@login_required
@computing
def apply_shots(picture_id: str) -> Answer:
    """Colour a film again, as its shots are corrected."""
    color_shots(this_user(), picture_id)
    return redirect(url_for("pictures.show", picture_id=picture_id), 303)


@blueprint.post("/pictures/<picture_id>/past/<int:revision>")
@login_required
@computing
def go_back(picture_id: str, revision: int) -> Answer:
    """Colour it as it was coloured before."""
    picture = get_picture(this_user(), picture_id)
    changes = past_edit(picture, revision)
    edit_picture(this_user(), picture_id, changes, expected_revision=picture.revision)
    return redirect(url_for("pictures.show", picture_id=picture_id), 303)


@blueprint.post("/pictures/<picture_id>/delete")
@login_required
def delete(picture_id: str) -> Answer:
    """Remove it for ever."""
    delete_picture(this_user(), picture_id)
    if wants_json():
        return jsonify({"deleted": picture_id})
    flash(_("The picture is deleted."), "info")
    return redirect(url_for("pictures.library"), 303)


@blueprint.post("/pictures/<picture_id>/stop")
@login_required
def stop(picture_id: str) -> Answer:
    """Colour it no further; what is done of a film is kept for later."""
    stop_picture(this_user(), picture_id)
    return redirect(url_for("pictures.show", picture_id=picture_id), 303)


@blueprint.post("/pictures/<picture_id>/resume")
@login_required
@computing
def resume(picture_id: str) -> Answer:
    """Try again, or go on where it was stopped."""
    resume_picture(this_user(), picture_id)
    return redirect(url_for("pictures.show", picture_id=picture_id), 303)


@blueprint.post("/pictures/<picture_id>/rename")
@login_required
def rename(picture_id: str) -> Answer:
    """Call it something else."""
    name = request.form.get("name", "")
    if request.is_json:
        value = _json("name").get("name")
        name = value if isinstance(value, str) else ""
    picture = rename_picture(this_user(), picture_id, name)
    if wants_json():
        return jsonify({"id": picture.id, "name": picture.name})
    return redirect(url_for("pictures.show", picture_id=picture_id), 303)


@blueprint.post("/pictures/<picture_id>/share")
@login_required
@computing
def share(picture_id: str) -> Answer:
    """Make a link for others."""
    link = create_link(this_user(), picture_id)
    if wants_json():
        until = link.expires_at.isoformat()
        return jsonify({"url": link_address(link.token), "expires_at": until})
    # The link stands far down on a telephone, where nobody would look for it.
    return redirect(url_for("pictures.show", picture_id=picture_id, _anchor="share-link"), 303)


@blueprint.post("/pictures/<picture_id>/unshare")
@login_required
def unshare(picture_id: str) -> Answer:
    """End the link."""
    revoke_links(this_user(), picture_id)
    if wants_json():
        return jsonify({"url": None})
    return redirect(url_for("pictures.show", picture_id=picture_id), 303)


def _json(*names: str) -> dict[str, Any]:
    """The values of a JSON object that has no others. Raises InvalidInput."""
    values = request.get_json(silent=True)
    if not isinstance(values, dict) or not set(values) <= set(names):
        raise InvalidInput(_("Send a JSON object of {names}.").format(names=", ".join(names)))
    return values
