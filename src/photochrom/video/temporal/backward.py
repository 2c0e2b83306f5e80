"""A person's colours on their way back to where their shot begins.

`steady_chroma` goes through a film once, so it brings what was said of a frame to the frames after
it, and to a few before. For the rest of the shot, the said colours are carried back along the
motion ahead of all else, and pinned anew every few frames on the way.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.video.temporal.optical_flow import MotionFinder, lightness_of
from photochrom.video.temporal.propagation import Pinned, PinnedColors

_EVERY = 12
"""Frames; steady colours reach back farther than that by themselves."""
_CARRIED_SIZE = 4
"""Px of the network's picture per px of what is carried."""


class ShotFrame(NamedTuple):
    """A frame of a shot."""

    pts: int
    codes: NDArray[np.uint8]
    """Its lightness, (h, w); a long shot in float32 would take much memory."""


def propagate_backward(
    pinned: Pinned, shot: Sequence[ShotFrame], propagated: Container[int]
) -> Iterator[Pinned]:
    """What a pinned frame's colours are in earlier frames, as long as they are seen there.

    shot: its frames up to the pinned one. propagated: times of frames that others were carried to;
        so are these, since the earlier one of two has to be there as well to hold.
    """
    if not shot:
        return
    height, width = pinned.mask.shape
    shape = (height // _CARRIED_SIZE, width // _CARRIED_SIZE)
    later = lightness_of(shot[-1].codes)
    held, motion = PinnedColors(pinned, later, shape), MotionFinder()
    since = 0
    for frame in reversed(shot[:-1]):
        earlier = lightness_of(frame.codes)
        _, back = motion.between(earlier, later).carriers(shape)
        held.carry(back, earlier)
        later = earlier
        since += 1
        if since == _EVERY or frame.pts in propagated:
            carried = held.at(frame.pts)
            if not carried.mask.any():
                return
            yield replace(carried, said=False)
            since = 0
