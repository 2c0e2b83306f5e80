"""Pictures in and out of files: formats, orientation, profiles, bit depth, metadata.

Knows nothing of how colours are guessed. ``read`` hands out upright sRGB pixels, ``write`` puts
them back into a file as atomically as the file system allows.
"""

from __future__ import annotations

from photochrom.imageio.picture import (
    DEFAULT_MAX_PIXELS,
    READ_SUFFIXES,
    WRITE_SUFFIXES,
    Metadata,
    Picture,
    eight_bit_rgb,
    is_picture_name,
    output_name,
)
from photochrom.imageio.reading import decode, read
from photochrom.imageio.writing import DEFAULT_QUALITY, keeps_depth, write

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "DEFAULT_QUALITY",
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "Metadata",
    "Picture",
    "decode",
    "eight_bit_rgb",
    "is_picture_name",
    "keeps_depth",
    "output_name",
    "read",
    "write",
]
