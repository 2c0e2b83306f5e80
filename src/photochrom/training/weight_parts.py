"""Averaged weights in small files, for moving a run between machines with a limit on files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from photochrom.atomic import write_atomically
from photochrom.errors import ModelError

FOLDER = "weights"
"""Of a run's averaged weights, beside its checkpoint."""
PART_BYTES = 16 * 2**20
"""Tensors in one file; a tensor that is larger has a file of its own."""

_PATTERN = "part-*.safetensors"


def save_parts(folder: Path, weights: Mapping[str, Tensor], images: int) -> None:
    """Write weights as part-1.safetensors and so on, over those of an earlier moment.

    Matrices and kernels as fp16, vectors (biases, statistics of norms) as they are. images: views
    so far; parts of different moments do not go together. Raises OutputError.
    """
    folder.mkdir(exist_ok=True)
    parts = list(_parts(weights))
    metadata = {"images": str(images), "parts": str(len(parts))}
    for number, part in enumerate(parts, 1):
        path = folder / f"part-{number}.safetensors"
        write_atomically(path, save(part, metadata), overwrite=True)


def load_parts(folder: Path, key: str) -> dict[str, Tensor]:
    """The weights in a folder of parts, float32.

    key: what names the folder, for messages. Raises ModelError where parts are missing or damaged.
    """
    weights: dict[str, Tensor] = {}
    moments: set[tuple[str, str]] = set()
    paths = sorted(folder.glob(_PATTERN))
    try:
        for path in paths:
            with safe_open(path, "pt") as part:
                metadata = part.metadata() or {}
                moments.add((metadata.get("images", ""), metadata.get("parts", "")))
                weights |= {name: part.get_tensor(name).float() for name in part.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{key}: a part in {folder} is damaged ({error}); copy it again"
        ) from error
    if len(moments) != 1 or next(iter(moments))[1] != str(len(paths)):
        raise ModelError(
            f"{key}: the {len(paths)} parts in {folder} are not all of one moment's weights; copy "
            "the whole folder again"
        )
    return weights


def _parts(weights: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    size = 0
    for name, tensor in weights.items():
        is_large = tensor.is_floating_point() and tensor.ndim > 1
        stored = tensor.detach().to("cpu", torch.float16 if is_large else tensor.dtype).contiguous()
        if part and size + stored.nbytes > PART_BYTES:
            yield part
            part, size = {}, 0
        part[name] = stored
        size += stored.nbytes
    yield part
