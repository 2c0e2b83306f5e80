"""Patch classifiers: a codebook of colours, patches of lightness, and who tells them apart."""

from __future__ import annotations
