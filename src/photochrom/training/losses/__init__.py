"""Losses: the terms, the adversarial part, and the pictures that both look at."""

from __future__ import annotations
