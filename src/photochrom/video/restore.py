"""A film mended and not coloured: its own chroma, sound and all else as they were."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from photochrom import __version__
from photochrom.atomic import remove_leftovers, replacement_file, write_atomically
from photochrom.errors import OutputError
from photochrom.locks import output_lock
from photochrom.video.film import join_finished, resolve_encoding
from photochrom.video.io.container import AV_VERSION
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.hardware import start_hardware
from photochrom.video.io.mux import check_container
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmOutcome, FilmProgress, FilmSettings, Progress
from photochrom.video.restoration.mend import FrameChange
from photochrom.video.segments import (
    Segment,
    SegmentFile,
    SegmentStore,
    check_output,
    fingerprint,
    open_segments,
    remove_empty_segments,
    source_check,
)
from photochrom.video.session import frames_expected, open_source
from photochrom.video.source import FilmSource
from photochrom.video.threads import Prefetcher

_QUEUE_FRAMES = 8


def restore_film(
    source: str | Path,
    target: str | Path,
    settings: FilmSettings,
    progress: Progress | None = None,
) -> FilmOutcome:
    """Mend a film's pictures, of the kinds of damage that `settings.restore` names.

    source, target, progress, and what is raised: as for `film.color_film`; of the settings those of
    colours count for nothing. A film in which nothing is found is copied bit for bit, where the
    whole of it is asked for in a file of its own kind.
    """
    resumed = 0
    changes: tuple[FrameChange, ...] = ()
    more_notes: tuple[str, ...] = ()
    started_s = time.perf_counter()
    source, target = Path(source), Path(target)
    check_output(source, target, overwrite=settings.overwrite)
    info = probe(source)
    notes = check_container(info, target, settings.encoding.codec)
    settings = dataclasses.replace(settings, encoding=start_hardware(settings.encoding, info))
    check_source = source_check(source)
    film = open_source(info, settings, progress, with_chroma=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(output_lock(target))
        stack.callback(remove_empty_segments, target)
        remove_leftovers(target.parent)
        if _is_whole_and_clean(film, settings) and target.suffix == source.suffix:
            _copy(source, target, overwrite=settings.overwrite)
            check_source()
            frames = len(film.plan.times) if film.plan else 0
        else:
            store = open_segments(
                target,
                _manifest(info, settings),
                resume=settings.resume,
                overwrite=settings.overwrite,
            )
            resumed = sum(segment.frames for segment in store.segments)
            film.damage.frames.update((f.pts, f) for s in store.segments for f in s.damage)
            frames = _mend_segments(film, store, settings, progress)
            comment = "Mended by photochrom"
            more_notes = join_finished(store, info, target, settings, comment, check_source)
            changes = tuple(change for segment in store.segments for change in segment.changes)
            store.remove()
    return FilmOutcome(
        source,
        target,
        frames=frames,
        resumed_frames=resumed,
        seconds=time.perf_counter() - started_s,
        model="",
        device="cpu",
        notes=tuple(
            dict.fromkeys((*notes, *more_notes, *film.notes(), *film.damage.sentences(info)))
        ),
        damage=film.damage.spots(info),
        changes=changes,
        found_kinds=film.found_kinds,
    )


def write_changes(path: Path, changes: Iterable[FrameChange], info: FilmInfo) -> None:
    """What was mended in each frame, as a CSV file: a row for each that is not as it was.

    Columns: seconds from the film's first frame; gain and offset of its light; how many lines and
    specks; and the share of its pixels that these covered. Raises OutputError.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["seconds", *FrameChange._fields[1:]])
    for change in changes:
        table.writerow([f"{info.seconds(change.pts):.4f}", *change[1:]])
    write_atomically(path, text.getvalue().encode(), overwrite=True)


def _is_whole_and_clean(film: FilmSource, settings: FilmSettings) -> bool:
    is_whole = settings.start_s is None and settings.end_s is None
    is_clean = film.plan is not None and film.plan.is_empty
    return is_whole and is_clean and not settings.deinterlace and film.damage.end_s is None


def _copy(source: Path, target: Path, *, overwrite: bool) -> None:
    try:
        with replacement_file(target, overwrite=overwrite) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from None


def _mend_segments(
    film: FilmSource, store: SegmentStore, settings: FilmSettings, progress: Progress | None
) -> int:
    """All segments that are not finished; how many frames there are then."""
    info, encoding = film.info, resolve_encoding(settings)
    done = resumed = sum(segment.frames for segment in store.segments)
    total = frames_expected(info, settings)
    start_s, reached = settings.start_s, None
    if store.segments:
        reached = store.segments[-1].last_pts
        start_s = info.seconds(reached)
    with contextlib.ExitStack() as files:
        frames = files.enter_context(
            Prefetcher(film.frames(start_s, settings.end_s), _QUEUE_FRAMES)
        )
        file, first, count = None, 0, 0
        last: Frame | None = None
        number = len(store.segments)

        def finish(file: SegmentFile, last: Frame) -> None:
            segment = Segment(
                number,
                count,
                last_pts=last.pts,
                restart_pts=last.pts,
                last_duration=last.duration,
                damage=film.damage.frames_within(reached, last.pts),
                changes=film.changes_within(first, last.pts),
            )
            file.finish(segment, None)

        for frame in frames:
            if reached is not None and frame.pts <= reached:
                continue
            if file is None:
                file, first, count = SegmentFile(store, info, encoding), frame.pts, 0
                files.callback(file.abandon)
            assert frame.chroma is not None
            file.write(frame, frame.chroma)
            last, count, done = frame, count + 1, done + 1
            if progress is not None:
                progress(FilmProgress(done, resumed, total, "cpu"))
            if count == settings.segment_frames:
                finish(file, last)
                file, reached, number = None, last.pts, number + 1
        if file is not None and last is not None:
            finish(file, last)
    return done


def _manifest(info: FilmInfo, settings: FilmSettings) -> dict[str, object]:
    """Everything that changes a pixel of the result, as JSON values."""
    return {
        "film": fingerprint(info.path),
        "photochrom": __version__,
        "av": AV_VERSION,
        "work": "restoration",
        "restore": settings.restore,
        "encoding": dataclasses.asdict(settings.encoding),
        "part": (settings.start_s, settings.end_s),
        "deinterlace": settings.deinterlace,
        "damage": settings.damage,
        "segment_frames": settings.segment_frames,
    }
