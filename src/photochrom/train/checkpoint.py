"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from photochrom.errors import InputError, OutputError

_FORMAT = 1
NAME = "checkpoint.pt"


@dataclass
class Position:
    """Where a run stands. seconds: training time spent in the current stage."""

    stage: int = 0
    step: int = 0
    images: int = 0
    stage_images: int = 0
    stage_seconds: float = 0.0


def save(path: Path, position: Position, recipe: dict[str, Any], state: dict[str, Any]) -> None:
    """Write a checkpoint; the old one stays until the new one is complete on disk."""
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(
                {
                    "format": _FORMAT,
                    "position": vars(position),
                    "recipe": recipe,
                    "state": state,
                },
                file,
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"cannot write the checkpoint {path}: {error.strerror}") from error


def load(path: Path) -> tuple[Position, dict[str, Any], dict[str, Any]]:
    """Read a checkpoint: position, recipe table, state.

    Raises InputError when the file is missing, damaged or of another format.
    """
    if not path.exists():
        raise InputError(f"there is no checkpoint at {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"the checkpoint {path} is damaged: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(f"{path} is not a checkpoint of this version (format {_FORMAT})")
    return Position(**content["position"]), content["recipe"], content["state"]
