"""What a film carries beside its pictures: whether a container takes it, and its copies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av.packet import Packet
from av.stream import Stream

from photochrom.errors import OutputError
from photochrom.video.io.clock import ContinuousClock
from photochrom.video.io.codecs import CODECS, CONTAINERS
from photochrom.video.io.container import (
    InputContainer,
    av,
    codec_name,
    error_text,
    open_container,
    other_streams,
    packet_time,
    readable_packets,
    shown_path,
    timed_streams,
)
from photochrom.video.io.frame import DEFAULT_RATE, FilmInfo
from photochrom.video.io.probe import describe_stream
from photochrom.video.io.side_streams import (
    SideStreams,
    carrying_way,
    copyable_metadata,
    is_empty,
    memory_container,
)

if TYPE_CHECKING:
    from av.container.core import Chapter

_LONGEST_PRIMING_S = 0.1
"""Of sound, what decoders have to hear before the first that counts."""
_CONTENT_TYPES = ("audio", "subtitle")


def check_container(info: FilmInfo, out: str | Path, codec: str) -> tuple[str, ...]:
    """Find out, before any work, whether the film `out` can hold all that the source carries.

    Returns a sentence for each stream that will stay behind because no film of that kind holds
    it (data, attachments, cover pictures). Raises OutputError for a suffix that is no film's, a
    codec that it does not take, and audio or subtitles that it does not take: they are never
    left out in silence.
    """
    out = Path(out)
    name = container_name(out)
    if not holds_codec(out.suffix, codec):
        raise OutputError(f"cannot write {out}: {name} does not hold {codec}; name a .mkv")
    with open_container(info.path, late_streams=True) as source:
        others = other_streams(source)
        refused = [s for s in others if carrying_way(name, s) is None]
        empty = [s for s in refused if is_empty(s)]
        refused = [s for s in refused if not is_empty(s)]
        lost = [describe_stream(s) for s in refused if s.type in _CONTENT_TYPES]
        if lost:
            raise OutputError(
                f"cannot write {out}: {name} does not hold {', '.join(lost)}; {_advice(others)}"
            )
        _try_header(source, out, name)
        notes = [f"{describe_stream(s)} stays behind: {name} does not hold it" for s in refused]
        notes += [f"{describe_stream(s)} stays behind: it has no sound" for s in empty]
    return (*_picture_notes(info, name, codec), *notes)


def holds_codec(suffix: str, codec: str) -> bool:
    """Whether films with a suffix are written, and hold pictures of a codec (of `CODECS`)."""
    name = CONTAINERS.get(suffix.lower())
    if name is None or name in CODECS[codec].unsupported_containers:
        return False
    with memory_container(name) as container:
        try:
            container.add_stream(CODECS[codec].encoder)
        except ValueError:
            return False
    return True


def _advice(streams: Sequence[Stream]) -> str:
    content = [s for s in streams if s.type in _CONTENT_TYPES and not is_empty(s)]
    for suffix in (".mkv", ".mp4", ".mov"):
        if all(carrying_way(CONTAINERS[suffix], stream) for stream in content):
            return f"write to a {suffix}"
    return "convert those streams first"


def _try_header(source: InputContainer, out: Path, name: str) -> None:
    """Raise OutputError where the container takes each of the streams, but not all together."""
    with memory_container(name) as film:
        try:
            # A stream of pictures, as some containers need one; of a codec that opens at once.
            film.add_stream("libvpx-vp9" if name == "webm" else "libx264", DEFAULT_RATE)
            SideStreams(film, name, source).add_streams()
            film.metadata.update(copyable_metadata(source.metadata))
            film.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            reason = error_text(error) if isinstance(error, av.FFmpegError) else str(error)
            raise OutputError(
                f"cannot write {out}: {name} does not hold what {shown_path(source)}"
                f" carries, all together ({reason}); name a .mkv"
            ) from error


def _picture_notes(info: FilmInfo, name: str, codec: str) -> Iterator[str]:
    """What of the pictures themselves stays behind."""
    row = CODECS[codec]
    if row.even_sizes and (info.width % 2 or info.height % 2):
        width, height = info.width + info.width % 2, info.height + info.height % 2
        same = " or ".join(other for other, row in CODECS.items() if not row.even_sizes)
        yield (
            f"{codec} has no odd sizes: the film of {info.width} x {info.height} becomes {width} x "
            f"{height}, with its last column or row twice; {same} keep the size"
        )
    if info.sample_aspect != 1 and name == "webm" and not row.tells_aspect:
        yield (
            f"the shape of the pixels ({info.sample_aspect}) stays behind: {codec} in webm does "
            "not tell it; name a .mkv"
        )
    if info.captions and not row.captions:
        holding = " or ".join(other for other, row in CODECS.items() if row.captions)
        yield (
            f"the closed captions inside the pictures stay behind: {codec} does not hold them; "
            f"write {holding}"
        )


@dataclass(frozen=True)
class TimeRange:
    """begin_s, end_s: of the source, in its own time. shift_s: what is taken off all times."""

    begin_s: float | Fraction
    end_s: float
    shift_s: Fraction

    def shift(self, packet: Packet[Any]) -> Packet[Any] | None:
        """A packet of another stream at its new time, None outside of the part."""
        base = Fraction(packet.time_base)
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or float(time * base) >= self.end_s:
            return None
        until = time + (packet.duration or 0)
        if time * base < self.begin_s:
            if packet.stream.type != "subtitle" or until * base <= self.begin_s:
                return None
            packet.duration = until - round(self.begin_s / base)
            time = round(self.begin_s / base)
            packet.pts = packet.dts = time
        off = round(self.shift_s / base)
        if packet.stream.type == "subtitle" and self.end_s != inf:
            packet.duration = min(until, round(self.end_s / base)) - time
        if packet.pts is not None:
            packet.pts -= off
        if packet.dts is not None:
            packet.dts -= off
        return packet


def cut_chapter(chapter: Chapter, part: TimeRange) -> Chapter | None:
    """A chapter at its new time, None outside of the part."""
    base = chapter["time_base"] or Fraction(1, 1000)
    start, end = chapter["start"], chapter["end"]
    if part.begin_s != -inf:
        start = max(start, round(part.begin_s / base))
    if part.end_s != inf:
        end = min(end, round(Fraction(part.end_s) / base))
    if end <= start:
        return None
    off = round(part.shift_s / base)
    return {**chapter, "start": start - off, "end": end - off, "time_base": base}


def other_packets(
    source: InputContainer,
    streams: Sequence[Stream],
    part: TimeRange,
    damage: StreamDamage,
    *,
    with_cut_off: bool = True,
) -> Iterator[tuple[float, Packet[Any]]]:
    """The packets of the other streams that are in the part, at their new times, each with its
    decoding time in seconds.

    with_cut_off: also what the edit list of an .mp4 cuts off at its beginning, and what only a
        container with such a list can cut off again.
    damage: takes note of those that are not as they were written; they go along as they are.
    """
    clock = ContinuousClock(source)
    wanted = {stream.index for stream in streams}
    read = timed_streams(source) if clock.may_jump else list(streams)
    previous: dict[int, int] = {}
    with contextlib.suppress(av.FFmpegError):  # the end is missing, which the decoder has said
        for packet in readable_packets(source, read):
            clock.correct(packet)
            if packet.stream_index not in wanted:
                continue  # the film's own
            if packet.size == 2 and codec_name(packet.stream) == "mov_text":
                continue  # a gap between two titles; whoever writes an .mp4 makes its own
            if not with_cut_off and packet.is_discard and _is_before_all(packet):
                continue
            shifted = part.shift(packet)
            if shifted is None:
                continue
            if packet.is_corrupt:
                damage.add(packet)
            keep_order(shifted, previous)
            time = shifted.dts if shifted.dts is not None else shifted.pts or 0
            yield float(time * shifted.time_base), shifted


def _is_before_all(packet: Packet[Any]) -> bool:
    """Whether a packet is over before a film's time begins, and no codec needs it to begin with."""
    end = (packet_time(packet) or 0) + (packet.duration or 0)
    return float(end * packet.time_base) < -_LONGEST_PRIMING_S


