"""Scripts, styles, fonts and icons, answered before anything else of the application is asked.

They are the same for everybody and for ever under their address, which changes with them; so they
are read and compressed once, and a page with thirty of them costs no more than the page. They are
neither logged nor counted.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from werkzeug.http import parse_accept_header

from photochrom.web.security import HEADERS, STRICT_TRANSPORT

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEPT_FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_TEXTS: Final = (".css", ".js", ".svg")
"""What gzip makes smaller."""


class _StaticFile(NamedTuple):
    media_type: str
    content: bytes
    compressed: bytes | None
    """By gzip; None: it would be no smaller."""


class StaticFiles:
    """A WSGI application that answers for some files, and leaves all else to another."""

    def __init__(
        self, others: WSGIApplication, folder: Path, prefix: str, digest: str, *, secure: bool
    ) -> None:
        """prefix: of the files' addresses, with the ``digest`` of them all and a slash at its end.
        secure: whether browsers are to come by HTTPS alone, once they did.
        """
        self._others, self._folder, self._prefix = others, folder, prefix
        self._digest, self._secure = digest, secure
        self._names = frozenset(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.suffix in _TYPES and path.is_file()
        )
        self._read = cache(self._load)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path, method = str(environ["PATH_INFO"]), environ["REQUEST_METHOD"]
        name = path[len(self._prefix) :]
        if not path.startswith(self._prefix) or name not in self._names or method != "GET":
            return self._others(environ, start_response)
        file = self._read(name)
        headers = [*HEADERS.items(), ("Cache-Control", KEPT_FOR_EVER), ("Vary", "Accept-Encoding")]
        if self._secure and environ["wsgi.url_scheme"] == "https":
            headers.append(("Strict-Transport-Security", STRICT_TRANSPORT))
        content, etag = file.content, f'"{self._digest}"'
        accepted = str(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if file.compressed is not None and parse_accept_header(accepted)["gzip"] > 0:
            content, etag = file.compressed, f'"{self._digest}-gzip"'
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("ETag", etag))
        if etag in environ.get("HTTP_IF_NONE_MATCH", ""):
            start_response("304 Not Modified", headers)
            return [b""]
        headers += [("Content-Type", file.media_type), ("Content-Length", str(len(content)))]
        start_response("200 OK", headers)
        return [content]

    def _load(self, name: str) -> _StaticFile:
        path = self._folder / name
        content = path.read_bytes()
        compressed = gzip.compress(content, mtime=0) if path.suffix in _TEXTS else content
        is_smaller = len(compressed) < len(content)
        return _StaticFile(_TYPES[path.suffix], content, compressed if is_smaller else None)
