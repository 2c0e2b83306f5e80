"""How many megapixels are looked at in requests at once, and how many requests wait for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from flask import current_app

from photochrom.errors import InputError
from photochrom.imageio import Picture as Pixels
from photochrom.imageio import read
from photochrom.processors import available
from photochrom.web.errors import TooMany
from photochrom.web.i18n import _
from photochrom.web.settings import current_settings

FILM_MP: Final = 9
"""What looking at a frame of a film is counted as; one of 4K has 8.8."""
_RETRY_S: Final = 3
_AT_ONCE: Final = 2
"""Pictures that are decoded, at most; fewer where that would leave no processor for what is
coloured meanwhile, of which a newcomer's photograph may be the next."""
_MOST: Final = 4
"""Requests that decode, and those that wait for it."""
_SIZES_MP: Final = (8, 24, 50)
"""A picture is counted as the least of these that it fits in, or as the largest that is taken."""
_EXTENSION: Final = "photochrom-decoding"


class DecodingSpace:
    """Memory for pictures that are decoded, counted in megapixels, which take up to 25 MB each.

    total_mp: of all pictures at once. at_once: pictures, as each keeps a core busy. waiting:
    requests that wait hold a thread of the server each, which pages need too: so few may.
    """

    def __init__(self, total_mp: int, *, at_once: int = 2, waiting: int = 2) -> None:
        self.total_mp, self.at_once = total_mp, at_once
        self._most = at_once + waiting
        self._used_mp = self._busy = self._inside = 0
        self._users: list[int | None] = []
        self._changed = threading.Condition()

    @property
    def inside(self) -> int:
        """Requests that decode, and those that wait for it."""
        return self._inside

    @contextlib.contextmanager
    def take(self, megapixels: int, user_id: int | None = None) -> Iterator[None]:
        """Space for one picture of up to so many megapixels; waits for it.

        user_id: whose it is, of whom half of all places are taken at most; None: nobody's known.
        Raises TooMany where too many wait already.
        """
        megapixels = min(megapixels, self.total_mp)
        with self._changed:
            is_greedy = user_id is not None and self._users.count(user_id) >= self._most // 2
            if self._inside >= self._most or is_greedy:
                text = _("Many large pictures are coming in. Try again in a moment.")
                raise TooMany(text, _RETRY_S)
            self._inside += 1
            self._users.append(user_id)
            self._changed.wait_for(lambda: self._has_space(megapixels))
            self._used_mp += megapixels
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._used_mp -= megapixels
                self._busy -= 1
                self._inside -= 1
                self._users.remove(user_id)
                self._changed.notify_all()

    def _has_space(self, megapixels: int) -> bool:
        return self._busy < self.at_once and self._used_mp + megapixels <= self.total_mp


def current_decoding_space() -> DecodingSpace:
    """That of the app that is answering: one of the largest pictures, or several small ones."""
    if _EXTENSION not in current_app.extensions:
        at_once = min(_AT_ONCE, max(1, available() - 1))
        total_mp = current_settings().max_picture_mp
        new = DecodingSpace(total_mp, at_once=at_once, waiting=_MOST - at_once)
        current_app.extensions.setdefault(_EXTENSION, new)  # another thread may be faster
    space: DecodingSpace = current_app.extensions[_EXTENSION]
    return space


def read_original(content: bytes, name: str, max_pixels: int, page: int | None = None) -> Pixels:
    """A picture as the studio reads it: of a damaged one what is there, and `notes` says so."""
    return read(content, name=name, max_pixels=max_pixels, damage="salvage", page=page)


@contextlib.contextmanager
def decode_picture(
    content: bytes, name: str, page: int | None = None, *, user_id: int | None = None
) -> Iterator[Pixels]:
    """A picture, read in the space that it takes, for as long as the block lasts.

    Raises InputError and MissingDependencyError as `read` does, and TooMany.
    """
    space = current_decoding_space()
    sizes = [size for size in _SIZES_MP if size < space.total_mp]
    for megapixels in (*sizes, space.total_mp):
        with space.take(megapixels, user_id):
            try:
                picture = read_original(content, name, megapixels * 1_000_000, page)
            except InputError as error:  # of what is too large, the head alone has been read
                if megapixels == space.total_mp or not is_too_large(error):
                    raise
                continue
            yield picture
            return


def is_too_large(error: InputError) -> bool:
    """Whether a picture was refused because it has more pixels than are allowed."""
    return "megapixels allowed" in str(error)
