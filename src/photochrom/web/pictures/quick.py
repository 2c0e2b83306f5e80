"""A photograph coloured within the request that sends it, for programs; nothing of it is kept."""

from __future__ import annotations

import dataclasses
import io
import math
from typing import IO, Final, NamedTuple

from photochrom.imageio import FORMATS, is_transparent, write
from photochrom.web.errors import InvalidInput, TooLarge
from photochrom.web.pictures.decoding import decode_picture
from photochrom.web.pictures.edits import Edit
from photochrom.web.pictures.live_preview import current_previewer
from photochrom.web.pictures.models import check_choice
from photochrom.web.pictures.names import clean_file_name, picture_title
from photochrom.web.pictures.upload_check import check_upload
from photochrom.web.settings import current_settings
from photochrom.web.storage import current_storage

QUICK_MB: Final = 20
QUICK_MP: Final = 16
"""What is larger is sent to be coloured in its turn: it would hold a thread of the server."""


class QuickResult(NamedTuple):
    """A coloured file, in the size of what was sent, and in its format where that is written."""

    data: bytes
    name: str
    media_type: str


def colorize_at_once(
    user_id: int,
    filename: str,
    stream: IO[bytes],
    *,
    size: int | None = None,
    vividness: float = 1.0,
    model: str | None = None,
) -> QuickResult:
    """Colour a photograph.

    user_id: who sends it. filename: for messages and the result's name. stream: the file. model:
    the name of one that is offered, in place of the studio's. Raises InvalidInput for another one
    and for what is no photograph, TooLarge, and TooMany where others, or this user, take all the
    time.
    """
    name, settings = clean_file_name(filename), current_settings()
    edit = Edit.parse(1, 1, size=size, vividness=vividness, chosen_model=model)
    check_choice(model, "photo")
    limit = min(QUICK_MB, settings.max_upload_mb) * 1_000_000
    with current_storage().receive(stream, limit) as path:
        most = settings.max_picture_mp * 1_000_000
        upload = check_upload(path, name, most, user_id=user_id)
        content = path.read_bytes()
    if upload.kind != "photo":
        raise InvalidInput("A film takes its time: send it to /api/v1/pictures.")
    if (megapixels := math.ceil(upload.width * upload.height / 1e6)) > QUICK_MP:
        raise TooLarge(
            f"“{name}” has {megapixels} megapixels, and only up to {QUICK_MP} are coloured at "
            "once: send it to /api/v1/pictures."
        )
    if upload.own_colors == "places":  # of a picture in colour, whoever sends it wants others
        edit = dataclasses.replace(edit, own_colors=upload.own_colors)
    with decode_picture(content, name, user_id=user_id) as picture:
        rgb, signature = current_previewer().colorize_whole(picture.pixels, edit, None, user_id)
        result = dataclasses.replace(picture, pixels=rgb)
        target = FORMATS[picture.format].result_format(transparent=is_transparent(picture))
        data = io.BytesIO()
        write(data, result, format_name=target.suffix, generator=signature)
    return QuickResult(
        data.getvalue(), f"{picture_title(name)}.color{target.suffix}", target.media_type
    )
