"""How a picture is coloured.

Lightness is the photograph, chroma is the guess: the network sees the lightness at a small working
size and proposes ab; ab is brought to full size and put together with the photograph's own
lightness, which is never touched. Any size goes through in one piece, so there are no seams.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from photochrom.color.borders import (
    NO_BORDERS,
    Borders,
    crop,
    exact_borders,
    fill_corners,
    find_borders,
    find_corners,
    paste,
)
from photochrom.color.compose import compose_upsampled
from photochrom.color.drawings import is_line_drawing
from photochrom.color.fit import shrink, shrink_lightness, working_shape
from photochrom.color.look import Look, Match, find_look, match_chroma
from photochrom.color.luminance import check_picture, check_range, lightness
from photochrom.color.optimization import ColorSpreader
from photochrom.color.own_colors import (
    crop_places,
    keeps_places,
    place_hints,
    with_own_colors,
)
from photochrom.color.paint import under_paint
from photochrom.color.pin import pin_colors
from photochrom.color.places import (
    ColoredPlace,
    Window,
    blend_ellipse,
    paint_places,
)
from photochrom.color.smoothing import Smoothing, check_smoothing, smooth_chroma
from photochrom.color.spread import carry_small_correction, spread_correction
from photochrom.color.tone import ToneJudgement, judge
from photochrom.color.upsample import Upsampling
from photochrom.color.white_balance import balance_chroma
from photochrom.engine import DEFAULT_MODEL, ModelCard, Network, load
from photochrom.errors import InputError
from photochrom.hints import ColorHint, Hint

Size: TypeAlias = "int | Literal['auto']"
"""The network's working size: short side in px, or "auto"."""

Guide: TypeAlias = (
    "Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]"
)
"""Colours that are known from elsewhere, such as a reference picture, for what the network sees: L
(h, w) in, ab (h, w, 2) and mask (h, w) out, as `hint_planes` returns them."""

Spread: TypeAlias = Literal["auto", "network", "exact"]
"""How known colours spread: as the network sees things; by lightness alone; or the one that suits
the picture: exactly on drawings and maps, by the network on all others."""
SPREADS: tuple[Spread, ...] = get_args(Spread)

DEFAULT_VIVIDNESS = 1.0
"""Factor on the chroma as the model means it."""
DEFAULT_UPSAMPLING: Upsampling = "bicubic"
MAX_SHIFT = 50.0
"""Of temperature and tint, CIELAB units, either way."""

_Found: TypeAlias = "tuple[NDArray[np.float32], NDArray[np.float32] | None]"
"""ab, (h/k, w/k, 2), and the confidence, (h/k, w/k), if there is one."""
MIN_HINT_GAIN = 0.5
"""Hints are divided by the gain on the chroma, or by this where it is smaller."""
_EXACT_PX = 256
"""Short side at which colours spread exactly: 0.15 s of one processor for 3:2."""
_REACH_PX = 2
"""Of the working size, by which black bars that are found at it may be wrong."""
_REACHED = 10.0
"""Change of a network's colours by hints, CIELAB units, from which a guide says nothing more."""
AB_LIMIT = 128.0
"""Of the hints that a network sees, CIELAB units, either way."""
_ALL_BLACK = 0.99


@dataclass(frozen=True)
class NetworkSettings:
    """Which network guesses, where it runs, how it is asked: the same for photos and films."""

    model: str | Path = DEFAULT_MODEL
    device: str = "auto"
    threads: int | None = None
    """Of the network, and of a film's encoder; None: each as it likes best."""
    size: Size = "auto"
    vividness: float = DEFAULT_VIVIDNESS


