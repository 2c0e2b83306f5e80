"""A person's colours on their way back to where their shot begins.

`steady_chroma` goes through a film once, so it brings what was said of a frame to the frames after
it, and to a few before. For the rest of the shot, the said colours are carried back along the
motion ahead of all else, and pinned anew every few frames on the way.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.video.converter import Converter, decoded
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import read_frames
from photochrom.video.keyframes import pinned_colors
from photochrom.video.options import FilmSettings
from photochrom.video.temporal.optical_flow import MotionFinder, lightness_codes, lightness_of
from photochrom.video.temporal.propagation import Pinned, PinnedColors
from photochrom.video.temporal.shots import DECISION_FRAMES, ShotFinder

FARTHEST = 1000
"""Frames that are looked back over at most, for the beginning of a shot."""

_LOOKS = (32, 128, 512, FARTHEST)
_EVERY = 12
"""Frames; steady colours reach back farther than that by themselves."""
_CARRIED_SIZE = 4
"""Px of the network's picture per px of what is carried."""


class _Look(NamedTuple):
    """A frame of a shot."""

    pts: int
    codes: NDArray[np.uint8]
    """Its lightness, (h, w); a long shot in float32 would take much memory."""


def pinned_in_shots(
    info: FilmInfo, converter: Converter, settings: FilmSettings
) -> dict[int, Pinned]:
    """What a person said (`pinned_colors`), and what it is in earlier frames of the same shots.

    Raises InputError as `pinned_colors` does, and where the film cannot be read.
    """
    pinned = pinned_colors(info, converter, settings.hints, settings.keyframes)
    return reaching_back(info, converter, pinned, deinterlace=settings.deinterlace)


def reaching_back(
    info: FilmInfo, converter: Converter, pinned: Mapping[int, Pinned], *, deinterlace: bool
) -> dict[int, Pinned]:
    """Pinned colours by their frames' times, and what they are in earlier frames of the shots."""
    reached: dict[int, Pinned] = {}
    for pts in sorted(pinned, reverse=True):
        shot = _shot_up_to(pts, info, converter, deinterlace)
        for carried in _carried_back(pinned[pts], shot, reached):
            later = reached.get(carried.pts)
            reached[carried.pts] = carried if later is None else carried.over(later)
    return {**reached, **pinned}


def _shot_up_to(pts: int, info: FilmInfo, converter: Converter, deinterlace: bool) -> list[_Look]:
    """The frames of a shot from its first one up to this."""
    rate = float(info.nominal_rate)
    for look in _LOOKS:
        start_s = info.seconds(pts) - (look + 0.5) / rate
        frames = read_frames(info, start_s=start_s, deinterlace=deinterlace)
        finder, behind = ShotFinder(), 0
        begins: list[bool] = []
        shot: list[_Look] = []
        for item in decoded(frames, converter):
            begins += finder.feed(item.small.L)
            if item.small.pts <= pts:
                shot.append(_Look(item.small.pts, lightness_codes(item.small.L)))
                continue
            behind += 1
            if behind == DECISION_FRAMES:
                break
        begins += finder.finish()
        cut = max((place for place in range(len(shot)) if begins[place]), default=0)
        if cut > 0 or start_s <= 0:
            break
    return shot[cut:]


def _carried_back(
    pinned: Pinned, shot: Sequence[_Look], reached: Container[int]
) -> Iterator[Pinned]:
    """What a pinned frame's colours are in earlier frames, as long as they are seen there.

    shot: its frames up to the pinned one. reached: times of frames that others were carried to;
        so are these, since the earlier one of two has to be there as well to hold.
    """
    if not shot:
        return
    height, width = pinned.mask.shape
    shape = (height // _CARRIED_SIZE, width // _CARRIED_SIZE)
    later = lightness_of(shot[-1].codes)
    held, motion = PinnedColors(pinned, later, shape), MotionFinder()
    since = 0
    for look in reversed(shot[:-1]):
        earlier = lightness_of(look.codes)
        _, back = motion.between(earlier, later).carriers(shape)
        held.carry(back, earlier)
        later = earlier
        since += 1
        if since == _EVERY or look.pts in reached:
            carried = held.at(look.pts)
            if not carried.mask.any():
                return
            yield replace(carried, said=False)
            since = 0
