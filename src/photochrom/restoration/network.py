"""A trained network that sees scratches and dust: its file, its card, and how it is run.

It is an ONNX file with one input, ``damaged`` (1, 1, H, W) float32 in [0, 1], sRGB-encoded, with
sides of multiples of 8, and two outputs: ``whole``, likewise, and ``covered``, the logits of what
scratches or dust cover. The recipe ``restoration`` trains one; docs/restoration.md has how.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.engine.side_networks import open_with_card
from photochrom.errors import ModelError

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

CARD_KEY = "photochrom-restoration"
INPUT, OUTPUTS = "damaged", ("whole", "covered")
MULTIPLE = 8
_TILE_PX, _MARGIN_PX = 512, 32
_SURE_LOGIT = 2.0
"""From which on a place counts as covered; filling what is whole costs more than a trace left."""
_SHORT_PX = 11
"""What is covered over no more than this is dust; what is longer, a scratch."""


@dataclass(frozen=True)
class RestorationCard:
    """What a model file says of itself. parameters: of the network."""

    name: str
    licence: str
    training_data: str
    recipe: str
    parameters: int

    def to_json(self) -> str:
        """As it stands in the file."""
        return json.dumps(dataclasses.asdict(self), indent=1)


class RestorationNetwork:
    """A network that is ready to run on the processor. card: what its file says."""

    def __init__(self, content: bytes, source: str, threads: int | None = None) -> None:
        """content: of the file. source: what to call it, for messages.

        Raises ModelError when it is no network for restoration.
        """
        self.card, session = open_with_card(
            content,
            RestorationCard,
            CARD_KEY,
            OUTPUTS,
            source=source,
            otherwise="is no network for restoration; train one by the recipe restoration, and "
            "export its checkpoint",
            threads=threads,
        )
        self._session: Any = session

    def run(self, plane: Plane) -> tuple[Plane, Plane]:
        """What the network makes of a picture, as `look`, but as it is and in one piece.

        plane: (H, W) in [0, 1], sides multiples of `MULTIPLE`.
        """
        whole, covered = self._session.run(list(OUTPUTS), {INPUT: plane[None, None]})
        return whole[0, 0], covered[0, 0]

    def look(self, plane: Plane) -> tuple[Plane, Plane]:
        """What a picture was, and the logits of what is covered; in parts, so that memory is small.

        plane: (H, W) in [0, 1], sRGB-encoded. Both results are (H, W).
        """
        height, width = plane.shape
        whole, covered = np.empty_like(plane), np.empty_like(plane)
        after = _MARGIN_PX + _TILE_PX
        wide = cv2.copyMakeBorder(
            plane, _MARGIN_PX, after, _MARGIN_PX, after, cv2.BORDER_REFLECT_101
            if min(height, width) > after
            else cv2.BORDER_REPLICATE,
        )  # fmt: skip
        for top in range(0, height, _TILE_PX):
            for left in range(0, width, _TILE_PX):
                h, w = min(_TILE_PX, height - top), min(_TILE_PX, width - left)
                sides = [-(-(side + 2 * _MARGIN_PX) // MULTIPLE) * MULTIPLE for side in (h, w)]
                part = wide[top : top + sides[0], left : left + sides[1]]
                found = self.run(np.ascontiguousarray(part))
                inside = (slice(_MARGIN_PX, _MARGIN_PX + h), slice(_MARGIN_PX, _MARGIN_PX + w))
                place = (slice(top, top + h), slice(left, left + w))
                for result, plane_found in zip((whole, covered), found, strict=True):
                    result[place] = plane_found[inside]
        return np.clip(whole, 0.0, 1.0, out=whole), covered

    def scratches_and_dust(self, plane: Plane) -> tuple[Mask, Mask]:
        """(H, W) each: what scratches cover, and what dust does."""
        is_covered = self.look(plane)[1] > _SURE_LOGIT
        mask = cv2.dilate(is_covered.astype(np.uint8), np.ones((3, 3), np.uint8))
        _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        sides = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
        is_long = sides > _SHORT_PX
        is_ground = np.arange(len(sides)) == 0
        return (is_long & ~is_ground)[labels], (~is_long & ~is_ground)[labels]


@lru_cache(maxsize=2)
def load_network(path: Path) -> RestorationNetwork:
    """The network of a file; the same one for the same path. Raises ModelError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the model {path}: {error.strerror}") from error
    return RestorationNetwork(content, str(path))
