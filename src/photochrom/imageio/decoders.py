"""From the bytes of each format to samples as they are stored, with what the file says of them.

Nothing is rotated and no RGB or grey profile is applied here; see ``reading``. Decoders raise
InputError on purpose, and whatever the libraries raise on damaged data.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.imageio import convert, icc
from photochrom.imageio.icc import Profile
from photochrom.imageio.options import ReadOptions, check_page, check_size

if TYPE_CHECKING:
    from PIL import Image, ImageFile

EXIF_DAMAGED = "its EXIF data are damaged and were left out"
"""The note for a picture that is sound itself."""
_FILM_FORMATS = frozenset({"AVIF", "GIF", "PNG", "WebP"})
"""Of pictures, whose animations are films as well."""
_TOOL_MARKS = (
    b"Created with ",
    b"CREATOR: ",
    b"File written by ",
    b"LEAD Technologies",
    b"AppleMark",
    b"Lavc",
)
"""How the comments begin that programs leave in all their files."""


@dataclass
class StoredPicture:
    """samples: (H, W) grey or (H, W, 3) RGB in the file's own colour space, uint8 or uint16.

    alpha: (H, W) of the same dtype. profile: of a file that names curve and primaries instead of an
    ICC profile. iptc: datasets of IPTC text. comments, texts: as in `Metadata`. orientation: None
    where EXIF or XMP decides, otherwise the value to apply.
    """

    samples: NDArray[Any]
    alpha: NDArray[Any] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    profile: Profile | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    texts: tuple[tuple[bytes, bytes], ...] = ()
    orientation: int | None = None
    notes: tuple[str, ...] = ()


class StoredValues(NamedTuple):
    """What an instrument measured, before anybody chose how to show it.

    values: (H, W) float32 in the file's own unit, upright; NaN where nothing was measured. Of
    pictures without a unit they are the samples in [0, 1], and ``has_unit`` is False.
    """

    values: NDArray[np.float32]
    notes: tuple[str, ...] = ()
    has_unit: bool = True


Decoder = Callable[[bytes, ReadOptions], StoredPicture]
"""The file's bytes, and how they are to be read, to samples."""


def is_someones_text(comment: bytes) -> bool:
    """Whether a comment was written by a person."""
    text = comment.strip(b"\x00 \t\r\n")
    return bool(text) and not text.startswith(_TOOL_MARKS)


def opencv_samples(data: bytes) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(H, W) or (H, W, 3) and alpha, by OpenCV, which keeps 16 bits."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise InputError("its pixel data are damaged or of a kind that OpenCV cannot read")
    if image.ndim == 2:
        return image, None
    alpha = np.ascontiguousarray(image[..., 3]) if image.shape[2] == 4 else None
    return np.ascontiguousarray(image[..., 2::-1]), alpha


def from_pillow(
    image: Image.Image, profile: bytes | None
) -> tuple[NDArray[Any], NDArray[Any] | None, bytes | None, tuple[str, ...]]:
    """Samples, alpha, the profile that still applies, notes; of an 8-bit picture of any mode."""
    if image.mode == "CMYK":
        samples, notes = _from_cmyk(image, profile)
        return samples, None, None, notes
    if image.mode in ("F", "I", "LAB", "HSV"):
        raise InputError(f"its pixels are of the kind {image.mode}; save it with 8 or 16 bits")
    if image.has_transparency_data:
        grey = image.mode in ("L", "LA", "La", "1")
        rgba = np.asarray(image.convert("LA" if grey else "RGBA"))
        samples = rgba[..., 0] if grey else rgba[..., :3]
        return np.ascontiguousarray(samples), np.ascontiguousarray(rgba[..., -1]), profile, ()
    grey = image.mode in ("L", "1") or (image.mode == "P" and _palette_is_grey(image))
    return np.asarray(image.convert("L" if grey else "RGB")), None, profile, ()


