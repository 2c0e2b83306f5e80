"""What people see while a film is coloured: on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from photochrom.cli.messages import Bar, complain, note
from photochrom.video.options import SEGMENT_FRAMES, FilmOutcome, FilmProgress
from photochrom.video.segments import finished_frames, remove_outdated_segments


class FilmReporter:
    """Tells about one film, with a progress bar where a person watches."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source, self._target = source, target
        self._bar: Bar | None = None
        self._is_measuring = False

    def progress(self, done: FilmProgress) -> None:
        """How far the film is; may be called from any thread."""
        if done.is_measuring != self._is_measuring:
            self.close()
            self._is_measuring = done.is_measuring
        if self._bar is None:
            title = (
                f"{self._source.name}, looked through" if done.is_measuring else self._source.name
            )
            total = None if done.total is None else max(0, done.total - done.resumed_frames)
            self._bar = Bar(title, total, "frames")
        self._bar.show(done.frames - done.resumed_frames)

    def report(self, outcome: FilmOutcome) -> None:
        """What became of it."""
        self.close()
        went_on = f", {outcome.resumed_frames} of them before" if outcome.resumed_frames else ""
        if outcome.model:
            note(f"{outcome.model} on {outcome.device}")
        note(
            f"{outcome.source} -> {outcome.target} ({outcome.frames} frames{went_on}, "
            f"{outcome.seconds:.1f} s, {outcome.fps:.1f} fps)"
        )
        for text in outcome.notes:
            note(f"  note: {text}")

    def fail(self, error: Exception) -> None:
        """Why nothing became of it."""
        self.close()
        complain(f"Error: {error}")

    @property
    def kept_frames(self) -> int:
        """Frames in finished segments, with which another run can go on."""
        return finished_frames(self._target)

    def close(self) -> None:
        """Remove its bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextlib.contextmanager
def closing_bars(reporters: Sequence[FilmReporter], *, resumable: bool) -> Iterator[None]:
    """Remove the bars in the end; after Ctrl-C say how to go on.

    resumable: whether what was interrupted can go on where it was.
    """
    try:
        yield
    except KeyboardInterrupt:
        for reporter in reporters:
            reporter.close()
        kept = sum(reporter.kept_frames for reporter in reporters)
        if resumable and kept:
            note(f"{kept} finished frames are kept; the same call with --resume goes on.")
        elif resumable:
            note(f"Nothing is kept yet; films are finished in segments of {SEGMENT_FRAMES} frames.")
        raise
    finally:
        for reporter in reporters:
            reporter.close()


def note_finished(target: Path) -> None:
    """Say that a film is skipped, and tidy up behind the run that made it."""
    note(f"Skipped: {target} is finished")
    frames = remove_outdated_segments(target)
    if frames:
        note(
            f"  note: {frames} frames of a later run are kept; --overwrite with --resume goes on "
            "with them"
        )
