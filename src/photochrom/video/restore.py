"""A film mended and not coloured: its own chroma, sound and all else as they were."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from photochrom import __version__
from photochrom.atomic import remove_leftovers, replacement_file, write_atomically
from photochrom.errors import OutputError
from photochrom.locks import output_lock
from photochrom.video.film import join_finished, resolve_encoding
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.container import AV_VERSION
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.hardware import start_hardware
from photochrom.video.io.mux import join_segments
from photochrom.video.io.passthrough import check_container
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmOutcome, FilmProgress, FilmSettings, Progress
from photochrom.video.restoration.mend import FrameChange
from photochrom.video.segments import (
    Segment,
    SegmentFile,
    SegmentStore,
    check_output,
    fingerprint,
    finished_frames,
    open_segments,
    remove_empty_segments,
    source_check,
)
from photochrom.video.session import frames_expected, open_source
from photochrom.video.source import FilmSource
from photochrom.video.threads import Prefetcher

_QUEUE_FRAMES = 8
_MASK_ENCODING = Encoding("ffv1")
_MASK_SUFFIX = ".mkv"
"""What holds that codec."""


def restore_film(
    source: str | Path,
    target: str | Path,
    settings: FilmSettings,
    progress: Progress | None = None,
    mask: str | os.PathLike[str] | None = None,
) -> FilmOutcome:
    """Mend a film's pictures, of the kinds of damage that `settings.restore` names, and of single
    shots those that `settings.shots` name.

    source, target, progress, and what is raised: as for `film.color_film`; of the settings, and of
    what they say of shots, that of colours counts for nothing. A film in which nothing is found is
    copied bit for bit, where the whole of it is asked for in a file of its own kind.
    mask: a film to write (.mkv, FFV1, full range) of the same frames, white where the luma of a
        frame was changed, else black; without sound and all else. Interrupted and gone on with, it
        comes out the same.
    """
    resumed = 0
    changes: tuple[FrameChange, ...] = ()
    more_notes: tuple[str, ...] = ()
    started_s = time.perf_counter()
    source, target = Path(source), Path(target)
    check_output(source, target, overwrite=settings.overwrite)
    mask = None if mask is None else Path(mask)
    if mask is not None:
        _check_mask(mask, source, target, settings)
    info = probe(source)
    notes = check_container(info, target, settings.encoding.codec)
    settings = dataclasses.replace(settings, encoding=start_hardware(settings.encoding, info))
    check_source = source_check(source)
    film = open_source(info, settings, progress, with_chroma=True)
    film.with_changed = mask is not None
    with contextlib.ExitStack() as stack:
        stack.enter_context(output_lock(target))
        stack.callback(remove_empty_segments, target)
        remove_leftovers(target.parent)
        if _is_whole_and_clean(film, settings) and target.suffix == source.suffix:
            if mask is not None:
                _write_mask_alone(film, mask, settings, progress)
            film.damage = film.measured_damage
            _copy(source, target, overwrite=settings.overwrite)
            check_source()
            frames = len(film.plan.times) if film.plan else 0
        else:
            store = open_segments(
                target,
                _manifest(info, settings, mask),
                resume=settings.resume,
                overwrite=settings.overwrite,
            )
            resumed = sum(segment.frames for segment in store.segments)
            film.damage.frames.update((f.pts, f) for s in store.segments for f in s.damage)
            frames = _mend_segments(film, store, settings, progress, with_mask=mask is not None)
            comment = "Mended by photochrom"
            if mask is not None:
                masks = [store.mask_path(segment.number) for segment in store.segments]
                overwrite = settings.overwrite or resumed > 0
                _join_mask(masks, info, mask, settings, store.segments[-1], overwrite=overwrite)
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
    specks; the share of its pixels that these covered; and how strong the blocks and grain were.
    Raises OutputError.
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
    return is_whole and is_clean and not settings.deinterlace and film.measured_damage.end_s is None


def _copy(source: Path, target: Path, *, overwrite: bool) -> None:
    try:
        with replacement_file(target, overwrite=overwrite) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from None


def _check_mask(mask: Path, source: Path, target: Path, settings: FilmSettings) -> None:
    """Raises OutputError where the mask could not be kept."""
    if mask.suffix.lower() != _MASK_SUFFIX:
        raise OutputError(
            f"cannot write {mask}: a film's mask is written without loss, by FFV1, which "
            f"{_MASK_SUFFIX} alone holds; name a {_MASK_SUFFIX}"
        )
    if mask.resolve() == target.resolve():
        raise OutputError(f"{mask} is the mended film itself; give another name to the mask")
    # A run that was killed while it joined its segments may have left the mask behind.
    begun = settings.resume and finished_frames(target) > 0
    check_output(source, mask, overwrite=settings.overwrite or begun)


def _write_mask_alone(
    film: FilmSource, mask: Path, settings: FilmSettings, progress: Progress | None
) -> None:
    """The mask of a film that is copied."""
    with output_lock(mask), contextlib.ExitStack() as stack:
        stack.callback(remove_empty_segments, mask)
        store = open_segments(
            mask, _manifest(film.info, settings, mask), resume=False, overwrite=True
        )
        _mend_segments(film, store, settings, progress, mask_only=True)
        masks = [store.path(segment.number) for segment in store.segments]
        _join_mask(
            masks, film.info, mask, settings, store.segments[-1], overwrite=settings.overwrite
        )
        store.remove()


def _join_mask(
    masks: list[Path],
    info: FilmInfo,
    mask: Path,
    settings: FilmSettings,
    last: Segment,
    *,
    overwrite: bool,
) -> None:
    join_segments(
        masks,
        _mask_info(info),
        mask,
        start_s=settings.start_s,
        end_s=settings.end_s,
        last_duration=last.last_duration or None,
        overwrite=overwrite,
        comment="What photochrom mended, white on black",
        pictures_only=True,
    )


def _mask_info(info: FilmInfo) -> FilmInfo:
    return dataclasses.replace(info, bits=8, full_range=True)


def _mask_frame(frame: Frame) -> Frame:
    """White where a frame was mended, without colours."""
    height, width = frame.luma.shape
    luma = np.zeros((height, width), np.uint8)
    if frame.changed is not None:
        luma[frame.changed] = 255
    chroma = np.full(((height + 1) // 2, (width + 1) // 2, 2), 128, np.uint8)
    return Frame(frame.pts, luma, frame.duration, chroma=chroma)


class _Files(NamedTuple):
    """What is written of a segment."""

    film: SegmentFile | None
    mask: SegmentFile | None

    def write(self, frame: Frame) -> None:
        """Add a frame."""
        if self.film is not None:
            assert frame.chroma is not None
            self.film.write(frame, frame.chroma)
        if self.mask is not None:
            white = _mask_frame(frame)
            assert white.chroma is not None
            self.mask.write(white, white.chroma)

    def finish(self, segment: Segment) -> None:
        """No frame comes any more; the segment counts as finished."""
        if self.film is None:
            assert self.mask is not None
            self.mask.finish(segment, None)
            return
        if self.mask is not None:
            self.mask.finish_mask(segment.number)
        self.film.finish(segment, None)

    def abandon(self) -> None:
        """Remove what is not finished."""
        if self.film is not None:
            self.film.abandon()
        if self.mask is not None:
            self.mask.abandon()


def _mend_segments(
    film: FilmSource,
    store: SegmentStore,
    settings: FilmSettings,
    progress: Progress | None,
    *,
    with_mask: bool = False,
    mask_only: bool = False,
) -> int:
    """All segments that are not finished; how many frames there are then. with_mask: whether each
    has a mask beside it. mask_only: the masks are the segments.
    """
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
        file: _Files | None = None
        first, count = 0, 0
        last: Frame | None = None
        number = len(store.segments)

        def begin() -> _Files:
            mended = None if mask_only else SegmentFile(store, info, encoding)
            mask = None
            if with_mask or mask_only:
                mask = SegmentFile(store, _mask_info(info), _MASK_ENCODING)
            return _Files(mended, mask)

        def finish(file: _Files, last: Frame) -> None:
            segment = Segment(
                number,
                count,
                last_pts=last.pts,
                restart_pts=last.pts,
                last_duration=last.duration,
                damage=film.damage.frames_within(reached, last.pts),
                changes=film.changes_within(first, last.pts),
            )
            file.finish(segment)

        for frame in frames:
            if reached is not None and frame.pts <= reached:
                continue
            if file is None:
                file, first, count = begin(), frame.pts, 0
                files.callback(file.abandon)
            file.write(frame)
            last, count, done = frame, count + 1, done + 1
            if progress is not None:
                progress(FilmProgress(done, resumed, total, "cpu"))
            if count == settings.segment_frames:
                finish(file, last)
                file, reached, number = None, last.pts, number + 1
        if file is not None and last is not None:
            finish(file, last)
    return done


def _manifest(info: FilmInfo, settings: FilmSettings, mask: Path | None) -> dict[str, object]:
    """Everything that changes a pixel of the result, as JSON values."""
    return {
        "film": fingerprint(info.path),
        "photochrom": __version__,
        "av": AV_VERSION,
        "work": "restoration",
        "restore": settings.restore,
        "shots": [(s.time_s, s.restore) for s in settings.shots if s.restore is not None],
        "mask": None if mask is None else mask.name,
        "encoding": dataclasses.asdict(settings.encoding),
        "part": (settings.start_s, settings.end_s),
        "deinterlace": settings.deinterlace,
        "damage": settings.damage,
        "segment_frames": settings.segment_frames,
    }
