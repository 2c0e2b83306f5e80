"""What a film carries beside its pictures: whether a container takes it, and its copies."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from photochrom.errors import OutputError
from photochrom.video.io.clock import ContinuousClock
from photochrom.video.io.codecs import CODECS, CONTAINERS
from photochrom.video.io.container import (
    InputContainer,
    av,
    open_container,
    other_streams,
    packet_time,
    readable_packets,
    timed_streams,
)
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.probe import describe_stream

if TYPE_CHECKING:
    from av.container.core import Chapter

_CONTENT_TYPES = ("audio", "subtitle")
_CONTAINER_KEYS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("duration", "bps", "number_of_frames", "number_of_bytes"),
}
"""What a container says of itself; the new one says it anew, of what it holds now."""


def check_container(info: FilmInfo, out: str | Path, codec: str) -> tuple[str, ...]:
    """Find out, before any work, whether the film `out` can hold all that the source carries.

    Returns a sentence for each stream that will stay behind because no film of that kind holds
    it (data, attachments, cover pictures). Raises OutputError for a suffix that is no film's, a
    codec that it does not take, and audio or subtitles that it does not take: they are never
    left out in silence.
    """
    out = Path(out)
    name = container_name(out)
    with _memory_container(name) as container:
        try:
            if name in CODECS[codec].unsupported_containers:
                raise ValueError
            container.add_stream(CODECS[codec].encoder)
        except ValueError as error:
            raise OutputError(
                f"cannot write {out}: {name} does not hold {codec}; name a .mkv"
            ) from error
    notes: list[str] = []
    silent = name in ("matroska", "webm") and not CODECS[codec].tells_aspect
    if info.sample_aspect != 1 and silent:
        telling = " or ".join(other for other, row in CODECS.items() if row.tells_aspect)
        notes.append(
            f"the shape of the pixels ({info.sample_aspect}) stays behind: {codec} in {name} does "
            f"not tell it; write {telling}, or another container"
        )
    with open_container(info.path) as source:
        others = other_streams(source)
        refused = [s for s in others if not accepts_stream(name, s)]
        lost = [describe_stream(s) for s in refused if s.type in _CONTENT_TYPES]
        if lost:
            better = next(
                (
                    suffix
                    for suffix in (".mkv", ".mp4", ".mov")
                    if all(
                        accepts_stream(CONTAINERS[suffix], s)
                        for s in others
                        if s.type in _CONTENT_TYPES
                    )
                ),
                None,
            )
            advice = f"write to a {better}" if better else "convert those streams first"
            raise OutputError(
                f"cannot write {out}: {name} does not hold {', '.join(lost)}; {advice}"
            )
        notes.extend(f"{describe_stream(s)} stays behind: {name} does not hold it" for s in refused)
    return tuple(notes)


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
    source: InputContainer, streams: Sequence[Stream], part: TimeRange, damage: StreamDamage
) -> Iterator[tuple[float, Packet[Any]]]:
    """The packets of the other streams that are in the part, at their new times, each with its
    decoding time in seconds.

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
            if packet.size == 2 and packet.stream.codec_context.name == "mov_text":
                continue  # a gap between two titles; whoever writes an .mp4 makes its own
            shifted = part.shift(packet)
            if shifted is None:
                continue
            if packet.is_corrupt:
                damage.add(packet)
            keep_order(shifted, previous)
            time = shifted.dts if shifted.dts is not None else shifted.pts or 0
            yield float(time * shifted.time_base), shifted


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


def copy_stream(film: OutputContainer, stream: Stream) -> Stream:
    """A stream of the new film that takes the packets of one of the source's."""
    copy = film.add_stream_from_template(stream, opaque=True)
    copy_metadata(stream, copy)
    return copy


def copy_metadata(stream: Stream, copy: Stream) -> None:
    """Language, title and what the stream is for."""
    copy.metadata.update(copyable_metadata(stream.metadata))
    copy.disposition = stream.disposition


def copyable_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """The words that still hold in the new film."""
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _CONTAINER_KEYS
        and not key.lower().startswith(("_statistics", "duration-", "bps-", "number_of_"))
    }


def accepts_stream(name: str, stream: Stream) -> bool:
    """Whether a container holds a stream as it is; tried, with a header into memory."""
    with _memory_container(name) as container:
        try:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True


def container_name(out: Path) -> str:
    """Libav's name of the format that a suffix asks for. Raises OutputError for other suffixes."""
    name = CONTAINERS.get(out.suffix.lower())
    if name is None:
        raise OutputError(
            f"cannot write {out}: {out.suffix or 'a name without suffix'} is no film that can be "
            f"written; use one of {', '.join(CONTAINERS)}"
        )
    return name


def _memory_container(name: str) -> OutputContainer:
    return av.open(io.BytesIO(), "w", format=name)
