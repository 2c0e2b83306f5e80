"""The kinds of damage, of photographs and of films, in the order in which they are mended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, TypeVar, get_args

from photochrom.errors import InputError

Kind: TypeAlias = Literal["blocks", "halftone", "scratches", "dust", "grain", "blur", "fading"]
"""``blocks``: of JPEG. ``halftone``: the dots of a print. ``scratches``: thin straight lines.
``dust``: specks and hairs. ``grain``: noise of film, paper or sensor. ``blur``: soft focus of lens
or scanner. ``fading``: blacks that are grey, whites that are dull."""

KINDS: tuple[Kind, ...] = get_args(Kind)

FilmKind: TypeAlias = Literal["blocks", "flicker", "scratches", "dust", "grain", "fading"]
"""Of films. ``blocks``: of a codec. ``flicker``: another exposure in every frame. ``scratches``:
vertical lines that stay. ``dust``: what one frame has and its neighbours have not. ``grain``: noise
that is another in every frame. ``fading``: by one curve for each shot."""

FILM_KINDS: tuple[FilmKind, ...] = get_args(FilmKind)

_Name = TypeVar("_Name", bound=str)


def parse_kinds(names: Iterable[str]) -> tuple[Kind, ...]:
    """Kinds by their names, in the order of `KINDS`. Raises InputError for another or no name."""
    return _choose(names, KINDS)


def parse_film_kinds(names: Iterable[str]) -> tuple[FilmKind, ...]:
    """Kinds of films by their names, in the order of `FILM_KINDS`. Raises InputError likewise."""
    return _choose(names, FILM_KINDS)


def _choose(names: Iterable[str], kinds: tuple[_Name, ...]) -> tuple[_Name, ...]:
    found = {name.strip().lower() for name in names if name.strip()}
    unknown = sorted(found - set(kinds))
    if unknown:
        raise InputError(
            f"there is no kind of damage called {', '.join(unknown)}; choose of {', '.join(kinds)}"
        )
    if not found:
        raise InputError(f"no kind of damage is named; choose of {', '.join(kinds)}")
    return tuple(kind for kind in kinds if kind in found)
