"""The photos that runs held out, as pictures to evaluate on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from photochrom.cli.messages import note
from photochrom.errors import requires_extra
from photochrom.evaluation.dataset import DecodedPictures

_INSTEAD = ", or name pictures with --data"


def held_out_pictures(runs: Sequence[Path]) -> DecodedPictures:
    """What the first of these runs held out and none of the others learnt from; says so.

    Raises InputError where there is none, MissingDependencyError without the extra `train`.
    """
    with requires_extra("train", "reading what a run held out", _INSTEAD):
        from photochrom.training.finished_run import photos_of_none
    photos = photos_of_none(runs, note)
    indices = {name: index for index, name in enumerate(photos.names)}
    note(f"measured on {len(photos)} photos that {runs[0]} held out; --data names others")
    return DecodedPictures(runs[0], photos.names, lambda name: photos[indices[name]])
