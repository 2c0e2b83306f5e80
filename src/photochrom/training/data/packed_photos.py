"""Square views of photos: of those in the cache's file, and of packed pixels on a device."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from photochrom.errors import RecipeError
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.data.resampling import resize_matrix, separable
from photochrom.training.data.views import Crops

_CHUNK_PX = 1 << 26


class PhotoViews(Protocol):
    """Photos of which views are made where they lie.

    device: where that is; what `views` takes and gives is there.
    """

    device: torch.device

    def views(self, photos: Tensor, crops: Crops, side: int) -> Tensor:
        """photos: (N,) int64, which photos. Returns (N, 3, side, side) float32, whole numbers in
        [0, 255], sRGB.
        """


class FilePhotos:
    """Views of the photos in the cache's file, one after the other."""

    device = torch.device("cpu")

    def __init__(self, photos: PhotoSet) -> None:
        self._photos = photos

    def views(self, photos: Tensor, crops: Crops, side: int) -> Tensor:
        """As `PhotoViews.views`: the mean over the area, or bicubic where a view is enlarged."""
        shapes = torch.from_numpy(self._photos.shapes)[photos]
        places = zip(*(place.tolist() for place in _places(shapes, crops)), strict=True)
        codes = np.empty((len(photos), side, side, 3), dtype=np.uint8)
        for code, photo, (view, top, left) in zip(codes, photos.tolist(), places, strict=True):
            piece = self._photos[photo][top : top + view, left : left + view]
            method = cv2.INTER_AREA if view >= side else cv2.INTER_CUBIC
            cv2.resize(piece, (side, side), dst=code, interpolation=method)
        square = torch.from_numpy(codes).permute(0, 3, 1, 2).float()
        return torch.where(crops.mirrored[:, None, None, None], square.flip(3), square)


class PackedPhotos:
    """Views of photos whose pixels lie one after the other in a device's memory, all at once."""

    def __init__(self, photos: PhotoSet, device: torch.device) -> None:
        """Raises RecipeError when the device's memory is too small."""
        self.device = device
        try:
            self._pixels = _copy(torch.from_numpy(np.asarray(photos.pixels)).view(-1, 3), device)
        except torch.OutOfMemoryError as error:
            raise RecipeError(
                f"the memory of the {device.type} device is too small for "
                f"{photos.pixels.nbytes / 1e9:.1f} GB of photos; set data.store to file"
            ) from error
        self._shapes = torch.from_numpy(photos.shapes).to(device)
        self._offsets = torch.from_numpy(photos.offsets // 3).to(device)
        self._largest_view = int(photos.shapes.min(axis=1).max())

    def views(self, photos: Tensor, crops: Crops, side: int) -> Tensor:
        """As `PhotoViews.views`; from those of `FilePhotos` a code may differ by 1."""
        shapes = self._shapes[photos]
        view, top, left = _places(shapes, crops)
        place = torch.arange(self._largest_view, device=self.device)
        # What lies beyond the view has no weight, and is only kept inside the photo.
        y = torch.minimum(top[:, None] + place, shapes[:, :1] - 1)
        x = torch.minimum(left[:, None] + place, shapes[:, 1:] - 1)
        row_starts = self._offsets[photos][:, None] + y * shapes[:, 1:]
        pieces = self._pixels[row_starts[:, :, None] + x[:, None, :]]
        weights = resize_matrix(view, self._largest_view, side)
        columns = torch.where(crops.mirrored[:, None, None], weights.flip(1), weights)
        codes = separable(pieces.permute(0, 3, 1, 2).float(), weights, columns)
        return codes.clamp(0.0, 255.0).round()


def _places(shapes: Tensor, crops: Crops) -> tuple[Tensor, Tensor, Tensor]:
    """Side, top and left of views, px, (N,) int64 each. shapes: (N, 2) of their photos."""
    short = shapes.amin(dim=1)
    view = (short * crops.view).round().long().clamp_min(1)
    room = shapes - view[:, None] + 1
    # A share may be rounded up to 1.
    top = torch.minimum((room[:, 0] * crops.top).long(), room[:, 0] - 1)
    left = torch.minimum((room[:, 1] * crops.left).long(), room[:, 1] - 1)
    return view, top, left


def _copy(pixels: Tensor, device: torch.device) -> Tensor:
    """Copied piece by piece: the file is read once, and not held in memory as a whole."""
    copy = torch.empty_like(pixels, device=device)
    for start in range(0, len(pixels), _CHUNK_PX):
        copy[start : start + _CHUNK_PX].copy_(pixels[start : start + _CHUNK_PX])
    return copy
