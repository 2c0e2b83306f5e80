"""All settings of the studio, from the environment, a TOML file, or the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, current_app

from photochrom.engine import DEFAULT_MODEL, FILM_MODEL, shipped_models
from photochrom.folders import studio_dir
from photochrom.tables import Source, read_toml, read_values, table_keys
from photochrom.web.errors import SettingsError
from photochrom.web.memory import film_limit_minutes, memory_bytes, picture_limit_mp

PREFIX = "PHOTOCHROM_WEB_"
"""Before the name of a setting in the environment."""
CONFIG = PREFIX + "CONFIG"
"""The environment variable that names the TOML file."""
SIGN_UPS = ("open", "invite", "closed")
_KEY = "STUDIO"
_SOURCE = Source("the settings", SettingsError, key="setting")
_RATE = re.compile(r"[1-9][0-9]* per (second|minute|hour|day)")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_MINIMA = {
    **dict.fromkeys(("max_upload_mb", "max_request_mb", "quota_mb"), 1),
    **dict.fromkeys(("share_days", "threads"), 1),
    **dict.fromkeys(("keep_days", "trusted_proxies", "max_picture_mp", "max_film_minutes"), 0),
    "total_quota_mb": 0,
}


@dataclass(frozen=True)
class WebSettings:
    """The settings of one studio."""

    data_dir: Path = field(default_factory=studio_dir)
    """Where pictures, the databases and the secret are kept; made if it is not there. Unless it is
    set: the system's place for data, on Linux ~/.local/share/photochrom/studio."""
    database_url: str = ""
    """SQLAlchemy URL, such as postgresql+psycopg://user:password@host/name; empty: SQLite in
    data_dir."""
    queue_url: str = ""
    """Where jobs wait: redis://host:6379/0, which counts request rates too; empty: SQLite in
    data_dir."""
    secret_key: str = ""
    """Signs sessions and links; at least 32 characters. Empty: made once and kept in data_dir."""
    local: bool = False
    """One person on this machine: no accounts, and only this machine is answered."""
    public_url: str = ""
    """The address that people type, such as https://photos.example.org; needed for mail."""
    allowed_hosts: tuple[str, ...] = ()
    """Further host names to answer to, comma-separated in the environment, besides public_url's
    and this machine's. With neither public_url nor this, any name is answered."""
    trusted_proxies: int = 0
    """How many reverse proxies stand in front; their X-Forwarded headers are believed."""
    secure_cookies: bool = True
    """Cookies travel over HTTPS only. Without it passwords can be read on the way."""
    max_upload_mb: int = 64
    """The largest file, in MB."""
    max_picture_mp: int = 0
    """The largest picture, in megapixels; 0: 12 for each GB of memory that is found, from 20 to
    100."""
    max_film_minutes: int = 0
    """The longest film, in minutes; 0: 30 for each GB of memory that is found, from 30 to 240."""
    max_request_mb: int = 256
    """The largest request, which may bring several files, in MB."""
    sign_up: str = "open"
    """Who can make an account: open, everybody; invite, whoever has a link of `photochrom users
    invite`; closed, nobody but `photochrom users add`."""
    confirm_email: bool = False
    """Whoever signs up proves their address first, by a link that is sent to it; needs mail_url."""
    oidc_issuer: str = ""
    """The address of an OpenID Connect service, such as https://sso.example.org/realms/club, by
    which people log in, too; needs public_url, to which it leads back: /log-in/oidc/callback."""
    oidc_client_id: str = ""
    """As what that service knows the studio."""
    oidc_client_secret: str = ""
    """With what the studio proves it."""
    oidc_name: str = "OpenID Connect"
    """What the log-in page calls that service."""
    oidc_sign_up: bool = True
    """Whom that service lets in gets an account at the first log-in, whatever sign_up says."""
    quota_mb: int = 1024
    """Storage for each user, originals and results together, in MB."""
    total_quota_mb: int = 0
    """Storage for all users together, in MB; 0: what the disk has."""
    keep_days: int = 0
    """Pictures are deleted so many days after they were finished; 0: never."""
    share_days: int = 7
    """A share link ends after so many days."""
    model: str = DEFAULT_MODEL
    """The model that colours photographs."""
    film_model: str = ""
    """The model that colours films; empty: photochrom-film, or `model` where that is set."""
    models: tuple[str, ...] = field(default_factory=shipped_models)
    """Which models people may choose for a picture instead, comma-separated in the environment:
    shipped names, or files and addresses of your own, which are called as their cards call them.
    Unless it is set: all that are shipped; [] (empty in the environment): none."""
    device: str = "auto"
    """What the model runs on, as for `photochrom image`."""
    mail_url: str = ""
    """smtp://user:password@host:587 (STARTTLS where it is offered), smtps://…:465; empty: the
    studio sends none, and `photochrom users reset` makes links for a new password."""
    mail_from: str = "photochrom@localhost"
    """The sender of messages."""
    login_rate: str = "10 per minute"
    """Log-ins, sign-ups and resets from one address, and log-ins for one account."""
    upload_rate: str = "120 per minute"
    """Uploads of one user."""
    compute_rate: str = "300 per minute"
    """What one user has computed: previews, versions, corrections, links and downloads."""
    api_rate: str = "600 per minute"
    """Requests of one user's programs, uploads and all others."""
    trial_rate: str = ""
    """How often people without an account, by their address, have one picture coloured, of which
    nothing is kept, such as "3 per hour"; empty: they cannot."""
    private_dir: str = ""
    """The folder of the page that colours on the visitor's own device, as tools/browser_site.py
    makes it: then /private/ offers it as private mode; empty: it is not offered."""
    metrics_token: str = ""
    """Bearer token for /metrics; empty: only this machine may read them."""
    threads: int = 8
    """Pages that are answered at once; uploads, previews and downloads have half as many threads
    each, streams of progress twice as many."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data_dir", self.data_dir.expanduser().resolve())
        if self.local:
            object.__setattr__(self, "secure_cookies", False)
        _check(self)
        if not self.max_picture_mp:
            object.__setattr__(self, "max_picture_mp", picture_limit_mp(memory_bytes()))
        if not self.max_film_minutes:
            object.__setattr__(self, "max_film_minutes", film_limit_minutes(memory_bytes()))

    @property
    def sql_url(self) -> str:
        """The database's URL, also where database_url is empty."""
        return self.database_url or f"sqlite:///{self.data_dir / 'studio.db'}"

    @property
    def used_film_model(self) -> str:
        """The model of films, also where film_model is empty."""
        default = FILM_MODEL if self.model == DEFAULT_MODEL else self.model
        return self.film_model or default

    @property
    def rates_url(self) -> str:
        """Where request rates are counted: Redis, if jobs wait there, or this process."""
        return self.queue_url if self.queue_url.startswith("redis") else "memory://"


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> WebSettings:
    """Settings from the defaults, a file, the environment and the caller, the later the stronger.

    config: TOML file with a table [web]; None: the one that PHOTOCHROM_WEB_CONFIG names, if any.
    environ: PHOTOCHROM_WEB_<NAME> for each setting; None: this process's environment.
    overrides: values by name, as the command line gives them.
    Raises SettingsError for an unreadable file, an unknown name or a value that makes no sense.
    """
    environ = os.environ if environ is None else environ
    if config is None and environ.get(CONFIG):
        config = Path(environ[CONFIG])
    values = {} if config is None else _from_file(config)
    values |= _from_environment(environ)
    values |= read_values(WebSettings, overrides or {}, _SOURCE)
    return WebSettings(**values)


