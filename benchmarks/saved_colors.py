"""Is a colour that was saved in one part of a film found again in the others, and only there?

    python benchmarks/saved_colors.py --films FILM... [--apart 22] [--parts 4] [--places 6]

Each film gives parts, so many frames apart: the first as it is, the second mirrored and darker, the
third cropped and lighter, the fourth cropped, mirrored and darker. In each, places of one clear
colour (the mean ab over 17 px; at least 8 units from grey, and 33 px around within 7) are saved
and looked for in all other parts of all films. Optical flow tracks each place to the other parts of
its film, forth and back; where it does not come back to within 12 px, or ends at another colour,
nobody knows the truth, and the pair does not count.

precision: the share of proposals that lie in the same film, at a place whose true colour is within
10 units of ab of the saved one. recall: the share of the tracked places for which that was
proposed. chance: the precision of a random place of the right film. Tracked places are such as
optical flow can follow, which are easier to find than others.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import rgb_to_lab
from photochrom.engine import DEFAULT_MODEL, load, local_model
from photochrom.guided.saved_colors import ColorFinder, FoundPlace, SavedColor
from photochrom.hints import Hint
from photochrom.video.io.pictures import rgb_frames
from photochrom.video.io.probe import probe

Points = NDArray[np.float32]
SAME_COLOR = 10.0
COLOR_PX, CLEAR_PX, CLEAR_AB, LEAST_CHROMA = 17, 33, 7.0, 8.0
MARGIN_PX, GRID_PX = 32, 16
BACK_PX = 12.0
GAMMAS = (1.0, 1.35, 0.75, 1.2)


class Part(NamedTuple):
    """A picture of a film, changed, and what its frame truly has."""

    film: str
    frame: int
    rgb: NDArray[np.uint8]
    left: int
    top: int
    is_mirrored: bool
    ab: NDArray[np.float32]
    """(H, W, 2) of the whole frame, averaged."""
    is_clear: NDArray[np.bool_]
    """(H, W), whether one colour is around."""

    def from_frame(self, x: float, y: float) -> tuple[float, float]:
        """A position of the frame in the picture."""
        x -= self.left
        return (self.rgb.shape[1] - 1 - x if self.is_mirrored else x), y - self.top

    def true_color(self, x: float, y: float) -> NDArray[np.float32]:
        """The frame's ab at a position of the picture."""
        x = self.rgb.shape[1] - 1 - x if self.is_mirrored else x
        color: NDArray[np.float32] = self.ab[round(y + self.top), round(x + self.left)]
        return color

    def holds(self, x: float, y: float) -> bool:
        """Whether a position of the frame is in the picture."""
        u, v = self.from_frame(x, y)
        height, width = self.rgb.shape[:2]
        return bool(8 <= u < width - 8 and 8 <= v < height - 8)


class Search(NamedTuple):
    """One saved colour looked for in one picture."""

    film: str
    is_same_film: bool
    is_tracked: bool
    """Else the place is known not to be there."""
    found: FoundPlace | None
    is_right: bool
    chance: float


