"""Mending a picture, on one page: each kind of damage is measured and, where it is found, mended.

Lightness is mended, as the sRGB-encoded luma; what it changes by is added to each channel, so that
the tone of a print stays. What nothing is found in is handed back as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.luminance import check_picture, check_range
from photochrom.restoration.blocks import find_jpeg, mend_blocks
from photochrom.restoration.blur import is_blurred, measure_blur, mend_blur
from photochrom.restoration.covers import fill, find_dust, find_scratches
from photochrom.restoration.fading import find_fading, mend_fading
from photochrom.restoration.grain import is_grainy, measure_grain, mend_grain
from photochrom.restoration.halftone import find_screen, mend_halftone
from photochrom.restoration.kinds import KINDS, Kind, parse_kinds
from photochrom.restoration.network import RestorationNetwork

Plane = NDArray[np.float32]

_LUMA = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
_CHANGED = 1 / 512
"""Of white: what changes by less in a picture of floating numbers is not changed."""


class Finding(NamedTuple):
    """A kind of damage that was found and mended. description: how much of it, in words."""

    kind: Kind
    description: str


class Restoration(NamedTuple):
    """A mended picture."""

    pixels: NDArray[Any]
    """As they came in; the same array where nothing was found."""
    mask: NDArray[np.bool_]
    """(H, W): what was changed."""
    findings: tuple[Finding, ...]

    @property
    def description(self) -> str:
        """What was mended, in words; empty where nothing was."""
        return "; ".join(finding.description for finding in self.findings)


class _Repair(NamedTuple):
    """What is done about one kind. plane: (H, W). description: as of `Finding`."""

    plane: Plane
    description: str


def restore_pixels(
    pixels: NDArray[Any],
    kinds: Sequence[Kind] | None = None,
    network: RestorationNetwork | None = None,
) -> Restoration:
    """Mend a picture.

    pixels: (H, W) grey or (H, W, 3), sRGB-encoded; uint8, uint16, or floating in [0, 1]; a float64
        is mended to the precision of float32. kinds: which damage is looked for; None: all. Of
        scratches and dust that are named, even one is mended; otherwise there must be more than
        photographs have that show wires, or lights in eyes. network: which sees scratches and dust
        in place of what is written here.
    Raises InputError for a picture of another shape, type or range, and for kinds that there are
    not.
    """
    check_picture(pixels)
    check_range(pixels)
    before = _luma(pixels)
    plane = before
    findings: list[Finding] = []
    for kind in KINDS if kinds is None else parse_kinds(kinds):
        if any(found.kind in _HIDES.get(kind, ()) for found in findings):
            continue
        if network is None or kind not in ("scratches", "dust"):
            mended = _MENDERS[kind](plane, kinds is not None)
        else:
            mended = _mend_seen(plane, kind, network)
        if mended is not None:
            plane = mended.plane
            findings.append(Finding(kind, mended.description))
    if not findings:
        return Restoration(pixels, np.zeros(pixels.shape[:2], np.bool_), ())
    restored = _add(pixels, plane - before)
    return Restoration(restored, _changed_pixels(pixels, restored), tuple(findings))


def _mend_blocks(plane: Plane, _is_known: bool) -> _Repair | None:
    trace = find_jpeg(plane)
    if trace is None:
        return None
    description = f"blocks of a JPEG of quality {trace.quality}"
    return _Repair(mend_blocks(plane, trace), description)


def _mend_halftone(plane: Plane, _is_known: bool) -> _Repair | None:
    screen = find_screen(plane)
    if screen is None:
        return None
    description = f"dots of a print, {screen.period_px:.1f} px apart at {screen.angle:.0f} degrees"
    return _Repair(mend_halftone(plane, screen), description)


def _mend_scratches(plane: Plane, is_known: bool) -> _Repair | None:
    covers = find_scratches(plane, is_known=is_known)
    if covers is None:
        return None
    return _Repair(fill(plane, covers.mask), f"scratches ({covers.mask.mean():.2%} of its area)")


def _mend_dust(plane: Plane, is_known: bool) -> _Repair | None:
    covers = find_dust(plane, is_known=is_known)
    return None if covers is None else _Repair(fill(plane, covers.mask), f"{covers.number} specks")


def _mend_seen(plane: Plane, kind: Kind, network: RestorationNetwork) -> _Repair | None:
    """Without the scratches, or the dust, that a network sees."""
    scratches, dust = network.scratches_and_dust(plane)
    mask = scratches if kind == "scratches" else dust
    if not mask.any():
        return None
    return _Repair(fill(plane, mask), f"{kind} ({mask.mean():.2%} of its area)")


def _mend_grain(plane: Plane, _is_known: bool) -> _Repair | None:
    grain = measure_grain(plane)
    if grain is None or not is_grainy(grain):
        return None
    return _Repair(mend_grain(plane, grain), f"grain of {grain.sigma:.1%} of white")


def _mend_blur(plane: Plane, _is_known: bool) -> _Repair | None:
    sigma_px = measure_blur(plane)
    if not is_blurred(sigma_px):
        return None
    grain = measure_grain(plane)
    noise = 0.0 if grain is None else grain.sigma
    return _Repair(mend_blur(plane, sigma_px, noise), f"blur of {sigma_px:.1f} px")


def _mend_fading(plane: Plane, _is_known: bool) -> _Repair | None:
    fading = find_fading(plane)
    if fading is None:
        return None
    description = f"fading (black was at {fading.black:.0%}, white at {fading.white:.0%})"
    return _Repair(mend_fading(plane, fading), description)


_MENDERS: Mapping[Kind, Callable[[Plane, bool], _Repair | None]] = {
    "blocks": _mend_blocks,
    "halftone": _mend_halftone,
    "scratches": _mend_scratches,
    "dust": _mend_dust,
    "grain": _mend_grain,
    "blur": _mend_blur,
    "fading": _mend_fading,
}
_HIDES: Mapping[Kind, tuple[Kind, ...]] = {"halftone": ("blocks",), "blur": ("halftone", "blocks")}
"""Kinds that are not looked for where another was found, which looks like them."""


def _changed_pixels(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.bool_]:
    """(H, W): where a pixel is another."""
    is_float = before.dtype.kind == "f"
    differs = np.abs(before - after) >= _CHANGED if is_float else before != after
    return np.asarray(differs if differs.ndim == 2 else differs.any(axis=2))


def _luma(pixels: NDArray[Any]) -> Plane:
    """(H, W) float32 in [0, 1], of the encoded values."""
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    grey = pixels if pixels.ndim == 2 else cv2.transform(pixels.astype(np.float32), _LUMA)
    grey = np.asarray(grey, np.float32).reshape(pixels.shape[:2])
    luma: Plane = np.clip(grey / np.float32(top), 0.0, 1.0)
    return luma


def _add(pixels: NDArray[Any], change: Plane) -> NDArray[Any]:
    """The pixels, lighter or darker by a change of the luma, in their own type."""
    change = change if pixels.ndim == 2 else change[..., None]
    if pixels.dtype.kind != "u":
        return np.asarray(np.clip(pixels + change, 0.0, 1.0), pixels.dtype)
    top = np.iinfo(pixels.dtype).max
    codes = np.clip(pixels + np.rint(change * np.float32(top)), 0, top)
    return np.asarray(codes.astype(pixels.dtype))
