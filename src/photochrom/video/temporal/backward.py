"""A person's colours on their way back to where their shot begins.

`steady_chroma` goes through a film once, so it brings the colours given for a frame to the frames
after it, and to a few before. For the rest of the shot, they are carried back along the motion
ahead of all else, and every few frames on the way count as if they had been given there.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.video.temporal.optical_flow import MotionFinder, lightness_from_codes
from photochrom.video.temporal.propagation import PropagatedColors, UserColors

_FRAMES_APART = 12
"""Frames; steady colours reach back farther than that by themselves."""
_COARSENESS = 4
"""Px of the network's picture per px of what is carried."""


class ShotFrame(NamedTuple):
    """A frame of a shot."""

    pts: int
    codes: NDArray[np.uint8]
    """Its lightness, (h, w); a long shot in float32 would take much memory."""


def propagate_backward(
    user_colors: UserColors, shot: Sequence[ShotFrame], propagated: Container[int]
) -> Iterator[UserColors]:
    """What the colours given for a frame are in earlier ones, as long as they are seen there.

    shot: its frames up to this one. propagated: times of frames that others were carried to;
        so are these, since the earlier one of two has to be there as well to hold.
    """
    if not shot:
        return
    height, width = user_colors.mask.shape
    shape = (height // _COARSENESS, width // _COARSENESS)
    later = lightness_from_codes(shot[-1].codes)
    carried, motion = PropagatedColors(user_colors, later, shape), MotionFinder()
    since = 0
    for frame in reversed(shot[:-1]):
        earlier = lightness_from_codes(frame.codes)
        _, backward = motion.find(earlier, later).warps(shape)
        carried.advance(backward, earlier)
        later = earlier
        since += 1
        if since == _FRAMES_APART or frame.pts in propagated:
            earlier_colors = carried.colors(frame.pts)
            if not earlier_colors.mask.any():
                return
            yield replace(earlier_colors, propagated=True)
            since = 0
