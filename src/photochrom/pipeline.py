"""How a picture is coloured, on one page.

Lightness is the photograph, chroma is the guess: the network sees the lightness at a small working
size and proposes ab; ab is brought to full size and put together with the photograph's own
lightness, which is never touched. Any size goes through in one piece, so there are no seams.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from photochrom.color.compose import compose_upsampled
from photochrom.color.fit import shrink, working_shape
from photochrom.color.luminance import check_picture, lightness
from photochrom.color.space import rgb_to_lab
from photochrom.color.spread import spread_correction
from photochrom.color.upsample import Upsampling
from photochrom.engine import DEFAULT_MODEL, ModelCard, Network, load
from photochrom.errors import InputError

Size: TypeAlias = "int | Literal['auto']"
"""The network's working size: short side in px, or "auto"."""

DEFAULT_VIVIDNESS = 1.0
"""Factor on the chroma as the model means it."""
DEFAULT_UPSAMPLING: Upsampling = "bicubic"

_HEX_COLOR = re.compile(r"#?[0-9a-f]{6}")
_MIN_HINT_GAIN = 0.5
_AB_LIMIT = 128.0


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
class Hint:
    """A person's word: this place has this colour."""

    x: float
    y: float
    """Pixel of the full picture, counted from its upper left, which is (0, 0)."""
    rgb: tuple[int, int, int]
    """The colour, sRGB [0, 255]. Its lightness does not count: that is the photograph's."""
    radius: float = 0.0
    """Size of the place in px of the full picture; 0 is the point alone."""


def parse_color(text: str) -> tuple[int, int, int]:
    """A colour as people write it: ``#c81e1e``, also without the ``#``, or a CSS name (``navy``).

    Returns red, green and blue, sRGB [0, 255]. Raises InputError for anything else.
    """
    name = text.strip().lower()
    if _HEX_COLOR.fullmatch(name):
        red, green, blue = bytes.fromhex(name.removeprefix("#"))
    elif name in ImageColor.colormap:
        red, green, blue = ImageColor.getrgb(name)[:3]
    else:
        raise InputError(
            f"{text!r} is no colour; write it like #c81e1e, or as a CSS name such as crimson."
        )
    return red, green, blue


def colorize(
    rgb: NDArray[Any],
    *,
    model: str | Path | Network = DEFAULT_MODEL,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    hints: Sequence[Hint] = (),
    upsampling: Upsampling = DEFAULT_UPSAMPLING,
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
    upsampling: how chroma is brought to full size. device: see `load`; not used with a Network.
    Returns (H, W, 3) sRGB-encoded, of the same dtype (float32 for floating).
    Raises InputError for a picture, hint or number that makes no sense, and ModelError.
    """
    check_numbers(rgb, vividness, hints)
    network = model if isinstance(model, Network) else load(model, device=device)
    L = working_lightness(rgb, size, network.card)
    hint_ab, mask = hint_planes(hints, rgb.shape[:2], L.shape)
    ab = guess_chroma(network, L, hint_ab, mask, vividness)
    return compose_upsampled(rgb, ab, method=upsampling)


def working_lightness(rgb: NDArray[Any], size: Size, card: ModelCard) -> NDArray[np.float32]:
    """What the network sees of a picture: (h, w) float32, L in [0, 100].

    The picture is shrunk before its lightness is taken, as the pictures were in training.
    """
    height, width = rgb.shape[:2]
    short_px = min(card.size, height, width) if size == "auto" else size
    if short_px < 1:
        raise InputError(f"the working size is {size} px; it must be at least 1, or 'auto'.")
    small = shrink(rgb, working_shape(height, width, short_px, card.multiple))
    white = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0
    return lightness(small / np.float32(white))


def guess_chroma(
    network: Network,
    L: NDArray[np.float32],
    hint_ab: NDArray[np.float32],
    mask: NDArray[np.float32],
    vividness: float = DEFAULT_VIVIDNESS,
) -> NDArray[np.float32]:
    """The network's colours at working size, with the hinted places in the colours asked for.

    The network carries a hint as far as it sees the thing; what is then still missing at the
    hinted place is spread over its like.
    L: (h, w). hint_ab: (h, w, 2) and mask: (h, w), from `hint_planes`.
    Returns (h/k, w/k, 2) float32 in CIELAB units.
    """
    ab = network_chroma(network, L[None], hint_ab[None], mask[None], vividness)[0]
    if mask.any():
        shape = (ab.shape[0], ab.shape[1])
        covered = shrink(mask, shape)
        asked = shrink(hint_ab, shape) / np.maximum(covered, 1e-6)[..., None]
        ab = ab + spread_correction(asked - ab, covered > 0, shrink(L, shape))
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
    gain = network.card.chroma_gain * vividness
    # The network hears the asked colours divided by the gain, so that an object which it colours
    # after a hint comes out in the asked colour, not in a more vivid one. Far below 1 that would
    # ask for colours that do not exist.
    heard = np.clip(hint_ab / max(gain, _MIN_HINT_GAIN), -_AB_LIMIT, _AB_LIMIT)
    planes = np.concatenate([L[:, None], heard.transpose(0, 3, 1, 2), mask[:, None]], axis=1)
    ab = network(np.ascontiguousarray(planes, dtype=np.float32)).ab
    return np.ascontiguousarray(gain * ab.transpose(0, 2, 3, 1), dtype=np.float32)


def hint_planes(
    hints: Sequence[Hint], full: tuple[int, ...], working: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hints as pictures of the working size.

    full, working: (height, width) of the photograph and of what the network sees.
    Returns ab (h, w, 2) float32 in CIELAB units, 0 where there is no hint; and mask (h, w), 0 or 1.
    """
    (height, width), (h, w) = full, working
    ab = np.zeros((h, w, 2), np.float32)
    mask = np.zeros((h, w), np.float32)
    # Centres of the working pixels, in pixels of the full picture.
    rows = (np.arange(h)[:, None] + 0.5) * (height / h) - 0.5
    columns = (np.arange(w)[None, :] + 0.5) * (width / w) - 0.5
    for hint in hints:
        place = (rows - hint.y) ** 2 + (columns - hint.x) ** 2 <= hint.radius**2
        row, column = (hint.y + 0.5) * h / height, (hint.x + 0.5) * w / width
        place[min(int(row), h - 1), min(int(column), w - 1)] = True
        mask[place] = 1.0
        ab[place] = rgb_to_lab(np.asarray(hint.rgb) / 255.0)[1:]
    return ab, mask


def check_numbers(rgb: NDArray[Any], vividness: float, hints: Sequence[Hint]) -> None:
    """Raise InputError for a picture or number from which no honest picture can be made."""
    check_picture(rgb)
    if rgb.dtype.kind == "f" and not (rgb.min() >= 0.0 and rgb.max() <= 1.0):
        raise InputError(
            f"a floating picture must lie in [0, 1]; this one spans {rgb.min()} to {rgb.max()}. "
            "Divide it by its white, or pass integers."
        )
    if not (math.isfinite(vividness) and vividness >= 0.0):
        raise InputError(f"the vividness is {vividness}; it must be a number of at least 0.")
    height, width = rgb.shape[:2]
    for hint in hints:
        if not (0 <= hint.x <= width - 1 and 0 <= hint.y <= height - 1 and hint.radius >= 0):
            raise InputError(
                f"{hint} lies outside the picture of {width} x {height} px, or its radius is "
                "negative. Give pixels counted from the upper left corner."
            )
        if not all(0 <= value <= 255 for value in hint.rgb):
            raise InputError(f"the colour of {hint} is no sRGB colour; give three of 0 to 255.")
