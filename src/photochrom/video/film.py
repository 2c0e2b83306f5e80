"""How a film is coloured, on one page.

One thread reads frames and makes them small, two find motion and guess (`steady`), this one merges
the guesses, and one puts colours and luma together and encodes. Between them are short queues, so
memory does not grow with the film. The work is done in segments; each begins with a fixed number of
frames before it, so that it comes out the same whether or not the run was interrupted there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom import __version__
from photochrom.engine import Network
from photochrom.locks import output_lock
from photochrom.processors import available
from photochrom.video.converter import Reel
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.container import AV_VERSION
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.mux import check_container, join_segments
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmOutcome, FilmProgress, FilmSettings, Progress
from photochrom.video.segments import (
    Parts,
    Segment,
    SegmentFile,
    UnusablePartsError,
    check_output,
    fingerprint,
    open_parts,
)
from photochrom.video.session import FilmSession, open_session
from photochrom.video.temporal.propagation import Pinned
from photochrom.video.temporal.smoothing import LOOKAHEAD, steady_chroma
from photochrom.video.threads import ReadAhead, WorkBehind
from photochrom.video.user_colors import carried_on, user_colors_by_shot

WARM_UP = 100
"""Frames before a segment that are gone through for its colours; older ones hardly count."""
_BEFORE_WARM_UP = 4
"""Frames more that are read when going on: a deinterlacer looks at the ones before."""
_HELD = 8
"""Frames between two threads."""
_MOST_THREADS = 128
"""x264's own limit."""


def color_film(
    source: str | Path,
    target: str | Path,
    settings: FilmSettings | None = None,
    progress: Progress | None = None,
) -> FilmOutcome:
    """Turn a black-and-white film into colour, with its sound and all else that it carries.

    source: any film that `probe` takes. target: .mp4, .m4v, .mov, .mkv or .webm; it appears when
        it is complete. Until then the work is in a folder beside it (see `segments`).
    progress: called after each frame, in the caller's thread.
    Raises InputError for films and settings that make no sense, OutputError where the result
    cannot be kept, ModelError. What was finished then stays; ``settings.resume`` goes on with it.
    """
    began = time.perf_counter()
    source, target, settings = Path(source), Path(target), settings or FilmSettings()
    check_output(source, target, overwrite=settings.overwrite)
    info = probe(source)
    notes = check_container(info, target, settings.encoding.codec)
    session = open_session(info, settings)
    network, given = session.network, user_colors_by_shot(session)
    with output_lock(target):
        parts = open_parts(
            target,
            manifest(info, network, settings),
            resume=settings.resume,
            overwrite=settings.overwrite,
        )
        job = _Job(session, given, parts, progress)
        resumed = job.done
        job.run()
        left = join_segments(
            [parts.path(segment.number) for segment in parts.finished],
            info,
            target,
            start_s=settings.start_s,
            end_s=settings.end_s,
            overwrite=settings.overwrite,
            comment=f"In colours by {network.card.signature}",
        )
        parts.remove()
    return FilmOutcome(
        source,
        target,
        frames=job.done,
        resumed=resumed,
        seconds=time.perf_counter() - began,
        model=network.card.title,
        device=network.device,
        notes=tuple(dict.fromkeys((*notes, *left))),
    )


def manifest(info: FilmInfo, network: Network, settings: FilmSettings) -> dict[str, object]:
    """Everything that changes a pixel of the result, as JSON values."""
    chosen = dataclasses.asdict(settings)
    for key in ("overwrite", "resume", "model", "keyframes", "device"):
        chosen.pop(key)
    encoding = chosen.pop("encoding")
    stills = [(still.time_s, fingerprint(still.picture)) for still in settings.keyframes]
    return {
        "film": fingerprint(info.path),
        "photochrom": __version__,
        "av": AV_VERSION,
        "model": f"{network.card.title} {fingerprint(Path(network.source))}",
        "engine": network.device,
        "processors": available(),
        "encoding": encoding,
        **chosen,
        "keyframes": stills,
    }


