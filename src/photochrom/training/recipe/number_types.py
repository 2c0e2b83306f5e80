"""Numbers of a recipe with their bounds: ``crop: PositiveInt = 128``.

The bounds stand in the type, beside the field that they are of; the reader of recipes refuses
values outside of them, and docs/recipes.md shows them.
"""

from __future__ import annotations

from typing import Annotated

from photochrom.tables import Range

UNBOUNDED = 1e9
"""A largest value that stands for none: so large is nothing that a recipe counts or weighs."""

PositiveInt = Annotated[int, Range(1, UNBOUNDED)]
NonNegativeInt = Annotated[int, Range(0, UNBOUNDED)]
NonNegativeFloat = Annotated[float, Range(0.0, UNBOUNDED)]
Share = Annotated[float, Range(0.0, 1.0)]
AdamBeta = Annotated[float, Range(0.0, 0.9999)]
