"""From which frame to which a shot goes, for what is said of a shot by the time of one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from photochrom.video.converter import PreparedFrame
from photochrom.video.io.frame import FilmInfo
from photochrom.video.temporal.shots import with_shots

MOST_FRAMES_BACK = 1000
"""Frames that are looked back over at most, for the beginning of a shot."""
LOOK_BACK = (32, 128, 512, MOST_FRAMES_BACK)
"""Frames that are looked back over, one after the other, until the beginning is found."""

ReadFrom: TypeAlias = Callable[[float], Iterator[PreparedFrame]]
"""A film's frames from a time on, seconds from its first."""


class ShotSpan(NamedTuple):
    """A shot by the times of its frames."""

    first_pts: int
    last_pts: int

    def holds(self, pts: int) -> bool:
        """Whether a frame belongs to it."""
        return self.first_pts <= pts <= self.last_pts


def look_back_s(info: FilmInfo, pts: int) -> list[float]:
    """Where reading may begin for the shot of a frame, seconds; the last may be below 0."""
    starts: list[float] = []
    for frames in LOOK_BACK:
        starts.append(info.seconds(pts) - (frames + 0.5) / float(info.nominal_rate))
        if starts[-1] <= 0:
            break
    return starts


def shot_span(info: FilmInfo, read_from: ReadFrom, pts: int) -> ShotSpan:
    """The shot in which a frame lies. Raises InputError where the film cannot be read."""
    span = ShotSpan(pts, pts)
    starts = look_back_s(info, pts)
    for start_s in starts:
        first_pts, last_pts, cuts = pts, pts, 0
        frames = (prepared.working for prepared in read_from(start_s))
        for frame, begins in with_shots(frames, lambda frame: frame.L):
            if begins and frame.pts > pts:
                break
            if begins:
                first_pts, cuts = frame.pts, cuts + 1
            last_pts = frame.pts
            if frame.pts > pts and cuts == 1 and start_s != starts[-1]:
                break  # farther back, there is more of the shot
        span = ShotSpan(first_pts, max(pts, last_pts))
        if cuts > 1:
            break
    return span
