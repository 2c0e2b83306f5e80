"""The application: every part put together, nothing running before it is called for."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import NamedTuple

from flask import Flask

from photochrom.web.accounts.login import init_login
from photochrom.web.answers import init_answers
from photochrom.web.database import init_database
from photochrom.web.errors import SettingsError
from photochrom.web.health import init_health
from photochrom.web.logs import init_logs
from photochrom.web.secret import secret_key
from photochrom.web.security import init_security
from photochrom.web.settings import WebSettings, keep_settings, load_settings
from photochrom.web.words import init_words


class Part(NamedTuple):
    """A blueprint and where it answers."""

    module: str
    """It has a ``blueprint``."""
    prefix: str | None


PARTS = (
    Part("photochrom.web.accounts.pages", None),
    Part("photochrom.web.accounts.own", None),
    Part("photochrom.web.pictures.pages", None),
    Part("photochrom.web.api.v1", "/api/v1"),
)
"""Every blueprint of the studio."""


def create_app(settings: WebSettings | None = None) -> Flask:
    """The studio as a WSGI application.

    settings: None: from the environment, as gunicorn and waitress start it.
    The database is connected and not migrated: :func:`photochrom.web.database.upgrade_database`.
    Raises SettingsError where the data folder cannot be made.
    """
    settings = load_settings() if settings is None else settings
    _make_folder(settings)
    app = Flask("photochrom.web")
    keep_settings(app, settings)
    app.config["SECRET_KEY"] = secret_key(settings)
    init_words(app)
    app.context_processor(lambda: {"local": settings.local})
    init_logs(app)
    init_security(app, settings)
    init_database(app, settings)
    init_login(app)
    init_answers(app)
    init_health(app)
    if _is_there("photochrom.web.shell"):
        importlib.import_module("photochrom.web.shell").init_shell(app)
    for part in PARTS:
        if _is_there(part.module):
            blueprint = importlib.import_module(part.module).blueprint
            app.register_blueprint(
                blueprint, **({} if part.prefix is None else {"url_prefix": part.prefix})
            )
    return app


def _is_there(module: str) -> bool:
    package = module.rpartition(".")[0]
    return find_spec(package) is not None and find_spec(module) is not None


def _make_folder(settings: WebSettings) -> None:
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"cannot make data_dir {settings.data_dir}: {error.strerror}; set another"
        ) from error
