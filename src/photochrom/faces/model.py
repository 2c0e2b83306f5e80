"""The exported network for faces: its file, its card, and how it is run.

It is an ONNX file with one input, ``face`` (N, 1, INPUT_PX, INPUT_PX) float32 as
`photochrom.faces.preprocess.network_input` gives it, and three outputs: ``latent`` (N, ·),
``embedding`` (N, ·) of length 1, and ``reconstruction``, as the input.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.side_networks import open_with_card
from photochrom.errors import ModelError
from photochrom.faces.preprocess import INPUT_PX
from photochrom.models_package import locate

CARD_KEY = "photochrom-faces"
INPUT, OUTPUTS = "face", ("latent", "embedding", "reconstruction")
SHIPPED_MODEL = "faces/weights/face-autoencoder.onnx"
"""Inside the package, or photochrom-models."""
_SUMS = Path(__file__).parent / "weights" / "SHA256SUMS"
_BATCH = 64
_OTHERWISE = "is no network for faces; photochrom faces export makes one of a checkpoint"


@dataclass(frozen=True)
class FaceCard:
    """What a model file says of itself.

    thresholds: for each way of comparing, the distance below which two pictures are taken to show
    one person. metrics: what was measured, by name. parameters: of the network.
    """

    name: str
    licence: str
    training_data: str
    recipe: str
    parameters: int
    thresholds: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it stands in the file."""
        return json.dumps(dataclasses.asdict(self), indent=1)


class FaceNet:
    """A network for faces, ready to run on the processor.

    card: what its file says. identity: the first 16 hex digits of its file's SHA-256; what one
    model has computed means nothing to another.
    """

    def __init__(self, path: Path | None = None, threads: int | None = None) -> None:
        """path: None for the one that comes with photochrom. threads: None lets the engine choose.

        Raises ModelError when the file is missing, damaged or no network for faces.
        """
        content = _read(path or locate(SHIPPED_MODEL))
        if path is None:
            _check_sum(content)
        self._load(content, threads, str(path or Path(SHIPPED_MODEL).name))

    @classmethod
    def from_content(cls, content: bytes, source: str) -> FaceNet:
        """A network that is not in a file yet. source: what to call it, for messages.

        Raises ModelError when it is no network for faces.
        """
        net = cls.__new__(cls)
        net._load(content, None, source)
        return net

    def _load(self, content: bytes, threads: int | None, source: str) -> None:
        self.identity = hashlib.sha256(content).hexdigest()[:16]
        self.card, self._session = _start(content, threads, source)

    def describe(
        self, faces: NDArray[np.float32], outputs: Sequence[str] = OUTPUTS
    ) -> dict[str, NDArray[np.float32]]:
        """What the network says of faces, by the names of the outputs that are asked for.

        faces: (N, INPUT_PX, INPUT_PX). Only what these outputs need is computed.
        """
        import onnxruntime as ort

        options = ort.RunOptions()
        options.only_execute_path_to_fetches = True
        parts = []
        for start in range(0, len(faces), _BATCH):
            x = np.ascontiguousarray(faces[start : start + _BATCH, None], np.float32)
            parts.append(self._session.run(list(outputs), {INPUT: x}, options))
        arrays = (np.concatenate(values) for values in zip(*parts, strict=True))
        named = dict(zip(outputs, arrays, strict=True))
        if "reconstruction" in named:
            named["reconstruction"] = named["reconstruction"][:, 0]
        return named


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error


def _check_sum(content: bytes) -> None:
    """Raise ModelError unless the shipped file is the one that was published."""
    expected = _read(_SUMS).decode().split()[0]
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(
            f"{SHIPPED_MODEL} is damaged (its SHA-256 is not that of {_SUMS.name}); install "
            "photochrom again, and photochrom-models where it is installed"
        )


def _start(content: bytes, threads: int | None, source: str) -> tuple[FaceCard, Any]:
    """The card and the session of a model's file."""
    card, session = open_with_card(
        content, FaceCard, CARD_KEY, OUTPUTS, source=source, otherwise=_OTHERWISE, threads=threads
    )
    if [tuple(one.shape[1:]) for one in session.get_inputs()] != [(1, INPUT_PX, INPUT_PX)]:
        raise ModelError(f"{source} {_OTHERWISE}")
    return card, session
