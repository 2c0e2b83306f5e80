"""What a picture is inside photochrom."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photochrom.imageio.convert import only_channel, to_depth

if TYPE_CHECKING:
    from PIL import Image

    from photochrom.imageio.writing import Target


@dataclass(frozen=True)
class Metadata:
    """What a file says about its pixels; kept from the input to the output."""

    exif: bytes | None = None
    """A TIFF structure without the "Exif\\0\\0" prefix, orientation already reset to 1."""
    xmp: bytes | None = None
    """An XMP packet (UTF-8 XML)."""
    icc: bytes | None = None
    """The input's RGB profile, if pixels can be converted back to it exactly; the output then
    carries it. None: the output is sRGB."""
    dpi: tuple[float, float] | None = None
    """Horizontal and vertical resolution, pixels per inch."""
    bits: int = 16
    """Bits per channel of the input file, 8 or 16; the output has no more. Pixels are read as 16
    bit from an 8-bit file where a profile had to be converted, so that nothing is lost."""
    file_mode: int | None = None
    """Permission bits of the input file."""
    iptc: bytes | None = None
    """IPTC text (IIM datasets): captions, keywords. WebP and AVIF have no place for it."""
    comments: tuple[bytes, ...] = ()
    """Comments of a JPEG or GIF that a person wrote, in any encoding. JPEG and PNG hold them."""
    texts: tuple[tuple[bytes, bytes], ...] = ()
    """Text chunks of a PNG that a person wrote: tEXt, zTXt or iTXt, and what is in it. PNG alone
    holds them."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture in sRGB."""

    pixels: NDArray[Any]
    """(H, W) grey or (H, W, 3) sRGB-encoded, uint8 [0, 255] or uint16 [0, 65535]; the EXIF
    orientation has been applied."""
    alpha: NDArray[Any] | None = None
    """(H, W), same dtype, not premultiplied; None where the file has none."""
    metadata: Metadata = field(default_factory=Metadata)
    """EXIF, XMP, profile and resolution of its file."""
    format: str = "PNG"
    """Name of its file's format, by the content: a key of `photochrom.imageio.FORMATS`."""
    notes: tuple[str, ...] = ()
    """Sentences about what was in the file and is not in here, for the user."""
    generator: str | None = None
    """Who made the colours ("photochrom-base 0.2.0 (photochrom 0.2.0)"), written into files
    together with IPTC's mark for pictures made with a trained model; None: nobody did."""

    def __post_init__(self) -> None:
        shape, dtype = self.pixels.shape, self.pixels.dtype
        if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or 0 in shape:
            raise ValueError(f"pixels must be (H, W) or (H, W, 3) and not empty, got {shape}")
        if dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels must be uint8 or uint16, got {dtype}")
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise ValueError(
                f"alpha must be {shape[:2]} {dtype}, got {self.alpha.shape} {self.alpha.dtype}"
            )

    def save(
        self,
        target: Target,
        *,
        format_name: str = "",
        overwrite: bool = False,
        quality: int | None = None,
    ) -> None:
        """Write the picture to a path or into a file object; everything as for `write`."""
        from photochrom.imageio.writing import write  # which is about pictures

        write(target, self, format_name=format_name, overwrite=overwrite, quality=quality)

    def to_pil(self) -> Image.Image:
        """The pixels as an image of Pillow: 8 bits, sRGB; L, LA, RGB or RGBA."""
        from PIL import Image  # late: JPEG and PNG need none of it

        planes = to_depth(self.pixels, np.uint8)
        if self.alpha is not None:
            planes = np.dstack([planes, to_depth(self.alpha, np.uint8)])
        return Image.fromarray(np.ascontiguousarray(planes))


def eight_bit_rgb(picture: Picture) -> NDArray[np.uint8]:
    """The pixels as (H, W, 3) uint8, sRGB-encoded: rounded to 8 bits, grey in three channels."""
    pixels = to_depth(picture.pixels, np.uint8)
    return np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels


def with_one_channel(picture: Picture) -> Picture:
    """A grey picture that is stored as three equal channels, as most scans are, with one of them;
    any other picture as it is.
    """
    grey = only_channel(picture.pixels) if picture.pixels.ndim == 3 else None
    return picture if grey is None else replace(picture, pixels=grey)


def is_transparent(picture: Picture) -> bool:
    """Whether some pixel is not opaque, as far as 8 bits tell."""
    return picture.alpha is not None and bool(to_depth(picture.alpha.min(), np.uint8) < 255)
