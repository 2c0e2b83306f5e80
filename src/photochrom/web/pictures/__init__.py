"""Pictures and films: taken in, shown, corrected, handed out."""

from __future__ import annotations
