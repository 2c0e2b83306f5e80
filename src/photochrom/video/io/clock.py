"""One clock for a recording whose clock jumps: joined recordings, a receiver that started anew.

As in the command-line program of FFmpeg, a jump back, or one of more than ten seconds ahead in
all streams, is taken for a new beginning, and what follows is put behind what was before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from av.packet import Packet

from photochrom.video.io.container import InputContainer, timed_streams

_JUMPING_FORMATS = ("mpegts", "mpeg")
"""Formats of recordings, in which a clock may jump."""
_BACK_S = Fraction(1, 10)
_AHEAD_S = 10
_LATEST_START_S = 10
"""Seconds after which a film's clock is taken for one that began anywhere."""
_LONGEST_TAIL_S = 1
"""Between the ends of two streams of a recording; one that ends much earlier does not count."""


def clock_start_s(source: InputContainer) -> Fraction:
    """What to take off a film's times so that its clock begins at 0, seconds.

    It is 0 for films whose clock begins at 0 or a little later: what comes late in them is meant.
    The clock of a recording begins anywhere, and no film begins with so much of nothing.
    """
    starts = [
        stream.start_time * stream.time_base
        for stream in timed_streams(source)
        if stream.start_time is not None and stream.time_base and stream.type != "subtitle"
    ]
    start_s = max(Fraction(0), min(starts, default=Fraction(0)))
    recording = source.format.name in _JUMPING_FORMATS
    return start_s if recording or start_s > _LATEST_START_S else Fraction(0)


@dataclass
class _Part:
    """A recording among those that are joined."""

    offset_s: Fraction
    """What is added to all its times."""
    reached_s: Fraction
    """The latest time in it, as its packets have it."""


@dataclass
class _StreamClock:
    part: int = 0
    previous_s: Fraction | None = None
    """Decoding time of the last packet, as the file has it."""
    end_s: Fraction = Fraction(0)
    """When its last packet ends, on the one clock."""


@dataclass
class ContinuousClock:
    """Corrects packets' times in place; one object goes through a file once, from its start."""

    container: InputContainer
    _parts: list[_Part] = field(default_factory=list)
    _streams: dict[int, _StreamClock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.may_jump = self.container.format.name in _JUMPING_FORMATS
        """Whether a packet's time may hang on the packets before it."""

    def correct(self, packet: Packet[Any]) -> bool:
        """Put a packet, the next one of the file, on the one clock.

        Returns whether its stream's own clock jumped there.
        """
        time = packet.dts if packet.dts is not None else packet.pts
        if not self.may_jump or time is None or packet.stream.type not in ("video", "audio"):
            return False
        base = Fraction(packet.time_base)
        time_s = time * base
        if not self._parts:
            self._parts.append(_Part(Fraction(0), time_s))
        newest = _StreamClock(len(self._parts) - 1)
        stream = self._streams.setdefault(packet.stream_index, newest)
        jump = self._is_jump(stream, time_s)
        if jump:
            stream.part = self._next_part(stream, time_s)
        part = self._parts[stream.part]
        part.reached_s = max(part.reached_s, time_s)
        stream.previous_s = time_s
        off = round(part.offset_s / base)
        if off:
            packet.pts = None if packet.pts is None else packet.pts + off
            packet.dts = None if packet.dts is None else packet.dts + off
        stream.end_s = time_s + part.offset_s + (packet.duration or 0) * base
        return jump

    def _is_jump(self, stream: _StreamClock, time_s: Fraction) -> bool:
        if stream.previous_s is None:
            return False
        back = time_s < stream.previous_s - _BACK_S
        return back or time_s > self._parts[stream.part].reached_s + _AHEAD_S

    def _next_part(self, stream: _StreamClock, time_s: Fraction) -> int:
        """The part that a stream jumps to: one in which another is already, or a new one."""
        for number in range(stream.part + 1, len(self._parts)):
            if abs(time_s - self._parts[number].reached_s) < _AHEAD_S:
                return number
        ends = [other.end_s for other in self._streams.values()]
        end_s = max(end for end in ends if end <= stream.end_s + _LONGEST_TAIL_S)
        self._parts.append(_Part(end_s - time_s, time_s))
        return len(self._parts) - 1
