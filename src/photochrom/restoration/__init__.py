"""Mending what age, printing and compression have done to a photograph, before it is coloured.

`restore_pixels` in `photochrom.restoration.repair` measures each kind of damage and mends what it
finds; a picture without any comes out as it went in, bit for bit. The kinds alone are at hand here:
who colours without mending does not wait for the rest.
"""

from __future__ import annotations

from photochrom.restoration.kinds import (
    FILM_KINDS,
    KINDS,
    FilmKind,
    Kind,
    parse_film_kinds,
    parse_kinds,
)

__all__ = ["FILM_KINDS", "KINDS", "FilmKind", "Kind", "parse_film_kinds", "parse_kinds"]
