"""What keeps colours steady over time: motion, shots, propagation, smoothing."""

from __future__ import annotations
