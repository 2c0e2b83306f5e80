"""Files of the studio as answers, whole or in ranges."""

from __future__ import annotations

from pathlib import Path

from flask import Response, request, send_file
from werkzeug.wsgi import wrap_file


def send_kept_file(path: Path, media_type: str, name: str | None = None) -> Response:
    """A file, or the range of it that is asked for; named, it is kept and not shown.

    The server itself reads it, a little at a time: no thread waits for whoever takes it slowly.
    Raises FileNotFoundError.
    """
    response = send_file(
        path,
        mimetype=media_type,
        as_attachment=name is not None,
        download_name=name,
        conditional=True,
        max_age=None,
    )
    if response.status_code == 206 and "wsgi.file_wrapper" in request.environ:
        # Werkzeug would read the range in our thread; the server takes what Content-Length says.
        response.close()
        file = path.open("rb")
        file.seek(response.content_range.start or 0)
        response.response = wrap_file(request.environ, file)
        response.direct_passthrough = True
    return response
