"""Studios for the tests: an application on a folder of its own, browsers without a browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.test import TestResponse

from photochrom.web import create_app
from photochrom.web.database import User, db, upgrade_database
from photochrom.web.settings import WebSettings

PASSWORD = "correct horse battery"
EMAIL = "ada@example.org"
HERE = "http://localhost"
MANY = "100000 per minute"

MakeApp = Callable[..., Flask]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all tables and nothing in them, to be copied."""
    folder = tmp_path_factory.mktemp("database")
    app = create_app(WebSettings(data_dir=folder))
    upgrade_database(app)
    with app.app_context():
        db.engine.dispose()
    return folder / "studio.db"


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates that another test's studio has compiled: half of the time of a small test."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def make_app(
    tmp_path: Path, empty_database: Path, compiled_templates: FileSystemBytecodeCache
) -> Iterator[MakeApp]:
    """A function that makes a studio with the settings given, on this test's own folder."""
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        given = {"data_dir": tmp_path / "studio", "login_rate": MANY, "upload_rate": MANY}
        app = create_app(WebSettings(**{**given, **settings}))
        app.config["TESTING"] = True
        app.config["PROPAGATE_EXCEPTIONS"] = False
        database = app.config["STUDIO"].data_dir / "studio.db"
        if settings.get("database_url"):
            upgrade_database(app)
        elif not database.exists():
            shutil.copy(empty_database, database)
        app.jinja_env.bytecode_cache = compiled_templates
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """A studio with accounts."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that nobody has logged in with."""
    return app.test_client()


@pytest.fixture
def member(app: Flask) -> FlaskClient:
    """A browser in which :data:`EMAIL` has signed up and is logged in."""
    return sign_up(app)


def sign_up(app: Flask, email: str = EMAIL, name: str = "Ada") -> FlaskClient:
    """Another browser, in which somebody signs up."""
    browser = app.test_client()
    fields = {"name": name, "email": email, "password": PASSWORD, "again": PASSWORD}
    answer = send(browser, "/sign-up", fields)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return browser


def send(
    browser: FlaskClient,
    path: str,
    fields: dict[str, Any],
    *,
    base_url: str = HERE,
    **more: Any,
) -> TestResponse:
    """Post a form as a page of the studio would, with its CSRF token.

    base_url: where the studio is reached. more: as for the client's ``post``.
    """
    token = csrf_token(browser, base_url)
    return browser.post(path, data={"csrf_token": token, **fields}, base_url=base_url, **more)


def csrf_token(browser: FlaskClient, base_url: str = HERE) -> str:
    """The token that every page carries in its head, for forms and for X-CSRFToken."""
    page = browser.get("/offline", base_url=base_url).get_data(as_text=True)
    found = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert found is not None, page[:500]
    return found[1]


def user_of(app: Flask, email: str = EMAIL) -> User | None:
    """The user as the database has it, loaded and detached."""
    with app.app_context():
        user = db.session.query(User).filter_by(email=email).one_or_none()
        if user is not None:
            db.session.expunge(user)
        return user
