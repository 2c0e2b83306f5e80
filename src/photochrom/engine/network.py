"""A trained network behind one callable."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.backends import Run, begin_session, begin_start
from photochrom.engine.card import ModelCard, read_card
from photochrom.engine.contract import AB, Prediction, check_inputs, check_prediction
from photochrom.engine.devices import Device, choose_device
from photochrom.engine.find import DEFAULT_MODEL, read_model, split_blend, split_faces
from photochrom.engine.guests import (
    GUESTS,
    Guest,
    check_signature,
    guest_run,
    resize_planes,
    split_guest,
)
from photochrom.engine.identity import ModelIdentity
from photochrom.engine.pruning import ConfidenceDetail, with_confidence
from photochrom.processors import share_size

if TYPE_CHECKING:
    from photochrom.engine.close_ups import FaceCloseUps

_log = logging.getLogger(__name__)
Request: TypeAlias = "tuple[str | Path, str, int | None, ConfidenceDetail]"
"""What `load` is asked for: a model, a device, threads, and how much of its confidence."""
_ahead: dict[Request, Future[_ReadyNetwork]] = {}
"""Networks of `load_ahead` that nobody has asked for yet."""
_ahead_lock = Lock()
_LEAST_GAIN = 0.5
"""As `photochrom.pipeline` has it: below, hints would ask for colours that do not exist."""


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
        self.members: tuple[Network, ...] = ()
        """The networks whose answers it blends, or that colour a picture and its faces; of a
        single one none."""
        self.close_ups: FaceCloseUps | None = None
        """What colours faces in its place, as `photochrom.pipeline` puts them together."""

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
    name_or_path: str | Path = DEFAULT_MODEL,
    *,
    device: str = "auto",
    threads: int | None = None,
    callers: int = 1,
    confidence: ConfidenceDetail = "full",
) -> Network:
    """Find a model and make it ready to run.

    name_or_path: a shipped name, a path, an address with a checksum, a guest (see `read_model`), or
        ``blend:A:B:WEIGHT``: two of them, and the weight of the second; or ``faces:A:B``: the
        first, and faces by the second, each from close up.
    device: one of `DEVICE_NAMES`. threads: on the CPU; None lets the engine choose.
    callers: threads that will ask it at the same time: each gets its share of the processors, where
        ``threads`` does not say how many. The answers are the same, and many pictures take less.
    confidence: "coarse" or "none" where that is enough; the same colours then cost an eighth less.
    Raises ModelError when the model is unknown, damaged or no colouring network, or when the
    device is not available.
    """
    with _ahead_lock:
        begun = _ahead.pop((name_or_path, device, threads, confidence), None)
    if begun is None:
        loaded = _begin_load(name_or_path, device, threads, callers, confidence)()
    else:
        loaded = begun.result()
    for network in loaded.network.members or (loaded.network,):
        card, where = network.card, network.device
        _log.info(
            "%s from %s on %s, ready in %.2f s", card.title, network.source, where, loaded.seconds
        )
    return loaded.network


def load_ahead(
    name_or_path: str | Path = DEFAULT_MODEL,
    *,
    device: str = "auto",
    threads: int | None = None,
    callers: int = 1,
    confidence: ConfidenceDetail = "full",
) -> None:
    """Begin to load a network; the next `load` of the same hands it out.

    An engine needs as long to get a network ready as the rest of the program to be imported, and
    does it without the interpreter's lock: in a thread of its own. What needs that lock is done at
    once, since the thread would share it with the imports. As for `load`, which raises what goes
    wrong here; ``callers`` may be a guess, and counts then.
    """
    network: Future[_ReadyNetwork] = Future()
    with _ahead_lock:
        _ahead[name_or_path, device, threads, confidence] = network
    try:
        finish = _begin_load(name_or_path, device, threads, callers, confidence)
    except Exception as error:  # noqa: BLE001  # it is of who asks for the network
        network.set_exception(error)
        return

    def work() -> None:
        try:
            network.set_result(finish())
        except BaseException as error:  # noqa: BLE001
            network.set_exception(error)

    Thread(target=work, name="load-ahead").start()


def engine_threads(threads: int | None, callers: int, device: Device) -> int | None:
    """Of an engine on the CPU; None: as it likes. threads, callers: as for `load`.

    OpenVINO's answers one caller after the other, each with all processors.
    """
    if threads is not None or callers == 1 or device.provider is None:
        return threads
    return share_size(callers)


class _ReadyNetwork(NamedTuple):
    network: Network
    seconds: float
    """Since it was begun."""


def _begin_load(
    name_or_path: str | Path,
    device: str,
    threads: int | None,
    callers: int,
    confidence: ConfidenceDetail,
) -> Callable[[], _ReadyNetwork]:
    """Load a network in two steps, as `begin_start`."""
    start_s = time.perf_counter()
    blend = split_blend(name_or_path)
    if blend is not None:
        both = [_begin_load(one, device, threads, callers, confidence) for one in blend[:2]]

        def finish_both() -> _ReadyNetwork:
            first, second = (finish_one().network for finish_one in both)
            blended = _blend(first, second, blend[2])
            return _ReadyNetwork(blended, time.perf_counter() - start_s)

        return finish_both
    pair = split_faces(name_or_path)
    if pair is not None:
        parts = [_begin_load(one, device, threads, callers, confidence) for one in pair]

        def finish_parts() -> _ReadyNetwork:
            first, second = (finish_one().network for finish_one in parts)
            return _ReadyNetwork(pair_networks(first, second), time.perf_counter() - start_s)

        return finish_parts
    path, content = read_model(name_or_path)
    chosen = choose_device(device, content)
    threads = engine_threads(threads, callers, chosen)
    card = _card(name_or_path, path, content)
    guest = split_guest(name_or_path)
    if guest is None:
        graph = with_confidence(content, confidence)
        finish_start = begin_start(graph, chosen, threads, str(path))
    else:
        finish_start = _begin_guest(GUESTS[guest[0]], content, chosen, threads, str(path))

    def finish() -> _ReadyNetwork:
        run, where = finish_start()
        network = Network(card, ModelIdentity.from_file(card, content), where, str(path), run)
        return _ReadyNetwork(network, time.perf_counter() - start_s)

    return finish


def _begin_guest(
    row: Guest, content: bytes, device: Device, threads: int | None, source: str
) -> Callable[[], tuple[Run, str]]:
    """As `begin_start`, of somebody else's network behind our contract."""
    finish_session = begin_session(content, device, threads, source)

    def finish() -> tuple[Run, str]:
        session = finish_session()
        shape = check_signature(row, session.inputs, session.outputs, source)
        names = [tensor.name for tensor in session.inputs]
        return guest_run(row, shape, names, session.run), session.where

    return finish


