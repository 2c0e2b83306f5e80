"""Arguments that are one path or several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeAlias

from photochrom.errors import InputError

Paths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"
"""One path, or several."""


def each_path(paths: Paths) -> Sequence[str | os.PathLike[str]]:
    """The paths one by one: a text alone is one of them, and no row of letters.

    Raises InputError for an empty text, which would be the folder in which the program runs.
    """
    each = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    if "" in each:
        raise InputError("a path is an empty text, which names nothing; give a file or folder")
    return each