@dataclass(frozen=True)
class WhiteBalance:
    """How the colours of a whole picture are shifted. Raises InputError for other numbers."""

    temperature: float = 0.0
    """Added to b*, CIELAB units in [-50, 50]: above 0 warmer (yellow), below cooler (blue)."""
    tint: float = 0.0
    """Added to a*, CIELAB units in [-50, 50]: above 0 to magenta, below to green."""
    neutral: float = 0.0
    """How much of its cast is taken from a picture, [0, 1]: the median chroma of the least
    colourful tenth of its pixels."""

    def __post_init__(self) -> None:
        for name in ("temperature", "tint"):
            value = getattr(self, name)
            if not (math.isfinite(value) and abs(value) <= MAX_SHIFT):
                raise InputError(
                    f"the {name} is {value}; it must be a number from -{MAX_SHIFT:g} to "
                    f"{MAX_SHIFT:g}"
                )
        if not 0.0 <= self.neutral <= 1.0:
            raise InputError(
                f"the share of the cast to remove is {self.neutral}; it must be from 0 to 1"
            )

    def __bool__(self) -> bool:
        return bool(self.temperature or self.tint or self.neutral)


NO_SHIFT = WhiteBalance()


def colorize(
    rgb: NDArray[Any],
    *,
    model: str | Path | Network = DEFAULT_MODEL,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    hints: Sequence[ColorHint] = (),
    upsampling: Upsampling = DEFAULT_UPSAMPLING,
    keep: ToneJudgement | None = None,
    guide: Guide | None = None,
    white_balance: WhiteBalance = NO_SHIFT,
    spread: Spread = "auto",
    smooth: Smoothing = "none",
    match: Match | None = None,
    device: str = "auto",
) -> NDArray[Any]:
    """Colour a black-and-white picture.

    rgb: (H, W) grey or (H, W, 3) RGB, sRGB-encoded; uint8, uint16, or floating in [0, 1]. Colours
        that are there (a sepia tone, say) are ignored.
    model: a name, a path or an address; or a `Network`, which many pictures can share.
    size: working size of the network, px (the "render factor"). "auto" is the size the model likes
        best, or the picture's own where that is smaller.
    vividness: factor on the chroma; 0 is grey, 1 as the model means it. Hints keep their colours.
    hints: colours of some places, as a person says them; where they overlap, the later one counts.
    keep: what `photochrom.color.tone.judge` says of the picture; its coloured places then keep
        their colours, and the network has them as hints. None: all is coloured anew.
    guide: colours from elsewhere, for the places of which neither hints nor ``keep`` say any, and
        to which the network does not carry hints.
    white_balance: shift of all colours but those of hints and ``keep``.
    match: a look that these colours are brought to, before they are shifted.
    spread: how the colours of hints spread. Exactly, they are all the colours that there are:
        vividness, match, white balance and smoothing then change nothing.
    smooth: how the network's colours are made calmer where the lightness is.
    upsampling: how chroma is brought to full size. device: see `load`; not used with a Network.
    Returns (H, W, 3) sRGB-encoded, of the same dtype (float32 for floating).
    Raises InputError for a picture, hint or number that makes no sense, and ModelError.
    """
    network = model if isinstance(model, Network) else load(model, device=device)
    check_numbers(rgb, vividness)
    check_smoothing(smooth)
    places = [hint.on_picture(rgb) for hint in hints]
    if chosen_spread(rgb, hints, spread, network.card, guide) == "exact":
        ab, upsampling = _exact_chroma(rgb, places, keep), "guided"
    else:
        guess = _predict(rgb, network, size, vividness, places, keep, guide)
        ab = smooth_chroma(guess.ab, guess.L, smooth)
        if match is not None:
            ab = match_chroma(ab, guess.L, match)
        if white_balance:
            ab = balance_chroma(ab, guess.L, **dataclasses.asdict(white_balance))
    canvas = _canvas(rgb, ab, network.card)
    colored = compose_upsampled(canvas, ab, method=upsampling, dtype=_own_type(rgb))
    exact = [place for place in places if place.is_exact]
    if exact:
        pin_colors(colored, canvas, exact, max(np.divide(rgb.shape[:2], ab.shape[:2])))
    return colored if keep is None else with_own_colors(colored, rgb, keep)


