"""How colourful a picture is.

Source: Hasler, Süsstrunk, *Measuring colourfulness in natural images* (SPIE 2003).
"""

from __future__ import annotations

from typing import Any

from photochrom.color.space import array_namespace


def colorfulness(rgb: Any) -> Any:
    """Hasler–Süsstrunk colourfulness of each picture; grey is 0, vivid photos reach about 100.

    rgb: array or tensor (..., 3, H, W), sRGB-encoded on the 0–255 scale.
    Returns (...): sqrt(σrg² + σyb²) + 0.3·sqrt(μrg² + μyb²), rg = R − G, yb = (R + G)/2 − B.
    """
    xp: Any = array_namespace(rgb)
    r, g, b = rgb[..., 0, :, :], rgb[..., 1, :, :], rgb[..., 2, :, :]
    rg, yb = r - g, 0.5 * (r + g) - b
    mean_rg, mean_yb = xp.mean(rg, axis=(-2, -1)), xp.mean(yb, axis=(-2, -1))
    spread = xp.mean(rg * rg, axis=(-2, -1)) - mean_rg**2
    spread = spread + xp.mean(yb * yb, axis=(-2, -1)) - mean_yb**2
    # The small constants keep the gradient finite on a grey picture.
    return xp.sqrt(xp.clip(spread, 0, None) + 1e-6) + 0.3 * xp.sqrt(mean_rg**2 + mean_yb**2 + 1e-6)