def keep_settings(app: Flask, settings: WebSettings) -> None:
    """Make ``settings`` those that :func:`current_settings` answers for ``app``."""
    app.config[_KEY] = settings


def current_settings() -> WebSettings:
    """The settings of the app that is answering."""
    settings: WebSettings = current_app.config[_KEY]
    return settings


def _from_file(path: Path) -> dict[str, Any]:
    table = read_toml(path, "the settings", SettingsError)
    unknown = sorted(set(table) - {"web"})
    if unknown or not isinstance(table.get("web", {}), dict):
        raise SettingsError(f"{path}: settings stand in one table [web], got {unknown or 'web'}")
    source = _SOURCE._replace(place=lambda name: f"{path}: web.{name}")
    values = read_values(WebSettings, table.get("web", {}), source)
    if "data_dir" in values:
        values["data_dir"] = path.parent / values["data_dir"].expanduser()
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    keys = table_keys(WebSettings)
    table = {}
    for variable, text in environ.items():
        if variable.startswith(PREFIX) and variable != CONFIG:
            name = variable.removeprefix(PREFIX).lower()
            table[name] = _toml_value(keys[name].kind, text, variable) if name in keys else text
    source = _SOURCE._replace(place=lambda name: PREFIX + name.upper())
    return read_values(WebSettings, table, source)


def _toml_value(kind: Any, text: str, variable: str) -> Any:
    """An environment variable as a TOML file would have it."""
    if kind is bool:
        if text.lower() not in (*_YES, *_NO):
            raise SettingsError(f"{variable} must be 1 or 0, got {text!r}")
        return text.lower() in _YES
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{variable} must be a whole number, got {text!r}") from None
    if kind in (str, Path):
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _check(settings: WebSettings) -> None:
    for name, least in _MINIMA.items():
        if getattr(settings, name) < least:
            raise SettingsError(f"{name} must be at least {least}, got {getattr(settings, name)}")
    for name in ("login_rate", "upload_rate", "compute_rate", "api_rate", "trial_rate"):
        if name == "trial_rate" and not settings.trial_rate:
            continue
        if not _RATE.fullmatch(getattr(settings, name)):
            form = "a number and a time, such as '10 per minute'"
            raise SettingsError(f"{name} must be {form}, got {getattr(settings, name)!r}")
    if settings.sign_up not in SIGN_UPS:
        raise SettingsError(f"sign_up must be one of {', '.join(SIGN_UPS)}, got "
                            f"{settings.sign_up!r}")  # fmt: skip
    schemes = {
        "public_url": ("http://", "https://"),
        "queue_url": ("redis://", "rediss://"),
        "mail_url": ("smtp://", "smtps://"),
        "oidc_issuer": ("https://", "http://127.0.0.1", "http://localhost"),
    }
    for name, prefixes in schemes.items():
        if getattr(settings, name) and not getattr(settings, name).startswith(prefixes):
            # Not the value: it may hold a password.
            raise SettingsError(f"{name} must start with {' or '.join(prefixes)}")
    if settings.secret_key and len(settings.secret_key) < 32:
        raise SettingsError("secret_key must have at least 32 characters; leave it empty to have "
                            "one made")  # fmt: skip
    _check_company(settings)


def _check_company(settings: WebSettings) -> None:
    """Of settings that need others."""
    if settings.mail_url and not settings.public_url:
        raise SettingsError("mail_url needs public_url: links in messages lead there; set it")
    if settings.confirm_email and not settings.mail_url:
        raise SettingsError("confirm_email needs mail_url: a link is sent to each address; set it")
    if settings.oidc_issuer:
        needs = ("public_url", "oidc_client_id", "oidc_client_secret")
        if missing := [name for name in needs if not getattr(settings, name)]:
            raise SettingsError(f"oidc_issuer needs {' and '.join(missing)}; set it")