def guessed_look(
    rgb: NDArray[Any],
    network: Network,
    *,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
) -> Look | None:
    """The look that a picture would get, everything as for `colorize`; None where it has none."""
    guess = predict(rgb, network, size=size, vividness=vividness)
    return find_look(guess.ab, guess.L)


def chosen_spread(
    rgb: NDArray[Any],
    hints: Sequence[ColorHint],
    spread: Spread,
    card: ModelCard,
    guide: Guide | None = None,
) -> Spread:
    """How the colours of hints spread over a picture: "network" or "exact".

    rgb, hints, spread, guide: as for `colorize`. card: of the model. "auto" is exact where there
    are hints alone and the picture is a drawing or map (`photochrom.color.drawings`) of which the
    model knows nothing. Raises InputError for another word, and where there is nothing for "exact".
    """
    if spread not in SPREADS:
        raise InputError(f"colours cannot spread by {spread!r}; choose of {', '.join(SPREADS)}")
    if spread == "exact" and guide is not None:
        raise InputError(
            "colours of references are for the network; leave them out, or spread by 'network'"
        )
    if spread == "exact" and not hints:
        raise InputError(
            "there are no colours to spread exactly; say some by hints, strokes or areas, or let "
            "the network colour"
        )
    if spread != "auto":
        return spread
    if not hints or guide is not None or card.colors_drawings:
        return "network"
    return "exact" if is_line_drawing(shrink_lightness(rgb, _exact_shape(rgb))) else "network"


def _exact_shape(rgb: NDArray[Any]) -> tuple[int, int]:
    height, width = rgb.shape[:2]
    return working_shape(height, width, min(_EXACT_PX, height, width), 1)


def _exact_chroma(
    rgb: NDArray[Any], places: Sequence[ColoredPlace], keep: ToneJudgement | None
) -> NDArray[np.float32]:
    """Chroma of the whole by the places' alone: (h, w, 2) float32, CIELAB units."""
    shape = _exact_shape(rgb)
    ab, mask = paint_places(places, Window(0, 0, rgb.shape[0], rgb.shape[1]), shape)
    if keep is not None:
        ab, mask = _add_hints(ab, mask, *place_hints(rgb, keep, shape))
    return ColorSpreader(shrink_lightness(rgb, shape)).spread(ab, mask)


def put_colors(
    rgb: NDArray[Any],
    ab: NDArray[np.float32],
    card: ModelCard,
    upsampling: Upsampling = DEFAULT_UPSAMPLING,
) -> NDArray[Any]:
    """A picture in the colours of its `predict`, at its own lightness; on drawings, whose paper is
    too light to have a colour, as washes of paint.

    rgb: as for `colorize`. ab: (h, w, 2). card: of the model. Returns as `colorize`.
    """
    canvas = _canvas(rgb, ab, card)
    return compose_upsampled(canvas, ab, method=upsampling, dtype=_own_type(rgb))


def _canvas(rgb: NDArray[Any], ab: NDArray[np.float32], card: ModelCard) -> NDArray[Any]:
    """The picture that colours are put on: the photograph, or a drawing under paint."""
    return under_paint(rgb, ab) if card.colors_drawings else rgb


def _own_type(rgb: NDArray[Any]) -> DTypeLike:
    """The type of a picture when it is coloured: its own, float32 for floating."""
    return rgb.dtype if rgb.dtype.kind == "u" else np.dtype(np.float32)


class ColorPrediction(NamedTuple):
    """What a network makes of one picture, before it is brought to the picture's size."""

    L: NDArray[np.float32]
    """(h, w) float32, [0, 100]: the lightness that the network saw."""
    ab: NDArray[np.float32]
    """(h/k, w/k, 2) float32, CIELAB units: the colours proposed, with vividness and hints."""
    confidence: NDArray[np.float32] | None
    """(h/k, w/k) float32, [0, 1], 1 where the network is sure; None where it does not say."""


