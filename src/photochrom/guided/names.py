"""Names of the files that guided colouring puts beside an album."""

from __future__ import annotations

from typing import Final

COLOR_FILE_NAME: Final = "photochrom-colors.json"
"""Of the saved colours, unless another is named."""
SHEET_NAME: Final = "photochrom-colors.png"
"""Of the picture of proposals beside them."""
