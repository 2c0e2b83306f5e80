"""Decoding cameras' raw files, DNG among them, by LibRaw."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np

from photochrom.errors import InputError, requires_extra
from photochrom.imageio import containers, exif, jpeg_decoder, tiff
from photochrom.imageio.decoders import StoredPicture
from photochrom.imageio.options import ReadOptions, check_page, check_size

_FULL_SHARE = 0.8
"""Of the sensor's pixels; a preview with as many is the camera's own picture."""
_SRGB_CURVE = (2.4, 12.92)
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}
"""LibRaw's turns as those of EXIF."""


def decode_raw(data: bytes, options: ReadOptions) -> StoredPicture:
    """The camera's own picture of full size where the file has one, else the sensor's, developed.

    Needs the extra "formats-all".
    """
    with requires_extra("formats-all", "reading a camera's raw file"):
        import rawpy
    check_page(options.page, 1)
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            check_size(sizes.width, sizes.height, options.max_pixels)
            stored = _embedded_picture(raw, sizes.width * sizes.height, options)
            if stored is None:
                rgb = raw.postprocess(
                    output_bps=16,
                    use_camera_wb=True,
                    no_auto_bright=True,
                    user_flip=0,
                    gamma=_SRGB_CURVE,
                )
                stored = StoredPicture(np.ascontiguousarray(rgb))
                stored.notes = ("it is a raw file; it was developed with the camera's white",)
            if stored.orientation is None and not _says_orientation(stored.exif):
                stored.orientation = _ORIENTATIONS.get(sizes.flip, 1)
    except rawpy.LibRawFileUnsupportedError as error:
        raise InputError("it is a raw file of a kind that LibRaw does not read") from error
    if stored.exif is None and data[:2] in (b"II", b"MM"):
        head = b"II*\x00" if data[:2] == b"II" else b"MM\x00*"
        try:
            stored.exif = tiff.read_exif(head + data[4:])  # makers have numbers of their own there
        except ValueError:
            stored.exif = None
    return stored


def _says_orientation(block: bytes | None) -> bool:
    if block is None:
        return False
    try:
        return exif.orientation(block.removeprefix(b"Exif\x00\x00")) is not None
    except ValueError:
        return False


def _embedded_picture(raw: Any, pixels: int, options: ReadOptions) -> StoredPicture | None:
    """The camera's own JPEG in a raw file, if it is of full size."""
    import rawpy

    try:
        thumbnail = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumbnail.format != rawpy.ThumbFormat.JPEG:
        return None
    data = bytes(thumbnail.data)
    header = containers.jpeg_header(data)
    if header.width * header.height < _FULL_SHARE * pixels:
        return None
    stored = jpeg_decoder.decode_jpeg(data, dataclasses.replace(options, page=None))
    stored.notes += ("it is a raw file; the camera's own picture in it was read",)
    return stored