def predict(
    rgb: NDArray[Any],
    network: Network,
    *,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    hints: Sequence[ColorHint] = (),
    keep: ToneJudgement | None = None,
    guide: Guide | None = None,
) -> ColorPrediction:
    """The colours that a network proposes for a picture; everything as for `colorize`."""
    check_numbers(rgb, vividness)
    places = [hint.on_picture(rgb) for hint in hints]
    return _predict(rgb, network, size, vividness, places, keep, guide)


def _predict(
    rgb: NDArray[Any],
    network: Network,
    size: Size,
    vividness: float,
    places: Sequence[ColoredPlace],
    keep: ToneJudgement | None,
    guide: Guide | None,
) -> ColorPrediction:
    whole = _predict_whole(rgb, network, size, vividness, places, keep, guide)
    # What has colours from elsewhere has them all over.
    if network.close_ups is None or guide is not None:
        return whole
    full, face_network = (rgb.shape[0], rgb.shape[1]), network.close_ups.network
    found = network.close_ups.find(rgb)
    if not found:
        return whole
    # At the size that the network saw, as of its own pixels a face may have few.
    ab = _resize(whole.ab, (whole.L.shape[0], whole.L.shape[1]), cv2.INTER_CUBIC)
    for one in found[::-1]:  # where faces overlap, the largest one counts most
        window = Window(one.top, one.left, one.height, one.width)
        inside = np.ascontiguousarray(rgb[window.slices])
        around = Borders(
            one.top, full[0] - one.top - one.height, one.left, full[1] - one.left - one.width
        )
        kept = None if keep is None else crop_places(keep, around, full)
        L = working_lightness(inside, face_network.card.size, face_network.card)
        hint_ab, mask = _all_hints(inside, places, window, kept, L, None, face_network)
        face_ab, _ = _guess(face_network, L, hint_ab, mask, vividness)
        middle, radii = (one.y, one.x), (one.radius_y, one.radius_x)
        blend_ellipse(ab, full, face_ab, window, middle, radii, network.close_ups.share)
    return whole._replace(ab=ab)


def _predict_whole(
    rgb: NDArray[Any],
    network: Network,
    size: Size,
    vividness: float,
    places: Sequence[ColoredPlace],
    keep: ToneJudgement | None,
    guide: Guide | None,
) -> ColorPrediction:
    L = working_lightness(rgb, size, network.card)
    inside = _inside_bars(rgb, L, size, network.card, keep)
    hint_ab, mask = _all_hints(
        inside.rgb, places, inside.window, inside.keep, inside.L, guide, network
    )
    found = _guess(network, inside.L, hint_ab, mask, vividness)
    if inside.borders:
        found = _on_whole(found, inside.L, inside.borders, (rgb.shape[0], rgb.shape[1]), L)
    return ColorPrediction(L, *found)


class _Inside(NamedTuple):
    """What is inside of a picture's black bars, which is seen as if there were none."""

    rgb: NDArray[Any]
    L: NDArray[np.float32]
    """At working size, from the picture's own pixels."""
    keep: ToneJudgement | None
    borders: Borders

    @property
    def window(self) -> Window:
        """Where that is in the picture."""
        return Window(self.borders.top, self.borders.left, self.rgb.shape[0], self.rgb.shape[1])


def _inside_bars(
    rgb: NDArray[Any],
    L: NDArray[np.float32],
    size: Size,
    card: ModelCard,
    keep: ToneJudgement | None,
) -> _Inside:
    """The whole picture where it has no bars. L: of it at working size."""
    borders = _exact_borders(rgb, L)
    if not borders:
        return _Inside(rgb, L, keep, borders)
    inside = crop(rgb, borders)
    kept = None if keep is None else crop_places(keep, borders, (rgb.shape[0], rgb.shape[1]))
    return _Inside(inside, working_lightness(inside, size, card), kept, borders)