def main() -> None:
    """Print a row for each film, and for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--films", nargs="+", type=Path, required=True)
    parser.add_argument("--apart", type=int, default=22, help="frames")
    parser.add_argument("--parts", type=int, default=4, help="of each film, at most")
    parser.add_argument("--places", type=int, default=6, help="of each part")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    finder = ColorFinder(load(local_model(arguments.model), device="cpu"))
    parts: list[Part] = []
    flows = {}
    for path in arguments.films:
        count = (arguments.parts - 1) * arguments.apart + 1
        frames = list(islice(rgb_frames(probe(path)), count))
        flows[path.stem] = film_flows(frames)
        parts += film_parts(path.stem, frames, arguments.apart)
    saved = [save_places(part, arguments.places, finder) for part in parts]
    searches: list[Search] = []
    for target in parts:
        found = finder.find(
            target.rgb, [color for colors in saved for color in colors], least_score=-1.0
        )
        for part, colors in zip(parts, saved, strict=True):
            if part is not target and colors:
                searches += compare(part, colors, target, found, flows[part.film])
    films = sorted({part.film for part in parts})
    print(f"{'score':>5}  {'film':12}  tracked  proposed  precision  recall  chance")
    for least in (0.3, 0.4, 0.5, 0.6, 0.7):
        for film in (*films, "all"):
            print_row(film, [s for s in searches if film in (s.film, "all")], least)


def print_row(film: str, searches: Sequence[Search], least: float) -> None:
    """Precision and recall at a least score."""
    proposed = [s for s in searches if s.found is not None and s.found.score >= least]
    tracked = sum(s.is_tracked for s in searches)
    right = sum(s.is_right for s in proposed)
    hits = sum(s.is_right and s.is_tracked for s in proposed)
    chance = np.mean([s.chance for s in searches if s.is_same_film])
    print(
        f"{least:5.2f}  {film:12}  {tracked:7}  {len(proposed):8}  "
        f"{right / max(len(proposed), 1):9.0%}  {hits / max(tracked, 1):6.0%}  {chance:6.0%}"
    )


def film_parts(name: str, frames: Sequence[NDArray[np.uint8]], apart: int) -> list[Part]:
    """The parts of a film."""
    parts = []
    for number, frame in enumerate(range(0, len(frames), apart)):
        full = frames[frame]
        height, width = full.shape[:2]
        left, top = ((0, 0), (0, 0), (width // 10, height // 12), (0, height // 8))[number % 4]
        share = 1.0 if number % 4 < 2 else 0.85
        rgb = full[top : top + int(share * height), left : left + int(share * width)]
        rgb = np.rint(255.0 * (rgb / 255.0) ** GAMMAS[number % 4]).astype(np.uint8)
        rgb = rgb[:, ::-1] if number % 2 else rgb
        ab = np.asarray(rgb_to_lab(full / 255.0)[..., 1:], np.float32)
        mean = cv2.blur(ab, (CLEAR_PX, CLEAR_PX))
        square = cv2.blur((ab**2).sum(axis=-1), (CLEAR_PX, CLEAR_PX))
        is_clear = square - (mean**2).sum(axis=-1) < CLEAR_AB**2
        color = np.asarray(cv2.blur(ab, (COLOR_PX, COLOR_PX)), np.float32)
        rgb = np.ascontiguousarray(rgb)
        parts.append(Part(name, frame, rgb, left, top, bool(number % 2), color, is_clear))
    return parts


def save_places(part: Part, count: int, finder: ColorFinder) -> list[SavedColor]:
    """Places of clear colours that differ most in colour and position."""
    height, width = part.rgb.shape[:2]
    rows, columns = np.mgrid[
        part.top + MARGIN_PX : part.top + height - MARGIN_PX : GRID_PX,
        part.left + MARGIN_PX : part.left + width - MARGIN_PX : GRID_PX,
    ].reshape(2, -1)
    ab = part.ab[rows, columns]
    usable = part.is_clear[rows, columns] & (np.hypot(*ab.T) > LEAST_CHROMA)
    rows, columns, ab = rows[usable], columns[usable], ab[usable]
    if not len(rows):
        return []
    points = np.c_[ab / 10.0, rows / 120.0, columns / 120.0]
    chosen = [int(np.hypot(*ab.T).argmax())]
    while len(chosen) < min(count, len(rows)):
        gaps = [((points - points[i]) ** 2).sum(axis=1) for i in chosen]
        chosen.append(int(np.min(gaps, axis=0).argmax()))
    photo = f"{part.film} {part.frame}"
    colors = []
    for number, i in enumerate(chosen):
        x, y = part.from_frame(float(columns[i]), float(rows[i]))
        # Which colour it is does not matter for finding it.
        hint = Hint(x, y, "red")
        colors.append(finder.save(f"{photo} {number}", part.rgb, hint, photo))
    return colors


def compare(
    part: Part,
    colors: Sequence[SavedColor],
    target: Part,
    found: Sequence[FoundPlace],
    flows: tuple[list[Points], list[Points]],
) -> list[Search]:
    """What came of a part's colours in a picture, where the truth is known."""
    by_name = {place.name: place for place in found}
    is_same = part.film == target.film
    height, width = part.ab.shape[:2]
    starts = [
        (part.left + (part.rgb.shape[1] - 1 - c.x if part.is_mirrored else c.x), part.top + c.y)
        for c in colors
    ]
    ends, gaps = np.zeros((len(colors), 2), np.float32), np.zeros(len(colors))
    if is_same:
        points = np.asarray(starts, np.float32)
        ends = track(points, part.frame, target.frame, flows)
        gaps = np.hypot(*(track(ends, target.frame, part.frame, flows) - points).T)
    searches = []
    for color, (x, y), gap in zip(colors, ends, gaps, strict=True):
        own = part.true_color(color.x, color.y)
        is_tracked = is_same and target.holds(x, y)
        if is_same and (gap > BACK_PX or not (0 <= x < width and 0 <= y < height)):
            continue
        if (
            is_tracked
            and np.hypot(*(target.true_color(*target.from_frame(x, y)) - own)) > SAME_COLOR
        ):
            continue
        place = by_name.get(color.name)
        is_right = (
            is_same
            and place is not None
            and bool(np.hypot(*(target.true_color(place.x, place.y) - own)) <= SAME_COLOR)
        )
        apart = np.hypot(*np.moveaxis(target.ab - own, -1, 0))
        chance = float((apart <= SAME_COLOR).mean()) if is_same else 0.0
        searches.append(Search(part.film, is_same, is_tracked, place, is_right, chance))
    return searches


def film_flows(frames: Sequence[NDArray[np.uint8]]) -> tuple[list[Points], list[Points]]:
    """Optical flow to the next frame, and from it back, (H/2, W/2, 2) in px of half size."""
    half = [cv2.resize(f, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for f in frames]
    greys = [np.asarray(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), np.uint8) for f in half]
    steps = list(pairwise(greys))
    return [flow(a, b) for a, b in steps], [flow(b, a) for a, b in steps]


def flow(grey: NDArray[np.uint8], other: NDArray[np.uint8]) -> Points:
    """Optical flow from one picture to another, (h, w, 2) in px."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(method.calc(grey, other, None), np.float32)  # type: ignore[call-overload]


def track(points: Points, start: int, end: int, flows: tuple[list[Points], list[Points]]) -> Points:
    """Where points (n, 2) of one frame are in another; far outside where they leave the film."""
    forth, back = flows
    at, half = start, points / 2.0
    while at != end:
        field = forth[at] if end > at else back[at - 1]
        step = cv2.remap(
            field, half[None, :, 0], half[None, :, 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(1e4, 1e4),
        )  # fmt: skip
        half = half + step[0]
        at += 1 if end > at else -1
    return np.asarray(2.0 * half, np.float32)


if __name__ == "__main__":
    main()