def _from_cmyk(image: Image.Image, profile: bytes | None) -> tuple[NDArray[Any], tuple[str, ...]]:
    notes: tuple[str, ...] = ()
    try:
        if profile is not None and icc.color_space(profile) == "CMYK":
            return np.asarray(convert.littlecms_to_srgb(image, profile)), ()
    except ValueError:
        notes = ("its ICC profile is damaged and was left out",)
    notes += ("CMYK without a profile: colours and tones were converted by the plain formula",)
    return np.asarray(image.convert("RGB")), notes


def _palette_is_grey(image: Image.Image) -> bool:
    palette = np.asarray(image.getpalette("RGB") or [0, 1, 2], np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def animation_error(name: str) -> InputError:
    """The error for a film in a picture's format."""
    film = "photochrom film colours all of it, or " if name in _FILM_FORMATS else ""
    return InputError(f"it is an animated {name}; {film}save the frame you want as a still picture")


def decode_still(image: ImageFile.ImageFile, name: str, options: ReadOptions) -> StoredPicture:
    """Decode what Pillow has opened; refuse animations."""
    check_still(image, name, options)
    return stored_still(image)


def check_still(image: ImageFile.ImageFile, name: str, options: ReadOptions) -> None:
    """Raise InputError for what Pillow has opened and is too large, or no still picture."""
    check_size(image.width, image.height, options.max_pixels)
    check_page(options.page, 1)
    if getattr(image, "is_animated", False):
        raise animation_error(name)


def stored_still(image: ImageFile.ImageFile) -> StoredPicture:
    """Samples of what Pillow has opened, and what it says of them."""
    info = image.info
    samples, alpha, profile, notes = from_pillow(image, info.get("icc_profile"))
    comments = tuple(filter(is_someones_text, (info.get("comment", b""),)))
    block, packet, dpi = info.get("exif"), info.get("xmp"), info.get("dpi")
    if isinstance(packet, str):
        packet = packet.encode()
    if dpi is not None:
        dpi = (float(dpi[0]), float(dpi[1])) if dpi[0] > 0 and dpi[1] > 0 else None
    return StoredPicture(
        samples, alpha, block, packet, profile, dpi, comments=comments, notes=notes
    )


def decode_webp(data: bytes, options: ReadOptions) -> StoredPicture:
    """WebP, lossy or lossless; an animated one is refused."""
    from PIL import WebPImagePlugin

    return decode_still(WebPImagePlugin.WebPImageFile(io.BytesIO(data)), "WebP", options)


def decode_gif(data: bytes, options: ReadOptions) -> StoredPicture:
    """GIF with one frame."""
    from PIL import GifImagePlugin

    return decode_still(GifImagePlugin.GifImageFile(io.BytesIO(data)), "GIF", options)


def show_values(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint16]:
    """Measured values as grey: ``low`` and below is black, ``high`` and above white.

    values: (H, W) float32; NaN becomes black. Returns (H, W) uint16.
    """
    span = max(high - low, np.finfo(np.float32).tiny)
    share = np.clip((values.astype(np.float64) - low) / span, 0.0, 1.0)
    return np.asarray(np.rint(np.nan_to_num(share) * 65535.0).astype(np.uint16))


def widen(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Samples of ``bits`` bits in uint16, stretched to the full range of 16."""
    top = (1 << bits) - 1
    stretched = (np.minimum(samples, top).astype(np.uint32) * 65535 + top // 2) // top
    return np.asarray(stretched.astype(np.uint16))


def stretch(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Samples of 1 to 16 bits, in uint8 or uint16, stretched to the full range of their dtype."""
    if bits == 8 * samples.itemsize:
        return samples
    if samples.dtype == np.uint16:
        return widen(samples, bits)
    top = (1 << bits) - 1
    return np.asarray((samples.astype(np.uint16) * 255 // top).astype(np.uint8))


def divide_by_alpha(samples: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Samples (H, W) or (H, W, 3) as they were before they were multiplied by alpha, (H, W)."""
    top = int(np.iinfo(samples.dtype).max)
    divisor = np.maximum(alpha, 1).reshape(alpha.shape + (1,) * (samples.ndim - 2))
    quotient = samples.astype(np.uint64) * top // divisor
    return np.asarray(np.minimum(quotient, top).astype(samples.dtype))
