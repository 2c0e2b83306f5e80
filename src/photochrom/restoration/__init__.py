"""Mending what age, printing and compression have done to a photograph, before it is coloured.

`restore_pixels` measures each kind of damage and mends what it finds; a picture without any comes
out as it went in, bit for bit.
"""

from __future__ import annotations

from photochrom.restoration.kinds import KINDS, Kind, parse_kinds
from photochrom.restoration.repair import Finding, Restoration, restore_pixels

__all__ = ["KINDS", "Finding", "Kind", "Restoration", "parse_kinds", "restore_pixels"]
