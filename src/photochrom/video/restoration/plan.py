"""What is to be mended in a film: measured once, the same whatever part of the film is read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from photochrom.restoration.grain import Grain
from photochrom.restoration.kinds import FILM_KINDS, FilmKind
from photochrom.video.restoration.flicker import NO_CHANGE, Exposure
from photochrom.video.restoration.lines import LineTrack

LEAD = 3
"""Frames before and after one that it is mended with."""


class ToneCurve(NamedTuple):
    """What becomes black and white, in shares of white."""

    black: float
    white: float


@dataclass(frozen=True)
class ShotPlan:
    """What is to be mended in a shot."""

    first_pts: int
    last_pts: int
    is_flickering: bool = False
    lines: tuple[LineTrack, ...] = ()
    has_dust: bool = False
    tone_curve: ToneCurve | None = None
    block_quality: int | None = None
    """Of a JPEG with as strong blocks as the codec's; None: it has none."""
    grain: Grain | None = None

    @property
    def kinds(self) -> tuple[FilmKind, ...]:
        """What is found in it, in the order in which it is mended."""
        found: dict[FilmKind, bool] = {
            "blocks": self.block_quality is not None,
            "flicker": self.is_flickering,
            "scratches": bool(self.lines),
            "dust": self.has_dust,
            "grain": self.grain is not None,
            "fading": self.tone_curve is not None,
        }
        return tuple(kind for kind in FILM_KINDS if found[kind])

    def only(self, kinds: Collection[FilmKind]) -> ShotPlan:
        """The plan without what is of other kinds."""
        return replace(
            self,
            is_flickering=self.is_flickering and "flicker" in kinds,
            lines=self.lines if "scratches" in kinds else (),
            has_dust=self.has_dust and "dust" in kinds,
            tone_curve=self.tone_curve if "fading" in kinds else None,
            block_quality=self.block_quality if "blocks" in kinds else None,
            grain=self.grain if "grain" in kinds else None,
        )


@dataclass(frozen=True)
class RestorationPlan:
    """What is to be mended in a film, or in the parts of it that were measured."""

    shots: tuple[ShotPlan, ...]
    times: Sequence[int]
    """Of all frames that were measured, rising, as `Frame.pts`."""
    exposures: Sequence[Exposure]
    """What the light of each is changed by."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be mended."""
        return not any(shot.kinds for shot in self.shots)

    @property
    def kinds(self) -> tuple[FilmKind, ...]:
        """What was found in any shot, in the order in which it is mended."""
        found = {kind for shot in self.shots for kind in shot.kinds}
        return tuple(kind for kind in FILM_KINDS if kind in found)

    @property
    def description(self) -> str:
        """What was found, in words."""
        total = len(self.shots)
        counts = {kind: sum(kind in shot.kinds for shot in self.shots) for kind in FILM_KINDS}
        return ", ".join(
            f"{kind} in {count} of {total} shots" if total > 1 else kind
            for kind, count in counts.items()
            if count
        )

    @cached_property
    def _starts(self) -> list[int]:
        return [shot.first_pts for shot in self.shots]

    def shot(self, pts: int) -> ShotPlan | None:
        """The shot of a frame; None where that was not measured."""
        number = bisect_right(self._starts, pts) - 1
        if number < 0 or pts > self.shots[number].last_pts:
            return None
        return self.shots[number]

    def only(
        self,
        kinds: Collection[FilmKind],
        of_shots: Sequence[tuple[int, Collection[FilmKind]]] = (),
    ) -> RestorationPlan:
        """The plan without what is of other kinds. of_shots: times of frames, and the kinds of the
        shots in which they lie, in place of the film's.
        """
        own = {id(shot): chosen for pts, chosen in of_shots if (shot := self.shot(pts)) is not None}
        return replace(self, shots=tuple(s.only(own.get(id(s), kinds)) for s in self.shots))

    def exposure(self, pts: int) -> Exposure:
        """What a frame's light is changed by."""
        number = bisect_left(self.times, pts)
        if number < len(self.times) and self.times[number] == pts:
            return self.exposures[number]
        return NO_CHANGE

    def lead_pts(self, pts: int) -> int:
        """The frame with which reading has to begin so that this one comes out as always."""
        number = bisect_left(self.times, pts)
        return min(pts, self.times[max(0, number - LEAD)]) if self.times else pts

    def tail_pts(self, pts: int) -> int | None:
        """The frame before which reading may end if the frames before this one are wanted; None
        where that is the last one.
        """
        number = bisect_left(self.times, pts) + LEAD
        return self.times[number] if number < len(self.times) else None


def join_plans(plans: Sequence[RestorationPlan]) -> RestorationPlan:
    """The plan of several parts of a film; what of it was measured twice counts once."""
    ordered = sorted((plan for plan in plans if plan.times), key=lambda plan: plan.times[0])
    if len(ordered) == 1:
        return ordered[0]
    shots: list[ShotPlan] = []
    times: list[int] = []
    exposures: list[Exposure] = []
    for plan in ordered:
        reached = times[-1] if times else plan.times[0] - 1
        shots += [
            replace(shot, first_pts=max(shot.first_pts, reached + 1))
            for shot in plan.shots
            if shot.last_pts > reached
        ]
        number = bisect_right(plan.times, reached)
        times += plan.times[number:]
        exposures += plan.exposures[number:]
    return RestorationPlan(tuple(shots), times, exposures)
