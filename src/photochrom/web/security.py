"""What every answer carries and every request has to pass, whatever page it is for."""

from __future__ import annotations

import ipaddress
from typing import IO, Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, current_app, request, session
from flask.json.provider import DefaultJSONProvider
from flask_limiter import Limiter
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from photochrom.web.errors import InvalidInput
from photochrom.web.i18n import _
from photochrom.web.settings import WebSettings, current_settings


def visitor_key() -> str:
    """Who is asking, if nobody is logged in: the address, or the network that one line is given.

    Of IPv6 a line has a whole /64, so that counting single addresses would count nothing.
    """
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return "nobody"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


csrf = CSRFProtect()
limiter = Limiter(key_func=visitor_key)
UPLOADS, COMPUTING = "uploads", "computing"
"""What pages and programs send, and have computed, is counted together."""
FORM_BYTES = 1_000_000
"""No form or JSON without files is larger."""
FILE_PATHS = ("/pictures", "/share-target", "/api/v1/pictures", "/api/v1/colorize")
"""Where files are sent to: nothing larger than a form is read at any other address,"""
PART_PATHS = "/uploads/"
"""but for those that begin so, where their parts are sent to."""
TRIAL_PATH = "/try"
"""Where somebody without an account sends a picture to,"""
TRIAL_BYTES = 12_000_000
"""of so many bytes at most."""
_FILES = ("multipart/", "image/", "video/", "application/octet-stream",
          "application/offset+octet-stream")  # fmt: skip
_FILE_BLUEPRINTS = ("pictures", "uploads", "trial", "api")
"""The blueprints that do; the API looks at the token before it looks at the body."""
SESSION_DAYS = 30
"""How long somebody stays logged in."""
_HERE = ("localhost", "127.0.0.1", "::1")
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer. The camera is a file input's, which asks for no permission."""
STRICT_TRANSPORT = "max-age=31536000"
"""How long browsers come by HTTPS alone, once they did; of the header of this name."""


class _Request(Request):
    """Closes the files of its body, also where the body turns out to be none that can be read."""

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> IO[bytes]:
        stream = super()._get_file_stream(*args, **kwargs)
        self.__dict__.setdefault("_streams", []).append(stream)
        return stream

    def close(self) -> None:
        """At the end of the request."""
        super().close()
        for stream in self.__dict__.get("_streams", ()):
            stream.close()


class _ShallowJson(DefaultJSONProvider):
    """JSON whose nesting is too deep to be read is no JSON, instead of a mistake of ours."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The values. Raises ValueError."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def init_security(app: Flask, settings: WebSettings) -> None:
    """Cookies, hosts, sizes, rates, CSRF and headers."""
    app.config.update(
        SESSION_COOKIE_NAME="__Host-studio" if settings.secure_cookies else "studio",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=SESSION_DAYS * 86400,
        MAX_CONTENT_LENGTH=settings.max_request_mb * 1_000_000,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a page may stay open for days
        RATELIMIT_STORAGE_URI=settings.rates_url,
        # While Redis is away each process counts for itself, and nobody is locked out.
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
    )
    app.json = _ShallowJson(app)
    app.request_class = _Request
    app.before_request(_check_host)
    app.before_request(_check_machine)
    app.before_request(_refuse_zero_bytes)
    app.before_request(_check_body_length)  # before CSRF, which reads the body
    csrf.init_app(app)
    limiter.init_app(app)
    app.after_request(_add_headers)


def trust_proxies(app: Flask, number: int) -> None:
    """Believe what so many servers in front of this one say; after all else that wraps ``app``."""
    if number:
        proxy = ProxyFix(app.wsgi_app, x_for=number, x_proto=number, x_host=number)
        app.wsgi_app = proxy  # type: ignore[method-assign]


def safe_next(target: str | None, default: str = "/") -> str:
    """Where to go after logging in: ``target`` if it is a path of this studio, else ``default``.

    Browsers take a backslash for a slash and drop control characters, so that neither may occur.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return default
    if "\\" in target or any(ord(character) <= 32 or ord(character) == 127 for character in target):
        return default
    try:
        parts = urlsplit(target)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else target


def is_loopback(address: str | None) -> bool:
    """Whether a request comes from this machine itself, and not through a proxy on it."""
    if address is None or "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def login_rate() -> str:
    """How often log-ins and the like may be tried, for the limiter."""
    return current_settings().login_rate


def user_key() -> str:
    """Who is logged in, whatever address they come from."""
    return f"user:{getattr(current_user, 'id', None)}"


def upload_rate() -> str:
    """How often one user may send pictures, by pages and programs together."""
    return current_settings().upload_rate


def trial_rate() -> str:
    """How often somebody without an account may have a picture coloured."""
    return current_settings().trial_rate or "1 per day"  # where it is off, the page is not there


def compute_rate() -> str:
    """How often one user may have something computed, by pages and programs together."""
    return current_settings().compute_rate


computing = limiter.shared_limit(compute_rate, scope=COMPUTING, key_func=user_key)
"""For views of pages that compute, or read large files."""


def _check_host() -> None:
    """Answer to the names that were set, if any were.

    In a studio without accounts a page elsewhere could otherwise give itself this machine's
    address (DNS rebinding) and read the pictures.
    """
    settings = current_settings()
    if not (settings.local or settings.public_url or settings.allowed_hosts):
        return
    names = {*_HERE, urlsplit(settings.public_url).hostname, *settings.allowed_hosts}
    if urlsplit(f"//{request.host}").hostname not in names:
        raise InvalidInput(_("This studio does not answer to that name; look at allowed_hosts."))


def _check_machine() -> None:
    if current_settings().local and not is_loopback(request.remote_addr):
        abort(403)


def _refuse_zero_bytes() -> None:
    """Refuse addresses with a zero byte: none of ours has one, and PostgreSQL has no such text."""
    if "\0" in request.path:
        abort(404)
    if "%00" in request.query_string.decode("latin-1"):
        abort(400)


def _check_body_length() -> Any:
    """Refuse by the announced length, before anything of the body is read.

    Large bodies are for pictures, and then only from those who are known.
    """
    files = request.mimetype.startswith(_FILES) and request.blueprint in _FILE_BLUEPRINTS
    if not files:
        request.max_content_length = FORM_BYTES
    elif request.blueprint == "trial":
        request.max_content_length = TRIAL_BYTES
    limit, length = request.max_content_length, request.content_length or 0
    if limit is not None and length > limit:
        abort(413)
    large = length > FORM_BYTES and request.blueprint in ("pictures", "uploads")
    if large and not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]
    return None


def forbid_caching(response: Response) -> Response:
    """For `after_request` of a blueprint: nobody keeps its answers."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_settings().secure_cookies and request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
    if response.mimetype == "text/html":
        # A page of somebody's own is not shown by the back button after they have logged out.
        own = "_user_id" in session or "owner" in session
        response.headers.setdefault("Cache-Control", "no-store" if own else "private, no-cache")
    return response
