"""Files of the studio as answers, whole or in ranges."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from flask import Response, request, send_file
from werkzeug.wsgi import wrap_file

from photochrom.web.errors import NotFound
from photochrom.web.i18n import _

DAY_S: Final = 86_400


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


def file_response(path: Path, media_type: str, *, keep: bool = False) -> Response:
    """A file that a page shows. keep: its content never changes under its address.

    Raises NotFound.
    """
    try:
        response = send_kept_file(path, media_type)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENAMETOOLONG):  # of a number without end
            raise
        raise NotFound(_("There is no such picture.")) from None
    response.headers["Cache-Control"] = (
        f"private, max-age={DAY_S}, immutable" if keep else "private, no-cache"
    )
    return response
