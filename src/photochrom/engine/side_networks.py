"""Networks that do not colour pictures: opened on the processor, with a card of their own kind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from photochrom.errors import ModelError
from photochrom.tables import Source, build

if TYPE_CHECKING:
    import onnxruntime

Card = TypeVar("Card")


def open_with_card(
    content: bytes,
    card: type[Card],
    key: str,
    outputs: Sequence[str],
    *,
    source: str,
    otherwise: str,
    threads: int | None = None,
) -> tuple[Card, onnxruntime.InferenceSession]:
    """What the file of a network says of itself, and a session of it.

    content: of an ONNX file whose metadata has the card as JSON under ``key``. outputs: the names
    that the network's must have. source: what to call the file. otherwise: what is said of a file
    that is another network. threads: of a question; None: as ONNX Runtime has it.

    Raises ModelError where the file does not load, is another network, or has a damaged card.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong arrives as an exception
    options.intra_op_num_threads = threads or 0
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own for each status
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{source} does not load as a model: {reason}") from error
    metadata = session.get_modelmeta().custom_metadata_map
    if key not in metadata or [one.name for one in session.get_outputs()] != list(outputs):
        raise ModelError(f"{source} {otherwise}")
    try:
        table = json.loads(metadata[key])
    except ValueError as error:
        raise ModelError(f"the card in {source} is damaged: {error}") from error
    return build(card, table, Source(f"the card in {source}", ModelError)), session
