"""Animated WebP, which libav does not read: Pillow's frames as a film in memory, losslessly."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from photochrom.errors import InputError

_MILLISECONDS = Fraction(1, 1000)
_RATE = 1000
_HEADER_BYTES = 21
_ANIMATION = 0x02
_LEAST_MS = 1


def is_animated_webp(path: Path) -> bool:
    """Whether a file is a WebP of several frames. Source: RFC 9649, 2.7 (the flags of VP8X)."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return False
    extended = header[:4] == b"RIFF" and header[8:16] == b"WEBPVP8X"
    return extended and len(header) == _HEADER_BYTES and bool(header[20] & _ANIMATION)


def animated_webp_film(path: Path) -> io.BytesIO:
    """The animation as a film of lossless pictures (PNG in MOV), each with its own duration.

    Memory grows with the animation. Raises InputError where it does not decode.
    """
    status = path.stat()
    return io.BytesIO(_film(path, status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=1)
def _film(path: Path, _changed_ns: int, _size: int) -> bytes:
    from PIL import Image, ImageSequence  # slow, and other films need none of it

    memory = io.BytesIO()
    try:
        with Image.open(path) as animation, av.open(memory, "w", format="mov") as film:
            kind = "rgba" if animation.mode == "RGBA" else "rgb24"
            stream = film.add_stream("png", rate=_RATE, time_base=_MILLISECONDS, pix_fmt=kind)
            stream.width, stream.height = animation.size
            time_ms = 0
            for picture in ImageSequence.Iterator(animation):
                pixels = np.asarray(picture.convert("RGBA" if kind == "rgba" else "RGB"))
                frame = VideoFrame.from_ndarray(pixels, format=kind)
                duration_ms = max(_LEAST_MS, int(picture.info.get("duration", 0)))
                frame.pts, frame.time_base = time_ms, _MILLISECONDS
                for packet in stream.encode(frame):
                    packet.duration = duration_ms
                    film.mux_one(packet)
                time_ms += duration_ms
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"cannot read {path}: {error}; it is an animated WebP that is damaged"
        ) from error
    return memory.getvalue()
