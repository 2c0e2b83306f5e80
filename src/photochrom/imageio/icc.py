"""ICC profiles of curves and a matrix, or of one grey curve: what they say, as arrays.

Cameras, displays and working spaces have these. Profiles of look-up tables (printers, some
scanners, CMYK) are recognised and left to LittleCMS; see ``convert``.

Source: ICC.1:2010 (profile version 4.3), sections 8, 9, 10 and annex F.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODES = 65536
_SAME_CODE = 0.6 / 255
"""Curves that differ by less than this (as sRGB codes) are the sRGB curve with rounding."""
_SAME_MATRIX = 3e-3
_READ_TAGS = frozenset({b"kTRC", b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ"})
"""Of others the name is enough: each of 200 could be the whole profile, which has megabytes."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile of curves and a matrix.

    curves: 1 (grey) or 3 arrays of 65,536 linear values in [0, 1], one for each 16-bit code.
    to_xyz: (3, 3), linear values to the connection space XYZ (D50); None for grey.
    """

    curves: tuple[NDArray[np.float64], ...]
    to_xyz: NDArray[np.float64] | None


@functools.cache
def srgb_bytes() -> bytes:
    """An sRGB profile, as LittleCMS makes it, without a date: the same bytes everywhere."""
    return Path(__file__).with_name("srgb.icc").read_bytes()


@functools.cache
def srgb() -> Profile:
    """The sRGB profile, parsed."""
    profile = parse(srgb_bytes())
    if profile is None or profile.to_xyz is None:
        raise RuntimeError("the sRGB profile of this package has no matrix")
    return profile


def color_space(data: bytes) -> str:
    """Name what the profile describes: "RGB", "GRAY", "CMYK", "Lab", ... Raises ValueError."""
    if len(data) < 132 or data[36:40] != b"acsp":
        raise ValueError("not an ICC profile")
    return data[16:20].decode("ascii", "replace").strip()


@functools.lru_cache(maxsize=8)
def parse(data: bytes) -> Profile | None:
    """Parse a profile of curves and a matrix; None if it is one of look-up tables.

    Raises ValueError if it is damaged.
    """
    space = color_space(data)
    try:
        (count,) = struct.unpack_from(">I", data, 128)
        tags = {}
        for index in range(min(count, 200)):
            name, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
            tags[name] = data[offset : offset + size] if name in _READ_TAGS else b""
        if b"A2B0" in tags or b"A2B1" in tags or data[20:24] != b"XYZ ":
            return None
        if space == "GRAY" and b"kTRC" in tags:
            return Profile((_curve(tags[b"kTRC"]),), None)
        if space == "RGB" and {b"rTRC", b"rXYZ", b"gXYZ", b"bXYZ"} <= tags.keys():
            curves = tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
            columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
            matrix = np.array(columns).T
            if abs(np.linalg.det(matrix)) < 1e-6:
                raise ValueError("its primaries lie on a line")
            return Profile(curves, matrix)
    except (struct.error, KeyError) as error:
        raise ValueError(f"damaged ICC profile: {error}") from error
    return None


def _xyz(tag: bytes) -> tuple[float, float, float]:
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _curve(tag: bytes) -> NDArray[np.float64]:
    """A "curv" or "para" tag, tabulated for every 16-bit code."""
    x = np.linspace(0.0, 1.0, CODES)
    (count,) = struct.unpack_from(">I", tag, 8)
    if tag[:4] == b"curv":
        if count == 0:
            return x
        if count == 1:
            return np.asarray(x ** (struct.unpack_from(">H", tag, 12)[0] / 256.0))
        table = np.frombuffer(tag, ">u2", count, 12) if len(tag) >= 12 + 2 * count else None
        if table is None:
            raise ValueError("damaged ICC profile: a curve is cut off")
        return np.interp(x, np.linspace(0.0, 1.0, count), table / 65535.0)
    if tag[:4] != b"para":
        raise ValueError(f"damaged ICC profile: unknown curve type {tag[:4]!r}")
    (kind,) = struct.unpack_from(">H", tag, 8)
    number = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}.get(kind)
    if number is None:
        raise ValueError(f"damaged ICC profile: unknown curve function {kind}")
    g, a, b, c, d, e, f = (
        [v / 65536 for v in struct.unpack_from(f">{number}i", tag, 12)] + [0.0] * 7
    )[:7]
    if not 0.0 < g < 50.0:
        raise ValueError(f"damaged ICC profile: exponent {g}")
    if kind == 0:
        a = 1.0
    if kind in (1, 2):  # below -b/a the curve is constant: c, which function 1 does not have
        e, f, d, c = c, c, (-b / a if a else 0.0), 0.0
    power = np.clip(a * x + b, 0.0, None) ** g + e
    return np.asarray(np.clip(np.where(x >= d, power, c * x + f), 0.0, 1.0))


def is_srgb(profile: Profile) -> bool:
    """Whether the pixels can be taken as sRGB as they are."""
    if profile.to_xyz is not None:
        difference = mixing_matrix(profile, srgb()) - np.eye(3)
        if np.abs(difference).max() > _SAME_MATRIX:
            return False
    return all(is_srgb_curve(curve) for curve in profile.curves)


def is_srgb_curve(curve: NDArray[np.float64]) -> bool:
    """Whether the curve is sRGB's, up to rounding to 8 bits."""
    codes = np.interp(curve[::257], srgb().curves[0], np.linspace(0.0, 1.0, CODES))
    return bool(np.abs(codes - np.linspace(0.0, 1.0, 256)).max() < _SAME_CODE)


def holds_srgb(profile: Profile) -> bool:
    """Whether every sRGB colour can be converted to the profile without clipping."""
    if profile.to_xyz is None:
        return False
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    linear = corners @ mixing_matrix(srgb(), profile).T
    curves_ok = all(np.all(np.diff(c) >= 0) and c[-1] > 0.999 for c in profile.curves)
    return bool(curves_ok and linear.min() > -2e-3 and linear.max() < 1 + 2e-3)


def mixing_matrix(source: Profile, target: Profile) -> NDArray[np.float64]:
    """(3, 3) from linear values of one RGB profile to those of another. Raises ValueError."""
    if source.to_xyz is None or target.to_xyz is None:
        raise ValueError("a grey profile has no matrix")
    return np.asarray(np.linalg.inv(target.to_xyz) @ source.to_xyz)


def gamma_profile(exponent: float) -> Profile:
    """The profile of a file with sRGB primaries and a pure power curve, value ** ``exponent``."""
    curve = np.linspace(0.0, 1.0, CODES) ** exponent
    return Profile((curve, curve, curve), srgb().to_xyz)


def keeps_neutral(profile: Profile) -> bool:
    """Whether equal values stay equal on the way to sRGB."""
    same = all(np.array_equal(profile.curves[0], curve) for curve in profile.curves)
    if profile.to_xyz is None:
        return same
    return same and bool(
        np.abs(mixing_matrix(profile, srgb()).sum(axis=1) - 1).max() < _SAME_MATRIX
    )