def encoding_of(settings: FilmSettings) -> Encoding:
    """The encoding with its number of threads written out, since that can change a result.

    Three for two processors is x264's own choice.
    """
    own = min((3 * available() + 1) // 2, _MOST_THREADS)
    threads = settings.encoding.threads or settings.threads or own
    return dataclasses.replace(settings.encoding, threads=threads)


class _Job:
    """One film on its way through the segments."""

    def __init__(
        self,
        session: FilmSession,
        given: Mapping[int, Pinned],
        parts: Parts,
        progress: Progress | None,
    ) -> None:
        self._session, self._pinned, self._parts = session, given, parts
        self._info, self._settings, self._progress = session.info, session.settings, progress
        self.done = sum(segment.frames for segment in parts.finished)
        """Frames that are finished or on their way to the encoder."""
        self._resumed = self.done
        self._number = len(parts.finished)
        self._files = contextlib.ExitStack()
        self._carried = parts.carried()
        """Colours at the end of the segment before, where a person has given some in its shot."""
        self._total = frames_expected(session.info, session.settings)

    def run(self) -> None:
        """Colour what is not finished yet."""
        start_s = self._settings.start_s
        done = self._parts.finished[-1] if self._parts.finished else None
        if done is not None:
            start_s = self._info.seconds(done.restart_pts)
        ahead = ReadAhead(self._session.frames(start_s, self._settings.end_s), _HELD)
        with self._files, ahead as items, WorkBehind(_HELD) as behind:
            reel = Reel(items, WARM_UP, WARM_UP + _BEFORE_WARM_UP)
            if done is not None:
                self._go_through(reel, done)
            while (item := reel.at(0)) is not None:
                self._segment(reel, item.frame.pts, behind)

    def _go_through(self, reel: Reel, done: Segment) -> None:
        """Take the frames that were finished before; the next segment warms up with them."""
        while (item := reel.at(0)) is not None and item.frame.pts <= done.last_pts:
            reel.take()
        if reel.latest_pts != done.last_pts:
            at_s = self._info.seconds(done.last_pts)
            raise UnusablePartsError(
                f"{self._info.path} does not give the frame at {at_s:.3f} s again, where the work "
                "on it stopped; pass --overwrite without --resume to begin anew"
            )

    def _segment(self, reel: Reel, first: int, behind: WorkBehind) -> None:
        """Colour one segment, whose first frame has this time."""
        count, before = self._settings.segment_frames, reel.latest_pts
        pinned = dict(self._pinned)
        if self._carried is not None and before is not None:
            pinned |= carried_on(self._carried, before, self._session.converter.working)
        colors = steady_chroma(
            reel.stretch(count + LOOKAHEAD),
            self._session.guess,
            steady=self._settings.steady,
            pinned=pinned,
        )
        file = SegmentFile(self._parts, self._info, encoding_of(self._settings))
        self._files.callback(file.abandon)
        frames = 0
        with contextlib.closing(colors):
            for pts, ab, begins_shot in colors:
                if begins_shot:
                    shot_start = pts
                if pts < first:
                    continue
                item = reel.take()
                behind.do(partial(self._write, file, item.frame, ab))
                frames += 1
                self.done += 1
                if self._progress is not None:
                    done = FilmProgress(
                        self.done, self._resumed, self._total, self._session.network.device
                    )
                    self._progress(done)
                if frames == count or reel.at(0) is None:
                    break
        self._carried = ab if any(shot_start <= given <= pts for given in pinned) else None
        segment = Segment(self._number, frames, last_pts=pts, restart_pts=reel.earliest_pts)
        behind.do(partial(file.finish, segment, self._carried))
        self._number += 1

    def _write(self, file: SegmentFile, frame: Frame, ab: NDArray[np.float32]) -> None:
        file.write(frame, self._session.converter.chroma(frame, ab))


def frames_expected(info: FilmInfo, settings: FilmSettings) -> int | None:
    """Frames of the part that is coloured, as far as the file says."""
    if settings.start_s is None and settings.end_s is None and info.frames is not None:
        return info.frames
    if info.rate is None or info.duration_s is None:
        return None
    end_s = min(info.duration_s, settings.end_s if settings.end_s is not None else math.inf)
    return max(1, round((end_s - (settings.start_s or 0.0)) * float(info.rate)))