def model_card(name_or_path: str | Path) -> ModelCard:
    """The card of a model, without loading the model into an engine. Raises ModelError."""
    blend = split_blend(name_or_path)
    if blend is not None:
        return _blended_card(model_card(blend[0]), model_card(blend[1]), blend[2])
    pair = split_faces(name_or_path)
    if pair is not None:
        return _faces_card(*(model_card(one) for one in pair))
    path, content = read_model(name_or_path)
    return _card(name_or_path, path, content)


def model_identity(name_or_path: str | Path) -> ModelIdentity:
    """Which model it is, without loading it into an engine. Raises ModelError."""
    blend = split_blend(name_or_path)
    if blend is not None:
        one, other = (model_identity(model) for model in blend[:2])
        card = _blended_card(model_card(blend[0]), model_card(blend[1]), blend[2])
        return _blended_identity(card, one, other)
    pair = split_faces(name_or_path)
    if pair is not None:
        one, other = (model_identity(model) for model in pair)
        return _blended_identity(model_card(name_or_path), one, other)
    path, content = read_model(name_or_path)
    return ModelIdentity.from_file(_card(name_or_path, path, content), content)


def _card(name_or_path: str | Path, path: Path, content: bytes) -> ModelCard:
    """The file's own card, or what is known of a guest, whose version is its checksum."""
    guest = split_guest(name_or_path)
    if guest is None:
        return read_card(content, str(path))
    row = GUESTS[guest[0]]
    return ModelCard(
        name=guest[0],
        version=hashlib.sha256(content).hexdigest()[:8],
        size=row.size,
        multiple=row.multiple,
        licence=f"{row.licence}, as its authors say",
        training_data=f"{row.training_data}, as its authors say",
        recipe="",
        commit="",
        metrics={},
        parameters=0,
    )


