"""The kinds of damage, in the order in which they are mended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias, get_args

from photochrom.errors import InputError

Kind: TypeAlias = Literal["blocks", "halftone", "scratches", "dust", "grain", "blur", "fading"]
"""``blocks``: of JPEG. ``halftone``: the dots of a print. ``scratches``: thin straight lines.
``dust``: specks and hairs. ``grain``: noise of film, paper or sensor. ``blur``: soft focus of lens
or scanner. ``fading``: blacks that are grey, whites that are dull."""

KINDS: tuple[Kind, ...] = get_args(Kind)


def parse_kinds(names: Iterable[str]) -> tuple[Kind, ...]:
    """Kinds by their names, in the order of `KINDS`. Raises InputError for another or no name."""
    found = {name.strip().lower() for name in names if name.strip()}
    unknown = sorted(found - set(KINDS))
    if unknown:
        raise InputError(
            f"there is no kind of damage called {', '.join(unknown)}; choose of {', '.join(KINDS)}"
        )
    if not found:
        raise InputError(f"no kind of damage is named; choose of {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in found)
