"""The model card: the facts that travel inside an ONNX file, read without any inference engine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass

from photochrom.color.input_kind import InputKind
from photochrom.engine.protobuf import fields
from photochrom.errors import ModelError
from photochrom.tables import Source, build

CARD_KEY = "photochrom.card"
"""Key of the card among the ``metadata_props`` of the ONNX file."""

_SOURCE = Source(
    "the model card",
    ModelError,
    place="{} of the model card".format,
    advice="export the model again, with this version of photochrom",
)

# Field numbers of onnx.proto (ModelProto, StringStringEntryProto).
_METADATA_PROPS = 14
_KEY, _VALUE = 1, 2


@dataclass(frozen=True)
class ModelCard:
    """What a trained colouring network says about itself."""

    name: str
    version: str
    size: int
    """Default working size: the short side of the network's picture, px."""
    multiple: int
    """Height and width of the network's picture are multiples of this, px."""
    licence: str
    training_data: str
    recipe: str
    commit: str
    metrics: dict[str, float]
    parameters: int
    chroma_gain: float = 1.0
    """Factor on the predicted ab that makes up for the muted colours of a regression."""
    input: InputKind = "grey"
    """What the network has learnt to colour."""
    bins: int = 0
    """Number of the colour bins over which it has a distribution; 0: none, or not told."""
    noise: bool = False
    """Whether it colours the same picture differently each time, its dropout being on."""

    def __post_init__(self) -> None:
        if not (0 < self.multiple <= self.size):
            raise ModelError(
                f"model card of {self.name!r}: size {self.size} and multiple {self.multiple} do "
                "not go together (0 < multiple <= size is needed); export the model again"
            )
        if not 0.0 < self.chroma_gain < 100.0:
            raise ModelError(
                f"model card of {self.name!r}: chroma_gain {self.chroma_gain} is not a positive "
                "factor; export the model again"
            )

    @property
    def colors_drawings(self) -> bool:
        """Whether it colours drawings, and no photographs."""
        return self.input != "grey"

    def check_photographs(self, purpose: str) -> None:
        """Raise ModelError for a model of drawings. purpose: in words, "films"."""
        if self.colors_drawings:
            raise ModelError(
                f"{self.title} colours drawings (input {self.input!r} on its card) and cannot be "
                f"used for {purpose}; choose a model of photographs, or colour a drawing by "
                "photochrom image"
            )

    @property
    def title(self) -> str:
        """Name and version: ``photochrom-base 0.1.0``."""
        return f"{self.name} {self.version}"

    def to_json(self) -> str:
        """The card as one JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card. Raises ModelError for missing, unknown or wrongly typed keys."""
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(
                f"the model card is not JSON ({error}); export the model again"
            ) from None
        return build(cls, values, _SOURCE)


def read_card(onnx_file: bytes, source: str) -> ModelCard:
    """The card inside an ONNX file.

    onnx_file: the whole file. source: its path, for messages.
    Raises ModelError when the file is damaged, is no ONNX file, or has no (valid) card.
    """
    try:
        metadata = dict(_metadata(memoryview(onnx_file)))
    except (ValueError, IndexError, UnicodeDecodeError):
        raise ModelError(
            f"{source} is damaged or is not an ONNX file ({len(onnx_file)} bytes); "
            "download or export it again"
        ) from None
    if CARD_KEY not in metadata:
        raise ModelError(
            f"{source} carries no model card ({CARD_KEY} in its metadata), so it is not a "
            "photochrom model; make one with `photochrom export`"
        )
    try:
        return ModelCard.from_json(metadata[CARD_KEY])
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from None


def _metadata(model: memoryview) -> Iterator[tuple[str, str]]:
    """The metadata_props of a serialised ModelProto."""
    seen = 0
    for number, content in fields(model):
        seen += 1
        if number == _METADATA_PROPS:
            entry = {field: bytes(text).decode() for field, text in fields(content)}
            yield entry.get(_KEY, ""), entry.get(_VALUE, "")
    if not seen:
        raise ValueError("no fields")
