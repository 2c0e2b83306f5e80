"""A film's frames as they are worked with: as decoded, and mended where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from photochrom.restoration.kinds import FilmKind
from photochrom.video.io.damage import DamageLog
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.reader import read_frames, time_to_pts
from photochrom.video.restoration.measure import measure_film
from photochrom.video.restoration.mend import FilmMender, FrameChange
from photochrom.video.restoration.plan import RestorationPlan, join_plans
from photochrom.video.restoration.scale import LumaScale

_NOTHING_FOUND = "no damage was found, so every frame is as it was"

Part = tuple["float | None", "float | None"]
"""Seconds from the film's first frame, as for `read_frames`."""


@dataclass
class FilmSource:
    """One film to read from, as often as is needed."""

    info: FilmInfo
    deinterlace: bool
    damage: DamageLog
    """What is found of damage to the file while it is read."""
    with_chroma: bool = False
    """Whether `Frame.chroma` is wanted."""
    with_changed: bool = False
    """Whether `Frame.changed` is wanted."""
    measured_damage: DamageLog = field(default_factory=DamageLog)
    """What was found of it in the pass before (`measure`)."""
    plan: RestorationPlan | None = None
    """What is mended."""
    changes: dict[int, FrameChange] = field(default_factory=dict)
    """Of the frames that were read and mended, by their times."""

    def measure(
        self,
        kinds: Sequence[FilmKind],
        parts: Sequence[Part],
        on_frame: Callable[[int], None] = lambda _: None,
    ) -> None:
        """See what is to be mended in parts of the film; frames are mended from then on.

        on_frame: called with the number of frames after each. Raises InputError as `read_frames`.
        """
        done = 0
        self.measured_damage = DamageLog(self.damage.policy)

        def count() -> None:
            nonlocal done
            done += 1
            on_frame(done)

        plans = []
        for start_s, end_s in parts:
            frames = read_frames(
                self.info,
                start_s=start_s,
                end_s=end_s,
                deinterlace=self.deinterlace,
                damage=self.measured_damage,
            )
            plans.append(measure_film(frames, self._scale, kinds, count))
        self.plan = join_plans(plans)

    def frames(self, start_s: float | None = None, end_s: float | None = None) -> Iterator[Frame]:
        """The film's frames; times, and what is raised, as for `read_frames`. A frame is the same
        wherever reading begins.
        """
        if self.plan is None or self.plan.is_empty:
            yield from self._read(start_s, end_s)
            return
        first = -inf if start_s is None else time_to_pts(self.info, start_s)
        last = inf if end_s is None else time_to_pts(self.info, end_s)
        lead_s, tail_s = start_s, end_s
        if first != -inf:
            lead_s = self.info.seconds(self.plan.lead_pts(int(first)))
        if last != inf:
            tail_pts = self.plan.tail_pts(int(last))
            tail_s = None if tail_pts is None else self.info.seconds(tail_pts)
        some = False
        mender = FilmMender(self.plan, self._scale, self.changes, with_changed=self.with_changed)
        for frame in mender.frames(self._read(lead_s, tail_s)):
            if frame.pts >= last:
                break
            if frame.pts >= first:
                some = True
                yield frame
        if not some:  # the reader's own words for a part that is not there
            yield from self._read(start_s, end_s)

    @property
    def _scale(self) -> LumaScale:
        return LumaScale(self.info.bits, self.info.full_range)

    def _read(self, start_s: float | None, end_s: float | None) -> Iterator[Frame]:
        return read_frames(
            self.info,
            start_s=start_s,
            end_s=end_s,
            deinterlace=self.deinterlace,
            damage=self.damage,
            with_chroma=self.with_chroma,
        )

    def changes_within(self, first: int, last: int) -> tuple[FrameChange, ...]:
        """Of the frames from one time up to another; they are forgotten with all earlier ones."""
        taken = [self.changes.pop(pts) for pts in sorted(self.changes) if pts <= last]
        return tuple(change for change in taken if change.pts >= first)

    @property
    def found_kinds(self) -> tuple[FilmKind, ...]:
        """Kinds of damage that were found and are mended."""
        return () if self.plan is None else self.plan.kinds

    def notes(self) -> tuple[str, ...]:
        """What was looked for and found of damage to the pictures, in words."""
        if self.plan is None:
            return ()
        return (f"mended: {self.plan.description}" if not self.plan.is_empty else _NOTHING_FOUND,)
