"""The network of one process, which colours pictures as edits ask."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import Network
from photochrom.errors import ModelError
from photochrom.guided.alternatives import AlternativeMaker
from photochrom.pipeline import Guide
from photochrom.web.pictures.edits import ALTERNATIVE_COUNT, VERSIONS, Edit

_log = logging.getLogger(__name__)


class EditColorizer:
    """Colours pictures as edits ask, and keeps what several edits need. Thread-safe."""

    def __init__(self, network: Network) -> None:
        """network: as of `load_with_features`, so that it has one session for all that it does."""
        self.network = network
        self._alternatives: AlternativeMaker | None = None
        self._has_alternatives: bool | None = None
        self._lock = threading.Lock()

    @property
    def has_alternatives(self) -> bool:
        """Whether the model tells what else a picture may be."""
        if self._has_alternatives is None:
            side = self.network.card.multiple
            try:
                self._maker().alternatives(np.zeros((side, side), np.float32), ALTERNATIVE_COUNT)
                self._has_alternatives = True
            except ModelError as error:
                _log.warning("there are no alternatives: %s", error)
                self._has_alternatives = False
        return self._has_alternatives

    def colorize(self, rgb: NDArray[Any], edit: Edit) -> NDArray[Any]:
        """A picture, (H, W) or (H, W, 3), in the colours asked for: (H, W, 3) of its dtype.

        Raises ModelError for an alternative of a model that has none.
        """
        return edit.colorize(rgb, self.network, self._guide(edit))

    def _guide(self, edit: Edit) -> Guide | None:
        number = VERSIONS[edit.variant].alternative
        if number is None:
            return None
        return self._maker().guide(number, ALTERNATIVE_COUNT, vividness=edit.vividness)

    def _maker(self) -> AlternativeMaker:
        with self._lock:
            if self._alternatives is None:
                self._alternatives = AlternativeMaker(self.network)
            return self._alternatives
