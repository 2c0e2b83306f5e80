"""Colours at the size of a screen, at once: what a hint would do, and the versions to choose from.

The web process has a small copy of the picture and a network of its own for this; what is kept in
the end is coloured by the worker from the original.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from flask import current_app
from numpy.typing import NDArray

from photochrom.color.compose import compose_upsampled
from photochrom.engine import Network, load, local_model
from photochrom.pipeline import Hint
from photochrom.web.database import Picture, User
from photochrom.web.errors import NotFound, Refused, TooMany
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import VERSIONS, Wishes, checked_wishes, chroma
from photochrom.web.pictures.library import get_picture
from photochrom.web.pictures.thumbnails import THUMB_PX, jpeg, pixels_of, shrunk
from photochrom.web.pictures.uploads import storage
from photochrom.web.settings import current_settings

TRIAL_PIXELS: Final = 600_000
"""Size of a trial: enough for a phone, in less than half the time of the page's own picture."""
_KEPT: Final = 16
"""Small copies that are kept in memory, 2 MB each."""
_AT_ONCE: Final = 2
_WAIT_FOR_TURN_S: Final = 5.0
_EXTENSION: Final = "photochrom-trials"


@dataclass(frozen=True, eq=False)
class _Copy:
    pixels: NDArray[np.uint8]
    """(h, w) where it is grey, or (h, w, 3), of the original as it is."""
    scale: float
    """From px of the original to px of the copy."""


class Trials:
    """The network and the small copies of one web process."""

    def __init__(self) -> None:
        self._network: Network | None = None
        self._copies: OrderedDict[tuple[str, int], _Copy] = OrderedDict()
        self._lock = threading.Lock()
        self._turn = threading.Semaphore(_AT_ONCE)

    def network(self) -> Network:
        """The network, loaded when first needed."""
        settings = current_settings()
        with self._lock:
            if self._network is None:
                self._network = load(local_model(settings.model), device=settings.device)
            return self._network

    def warm_up(self) -> None:
        """Load the network and run it once: the first run takes several times as long."""
        L = np.zeros((64, 64), np.uint8)
        compose_upsampled(L, chroma(self.network(), L, Wishes()))

    def copy(self, picture: Picture, longest: int) -> _Copy:
        """A small copy of a picture. Raises NotFound where it has gone meanwhile."""
        key = (picture.id, longest)
        with self._lock:
            if key in self._copies:
                self._copies.move_to_end(key)
                return self._copies[key]
        try:
            screen = pixels_of(storage().grey(picture.id).read_bytes())
        except FileNotFoundError:
            raise NotFound(_("There is no such picture.")) from None
        pixels = np.asarray(shrunk(screen, longest), np.uint8)
        if (pixels == pixels[..., :1]).all():
            pixels = np.ascontiguousarray(pixels[..., 0])  # a third less to compute
        made = _Copy(pixels, pixels.shape[1] / picture.width)
        with self._lock:
            self._copies[key] = made
            while len(self._copies) > _KEPT:
                self._copies.popitem(last=False)
        return made

    def colored(self, picture: Picture, wishes: Wishes, longest: int) -> NDArray[Any]:
        """The small copy in colours: (h, w, 3) uint8."""
        network, copy = self.network(), self.copy(picture, longest)
        h, w = copy.pixels.shape[:2]
        hints = tuple(_moved(hint, copy.scale, h, w) for hint in wishes.hints)
        # One person who asks for much at once must not take all threads of the server.
        if not self._turn.acquire(timeout=_WAIT_FOR_TURN_S):
            raise TooMany(_("The studio is busy. Try again in a moment."), 2)
        try:
            ab = chroma(network, copy.pixels, replace(wishes, hints=hints))
            return compose_upsampled(copy.pixels, ab)
        finally:
            self._turn.release()


def trials() -> Trials:
    """Those of the app that is answering."""
    made: Trials = current_app.extensions.setdefault(_EXTENSION, Trials())
    return made


def preview_hint(
    user: User,
    picture_id: str,
    *,
    hints: object = (),
    size: object = None,
    vividness: object = 1.0,
    variant: object = 0,
) -> bytes:
    """What the picture would look like: a JPEG of at most `TRIAL_PIXELS`; nothing is kept.

    The arguments are those of `edit_picture`. Raises NotFound, Refused.
    """
    picture = _photo(user, picture_id)
    wishes = checked_wishes(
        picture.height,
        picture.width,
        hints=hints,
        size=size,
        vividness=vividness,
        variant=variant,
    )
    longest = round(math.sqrt(TRIAL_PIXELS * _stretch(picture)))
    return jpeg(trials().colored(picture, wishes, longest))


def variants(user: User, picture_id: str) -> list[int]:
    """Numbers of the plausible versions of a picture. Raises NotFound, Refused for a film."""
    _photo(user, picture_id)
    return list(range(len(VERSIONS)))


def variant_preview(user: User, picture_id: str, number: int) -> bytes:
    """A version of the picture as it is corrected so far: a small JPEG. Raises NotFound."""
    picture = _photo(user, picture_id)
    if not 0 <= number < len(VERSIONS):
        raise NotFound(_("There is no such version."))
    wishes = checked_wishes(
        picture.height,
        picture.width,
        hints=picture.hints,
        size=picture.size,
        vividness=picture.vividness,
        variant=number,
    )
    return jpeg(trials().colored(picture, wishes, THUMB_PX))


def _stretch(picture: Picture) -> float:
    """The long side over the short one."""
    return max(picture.width, picture.height) / min(picture.width, picture.height)


def _photo(user: User, picture_id: str) -> Picture:
    picture = get_picture(user, picture_id)
    if picture.kind != "photo":
        raise Refused(_("Films take neither hints nor versions."))
    return picture


def _moved(hint: Hint, scale: float, height: int, width: int) -> Hint:
    x = min((hint.x + 0.5) * scale - 0.5, width - 1.0)
    y = min((hint.y + 0.5) * scale - 0.5, height - 1.0)
    return replace(hint, x=max(0.0, x), y=max(0.0, y), radius=hint.radius * scale)
