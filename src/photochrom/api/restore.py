"""Mending pictures of any kind."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from photochrom.api.kinds import to_picture, unpack
from photochrom.errors import PhotochromError
from photochrom.imageio import Picture, Source
from photochrom.restoration import parse_kinds
from photochrom.restoration.repair import restore_pixels

if TYPE_CHECKING:
    from PIL import Image

    from photochrom.api.kinds import Tensor

_Code = TypeVar("_Code", bound=np.generic)
_Tensor = TypeVar("_Tensor", bound="Tensor")


# fmt: off
@overload
def restore(source: Source | Picture, *, only: Sequence[str] | None = ...) -> Picture: ...
@overload
def restore(source: Image.Image, *, only: Sequence[str] | None = ...) -> Image.Image: ...
@overload
def restore(source: NDArray[_Code], *, only: Sequence[str] | None = ...) -> NDArray[_Code]: ...
@overload
def restore(source: _Tensor, *, only: Sequence[str] | None = ...) -> _Tensor: ...
# fmt: on
def restore(source: Any, *, only: Sequence[str] | None = None) -> Any:
    """Mend a picture: JPEG blocks, halftone dots, scratches, dust, grain, blur, fading.

    Each kind of damage is measured, and mended as far as it is there; a picture without any comes
    back as it is, bit for bit. Lightness alone is mended, so that a tone stays. Nothing is
    coloured: `colorize(restore("scan.jpg"))` does both.

    Args:
        source: A picture as for `colorize`, but no list.
        only: The kinds of damage that are looked for: of "blocks", "halftone", "scratches", "dust",
            "grain", "blur" and "fading"; None: all. Of scratches and dust that are named, even one
            is mended; otherwise only as many as photographs do not have by themselves.

    Returns:
        For a file a `Picture`, whose `notes` say what was mended; for a Pillow image, an array or
        a tensor the same kind, dtype and shape.

    Raises:
        InputError: The picture cannot be read, or there is no such kind.

    Examples:
        >>> restore("newspaper.png").save("newspaper.restored.png")
        >>> rgb = colorize(restore(grey, only=["halftone"]))
    """
    names = [only] if isinstance(only, str) else only
    kinds = None if names is None else parse_kinds(names)
    own = unpack(source)
    if own is not None:
        return own.pack([restore_pixels(pixels, kinds).pixels for pixels in own.pictures])
    picture = to_picture(source)
    try:
        done = restore_pixels(picture.pixels, kinds)
    except PhotochromError as error:
        if not isinstance(source, (str, os.PathLike)):
            raise
        raise type(error)(f"cannot mend {os.fspath(source)}: {error}") from error
    notes = (f"mended: {done.description}",) if done.findings else ()
    return dataclasses.replace(picture, pixels=done.pixels, notes=picture.notes + notes)
