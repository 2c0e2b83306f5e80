"""How a film is coloured, on one page.

One thread reads frames and makes them small, two find motion and guess (`smoothing`), this one
merges the guesses, and one puts colours and luma together and encodes. Between them are short
queues, so memory does not grow with the film. The work is done in segments; each begins with a
fixed number of frames before it, so that it comes out the same whether or not the run was
interrupted there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from photochrom import __version__
from photochrom.atomic import remove_leftovers
from photochrom.engine import Network
from photochrom.guided.reference_files import reference_pictures
from photochrom.guided.strokes import PaintedLayer
from photochrom.hints import ColorHint
from photochrom.locks import output_lock
from photochrom.processors import available
from photochrom.video.frame_buffer import FrameBuffer
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.container import AV_VERSION
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.hardware import start_hardware
from photochrom.video.io.mux import join_segments
from photochrom.video.io.passthrough import check_container
from photochrom.video.io.probe import probe
from photochrom.video.kept_shots import KeptShots, read_kept_shots
from photochrom.video.options import FilmOutcome, FilmProgress, FilmSettings, Progress
from photochrom.video.segments import (
    Segment,
    SegmentFile,
    SegmentStore,
    UnusableSegmentsError,
    check_output,
    fingerprint,
    open_segments,
    remove_empty_segments,
    source_check,
)
from photochrom.video.session import FilmSession, frames_expected, open_session
from photochrom.video.temporal.propagation import UserColors
from photochrom.video.temporal.smoothing import LOOKAHEAD, steady_chroma
from photochrom.video.threads import BackgroundWorker, Prefetcher
from photochrom.video.user_colors import (
    all_hints,
    all_keyframes,
    segment_start_colors,
    user_colors_by_shot,
)

WARM_UP = 100
"""Frames before a segment that are gone through for its colours; older ones hardly count."""
_DEINTERLACER_FRAMES = 4
"""Frames more that are read when going on: a deinterlacer looks at the ones before."""
TIMES_BEHIND = WARM_UP + _DEINTERLACER_FRAMES
"""Frames behind whose times are known; a later run begins to read at the earliest of them."""
_QUEUE_FRAMES = 8
"""Frames between two threads."""
_NOT_AS_THEY_ARE = (
    "overwrite", "resume", "model", "device", "damage", "keyframes", "hints", "shots", "color_file",
    "alternatives", "shot_folder",
)  # fmt: skip
"""Settings that change no pixel, or of which the manifest says in other words what they do."""
_log = logging.getLogger(__name__)
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
    started_s = time.perf_counter()
    source, target, settings = Path(source), Path(target), settings or FilmSettings()
    check_output(source, target, overwrite=settings.overwrite)
    info = probe(source)
    notes = check_container(info, target, settings.encoding.codec)
    settings = dataclasses.replace(settings, encoding=start_hardware(settings.encoding, info))
    check_source = source_check(source)
    session = open_session(info, settings, progress)
    network, user_colors = session.network, user_colors_by_shot(session)
    with contextlib.ExitStack() as stack:
        stack.enter_context(output_lock(target))
        stack.callback(remove_empty_segments, target)
        remove_leftovers(target.parent)
        store = open_segments(
            target,
            manifest(info, network, settings),
            resume=settings.resume,
            overwrite=settings.overwrite,
        )
        kept = None
        if settings.shot_folder is not None:
            kept = read_kept_shots(settings.shot_folder, manifest(info, network, settings), info)
        job = FilmJob(session, user_colors, store, progress, kept)
        resumed_frames = job.frames_done
        session.damage.frames.clear()  # of the shots that the user's colours were followed through
        for segment in store.segments:
            session.damage.frames.update((frame.pts, frame) for frame in segment.damage)
        job.run()
        comment = f"In colours by {network.identity.signature}"
        more_notes = join_finished(store, info, target, settings, comment, check_source)
        if settings.shot_folder is None:
            store.remove()
        else:
            store.keep_as(settings.shot_folder)
    return FilmOutcome(
        source,
        target,
        frames=job.frames_done,
        resumed_frames=resumed_frames,
        seconds=time.perf_counter() - started_s,
        model=network.card.title,
        device=network.device,
        notes=tuple(dict.fromkeys((*notes, *more_notes, *session.notes()))),
        damage=session.damage.spots(info),
        changes=tuple(change for segment in store.segments for change in segment.changes),
        found_kinds=session.source.found_kinds,
    )


def manifest(info: FilmInfo, network: Network, settings: FilmSettings) -> dict[str, object]:
    """Everything that changes a pixel of the result, as JSON values."""
    chosen = dataclasses.asdict(settings)
    for key in _NOT_AS_THEY_ARE:
        chosen.pop(key)
    encoding = chosen.pop("encoding")
    chosen["references"] = [fingerprint(path) for path in settings.references]
    if settings.reference_folder is not None:
        chosen["reference_folder"] = _folder_state(settings.reference_folder)
    return {
        "film": fingerprint(info.path),
        "photochrom": __version__,
        "av": AV_VERSION,
        "model": f"{network.card.title} {fingerprint(Path(network.source))}",
        "engine": network.device,
        "processors": available(),
        "encoding": encoding,
        **chosen,
        "keyframes": [(k.time_s, fingerprint(k.picture)) for k in all_keyframes(settings)],
        "hints": [(hint.time_s, _in_words(hint.hint)) for hint in all_hints(settings, info.path)],
        "shots": [
            {
                "time_s": shot.time_s,
                "references": [fingerprint(path) for path in shot.references],
                "white_balance": shot.white_balance and dataclasses.asdict(shot.white_balance),
                "restore": shot.restore,
            }
            for shot in settings.shots
        ],
    }


def _folder_state(folder: Path) -> str:
    """Which pictures a folder and its subfolders hold, and of when they are, as a hash. The film
    may be there, too, and what grows of it.
    """
    digest = hashlib.sha256()
    for path in reference_pictures(folder):
        state = path.stat()
        digest.update(f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _in_words(hint: ColorHint) -> str:
    """All that a hint says; of a painted layer, a checksum."""
    if not isinstance(hint, PaintedLayer):
        return repr(hint)
    layer = np.concatenate([hint.rgb, hint.painted[..., None]], axis=-1)
    return f"layer {layer.shape} {hashlib.sha256(layer.tobytes()).hexdigest()}"


def join_finished(
    store: SegmentStore,
    info: FilmInfo,
    target: Path,
    settings: FilmSettings,
    comment: str,
    check_source: Callable[[], None],
) -> tuple[str, ...]:
    """The film of a store whose segments are all finished: see `join_segments` for the rest.

    check_source: called before the joining, and again when all is written.
    """
    check_source()
    return join_segments(
        [store.path(segment.number) for segment in store.segments],
        info,
        target,
        start_s=settings.start_s,
        end_s=settings.end_s,
        last_duration=store.segments[-1].last_duration or None,
        overwrite=settings.overwrite,
        comment=comment,
        check_source=check_source,
    )


def resolve_encoding(settings: FilmSettings) -> Encoding:
    """The encoding with its number of threads written out, since that can change a result.

    Three for two processors is x264's own choice.
    """
    own = min((3 * available() + 1) // 2, _MOST_THREADS)
    threads = settings.encoding.threads or settings.threads or own
    return dataclasses.replace(settings.encoding, threads=threads)


class FilmJob:
    """One film on its way through the segments."""

    def __init__(
        self,
        session: FilmSession,
        user_colors: Mapping[int, UserColors],
        store: SegmentStore,
        progress: Progress | None,
        kept: KeptShots | None,
        end: int | None = None,
    ) -> None:
        """store: with the segments that are finished. end: the segment before which the work ends;
        None: it ends with the film.
        """
        self._kept, self._is_kept = kept, False
        self._next_pts: int | None = None
        """The frame with which a kept segment begins, where this run has come to it."""
        self._last_segment = store.segments[-1] if store.segments else None
        self._session, self._user_colors, self._store = session, user_colors, store
        self._info, self._settings, self._progress = session.info, session.settings, progress
        self.frames_done = sum(segment.frames for segment in store.segments)
        """Frames that are finished or on their way to the encoder."""
        self._resumed_frames = self.frames_done
        self._number = self._last_segment.number + 1 if self._last_segment is not None else 0
        self._end = end
        self._files = contextlib.ExitStack()
        self._end_colors = store.end_colors()
        """Colours at the end of the segment before, where a person has given some in its shot."""
        self._total = frames_expected(session.info, session.settings)

    def run(self) -> None:
        """Colour what is not finished yet."""
        with self._files, BackgroundWorker(_QUEUE_FRAMES) as background:
            while not self._take_kept_shots(background):
                if self._color_stretch(background):
                    break

    def _take_kept_shots(self, background: BackgroundWorker) -> bool:
        """Take over what an earlier run has of the next shots; True where the film ends there."""
        if self._kept is None:
            return False
        last = self._last_segment
        if last is None:
            first = self._kept.segment(self._info.start_pts)
        else:
            first = self._kept.following(last) if self._is_kept else None
            first = first or self._kept.segment(self._next_pts)
        while first is not None:
            background.submit(partial(self._store.adopt, self._kept.store, first))
            self._is_kept, self._last_segment = True, first
            self._session.damage.frames.update((frame.pts, frame) for frame in first.damage)
            self._end_colors, self._next_pts = None, None
            self.frames_done += first.frames
            self._number += 1
            self._report()
            if self._kept.is_last(first):
                return True
            first = self._kept.following(first)
        return False

    def _color_stretch(self, background: BackgroundWorker) -> bool:
        """Colour segments up to the next that is kept; True where the film ends."""
        start_s = self._settings.start_s
        last_segment = self._last_segment
        if last_segment is not None:
            start_s = self._info.seconds(last_segment.restart_pts)
        with Prefetcher(
            self._session.frames(start_s, self._settings.end_s), _QUEUE_FRAMES
        ) as items:
            buffer = FrameBuffer(items, WARM_UP, TIMES_BEHIND)
            if last_segment is not None:
                self._skip_finished(buffer, last_segment)
            while (first := buffer.peek()) is not None:
                if self._kept is not None and self._kept.segment(first.frame.pts) is not None:
                    self._next_pts = first.frame.pts
                    return False
                if self._number == self._end:
                    break
                self._color_segment(buffer, first.frame.pts, background)
        return True

    def _skip_finished(self, buffer: FrameBuffer, last: Segment) -> None:
        """Take the frames that were finished before; the next segment warms up with them."""
        while (following := buffer.peek()) is not None and following.frame.pts <= last.last_pts:
            buffer.pop()
        if buffer.latest_pts != last.last_pts:
            at_s = self._info.seconds(last.last_pts)
            raise UnusableSegmentsError(
                f"{self._info.path} does not give the frame at {at_s:.3f} s again, where the work "
                "on it stopped; pass --overwrite without --resume to begin anew"
            )

    def _color_segment(
        self, buffer: FrameBuffer, first_pts: int, background: BackgroundWorker
    ) -> None:
        """Colour one segment, whose first frame has this time."""
        count, before = self._settings.segment_frames, buffer.latest_pts
        user_colors = dict(self._user_colors)
        if self._end_colors is not None and before is not None:
            user_colors |= segment_start_colors(
                self._end_colors, before, self._session.converter.working_shape
            )
        colors = steady_chroma(
            buffer.working_frames(count + LOOKAHEAD),
            self._session.guess,
            steady=self._settings.steady,
            ask_every=self._settings.ask_every,
            user_colors=user_colors,
            known_colors=self._session.known_colors,
        )
        file = SegmentFile(self._store, self._info, resolve_encoding(self._settings))
        self._files.callback(file.abandon)
        frames = 0
        in_shots = self._settings.shot_folder is not None and self._settings.steady > 0.0
        with contextlib.closing(colors):
            for pts, ab, begins_shot in colors:
                if begins_shot and in_shots and frames:
                    break
                if begins_shot:
                    shot_start = pts
                    _log.debug("a shot begins at %.3f s", self._info.seconds(pts))
                if pts < first_pts:
                    continue
                frame, last_ab = buffer.pop().frame, ab
                # Not in the thread of the encoder, for which everything else waits.
                chroma = self._session.converter.chroma(frame, ab)
                background.submit(partial(file.write, frame, chroma))
                frames += 1
                self.frames_done += 1
                self._report()
                if frames == count or buffer.peek() is None:
                    break
        last_pts = frame.pts
        in_shot = any(shot_start <= user_pts <= last_pts for user_pts in user_colors)
        self._end_colors = last_ab if in_shot else None
        damage = self._session.damage.frames_within(before, last_pts)
        segment = Segment(
            self._number,
            frames,
            last_pts=last_pts,
            restart_pts=buffer.earliest_pts,
            last_duration=frame.duration,
            damage=damage,
            changes=self._session.source.changes_within(first_pts, last_pts),
            first_pts=first_pts,
            begins_shot=shot_start == first_pts,
        )
        background.submit(partial(file.finish, segment, self._end_colors))
        self._last_segment, self._is_kept = segment, False
        end_s = self._info.seconds(last_pts)
        _log.info("segment %d: %d frames, to %.3f s", self._number, frames, end_s)
        self._number += 1

    def _report(self) -> None:
        if self._progress is not None:
            device = self._session.network.device
            done = FilmProgress(self.frames_done, self._resumed_frames, self._total, device)
            self._progress(done)
