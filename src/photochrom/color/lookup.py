"""Whole pictures of 8-bit and 16-bit codes through a table of all of them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDE_TABLES = int(cv2.__version__.partition(".")[0]) >= 5
"""Whether OpenCV looks up 16-bit codes, too: in half of NumPy's time, which makes 64-bit indices of
them first."""


def apply_table(
    codes: NDArray[Any], table: NDArray[Any], out: NDArray[Any] | None = None
) -> NDArray[Any]:
    """``table[codes]``.

    codes: (H, W) or (H, W, C), uint8 or uint16. table: (256,) or (65536,), a value for each code.
    out: contiguous, of the codes' shape and the table's dtype; a new array unless given.
    """
    if out is None:
        out = np.empty(codes.shape, table.dtype)
    if codes.dtype == np.uint8 or _WIDE_TABLES:
        cv2.LUT(np.ascontiguousarray(codes), table, dst=out)
        return out
    # Every code is in the table; "clip" is the mode that needs no copy of the result.
    return np.take(table, codes, out=out, mode="clip")
