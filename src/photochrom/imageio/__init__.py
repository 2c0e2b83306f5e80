"""Pictures in and out of files: formats, orientation, profiles, bit depth, metadata.

Knows nothing of how colours are guessed. ``read`` hands out upright sRGB pixels, ``write`` puts
them back into a file as atomically as the file system allows; both take file objects, too.
"""

from __future__ import annotations

from photochrom.imageio.formats import (
    FORMATS,
    HEAD_BYTES,
    Format,
    format_of_name,
    is_picture_name,
    output_name,
    read_suffixes,
    recognize,
    write_suffixes,
)
from photochrom.imageio.picture import (
    DEFAULT_MAX_PIXELS,
    Metadata,
    Picture,
    eight_bit_rgb,
    is_transparent,
)
from photochrom.imageio.reading import Source, from_pil, read, read_content
from photochrom.imageio.writing import Target, keeps_depth, write

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FORMATS",
    "HEAD_BYTES",
    "Format",
    "Metadata",
    "Picture",
    "Source",
    "Target",
    "eight_bit_rgb",
    "format_of_name",
    "from_pil",
    "is_picture_name",
    "is_transparent",
    "keeps_depth",
    "output_name",
    "read",
    "read_content",
    "read_suffixes",
    "recognize",
    "write",
    "write_suffixes",
]
