"""Pixels of an ICC profile's colour space to sRGB and back, and from one depth to the other.

Profiles of curves and a matrix are computed here, with 16 bits; those of look-up tables go through
LittleCMS, which Pillow offers for 8 bits, and imagecodecs for 16.
"""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.errors import requires_extra
from photochrom.imageio.icc import (
    CODES,
    Profile,
    is_srgb,
    is_srgb_curve,
    keeps_neutral,
    mixing_matrix,
    srgb,
    srgb_bytes,
)
from photochrom.processors import thread_count

if TYPE_CHECKING:
    from PIL import Image

_STRIP_PIXELS = 1 << 18
_NEUTRAL_PIXELS = 1 << 15


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
    grey = only_channel(pixels) if keeps_neutral(profile) else None
    if grey is not None:
        if is_srgb_curve(profile.curves[0]):
            return pixels
        return np.repeat(_convert_grey(grey, profile)[..., None], 3, axis=2)
    if profile.to_xyz is None:
        raise ValueError("a grey profile in a colour picture")
    return _convert(pixels, profile, srgb(), np.uint16)


def from_srgb(
    pixels: NDArray[Any], profile: Profile, dtype: type[np.uint8] | type[np.uint16]
) -> NDArray[Any]:
    """Convert (H, W, 3) sRGB pixels, uint8 or uint16, to an RGB profile that holds sRGB."""
    if is_srgb(profile):
        return to_depth(pixels, dtype)
    return _convert(pixels, srgb(), profile, dtype)


def to_depth(samples: NDArray[Any], dtype: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """uint8 or uint16 samples as the other, full range to full range, rounded to nearest."""
    if samples.dtype == dtype:
        return samples
    if dtype == np.uint16:
        return np.asarray(samples.astype(np.uint16) * np.uint16(257))
    table = ((np.arange(CODES) + 128) // 257).astype(np.uint8)
    return np.asarray(table[samples])


def is_neutral(rgb: NDArray[Any]) -> bool:
    """Whether (H, W, 3) samples, uint8 or uint16, are grey throughout."""
    return only_channel(rgb) is not None


def only_channel(rgb: NDArray[Any]) -> NDArray[Any] | None:
    """The one channel (H, W) that a grey picture of three equal ones has; None for all others.

    rgb: (H, W, 3) uint8 or uint16. The first row in colour ends the search.
    """
    height, width = rgb.shape[:2]
    first = rgb[0]
    if not ((first[:, 0] == first[:, 1]) & (first[:, 0] == first[:, 2])).all():
        return None
    grey = np.empty((height, width), rgb.dtype)
    rows = max(1, _NEUTRAL_PIXELS // width)
    for top in range(0, height, rows):
        red, green, blue = cv2.split(rgb[top : top + rows])
        if cv2.norm(red, green, cv2.NORM_INF) or cv2.norm(red, blue, cv2.NORM_INF):
            return None
        grey[top : top + rows] = red
    return grey


def _convert_grey(grey: NDArray[Any], profile: Profile) -> NDArray[Any]:
    codes = np.interp(profile.curves[0], srgb().curves[0], np.linspace(0.0, 65535.0, CODES))
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
    mix = mixing_matrix(source, target).astype(np.float32)
    # The inverse curves are tabulated over the square root of the linear value, which spreads
    # dark values about as evenly as the codes themselves: the error stays below a 16-bit code.
    linear = np.linspace(0.0, 1.0, CODES) ** 2
    codes = np.linspace(0.0, np.iinfo(dtype).max, CODES)
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

    with ThreadPoolExecutor(thread_count(4)) as pool:
        list(pool.map(convert_strip, range(0, rgb.shape[0], rows)))
    return out


def littlecms_to_srgb(image: Image.Image, data: bytes) -> Image.Image:
    """Convert an 8-bit picture of any profile to sRGB, relative colorimetric with black point
    compensation. Raises ValueError if the profile is damaged or of another colour space.
    """
    from PIL import ImageCms

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


def tables_to_srgb(samples: NDArray[Any], data: bytes) -> NDArray[Any]:
    """Convert pixels of a profile of look-up tables to sRGB, as `littlecms_to_srgb` does.

    samples: (H, W) or (H, W, 3), uint8 or uint16. Returns (H, W, 3) of the same dtype. Raises
    ValueError for a profile that is damaged, and MissingDependencyError for 16 bits, which Pillow's
    LittleCMS does not take.
    """
    if samples.dtype == np.uint8:
        from PIL import Image

        return np.asarray(littlecms_to_srgb(Image.fromarray(samples), data))
    with requires_extra("formats", "16 bits with an ICC profile of look-up tables"):
        import imagecodecs
    try:
        return np.asarray(
            imagecodecs.cms_transform(
                samples,
                data,
                srgb_bytes(),
                colorspace="gray" if samples.ndim == 2 else "rgb",
                outcolorspace="rgb",
                outdtype="u2",
                intent=imagecodecs.CMS.INTENT.RELATIVE_COLORIMETRIC,
                flags=imagecodecs.CMS.FLAGS.BLACKPOINTCOMPENSATION,
            )
        )
    except imagecodecs.CmsError as error:
        raise ValueError(f"its ICC profile cannot be used: {error}") from error
