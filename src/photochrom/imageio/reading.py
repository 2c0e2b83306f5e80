"""From a file to a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from photochrom.errors import InputError
from photochrom.imageio.picture import DEFAULT_MAX_PIXELS, Metadata, Picture


def read(path: str | Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a picture, upright and in sRGB. Raises InputError."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > max_pixels:
                raise InputError(f"{path} is too large; raise --max-megapixels")
            name = image.format or "PNG"
            upright = ImageOps.exif_transpose(image)
            grey = upright.mode in ("L", "1")
            pixels = np.array(upright.convert("L" if grey else "RGB"))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"cannot read {path}: {error}") from error
    return Picture(pixels, None, Metadata(file_mode=path.stat().st_mode & 0o777), name)
