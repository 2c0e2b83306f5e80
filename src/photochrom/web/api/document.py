"""The OpenAPI description of the API.

Written out and not derived: it is the promise that the code is tested against, address by address
(both ways) and answer by answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from photochrom import __version__
from photochrom.engine import FACE_MODEL, shipped_models
from photochrom.guided.reference import SAME_SCENE
from photochrom.imageio import FORMATS
from photochrom.pipeline import MAX_SHIFT
from photochrom.restoration import FILM_KINDS, KINDS
from photochrom.variants import MAX_SIZE_PX
from photochrom.web.api.fields import MAX_PAGE, MAX_PER_PAGE, MAX_SEARCH
from photochrom.web.colors.album import MAX_NAME as MAX_COLOR_NAME
from photochrom.web.database import MAX_NAME
from photochrom.web.pictures.downloads import FORMS
from photochrom.web.pictures.edits import (
    MAX_AREAS,
    MAX_HINTS,
    MAX_MODEL_NAME,
    MAX_STROKE_LENGTH,
    MAX_STROKE_POINTS,
    MAX_TOLERANCE,
    MAX_VIVIDNESS,
    MIN_SIZE_PX,
    VERSIONS,
)
from photochrom.web.pictures.history import MAX_PAST
from photochrom.web.pictures.models import FACES_CHOICE
from photochrom.web.pictures.quick import QUICK_MB, QUICK_MP

Json: TypeAlias = "dict[str, Any]"

_SIZE: Final[Json] = {
    "type": ["integer", "null"],
    "minimum": MIN_SIZE_PX,
    "maximum": MAX_SIZE_PX,
    "description": "Render factor: the short side that the network sees, in pixels. Null: the "
    "model's own.",
}
_VIVIDNESS: Final[Json] = {
    "type": "number",
    "minimum": 0,
    "maximum": MAX_VIVIDNESS,
    "description": "Factor on the colours' strength; 1 is as the network has it, 0 is grey.",
}
_COLOR: Final[Json] = {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}
_COORDINATE: Final[Json] = {"type": "number", "minimum": 0}
_POINT: Final[Json] = {
    "type": "array",
    "minItems": 3,
    "maxItems": 3,
    "items": {"anyOf": [_COORDINATE, _COLOR]},
}
_STROKE: Final[Json] = {
    "type": "object",
    "required": ["points", "color", "width"],
    "properties": {
        "points": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": _COORDINATE},
            "description": "x and y of a line; one alone is a spot.",
        },
        "color": _COLOR,
        "width": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "Of the line, in pixels; at most a tenth of the longer side.",
        },
    },
    "additionalProperties": False,
}
_AREA: Final[Json] = {
    "type": "object",
    "required": ["area", "color", "tolerance"],
    "properties": {
        "area": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": _COORDINATE,
            "description": "x and y of a place. What it is part of has the colour, as far as the "
            "photograph's edges.",
        },
        "color": _COLOR,
        "tolerance": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MAX_TOLERANCE,
            "description": "How much its lightness may differ from the place's, units of L*.",
        },
    },
    "additionalProperties": False,
}
_HINTS: Final[Json] = {
    "type": "array",
    "maxItems": MAX_HINTS,
    "items": {"anyOf": [_POINT, _STROKE, _AREA]},
    "description": "What is known of colours, in pixels of the upright original counted from its "
    "upper left: points [x, y, colour], strokes and areas. Where two meet, the later one counts. "
    f"The strokes have at most {MAX_STROKE_POINTS} points together, and are no longer than "
    f"{MAX_STROKE_LENGTH} times the longer side; there are at most {MAX_AREAS} areas.",
}
_VARIANT: Final[Json] = {
    "type": "integer",
    "minimum": 0,
    "maximum": len(VERSIONS) - 1,
    "description": "Which of the plausible versions: 0 as the model likes it; 1 seen in more "
    "detail, 2 warmer and 3 cooler where the network is least sure; from 4 on its alternatives, "
    "clearly different and the likeliest first, of models that have them.",
}
_KEEP_COLORS: Final[Json] = {
    "type": "boolean",
    "description": "Whether the original's own colours are kept. A picture in colour is left alone "
    "while nothing else is asked of it; coloured places of a grey one keep their colours.",
}
_WHITE_BALANCE: Final[Json] = {
    "temperature": {
        "type": "number",
        "minimum": -MAX_SHIFT,
        "maximum": MAX_SHIFT,
        "description": "Above 0 warmer, below cooler: added to b*, CIELAB units.",
    },
    "tint": {
        "type": "number",
        "minimum": -MAX_SHIFT,
        "maximum": MAX_SHIFT,
        "description": "Above 0 more magenta, below greener: added to a*, CIELAB units.",
    },
    "neutral": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "description": "How much of the picture's own cast is taken away.",
    },
}
_REFERENCE: Final[Json] = {
    "type": ["string", "null"],
    "pattern": "^[A-Za-z0-9_-]{16}$",
    "description": "Another of your photographs, in colour, which gives its colours to what both "
    "show. A copy of it is kept. Null: none.",
}
_CHOSEN_MODEL: Final[Json] = {
    "type": ["string", "null"],
    "minLength": 1,
    "maxLength": MAX_MODEL_NAME,
    "description": "The model that colours it, of those that the studio offers (shipped are "
    f"{', '.join(shipped_models())}; {FACES_CHOICE} is the studio's own, and {FACE_MODEL} for each "
    "face that is found). Null: the one that the studio chooses.",
}
_REVISION: Final[Json] = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
_MOMENT: Final[Json] = {"type": "string", "format": "date-time"}

_PICTURE: Final[Json] = {
    "id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16}$"},
    "url": {"type": "string", "description": "Its address in this API."},
    "name": {"type": "string", "description": "What it is called; need not be a file's name."},
    "kind": {"type": "string", "enum": ["photo", "film"]},
    "media_type": {"type": "string"},
    "width": {"type": "integer", "description": "Of the upright original, in pixels."},
    "height": {"type": "integer"},
    "created_at": _MOMENT,
    "state": {
        "type": "string",
        "enum": ["waiting", "working", "done", "failed"],
        "description": "Of the newest revision.",
    },
    "progress": {"type": "number", "minimum": 0, "maximum": 1},
    "seconds_left": {
        "type": ["integer", "null"],
        "minimum": 0,
        "description": "Until a film that is being coloured is done, as guessed.",
    },
    "problem": {"type": ["string", "null"], "description": "Why it failed."},
    "finished_at": {**_MOMENT, "type": ["string", "null"]},
    "size": _SIZE,
    "vividness": _VIVIDNESS,
    "hints": _HINTS,
    "variant": _VARIANT,
    "own_colors": {
        "type": ["string", "null"],
        "enum": ["all", "places", None],
        "description": "Colours of the original: all over it, or of some places of it; null: none, "
        "or it is not known.",
    },
    "keep_colors": _KEEP_COLORS,
    **_WHITE_BALANCE,
    "reference": _REFERENCE,
    "reference_agreement": {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
        "description": "Share of the picture that the reference of the result surely shows; below "
        f"{SAME_SCENE} it gives no colours. Null: there is none, or it is not known yet.",
    },
    "film": {
        "type": ["string", "null"],
        "pattern": "^[A-Za-z0-9_-]{16}$",
        "description": "Of the still of a film's shot: that film.",
    },
    "film_time_s": {
        "type": ["number", "null"],
        "minimum": 0,
        "description": "Of such a still: its time in the film, in seconds.",
    },
    "restore": {
        "type": "boolean",
        "description": "Whether damage is mended before it is coloured.",
    },
    "scratched": {
        "type": "boolean",
        "description": "Whether you see scratches or specks in a photograph: where damage is "
        "mended, even one of them is then; otherwise only where there are many.",
    },
    "restored": {
        "type": ["array", "null"],
        "items": {"type": "string", "enum": list(dict.fromkeys((*KINDS, *FILM_KINDS)))},
        "description": "Kinds of damage that were found and mended in the result. Null: nobody "
        "asked, or it is not known (yet).",
    },
    "notes": {
        "type": "array",
        "items": {"type": "string"},
        "description": "What the file has or lacks: mended damage, parts that are missing.",
    },
    "revision": {**_REVISION, "description": "Raised at every edit."},
    "done_revision": {
        "type": "integer",
        "description": "The revision that the result shows; 0: there is none yet.",
    },
    "chosen_model": _CHOSEN_MODEL,
    "model": {
        "type": ["string", "null"],
        "description": "Which model made the result, name and version; null: there is none yet, "
        "or it is not known.",
    },
}
_PLACE: Final[Json] = {
    "type": "array",
    "minItems": 2,
    "maxItems": 2,
    "items": _COORDINATE,
    "description": "x and y, in pixels of the upright original.",
}
_SAVED_COLOR: Final[Json] = {
    "id": {"type": "integer"},
    "name": {"type": "string"},
    "color": _COLOR,
    "picture": {
        "type": ["string", "null"],
        "description": "Where it was saved; null: that picture is deleted.",
    },
    "place": _PLACE,
}


def _object(properties: Json) -> Json:
    """A schema of an object that has all of these, and no others."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


