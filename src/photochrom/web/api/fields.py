"""What a program sends, as values: whatever is not known or not readable is refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from flask import request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from photochrom.web.database import MAX_NAME
from photochrom.web.errors import InvalidInput, StudioError
from photochrom.web.pictures.downloads import FORMS
from photochrom.web.pictures.edits import MAX_MODEL_NAME

Reader: TypeAlias = Callable[[str], Any]
"""Turns the text of a field into its value. Raises ValueError."""

MAX_PAGE: Final = 1_000_000
MAX_PER_PAGE: Final = 100
MAX_SEARCH: Final = 200
_NULLABLE: Final = ("size", "reference", "chosen_model")


class UnreadableBody(StudioError):
    """The body is of a kind that this address does not take."""

    status = 415


def query_fields(*names: str) -> dict[str, Any]:
    """The values after the question mark. Raises InvalidInput for others than ``names``."""
    return _fields(request.args, names, _QUERY)


def form_fields(*names: str) -> dict[str, Any]:
    """The values of a multipart form, without its files. Raises InvalidInput."""
    if request.mimetype != "multipart/form-data":
        raise UnreadableBody("Send a multipart form (multipart/form-data).")
    return _fields(request.form, names, _FORM)


def json_fields(*names: str, required: bool = False) -> dict[str, Any]:
    """The values of a JSON object, as they are but for their names. Raises InvalidInput.

    required: all of them have to be there.
    """
    body = _json_body(names)
    if required and (missing := [name for name in names if name not in body]):
        raise InvalidInput(f"Send {', '.join(f'“{name}”' for name in missing)}, too.")
    _check_name(body.get("name", "-"))
    revision = body.get("revision", 1)
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 1:
        raise InvalidInput("The revision must be a whole number from 1 on.")
    return body


def json_texts(*names: str) -> dict[str, str]:
    """The texts of a JSON object, "" for one that is not there. Raises InvalidInput."""
    body = _json_body(names)
    for name, value in body.items():
        if not isinstance(value, str) or "\0" in value or _has_half_characters(value):
            raise InvalidInput(f"“{name}” must be text.")
    return {name: body.get(name, "") for name in names}


def _has_half_characters(text: str) -> bool:
    """Whether there is half of a character in it, as JSON's "\\ud800" is: it cannot be kept."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _json_body(names: Iterable[str]) -> dict[str, Any]:
    if not request.is_json:
        raise UnreadableBody("Send JSON (application/json).")
    try:
        body = request.get_json()
    except BadRequest:
        raise InvalidInput("This is not valid JSON.") from None
    if not isinstance(body, dict):
        raise InvalidInput("Send a JSON object.")
    _check_names(body, names)
    for name, value in body.items():
        if value is None and name not in _NULLABLE:
            raise InvalidInput(f"“{name}” may be left out, but not null.")
    return body


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise InvalidInput(f"The name must be 1 to {MAX_NAME} characters of text.")


def _fields(
    fields: MultiDict[str, str], names: Iterable[str], readers: dict[str, Reader]
) -> dict[str, Any]:
    _check_names(fields, names)
    values: dict[str, Any] = {}
    for name, texts in fields.lists():
        if len(texts) != 1:
            raise InvalidInput(f"“{name}” is there more than once.")
        try:
            values[name] = readers[name](texts[0])
        except ValueError as error:
            raise InvalidInput(f"“{name}” {error}.") from None
    return values


def _check_names(fields: Iterable[str], names: Iterable[str]) -> None:
    choices = list(names)
    for name in fields:
        if name not in choices:
            listing = ", ".join(choices) or "none"
            raise InvalidInput(f"“{name[:40]}” is not known here; known are: {listing}.")


def _whole_number(least: int, most: int) -> Reader:
    def read(text: str) -> int:
        plain = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        if not plain or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("must be a number")
    return value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise ValueError("must be a whole number")
    return int(text)


def _text(most: int) -> Reader:
    def read(text: str) -> str:
        if len(text) > most or "\0" in text:
            raise ValueError(f"must be at most {most} characters of text")
        return text

    return read


def _choice(choices: tuple[str, ...]) -> Reader:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return text

    return read


_QUERY: Final[dict[str, Reader]] = {
    "search": _text(MAX_SEARCH),
    "page": _whole_number(1, MAX_PAGE),
    "per_page": _whole_number(1, MAX_PER_PAGE),
    "form": _choice(FORMS),
}
_FORM: Final[dict[str, Reader]] = {
    "size": _count,
    "vividness": _number,
    "model": _text(MAX_MODEL_NAME),
    "chosen_model": _text(MAX_MODEL_NAME),
}
