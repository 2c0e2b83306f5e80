"""Fading: where black has become grey and white dull, measured over the picture and set right.

A print that has faded has neither black nor white, and often less of them towards one side. The
lightness of the darkest and of the lightest places is measured in overlapping parts; where the
range of the whole is too small for a photograph, each place is stretched by its own ends. A
photograph of a dull scene has lonely pixels beyond its ends; one that has faded ends where its
black and white were, so much of the way is gone as it does. The less range is left, the surer the
scene had less than all of it, too.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

ENDS = (0.5, 99.5)
"""Percentiles of a picture that are its black and its white."""
_LEAST_RANGE = 0.66
"""Between black and white, as a share of the codes: what has less may be faded."""
_LEAST_BLACK, _MOST_WHITE = 0.15, 0.87
"""A picture with blacks is dark, one with whites is light: neither is faded."""
BLACK, WHITE = 0.03, 0.97
"""What they become."""
_MEASURED_PX = 512
_PARTS = 3
_TAILS = (0.1, 99.9)
_MOST_TAIL, _USUAL_TAIL = 0.25, 0.04
"""What lies between these percentiles and the ends, as a share of the range: with more, a picture
is dull by itself, and left alone; from the second on it is set right less far."""
_FULL_RANGE, _SHARE_PER_RANGE, _LEAST_SHARE = 0.5, 0.8, 0.6
"""From this range on, the whole way to black and white is gone; with less, so much less of it."""
_LOCAL_SHARE = 0.3
"""Of the difference between a part's ends and the whole's that is taken for fading."""
_MOST_LOCAL = 0.12
MOST_GAIN = 3.0


class Fading(NamedTuple):
    """black, white: of the whole picture, as shares of the codes. tail: what is beyond them, as a
    share of the range between. blacks, whites: of its parts.
    """

    black: float
    white: float
    tail: float
    blacks: NDArray[np.float32]
    whites: NDArray[np.float32]


def is_faded_range(black: float, white: float) -> bool:
    """Whether a picture, or a film, has neither black nor white. black, white: its `ENDS`."""
    return black >= _LEAST_BLACK and white <= _MOST_WHITE and 0.02 < white - black < _LEAST_RANGE


def find_fading(plane: Plane) -> Fading | None:
    """How a picture has faded; None where it has not. plane: (H, W) in [0, 1], sRGB-encoded."""
    height, width = plane.shape
    shrink = min(1.0, _MEASURED_PX / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA) if shrink < 1 else plane
    margin = (small.shape[0] // 20, small.shape[1] // 20)
    inside = small[margin[0] : small.shape[0] - margin[0], margin[1] : small.shape[1] - margin[1]]
    if inside.size == 0:
        return None
    percentiles = (_TAILS[0], *ENDS, _TAILS[1])
    least, black, white, most = (float(value) for value in np.percentile(inside, percentiles))
    if not is_faded_range(black, white):
        return None
    tail = (black - least + most - white) / (white - black)
    if tail > _MOST_TAIL:
        return None
    parts = _local_ends(np.asarray(inside, np.float32), black, white)
    return Fading(black, white, tail, *parts)


def mend_fading(plane: Plane, fading: Fading) -> Plane:
    """The picture with more of black and white, (H, W) in [0, 1].

    The ends of the parts are drawn over thirds of the picture, further out than the parts' middles
    lie (0.275 and 0.725 of a side). That is a gentler slope over more of the picture; drawn from
    the middles, or on beyond them, a drawn slope of fading is mended no better, and photographs
    less well. Nor is the middle the place of a part's ends: they are of its less faded side.
    """
    size = (plane.shape[1], plane.shape[0])
    black = cv2.resize(fading.blacks, size, interpolation=cv2.INTER_LINEAR)
    span = cv2.resize(fading.whites, size, interpolation=cv2.INTER_LINEAR) - black
    np.maximum(span, (WHITE - BLACK) / MOST_GAIN, out=span)
    mended = (plane - black) / span * np.float32(WHITE - BLACK) + np.float32(BLACK)
    missing = max(0.0, _FULL_RANGE - (fading.white - fading.black))
    share = max(_LEAST_SHARE, 1.0 - _SHARE_PER_RANGE * missing)
    share *= 1.0 - max(0.0, fading.tail - _USUAL_TAIL)
    mended = plane + np.float32(share) * (mended - plane)
    return np.asarray(np.clip(mended, 0.0, 1.0), np.float32)


def _local_ends(inside: Plane, black: float, white: float) -> tuple[Plane, Plane]:
    """Black and white of (3, 3) parts of half the sides, near those of the whole."""
    blacks = np.full((_PARTS, _PARTS), black, np.float32)
    whites = np.full((_PARTS, _PARTS), white, np.float32)
    height, width = inside.shape
    for row in range(_PARTS):
        for column in range(_PARTS):
            top, left = row * height // 4, column * width // 4
            part = inside[top : top + height // 2, left : left + width // 2]
            if part.size:
                blacks[row, column], whites[row, column] = np.percentile(part, ENDS)
    return _soften(blacks, black), _soften(whites, white)


def _soften(ends: Plane, whole: float) -> Plane:
    """The ends of parts, nearer to that of the whole."""
    moved = np.clip(_LOCAL_SHARE * (ends - whole), -_MOST_LOCAL, _MOST_LOCAL)
    return np.asarray(whole + moved, np.float32)
