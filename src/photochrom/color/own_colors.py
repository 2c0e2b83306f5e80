"""Places of an otherwise grey picture that are truly coloured keep their colours.

A red stamp, a coat in snow, a tinted cheek: which places they are is judged on a small copy
(`photochrom.color.tone`); here they are found again at full size, pixel by pixel, so that the lines
of a stamp keep their red and the paper between them does not.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.borders import Borders, crop
from photochrom.color.compose import compose
from photochrom.color.space import rgb_to_lab
from photochrom.color.tone import FAINT_CHROMA, ToneJudgement

_FAINT, _CLEAR = 7.0, 13.0
"""Distance from the picture's tone, CIELAB units, from which a colour is kept in part, and in full:
stains of age are fainter."""
_STRIP_PIXELS = 1 << 20
_STRIP_SIDE_PX = 1 << 14
"""OpenCV maps to at most 32,766 px a side."""


def keeps_places(judgement: ToneJudgement) -> bool:
    """Whether some place of the picture has a colour of its own that is clear enough to keep."""
    return judgement.places is not None and bool((judgement.places >= _CLEAR).any())


def crop_places(judgement: ToneJudgement, borders: Borders, full: tuple[int, int]) -> ToneJudgement:
    """The judgement of what is inside the borders of a picture of a size, (height, width) in px."""
    if judgement.places is None:
        return judgement
    rows, columns = (small / side for small, side in zip(judgement.places.shape, full))
    upright = (borders.top * rows, borders.bottom * rows)
    across = (borders.left * columns, borders.right * columns)
    scaled = Borders(*map(round, (*upright, *across)))
    return judgement._replace(places=crop(judgement.places, scaled))


def place_hints(
    rgb: NDArray[Any], judgement: ToneJudgement, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The coloured places as hints for a network that sees the picture in ``shape``.

    rgb: (H, W, 3), as for `photochrom.color.tone.judge`, of which ``judgement`` is.
    Returns ab (h, w, 2) float32 in CIELAB units, and mask (h, w), 0 or 1.
    """
    ab, mask = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
    if judgement.places is not None:
        size = shape[::-1]
        distance = cv2.resize(judgement.places, size, interpolation=cv2.INTER_LINEAR)
        mask[distance >= _CLEAR] = 1.0
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) / np.float32(_white(rgb))
        ab[mask > 0] = rgb_to_lab(small)[..., 1:][mask > 0]
    return ab, mask


def with_own_colors(
    colored: NDArray[Any], rgb: NDArray[Any], judgement: ToneJudgement
) -> NDArray[Any]:
    """The coloured picture with the colours that the photograph has at its coloured places.

    colored, rgb: (H, W, 3) sRGB-encoded, of the same dtype: the result, and the photograph. The
    lightness, the same in both, stays. Returns a new array where something is kept.
    """
    if not keeps_places(judgement):
        return colored
    assert judgement.places is not None
    height, width = rgb.shape[:2]
    # Two cells further on each side: places end somewhere inside of cells.
    cells = np.asarray(cv2.dilate(judgement.places, np.ones((5, 5), np.uint8)), np.float32)
    rows, columns = (
        _span(cells.max(axis=axis) >= _FAINT, side) for axis, side in ((1, height), (0, width))
    )
    result: NDArray[Any] = colored.copy()
    wide = min(columns.stop - columns.start, _STRIP_SIDE_PX)
    high = min(max(1, _STRIP_PIXELS // wide), _STRIP_SIDE_PX)
    for top in range(rows.start, rows.stop, high):
        for left in range(columns.start, columns.stop, wide):
            strip = (
                slice(top, min(top + high, rows.stop)),
                slice(left, min(left + wide, columns.stop)),
            )
            result[strip] = _mix_colors(
                colored[strip], rgb[strip], judgement, _cell_weight(cells, strip, rgb)
            )
    return result


def _mix_colors(
    colored: NDArray[Any],
    rgb: NDArray[Any],
    judgement: ToneJudgement,
    weight: NDArray[np.float32],
) -> NDArray[Any]:
    """A part of the result, in which each pixel has as much of its own colour as it is coloured."""
    own = rgb_to_lab(rgb / np.float32(_white(rgb)))
    level = own[..., 0] / 50.0 - 1.0
    tone = np.polynomial.polynomial.polyval(level, judgement.curve)
    distance = np.hypot(own[..., 1] - tone[0], own[..., 2] - tone[1])
    chroma = np.hypot(own[..., 1], own[..., 2])
    clearness = np.minimum(distance - _FAINT, chroma - FAINT_CHROMA)
    share = np.clip(clearness / (_CLEAR - _FAINT), 0.0, 1.0) * weight
    guess = rgb_to_lab(colored / np.float32(_white(colored)))
    ab = guess[..., 1:] + share[..., None] * (own[..., 1:] - guess[..., 1:])
    dtype = colored.dtype if colored.dtype.kind == "u" else np.dtype(np.float32)
    mixed = compose(own[..., 0].astype(np.float32), ab.astype(np.float32), dtype)
    mixed = np.where((share > 0)[..., None], mixed, colored)
    return np.asarray(np.where((share >= 1)[..., None], rgb, mixed))


def _cell_weight(
    cells: NDArray[np.float32], strip: tuple[slice, slice], rgb: NDArray[Any]
) -> NDArray[np.float32]:
    """How far a part of the full picture lies in coloured cells, [0, 1]."""
    share = np.clip(cells / np.float32(_FAINT) - 1.0, 0.0, 1.0)
    height, width = rgb.shape[:2]
    h, w = cells.shape
    y, x = (
        ((np.arange(part.start, part.stop) + 0.5) * (small / full) - 0.5).astype(np.float32)
        for part, small, full in zip(strip, (h, w), (height, width))
    )
    grid_x, grid_y = np.meshgrid(x, y)
    return np.asarray(
        cv2.remap(share, grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _span(cells: NDArray[np.bool_], side: int) -> slice:
    """The pixels of a side from the first to the last of its cells, and one cell further."""
    found = np.flatnonzero(cells)
    scale = side / len(cells)
    first, last = max(int(found[0]) - 1, 0), min(int(found[-1]) + 2, len(cells))
    return slice(int(first * scale), min(int(np.ceil(last * scale)), side))


def _white(rgb: NDArray[Any]) -> float:
    return float(np.iinfo(rgb.dtype).max) if rgb.dtype.kind == "u" else 1.0
