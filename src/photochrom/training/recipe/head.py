"""The keys that the recipes of all methods begin with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from photochrom.tables import Range


@dataclass(frozen=True, kw_only=True)
class RecipeHead:
    """What a recipe says of itself, and its seed."""

    name: str
    """Of the run's folder and of the exported model; the file's name unless given."""
    summary: str = ""
    """What is trained, in words."""
    paper: str = ""
    """Where the method was published."""
    cost: str = ""
    """What it costs to train, in words."""
    outcome: str = ""
    """What came out when it was last trained, in words."""
    seed: Annotated[int, Range(0, 2**32 - 1)] = 0
    """Of all random numbers."""
