"""What each view of a photo is: which part of it, how aged, with which bars and hints.

All that is random in a sample is drawn here, in blocks of positions, and none of it where views are
made; so that they are the same on every device. A sample's numbers are a function of the seed and
its position in the run alone: a resumed run, and any number of processes, have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photochrom.restoration.simulation import CLUMP_PX
from photochrom.training.recipe.recipe import AugmentRecipe, HintRecipe

_BLOCK = 64
"""Samples that are drawn together."""
LARGEST_PATCH_PX = 9
LONGEST_STROKE_PX = 11
_LUMINANCE = (0.2126, 0.7152, 0.0722)
_KEPT_BLOCKS = 8
_CROPS, _AGEING, _BARS, _HINTS, _POINTS, _ROTATION, _LINES = range(7)
"""The streams of random numbers: what is drawn of one leaves the others as they are."""

_Part = TypeVar("_Part", bound=tuple[Any, ...])


class Crops(NamedTuple):
    """Which part of its photo each of N samples shows; (N,) each.

    view: its side as a share of the photo's short side. top, left: its place, as a share of the
    room that there is. mirrored: bool.
    """

    view: Tensor
    top: Tensor
    left: Tensor
    mirrored: Tensor


class Rotation(NamedTuple):
    """By how much each of N samples is turned. angle: (N,) radians, clockwise."""

    angle: Tensor


class Lines(NamedTuple):
    """How each of N samples would be drawn, (N,) each but for one; see `drawing.draw_lines`.

    finest_px: σ of the blur before lines are looked for. threshold: the least step that is drawn,
    as a share of the picture's strong ones. paper: its lightness, CIELAB. darkness: of the lines,
    as a share of the paper. grain: its standard deviation, lightness. seed: int64 in [0, 2³²).
    stroke_px: length. turn: of the eight directions, radians. wobble_px: how far a line strays.
    wobble_noise: (N, 2, 5, 5), where to. hatching: darkness of hatched places; 0: none.
    """

    finest_px: Tensor
    threshold: Tensor
    paper: Tensor
    darkness: Tensor
    grain: Tensor
    seed: Tensor
    stroke_px: Tensor
    turn: Tensor
    wobble_px: Tensor
    wobble_noise: Tensor
    hatching: Tensor


class Ageing(NamedTuple):
    """How the samples ``rows`` (K,) of a batch look as old photographs; the others: (K,) but one.

    emulsion: (K, 3) shares of linear red, green, blue. gamma, contrast: exponents of the tone
    curve, of light and of its odds. is_stretched: bool, whether levels are stretched before; black,
    white: the ends of the curve, CIELAB lightness. unsharp, unsharp_px: share and σ of an unsharp
    mask. blur_px: σ; 0: none. grain: its standard deviation, lightness; 0: none. grain_px: σ of its
    clumps; 0: one pixel. grain_seed: int64 in [0, 2³²). jpeg_quality: 30 to 84; 0: none.
    """

    rows: Tensor
    emulsion: Tensor
    gamma: Tensor
    contrast: Tensor
    is_stretched: Tensor
    black: Tensor
    white: Tensor
    unsharp: Tensor
    unsharp_px: Tensor
    blur_px: Tensor
    grain: Tensor
    grain_px: Tensor
    grain_seed: Tensor
    jpeg_quality: Tensor


class Bars(NamedTuple):
    """Bars on the samples ``rows`` (K,); the others: (K,).

    height: of the bars above and below, as a share of the side. width: of those at left and right.
    lightness: CIELAB.
    """

    rows: Tensor
    height: Tensor
    width: Tensor
    lightness: Tensor


class Points(NamedTuple):
    """M patches of true colour, each in the sample ``rows`` (M,): a later one covers an earlier.

    top, left: the corner as a share of the sample's side; may lie outside, and is then moved in.
    side_px: int64, 1 to LARGEST_PATCH_PX.
    """

    rows: Tensor
    top: Tensor
    left: Tensor
    side_px: Tensor


class Fields(NamedTuple):
    """Colours carried along a motion in the samples ``rows`` (K,); see `hints.carried_colors`.

    blur_px: σ. shift_px: (K, 2) int64, down and right. strength: factor on the chroma. wrong_noise,
    unknown_noise: (K, 6, 6), regions are cut from; wrong, unknown: their shares of the sample.
    """

    rows: Tensor
    blur_px: Tensor
    shift_px: Tensor
    strength: Tensor
    wrong_noise: Tensor
    wrong: Tensor
    unknown_noise: Tensor
    unknown: Tensor


class Hints(NamedTuple):
    """The hints of a batch; a sample has one kind or none. shown: (K,) samples that see all."""

    points: Points
    shown: Tensor
    fields: Fields


class Views(NamedTuple):
    """N samples. photos: (N,) int64, which photo each is a view of."""

    photos: Tensor
    crops: Crops
    rotation: Rotation
    ageing: Ageing
    lines: Lines
    bars: Bars
    hints: Hints

    def pin_memory(self) -> Views:
        """The same in page-locked memory."""
        return _map(lambda tensor: tensor.pin_memory() if len(tensor) else tensor, self)

    def on_device(self, device: torch.device) -> Views:
        """The same on a device; the copying may still be under way, and comes before what reads."""
        return _map(lambda tensor: tensor.to(device, non_blocking=True), self)


def _map(function: Callable[[Tensor], Tensor], values: _Part) -> _Part:
    """A tuple of tensors, or of such tuples, with the function applied to each tensor."""
    results = (function(v) if isinstance(v, Tensor) else _map(function, v) for v in values)
    return type(values)(*results)


Draws = dict[str, NDArray[Any]]
"""Numbers of some samples by their names, along the first axis."""


class _Block(NamedTuple):
    """What is drawn for the samples of a block."""

    crops: Draws
    rotation: Draws
    ageing: Draws
    lines: Draws
    bars: Draws
    hints: Draws
    points: Draws


class ViewPlan:
    """What the views of a run show, by their position."""

    def __init__(self, augment: AugmentRecipe, hints: HintRecipe, seed: int) -> None:
        self._augment, self._hints, self._seed = augment, hints, seed
        # Batches may be much smaller than blocks.
        self._block = lru_cache(maxsize=_KEPT_BLOCKS)(self._draw_block)

    def views(self, photos: NDArray[np.int64], position: int) -> Views:
        """The views number position, position + 1, ...; photos: (N,) which photo each is of."""
        last = position + len(photos)
        numbers = range(position // _BLOCK, (last - 1) // _BLOCK + 1)
        blocks = [self._block(number) for number in numbers]
        first = position - numbers[0] * _BLOCK
        crops, rotation, ageing, lines, bars, hints = (
            _cut([getattr(block, name) for block in blocks], first, len(photos))
            for name in ("crops", "rotation", "ageing", "lines", "bars", "hints")
        )
        points = [
            block.points | {"rows": block.points["rows"] + n * _BLOCK - first}
            for n, block in enumerate(blocks)
        ]
        return Views(
            torch.from_numpy(photos),
            Crops(**_tensors(crops)),
            Rotation(**_tensors(rotation)),
            Ageing(**_tensors(_where_set(ageing))),
            Lines(**_tensors(lines)),
            Bars(**_tensors(_where_set(bars))),
            self._choose_hints(hints, _cut(points, 0, None)),
        )

    def _draw_block(self, number: int) -> _Block:
        def random(stream: int) -> np.random.Generator:
            return np.random.default_rng([self._seed, 2, number, stream])

        return _Block(
            _draw_crops(self._augment, random(_CROPS)),
            _draw_rotation(self._augment, random(_ROTATION)),
            _draw_ageing(self._augment, random(_AGEING)),
            _draw_lines(random(_LINES)),
            _draw_bars(self._augment, random(_BARS)),
            _draw_hints(random(_HINTS)),
            _draw_points(self._hints, random(_POINTS)),
        )

    def _choose_hints(self, draws: Draws, points: Draws) -> Hints:
        """Which samples have which kind of hints, and those. points: of all, and of some beside."""
        recipe, kind = self._hints, draws.pop("kind")
        is_shown = (kind >= recipe.points) & (kind < recipe.points + recipe.full)
        rest = kind - recipe.points - recipe.full
        draws["chosen"] = (rest >= 0) & (rest < recipe.field)
        rows = points["rows"]
        has_points = (rows >= 0) & (rows < len(kind))
        has_points[has_points] = kind[rows[has_points]] < recipe.points
        return Hints(
            Points(**_tensors({name: values[has_points] for name, values in points.items()})),
            torch.from_numpy(np.flatnonzero(is_shown)),
            Fields(**_tensors(_where_set(draws))),
        )


def _cut(draws: Sequence[Draws], first: int, count: int | None) -> Draws:
    """Of what was drawn for several blocks, so many from ``first`` on; None: all."""
    end = None if count is None else first + count
    return {name: np.concatenate([d[name] for d in draws])[first:end] for name in draws[0]}


def _where_set(draws: Draws) -> Draws:
    """The samples for which "chosen" is set; ``rows`` are their numbers."""
    chosen = np.flatnonzero(draws.pop("chosen"))
    return {"rows": chosen, **{name: values[chosen] for name, values in draws.items()}}


def _tensors(draws: Draws) -> dict[str, Tensor]:
    return {
        name: torch.from_numpy(
            values.astype(np.float32) if values.dtype == np.float64 else values.copy()
        )
        for name, values in draws.items()
    }


def _draw_crops(recipe: AugmentRecipe, random: np.random.Generator) -> Draws:
    return {
        "view": random.uniform(recipe.zoom_in, recipe.zoom_out, _BLOCK),
        "top": random.random(_BLOCK),
        "left": random.random(_BLOCK),
        "mirrored": random.random(_BLOCK) < 0.5,
    }


def _draw_rotation(recipe: AugmentRecipe, random: np.random.Generator) -> Draws:
    return {"angle": np.radians(recipe.rotation) * random.uniform(-1.0, 1.0, _BLOCK)}


def _draw_lines(random: np.random.Generator) -> Draws:
    """Fine and coarse, sparse and crowded, faint and dark, of a sure and of an unsure hand."""
    n = _BLOCK
    has_grain, is_hatched = random.random(n) < 0.5, random.random(n) < 0.5
    return {
        "finest_px": random.uniform(0.6, 1.8, n),
        "threshold": random.uniform(0.15, 0.5, n),
        "paper": random.uniform(88, 100, n),
        "darkness": random.uniform(0.6, 1.0, n),
        "grain": np.where(has_grain, random.uniform(0.0, 2.5, n), 0.0),
        "seed": random.integers(0, 2**32, n),
        "stroke_px": random.uniform(4.0, LONGEST_STROKE_PX, n),
        "turn": random.uniform(0.0, np.pi / 8, n),
        "wobble_px": random.uniform(0.0, 1.5, n),
        "wobble_noise": random.standard_normal((n, 2, 5, 5)),
        "hatching": np.where(is_hatched, random.uniform(0.2, 0.8, n), 0.0),
    }


def _draw_ageing(recipe: AugmentRecipe, random: np.random.Generator) -> Draws:
    """Film that saw blue and no red; faded or printed hard, scanned softly or sharpened, with grain
    and JPEG blocks.
    """
    n = _BLOCK
    # Orthochromatic and early panchromatic emulsions: any mix, mostly less red.
    emulsion = random.dirichlet((1.5, 4.0, 2.0), n)
    has_modern_film, is_soft = random.random(n) >= 0.6, random.random(n) < 0.35
    has_grain, is_clumped = random.random(n) < 0.85, random.random(n) < 0.3
    is_compressed, is_sharpened = random.random(n) < 0.3, random.random(n) < 0.6
    return {
        "chosen": random.random(n) < recipe.old,
        "emulsion": np.where(has_modern_film[:, None], _LUMINANCE, emulsion),
        "gamma": np.exp(random.normal(0.0, 0.3, n)),
        "contrast": np.exp(random.normal(0.1, 0.25, n)),
        "is_stretched": random.random(n) < 0.6,
        "black": random.uniform(0, 18, n) * random.random(n),
        "white": 100 - random.uniform(0, 20, n) * random.random(n),
        "unsharp": np.where(is_sharpened, random.uniform(0.2, 1.2, n), 0.0),
        "unsharp_px": np.exp(random.uniform(np.log(0.7), np.log(8.0), n)),
        "blur_px": np.where(is_soft, random.uniform(0.3, 1.2, n), 0.0),
        "grain": np.where(has_grain, np.exp(random.uniform(np.log(0.3), np.log(6.0), n)), 0.0),
        "grain_px": np.where(is_clumped, CLUMP_PX, 0.0),
        "grain_seed": random.integers(0, 2**32, n),
        "jpeg_quality": np.where(is_compressed, random.integers(30, 85, n), 0.0),
    }


def _draw_bars(recipe: AugmentRecipe, random: np.random.Generator) -> Draws:
    """Above and below, at the sides, or all around: 4 to 24 % of the side, mostly black."""
    n = _BLOCK
    kind = random.integers(0, 3, n)
    thickness = random.uniform(0.04, 0.24, n)
    darkness, tone = random.random(n), random.random(n)
    is_black, is_white = darkness < 0.75, darkness > 0.9
    return {
        "chosen": random.random(n) < recipe.bars,
        "height": np.where(kind != 1, thickness, 0.0),
        "width": np.where(kind == 1, thickness, 0.0)
        + np.where(kind == 2, thickness * random.uniform(0.6, 1.4, n), 0.0),
        "lightness": np.select([is_black, is_white], [6 * tone, 100 - 6 * tone], 100 * tone),
    }


def _draw_points(recipe: HintRecipe, random: np.random.Generator) -> Draws:
    """Points of colour as a person gives them, for all samples; most get none of them.

    Source: Zhang et al., *Real-Time User-Guided Image Colorization* (SIGGRAPH 2017): their number
    is geometric with p = 1/8, sides 1-9 px, positions Gaussian around the centre, colour the mean
    of the patch; in 1 % of samples the whole colour is shown.
    """
    counts = random.geometric(recipe.point_p, _BLOCK)
    total = int(counts.sum())
    return {
        "rows": np.repeat(np.arange(_BLOCK), counts),
        "top": random.normal(0.5, 0.25, total),
        "left": random.normal(0.5, 0.25, total),
        "side_px": random.integers(1, LARGEST_PATCH_PX + 1, total),
    }


def _draw_hints(random: np.random.Generator) -> Draws:
    """Which kind of hints, and how a motion would carry colours."""
    return {
        "kind": random.random(_BLOCK),
        "blur_px": random.uniform(0.5, 3.0, _BLOCK),
        "shift_px": random.integers(-3, 4, (_BLOCK, 2)),
        "strength": random.uniform(0.7, 1.15, _BLOCK),
        "wrong_noise": random.standard_normal((_BLOCK, 6, 6)),
        "wrong": random.uniform(0.0, 0.25, _BLOCK),
        "unknown_noise": random.standard_normal((_BLOCK, 6, 6)),
        "unknown": random.uniform(0.0, 0.4, _BLOCK),
    }
