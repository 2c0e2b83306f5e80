"""The studio's private mode: the page that colours on the visitor's device, from its folder."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, send_from_directory

from photochrom.web.errors import SettingsError
from photochrom.web.private.site import POLICY
from photochrom.web.security import limiter
from photochrom.web.settings import WebSettings, current_settings

blueprint = Blueprint("private", __name__)
_TYPES = {
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
}
"""Media types that not every system knows."""


def init_private(app: Flask, settings: WebSettings) -> None:
    """Offer the page where `private_dir` is set. Raises SettingsError for a folder without it."""
    if not settings.private_dir:
        return
    if not (Path(settings.private_dir) / "index.html").is_file():
        raise SettingsError(
            f"private_dir {settings.private_dir} has no index.html; make the page by "
            "tools/browser_site.py, or leave the setting out"
        )
    app.register_blueprint(blueprint)


@blueprint.get("/private/", defaults={"name": "index.html"})
@blueprint.get("/private/<path:name>")
@limiter.exempt
def send_page_file(name: str) -> Response:
    """Serve a file of the page, with what its threads need, and no way for it to call elsewhere."""
    folder = Path(current_settings().private_dir).absolute()
    answer = send_from_directory(folder, name, mimetype=_TYPES.get(Path(name).suffix))
    answer.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors 'none'"
    answer.headers["Cross-Origin-Embedder-Policy"] = "require-corp"
    answer.headers["Cache-Control"] = "no-cache"
    return answer
