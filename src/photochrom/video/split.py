"""A film of which several processes, on several machines, colour a segment each; one joins them.

A segment begins with a fixed number of frames before it (`film.WARM_UP`), wherever it is coloured,
so the film is the same as if one process had coloured all of it. One looks the film through for the
times of its frames (`plan_film`), any colours one segment (`color_segment`), and whoever collects
them keeps them as a run that may go on later, or be taken up by one process (`SegmentCollector`).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photochrom.atomic import remove_leftovers
from photochrom.errors import InputError, OutputError
from photochrom.locks import output_lock
from photochrom.video.film import (
    TIMES_BEHIND,
    FilmJob,
    join_finished,
    manifest,
    resolve_encoding,
)
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.hardware import start_hardware
from photochrom.video.io.passthrough import check_container
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import decoded_frames
from photochrom.video.options import FilmSettings
from photochrom.video.segments import (
    Segment,
    SegmentStore,
    UnusableSegmentsError,
    check_output,
    fingerprint,
    open_segments,
    remove_empty_segments,
    source_check,
)
from photochrom.video.session import open_session

_OF_FRAMES = ("hints", "keyframes", "shots", "color_file", "shot_folder", "restore")
"""Settings that one process alone can follow through a film."""


@dataclass(frozen=True)
class FilmPlan:
    """How a film is split. Plain values, which go from process to process."""

    segments: tuple[Segment, ...]
    """As they will be when they are finished, without damage and changes."""
    settings: FilmSettings
    """With the encoding written out, so that it is the same on each machine."""
    manifest: dict[str, Any]
    """Everything that changes a pixel, as of `film.manifest`."""
    model: str
    """Title of the network's card."""
    signature: str
    """Of the network: its name and version."""
    notes: tuple[str, ...]
    """Where the film is damaged."""


def plan_film(source: Path, settings: FilmSettings) -> FilmPlan:
    """Look a film through for where its segments begin and end; every frame is decoded once.

    Raises InputError as `color_film`, and for settings of single frames; ModelError.
    """
    given = [name for name in _OF_FRAMES if getattr(settings, name)]
    if given:
        raise InputError(
            f"a film with {given[0].replace('_', ' ')} cannot be split, since they go on from "
            "segment to segment; colour it in one process"
        )
    info = probe(source)
    settings = dataclasses.replace(settings, encoding=start_hardware(settings.encoding, info))
    network = open_session(info, settings).network
    damage = DamageLog(settings.damage)
    times: list[int] = []
    frames = decoded_frames(
        info,
        start_s=settings.start_s,
        end_s=settings.end_s,
        deinterlace=settings.deinterlace,
        damage=damage,
    )
    segments: list[Segment] = []
    behind: deque[int] = deque(maxlen=TIMES_BEHIND)
    for decoded in frames:
        if len(times) == settings.segment_frames:
            segments.append(_plan_segment(len(segments), times, behind))
            times = []
        times.append(decoded.pts)
        behind.append(decoded.pts)
    segments.append(_plan_segment(len(segments), times, behind))
    return FilmPlan(
        tuple(segments),
        dataclasses.replace(settings, encoding=resolve_encoding(settings)),
        manifest(info, network, settings),
        network.card.title,
        network.identity.signature,
        damage.sentences(info),
    )


def _plan_segment(number: int, times: list[int], behind: deque[int]) -> Segment:
    return Segment(
        number, len(times), last_pts=times[-1], restart_pts=behind[0], first_pts=times[0]
    )


def color_segment(source: Path, plan: FilmPlan, number: int, folder: Path) -> tuple[Segment, Path]:
    """Colour one segment of a film into a folder; returns it, and its film file there.

    Raises InputError where the film is not the one of the plan, and as `color_film`.
    """
    if fingerprint(source) != plan.manifest["film"]:
        raise InputError(f"{source} has changed since the work on it began; begin anew with it")
    check = source_check(source)
    info = probe(source)
    folder.mkdir(parents=True, exist_ok=True)
    store = SegmentStore(folder)
    if number:
        store.segments.append(plan.segments[number - 1])
    session = open_session(info, plan.settings)
    FilmJob(session, {}, store, None, None, end=number + 1).run()
    check()
    segment = store.segments[-1]
    wanted = plan.segments[number]
    if _place(segment) != _place(wanted):
        at_s = info.seconds(wanted.last_pts)
        raise UnusableSegmentsError(
            f"{source} does not give the frames up to {at_s:.3f} s again that it gave before; "
            "colour it in one process"
        )
    return segment, store.path(number)


def _place(segment: Segment) -> tuple[int, int | None, int, int]:
    return segment.number, segment.first_pts, segment.last_pts, segment.frames


class SegmentCollector:
    """Collects the segments of one film and joins them; holds the output until it is closed."""

    def __init__(self, source: Path, target: Path, plan: FilmPlan) -> None:
        """target: as for `color_film`. What an earlier run has finished is kept, unless it was
        made otherwise.

        Raises InputError and OutputError as `color_film`.
        """
        self.source, self.target, self.plan = source, target, plan
        settings = plan.settings
        check_output(source, target, overwrite=settings.overwrite)
        self._info = probe(source)
        self._notes = check_container(self._info, target, settings.encoding.codec)
        self._check = source_check(source)
        with contextlib.ExitStack() as stack:
            stack.enter_context(output_lock(target))
            stack.callback(remove_empty_segments, target)
            remove_leftovers(target.parent)
            try:
                self._open(resume=True)
            except UnusableSegmentsError:
                self._open(resume=False)
            self._stack = stack.pop_all()

    def _open(self, *, resume: bool) -> None:
        self._store = open_segments(self.target, self.plan.manifest, resume=resume, overwrite=True)
        self._kept = {
            segment.number: segment
            for wanted in self.plan.segments
            if (segment := self._store.segment(wanted.number)) is not None
            and _place(segment) == _place(wanted)
        }

    @property
    def missing(self) -> list[int]:
        """Numbers of the segments that are not there yet."""
        return [s.number for s in self.plan.segments if s.number not in self._kept]

    def keep(self, segment: Segment, data: bytes) -> None:
        """Take a finished segment. data: its film file. Raises OutputError."""
        written = self._store.temporary_path()
        try:
            written.write_bytes(data)
        except OSError as error:
            raise OutputError(f"cannot keep {written}: {error.strerror}") from None
        self._store.finish(written, segment, None)
        self._kept[segment.number] = segment

    def join(self) -> tuple[str, ...]:
        """Make the film of all segments, with its sound; returns notes on it, as of `color_film`.

        Raises InputError where the film has changed, OutputError.
        """
        self._store.segments = [self._kept[segment.number] for segment in self.plan.segments]
        comment = f"In colours by {self.plan.signature}"
        notes = join_finished(
            self._store, self._info, self.target, self.plan.settings, comment, self._check
        )
        self._store.remove()
        return tuple(dict.fromkeys((*self._notes, *notes, *self.plan.notes)))

    def close(self) -> None:
        """Let the output go; what is finished stays for a later run."""
        self._stack.close()
