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


def decode_jpeg(file: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of one of our own previews."""
    return np.asarray(Image.open(io.BytesIO(file), formats=("JPEG",)).convert("RGB"))
