"""Colour as AVIF, HEIC and PNG name it: by code points for primaries and curve.

Source: ITU-T H.273 (2021), tables 2 and 3; ISO/IEC 23008-12 (``colr`` boxes of type ``nclx``); PNG
(third edition), section 11.3.2.6 (``cICP``).
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.imageio import icc
from photochrom.imageio.icc import CODES, Profile

_PQ, _HLG = 16, 18
_D65 = (0.3127, 0.3290)
_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
"""Chromaticities x, y of red, green, blue and white; those of sRGB, 1, are left out."""
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
"""Exponents of the curves that are powers. Those of video (1, 6, 14, 15) are shown as sRGB by every
viewer, and so they are taken here."""
_HDR = "it is an HDR picture (PQ or HLG); save it in a standard dynamic range"
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50_XYZ = np.array([0.9642, 1.0, 0.8249])


class ColorDescription(NamedTuple):
    """Code points of H.273, and whether the codes of the samples go from end to end."""

    primaries: int
    transfer: int
    full_range: bool = True


def png_description(chunk: bytes) -> ColorDescription:
    """From the data of a cICP chunk. Raises ValueError if it is damaged."""
    if len(chunk) != 4:
        raise ValueError(f"a cICP chunk of {len(chunk)} bytes")
    return ColorDescription(chunk[0], chunk[1], chunk[3] != 0)


def heif_description(data: bytes) -> ColorDescription | None:
    """From the first ``nclx`` box of an AVIF or HEIC file; None where it has none."""
    place = data.find(b"colrnclx", 0, 1 << 16)
    if place < 0 or len(data) < place + 15:
        return None
    primaries, transfer = struct.unpack_from(">HH", data, place + 8)
    return ColorDescription(primaries, transfer, bool(data[place + 14] & 0x80))


def check_not_hdr(description: ColorDescription | None) -> None:
    """Raise InputError for the PQ and HLG curves, of which sRGB holds a part only."""
    if description is not None and description.transfer in (_PQ, _HLG):
        raise InputError(_HDR)


def named_profile(
    description: ColorDescription | None, gamma: float | None = None
) -> Profile | None:
    """The profile of what the code points name; None where the samples are sRGB, or taken so.

    gamma: exponent of the curve, where the file has a number and no code point for it.
    """
    if description is None:
        return None
    chromaticities = _PRIMARIES.get(description.primaries)
    gamma = gamma or _GAMMAS.get(description.transfer)
    if chromaticities is None and gamma is None:
        return None
    curve = icc.srgb().curves[0] if gamma is None else np.linspace(0.0, 1.0, CODES) ** gamma
    to_xyz = icc.srgb().to_xyz if chromaticities is None else _to_xyz(chromaticities)
    return Profile((curve, curve, curve), to_xyz)


def _to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """(3, 3) from linear RGB to XYZ, adapted to D50 (Bradford)."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in chromaticities]).T
    primaries, white = columns[:, :3], columns[:, 3]
    to_xyz = primaries * np.linalg.solve(primaries, white)
    cones = (_BRADFORD @ _D50_XYZ) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ to_xyz)


def expand_range(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Samples of limited range ("studio swing") stretched to the whole range of their dtype.

    samples: uint8 or uint16, codes of ``bits`` bits; black is 16 of 256 of them, white 235. Returns
    the same dtype, rounded to nearest.
    """
    top = int(np.iinfo(samples.dtype).max)
    unit = 1 << (bits - 8)
    table = np.rint((np.arange(top + 1) - 16.0 * unit) * (top / (219.0 * unit)))
    return np.asarray(np.clip(table, 0, top).astype(samples.dtype)[samples])
