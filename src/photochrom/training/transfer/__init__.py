"""Features of a colorization network reused for classification: the method ``transfer``."""

from __future__ import annotations
