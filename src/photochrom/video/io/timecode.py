"""Time codes: which frame of a tape or a reel a film begins with."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")
_TEN_MINUTES = 600


def shifted_timecode(text: str, frames: int, rate: Fraction) -> str:
    """The time code so many frames later; as it is where it has no known form.

    rate: frames per second. Source: SMPTE ST 12-1 (with ";", two numbers in every minute, four of
    59.94 frames, are left out, but in every tenth).
    """
    match = _FORM.fullmatch(text)
    if match is None:
        return text
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    mark, per_s = match[4], max(1, round(rate))
    left_out = 0 if mark == ":" else round(per_s / 15)
    whole_minutes = 60 * hours + minutes
    count = (60 * whole_minutes + seconds) * per_s + frame
    count -= left_out * (whole_minutes - whole_minutes // 10)
    count += frames
    if left_out:
        tens, rest = divmod(count, _TEN_MINUTES * per_s - 9 * left_out)
        later_minutes = max(0, rest - left_out) // (60 * per_s - left_out)
        count += left_out * (9 * tens + later_minutes)
    seconds, frame = divmod(count, per_s)
    return (
        f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{frame:02d}"
    )
