"""sRGB, CIELAB, CIELUV (D65, 2° observer) and Y'UV: the only matrices and gamma of the package.

The same lines serve NumPy arrays and torch tensors (through the array API namespace of the
argument), so that training and colouring cannot drift apart.

Source: IEC 61966-2-1 (sRGB transfer curve and primaries); CIE 15:2004 (L*a*b*, L*u*v*);
ITU-R BT.601 (Y'UV).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

ArrayT = TypeVar("ArrayT")

RGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
"""Linear sRGB to CIE XYZ; the same constants as OpenCV and scikit-image, so results compare."""
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ)
WHITE_XYZ = np.array([0.95047, 1.0, 1.08883])
"""D65 reference white, Y = 1."""

LAB_DELTA = 6.0 / 29.0
"""Where the cube root of CIELAB turns into a straight line, on the axis of f."""


def array_namespace(values: Any) -> Any:
    """The functions of the array API standard, for NumPy arrays or torch tensors."""
    if isinstance(values, np.ndarray) and hasattr(np, "concat"):
        return np  # NumPy 2 has them all; the compatible copy of it takes long to import
    import array_api_compat

    return array_api_compat.array_namespace(values)


def array_device(values: Any) -> Any:
    """Where an array or tensor is, as the functions of its namespace take it."""
    import array_api_compat

    return array_api_compat.device(values)


def srgb_to_linear(rgb: ArrayT) -> ArrayT:
    """Undo the sRGB transfer curve. Any shape, [0, 1] in and out."""
    xp: Any = array_namespace(rgb)
    v: Any = rgb
    # The power is taken of a clipped copy: outside its branch it must not produce NaN (or NaN
    # gradients in torch).
    power = ((xp.clip(v, 0.04045, None) + 0.055) / 1.055) ** 2.4
    linear: ArrayT = xp.where(v <= 0.04045, v / 12.92, power)
    return linear


def linear_to_srgb(linear: ArrayT) -> ArrayT:
    """Apply the sRGB transfer curve. Any shape; negative values stay on the straight part."""
    xp: Any = array_namespace(linear)
    v: Any = linear
    power = 1.055 * xp.clip(v, 0.0031308, None) ** (1.0 / 2.4) - 0.055
    encoded: ArrayT = xp.where(v <= 0.0031308, v * 12.92, power)
    return encoded


def rgb_to_lab(rgb: ArrayT, axis: int = -1) -> ArrayT:
    """Convert sRGB-encoded colours to CIELAB.

    rgb: floating array or tensor with 3 channels along ``axis``, [0, 1].
    Returns the same shape: L in [0, 100], a and b about [-128, 127].
    """
    xp: Any = array_namespace(rgb)
    linear: Any = srgb_to_linear(rgb)
    r, g, b = _channels(linear, axis)
    fx, fy, fz = (
        _lab_f((float(m[0]) * r + float(m[1]) * g + float(m[2]) * b) / float(w), xp)
        for m, w in zip(RGB_TO_XYZ, WHITE_XYZ, strict=True)
    )
    lab: ArrayT = xp.concat([116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)], axis=axis)
    return lab


def lab_to_rgb(lab: ArrayT, axis: int = -1) -> ArrayT:
    """Convert CIELAB to sRGB-encoded colours; not clipped.

    lab: floating array or tensor with 3 channels along ``axis``.
    Returns the same shape; values outside [0, 1] are colours outside the sRGB gamut.
    """
    return linear_to_srgb(lab_to_linear(lab, axis))


def lab_to_linear(lab: ArrayT, axis: int = -1) -> ArrayT:
    """Convert CIELAB to linear sRGB; not clipped. Shapes as `lab_to_rgb`."""
    xp: Any = array_namespace(lab)
    L, a, b = _channels(lab, axis)
    fy = (L + 16.0) / 116.0
    x, y, z = (
        _lab_f_inverse(f, xp) * float(w)
        for f, w in zip((fy + a / 500.0, fy, fy - b / 200.0), WHITE_XYZ, strict=True)
    )
    linear: ArrayT = xp.concat(
        [float(m[0]) * x + float(m[1]) * y + float(m[2]) * z for m in XYZ_TO_RGB], axis=axis
    )
    return linear


def _channels(colors: Any, axis: int) -> list[Any]:
    """The three channels along ``axis``, which stays with length 1: views, no copies."""
    before = (slice(None),) * (axis % colors.ndim)
    places = [(*before, slice(i, i + 1)) for i in range(3)]
    return [colors[place] for place in places]


def luminance_to_lightness(y: ArrayT) -> ArrayT:
    """CIE 1976 lightness. y: luminance Y, any shape, 1 at white. Returns L* (100 at white)."""
    xp: Any = array_namespace(y)
    L: ArrayT = 116.0 * _lab_f(y, xp) - 16.0
    return L


# Both curves have a straight part that is the tangent where it meets the curved part, so each is
# the curve at the clipped value plus the slope times what was clipped away. This is faster than
# choosing between two branches, and no branch can produce NaN (or NaN gradients in torch).


def _lab_f(t: Any, xp: Any) -> Any:
    curved = xp.clip(t, LAB_DELTA**3, None)
    return curved ** (1.0 / 3.0) + (t - curved) * (1.0 / (3 * LAB_DELTA**2))


def _lab_f_inverse(f: Any, xp: Any) -> Any:
    curved = xp.clip(f, LAB_DELTA, None)
    return curved * curved * curved + (f - curved) * (3 * LAB_DELTA**2)


# CIELUV shares L* with CIELAB. A u or v that was learnt at one lightness may lie far outside of any
# colour at another; what it asks for is kept inside the box of sRGB's chromaticities.
_U_RANGE, _V_RANGE = (0.12, 0.4508), (0.158, 0.5626)
_SMALLEST_L = 0.1


def ab_to_uv(L: ArrayT, a: ArrayT, b: ArrayT) -> tuple[ArrayT, ArrayT]:
    """CIELAB's a and b as CIELUV's u* and v* (D65); arrays of one shape, L in [0, 100]."""
    xp: Any = array_namespace(L)
    values: Any = L
    a_values: Any = a
    b_values: Any = b
    fy = (values + 16.0) / 116.0
    x, y, z = (
        _lab_f_inverse(f, xp) * float(w)
        for f, w in zip((fy + a_values / 500.0, fy, fy - b_values / 200.0), WHITE_XYZ, strict=True)
    )
    total = xp.clip(x + 15.0 * y + 3.0 * z, 1e-9, None)
    u_white, v_white = _white_chromaticity()
    u: ArrayT = 13.0 * values * (4.0 * x / total - u_white)
    v: ArrayT = 13.0 * values * (9.0 * y / total - v_white)
    return u, v


def uv_to_ab(L: ArrayT, u: ArrayT, v: ArrayT) -> tuple[ArrayT, ArrayT]:
    """The way back; u and v that no colour of sRGB has at this L are brought to its box."""
    xp: Any = array_namespace(L)
    values: Any = L
    u_values: Any = u
    v_values: Any = v
    u_white, v_white = _white_chromaticity()
    scale = 13.0 * xp.clip(values, _SMALLEST_L, None)
    u_share = xp.clip(u_values / scale + u_white, *_U_RANGE)
    v_share = xp.clip(v_values / scale + v_white, *_V_RANGE)
    fy = (values + 16.0) / 116.0
    y = _lab_f_inverse(fy, xp)
    x = y * 9.0 * u_share / (4.0 * v_share)
    z = y * xp.clip(12.0 - 3.0 * u_share - 20.0 * v_share, 0.0, None) / (4.0 * v_share)
    a: ArrayT = 500.0 * (_lab_f(x / float(WHITE_XYZ[0]), xp) - fy)
    b: ArrayT = 200.0 * (fy - _lab_f(z / float(WHITE_XYZ[2]), xp))
    return a, b


# Luma's shares of R', G' and B', and what U and V are of B' − Y' and R' − Y'.
_LUMA = (0.299, 0.587, 0.114)
_U_OF_BLUE, _V_OF_RED = 0.436 / (1.0 - _LUMA[2]), 0.615 / (1.0 - _LUMA[0])


def rgb_to_yuv(rgb: ArrayT, axis: int = -1) -> ArrayT:
    """Convert sRGB-encoded colours, 3 channels along ``axis``, [0, 1], to Y'UV.

    Returns the same shape: Y' in [0, 1], U in ±0.436, V in ±0.615.
    """
    xp: Any = array_namespace(rgb)
    r, g, b = _channels(rgb, axis)
    luma = _LUMA[0] * r + _LUMA[1] * g + _LUMA[2] * b
    yuv: ArrayT = xp.concat([luma, _U_OF_BLUE * (b - luma), _V_OF_RED * (r - luma)], axis=axis)
    return yuv


def yuv_to_rgb(yuv: ArrayT, axis: int = -1) -> ArrayT:
    """The way back; not clipped."""
    xp: Any = array_namespace(yuv)
    luma, u, v = _channels(yuv, axis)
    r, b = luma + v / _V_OF_RED, luma + u / _U_OF_BLUE
    g = (luma - _LUMA[0] * r - _LUMA[2] * b) / _LUMA[1]
    rgb: ArrayT = xp.concat([r, g, b], axis=axis)
    return rgb


def _white_chromaticity() -> tuple[float, float]:
    """u' and v' of the reference white."""
    x, y, z = map(float, WHITE_XYZ)
    total = x + 15.0 * y + 3.0 * z
    return 4.0 * x / total, 9.0 * y / total
