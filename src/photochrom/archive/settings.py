"""How an archive is coloured, and what of it changes a pixel."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from photochrom import __version__
from photochrom.archive.provenance import Provenance
from photochrom.batch import DEFAULT_JOBS, BatchOptions
from photochrom.engine import FILM_MODEL

_PIXEL_OPTIONS: Final = (
    *("size", "vividness", "white_balance", "smooth", "force", "keep_colors", "damage", "restore"),
)


@dataclass(frozen=True)
class ArchiveSettings:
    """How an archive is coloured. Plain values, which go from process to process."""

    options: BatchOptions = field(default_factory=BatchOptions)
    """Hints and references of single pictures have no place here; decisions bring them."""
    provenance: Provenance = field(default_factory=Provenance)
    find_damage: bool = False
    """Look at each photograph for scratches, dust and fading, for triage."""
    films: bool = False
    """Colour films, too."""
    film_model: str | Path = FILM_MODEL
    overwrite: bool = False
    """Colour again what was coloured otherwise."""
    keep_finished: bool = False
    """Keep what was coloured otherwise, and go on beside it."""
    shard: tuple[int, int] = (1, 1)
    """k of n: this run's part of the archive."""
    verify: bool = True
    """Read the originals of this run once more at its end, and compare their hashes."""
    in_flight: int = DEFAULT_JOBS
    """Pictures at the same time, in this process."""

    def pixel_settings(self, model: str) -> dict[str, Any]:
        """All that changes a pixel, as JSON values. model: the signature of the picture model."""
        chosen: dict[str, Any] = {}
        for name in _PIXEL_OPTIONS:
            chosen[name] = getattr(self.options, name)
        chosen["white_balance"] = dataclasses.asdict(self.options.white_balance)
        if isinstance(chosen["restore"], tuple):
            chosen["restore"] = list(chosen["restore"])
        chosen["signed"] = self.provenance.certificate is not None
        return {"model": model, "photochrom": __version__, **chosen}
