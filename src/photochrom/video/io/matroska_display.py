"""The shape of the pixels in Matroska: the size at which a track is to be shown.

libav can write it, but PyAV does not hand it on. So it is put into the complete file, in the place
of elements that say nothing (padding, "unknown unit", a zero that is the default). WebM has none.
Source: RFC 9559, DisplayWidth, DisplayHeight, DisplayUnit.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd
from pathlib import Path

from photochrom.errors import OutputError
from photochrom.video.io.ebml import (
    VOID,
    by_number,
    content,
    elements,
    encode,
    find_tracks,
    renew_checksum,
)

_VIDEO, _DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0xE0, 0x54B0, 0x54BA, 0x54B2
_MAX_BLOCK_ADDITION_ID = 0x55EE


def display_size(height: int, width: int, sample_aspect: Fraction) -> tuple[int, int]:
    """(height, width) in whole px that have exactly the proportions of a picture as it is shown.

    sample_aspect: width of a pixel over its height. The height is that of the picture where that
    is possible, else a little more.
    """
    across, down = width * sample_aspect.numerator, height * sample_aspect.denominator
    common = gcd(across, down)
    across, down = across // common, down // common
    times = max(1, ceil(height / down))
    return down * times, across * times


def set_display_size(path: Path, number: int, height: int, width: int) -> None:
    """Have a track of a complete Matroska file be shown at this size.

    number: of the track, from 1 on. Raises OutputError where there is no place for it.
    """
    with path.open("rb+") as file:
        tracks = find_tracks(file, path)
        track = None if tracks is None else by_number(file, tracks).get(number)
        if tracks is None or track is None:
            raise OutputError(f"cannot write {path}: its track of pictures is not found again")
        parts = []
        for element in elements(file, track.start, track.end):
            data = content(file, element)
            if element.id == _VIDEO:
                shown = {_DISPLAY_WIDTH: width, _DISPLAY_HEIGHT: height}
                kept = b"".join(
                    encode(child.id, content(file, child))
                    for child in elements(file, element.start, element.end)
                    if child.id not in (*shown, _DISPLAY_UNIT)
                )
                sizes = (encode(key, _whole(size)) for key, size in shown.items())
                data = kept + b"".join(sizes)
            says_nothing = element.id == _MAX_BLOCK_ADDITION_ID and not any(data)
            if element.id != VOID and not says_nothing:
                parts.append(encode(element.id, data))
        entry = b"".join(parts)
        room = track.end - track.start - len(entry)
        if room < 0 or room == 1:
            raise OutputError(
                f"cannot write the shape of the pixels into {path}: there is no room for it; write "
                "h264 or hevc, or another container"
            )
        file.seek(track.start)
        file.write(entry + (encode(VOID, bytes(room - 2)) if room else b""))
        renew_checksum(file, tracks)


def _whole(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
