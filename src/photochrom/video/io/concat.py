"""The encoded segments of a film: whether they fit together, and their packets in one row."""

from __future__ import annotations

import heapq
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.packet import Packet

from photochrom.errors import InputError, OutputError
from photochrom.video.io.codecs import CODECS
from photochrom.video.io.container import (
    InputContainer,
    VideoStream,
    av,
    film_stream,
    open_container,
    shown_path,
)
from photochrom.video.io.encoder import lead_ticks
from photochrom.video.io.frame import FilmInfo


@dataclass(frozen=True)
class SegmentFormat:
    """What is true of all segments of a film."""

    codec: str
    """One of `CODECS`."""
    start_s: Fraction
    """As the segments count it: `lead_ticks` after the film's first frame is 0."""
    delay: int
    """Frames that the decoder holds back to put them in order."""
    last_s: Fraction
    """When the last frame is shown, counted alike."""


def inspect_segments(segments: Sequence[Path]) -> SegmentFormat:
    """Raise OutputError unless all segments have one and the same codec parameters."""
    first, parameters = _inspect_segment(segments[0])
    delay = first.delay
    for path in segments[1:]:
        another, other_parameters = _inspect_segment(path)
        if other_parameters != parameters:
            raise OutputError(
                f"{path} was encoded differently from {segments[0]}: one film cannot hold both; "
                "colour it again without --resume"
            )
        delay = max(delay, another.delay)
        first = replace(first, last_s=max(first.last_s, another.last_s))
    return replace(first, delay=delay)


def _inspect_segment(path: Path) -> tuple[SegmentFormat, tuple[Any, ...]]:
    try:
        with open_container(path) as container:
            stream = film_stream(container)
            if stream is None:
                raise OutputError(f"{path} is no segment of a film; colour it again")
            context = stream.codec_context
            begin_s, delay, last_s = _times(path, container.demux(stream))
            first = SegmentFormat(_codec_name(stream), begin_s, delay, last_s)
            parameters = (context.name, context.width, context.height, context.pix_fmt)
            return first, (*parameters, bytes(context.extradata or b""))
    except (InputError, av.FFmpegError) as error:
        raise OutputError(f"{path} is no whole segment of a film; colour it again") from error


def _times(path: Path, packets: Iterator[Packet[VideoStream]]) -> tuple[Fraction, int, Fraction]:
    """When a segment begins, in seconds, how many of its frames come before an earlier one, and
    when its last frame is shown.
    """
    times: list[int] = []
    delay = 0
    begin: Fraction | None = None
    for packet in packets:
        if not packet.size or packet.pts is None:
            continue
        if begin is None:
            if not packet.is_keyframe:
                raise OutputError(f"{path} does not begin with a key frame; colour it again")
            begin = packet.pts * packet.time_base
        base = packet.time_base
        place = bisect(times, packet.pts)
        delay = max(delay, len(times) - place)
        times.insert(place, packet.pts)
    if begin is None:
        raise OutputError(f"{path} has no frames; colour it again")
    return begin, delay, times[-1] * base


def _codec_name(stream: VideoStream) -> str:
    name = stream.codec_context.codec.canonical_name
    if name not in CODECS:
        raise OutputError(f"{name} is no codec that photochrom writes")
    return name


def one_by_one(segments: Sequence[Path]) -> Iterator[InputContainer]:
    """The segments one after the other, each closed before the next is opened."""
    for path in segments:
        with open_container(path) as container:
            yield container


def video_packets(
    segments: Iterable[InputContainer],
    info: FilmInfo,
    shift_s: Fraction,
    first: SegmentFormat,
    last_duration: int | None,
) -> Iterator[tuple[float, Packet[Any]]]:
    """All segments' packets. Each one's decoding time is the presentation time that comes
    `SegmentFormat.delay` frames before its own place in order; the first ones' lie before the
    film's start.

    last_duration: of the frame that is shown last, in the film's unit of time; None: the usual.
    """
    delay = first.delay
    held: Packet[Any] | None = None
    base = info.time_base
    step = max(1, round(1 / info.nominal_rate / base))
    off = round(shift_s / base) - info.start_pts + lead_ticks(info)
    end = round(first.last_s / base) - off + (last_duration or step)
    waiting: list[int] = []
    origin: int | None = None
    count, previous = 0, None
    for segment in segments:
        for packet in segment.demux(film_stream(segment)):
            if not packet.size or packet.pts is None:
                continue
            pts = round(packet.pts * packet.time_base / base) - off
            origin = pts if origin is None else origin
            heapq.heappush(waiting, pts)
            early = count < delay
            dts = origin - (delay - count) * step if early else heapq.heappop(waiting)
            if dts > pts or (previous is not None and dts <= previous):
                raise OutputError(
                    f"{shown_path(segment)}: its frames are out of order; colour it again"
                )
            packet.time_base = base
            packet.pts, packet.dts, packet.duration = pts, dts, min(step, max(1, end - pts))
            previous, count = dts, count + 1
            if held is not None:
                yield float((held.dts or 0) * base), held
            held = packet
    if held is not None:  # the film's length is where this one ends
        held.duration = end - (held.pts or 0)
        yield float((held.dts or 0) * base), held
