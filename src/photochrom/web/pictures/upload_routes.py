"""Uploads in parts by the tus protocol 1.0: core, creation and termination (tus.io)."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from flask import Blueprint, Response, make_response, request
from werkzeug.wrappers import Response as AnyResponse

from photochrom.web.accounts.login import login_required, this_user
from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _
from photochrom.web.pictures.models import check_choice, remember_choice
from photochrom.web.pictures.resumable import (
    UploadState,
    append_part,
    create_upload,
    delete_upload,
    read_state,
)
from photochrom.web.security import UPLOADS, limiter, upload_rate, user_key
from photochrom.web.settings import current_settings

blueprint = Blueprint("uploads", __name__, url_prefix="/uploads")
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,termination"
PART_TYPE: Final = "application/offset+octet-stream"


@blueprint.before_request
def _require_version() -> AnyResponse | None:
    if request.method == "OPTIONS" or request.headers.get("Tus-Resumable") == VERSION:
        return None
    return _response(412, {"Tus-Version": VERSION})


@blueprint.after_request
def _add_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.route("", methods=["OPTIONS"], provide_automatic_options=False)
@blueprint.route("/<upload_id>", methods=["OPTIONS"], provide_automatic_options=False)
def describe(upload_id: str = "") -> Response:  # noqa: ARG001  # the same for each
    """What there is of the protocol."""
    most = str(current_settings().max_upload_mb * 1_000_000)
    given = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": most}
    return _response(204, given)


@blueprint.post("")
@login_required
@limiter.shared_limit(upload_rate, scope=UPLOADS, key_func=user_key)
def create() -> Response:
    """Begin an upload."""
    user, chosen_model = this_user(), None
    if (choice := _metadata("model")) is not None:
        chosen_model = choice or None
        check_choice(chosen_model, "photo")
        remember_choice(user, chosen_model)
    length, name = _number("Upload-Length", least=1), _metadata("filename") or ""
    upload_id = create_upload(user, length, name, chosen_model)
    return _response(201, {"Location": f"/uploads/{upload_id}"})


@blueprint.route("/<upload_id>", methods=["HEAD"])
@login_required
def show(upload_id: str) -> Response:
    """How far an upload is."""
    state = read_state(this_user(), upload_id)
    return _response(200, {**_progress(state), "Upload-Length": str(state.length)})


@blueprint.patch("/<upload_id>")
@login_required
def append(upload_id: str) -> Response:
    """Add a part."""
    if request.mimetype != PART_TYPE:
        return _response(415, {})
    offset = _number("Upload-Offset", least=0)
    return _response(204, _progress(append_part(this_user(), upload_id, offset, request.stream)))


@blueprint.delete("/<upload_id>")
@login_required
def delete(upload_id: str) -> Response:
    """Give an upload up."""
    delete_upload(this_user(), upload_id)
    return _response(204, {})


def _progress(state: UploadState) -> dict[str, str]:
    """Upload-Pictures is ours: what a whole file has become."""
    became = {"Upload-Pictures": ",".join(state.picture_ids)} if state.picture_ids else {}
    return {"Upload-Offset": str(state.offset), **became}


def _response(status: int, headers: dict[str, str]) -> Response:
    response = make_response("", status)
    response.headers.update(headers)
    return response


def _number(header: str, *, least: int) -> int:
    text = request.headers.get(header, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < least:
        raise InvalidInput(_("{header} is a whole number.").format(header=header))
    return int(text)


def _metadata(key: str) -> str | None:
    """A value of Upload-Metadata, pairs of a key and a value in base64; None: it is not there.

    Raises InvalidInput.
    """
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        name, _space, value = pair.strip().partition(" ")
        if name == key:
            try:
                return base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise InvalidInput(
                    _("What is sent as {key} in Upload-Metadata is not base64.").format(key=key)
                ) from None
    return None
