"""What is to become of a damaged file: one choice for photographs and films."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

DamagePolicy: TypeAlias = Literal["mend", "refuse", "salvage"]
"""``mend``: harmless damage is mended, and noted; where a part of a photograph, or the end of a
film, is missing, the file is refused. ``refuse``: whatever is damaged is refused. ``salvage``: what
is there is taken, and how much is missing is noted."""

DAMAGE_POLICIES: tuple[DamagePolicy, ...] = get_args(DamagePolicy)
DEFAULT_DAMAGE_POLICY: DamagePolicy = "mend"
