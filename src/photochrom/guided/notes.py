"""What a person should know of the colours asked for: those that cannot be shown as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose
from photochrom.color.difference import ciede2000
from photochrom.color.fit import shrink
from photochrom.color.luminance import lightness
from photochrom.color.places import ColoredPlace, Window, paint_places
from photochrom.color.space import rgb_to_lab
from photochrom.engine import ModelCard
from photochrom.hints import ColorHint
from photochrom.pipeline import Guide, Spread, chosen_spread

CLIP_DIFFERENCE = 10.0
"""ΔE00 between a colour asked for and what sRGB has at a place's lightness, from which a note says
so."""
_EXACT_NOTE = (
    "it is a drawing or map, so what was said of its colours is spread by its lines alone (as with "
    "--spread exact); --spread network lets the network colour it"
)
_SAMPLE_PX = 128
_LEAST_SHARE = 0.5
"""Of a place, that has to be clipped so far."""


def clip_notes(picture: NDArray[Any], hints: Sequence[ColorHint]) -> tuple[str, ...]:
    """A note for each hint whose colour does not exist at the lightness of its place.

    picture: (H, W) or (H, W, 3), as for `photochrom.pipeline.colorize`. Raises InputError for hints
    that make no sense in it.
    """
    places = [hint.on_picture(picture) for hint in hints]
    notes = (_clip_note(picture, place) for place in places)
    return tuple(note for note in notes if note is not None)


def spread_notes(
    picture: NDArray[Any],
    hints: Sequence[ColorHint],
    spread: Spread,
    card: ModelCard,
    guide: Guide | None = None,
) -> tuple[str, ...]:
    """The note where colours are spread exactly without that having been asked for.

    As for `photochrom.pipeline.chosen_spread`.
    """
    if spread != "auto" or not hints:
        return ()
    exact = chosen_spread(picture, hints, spread, card, guide) == "exact"
    return (_EXACT_NOTE,) if exact else ()


def _clip_note(picture: NDArray[Any], place: ColoredPlace) -> str | None:
    window = place.window.overlap(Window(0, 0, *picture.shape[:2]))
    if window.is_empty:
        return None
    shape = (min(window.height, _SAMPLE_PX), min(window.width, _SAMPLE_PX))
    ab, mask = paint_places([place], window, shape)
    covered = mask > 0
    if not covered.any():
        return None
    L = shrink(lightness(np.ascontiguousarray(picture[window.slices])), shape)[covered][None]
    wanted = np.concatenate([L[..., None], ab[covered][None]], axis=-1)
    shown = rgb_to_lab(compose(L, ab[covered][None], np.float32).astype(np.float64))
    difference = ciede2000(wanted, shown)[0]
    clipped = difference > CLIP_DIFFERENCE
    if clipped.mean() <= _LEAST_SHARE:
        return None
    place_L = float(np.median(L[0, clipped]))
    kind = "dark" if place_L < 50 else "light"
    return (
        f"the colour of {place.title} does not exist where it is so {kind} (L* {place_L:.0f}); it "
        f"comes out paler there, by ΔE00 {np.median(difference[clipped]):.0f}"
    )