def _exact_borders(rgb: NDArray[Any], L: NDArray[np.float32]) -> Borders:
    """The black bars of a picture, px of it. L: of it at working size."""
    borders = find_borders(L)
    if not borders:
        return borders
    full, small = (rgb.shape[0], rgb.shape[1]), (L.shape[0], L.shape[1])
    reach = (_REACH_PX * full[0] // small[0] + 1, _REACH_PX * full[1] // small[1] + 1)
    return exact_borders(rgb, borders.at_size(small, full), reach, lightness)


class NetworkInput(NamedTuple):
    """What a network is given of a picture when it is coloured."""

    planes: NDArray[np.float32]
    """(1, 4, h, w), as networks take them."""
    window: Window
    """Which part of the picture they show: what is inside of its black bars."""


def network_input(
    rgb: NDArray[Any],
    card: ModelCard,
    *,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    hints: Sequence[ColorHint] = (),
    keep: ToneJudgement | None = None,
) -> NetworkInput:
    """What the network of a card is given for a picture; everything as for `predict`."""
    check_numbers(rgb, vividness)
    places = [hint.on_picture(rgb) for hint in hints]
    inside = _inside_bars(rgb, working_lightness(rgb, size, card), size, card, keep)
    hint_ab, mask = _own_hints(inside.rgb, places, inside.window, inside.keep, inside.L)
    corners = find_corners(inside.L)
    L = inside.L if corners is None else fill_corners(inside.L, corners)
    return NetworkInput(_planes(card, L[None], hint_ab[None], mask[None], vividness), inside.window)


def _all_hints(
    rgb: NDArray[Any],
    places: Sequence[ColoredPlace],
    window: Window,
    keep: ToneJudgement | None,
    L: NDArray[np.float32],
    guide: Guide | None,
    network: Network,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a person says of the colours, where he says nothing the picture's coloured places, and
    then what the guide has, as `hint_planes` returns it in the shape of L, which the network sees.

    rgb: what the network sees of the picture. window: where that is in it.
    """
    hint_ab, mask = _own_hints(rgb, places, window, keep, L)
    if guide is not None:
        guide_ab, guided = guide(L)
        spreading = [place for place in places if place.spreads]
        if spreading and guided.any():
            guided = guided * (1.0 - _reach(network, spreading, window, L))
        hint_ab, mask = _add_hints(hint_ab, mask, guide_ab, guided)
    return hint_ab, mask


def _own_hints(
    rgb: NDArray[Any],
    places: Sequence[ColoredPlace],
    window: Window,
    keep: ToneJudgement | None,
    L: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """As `_all_hints`, without a guide."""
    shape = (L.shape[0], L.shape[1])
    hint_ab, mask = paint_places([place for place in places if place.spreads], window, shape)
    if keep is not None:
        hint_ab, mask = _add_hints(hint_ab, mask, *place_hints(rgb, keep, shape))
    return hint_ab, mask


def _reach(
    network: Network, places: Sequence[ColoredPlace], window: Window, L: NDArray[np.float32]
) -> NDArray[np.float32]:
    """How far a network carries what a person says of some places: 1 there, 0 elsewhere.

    There a guide says nothing, or its colours around a hint would keep the hint from the rest of
    the thing. window, L, result: as for `_all_hints`.
    """
    ab, mask = paint_places(places, window, (L.shape[0], L.shape[1]))
    with_them = network_chroma(network, L[None], ab[None], mask[None])[0]
    without = network_chroma(network, L[None], 0 * ab[None], 0 * mask[None])[0]
    change = np.hypot(*np.moveaxis(with_them - without, -1, 0))
    full = _resize(np.asarray(change, np.float32), (L.shape[0], L.shape[1]), cv2.INTER_LINEAR)
    return np.asarray(full > _REACHED, np.float32)


def _add_hints(
    ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    more_ab: NDArray[np.float32],
    more: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Planes of hints with those of others where they have none."""
    more = more * (1.0 - mask)
    return ab + more_ab * more[..., None], mask + more


OwnColors: TypeAlias = Literal["all", "places"]
"""Where a picture is in colour already."""


def own_colors(rgb: NDArray[Any]) -> OwnColors | None:
    """Whether a picture is in colour already, or places of it are; None: it is grey or toned.

    rgb: as for `colorize`.
    """
    judgement = judge(rgb)
    if judgement.tone == "colour":
        return "all"
    return "places" if keeps_places(judgement) else None


def kept_places(rgb: NDArray[Any]) -> ToneJudgement | None:
    """What `colorize` has to keep for the coloured places of a picture; None: it has none.

    rgb: as for `colorize`.
    """
    judgement = judge(rgb)
    return judgement if keeps_places(judgement) else None


def working_lightness(rgb: NDArray[Any], size: Size, card: ModelCard) -> NDArray[np.float32]:
    """What the network sees of a picture: (h, w) float32, L in [0, 100].

    The picture is shrunk before its lightness is taken, as the pictures were in training.
    """
    height, width = rgb.shape[:2]
    short_px = min(card.size, height, width) if size == "auto" else size
    if short_px < 1:
        raise InputError(f"the working size is {size} px; it must be at least 1, or 'auto'")
    small = shrink(rgb, working_shape(height, width, short_px, card.multiple))
    white = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0
    return lightness(small / np.float32(white))


def guess_chroma(
    network: Network,
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    vividness: float = DEFAULT_VIVIDNESS,
    borders: Borders = NO_BORDERS,
    fine_L: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """The network's colours at working size, with the hinted places in the colours asked for.

    The network carries a hint as far as it sees the thing; what is then still missing at the
    hinted place is spread over its like.
    L: (h, w). hint_ab: (h, w, 2) and mask: (h, w), from `hint_planes`. borders: black bars, px of
    L, which the network does not see. fine_L: (H, W), L at a larger size, from which the picture
    inside of the bars is taken, since what was made small and large again is blurred.
    Returns (h/k, w/k, 2) float32 in CIELAB units, 0 on the bars.
    """
    if not borders:
        return _guess(network, L, hint_ab, mask, vividness)[0]
    full = (L.shape[0], L.shape[1])
    fine_L = L if fine_L is None else fine_L
    fine = (fine_L.shape[0], fine_L.shape[1])
    fine_borders = borders.at_size(full, fine)
    fine_inside = crop(fine_L, fine_borders)
    height, width = fine_inside.shape
    shape = working_shape(height, width, min(full), network.card.multiple)
    inside_L = shrink(np.ascontiguousarray(fine_inside, np.float32), shape)
    found = _guess(
        network,
        inside_L,
        _resize(crop(hint_ab, borders), shape, cv2.INTER_NEAREST),
        _resize(crop(mask, borders), shape, cv2.INTER_NEAREST),
        vividness,
    )
    return _on_whole(found, inside_L, fine_borders, fine, L)[0]


def _guess(
    network: Network,
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    vividness: float,
) -> _Found:
    """ab as `guess_chroma` returns it, and the confidence (h/k, w/k), if there is one.

    Rounded black corners are filled before the network sees them, and stay black.
    """
    corners = find_corners(L)
    if corners is not None:
        L = fill_corners(L, corners)
    ab, confidence = _prediction(network, L[None], hint_ab[None], mask[None], vividness)
    ab = with_hints(ab[0], L, hint_ab, mask)
    if corners is not None:
        ab[shrink(corners.astype(np.float32), (ab.shape[0], ab.shape[1])) > _ALL_BLACK] = 0.0
    return ab, None if confidence is None else confidence[0, 0]


def _on_whole(
    found: _Found,
    inside_L: NDArray[np.float32],
    borders: Borders,
    full: tuple[int, int],
    L: NDArray[np.float32],
) -> _Found:
    """What was guessed inside of borders, for the whole picture: grey on the bars.

    inside_L: what the network saw. borders: px of a picture of the size ``full``. L: the whole at
    working size.
    """
    ab, confidence = found
    k = inside_L.shape[0] // ab.shape[0]
    small = (L.shape[0] // k, L.shape[1] // k)
    whole = paste(ab, borders, full, small)
    if confidence is None:
        return whole, None
    return whole, np.asarray(1.0 - paste(1.0 - confidence, borders, full, small), np.float32)


def _resize(
    planes: NDArray[np.float32], shape: tuple[int, int], interpolation: int
) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(planes, shape[::-1], interpolation=interpolation), np.float32)


def with_hints(
    ab: NDArray[np.float32],
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
) -> NDArray[np.float32]:
    """A network's colours with what is missing at the hinted places spread over their like.

    Of what little is missing, the whole picture has its part (`carry_small_correction`).
    ab: (h/k, w/k, 2), of the network that has seen the hints. The others as for `guess_chroma`.
    Returns (h/k, w/k, 2) float32 in CIELAB units.
    """
    if mask.any():
        shape = (ab.shape[0], ab.shape[1])
        covered = shrink(mask, shape)
        hint_colors = shrink(hint_ab, shape) / np.maximum(covered, 1e-6)[..., None]
        missing, known = np.asarray(hint_colors - ab, np.float32), covered > 0
        small_L = shrink(L, shape)
        carried = carry_small_correction(missing, known, small_L, ab)
        ab = ab + carried + spread_correction(missing - carried, known, small_L)
    return np.ascontiguousarray(ab, dtype=np.float32)


def network_chroma(
    network: Network,
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    vividness: float = DEFAULT_VIVIDNESS,
) -> NDArray[np.float32]:
    """What the network itself says of some pictures, as vivid as asked.

    L: (N, h, w). hint_ab: (N, h, w, 2). mask: (N, h, w), 0 or 1.
    Returns (N, h/k, w/k, 2) float32 in CIELAB units. Raises ModelError when the network fails.
    """
    return _prediction(network, L, hint_ab, mask, vividness)[0]


def _prediction(
    network: Network,
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    vividness: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """ab as `network_chroma` returns it, and the confidence (N, 1, h/k, w/k), if there is one."""
    ab, confidence = network(_planes(network.card, L, hint_ab, mask, vividness))
    gain = network.card.chroma_gain * vividness
    vivid = np.ascontiguousarray(gain * ab.transpose(0, 2, 3, 1), dtype=np.float32)
    return vivid, confidence


def _planes(
    card: ModelCard,
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    vividness: float,
) -> NDArray[np.float32]:
    """(N, 4, h, w): what the network of a card is given. The others as for `network_chroma`."""
    # The network gets the asked colours divided by the gain, so that an object which it colours
    # after a hint comes out in the asked colour, not in a more vivid one. Far below 1 that would
    # ask for colours that do not exist.
    gain = max(card.chroma_gain * vividness, MIN_HINT_GAIN)
    scaled_hints = np.clip(hint_ab / gain, -AB_LIMIT, AB_LIMIT)
    planes = np.concatenate([L[:, None], scaled_hints.transpose(0, 3, 1, 2), mask[:, None]], axis=1)
    return np.ascontiguousarray(planes, dtype=np.float32)


def hint_planes(
    hints: Sequence[Hint], full: tuple[int, ...], working: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hints as pictures of the working size.

    full, working: (height, width) of the photograph and of what the network sees.
    Returns ab (h, w, 2) float32 in CIELAB units, 0 where there is no hint; and mask (h, w), 0 or 1.
    """
    return paint_places(hints, Window(0, 0, full[0], full[1]), (working[0], working[1]))


def check_numbers(rgb: NDArray[Any], vividness: float) -> None:
    """Raise InputError for a picture or number from which no honest picture can be made."""
    check_picture(rgb)
    check_range(rgb)
    if not (math.isfinite(vividness) and vividness >= 0.0):
        raise InputError(f"the vividness is {vividness}; it must be a number of at least 0")
