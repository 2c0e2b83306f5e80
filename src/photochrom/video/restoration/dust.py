"""Dust and dirt on film: what one frame has and neither of its neighbours.

A place is covered where it is lighter, or darker, than all that both neighbours show there and
around, by more than frames differ there anyway (the rank-ordered differences of Nadenau and Mitra,
*Blotch and scratch detection in image sequences based on rank ordered differences*, 1996). What
stays is left alone, and so is what the neighbours do not agree upon, behind the speck and around it
(there a motion was not found, or there is none), and a small speck where much around it comes and
goes: water glitters all the time. Whether the two motions go on as one is not asked: where things
are fast or plain it is not so, and they do agree.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_CONTRAST = 0.05
"""Share of white by which a speck stands out at least where nothing else differs."""
_USUAL = 4.0
"""What it is more than, in units of what usually differs around."""
_MOST_USUAL = 0.1
_EDGE = 0.35
"""Of the contrast that a speck's edge still has."""
_AROUND = 0.08
"""Side of what counts as around, as a share of the short side."""
_LARGEST = 0.12
"""Side of the largest speck, likewise."""
_MOST_COVERED = 0.03
"""Share of a frame: where more differs, it is another light, or another thing."""
_RING_PX = 8
_RING_SIDES = (5, 13)
"""Px by which a speck is widened to what lies around it: from the first to the second."""
_APART_BEHIND, _APART_AROUND = 0.25, 0.18
_OFF_AROUND, _MOST_OFF_AROUND = 0.08, 0.35
"""Of a speck's contrast: how far the neighbours may be apart behind it and around it, and how far
the frame may be off both around it, in the mean and at the 95th percentile."""
_FEATHER_PX = 0.8
_GLITTER_REACH = 1 / 16
"""How far around a speck it is seen whether it glitters there, as a share of the short side."""
_GLITTER_PERCENTILE, _GLITTER_FLOOR = 99.5, 0.01
"""Of what stands out of both neighbours around, in shares of white."""
_LEAST_OF_GLITTER = 12.0
"""Contrast of a speck in units of that, times the root of its area in px of a 480-line frame."""
_LINES = 480


class Specks(NamedTuple):
    """What covers a frame. mask: (H, W). number: of specks."""

    mask: Mask
    number: int


def find_specks(frame: Plane, before: Plane, after: Plane) -> Specks:
    """The specks of a frame.

    frame: (H, W), shares of white. before, after: its neighbours as it has them (`motion.fetch`).
    """
    short = min(frame.shape)
    ring = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    high = cv2.dilate(np.maximum(before, after), ring)
    low = cv2.erode(np.minimum(before, after), ring)
    outside = np.maximum(frame - high, low - frame)
    around = 2 * max(4, round(_AROUND * short / 2)) + 1
    differs = np.maximum(
        np.minimum(np.abs(frame - before), np.abs(frame - after)), np.abs(before - after)
    )
    usual = cv2.blur(np.minimum(differs, np.float32(_MOST_USUAL)), (around, around))
    least = np.float32(_CONTRAST) + np.float32(_USUAL) * usual
    seeds = outside > least
    if not seeds.any():
        return _none(frame)
    near = (outside > np.float32(_EDGE) * least).astype(np.uint8)
    number, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    sides = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    keep = np.zeros(number, np.bool_)
    keep[np.unique(labels[seeds])] = True
    keep &= (sides <= max(3, _LARGEST * short)) & (stats[:, cv2.CC_STAT_AREA] > 1)
    keep[0] = False
    if stats[keep, cv2.CC_STAT_AREA].sum() > _MOST_COVERED * frame.size:
        return _none(frame)
    for label in np.flatnonzero(keep):
        left, top, width, height = stats[label, :4]
        part = (
            slice(max(0, top - _RING_PX), top + height + _RING_PX),
            slice(max(0, left - _RING_PX), left + width + _RING_PX),
        )
        speck = labels[part] == label
        keep[label] = _lies_on_top(speck, frame[part], before[part], after[part])
    _forget_glitter(keep, labels, stats, outside, frame - (before + after) * np.float32(0.5))
    return Specks(np.asarray(keep[labels], np.bool_), int(keep.sum()))


def _forget_glitter(
    keep: Mask, labels: NDArray[np.int32], stats: NDArray[np.int32], outside: Plane, change: Plane
) -> None:
    """Take from the specks to keep, in place, those that stand out little more than what comes and
    goes around them. outside: by how much the frame is beyond both neighbours. change: from these.
    """
    short = min(labels.shape)
    mask = np.asarray(keep[labels], np.uint8)
    others = np.where(cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0, 0, outside)
    reach = round(_GLITTER_REACH * short)
    for label in np.flatnonzero(keep):
        left, top, width, height, area = stats[label]
        y, x = top + height // 2, left + width // 2
        around = others[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        usual = max(0.0, float(np.percentile(around, _GLITTER_PERCENTILE))) + _GLITTER_FLOOR
        box = (slice(top, top + height), slice(left, left + width))
        contrast = float(np.abs(change[box][labels[box] == label]).mean())
        size = _LINES / short * float(area) ** 0.5
        keep[label] = contrast / usual * size >= _LEAST_OF_GLITTER


def _lies_on_top(speck: Mask, frame: Plane, before: Plane, after: Plane) -> bool:
    """Whether the neighbours agree upon what is behind a speck, and all three upon what is around
    it: else something moves there that no motion explains. All planes: the part around it.
    """
    codes = speck.astype(np.uint8)
    inner, outer = (cv2.dilate(codes, np.ones((px, px), np.uint8)) for px in _RING_SIDES)
    ring = (outer > 0) & (inner == 0)
    off = np.minimum(np.abs(frame - before), np.abs(frame - after))
    apart = np.abs(before - after)
    contrast = float(off[speck].mean())
    if not ring.any() or apart[speck].mean() > _APART_BEHIND * contrast:
        return False
    beside = off[ring]
    return bool(
        beside.mean() <= _OFF_AROUND * contrast
        and np.percentile(beside, 95) <= _MOST_OFF_AROUND * contrast
        and apart[ring].mean() <= _APART_AROUND * contrast
    )


def fill_specks(frame: Plane, before: Plane, after: Plane, mask: Mask) -> Plane:
    """The frame with what the mask covers taken from its neighbours, (H, W)."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    soft = np.maximum(cv2.GaussianBlur(wide, (0, 0), _FEATHER_PX), mask.astype(np.float32))
    middle = (before + after) * np.float32(0.5)
    return np.asarray(frame + soft * (middle - frame), np.float32)


def _none(frame: Plane) -> Specks:
    return Specks(np.zeros(frame.shape, np.bool_), 0)
