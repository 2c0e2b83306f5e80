"""Choosing the language of the pages, whoever reads them."""

from __future__ import annotations

from flask import Blueprint, redirect, request
from flask_login import current_user
from werkzeug.wrappers import Response

from photochrom.web.accounts.login import this_user
from photochrom.web.database import db
from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _, keep_language
from photochrom.web.languages import LANGUAGES
from photochrom.web.security import safe_next

blueprint = Blueprint("language", __name__)


@blueprint.post("/language")
def choose() -> Response:
    """Speak another language from now on, and lead back to the page."""
    code = request.form.get("language", "")
    if code not in LANGUAGES:
        raise InvalidInput(_("This studio does not speak that language."))
    if current_user.is_authenticated:
        this_user().language = code
        db.session.commit()
    response = redirect(safe_next(request.form.get("next")), 303)
    return keep_language(response, code)
