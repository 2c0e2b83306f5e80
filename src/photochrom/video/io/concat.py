"""The encoded stretches of a film: whether they fit together, and their packets in one row."""

from __future__ import annotations

import heapq
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.packet import Packet

from photochrom.errors import InputError, OutputError
from photochrom.video.io.codecs import CODECS
from photochrom.video.io.container import VideoStream, av, film_stream, opened
from photochrom.video.io.encoder import lead
from photochrom.video.io.frame import FilmInfo


@dataclass(frozen=True)
class Stretches:
    """What is true of all stretches of a film."""

    codec: str
    """One of `CODECS`."""
    start_s: Fraction
    """As the stretches count it: `lead` after the film's first frame is 0."""
    delay: int
    """Frames that the decoder holds back to put them in order."""


def look_at(segments: Sequence[Path]) -> Stretches:
    """Raise OutputError unless all stretches have one and the same codec parameters."""
    first, says = _look_at_one(segments[0])
    delay = first.delay
    for path in segments[1:]:
        another, also_says = _look_at_one(path)
        if also_says != says:
            raise OutputError(
                f"{path} was encoded differently from {segments[0]}: one film cannot hold both; "
                "colour it again without --resume"
            )
        delay = max(delay, another.delay)
    return replace(first, delay=delay)


def _look_at_one(path: Path) -> tuple[Stretches, tuple[Any, ...]]:
    try:
        with opened(path) as container:
            stream = film_stream(container)
            if stream is None:
                raise OutputError(f"{path} is no stretch of film; colour it again")
            context = stream.codec_context
            begin, delay = _order(path, container.demux(stream))
            first = Stretches(_codec_name(stream), begin, delay)
            says = (context.name, context.width, context.height, context.pix_fmt)
            return first, (*says, bytes(context.extradata or b""))
    except (InputError, av.FFmpegError) as error:
        raise OutputError(f"{path} is no whole stretch of film; colour it again") from error


def _order(path: Path, packets: Iterator[Packet[VideoStream]]) -> tuple[Fraction, int]:
    """When a stretch begins, in seconds, and how many of its frames come before an earlier one."""
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
        place = bisect(times, packet.pts)
        delay = max(delay, len(times) - place)
        times.insert(place, packet.pts)
    if begin is None:
        raise OutputError(f"{path} has no frames; colour it again")
    return begin, delay


def _codec_name(stream: VideoStream) -> str:
    name = stream.codec_context.codec.canonical_name
    if name not in CODECS:
        raise OutputError(f"{name} is no codec that photochrom writes")
    return name


def video_packets(
    segments: Sequence[Path], info: FilmInfo, shift_s: Fraction, delay: int
) -> Iterator[tuple[float, Packet[Any]]]:
    """All stretches' packets. Each one's decoding time is the presentation time that comes
    `delay` frames before its own place in order; the first ones' lie before the film's start.
    """
    base = info.time_base
    step = max(1, round(1 / info.nominal_rate / base))
    off = round(shift_s / base) - info.start_pts + lead(info)
    waiting: list[int] = []
    origin: int | None = None
    count, previous = 0, None
    for path in segments:
        with opened(path) as container:
            for packet in container.demux(film_stream(container)):
                if not packet.size or packet.pts is None:
                    continue
                pts = round(packet.pts * packet.time_base / base) - off
                origin = pts if origin is None else origin
                heapq.heappush(waiting, pts)
                early = count < delay
                dts = origin - (delay - count) * step if early else heapq.heappop(waiting)
                if dts > pts or (previous is not None and dts <= previous):
                    raise OutputError(f"{path}: its frames are out of order; colour it again")
                packet.time_base = base
                packet.pts, packet.dts, packet.duration = pts, dts, step
                previous, count = dts, count + 1
                yield float(dts * base), packet