_SCHEMAS: Final[Json] = {
    "Picture": {
        "type": "object",
        "required": list(_PICTURE),
        "properties": _PICTURE,
        "additionalProperties": False,
    },
    "Pictures": {
        "type": "object",
        "required": ["pictures", "page", "pages", "total"],
        "properties": {
            "pictures": {"type": "array", "items": {"$ref": "#/components/schemas/Picture"}},
            "page": {"type": "integer"},
            "pages": {"type": "integer"},
            "total": {"type": "integer"},
        },
        "additionalProperties": False,
    },
    "Shots": {
        "type": "object",
        "required": ["shots"],
        "properties": {
            "shots": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["number", "time_s", "still", "corrected"],
                    "properties": {
                        "number": {"type": "integer", "minimum": 1},
                        "time_s": {"type": "number", "minimum": 0},
                        "still": {
                            "type": ["string", "null"],
                            "description": "The picture by which it is corrected, once it was "
                            "opened.",
                        },
                        "corrected": {"type": "boolean"},
                    },
                    "additionalProperties": False,
                },
            },
        },
        "additionalProperties": False,
    },
    "Edit": {
        "type": "object",
        "properties": {
            "hints": _HINTS,
            "size": _SIZE,
            "vividness": _VIVIDNESS,
            "variant": _VARIANT,
            "keep_colors": _KEEP_COLORS,
            **_WHITE_BALANCE,
            "reference": _REFERENCE,
            "restore": _PICTURE["restore"],
            "scratched": _PICTURE["scratched"],
            "chosen_model": _CHOSEN_MODEL,
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_NAME},
            "revision": {
                **_REVISION,
                "description": "The revision that you saw: the change is refused (409) if there "
                "is a newer one. Left out: whatever there is, is changed.",
            },
        },
        "additionalProperties": False,
    },
    "History": _object(
        {
            "results": {
                "type": "array",
                "items": _object(
                    {
                        "revision": _REVISION,
                        "finished_at": _PICTURE["finished_at"],
                        "model": _PICTURE["model"],
                        "edit": _object(
                            {
                                name: _PICTURE[name]
                                for name in (
                                    "hints",
                                    "size",
                                    "vividness",
                                    "variant",
                                    "keep_colors",
                                    "temperature",
                                    "tint",
                                    "neutral",
                                    "reference",
                                    "restore",
                                    "scratched",
                                    "chosen_model",
                                )
                            }
                        ),
                    }
                ),
            }
        }
    ),
    "SavedColor": _object(_SAVED_COLOR),
    "SavedColors": _object(
        {
            "colors": {"type": "array", "items": {"$ref": "#/components/schemas/SavedColor"}},
            "pictures_left": {
                "type": "integer",
                "description": "Photographs in which they are still looked for.",
            },
        }
    ),
    "NewColor": _object(
        {
            "picture": _PICTURE["id"],
            "name": {"type": "string", "minLength": 1, "maxLength": MAX_COLOR_NAME},
            "place": _PLACE,
            "color": _COLOR,
        }
    ),
    "Proposals": _object(
        {"proposals": {"type": "array", "items": {"$ref": "#/components/schemas/Proposal"}}}
    ),
    "Proposal": _object(
        {
            "id": {"type": "integer"},
            "color_id": {"type": "integer"},
            "name": {"type": "string"},
            "color": _COLOR,
            "picture": _PICTURE["id"],
            "place": _PLACE,
            "score": {"type": "number", "maximum": 1, "description": "Correlation."},
            "hint": _STROKE,
        }
    ),
    "Answer": _object({"accepted": {"type": "boolean"}}),
    "Settled": _object({"id": {"type": "integer"}, "accepted": {"type": "boolean"}}),
    "Error": {
        "type": "object",
        "required": ["error", "status"],
        "properties": {
            "error": {"type": "string", "description": "What was wrong, for people."},
            "status": {"type": "integer"},
            "fields": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Of a form: what is wrong with each of its fields.",
            },
        },
    },
    "Token": {
        "type": "object",
        "required": ["token", "name", "expires_at"],
        "properties": {
            "token": {"type": "string", "description": "Told this once, and never kept."},
            "name": {"type": "string", "description": "The user's."},
            "expires_at": {"type": "string", "format": "date-time"},
        },
    },
}
_ERRORS: Final = {
    "400": "It cannot be used; the message names what.",
    "401": "No token, or one that is not valid (any more).",
    "403": "The token is for reading alone; or accounts are not made so here.",
    "404": "There is no such thing (yet), or it is somebody else's.",
    "409": "The picture has changed since, or there is one of that name.",
    "413": "Too large: the request, the picture, or your storage is full.",
    "415": "The body is of another kind than described.",
    "429": "Too many requests; Retry-After tells the seconds to wait.",
    "507": "The studio's disk is full, or what all users together may have.",
}


