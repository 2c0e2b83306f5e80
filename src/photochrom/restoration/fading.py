"""Fading: where black has become grey and white dull, measured over the picture and set right.

A print that has faded has neither black nor white, and often less of them towards one side. The
lightness of the darkest and of the lightest places is measured in overlapping parts; where the
range of the whole is too small for a photograph, each place is stretched by its own ends: in full
where that is for certain, and in part where the photograph may just be soft, or it would come out
hard.
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
_SURE_RANGE = 0.56
"""What has no more than this has faded for certain, and is set right in full."""
_LEAST_SHARE = 0.4
"""Of the way to black and white for what may just be soft: more, the less range there is."""
_LOCAL_SHARE = 0.3
"""Of the difference between a part's ends and the whole's that is taken for fading."""
_MOST_LOCAL = 0.12
MOST_GAIN = 3.0


class Fading(NamedTuple):
    """black, white: of the whole picture, as shares of the codes. blacks, whites: of its parts."""

    black: float
    white: float
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
    black, white = (float(value) for value in np.percentile(inside, ENDS))
    if not is_faded_range(black, white):
        return None
    parts = _local_ends(np.asarray(inside, np.float32), black, white)
    return Fading(black, white, *parts)


def mend_fading(plane: Plane, fading: Fading) -> Plane:
    """The picture from black to white, (H, W) in [0, 1]."""
    size = (plane.shape[1], plane.shape[0])
    black = cv2.resize(fading.blacks, size, interpolation=cv2.INTER_LINEAR)
    span = cv2.resize(fading.whites, size, interpolation=cv2.INTER_LINEAR) - black
    np.maximum(span, (WHITE - BLACK) / MOST_GAIN, out=span)
    mended = (plane - black) / span * np.float32(WHITE - BLACK) + np.float32(BLACK)
    sure = (_LEAST_RANGE - (fading.white - fading.black)) / (_LEAST_RANGE - _SURE_RANGE)
    share = _LEAST_SHARE + (1.0 - _LEAST_SHARE) * min(max(sure, 0.0), 1.0)
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
