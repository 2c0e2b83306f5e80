"""The pictures that programs have at hand (arrays, tensors, Pillow images) to pixels and back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photochrom.errors import InputError
from photochrom.imageio import Picture, from_pil, read

_TAKEN = (
    "a path, the bytes of a file, an open file, what photochrom.read returns, a Pillow image, a "
    "NumPy array, a torch tensor, or a list of them"
)
_KEPT_INFO = ("exif", "xmp", "dpi")
"""What a coloured Pillow image keeps of its ``info``; the profile has been applied."""


class Tensor(Protocol):
    """A torch tensor, for type checkers that see no torch."""

    def detach(self) -> Any:
        """The same values without their history."""

    def new_tensor(self, data: Any) -> Any:
        """The data as a tensor of this one's dtype, on its device."""


class InputPictures(NamedTuple):
    """What somebody calls a picture, as pixels."""

    pictures: Sequence[NDArray[Any]]
    """Each (H, W) or (H, W, 3), uint8, uint16, or floating in [0, 1]; more than one of a batch."""
    pack: Callable[[Sequence[NDArray[Any]]], Any]
    """From pictures of (H, W, 3) and the same dtype to the kind that was given."""


def unpack(source: object) -> InputPictures | None:
    """A Pillow image, array or tensor as pixels; None for anything else.

    Raises InputError for an array or tensor that is no picture.
    """
    if isinstance(source, Image.Image):
        return _of_pil(source)
    if isinstance(source, np.ndarray):
        return _of_array(source)
    torch = sys.modules.get("torch")  # who has a tensor has imported it
    if torch is not None and isinstance(source, torch.Tensor):
        return _of_tensor(source)
    return None


def to_picture(source: Any) -> Picture:
    """What `read` returns, or read from a path, bytes or an open file. Raises InputError."""
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) or hasattr(
        source, "read"
    ):
        return read(source)
    raise InputError(f"a value of type {type(source).__name__} is no picture; give {_TAKEN}")


def _of_pil(image: Image.Image) -> InputPictures:
    """The result has 8 bits, and the alpha of the image."""
    picture = from_pil(image)

    def pack(colored: Sequence[NDArray[Any]]) -> Image.Image:
        result = Picture(colored[0], picture.alpha).to_pil()
        result.info = {key: image.info[key] for key in _KEPT_INFO if key in image.info}
        return result

    return InputPictures([picture.pixels], pack)


def _of_array(array: NDArray[Any]) -> InputPictures:
    """(H, W) or (H, W, 3); float16 is computed in float32."""
    dtype = array.dtype
    native = np.float32 if dtype == np.float16 else dtype.newbyteorder("=")

    def pack(colored: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return colored[0].astype(dtype, copy=False)

    return InputPictures([np.ascontiguousarray(array, native)], pack)


def _of_tensor(tensor: Any) -> InputPictures:
    """(C, H, W) or (N, C, H, W) with one or three channels, on any device."""
    shape = tuple(tensor.shape)
    if len(shape) not in (3, 4) or shape[-3] not in (1, 3) or 0 in shape:
        raise InputError(
            f"a tensor must be (C, H, W) or (N, C, H, W) with 1 or 3 channels; this one is {shape}"
        )
    plain = tensor.detach().cpu()
    if tensor.dtype.is_floating_point:
        plain = plain.float()
    planes = plain.numpy().reshape(-1, *shape[-3:])

    def pack(colored: Sequence[NDArray[Any]]) -> Any:
        batch = np.stack([rgb.transpose(2, 0, 1) for rgb in colored])
        return tensor.new_tensor(batch if len(shape) == 4 else batch[0])

    pictures = [p[0] if len(p) == 1 else np.ascontiguousarray(p.transpose(1, 2, 0)) for p in planes]
    return InputPictures(pictures, pack)
