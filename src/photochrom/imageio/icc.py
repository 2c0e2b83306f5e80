"""ICC profiles: pixels of a profile's colour space to sRGB and back, at 8 and at 16 bit.

Profiles made of curves and a matrix (cameras, displays, working spaces) and grey profiles are
computed here, since LittleCMS as Pillow offers it only handles 8 bit. Profiles made of look-up
tables (printers, some scanners, CMYK) go through LittleCMS.

Source: ICC.1:2010 (profile version 4.3), sections 8, 9, 10 and annex F.
"""

from __future__ import annotations

import functools
import io
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_CODES = 65536
_SAME_CODE = 0.6 / 255
"""Curves that differ by less than this (as sRGB codes) are the sRGB curve with rounding."""
_SAME_MATRIX = 3e-3
_STRIP_PIXELS = 1 << 18


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
    """An sRGB profile, the same bytes on every day."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(data)


@functools.cache
def _srgb() -> Profile:
    profile = parse(srgb_bytes())
    if profile is None or profile.to_xyz is None:
        raise RuntimeError("the built-in sRGB profile of LittleCMS has no matrix")
    return profile


def colour_space(data: bytes) -> str:
    """ "RGB", "GRAY", "CMYK", "Lab", ...: what the profile describes. Raises ValueError."""
    if len(data) < 132 or data[36:40] != b"acsp":
        raise ValueError("not an ICC profile")
    return data[16:20].decode("ascii", "replace").strip()


@functools.lru_cache(maxsize=8)
def parse(data: bytes) -> Profile | None:
    """Parse a profile of curves and a matrix; None if it is one of look-up tables.

    Raises ValueError if it is damaged.
    """
    space = colour_space(data)
    try:
        (count,) = struct.unpack_from(">I", data, 128)
        tags = {}
        for index in range(min(count, 200)):
            name, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
            tags[name] = data[offset : offset + size]
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
    x = np.linspace(0.0, 1.0, _CODES)
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
        difference = _matrix(profile, _srgb()) - np.eye(3)
        if np.abs(difference).max() > _SAME_MATRIX:
            return False
    return all(_is_srgb_curve(curve) for curve in profile.curves)


def _is_srgb_curve(curve: NDArray[np.float64]) -> bool:
    codes = np.interp(curve[::257], _srgb().curves[0], np.linspace(0.0, 1.0, _CODES))
    return bool(np.abs(codes - np.linspace(0.0, 1.0, 256)).max() < _SAME_CODE)


def holds_srgb(profile: Profile) -> bool:
    """Whether every sRGB colour can be converted to the profile without clipping."""
    if profile.to_xyz is None:
        return False
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    linear = corners @ _matrix(_srgb(), profile).T
    curves_ok = all(np.all(np.diff(c) >= 0) and c[-1] > 0.999 for c in profile.curves)
    return bool(curves_ok and linear.min() > -2e-3 and linear.max() < 1 + 2e-3)


def _matrix(source: Profile, target: Profile) -> NDArray[np.float64]:
    if source.to_xyz is None or target.to_xyz is None:
        raise ValueError("a grey profile has no matrix")
    return np.asarray(np.linalg.inv(target.to_xyz) @ source.to_xyz)


def gamma_profile(exponent: float) -> Profile:
    """The profile of a file with sRGB primaries and a pure power curve, value ** ``exponent``."""
    curve = np.linspace(0.0, 1.0, _CODES) ** exponent
    return Profile((curve, curve, curve), _srgb().to_xyz)


def to_srgb(pixels: NDArray[Any], profile: Profile) -> NDArray[Any]:
    """Convert pixels of a profile to sRGB.

    pixels: (H, W) or (H, W, 3), uint8 or uint16. Returns the same shape: the same array where
    nothing changes, otherwise uint16, so that 8-bit pixels lose nothing. Colours outside sRGB are
    clipped.
    """
    if is_srgb(profile):
        return pixels
    if pixels.ndim == 2:
        return _convert_grey(pixels, profile)
    if _is_neutral(pixels) and _keeps_neutral(profile):
        if _is_srgb_curve(profile.curves[0]):
            return pixels
        return np.repeat(_convert_grey(pixels[..., 0], profile)[..., None], 3, axis=2)
    if profile.to_xyz is None:
        raise ValueError("a grey profile in a colour picture")
    return _convert(pixels, profile, _srgb(), np.uint16)


def from_srgb(
    pixels: NDArray[Any], profile: Profile, dtype: type[np.uint8] | type[np.uint16]
) -> NDArray[Any]:
    """Convert (H, W, 3) sRGB pixels, uint8 or uint16, to an RGB profile that holds sRGB."""
    if is_srgb(profile):
        return to_depth(pixels, dtype)
    return _convert(pixels, _srgb(), profile, dtype)


def to_depth(samples: NDArray[Any], dtype: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """uint8 or uint16 samples as the other, full range to full range, rounded to nearest."""
    if samples.dtype == dtype:
        return samples
    if dtype == np.uint16:
        return np.asarray(samples.astype(np.uint16) * np.uint16(257))
    table = ((np.arange(_CODES) + 128) // 257).astype(np.uint8)
    return np.asarray(table[samples])


def _is_neutral(rgb: NDArray[Any]) -> bool:
    red = rgb[..., 0]
    return bool((red == rgb[..., 1]).all() and (red == rgb[..., 2]).all())


def _keeps_neutral(profile: Profile) -> bool:
    same = all(np.array_equal(profile.curves[0], curve) for curve in profile.curves)
    if profile.to_xyz is None:
        return same
    return same and bool(np.abs(_matrix(profile, _srgb()).sum(axis=1) - 1).max() < _SAME_MATRIX)


def _convert_grey(grey: NDArray[Any], profile: Profile) -> NDArray[Any]:
    codes = np.interp(profile.curves[0], _srgb().curves[0], np.linspace(0.0, 65535.0, _CODES))
    table = np.rint(codes).astype(np.uint16)
    return np.asarray(table[::257][grey] if grey.dtype == np.uint8 else table[grey])


def _convert(
    rgb: NDArray[Any],
    source: Profile,
    target: Profile,
    dtype: type[np.uint8] | type[np.uint16],
) -> NDArray[Any]:
    """Curves, matrix, inverse curves; in strips, on two threads or more."""
    step = 257 if rgb.dtype == np.uint8 else 1
    decode = [curve[::step].astype(np.float32) for curve in source.curves]
    mix = _matrix(source, target).astype(np.float32)
    # The inverse curves are tabulated over the square root of the linear value, which spreads
    # dark values about as evenly as the codes themselves: the error stays below a 16-bit code.
    linear = np.linspace(0.0, 1.0, _CODES) ** 2
    codes = np.linspace(0.0, np.iinfo(dtype).max, _CODES)
    encode = [np.rint(np.interp(linear, curve, codes)).astype(dtype) for curve in target.curves]
    out = np.empty(rgb.shape, dtype)
    rows = max(1, _STRIP_PIXELS // rgb.shape[1])

    def convert_strip(top: int) -> None:
        strip = rgb[top : top + rows]
        light = cv2.transform(np.dstack([decode[c][strip[..., c]] for c in range(3)]), mix)
        light = light.reshape(strip.shape)
        index = (np.sqrt(np.clip(light, 0.0, 1.0)) * np.float32(65535) + np.float32(0.5)).astype(
            np.uint16
        )
        for c in range(3):
            out[top : top + rows, :, c] = encode[c][index[..., c]]

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        list(pool.map(convert_strip, range(0, rgb.shape[0], rows)))
    return out


def through_littlecms(image: Image.Image, data: bytes) -> Image.Image:
    """Convert an 8-bit picture of any profile to sRGB, relative colorimetric with black point
    compensation. Raises ValueError if the profile is damaged or of another colour space."""
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(data)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError(f"its ICC profile cannot be used: {error}") from error
    if converted is None:
        raise ValueError("its ICC profile cannot be used")
    return converted


def tables_to_srgb(samples: NDArray[np.uint8], data: bytes) -> NDArray[Any]:
    """Convert (H, W) or (H, W, 3) 8-bit pixels of a profile of look-up tables to sRGB."""
    image = through_littlecms(Image.fromarray(samples), data)
    return np.asarray(image)
