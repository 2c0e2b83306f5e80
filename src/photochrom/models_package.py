"""Where the weights lie that come with photochrom: in the package itself, or in photochrom-models.

A wheel of the whole has them all. For package indexes `packaging/build_wheels.py` divides it: the
core keeps what colours photographs and films, and the distribution photochrom-models, which is
imported as `photochrom_models`, has the others under the same paths.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from photochrom.errors import ModelError

DISTRIBUTION = "photochrom-models"
MODULE = "photochrom_models"
_PACKAGE = Path(__file__).parent


def locate(file: str) -> Path:
    """The path of a file of weights.

    file: its path inside photochrom, such as ``engine/models/photochrom-retina.onnx``.
    Raises ModelError where it is in neither of the two; the message names the command that
    installs it.
    """
    for folder in (_PACKAGE, _other_package()):
        if folder is not None and (folder / file).is_file():
            return folder / file
    raise ModelError(
        f"{Path(file).stem} comes with {DISTRIBUTION}, which is not installed here or has another "
        f"version: pip install {DISTRIBUTION}"
    )


def _other_package() -> Path | None:
    """The folder of photochrom_models, None where it is not installed."""
    spec = find_spec(MODULE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
