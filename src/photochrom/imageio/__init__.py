"""Pictures in and out of files: formats, orientation, profiles, bit depth, metadata.

Knows nothing of how colours are guessed. ``read`` hands out upright sRGB pixels, ``write`` puts
them back into a file as atomically as the file system allows; both take file objects, too.
"""

from __future__ import annotations

from photochrom.imageio.decoders import StoredValues
from photochrom.imageio.formats import (
    FORMATS,
    HEAD_BYTES,
    SYSTEM_FOLDERS,
    UNREAD_FORMATS,
    Format,
    format_of_name,
    is_picture_name,
    output_name,
    read_suffixes,
    recognize,
    unread_format,
    write_suffixes,
)
from photochrom.imageio.options import DEFAULT_MAX_PIXELS
from photochrom.imageio.picture import (
    Metadata,
    Picture,
    eight_bit_rgb,
    is_transparent,
    with_one_channel,
)
from photochrom.imageio.reading import (
    Content,
    Source,
    from_pil,
    page_count,
    read,
    read_content,
    read_generator,
    read_preview,
    read_values,
)
from photochrom.imageio.writing import Target, write, writing_notes

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "FORMATS",
    "HEAD_BYTES",
    "SYSTEM_FOLDERS",
    "UNREAD_FORMATS",
    "Content",
    "Format",
    "Metadata",
    "Picture",
    "Source",
    "StoredValues",
    "Target",
    "eight_bit_rgb",
    "format_of_name",
    "from_pil",
    "is_picture_name",
    "is_transparent",
    "output_name",
    "page_count",
    "read",
    "read_content",
    "read_generator",
    "read_preview",
    "read_suffixes",
    "read_values",
    "recognize",
    "unread_format",
    "with_one_channel",
    "write",
    "write_suffixes",
    "writing_notes",
]
