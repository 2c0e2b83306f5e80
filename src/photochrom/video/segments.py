"""Unfinished films: a folder of finished segments beside the output, for a later run to go on.

The manifest in it names everything that changes a pixel. A segment counts as finished when its
record is there, which is written after its film file is safely on the disk; both get their names
by renaming, so that a kill at any moment leaves either all or nothing of a segment.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import check_target, write_atomically
from photochrom.errors import InputError, OutputError
from photochrom.locks import output_lock
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.damage import DamagedFrame
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.restoration.mend import FrameChange

MANIFEST = "manifest.json"
_ENDS = 1 << 20
"""Bytes at the beginning and at the end of a film that tell it from another of the same size."""


class UnusableSegmentsError(OutputError):
    """The finished segments are damaged or were made otherwise, so no run can go on with them."""


@dataclass(frozen=True)
class Segment:
    """Frames of a film that are finished."""

    number: int
    frames: int
    last_pts: int
    """Time of its last frame, by which that is known (`Frame.pts`)."""
    restart_pts: int
    """Where reading begins so that the next segment has the frames before it to warm up with."""
    has_end_colors: bool = False
    """Whether its last frame's colours are kept for the next segment."""
    last_duration: int = 0
    """How long its last frame is shown, in the film's unit of time; 0: unknown."""
    damage: tuple[DamagedFrame, ...] = ()
    """Of its frames, those where the film is damaged."""
    changes: tuple[FrameChange, ...] = ()
    """Of its frames, those that were mended."""
    first_pts: int | None = None
    """Time of its first frame; None: of a version that did not write it down."""
    begins_shot: bool = False
    """Whether that frame is the first of a shot."""