def keep_order(packet: Packet[Any], previous: dict[int, int]) -> None:
    """Move a packet whose decoding time does not rise, as after a damaged spot, behind the last.

    previous: the streams' last decoding times. Subtitles may have the same time twice.
    """
    if packet.dts is None:
        return
    last = previous.get(packet.stream_index)
    if last is not None and packet.dts <= last and packet.stream.type != "subtitle":
        packet.dts = last + 1
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
    previous[packet.stream_index] = packet.dts


@dataclass
class StreamDamage:
    """Damaged packets of the streams that are copied."""

    _times_s: dict[str, list[float]] = field(default_factory=dict)

    def add(self, packet: Packet[Any]) -> None:
        """Take note of a packet, at its time in the new film."""
        time = packet_time(packet) or 0
        self._times_s.setdefault(describe_stream(packet.stream), []).append(
            float(time * packet.time_base)
        )

    def sentences(self) -> tuple[str, ...]:
        """A sentence for each stream that has any."""
        return tuple(
            f"{stream} has {len(times)} damaged {'packet' if len(times) == 1 else 'packets'}, "
            f"the first at {times[0]:.1f} s; {'it is' if len(times) == 1 else 'they are'} copied "
            "unchanged"
            for stream, times in self._times_s.items()
        )


def container_name(out: Path) -> str:
    """Libav's name of the format that a suffix asks for. Raises OutputError for other suffixes."""
    name = CONTAINERS.get(out.suffix.lower())
    if name is None:
        raise OutputError(
            f"cannot write {out}: {out.suffix or 'a name without suffix'} is no film that can be "
            f"written; use one of {', '.join(CONTAINERS)}"
        )
    return name
