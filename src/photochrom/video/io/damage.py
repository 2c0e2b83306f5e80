"""Where a film is damaged: noticed while it is read, counted, and put into words.

Three signs come from libav: a packet is marked as corrupt, a packet does not decode, a frame is
marked as corrupt. A gap in the frames' times is a sign only beside one of them, or where bytes of
the file were skipped: films with uneven times have gaps, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.errors import InputError
from photochrom.video.io.frame import FilmInfo

_GAP_STEPS = 1.5
"""Distance of two frames, over the usual one, from which frames are missing between them."""
_NEAR_STEPS = 3
"""Frames between a sign of damage and a gap that belongs to it."""
_APART_S = 1.0
"""Damaged frames that lie closer are one spot."""
_MOST_SPOTS = 5
"""Spots that a note names; the others are counted."""


class DamagedFrame(NamedTuple):
    """What is wrong at a frame."""

    pts: int
    """Its time (`Frame.pts`)."""
    damaged: int
    """1 where the frame itself does not look as it did, else 0."""
    lost: int
    """Frames that are missing before it."""


class DamagedSpot(NamedTuple):
    """Damaged and lost frames that lie close together; times in seconds of the film."""

    start_s: float
    end_s: float
    damaged: int
    lost: int


@dataclass
class DamageLog:
    """What is to become of a damaged film, and what was found of damage in it."""

    policy: DamagePolicy = DEFAULT_DAMAGE_POLICY
    frames: dict[int, DamagedFrame] = field(default_factory=dict)
    """By their times; a part of a film that is read twice counts once."""
    end_s: float | None = None
    """Where the film breaks off, seconds; None: it has its end, or it was not reached."""
    interlaced_pts: int | None = None
    """Time of the earliest interlaced frame of a film that begins with whole ones."""
    has_late_streams: bool = False
    """Whether streams turned up in the middle of the file, which are not read."""
    left_out: int = 0
    """Frames that were left out because they may not look as they did, up to a key frame."""

    def add(self, frame: DamagedFrame, info: FilmInfo) -> None:
        """Take a damaged frame into account. Raises InputError where damage is refused."""
        if self.policy == "refuse":
            raise InputError(
                f"{info.path} is damaged at {info.seconds(frame.pts):.1f} s "
                f"({_count(frame.damaged, frame.lost)}); copy it again, or leave out --damaged "
                "refuse to go on there"
            )
        self.frames[frame.pts] = frame

    def add_interlaced(self, pts: int) -> None:
        """A frame of two half pictures came where whole ones were expected."""
        if self.interlaced_pts is None or pts < self.interlaced_pts:
            self.interlaced_pts = pts

    def refuse_other(self, kind: str, at_s: float, info: FilmInfo) -> None:
        """Raise InputError for a damaged packet of another stream where damage is refused."""
        if self.policy == "refuse":
            raise InputError(
                f"{info.path} is damaged at {at_s:.1f} s (its {kind}); copy it again, or leave out "
                "--damaged refuse to go on there"
            )

    def end_early(self, at_s: float, reason: str, info: FilmInfo) -> None:
        """The end is missing. Raises InputError unless what is there is to be salvaged."""
        if self.policy != "salvage":
            raise InputError(
                f"{info.path} breaks off at {at_s:.1f} s: {reason}; copy it again, take what is "
                "there (`photochrom film` has --damaged salvage for it), or the part before (--to "
                f"{int(at_s * 10) / 10:g})"
            )
        self.end_s = at_s

    def frames_within(self, after: int | None, last: int) -> tuple[DamagedFrame, ...]:
        """Damaged frames later than one time (None: from the first on), and up to another."""
        known = list(self.frames)  # at once: another thread may be reading ahead
        times = sorted(t for t in known if t <= last and (after is None or t > after))
        return tuple(self.frames[time] for time in times)

    def spots(self, info: FilmInfo) -> tuple[DamagedSpot, ...]:
        """The damaged frames in spots, in order of time."""
        spots: list[DamagedSpot] = []
        for pts in sorted(self.frames):
            _, damaged, lost = self.frames[pts]
            at_s = info.seconds(pts)
            start_s = max(0.0, at_s - lost / float(info.nominal_rate))
            if spots and start_s - spots[-1].end_s <= _APART_S:
                before = spots.pop()
                start_s, damaged = before.start_s, before.damaged + damaged
                lost += before.lost
            spots.append(DamagedSpot(start_s, at_s, damaged, lost))
        return tuple(spots)

    def sentences(self, info: FilmInfo) -> tuple[str, ...]:
        """What a person has to know of it, if anything."""
        found = []
        spots = self.spots(info)
        if spots:
            named = ", ".join(
                f"at {spot.start_s:.1f} s"
                + (f" to {spot.end_s:.1f} s" if spot.end_s - spot.start_s >= 0.1 else "")
                + f" ({_count(spot.damaged, spot.lost)})"
                for spot in spots[:_MOST_SPOTS]
            )
            rest = len(spots) - _MOST_SPOTS
            more = f", and in {rest} more {'place' if rest == 1 else 'places'}" if rest > 0 else ""
            found.append(f"the film is damaged {named}{more}; it goes on behind")
        if self.left_out:
            found.append(
                f"{self.left_out} {'frame is' if self.left_out == 1 else 'frames are'} left out, "
                "as the damage may show in them"
            )
        if self.has_late_streams:
            found.append(
                "streams that the file has not at its beginning turn up in the middle of it (such "
                "as another sound or titles); they stay behind"
            )
        if self.interlaced_pts is not None:
            found.append(
                f"from {info.seconds(self.interlaced_pts):.1f} s on, frames are interlaced (two "
                "half pictures in each) and stay so; `photochrom film --deinterlace` makes whole "
                "ones"
            )
        if self.end_s is not None:
            found.append(f"the end of the film is missing, from {self.end_s:.1f} s on")
        return tuple(found)


def _count(damaged: int, lost: int) -> str:
    """``1 frame lost, 3 damaged``."""
    parts = [f"{lost} {'frame' if lost == 1 else 'frames'} lost"] if lost else []
    if damaged:
        frames = "" if lost else " frame" if damaged == 1 else " frames"
        parts.append(f"{damaged}{frames} damaged")
    return ", ".join(parts)


class DamageWatch:
    """Takes the signs of damage and the decoded frames; tells which frames are damaged."""

    def __init__(self, step: Fraction | None) -> None:
        """step: usual distance of two frames, in the film's units of time; None: unknown."""
        self._step = step
        self._signs: deque[int] = deque(maxlen=64)
        self._corrupt: set[int] = set()
        self.undecoded = 0
        """Packets that did not decode, and for which no gap in the times was found yet."""
        self._previous: int | None = None
        self._tainted_until: int | None = None
        self._restarts: set[int] = set()
        self._gap: tuple[int, int] | None = None
        """The last gap that may be just uneven times: where it ends, and the frames in it."""

    def corrupt_packet(self, pts: int | None) -> None:
        """A packet of the film is not as it was written."""
        if pts is not None:
            self._corrupt.add(pts)
        self.sign(pts)

    def undecoded_packet(self, pts: int | None) -> None:
        """A packet of the film did not decode."""
        self.undecoded += 1
        self.sign(pts)

    @property
    def in_doubt(self) -> bool:
        """Whether damage may show, as no key frame has come since."""
        return self._tainted_until is not None

    def restart(self, pts: int) -> None:
        """The recording's clock begins anew with the frame at this time: no gap means a loss."""
        self._restarts.add(pts)

    def sign(self, pts: int | None) -> None:
        """Something is wrong in the file at a time; None: about where the last frame was."""
        time = pts if pts is not None else self._previous
        if time is not None:
            self._signs.append(time)
            self._tainted_until = max(time, self._tainted_until or time)

    def frame(self, pts: int, *, corrupt: bool, key: bool) -> tuple[DamagedFrame | None, bool]:
        """A decoded frame, in order of time.

        corrupt: marked so by the decoder. key: whether it needs no other.
        Returns what is wrong at it, if anything, and whether it is intact for certain: after damage
        no frame is, up to the next key frame.
        """
        if corrupt or pts in self._corrupt:
            self._corrupt.discard(pts)
            self.sign(pts)
            corrupt = True
        lost = self._missing(pts) + self._doubtful_gap()
        self.undecoded = max(0, self.undecoded - lost)
        self._previous = pts
        if key and not corrupt and self._tainted_until is not None and pts > self._tainted_until:
            self._tainted_until = None
            lost, self.undecoded = lost + self.undecoded, 0  # a gap would have been seen by now
        wrong = DamagedFrame(pts, int(corrupt), lost) if corrupt or lost else None
        return wrong, not self.in_doubt

    def _missing(self, pts: int) -> int:
        """Frames that are missing in front of a frame, beside a sign of damage."""
        if self._previous is None or not self._step:
            return 0
        if pts - self._previous <= _GAP_STEPS * self._step:
            return 0
        if any(self._previous < time <= pts for time in self._restarts):
            return 0
        count = round((pts - self._previous) / self._step) - 1
        reach = _NEAR_STEPS * self._step
        if any(self._previous - reach <= time <= pts + reach for time in self._signs):
            return count
        self._gap = (pts, count)
        return 0

    def _doubtful_gap(self) -> int:
        """The frames in the last gap, if a sign of damage was found right behind it."""
        if self._gap is None or not self._step or not self._signs:
            return 0
        end, count = self._gap
        if not end < self._signs[-1] <= end + _NEAR_STEPS * self._step:
            return 0
        self._gap = None
        return count
