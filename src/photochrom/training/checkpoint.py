"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from photochrom.atomic import write_atomically
from photochrom.errors import InputError

_FORMAT = 1
NAME = "checkpoint.pt"
KEPT_FOLDER = "kept"
"""Folder of the run with the averaged weights that stages keep."""
STAGES_FOLDER = "stages"
"""Folder of the run with the networks of stages that are over, by the stages' names."""


@dataclass
class Position:
    """Where a run stands. stage_seconds: training time spent in the current stage.

    generator_steps: in how many of the stage's steps the generator learnt. finished: whether the
    recipe's last stage is over, and nothing is left to do.
    """

    stage: int = 0
    step: int = 0
    images: int = 0
    stage_images: int = 0
    stage_seconds: float = 0.0
    generator_steps: int = 0
    finished: bool = False


def check_folder(run: Path, *, resume: bool) -> None:
    """Raise InputError where a run's folder holds a run already, or none to go on with."""
    exists = (run / NAME).exists()
    if resume and not exists:
        raise InputError(f"{run} holds no checkpoint to resume from; leave out --resume")
    if exists and not resume:
        raise InputError(
            f"{run} already holds a run; --resume goes on with it, --run names another folder"
        )


def save(path: Path, position: Position, recipe: dict[str, Any], state: dict[str, Any]) -> None:
    """Write a checkpoint; the old one stays until the new one is complete on disk.

    Raises OutputError when it cannot be written, with the old one intact.
    """
    content = {"format": _FORMAT, "position": vars(position), "recipe": recipe, "state": state}
    # Through memory: torch tells of a full disk by a RuntimeError that does not say so.
    data = io.BytesIO()
    torch.save(content, data)
    write_atomically(path, data.getvalue(), overwrite=True)


def load(path: Path) -> tuple[Position, dict[str, Any], dict[str, Any]]:
    """Read a checkpoint: position, recipe table, state.

    Only tensors and plain values are unpickled, so a checkpoint from elsewhere runs no code.
    Raises InputError when the file is missing, damaged or of another format.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"there is no checkpoint at {path}") from error
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    except Exception as error:  # torch tells of damage by many kinds of errors, at length
        raise InputError(f"{path} is damaged or is not a checkpoint of photochrom") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputError(f"{path} is not a checkpoint of this version (format {_FORMAT})")
    try:
        return Position(**content["position"]), content["recipe"], content["state"]
    except (KeyError, TypeError) as error:
        raise InputError(f"the checkpoint {path} lacks a part: {error}") from error
