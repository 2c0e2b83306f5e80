"""Recipes: what a training run does, as dataclasses, and as TOML files."""

from __future__ import annotations
