"""The models that a picture may be coloured by, besides the studio's own choice.

They are called by their shipped names, or by the name on the card of a model of the host's own:
where that lies is nobody else's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

from flask import Flask, current_app

from photochrom.engine import FACE_MODEL, ModelCard, local_model, model_card, shipped_models
from photochrom.engine.find import FACES, split_faces
from photochrom.errors import ModelError
from photochrom.web.database import Picture, User, db
from photochrom.web.errors import InvalidInput, SettingsError
from photochrom.web.i18n import _, gettext_noop
from photochrom.web.settings import WebSettings, current_settings

_EXTENSION: Final = "photochrom-models"
_TITLES: Final[Mapping[str, str]] = {
    "photochrom-base": gettext_noop("Photographs of all kinds"),
    "photochrom-faces": gettext_noop("Portraits"),
    "photochrom-cartoon": gettext_noop("Drawings and cartoons"),
    "photochrom-film": gettext_noop("Films"),
    "photochrom-retina": gettext_noop("Pictures of the retina"),
    "faces": gettext_noop("People: each face from close up"),
}
"""What the shipped models are for."""
FACES_CHOICE: Final = "faces"
"""What is chosen for the studio's own model with another one for the faces that are found."""


class OfferedModel(NamedTuple):
    """A model to choose."""

    name: str
    title: str
    """What it is for, in the reader's language, or its name."""


def init_models(app: Flask, settings: WebSettings) -> None:
    """Find the models of the settings. Raises SettingsError for one that cannot be read."""
    found: dict[str, str] = {}
    for model in settings.models:
        try:
            name = model if model in shipped_models() else model_card(local_model(model)).name
        except ModelError as error:
            raise SettingsError(f"models: {error}") from None
        found.setdefault(name, model)
    if FACE_MODEL in found and (both := _model_with_faces(settings.model)) is not None:
        found[FACES_CHOICE] = both
    app.extensions[_EXTENSION] = found


def _model_with_faces(model: str) -> str | None:
    """The studio's model with the one for faces; None for one that takes none beside it."""
    both = f"{FACES}{model}:{FACE_MODEL}"
    try:
        if split_faces(both) != (model, FACE_MODEL):
            return None
        model_card(both)
    except ModelError:
        return None
    return both


def offers_faces() -> bool:
    """Whether faces can be coloured from close up here."""
    return FACES_CHOICE in _models()


def list_models(kind: str = "") -> list[OfferedModel]:
    """What there is to choose from.

    kind: photo or film: those that colour these alone; "": all.
    """
    return [
        OfferedModel(name, _(_TITLES[name]) if name in _TITLES else name)
        for name, model in _models().items()
        if kind != "film" or (name != FACES_CHOICE and not cached_card(model).colors_drawings)
    ]


def find_model(name: str) -> str:
    """A model as `photochrom.engine.load` takes it, by the name that was chosen.

    Raises InvalidInput where the studio does not have it (any more).
    """
    model = _models().get(name)
    if model is None:
        raise InvalidInput(
            _("There is no model “{name}” here. Choose another one.").format(name=name)
        )
    return model


def check_choice(name: str | None, kind: str) -> None:
    """Refuse a model that this studio does not have, or that does not colour what it is chosen for.

    name: None: the studio's choice. kind: photo or film. Raises InvalidInput.
    """
    if name is None:
        return
    model = find_model(name)
    if kind == "film" and name == FACES_CHOICE:
        raise InvalidInput(_("Faces are looked for in photographs, not in films."))
    if kind == "film" and cached_card(model).colors_drawings:
        raise InvalidInput(
            _("“{name}” colours drawings, and no films. Choose another one.").format(name=name)
        )


def remember_choice(user: User, name: str | None) -> None:
    """Offer this model first when they send the next picture. name: None: the studio's choice.

    Faces have a page of their own, and are no reason to look for them everywhere.
    """
    if user.chosen_model != name != FACES_CHOICE:
        user.chosen_model = name
        db.session.commit()


def used_card(picture: Picture) -> ModelCard:
    """The card of the model that colours this photograph when it is coloured next."""
    if picture.chosen_model is not None and picture.chosen_model in _models():
        return cached_card(find_model(picture.chosen_model))
    return cached_card(current_settings().model)


def model_note(picture: Picture) -> str:
    """Which model made the colours of a picture, in a sentence; empty where that is not known."""
    if not picture.model:
        return ""
    now = picture.model if picture.kind == "film" else used_card(picture).title
    if picture.model == now:
        return _("Coloured by {model}.").format(model=now)
    text = _("These colours are by {before}. A change makes all of them anew, by {now}.")
    return text.format(before=picture.model, now=now)


@cache
def cached_card(model: str) -> ModelCard:
    """The card of a model. Finding it reads the whole file, which no page can wait for."""
    return model_card(local_model(model))


def _models() -> Mapping[str, str]:
    """As `load` takes them, by the names by which they are chosen."""
    models: Mapping[str, str] = current_app.extensions[_EXTENSION]
    return models
