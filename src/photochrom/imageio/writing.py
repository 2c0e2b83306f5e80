"""From a picture to a file."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from photochrom.imageio.atomic import check_target, write_atomically
from photochrom.imageio.picture import Picture

DEFAULT_QUALITY = 98


def write(
    path: str | Path,
    picture: Picture,
    *,
    overwrite: bool = False,
    quality: int = DEFAULT_QUALITY,
    generator: str | None = None,
) -> None:
    """Write a picture; the format follows the suffix. Raises OutputError."""
    path = Path(path)
    check_target(path, overwrite=overwrite)
    buffer = io.BytesIO()
    name = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}.get(
        path.suffix.lower(), path.suffix[1:].upper()
    )
    Image.fromarray(picture.pixels).save(buffer, name, quality=quality, subsampling=0)
    write_atomically(
        path, buffer.getvalue(), overwrite=overwrite, file_mode=picture.metadata.file_mode
    )
