"""A trained network behind one callable."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.backends import Run, start
from photochrom.engine.card import ModelCard, read_card
from photochrom.engine.contract import Prediction, check_inputs, check_prediction
from photochrom.engine.devices import choose_device
from photochrom.engine.find import DEFAULT_MODEL, read_model
from photochrom.engine.identity import ModelIdentity

_log = logging.getLogger(__name__)


class Network:
    """A colouring network, ready to run; make one with `load`. Safe to share between threads."""

    def __init__(
        self, card: ModelCard, identity: ModelIdentity, device: str, source: str, run: Run
    ) -> None:
        self.card = card
        self.identity = identity
        self.device = device
        """Where it runs, as people say it: "CPU, ONNX Runtime 1.31.1"."""
        self.source = source
        """Path of its file."""
        self.run = run
        """What the engine does, unchecked."""

    def __call__(self, inputs: NDArray[np.float32]) -> Prediction:
        """Predict the chroma of some pictures.

        inputs: (N, 4, H, W) float32, as `photochrom.engine.contract` says; H and W multiples of
            ``card.multiple``.
        Returns ab (N, 2, h, w) float32 in CIELAB units, and a confidence (N, 1, h, w) or None.
        Raises InputError for other arrays, ModelError when the network fails.
        """
        check_inputs(inputs, self.card.multiple)
        return check_prediction(self.run(inputs), len(inputs), self.source)

    def __repr__(self) -> str:
        return f"<Network {self.card.title} on {self.device}>"


def load(
    name_or_path: str | Path = DEFAULT_MODEL, *, device: str = "auto", threads: int | None = None
) -> Network:
    """Find a model and make it ready to run.

    name_or_path: a shipped name, a path, or an address with a checksum (see `read_model`).
    device: one of `DEVICE_NAMES`. threads: on the CPU; None lets the engine choose.
    Raises ModelError when the model is unknown, damaged or no colouring network, or when the
    device is not available.
    """
    start_s = time.perf_counter()
    chosen = choose_device(device)
    path, content = read_model(name_or_path)
    card = read_card(content, str(path))
    run, where = start(content, chosen, threads, str(path))
    took_s = time.perf_counter() - start_s
    _log.info("%s from %s on %s, ready in %.2f s", card.title, path, where, took_s)
    return Network(card, ModelIdentity.from_file(card, content), where, str(path), run)


def model_card(name_or_path: str | Path) -> ModelCard:
    """The card of a model, without loading the model into an engine. Raises ModelError."""
    path, content = read_model(name_or_path)
    return read_card(content, str(path))


def model_identity(name_or_path: str | Path) -> ModelIdentity:
    """Which model it is, without loading it into an engine. Raises ModelError."""
    path, content = read_model(name_or_path)
    return ModelIdentity.from_file(read_card(content, str(path)), content)
