"""Files of tensors by name, as they are published: safetensors, and .pth whose code is not run."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from photochrom.errors import ModelError
from photochrom.pretrained import PRETRAINED, weights_file


def read_tensors(name: str, key: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, of a .pth file as torchvision publishes them, or of the
    weights that `PRETRAINED` has under this name.

    key: the recipe's, for messages.
    """
    if name in PRETRAINED:
        name = str(weights_file(name))
    if Path(name).suffix not in {".pth", ".pt"}:
        return read_safetensors(name, key)
    try:
        # Only tensors and plain values are unpickled: a file from elsewhere runs no code.
        content = torch.load(name, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{key}: cannot read {name}: {error.strerror}") from error
    except Exception as error:  # torch tells of damage by many kinds of errors, at length
        raise ModelError(f"{key}: {name} is damaged or no file of tensors") from error
    if not isinstance(content, dict):
        raise ModelError(f"{key}: {name} holds a {type(content).__name__}, not tensors by name")
    return {k: v for k, v in content.items() if isinstance(v, Tensor)}


def read_safetensors(name: str, key: str) -> dict[str, Tensor]:
    """The tensors of a file that a recipe names under ``key``."""
    try:
        tensors: dict[str, Tensor] = load_file(name)
    except OSError as error:
        reason = error.strerror or "there is no such file"
        raise ModelError(f"{key}: cannot read {name}: {reason}") from error
    except SafetensorError as error:
        raise ModelError(f"{key}: {name} is damaged or no safetensors file: {error}") from error
    return tensors
