"""A person's colours on their way back to where their shot begins.

`steady_chroma` goes through a film once, so it brings what was said of a frame to the frames after
it, and to a few before. For the rest of the shot, the said colours are carried back along the
motion ahead of all else, and pinned anew every few frames on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.video.colouring import Converter, decoded
from photochrom.video.flow import MotionFinder, lightness_codes, lightness_of
from photochrom.video.frames import FilmInfo
from photochrom.video.keyframes import frame_times, pinned_colours
from photochrom.video.pins import Pinned, PinnedColours
from photochrom.video.reading import read_frames
from photochrom.video.settings import FilmSettings
from photochrom.video.shots import DECISION_FRAMES, ShotFinder

FARTHEST = 1000
"""Frames that are looked back over at most, for the beginning of a shot."""

_LOOKS = (32, 128, 512, FARTHEST)
_EVERY = 12
"""Frames; steady colours reach back farther than that by themselves."""
_CARRIED_SIZE = 4
"""Px of the network's picture per px of what is carried."""

Codes: TypeAlias = NDArray[np.uint8]
"""Lightness of a frame, (h, w); a long shot in float32 would take much memory."""


def pinned_in_shots(
    info: FilmInfo, converter: Converter, settings: FilmSettings
) -> dict[int, Pinned]:
    """What a person said (`pinned_colours`), and what it is in earlier frames of the same shots.

    Raises InputError as `pinned_colours` does, and where the film cannot be read.
    """
    pinned = pinned_colours(info, converter, settings.hints, settings.keyframes)
    return reaching_back(info, converter, pinned, deinterlace=settings.deinterlace)


def reaching_back(
    info: FilmInfo, converter: Converter, pinned: Mapping[int, Pinned], *, deinterlace: bool
) -> dict[int, Pinned]:
    """Pinned colours by frame index, and what they are in earlier frames of their shots."""
    reached: dict[int, Pinned] = {}
    if not pinned:
        return reached
    times_s = frame_times(info)
    for index in sorted(pinned, reverse=True):
        first, shot = _shot_up_to(index, times_s, info, converter, deinterlace)
        for carried in _carried_back(pinned[index], first, shot):
            later = reached.get(carried.index)
            reached[carried.index] = carried if later is None else carried.over(later)
    return {**reached, **pinned}


def _shot_up_to(
    index: int, times_s: Sequence[float], info: FilmInfo, converter: Converter, deinterlace: bool
) -> tuple[int, list[Codes]]:
    """Index of a shot's first frame, and its frames up to ``index``."""
    for look in _LOOKS:
        first = max(0, index - look)
        behind = index + DECISION_FRAMES + 1
        frames = read_frames(
            info,
            start_s=_before(first, times_s),
            end_s=_before(behind, times_s) if behind < len(times_s) else None,
            deinterlace=deinterlace,
        )
        finder, begins, shot = ShotFinder(), [], []
        for item in decoded(frames, converter, first):
            begins += finder.feed(item.small.L)
            if item.small.index <= index:
                shot.append(lightness_codes(item.small.L))
        begins += finder.finish()
        cut = max((place for place in range(len(shot)) if begins[place]), default=0)
        if cut > 0 or first == 0:
            break
    return first + cut, shot[cut:]


def _before(index: int, times_s: Sequence[float]) -> float | None:
    """A time between a frame and the one before; None before the first."""
    return (times_s[index - 1] + times_s[index]) / 2 if index else None


def _carried_back(pinned: Pinned, first: int, shot: Sequence[Codes]) -> Iterator[Pinned]:
    """What a pinned frame's colours are in earlier frames, as long as they are seen there.

    shot: frames from the index ``first`` up to the pinned one.
    """
    if not shot:
        return
    height, width = pinned.mask.shape
    shape = (height // _CARRIED_SIZE, width // _CARRIED_SIZE)
    later = lightness_of(shot[-1])
    held, motion = PinnedColours(pinned, later, shape), MotionFinder()
    for place in range(len(shot) - 2, -1, -1):
        earlier = lightness_of(shot[place])
        _, back = motion.between(earlier, later).carriers(shape)
        held.carry(back, earlier)
        later = earlier
        if (first + place) % _EVERY == 0:
            carried = held.at(first + place)
            if not carried.mask.any():
                return
            yield replace(carried, said=False)
