"""Colours with a name, which are found again in other photographs of an album.

A thing is told by a place of one photograph. In another one it is where the places around it have
their mutual matches (`photochrom.guided.matching`, upright and mirrored); the exact position is
that of the best correlation of the lightness around, which does not depend on the exposure. That
correlation is the score. Where the photographs do not show the same scene, nothing is proposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.places import Window
from photochrom.engine import FeatureExtractor, Network, feature_extractor
from photochrom.errors import InputError
from photochrom.guided.matching import (
    CELL_PX,
    Matches,
    cell_vectors,
    extract,
    match,
    matching_lightness,
)
from photochrom.guided.reference import SAME_SCENE
from photochrom.hints import Hint
from photochrom.pipeline import working_lightness

LEAST_SCORE: Final = 0.6
"""Correlation from which a place is proposed: chosen on three clips (docs/guided.md)."""

_AROUND_CELLS = 2
"""Around the place's own, whose matches say where it is."""
_LEAST_COSINE = 0.4
_SCALES = (0.85, 1.0, 1.18)
"""Sizes at which a thing is looked for."""
_REACH_PX = 14
"""How far from where the matches lie it may be, px of the working size."""
_PATCH_PX = (12, 24, 48)
"""Half a side of what is correlated, px of the working size: the first in which there is enough
to see."""
_LEAST_CONTRAST = 1.0
"""Standard deviation of the lightness of what can be found again, units of L*."""
_STORED_PER_L = 2.55
"""Units of a stored view for one of L*."""


class SavedColor(NamedTuple):
    """A thing whose colour is known: where one photograph shows it."""

    name: str
    rgb: tuple[int, int, int]
    """sRGB, [0, 255]. Its lightness does not count."""
    photo: str
    """Name of the photograph."""
    x: float
    """Of the place, px of the photograph from the upper left one, which is 0."""
    y: float
    size: tuple[int, int]
    """Width and height of the photograph, px."""
    view: NDArray[np.uint8]
    """(h, w): the photograph's lightness as the network sees it, 0 to 255."""
    time_s: float | None = None
    """Of a film's frame in place of a photograph, seconds from the film's first."""

    @property
    def picture(self) -> tuple[str, float | None]:
        """Which photograph it is of, or which frame of a film."""
        return self.photo, self.time_s

    @property
    def center(self) -> tuple[float, float]:
        """The place, as shares of the photograph's width and height."""
        return (self.x + 0.5) / self.size[0], (self.y + 0.5) / self.size[1]


class FoundPlace(NamedTuple):
    """Where a photograph shows a thing whose colour is saved."""

    name: str
    """Of the saved colour."""
    x: float
    """Of the place, px of the photograph from the upper left one, which is 0."""
    y: float
    score: float
    """Correlation of what is around both places, at most 1."""


class _View(NamedTuple):
    """A photograph as it is compared, upright or mirrored."""

    L: NDArray[np.float32]
    cells: NDArray[np.float32]


class ColorFinder:
    """Finds saved colours in photographs. Safe to share between threads."""

    def __init__(self, network: Network, *, threads: int | None = None) -> None:
        """Raises ModelError for a network that hands out no features."""
        self._extractor: FeatureExtractor = feature_extractor(network, threads=threads)
        self._views: dict[tuple[str, float | None], _View] = {}

    def save(
        self, name: str, rgb: NDArray[Any], hint: Hint, photo: str, time_s: float | None = None
    ) -> SavedColor:
        """A place of a photograph as a saved colour.

        rgb: (H, W) or (H, W, 3), as for `photochrom.pipeline.colorize`. hint: the place and its
        colour. photo: the photograph's name, or a film's, of whose frame at ``time_s`` it is.
        Raises InputError for a place outside of the photograph, or around which nothing is seen.
        """
        hint.on_picture(rgb)
        height, width = rgb.shape[:2]
        L = working_lightness(rgb, "auto", self._extractor.card)
        view = np.rint(L * _STORED_PER_L).astype(np.uint8)
        size = (width, height)
        color = SavedColor(name, hint.rgb, photo, hint.x, hint.y, size, view, time_s)
        if _patch_px(view / np.float32(_STORED_PER_L), color.center) is None:
            raise InputError(
                f"nothing can be seen around {hint.x:g}, {hint.y:g} in {photo} by which it could "
                "be found again; choose a place nearer to an edge or a texture"
            )
        return color

    def find(
        self,
        rgb: NDArray[Any],
        colors: Sequence[SavedColor],
        *,
        least_score: float = LEAST_SCORE,
    ) -> list[FoundPlace]:
        """Where a photograph shows the things, each at most once; nothing where it does not.

        rgb: (H, W) or (H, W, 3), as for `photochrom.pipeline.colorize`. least_score: of what is
        returned, at most 1.
        """
        L = working_lightness(rgb, "auto", self._extractor.card)
        own = self._view(np.asarray(L, np.float32))
        mirrored = self._view(np.ascontiguousarray(own.L[:, ::-1]))
        height, width = rgb.shape[:2]
        found = []
        for color, view, matches, is_mirrored in self._scene_matches(colors, own, mirrored):
            where = _locate(color.center, view, mirrored if is_mirrored else own, matches)
            if where is None or where[2] < least_score:
                continue
            across, down, score = where
            across = 1.0 - across if is_mirrored else across
            x = float(np.clip(round(across * width - 0.5), 0, width - 1))
            y = float(np.clip(round(down * height - 0.5), 0, height - 1))
            found.append(FoundPlace(color.name, x, y, score))
        return found

    def _scene_matches(
        self, colors: Sequence[SavedColor], own: _View, mirrored: _View
    ) -> Iterator[tuple[SavedColor, _View, Matches, bool]]:
        """The colours whose scene the photograph shows, with the matches and whether mirrored."""
        known: dict[tuple[str, float | None], tuple[Matches, bool]] = {}
        for color in colors:
            view = self._saved_view(color)
            if color.picture not in known:
                both = [match(view.cells, other.cells) for other in (own, mirrored)]
                known[color.picture] = max(
                    zip(both, (False, True), strict=True), key=lambda pair: pair[0].agreement
                )
            matches, is_mirrored = known[color.picture]
            if matches.agreement >= SAME_SCENE:
                yield color, view, matches, is_mirrored

    def _saved_view(self, color: SavedColor) -> _View:
        if color.picture not in self._views:
            self._views[color.picture] = self._view(color.view / np.float32(_STORED_PER_L))
        return self._views[color.picture]

    def _view(self, L: NDArray[np.float32]) -> _View:
        L = matching_lightness(L, self._extractor)
        return _View(L, cell_vectors(extract(L, self._extractor)))


