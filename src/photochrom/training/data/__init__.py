"""Training data: from the sources to batches."""

from __future__ import annotations
