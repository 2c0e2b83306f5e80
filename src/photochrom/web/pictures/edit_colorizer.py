"""The network of one process, which colours pictures as edits ask."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from photochrom.engine import Network, Prediction, load_with_features, local_model
from photochrom.engine.close_ups import MOST_CLOSE_UPS, FaceCloseUps
from photochrom.errors import InputError, ModelError
from photochrom.guided.alternatives import AlternativeMaker
from photochrom.guided.reference import Reference, ReferenceGuide, ReferenceMatcher
from photochrom.pipeline import Guide
from photochrom.web.i18n import _
from photochrom.web.pictures.edits import ALTERNATIVE_COUNT, VERSIONS, Edit
from photochrom.web.pictures.thumbnails import decode_jpeg

_KEPT_REFERENCES: Final = 8
"""References that are ready for further pictures, 2 MB each."""
_KEPT_PREDICTIONS: Final = 2 * MOST_CLOSE_UPS
"""The network's latest answers, 0.1 MB each: of most changes it is asked what it was before."""

_log = logging.getLogger(__name__)


class EditColorizer:
    """Colours pictures as edits ask, and keeps what several edits need. Thread-safe."""

    def __init__(self, network: Network) -> None:
        """network: as of `load_with_features`, so that it has one session for all that it does."""
        self.network = network
        self._remembering = _RememberingNetwork(network)
        self._alternatives: AlternativeMaker | None = None
        self._has_alternatives: bool | None = None
        self._matcher: ReferenceMatcher | None = None
        self._references: OrderedDict[tuple[str, int], Reference] = OrderedDict()
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

    def colorize(
        self, rgb: NDArray[Any], edit: Edit, reference: Path | None
    ) -> tuple[NDArray[Any], float | None]:
        """A picture, (H, W) or (H, W, 3), in the colours asked for: (H, W, 3) of its dtype.

        reference: the file that the edit's is in. Also returns how much of the picture that shows,
        as `photochrom.guided.reference.ReferenceScore` has it; None without one.
        Raises ModelError where the model has no such version or takes no references, and InputError
        for a reference that is gone or has no colours.
        """
        matched = None if reference is None else self._reference_guide(reference)
        guide = _both(matched, self._alternative_guide(edit))
        colored = edit.colorize(rgb, self._remembering, guide)
        scores = () if matched is None else matched.scores
        return colored, scores[0].agreement if scores else None

    def _alternative_guide(self, edit: Edit) -> Guide | None:
        number = VERSIONS[edit.variant].alternative
        if number is None:
            return None
        return self._maker().guide(number, ALTERNATIVE_COUNT, vividness=edit.vividness)

    def _reference_guide(self, path: Path) -> ReferenceGuide:
        try:
            key = (str(path), path.stat().st_mtime_ns)
            with self._lock:
                if self._matcher is None:
                    self._matcher = ReferenceMatcher(self.network)
                matcher = self._matcher
                reference = self._references.get(key)
            if reference is None:
                reference = matcher.reference(decode_jpeg(path.read_bytes()), path.name)
        except FileNotFoundError:
            text = _("the picture that it takes colours from is gone; choose another one")
            raise InputError(text) from None
        with self._lock:
            self._references[key] = reference
            self._references.move_to_end(key)
            while len(self._references) > _KEPT_REFERENCES:
                self._references.popitem(last=False)
        return matcher.guide([reference])

    def _maker(self) -> AlternativeMaker:
        with self._lock:
            if self._alternatives is None:
                self._alternatives = AlternativeMaker(self.network)
            return self._alternatives


class ColorizerCache:
    """The colorizer of the model that was chosen last beside the studio's. Thread-safe.

    It keeps one alone: each takes 100 MB and more.
    """

    def __init__(self) -> None:
        self._last: tuple[str, EditColorizer] | None = None
        self._lock = threading.Lock()

    def get(self, model: str, device: str) -> EditColorizer:
        """That of a model, both as `photochrom.engine.load` takes them. Raises ModelError."""
        with self._lock:
            if self._last is None or self._last[0] != model:
                network = load_with_features(local_model(model), device=device)
                self._last = (model, EditColorizer(network))
            return self._last[1]


class _RememberingNetwork(Network):
    """A network that knows its latest answers: areas, strength and tone ask it nothing new."""

    def __init__(self, network: Network) -> None:
        super().__init__(
            network.card, network.identity, network.device, network.source, network.run
        )
        self.members = network.members
        if network.close_ups is not None:
            remembering = _RememberingNetwork(network.close_ups.network)
            self.close_ups = FaceCloseUps(remembering, network.close_ups.finder)
        self._answers: OrderedDict[tuple[object, ...], Prediction] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, inputs: NDArray[np.float32]) -> Prediction:
        """As of the network itself; the arrays are not to be written to."""
        content = hashlib.blake2b(np.ascontiguousarray(inputs).data, digest_size=16).digest()
        key = (content, inputs.shape)
        with self._lock:
            answer = self._answers.get(key)
        if answer is None:
            answer = super().__call__(inputs)
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > _KEPT_PREDICTIONS:
                self._answers.popitem(last=False)
        return answer


def _both(first: Guide | None, second: Guide | None) -> Guide | None:
    """The colours of the first, and where it says none, of the second."""
    if first is None or second is None:
        return first or second

    def colors(L: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        ab, mask = first(L)
        more_ab, more = second(L)
        more = more * (1 - mask)
        return ab + more_ab * more[..., None], mask + more

    return colors
