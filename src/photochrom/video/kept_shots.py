"""Shots of a film that was coloured before, and of which nothing else is said now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from photochrom.errors import InputError, OutputError
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.reader import nearest_pts
from photochrom.video.segments import Segment, SegmentStore, read_manifest

_OF_SHOTS = ("keyframes", "hints", "shots")
"""What the manifest has of single shots: lists of which each entry begins with, or has, a time."""


class KeptShots:
    """Segments of an earlier run with which this one can do as they are."""

    def __init__(self, store: SegmentStore, segments: Mapping[int, Segment]) -> None:
        """segments: by the times of their first frames."""
        self.store, self._segments = store, segments

    def segment(self, first_pts: int | None) -> Segment | None:
        """The one that begins with a frame; None where that has to be coloured."""
        return None if first_pts is None else self._segments.get(first_pts)

    def following(self, segment: Segment) -> Segment | None:
        """The one behind another, where it is kept as well."""
        number = segment.number + 1
        return next((kept for kept in self._segments.values() if kept.number == number), None)

    def is_last(self, segment: Segment) -> bool:
        """Whether the film ends with it."""
        return segment.number == len(self.store.segments) - 1


def read_kept_shots(
    folder: Path | None, manifest: Mapping[str, object], info: FilmInfo
) -> KeptShots | None:
    """What of an earlier run in a folder stays as it is; None where all is to be coloured.

    manifest: of this run, as for `open_segments`. A shot is coloured anew as a whole, where what is
    said of it differs.
    """
    if folder is None or not folder.is_dir():
        return None
    store = SegmentStore(folder)
    try:
        before, now = read_manifest(folder), json.loads(json.dumps(manifest))
        store.read_segments()
        if any(before.get(key) != now.get(key) for key in {*before, *now} - set(_OF_SHOTS)):
            return None
        times_s = {time_s for key in _OF_SHOTS for time_s in _changed_times(before[key], now[key])}
        changed = [nearest_pts(info, time_s) for time_s in times_s]
    except (OutputError, InputError, KeyError, TypeError):
        return None  # damaged, or of another version: the film is coloured anew
    kept = {}
    for shot in _shots(store.segments):
        first, last = shot[0].first_pts, shot[-1].last_pts
        if first is not None and not any(first <= pts <= last for pts in changed):
            kept.update({s.first_pts: s for s in shot if s.first_pts is not None})
    return KeptShots(store, kept) if kept else None


def _changed_times(before: list[object], now: list[object]) -> list[float]:
    """Seconds of the entries that only one of the two lists has."""
    differing = [entry for entry in before if entry not in now]
    differing += [entry for entry in now if entry not in before]
    return [float(e["time_s"] if isinstance(e, dict) else e[0]) for e in differing]  # type: ignore[index]


def _shots(segments: list[Segment]) -> list[list[Segment]]:
    """Segments of one shot together."""
    shots: list[list[Segment]] = []
    for segment in segments:
        if segment.begins_shot or not shots:
            shots.append([])
        shots[-1].append(segment)
    return shots
