"""Losses: the table of them, those of the GAN, and what they are computed from."""

from __future__ import annotations
