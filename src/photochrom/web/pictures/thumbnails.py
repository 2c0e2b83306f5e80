"""Small pictures for screens: how large they are and how they are encoded."""

from __future__ import annotations

import io
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SCREEN_PX: Final = 1280
"""Long side of the pictures that pages show."""
THUMBNAIL_PX: Final = 400
"""Long side of the library's pictures."""
CUTOUT_PX: Final = 224
"""Long side of a place that is cut out of a picture."""
_CUTOUT_SHARE = 0.4
"""Of a picture's short side."""
QUALITY: Final = 80
"""Of JPEG: 4 ms a megapixel. WebP of the same bytes takes seven times as long at its quickest."""


def screen_size(height: int, width: int, longest: int = SCREEN_PX) -> tuple[int, int]:
    """Height and width of a picture that fits a screen; one that is smaller stays as it is."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrink(pixels: NDArray[Any], longest: int) -> NDArray[Any]:
    """A picture (H, W) or (H, W, C) whose long side is at most ``longest``, of the same dtype."""
    height, width = pixels.shape[:2]
    size = screen_size(height, width, longest)
    if size == (height, width):
        return pixels
    return resize(pixels, size)


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """A picture (H, W) or (H, W, C) at another height and width, px, of the same dtype."""
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA), pixels.dtype)


def encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """A JPEG file of (H, W) or (H, W, 3) uint8, sRGB."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of (H, W), (H, W, 3) or, with opacity, (H, W, 4) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def decode_png(file: bytes) -> NDArray[np.uint8]:
    """(H, W) uint8 of one of our own PNGs."""
    return np.asarray(Image.open(io.BytesIO(file), formats=("PNG",)).convert("L"))


def cutout(pixels: NDArray[np.uint8], center: tuple[float, float], color: str) -> bytes:
    """A JPEG of what is around a place, which a ring in its colour marks.

    pixels: (H, W) or (H, W, 3). center: of the place, shares of width and height. color: #rrggbb.
    """
    height, width = pixels.shape[:2]
    side = max(16, round(_CUTOUT_SHARE * min(height, width)))
    x, y = center[0] * width, center[1] * height
    left = round(min(max(x - side / 2, 0), max(width - side, 0)))
    top = round(min(max(y - side / 2, 0), max(height - side, 0)))
    part = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    scale = CUTOUT_PX / max(part.shape[:2])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    view = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if view.ndim == 2:
        view = np.repeat(view[..., None], 3, axis=2)
    place = (round((x - left) * scale), round((y - top) * scale))
    rgb = tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))
    for radius, thickness, ink in ((14, 8, (0, 0, 0)), (14, 6, (255, 255, 255)), (14, 4, rgb)):
        view = cv2.circle(np.ascontiguousarray(view), place, radius, ink, thickness, cv2.LINE_AA)
    return encode_jpeg(np.asarray(view, np.uint8))


def decode_jpeg(file: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of one of our own previews."""
    return np.asarray(Image.open(io.BytesIO(file), formats=("JPEG",)).convert("RGB"))