def openapi(models: Sequence[str] = (*shipped_models(), FACES_CHOICE)) -> Json:
    """The document: OpenAPI 3.1, without this studio's own limits and address.

    models: the names of those that it offers.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Photochrom studio",
            "version": f"1 (photochrom {__version__})",
            "description": "Black-and-white photographs and films in colour. Tokens are made on "
            "the account's page; a studio without accounts (--local) takes its address's, too.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": {
            "/openapi.json": {"get": _description()},
            "/accounts": {"post": _create_account()},
            "/tokens": {"post": _request_token()},
            "/colorize": {"post": _colorize()},
            "/pictures": {"get": _listing(), "post": _create()},
            "/pictures/{picture_id}": {
                "parameters": [_PICTURE_ID],
                "get": _show(),
                "patch": _edit(),
                "delete": _delete(),
            },
            "/pictures/{picture_id}/result": {"parameters": [_PICTURE_ID], "get": _result()},
            "/pictures/{picture_id}/history": {
                "parameters": [_PICTURE_ID],
                "get": _history(),
            },
            "/pictures/{picture_id}/history/{revision}": {
                "parameters": [_PICTURE_ID, {**_SHOT_NUMBER, "name": "revision"}],
                "post": _go_back(),
            },
            "/pictures/{picture_id}/shots": {
                "parameters": [_PICTURE_ID],
                "get": _shots(),
                "post": _color_shots(),
            },
            "/pictures/{picture_id}/shots/{number}": {
                "parameters": [_PICTURE_ID, _SHOT_NUMBER],
                "post": _open_shot(),
            },
            "/colors": {"get": _list_colors(), "post": _save_color()},
            "/colors/{color_id}": {
                "parameters": [_number_in_path("color_id")],
                "delete": _forget(),
            },
            "/colors/proposals": {"get": _list_proposals()},
            "/colors/proposals/{place_id}": {
                "parameters": [_number_in_path("place_id")],
                "post": _settle(),
            },
            "/colors/proposals/{place_id}/cutout": {
                "parameters": [_number_in_path("place_id")],
                "get": _cutout(),
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**_SCHEMAS, "Upload": _upload(), "QuickUpload": _quick_upload(models)},
        },
    }


def _upload() -> Json:
    pictures = [name for name, row in FORMATS.items() if not row.is_document]
    return {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "contentMediaType": "application/octet-stream",
                "description": f"{', '.join(pictures)}, or a film.",
            },
            "size": {**_SIZE, "type": "integer"},
            "vividness": _VIVIDNESS,
            "chosen_model": {**_CHOSEN_MODEL, "type": "string"},
        },
        "additionalProperties": False,
    }


def _quick_upload(models: Sequence[str]) -> Json:
    upload = _upload()
    del upload["properties"]["chosen_model"]
    model = {
        "type": "string",
        "enum": list(models),
        "description": "The model that colours it; left out: the one that the studio chooses.",
    }
    return {**upload, "properties": {**upload["properties"], "model": model}}


_PICTURE_ID: Final[Json] = {
    "name": "picture_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{16}$"},
}


_SHOT_NUMBER: Final[Json] = {
    "name": "number",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": 10**6},
}


def _history() -> Json:
    return {
        "operationId": "history",
        "summary": f"What its latest results were made by, the newest first, {MAX_PAST} at most",
        "responses": {"200": _json("They", "History"), **_errors("400", "401", "404", "429")},
    }


def _go_back() -> Json:
    return {
        "operationId": "go_back",
        "summary": "Colour it again as an earlier result was; what it is now is kept too",
        "responses": {
            "200": _json("As it is now", "Picture"),
            **_errors("400", "401", "403", "404", "409", "413", "429", "507"),
        },
    }


def _shots() -> Json:
    return {
        "operationId": "shots",
        "summary": "The shots of a film; none before they are known",
        "responses": {"200": _json("They", "Shots"), **_errors("400", "401", "404", "429")},
    }


def _open_shot() -> Json:
    return {
        "operationId": "open_shot",
        "summary": "The still of a shot, to be corrected as a picture; made where there is none",
        "responses": {
            "200": _json("It", "Picture"),
            **_errors("400", "401", "403", "404", "413", "429", "507"),
        },
    }


def _color_shots() -> Json:
    return {
        "operationId": "color_shots",
        "summary": "Colour a film again, as the stills of its shots are corrected",
        "responses": {
            "200": _json("The film as it is now", "Picture"),
            **_errors("400", "401", "403", "404", "409", "413", "429", "507"),
        },
    }


def _description() -> Json:
    return {
        "operationId": "description",
        "summary": "This document",
        "security": [],
        "responses": {
            "200": {
                "description": "OpenAPI 3.1",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            **_errors("400", "429"),
        },
    }


def _create_account() -> Json:
    fields = {
        "name": "What the studio calls you.",
        "email": "By which you log in.",
        "password": "At least 10 characters that are no usual password.",
        "again": "The same again.",
    }
    return {
        "operationId": "create_account",
        "summary": "Make an account, and a token of it",
        "description": "Where everybody may make one (sign_up = open) without proving an address; "
        "else 403. What is wrong is in `fields`, for each of them.",
        "security": [],
        "requestBody": _texts(fields, {"program": _PROGRAM}),
        "responses": {
            "201": _json("It is made", "Token"),
            **_errors("400", "403", "404", "413", "415", "429"),
        },
    }


def _request_token() -> Json:
    return {
        "operationId": "request_token",
        "summary": "A token for email and password",
        "security": [],
        "requestBody": _texts(
            {"email": "Of the account.", "password": "Of the account."},
            {"code": "Of the phone, where the account asks for a second factor.",
             "program": _PROGRAM},
        ),
        "responses": {
            "201": _json("The token", "Token"),
            **_errors("400", "404", "413", "415", "429"),
        },
    }  # fmt: skip


_PROGRAM: Final = "What the token is for, as the account's page shows it."


def _texts(required: dict[str, str], others: dict[str, str]) -> Json:
    """A body of texts, by name and description."""
    schema = {
        "type": "object",
        "required": list(required),
        "properties": {
            name: {"type": "string", "minLength": int(name in required), "description": text}
            for name, text in {**required, **others}.items()
        },
        "additionalProperties": False,
    }
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _listing() -> Json:
    whole = {"type": "integer", "minimum": 1}
    return {
        "operationId": "listing",
        "summary": "Your pictures, the newest first",
        "parameters": [
            _query("search", {"type": "string", "maxLength": MAX_SEARCH}, "Part of the name."),
            _query("page", {**whole, "maximum": MAX_PAGE, "default": 1}, "Counted from 1."),
            _query("per_page", {**whole, "maximum": MAX_PER_PAGE, "default": 24}, "Pictures each."),
        ],
        "responses": {"200": _json("One page of them", "Pictures"), **_errors("400", "401", "429")},
    }


def _create() -> Json:
    response = _json("It is taken, and waits for its turn", "Picture")
    response["headers"] = {
        "Location": {"description": "The picture's address.", "schema": {"type": "string"}}
    }
    response["links"] = {
        name: {"operationId": name, "parameters": {"picture_id": "$response.body#/id"}}
        for name in ("show", "edit", "result", "delete")
    }
    return {
        "operationId": "create",
        "summary": "Send a picture or film to be coloured",
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Upload"}}},
        },
        "responses": {
            "201": response,
            **_errors("400", "401", "403", "413", "415", "429", "507"),
        },
    }


def _colorize() -> Json:
    return {
        "operationId": "colorize",
        "summary": "Colour a photograph at once; nothing of it is kept",
        "description": f"For photographs of up to {QUICK_MB} MB and {QUICK_MP} megapixels. What is "
        "larger, and films, are sent to /pictures.",
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": {"$ref": "#/components/schemas/QuickUpload"}}
            },
        },
        "responses": {
            "200": {
                "description": "It in colour, in its own size and format",
                "content": {"image/*": {"schema": {}}},
            },
            **_errors("400", "401", "403", "413", "415", "429"),
        },
    }


def _show() -> Json:
    return {
        "operationId": "show",
        "summary": "How far a picture is; ask until its state is done or failed",
        "responses": {"200": _json("It", "Picture"), **_errors("400", "401", "404", "429")},
    }


def _edit() -> Json:
    return {
        "operationId": "edit",
        "summary": "Change what is asked of a picture; it is coloured again",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Edit"}}},
        },
        "responses": {
            "200": _json("As it is now", "Picture"),
            **_errors("400", "401", "403", "404", "409", "413", "415", "429", "507"),
        },
    }


def _delete() -> Json:
    return {
        "operationId": "delete",
        "summary": "Delete a picture and all its files",
        "responses": {
            "204": {"description": "It is gone"},
            **_errors("400", "401", "403", "404", "429"),
        },
    }


def _result() -> Json:
    file: Json = {"schema": {}}
    return {
        "operationId": "result",
        "summary": "The coloured file",
        "parameters": [
            _query(
                "form",
                {"type": "string", "enum": list(FORMS), "default": FORMS[0]},
                "In colour (size and format of the original), before and after side by side, or "
                "the original as it was sent.",
            )
        ],
        "responses": {
            "200": {"description": "The file", "content": {"image/*": file, "video/*": file}},
            "206": {"description": "The part of it that a Range header asked for"},
            "304": {"description": "As it was when you last asked, by If-None-Match"},
            **_errors("400", "401", "404", "416", "429"),
        },
    }


def _list_colors() -> Json:
    return {
        "operationId": "list_colors",
        "summary": "Your saved colours, the oldest first",
        "responses": {"200": _json("They", "SavedColors"), **_errors("400", "401", "429")},
    }


def _save_color() -> Json:
    return {
        "operationId": "save_color",
        "summary": "Name the colour of a place of a photograph; it is looked for in the others",
        "requestBody": _body("NewColor"),
        "responses": {
            "201": _json("It is saved", "SavedColor"),
            **_errors("400", "401", "403", "404", "409", "413", "415", "429"),
        },
    }


def _forget() -> Json:
    return {
        "operationId": "delete_color",
        "summary": "Forget a saved colour; pictures that have it keep it",
        "responses": {
            "204": {"description": "It is gone"},
            **_errors("400", "401", "403", "404", "429"),
        },
    }


def _list_proposals() -> Json:
    return {
        "operationId": "list_proposals",
        "summary": "Where saved colours were found and you have not answered, the surest first",
        "responses": {"200": _json("They", "Proposals"), **_errors("400", "401", "429")},
    }


def _settle() -> Json:
    return {
        "operationId": "settle_proposal",
        "summary": "Yes, which makes it a hint of its picture at once, or no",
        "requestBody": _body("Answer"),
        "responses": {
            "200": _json("It is settled", "Settled"),
            **_errors("400", "401", "403", "404", "409", "413", "415", "429", "507"),
        },
    }


def _cutout() -> Json:
    return {
        "operationId": "proposal_cutout",
        "summary": "What is around a proposed place, which a ring marks",
        "responses": {
            "200": {"description": "A JPEG", "content": {"image/jpeg": {"schema": {}}}},
            **_errors("400", "401", "404", "429"),
        },
    }


def _number_in_path(name: str) -> Json:
    schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _body(schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


def _query(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _json(description: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _errors(*statuses: str) -> Json:
    return {
        status: _json(_ERRORS.get(status, "There is no such part."), "Error") for status in statuses
    }
