"""Whether an .avi has all of its bytes: its chunks say how long they are."""

from __future__ import annotations

from pathlib import Path

from photochrom.video.io.container import InputContainer

_HEADER_BYTES = 8
_UNFINISHED = (0, 0xFFFFFFFF)
"""Sizes of a chunk whose writer never came back to it."""
_SLACK_BYTES = 8


def is_cut_avi(container: InputContainer, path: Path) -> bool:
    """Whether a file is an .avi that ends before its last chunk does.

    Source: Microsoft, *AVI RIFF File Reference*; OpenDML AVI File Format Extensions 1.02 (several
    RIFF chunks, one behind the other).
    """
    if container.format.name != "avi":
        return False
    end = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place + _HEADER_BYTES <= end:
            file.seek(place)
            header = file.read(_HEADER_BYTES)
            size = int.from_bytes(header[4:], "little")
            if header[:4] != b"RIFF" or size in _UNFINISHED:
                return False
            place += _HEADER_BYTES + size + size % 2
    return place > end + _SLACK_BYTES
