"""Colours of other pictures: of the same place, the same people, another take.

A reference gives its colours to the places that show the same thing (`photochrom.guided.matching`),
as hints for the network, which carries them on. Where too little matches, it is another scene, and
gives none: its colours would be wrong more often than right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.luminance import check_picture, check_range
from photochrom.color.space import rgb_to_lab
from photochrom.color.tone import judge
from photochrom.engine import FeatureExtractor, ModelIdentity, Network, feature_extractor
from photochrom.errors import InputError
from photochrom.guided.matching import (
    CELL_PX,
    Matches,
    cell_vectors,
    extract,
    match,
    matching_lightness,
    scene_vector,
)
from photochrom.pipeline import working_lightness

SAME_SCENE: Final = 0.08
"""Agreement from which a reference gives colours: 64 of 66 pairs of frames 20 apart reach it, and
of 133 photographs, each with the most alike of the others, one (docs/guided.md)."""
_CLEARLY_SAME: Final = 0.12
"""Agreement from which weaker matches count as well."""
_STRICT, _LOOSE = (0.6, 0.6), (0.5, 0.3)
"""Least cosine and coherence of the matches that give colours."""


@dataclass(frozen=True)
class Reference:
    """A picture in colours, as it is compared with others."""

    name: str
    """For messages."""
    cell_ab: tuple[NDArray[np.float32], ...]
    """(h, w, 2) CIELAB: the mean colours of its places, upright and mirrored."""
    vectors: tuple[NDArray[np.float32], ...]
    """(h, w, C): the features of its places, likewise."""
    scene: NDArray[np.float32]
    """(C,), as `photochrom.guided.matching.scene_vector` has it."""


Candidates: TypeAlias = Callable[[NDArray[np.float32]], Sequence[Reference]]
"""References for a picture by what it shows, (C,) as `photochrom.guided.matching.scene_vector`."""


@dataclass(frozen=True)
class ReferenceScore:
    """How much of a picture a reference shows."""

    name: str
    agreement: float
    """Share of the picture's places that it surely shows, too, [0, 1]."""

    @property
    def is_same_scene(self) -> bool:
        """Whether it can give colours."""
        return self.agreement >= SAME_SCENE


class ReferenceMatcher:
    """References that are ready for many pictures. Safe to share between threads."""

    def __init__(self, network: Network, *, threads: int | None = None) -> None:
        """Raises ModelError for a network that hands out no features."""
        self._extractor: FeatureExtractor = feature_extractor(network, threads=threads)

    @property
    def extractor(self) -> FeatureExtractor:
        """What hands out the features that are compared."""
        return self._extractor

    @property
    def identity(self) -> ModelIdentity:
        """The model whose features are compared."""
        return self._extractor.identity

    def reference(self, rgb: NDArray[Any], name: str) -> Reference:
        """A picture as a reference.

        rgb: (H, W, 3), sRGB-encoded; uint8, uint16, or floating in [0, 1]. name: for messages.
        Raises InputError for a picture without colours, or of another shape, type or range.
        """
        check_picture(rgb)
        check_range(rgb)
        if rgb.ndim != 3 or judge(rgb).tone != "colour":
            raise InputError(
                f"the reference {name} has no colours to give: it is grey or toned; "
                "give a picture in colours"
            )
        L = working_lightness(rgb, "auto", self._extractor.card)
        shape = (L.shape[0] // CELL_PX, L.shape[1] // CELL_PX)
        white = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0
        # By the size that the network sees: what the eye adds up over a place is light, but the
        # difference is small, and so is a full picture in CIELAB not.
        small = shrink(rgb, (L.shape[0], L.shape[1])) / np.float32(white)
        ab = shrink(np.asarray(rgb_to_lab(small)[..., 1:], np.float32), shape)
        features = extract(L, self._extractor)
        mirrored = extract(np.ascontiguousarray(L[:, ::-1]), self._extractor)
        return Reference(
            name,
            (ab, np.ascontiguousarray(ab[:, ::-1])),
            (cell_vectors(features), cell_vectors(mirrored)),
            scene_vector(features),
        )

    def guide(self, references: Sequence[Reference]) -> ReferenceGuide:
        """The references' colours for one picture, as `photochrom.pipeline.predict` takes them."""
        return ReferenceGuide(self._extractor, lambda _scene: references)

    def best_guide(self, candidates: Candidates) -> ReferenceGuide:
        """The colours, for one picture, of the best of some candidates."""
        return ReferenceGuide(self._extractor, candidates, best_alone=True)


class ReferenceGuide:
    """The colours of references for one picture: a `photochrom.pipeline.Guide`."""

    def __init__(
        self, extractor: FeatureExtractor, candidates: Candidates, *, best_alone: bool = False
    ) -> None:
        self._extractor = extractor
        self._candidates = candidates
        self.best_alone = best_alone
        """Whether only the reference that agrees most gives colours."""
        self._lock = Lock()
        self._scores: tuple[ReferenceScore, ...] = ()

    @property
    def scores(self) -> tuple[ReferenceScore, ...]:
        """Of each reference, the best first, once the picture was coloured; empty before."""
        with self._lock:
            return self._scores

    def __call__(self, L: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Hints for a picture. L: (h, w), [0, 100], as the network sees it.

        Returns ab (h, w, 2) CIELAB and mask (h, w), 0 or 1.
        """
        features = extract(matching_lightness(L, self._extractor), self._extractor)
        vectors = cell_vectors(features)
        shape = vectors.shape[:2]
        found = [
            (reference, *_best_orientation(reference, vectors))
            for reference in self._candidates(scene_vector(features))
        ]
        found.sort(key=lambda entry: -entry[2].agreement)
        with self._lock:
            self._scores = tuple(
                ReferenceScore(reference.name, matches.agreement) for reference, _, matches in found
            )
        ab, best = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
        for _, cell_ab, matches in found[:1] if self.best_alone else found:
            if matches.agreement >= SAME_SCENE:
                least = _LOOSE if matches.agreement >= _CLEARLY_SAME else _STRICT
                better = matches.reliable(*least) & (matches.cosine > best)
                ab[better] = cell_ab.reshape(-1, 2)[matches.places[better]]
                best[better] = matches.cosine[better]
        rows, columns = (
            (np.arange(side) * cells) // side for side, cells in zip(L.shape, shape, strict=True)
        )
        mask = (best > 0).astype(np.float32)[rows[:, None], columns]
        return ab[rows[:, None], columns], mask


def _best_orientation(
    reference: Reference, vectors: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Matches]:
    """The colours and matches of the upright or the mirrored reference, whichever agrees more."""
    found = [match(vectors, others) for others in reference.vectors]
    best = max(range(len(found)), key=lambda i: found[i].agreement)
    return reference.cell_ab[best], found[best]
