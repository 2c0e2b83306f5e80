"""What a run writes down, measures while it trains, and shows."""

from __future__ import annotations