def _locate(
    center: tuple[float, float], view: _View, other: _View, matches: Matches
) -> tuple[float, float, float] | None:
    """Where a place of one view is in another: shares of width and height, and the correlation.

    None where none of the places around has a mutual match.
    """
    h, w = matches.mutual.shape
    row, column = min(int(center[1] * h), h - 1), min(int(center[0] * w), w - 1)
    around = Window(row - _AROUND_CELLS, column - _AROUND_CELLS, *(2 * _AROUND_CELLS + 1,) * 2)
    near = around.overlap(Window(0, 0, h, w))
    part = (slice(near.top, near.top + near.height), slice(near.left, near.left + near.width))
    mutual = matches.mutual[part] & (matches.cosine[part] > _LEAST_COSINE)
    if not mutual.any():
        return None
    rows, columns = np.mgrid[part]
    width = other.cells.shape[1]
    middle = (
        np.median((matches.places[part] % width - columns)[mutual]) + column + 0.5,
        np.median((matches.places[part] // width - rows)[mutual]) + row + 0.5,
    )
    x, y, score = _correlate(center, view.L, (middle[0] * CELL_PX, middle[1] * CELL_PX), other.L)
    height, width = other.L.shape
    return x / width, y / height, score


def _correlate(
    center: tuple[float, float],
    L: NDArray[np.float32],
    middle: tuple[float, float],
    other_L: NDArray[np.float32],
) -> tuple[float, float, float]:
    """The position in another picture at which the lightness is most alike, and its correlation.

    center: of the place, shares of L's width and height. middle: x and y in other_L, px, around
    which it is looked for.
    """
    half = _patch_px(L, center) or _PATCH_PX[-1]
    searched = _cut(other_L, middle, half + _REACH_PX, 1.0)
    x, y = center[0] * L.shape[1], center[1] * L.shape[0]
    best, score = (0, 0), -1.0
    for scale in _SCALES:
        found = cv2.matchTemplate(searched, _cut(L, (x, y), half, scale), cv2.TM_CCOEFF_NORMED)
        _, highest, _, place = cv2.minMaxLoc(found)
        if score < highest <= 1.0:  # flat places of some pictures give what is no correlation
            best, score = (place[0], place[1]), float(highest)
    return middle[0] + best[0] - _REACH_PX, middle[1] + best[1] - _REACH_PX, score


def _patch_px(L: NDArray[np.float32], center: tuple[float, float]) -> int | None:
    """Half a side of the smallest patch in which something is to be seen; None where none is."""
    x, y = center[0] * L.shape[1], center[1] * L.shape[0]
    for half in _PATCH_PX:
        if float(_cut(L, (x, y), half, 1.0).std()) >= _LEAST_CONTRAST:
            return half
    return None


def _cut(
    L: NDArray[np.float32], center: tuple[float, float], half: int, scale: float
) -> NDArray[np.float32]:
    """The square of 2 half + 1 px around a position, enlarged by a factor, mirrored at borders."""
    # Positions count from the border of the picture, pixels of OpenCV from the middle of the first.
    shift = (half - scale * (center[0] - 0.5), half - scale * (center[1] - 0.5))
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    side = 2 * half + 1
    cut = cv2.warpAffine(
        L, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(cut, np.float32)
