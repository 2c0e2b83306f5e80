"""Signing up and logging in for programs: what they get is a token, and never a session.

An app of a phone has no browser's cookies; its four fields are refused by the same rules, and in
the same words, as those of the page.
"""

from __future__ import annotations

import hashlib
from typing import Final

from flask import Blueprint, Response, jsonify, request
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict

from photochrom.web.accounts import second_factor, service
from photochrom.web.accounts.forms import LogInForm, SignUpForm, stored_email
from photochrom.web.accounts.tokens import create_token
from photochrom.web.api.fields import json_texts, query_fields
from photochrom.web.database import User
from photochrom.web.errors import Conflict, Forbidden, NotFound, StudioError
from photochrom.web.i18n import _
from photochrom.web.security import limiter, login_rate
from photochrom.web.settings import current_settings

APP_ORIGIN: Final = "https://app.photochrom.invalid"
"""Of the pages inside of the Android app. No page of the internet can have it: no name ends so."""
TOKEN_DAYS: Final = 90


class InvalidFields(StudioError):
    """Fields of a form are refused, each in its own words."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(" ".join(fields.values()))
        self.fields = fields


def add_routes(blueprint: Blueprint) -> None:
    """Give the API's blueprint what this module answers."""
    limit = limiter.shared_limit(login_rate, scope="api log-ins", override_defaults=False)
    limit_account = limiter.limit(login_rate, key_func=_account_key, override_defaults=False)
    blueprint.post("/accounts", endpoint="create_account")(limit(create_account))
    blueprint.post("/tokens", endpoint="request_token")(limit(limit_account(request_token)))
    blueprint.register_error_handler(InvalidFields, _refuse_fields)
    blueprint.after_request(_admit_app)


def create_account() -> tuple[Response, int]:
    """Make an account, and a token of it; or say what is wrong with each field."""
    query_fields()
    values = json_texts("name", "email", "password", "again", "program")
    _require_accounts()
    settings = current_settings()
    if settings.sign_up != "open" or settings.confirm_email:
        raise Forbidden("Accounts of this studio are made in a browser: open its address there.")
    form = SignUpForm(formdata=MultiDict(values), meta={"csrf": False})
    valid = form.validate()
    if not form.email.errors and service.is_taken(form.email.data):
        form.email.errors = [_("This email address is already in use.")]
    elif valid:
        try:
            user = service.create_user(form.name.data, form.email.data, form.password.data)
        except Conflict as error:
            form.email.errors = [str(error)]
        else:
            return _token(user, values)
    raise InvalidFields(_errors(form))


def request_token() -> tuple[Response, int]:
    """A token for who knows email and password, and the code where one is asked for."""
    query_fields()
    values = json_texts("email", "password", "code", "program")
    _require_accounts()
    form = LogInForm(formdata=MultiDict(values), meta={"csrf": False})
    if not form.validate():
        raise InvalidFields(_errors(form))
    user = service.authenticate(stored_email(form.email.data), form.password.data)
    if user is None:
        raise InvalidFields({"password": _("Email or password is wrong.")})
    if second_factor.is_enabled(user):
        if not values["code"]:
            raise InvalidFields({"code": _("Enter the code.")})
        if not second_factor.use_code(user, values["code"]):
            raise InvalidFields({"code": _("This is not the code, or it was used already.")})
    return _token(user, values)


def _token(user: User, values: dict[str, str]) -> tuple[Response, int]:
    name = values["program"].strip()[:100] or "A program"
    token, secret = create_token(user, name, days=TOKEN_DAYS)
    assert token.expires_at is not None
    answer = {"token": secret, "name": user.name, "expires_at": token.expires_at.isoformat()}
    response = jsonify(answer)
    response.headers["Cache-Control"] = "no-store"
    return response, 201


def _require_accounts() -> None:
    if current_settings().local:
        raise NotFound("This studio has no accounts: its address, as it prints it, has the token.")


def _errors(form: FlaskForm) -> dict[str, str]:
    return {name: str(errors[0]) for name, errors in form.errors.items() if name and errors}


def _refuse_fields(error: InvalidFields) -> Response:
    body = {"error": str(error), "status": error.status, "fields": error.fields}
    response = jsonify(body)
    response.status_code = error.status
    return response


def _account_key() -> str:
    """The account that a log-in is for, so that many addresses together cannot guess faster."""
    body = request.get_json(silent=True) if request.is_json else None
    email = body.get("email") if isinstance(body, dict) else None
    known = stored_email(email if isinstance(email, str) else "")
    return "account:" + hashlib.sha256(known.encode()).hexdigest()


def _admit_app(response: Response) -> Response:
    """Let the pages of the app read the answers; it asks by OPTIONS before it sends a token."""
    response.headers.add("Vary", "Origin")
    if request.headers.get("Origin") == APP_ORIGIN:
        response.headers["Access-Control-Allow-Origin"] = APP_ORIGIN
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE"
        response.headers["Access-Control-Expose-Headers"] = "Content-Disposition, Retry-After"
        response.headers["Access-Control-Max-Age"] = "600"
    return response
