"""Errors as answers: a page for people, JSON for programs, the same status for both."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask_limiter import RateLimitExceeded
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from photochrom.web.database import db, is_disk_full, is_outage
from photochrom.web.errors import DiskFull, LoginRequired, NotFound, StudioError, TooMany
from photochrom.web.i18n import _, gettext_noop
from photochrom.web.security import limiter
from photochrom.web.settings import current_settings
from photochrom.web.storage import drop_ballast

_log = logging.getLogger(__name__)
_MESSAGES = {
    400: (gettext_noop("This was refused"), gettext_noop("The request could not be understood.")),
    403: (
        gettext_noop("Not from here"),
        gettext_noop("This studio answers only the machine that it runs on."),
    ),
    404: (NotFound.title, gettext_noop("There is no such page, or it is not yours.")),
    405: (
        gettext_noop("This was refused"),
        gettext_noop("The page does not take this kind of request."),
    ),
    413: (
        gettext_noop("This is too large"),
        gettext_noop("The request is larger than this studio takes."),
    ),
    429: (
        TooMany.title,
        gettext_noop("That was often in a short time. Wait a moment and try again."),
    ),
    500: (
        gettext_noop("Something broke"),
        gettext_noop("This is our fault, not yours. What you had saved is safe."),
    ),
}
"""Heading and text of statuses that come without our own words."""


def init_error_pages(app: Flask) -> None:
    """Answer every error in the studio's words."""
    app.register_error_handler(StudioError, _studio_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(RateLimitExceeded, _rate_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)


def wants_json() -> bool:
    """Whether a program asks and not a person."""
    if request.path.startswith("/api/") or request.is_json:
        return True
    accept = request.accept_mimetypes
    return accept["application/json"] > accept["text/html"]


def _error_response(status: int, title: str, message: str, *, plain: bool = False) -> Response:
    """plain: the page stands alone, as neither the user, the database nor addresses may be had."""
    if wants_json():
        response = jsonify({"error": message, "status": status})
    elif plain:
        # Not render_template, which asks who is logged in.
        page = current_app.jinja_env.get_template("broken.html")
        response = make_response(page.render(title=title, message=message))
    else:
        response = make_response(render_template("errors.html", title=title, message=message))
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _studio_error(error: StudioError) -> Response:
    db.session.rollback()
    response = _error_response(error.status, _(error.title), str(error))
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _csrf_error(_error: CSRFError) -> Response:
    if wants_json() and not current_user.is_authenticated:
        # Somebody who has logged out in another tab: their change is kept by the page till then.
        return _error_response(401, _(LoginRequired.title), _("You were logged out. Log in again."))
    message = _("The form had expired. Load the page again and repeat it.")
    if current_settings().secure_cookies and not request.is_secure:
        message += " " + _(
            "If it happens each time: this studio sends cookies over HTTPS only, and this page "
            "came without. Its settings public_url, trusted_proxies and secure_cookies tell more."
        )
    return _error_response(400, _("This was refused"), message)


def _rate_error(_error: RateLimitExceeded) -> Response:
    response = _error_response(429, *(_(text) for text in _MESSAGES[429]))
    limit = limiter.current_limit
    wait_s = 60 if limit is None else max(1, int(limit.reset_at - time.time()) + 1)
    response.headers["Retry-After"] = str(wait_s)
    return response


def _http_error(error: HTTPException) -> Response:
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, Exception):
        return _unexpected_error(error.original_exception)  # it broke while an error was answered
    if error.response is not None or error.code is None or error.code < 400:
        return make_response(error.get_response())  # a redirect, or an answer made elsewhere
    title, message = _MESSAGES.get(error.code, (error.name, error.description or error.name))
    plain = error.code >= 500 or isinstance(error, SecurityError)  # of a Host that is no name
    response = _error_response(error.code, _(title), _(message), plain=plain)
    for name, value in error.get_headers():
        if name in ("Allow", "WWW-Authenticate", "Retry-After"):
            response.headers[name] = value
    return response


def _unexpected_error(error: Exception) -> Response:
    """The end of the line: logged with its place, told without its text."""
    _log.error("a request failed", exc_info=error)
    db.session.rollback()
    if is_disk_full(error):
        drop_ballast(current_settings().data_dir)
        message = _("Nothing was changed. Delete what you do not need, or try again later.")
        return _error_response(507, _(DiskFull.title), message, plain=True)
    if is_outage(error):
        message = _("Its database does not answer. Try again in a moment.")
        response = _error_response(503, _("The studio is away"), message, plain=True)
        response.headers["Retry-After"] = "10"
        return response
    return _error_response(500, *(_(text) for text in _MESSAGES[500]), plain=True)
