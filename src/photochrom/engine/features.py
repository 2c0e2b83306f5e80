"""What a colouring network knows of a picture beside its colours: features, and scores of bins.

The tensors lie inside of every shipped model. Which they are is found by the structure of the
graph: an encoder whose stages are handed to a decoder, which doubles its size and puts each beside.
They are made outputs by a second `graph` field that holds nothing else, appended to the file: what
is in front of it stays as it is, so no library that writes ONNX is needed.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.backends import Run, start
from photochrom.engine.card import read_card
from photochrom.engine.contract import Prediction, check_inputs, check_prediction
from photochrom.engine.devices import DEVICES, choose_device
from photochrom.engine.find import DEFAULT_MODEL, read_model, split_blend, split_faces
from photochrom.engine.guests import split_guest
from photochrom.engine.identity import ModelIdentity
from photochrom.engine.network import Network, engine_threads, load, pair_networks
from photochrom.engine.onnx_nodes import GRAPH, NAME, OUTPUT, Node, read_nodes
from photochrom.engine.protobuf import bytes_field, number_field
from photochrom.errors import ModelError

# Field numbers of ValueInfoProto and TypeProto in onnx.proto.
_TYPE, _TENSOR_TYPE, _ELEMENT_TYPE = 2, 1, 1
_FLOAT = 1
_STAGES, _DEEPEST = 3, 32
"""Stages of an encoder up to stride 16, and the stride of one that it may have beyond."""
_ENCODER = "net.encoder."


class Features(NamedTuple):
    """What a network makes of one picture of (H, W) px, as float32."""

    stride_4: NDArray[np.float32]
    """(c, H/4, W/4): edges and textures, with the hints."""
    stride_8: NDArray[np.float32]
    """(c, H/8, W/8): parts of things, with the hints."""
    stride_16: NDArray[np.float32]
    """(c, H/16, W/16): things."""
    stride_32: NDArray[np.float32]
    """(c, H/32, W/32): the scene; 1 for a network that has no such stage."""
    bin_scores: NDArray[np.float32] | None
    """(Q, h, w): the logarithm, but for a constant of each place, of how probable each colour bin
    is; None for a network without a classification head."""
    prediction: Prediction
    """The colours, as for `Network`, of the one picture."""


class _Inner(NamedTuple):
    """Names of the tensors inside of a model."""

    stages: tuple[str, ...]
    """Of the encoder, by stride: 4, 8, 16 and, if there is one, 32."""
    scores: str | None

    @property
    def names(self) -> list[str]:
        return [*self.stages, *([self.scores] if self.scores else [])]


class FeatureExtractor:
    """A network that hands out its features; make one with `feature_extractor`.

    It runs on the processor by ONNX Runtime, wherever the network itself does. Safe to share
    between threads.
    """

    def __init__(self, network: Network, inner: _Inner, run: Run) -> None:
        self.card = network.card
        self.identity = network.identity
        self._source = network.source
        self._inner = inner
        self._run = run

    def __call__(self, inputs: NDArray[np.float32]) -> Features:
        """The features of one picture.

        inputs: (1, 4, H, W) float32, as for `Network`.
        Raises InputError for other arrays, ModelError when the network fails.
        """
        check_inputs(inputs, self.card.multiple)
        outputs = self._run(inputs)
        prediction = check_prediction(outputs, 1, self._source)
        stride_4, stride_8, stride_16, *deepest = (outputs[n][0] for n in self._inner.stages)
        if deepest:
            stride_32 = deepest[0]
        else:
            stride_32 = np.ones((1, *(side // _DEEPEST for side in inputs.shape[2:])), np.float32)
        scores = None if self._inner.scores is None else outputs[self._inner.scores][0]
        return Features(stride_4, stride_8, stride_16, stride_32, scores, prediction)


class _FeatureNetwork(Network):
    """A network that has one feature extractor for all who ask for it."""

    def __init__(self, network: Network, extractor: FeatureExtractor | None, run: Run) -> None:
        super().__init__(network.card, network.identity, network.device, network.source, run)
        self._extractor = extractor
        self._lock = Lock()

    def extractor(self, threads: int | None) -> FeatureExtractor:
        """The one that it has, or a new one, which is kept."""
        with self._lock:
            if self._extractor is None:
                self._extractor = _new_extractor(self, threads)
            return self._extractor


def feature_extractor(network: Network, *, threads: int | None = None) -> FeatureExtractor:
    """The features of a network that has been loaded, from its file; where faces are coloured by
    a second one, those of the first.

    Raises ModelError where the network's file is not what it was, or has no such features.
    """
    if network.close_ups is not None:
        return feature_extractor(network.members[0], threads=threads)
    if isinstance(network, _FeatureNetwork):
        return network.extractor(threads)
    return _new_extractor(network, threads)


def load_with_features(
    name_or_path: str | Path = DEFAULT_MODEL,
    *,
    device: str = "auto",
    threads: int | None = None,
    callers: int = 1,
) -> Network:
    """A network as of `load`, for those who ask for its features again and again.

    On the processor both run in one session of ONNX Runtime, which takes half the memory of two;
    elsewhere the features have a session from when they are first asked for. A network without
    features is as of `load`. device, threads, callers: as for `load`. Raises ModelError as it does.
    """
    pair = split_faces(name_or_path)
    if pair is not None:
        first = load_with_features(pair[0], device=device, threads=threads, callers=callers)
        second = load(pair[1], device=device, threads=threads, callers=callers, confidence="none")
        return pair_networks(first, second)
    if split_guest(name_or_path) or split_blend(name_or_path):
        return load(name_or_path, device=device, threads=threads, callers=callers)
    path, content = read_model(name_or_path)
    if (chosen := choose_device(device, content)) != DEVICES["cpu"]:
        network = load(name_or_path, device=device, threads=threads, callers=callers)
        return _FeatureNetwork(network, None, network.run)
    card = read_card(content, str(path))
    try:
        inner = _inner(content, card.title, str(path))
    except ModelError:
        return load(name_or_path, device=device, threads=threads, callers=callers)
    extended = content + _more_outputs(inner.names)
    own_threads = engine_threads(threads, callers, chosen)
    run, where = start(extended, chosen, own_threads, str(path), inner.names)
    network = Network(card, ModelIdentity.from_file(card, content), where, str(path), run)
    return _FeatureNetwork(network, FeatureExtractor(network, inner, run), run)


def _new_extractor(network: Network, threads: int | None) -> FeatureExtractor:
    """An extractor with a session of its own."""
    if network.members:
        raise ModelError(
            f"{network.card.title} is a blend and hands out no features; name one model"
        )
    try:
        content = Path(network.source).read_bytes()
    except OSError as error:
        raise ModelError(
            f"the model file {network.source} cannot be read any more: {error.strerror}"
        ) from None
    if ModelIdentity.from_file(network.card, content) != network.identity:
        raise ModelError(f"{network.source} has changed since it was loaded; load it again")
    inner = _inner(content, network.card.title, network.source)
    extended = content + _more_outputs(inner.names)
    run, _ = start(extended, DEVICES["cpu"], threads, network.source, inner.names)
    return FeatureExtractor(network, inner, run)


def _inner(content: bytes, title: str, source: str) -> _Inner:
    """What a model has inside. Raises ModelError where that is no encoder and decoder."""
    try:
        nodes = tuple(read_nodes(content))
    except (ValueError, IndexError, UnicodeDecodeError):
        raise ModelError(f"{source} is damaged; download or export it again") from None
    inner = _Inner(tuple(_stage_names(nodes)), _score_name(nodes))
    if len(inner.stages) not in (_STAGES, _STAGES + 1):
        raise ModelError(
            f"{title} hands out no features: it is no encoder of {_STAGES} or {_STAGES + 1} stages "
            "with a decoder; use a shipped model, such as photochrom-base"
        )
    return inner


def _stage_names(nodes: tuple[Node, ...]) -> list[str]:
    """The encoder's tensors, by stride: 4, 8, 16 and, if there is one, 32; fewer where the graph is
    another one.

    Each time that the decoder resizes, what it has is concatenated with the encoder's of that
    size; what it resizes first is the encoder's smallest, or what a layer made of it that saw
    nothing else.
    """
    names: list[str] = []
    for at, node in enumerate(nodes):
        if node.operation != "Resize":
            continue
        for later in nodes[at + 1 :]:
            beside = [name for name in later.inputs if name != node.outputs[0]]
            if later.operation == "Concat" and len(beside) == 1 < len(later.inputs):
                names += [] if names else [node.inputs[0]]
                names.append(beside[0])
                break
    if len(names) == _STAGES:
        smallest = _seen_first(nodes)
        names = [smallest, *names[1:]] if smallest else []
    return names[::-1]


def _seen_first(nodes: tuple[Node, ...]) -> str | None:
    """What the first layer behind the encoder sees, by the names of the weights."""
    of_encoder = False
    for node in nodes:
        if node.operation == "Conv" and len(node.inputs) > 1:
            if node.inputs[1].startswith(_ENCODER):
                of_encoder = True
            elif of_encoder:
                return node.inputs[0]
    return None


def _score_name(nodes: tuple[Node, ...]) -> str | None:
    """The scores of the colour bins: those of which the confidence takes the largest first."""
    return next((node.inputs[0] for node in nodes if node.operation == "ReduceMax"), None)


def _more_outputs(names: list[str]) -> bytes:
    """A `graph` field that adds outputs to the one of a file to which it is appended."""
    tensor_type = bytes_field(_TENSOR_TYPE, number_field(_ELEMENT_TYPE, _FLOAT))
    infos = (bytes_field(NAME, name.encode()) + bytes_field(_TYPE, tensor_type) for name in names)
    return bytes_field(GRAPH, b"".join(bytes_field(OUTPUT, info) for info in infos))