class SegmentStore:
    """The folder of one unfinished film."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments: list[Segment] = []

    def path(self, number: int) -> Path:
        """The film file of a segment."""
        return self.folder / f"{number:06d}.nut"

    def mask_path(self, number: int) -> Path:
        """The film file of a segment's mask, where there is one."""
        return self.folder / f"{number:06d}.mask.nut"

    def temporary_path(self) -> Path:
        """A name for a segment that is being written."""
        return self.folder / f".photochrom-{secrets.token_hex(8)}.tmp"

    def finish(
        self, written: Path, segment: Segment, end_colors: NDArray[np.float32] | None
    ) -> None:
        """Make a written file a finished segment. Raises OutputError.

        end_colors: (h', w', 2), its last frame's colours, where the next segment needs them.
        """
        if end_colors is not None:
            data = io.BytesIO()
            np.save(data, end_colors, allow_pickle=False)
            write_atomically(self._colors(segment.number), data.getvalue(), overwrite=True)
        _keep(written, self.path(segment.number))
        segment = dataclasses.replace(segment, has_end_colors=end_colors is not None)
        text = json.dumps(dataclasses.asdict(segment))
        write_atomically(self._record(segment.number), text.encode(), overwrite=True)
        self.segments.append(segment)

    def end_colors(self) -> NDArray[np.float32] | None:
        """The colours that the last finished segment hands on, if any. Raises OutputError."""
        if not self.segments or not self.segments[-1].has_end_colors:
            return None
        return self.segment_colors(self.segments[-1].number)

    def segment_colors(self, number: int) -> NDArray[np.float32]:
        """The colours that were kept with a segment. Raises UnusableSegmentsError."""
        path = self._colors(number)
        try:
            return np.asarray(np.load(path, allow_pickle=False), np.float32)
        except (OSError, ValueError):
            raise UnusableSegmentsError(
                f"{path} is damaged; pass --overwrite without --resume to begin anew"
            ) from None

    def remove_leftovers(self) -> None:
        """Remove segments that were being written when a run was killed: whoever holds the
        output's lock is the only one to write any.
        """
        for path in self.folder.glob(".photochrom-*.tmp"):
            with contextlib.suppress(OSError):
                path.unlink()

    def adopt(self, other: SegmentStore, segment: Segment) -> None:
        """Take over a finished segment of another store on the same disk, which keeps it. Raises
        OutputError.
        """
        number = len(self.segments)
        colors = None
        if segment.has_end_colors:
            colors = other.segment_colors(segment.number)
        copy = self.temporary_path()
        try:
            os.link(other.path(segment.number), copy)
        except OSError:  # a file system without links
            try:
                shutil.copyfile(other.path(segment.number), copy)
            except OSError as error:
                raise OutputError(f"cannot keep {copy}: {error.strerror}") from None
        self.finish(copy, dataclasses.replace(segment, number=number), colors)

    def keep_as(self, folder: Path) -> None:
        """The film is finished, and its segments are kept there, in place of earlier ones."""
        shutil.rmtree(folder, ignore_errors=True)
        try:
            self.folder.replace(folder)
        except OSError as error:
            raise OutputError(f"cannot keep {folder}: {error.strerror}") from None
        self.folder = folder

    def remove(self) -> None:
        """The film is finished: nothing of this is needed any more."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def read_segments(self) -> None:
        """Find the segments that are finished, up to the first that is not."""
        self.segments = []
        while (segment := self.segment(len(self.segments))) is not None:
            self.segments.append(segment)

    def segment(self, number: int) -> Segment | None:
        """A segment that is finished; None: it is not. Raises UnusableSegmentsError."""
        if not (self._record(number).is_file() and self.path(number).is_file()):
            return None
        record = _read_json(self._record(number))
        if "hands_on" in record:  # as older versions call it
            record["has_end_colors"] = record.pop("hands_on")
        try:
            damage = tuple(DamagedFrame(*frame) for frame in record.pop("damage", ()))
            changes = tuple(FrameChange(*change) for change in record.pop("changes", ()))
            return Segment(**record, damage=damage, changes=changes)
        except TypeError:
            raise UnusableSegmentsError(
                f"{self.folder} is damaged or of another version; pass --overwrite to begin anew"
            ) from None

    def _record(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"

    def _colors(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"


class SegmentFile:
    """A segment that is being written."""

    def __init__(self, store: SegmentStore, info: FilmInfo, encoding: Encoding) -> None:
        self._store, self._path = store, store.temporary_path()
        self._start = partial(FilmWriter, self._path, info, encoding)
        self._writer: FilmWriter | None = None

    def write(self, frame: Frame, chroma: NDArray[Any]) -> None:
        """Add a frame; as `FilmWriter.write`."""
        if self._writer is None:
            self._writer = self._start()
        self._writer.write(frame, chroma)

    def finish(self, segment: Segment, end_colors: NDArray[np.float32] | None) -> None:
        """No frame comes any more; as `SegmentStore.finish`."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._store.finish(self._path, segment, end_colors)

    def finish_mask(self, number: int) -> None:
        """No frame comes any more, and it is the mask of the segment of a number, which is finished
        next. Raises OutputError.
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            _keep(self._path, self._store.mask_path(number))

    def abandon(self) -> None:
        """Remove it unless it is finished."""
        if self._writer is not None:
            self._writer.abandon()
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._writer = None


def segments_folder(target: Path) -> Path:
    """Where the unfinished work for an output is."""
    return target.with_name(f".{target.name}.photochrom-parts")


def finished_frames(target: Path) -> int:
    """Frames of an unfinished output with which another run can go on."""
    store = SegmentStore(segments_folder(target))
    with contextlib.suppress(OutputError):
        store.read_segments()
    return sum(segment.frames for segment in store.segments)


def remove_empty_segments(target: Path) -> None:
    """Leave no folder behind in which there is nothing to go on with; while the output is held."""
    store = SegmentStore(segments_folder(target))
    with contextlib.suppress(OutputError):
        store.read_segments()
        if not store.segments:
            store.remove()


def remove_segments(target: Path) -> None:
    """Tidy up after a run that was killed between the completion of its film and its own end."""
    with contextlib.suppress(OutputError), output_lock(target):
        SegmentStore(segments_folder(target)).remove()


def remove_outdated_segments(target: Path) -> int:
    """As `remove_segments`, but what is newer than the film stays: another run has begun to replace
    it. Returns how many frames that run has finished.
    """
    store = SegmentStore(segments_folder(target))
    with contextlib.suppress(OSError):
        written_ns = [path.stat().st_mtime_ns for path in store.folder.glob("*.json")]
        if max(written_ns, default=0) > target.stat().st_mtime_ns:
            frames = finished_frames(target)
            if frames:
                return frames
    remove_segments(target)
    return 0


def open_segments(
    target: Path, manifest: Mapping[str, object], *, resume: bool, overwrite: bool
) -> SegmentStore:
    """Begin the work on an output, or go on with it.

    manifest: all that changes a pixel; JSON values.
    resume: keep the segments of an earlier run. overwrite: without it, begin anew.
    Raises OutputError where there are such segments and neither is chosen, UnusableSegmentsError
    where they were made with another manifest; it tells what differs.
    """
    store = SegmentStore(segments_folder(target))
    known = store.folder / MANIFEST
    if overwrite and not resume:
        store.remove()
    try:
        store.folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {store.folder}: {error.strerror}") from None
    store.remove_leftovers()
    store.read_segments()
    if store.segments and not resume:
        frames = sum(segment.frames for segment in store.segments)
        raise OutputError(
            f"{frames} frames of {target} are finished by an earlier run; pass --resume to go on, "
            "or --overwrite to begin anew"
        )
    if store.segments:
        _check_same(_read_json(known), manifest, target)
    write_atomically(known, json.dumps(manifest, indent=1).encode(), overwrite=True)
    return store


def fingerprint(path: Path) -> str:
    """What tells a film file from others: its size, its beginning and its end, as a hash.

    Raises InputError where it cannot be read.
    """
    try:
        size = path.stat().st_size
        digest = hashlib.sha256(str(size).encode())
        with path.open("rb") as file:
            digest.update(file.read(_ENDS))
            file.seek(max(0, size - _ENDS))
            digest.update(file.read(_ENDS))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return digest.hexdigest()


def source_check(path: Path) -> Callable[[], None]:
    """What raises InputError from when on the film file is not any more as it is now."""
    before, status_before = fingerprint(path), path.stat()

    def check() -> None:
        try:
            status = path.stat()
            same = (status.st_size, status.st_mtime_ns) == (
                status_before.st_size,
                status_before.st_mtime_ns,
            ) and fingerprint(path) == before
        except OSError:
            same = False
        if not same:
            raise InputError(
                f"{path} has changed while it was coloured; put the film back that it was and "
                "pass --resume, or pass --overwrite to begin anew with the one that it is"
            )

    return check


def check_output(source: Path, target: Path, *, overwrite: bool) -> None:
    """Raise OutputError, before any work is done, where the film could not be kept."""
    check_target(target, overwrite=overwrite)
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target} is the input itself; give another output to -o")


def _check_same(before: Mapping[str, object], now: Mapping[str, object], target: Path) -> None:
    # What is compared was JSON once, where a tuple is a list.
    current = json.loads(json.dumps(now))
    differing = [key for key in sorted({*before, *current}) if before.get(key) != current.get(key)]
    if differing:
        differences = "; ".join(
            f"{key} was {before.get(key)!r} and is {current.get(key)!r}" for key in differing
        )
        raise UnusableSegmentsError(
            f"the unfinished {target} was made otherwise ({differences}); give the same options to "
            "go on, or --overwrite without --resume to begin anew"
        )


def _keep(written: Path, path: Path) -> None:
    """Give a written file its name once it is safely on the disk. Raises OutputError."""
    try:
        with written.open("rb+") as file:
            os.fsync(file.fileno())
        written.replace(path)
    except OSError as error:
        raise OutputError(f"cannot keep {path}: {error.strerror}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        values = None
    if not isinstance(values, dict):
        raise UnusableSegmentsError(
            f"{path} is damaged; pass --overwrite without --resume to begin anew"
        )
    return values


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the segments in a folder were made by. Raises UnusableSegmentsError."""
    return _read_json(folder / MANIFEST)
