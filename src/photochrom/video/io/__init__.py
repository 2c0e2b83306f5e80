"""Film files: probed, decoded frame by frame, encoded, and muxed with all that they carry."""

from __future__ import annotations
