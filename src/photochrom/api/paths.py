"""Arguments that are one path or several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

Paths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"
"""One path, or several."""


def each_path(paths: Paths) -> Sequence[str | os.PathLike[str]]:
    """The paths one by one: a text alone is one of them, and no row of letters."""
    return [paths] if isinstance(paths, (str, os.PathLike)) else paths
