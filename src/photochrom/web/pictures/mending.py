"""Mending before colouring: what was found, and of a photograph where it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.restoration import KINDS, FilmKind, Kind
from photochrom.web.database import Picture
from photochrom.web.i18n import _, gettext_noop
from photochrom.web.pictures.thumbnails import resize

_MARK: Final = (220, 40, 60, 150)
"""Of what was changed: red, green, blue and how opaque, [0, 255]."""
_NAMES: Final[Mapping[Kind, str]] = {
    "blocks": gettext_noop("blocks of a JPEG"),
    "halftone": gettext_noop("dots of a print"),
    "scratches": gettext_noop("scratches"),
    "dust": gettext_noop("dust"),
    "grain": gettext_noop("grain"),
    "blur": gettext_noop("blur"),
    "fading": gettext_noop("fading"),
}
_FILM_NAMES: Final[Mapping[FilmKind, str]] = {
    "blocks": gettext_noop("blocks of its codec"),
    "flicker": gettext_noop("flicker"),
    "scratches": gettext_noop("scratches"),
    "dust": gettext_noop("dust"),
    "grain": gettext_noop("grain"),
    "fading": gettext_noop("fading"),
}


class MendedPicture(NamedTuple):
    """A photograph without the damage that was found in it."""

    pixels: NDArray[Any]
    """As they came in; the same array where nothing was found."""
    mask: NDArray[np.bool_]
    """(H, W): what was changed."""
    kinds: list[str]
    """Of damage, in the order in which they were mended."""


def mend(pixels: NDArray[Any], *, scratched: bool = False) -> MendedPicture:
    """Mend what is found in a photograph, (H, W) or (H, W, 3), and nothing else.

    scratched: a person sees scratches or specks in it; then even one is mended.
    """
    from photochrom.restoration.repair import restore_pixels

    done = restore_pixels(pixels, KINDS if scratched else None)
    return MendedPicture(done.pixels, done.mask, [finding.kind for finding in done.findings])


def change_overlay(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.uint8]:
    """What was changed as a picture to lay over it: (h, w, 4), transparent elsewhere.

    mask: (H, W). size: h and w, px, no larger; a speck is seen at any size.
    """
    share = resize(mask.astype(np.float32), size)
    overlay = np.zeros((*size, 4), np.uint8)
    overlay[share > 0] = _MARK
    return overlay


def mending_note(picture: Picture) -> str:
    """What was mended in a picture, in a sentence; empty where nobody asked or it is not known."""
    if not picture.restore or picture.restored is None:
        return ""
    if not picture.restored:
        return _("No damage was found, so nothing was changed.")
    kinds = _FILM_NAMES.items() if picture.kind == "film" else _NAMES.items()
    words: Mapping[str, str] = {str(kind): name for kind, name in kinds}
    names = ", ".join(_(word) for kind, word in words.items() if kind in picture.restored)
    return _("Found and mended: {kinds}.").format(kinds=names)