def _blend(first: Network, second: Network, weight: float) -> Network:
    """A network whose chroma is the mean of two, at the finer of both sizes."""
    card = _blended_card(first.card, second.card, weight)
    # A prediction is multiplied by the blend's gain, which is 1.
    parts = ((first, first.card.chroma_gain), (second, second.card.chroma_gain))

    def run(planes: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        found = []
        for network, gain in parts:
            own = planes.copy()
            own[:, 1:3] /= max(gain, _LEAST_GAIN)
            found.append(gain * network(own).ab)
        height, width = (max(ab.shape[axis] for ab in found) for axis in (2, 3))
        one, other = (resize_planes(ab, (height, width)) for ab in found)
        return {AB: np.asarray((1.0 - weight) * one + weight * other, np.float32)}

    identity = _blended_identity(card, first.identity, second.identity)
    network = Network(card, identity, first.device, first.source, run)
    network.members = (first, second)
    return network


def pair_networks(network: Network, second: Network) -> Network:
    """A network of which the faces are coloured by a second one, each from close up.

    Asked by itself it answers as the first: the pipeline looks for faces in the picture. Raises
    ModelError where one of them colours drawings.
    """
    # OpenCV, for which nobody else has to wait here.
    from photochrom.engine.close_ups import FaceCloseUps

    card = _faces_card(network.card, second.card)
    identity = _blended_identity(card, network.identity, second.identity)
    both = Network(card, identity, network.device, network.source, network.run)
    both.members = (network, second)
    both.close_ups = FaceCloseUps(second)
    return both


def _faces_card(first: ModelCard, second: ModelCard) -> ModelCard:
    """That of the first, but for what is true of both. Raises ModelError as `pair_networks`."""
    for card in (first, second):
        card.check_photographs("faces")
    return dataclasses.replace(
        first,
        name=f"{first.name}+{second.name}",
        version=f"{first.version}+{second.version} for faces",
        **_of_both(first, second),
    )


def _of_both(first: ModelCard, second: ModelCard) -> dict[str, Any]:
    """The fields of a card of two models that say where they come from, and how large they are."""
    return {
        "licence": f"{first.licence}; {second.licence}",
        "training_data": f"{first.training_data}; {second.training_data}",
        "recipe": "",
        "commit": "",
        "metrics": {},
        "parameters": first.parameters + second.parameters,
    }


def _blended_card(first: ModelCard, second: ModelCard, weight: float) -> ModelCard:
    """What is true of a blend. Raises ModelError where one of the models colours drawings."""
    for card in (first, second):
        card.check_photographs("blends")
    share = f"{round(100 * weight)} %"
    multiple = math.lcm(first.multiple, second.multiple)
    return ModelCard(
        name=f"{first.name}+{second.name}",
        version=f"{first.version}+{second.version} at {share}",
        size=max(first.size, second.size, multiple),
        multiple=multiple,
        **_of_both(first, second),
    )


def _blended_identity(card: ModelCard, one: ModelIdentity, other: ModelIdentity) -> ModelIdentity:
    return ModelIdentity.from_file(card, f"{one.checksum}+{other.checksum}".encode())
