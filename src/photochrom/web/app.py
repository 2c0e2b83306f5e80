"""The application: every part put together, nothing running before it is called for."""

from __future__ import annotations

from flask import Flask

from photochrom.web.accounts.account_page import blueprint as account
from photochrom.web.accounts.admin_page import blueprint as admin
from photochrom.web.accounts.language import blueprint as language
from photochrom.web.accounts.login import init_login
from photochrom.web.accounts.oidc import init_oidc
from photochrom.web.accounts.profile import blueprint as profile
from photochrom.web.accounts.routes import blueprint as sessions
from photochrom.web.api.v1 import blueprint as api
from photochrom.web.colors.routes import blueprint as colors
from photochrom.web.database import init_database
from photochrom.web.error_pages import init_error_pages
from photochrom.web.errors import SettingsError
from photochrom.web.health import init_health
from photochrom.web.i18n import init_i18n
from photochrom.web.logs import init_logs, start_logs
from photochrom.web.people.routes import blueprint as people
from photochrom.web.pictures.faces import blueprint as faces
from photochrom.web.pictures.file_routes import blueprint as picture_files
from photochrom.web.pictures.models import init_models
from photochrom.web.pictures.routes import blueprint as pictures
from photochrom.web.pictures.selection_routes import blueprint as selection
from photochrom.web.pictures.share_routes import blueprint as shares
from photochrom.web.pictures.trial import blueprint as trial
from photochrom.web.pictures.upload_routes import blueprint as uploads
from photochrom.web.private.routes import init_private
from photochrom.web.pwa import init_pwa
from photochrom.web.secret import secret_key
from photochrom.web.security import init_security, trust_proxies
from photochrom.web.settings import WebSettings, keep_settings, load_settings


def create_app(settings: WebSettings | None = None) -> Flask:
    """The studio as a WSGI application.

    settings: None: from the environment, as gunicorn and waitress start it.
    The database is connected and not migrated: :func:`photochrom.web.database.upgrade_database`.
    Raises SettingsError where the data folder cannot be made.
    """
    if settings is None:
        settings = load_settings()
        start_logs()  # what starts us so has no logs of ours, and prints errors with their words
    _make_folder(settings)
    app = Flask("photochrom.web")
    keep_settings(app, settings)
    app.config["SECRET_KEY"] = secret_key(settings)
    init_i18n(app)
    common = {
        "local": settings.local,
        "can_sign_up": settings.sign_up == "open",
        "can_try": bool(settings.trial_rate),
        "private_mode": bool(settings.private_dir),
        "oidc_name": settings.oidc_name if settings.oidc_issuer else "",
    }
    app.context_processor(lambda: common)
    init_logs(app)
    init_security(app, settings)
    init_models(app, settings)
    init_database(app, settings)
    init_login(app)
    init_error_pages(app)
    init_health(app)
    init_pwa(app)
    of_accounts = (language, sessions, account, profile, admin)
    of_pictures = (pictures, picture_files, faces, uploads, selection, shares, trial)
    for blueprint in (*of_accounts, *of_pictures, people, colors):
        app.register_blueprint(blueprint)
    app.register_blueprint(api, url_prefix="/api/v1")
    init_oidc(app, settings)
    init_private(app, settings)
    trust_proxies(app, settings.trusted_proxies)
    return app


def _make_folder(settings: WebSettings) -> None:
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"cannot make data_dir {settings.data_dir}: {error.strerror}; set another"
        ) from error
