"""How a file is read: how large it may be, what becomes of damage, which page."""

from __future__ import annotations

from dataclasses import dataclass

from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.errors import InputError

DEFAULT_MAX_PIXELS = 250_000_000
"""Largest picture that is decoded without being asked for: beyond every camera and most scans,
yet far below the bombs that decode a few kilobytes to tens of gigabytes."""


@dataclass(frozen=True)
class ReadOptions:
    """What a decoder is asked."""

    max_pixels: int = DEFAULT_MAX_PIXELS
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY
    page: int | None = None
    """Number of the picture in a file of several, from 1; None: the first."""
    longest_px: int | None = None
    """Long side that is enough: a picture may then have fewer pixels than its file, and has this
    many where the file has; None: all."""


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise InputError if the picture is empty or larger than allowed; before it is decoded."""
    if width <= 0 or height <= 0:
        raise InputError(f"its size is {width} x {height}")
    if width * height > max_pixels:
        megapixels = -(-width * height // 1_000_000)
        raise InputError(
            f"it has {width} x {height} pixels, more than the {max_pixels / 1e6:g} megapixels "
            f"allowed; if you trust it, pass --max-megapixels {megapixels}"
        )


def check_page(page: int | None, count: int, what: str = "pages") -> int:
    """The page to read, from 1. Raises InputError where the file has no such page."""
    number = 1 if page is None else page
    if not 1 <= number <= count:
        there = "it holds one picture" if count == 1 else f"it holds {count} {what}"
        raise InputError(f"there is no page {number} in it; {there}")
    return number


def page_note(page: int | None, count: int, what: str = "pages") -> tuple[str, ...]:
    """The note for a file of which only the first picture was read; none where one was chosen."""
    if count < 2 or page is not None:
        return ()
    return (f"the file holds {count} {what}; only the first was read",)


def missing_pixels(share: float, why: str) -> InputError:
    """The error for a picture of which a part is not there. share: of it, in (0, 1]."""
    return InputError(
        f"{percent(share)} of the picture are missing ({why}); --damaged salvage colours what is "
        "there"
    )


def salvage_note(share: float) -> str:
    """The note for a picture of which a part is not there."""
    return f"{percent(share)} of the picture are missing from the file; the rest was read"


def percent(share: float) -> str:
    """A share in words, never "0 %" for what is more than none."""
    if share < 0.0005:
        return "less than 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def mended_note(defects: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """The note for harmless damage; none where there was none."""
    return (
        (f"its file is damaged ({'; '.join(defects)}), without harm to the picture",)
        if (defects)
        else ()
    )
