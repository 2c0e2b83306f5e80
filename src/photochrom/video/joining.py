"""The coloured stretches, one behind the other, together with all that the film carried."""

from __future__ import annotations

import heapq
import io
import os
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from photochrom.errors import InputError, OutputError
from photochrom.imageio.atomic import check_target, replacing
from photochrom.video.frames import FilmInfo
from photochrom.video.libav import (
    METADATA_ERRORS,
    VideoStream,
    av,
    film_stream,
    opened,
    other_streams,
    words,
)
from photochrom.video.probe import describe
from photochrom.video.writing import KINDS, Codec, colour_tags, lead, timescale

if TYPE_CHECKING:
    from av.container.core import Chapter

CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
}
"""Suffix of the film to write: libav's name of its format."""
_HEARD_OR_READ = ("audio", "subtitle")
_REFUSED = {("mov", "av1")}
"""What libav says it could write, and then does not."""
_SAYS_ASPECT = ("h264", "hevc")
"""Codecs that tell the shape of the pixels themselves, where PyAV cannot make Matroska tell it."""
_OWN_KEYS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("duration", "bps", "number_of_frames", "number_of_bytes"),
}
"""What a container says of itself; the new one says it anew, of what it holds now."""


def check_carried(info: FilmInfo, out: str | Path, codec: Codec) -> tuple[str, ...]:
    """Find out, before any work, whether the film `out` can hold all that the source carries.

    Returns a sentence for each stream that will stay behind because no film of that kind holds
    it (data, attachments, cover pictures). Raises OutputError for a suffix that is no film's, a
    codec that it does not take, and audio or subtitles that it does not take: they are never
    left out in silence.
    """
    out = Path(out)
    name = _container_of(out)
    with _scratch(name) as container:
        try:
            if (name, codec) in _REFUSED:
                raise ValueError
            container.add_stream(KINDS[codec].encoder)
        except ValueError as error:
            raise OutputError(
                f"cannot write {out}: {name} does not hold {codec}; name a .mkv"
            ) from error
    left: list[str] = []
    if info.sample_aspect != 1 and name in ("matroska", "webm") and codec not in _SAYS_ASPECT:
        left.append(
            f"the shape of the pixels ({info.sample_aspect}) stays behind: {codec} in {name} does "
            "not tell it; write h264 or hevc, or another container"
        )
    with opened(info.path) as source:
        others = other_streams(source)
        refused = [s for s in others if not _takes(name, s)]
        lost = [describe(s) for s in refused if s.type in _HEARD_OR_READ]
        if lost:
            better = next(
                (
                    suffix
                    for suffix in (".mkv", ".mp4", ".mov")
                    if all(
                        _takes(CONTAINERS[suffix], s) for s in others if s.type in _HEARD_OR_READ
                    )
                ),
                None,
            )
            advice = f"write to a {better}" if better else "convert those streams first"
            raise OutputError(
                f"cannot write {out}: {name} does not hold {', '.join(lost)}; {advice}"
            )
        left.extend(f"{describe(s)} stays behind: {name} does not hold it" for s in refused)
    return tuple(left)


def join(
    segments: Sequence[Path],
    info: FilmInfo,
    out: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    overwrite: bool = False,
    comment: str | None = None,
) -> tuple[str, ...]:
    """Make the film of its stretches (`FilmWriter`) and of the source's sound, titles, chapters.

    segments: in order of time. Their packets are copied; presentation times stay, decoding times
        are made anew so that they rise throughout.
    start_s, end_s: the part of the film that the stretches are, seconds as in `read_frames`; the
        other streams are cut to it (at packets), and the new film begins at 0. None: times stay.
    info: of the source; of a stretch itself where there is nothing else to carry, and the new film
        then begins at 0.
    comment: goes to the film's metadata, behind an earlier comment: who made the colours.
    Audio, subtitles and whatever else the container takes are copied packet by packet, bit for
    bit. `out` appears when it is complete, and not before; an earlier one stays otherwise.

    Returns the sentences of `check_carried`. Raises OutputError for what it raises, for an
    existing `out` without `overwrite`, a full disk, and stretches that do not fit together.
    """
    out = Path(out)
    check_target(out, overwrite=overwrite)
    if not segments:
        raise OutputError(f"cannot write {out}: there is no stretch of film to join")
    first = _look_at(segments)
    left = check_carried(info, out, first.codec)
    name = _container_of(out)
    begin_s = info.start_pts * info.time_base
    first_s = begin_s + first.start_s - lead(info) * info.time_base
    cut = start_s is not None and start_s > 0
    part = _Part(
        begin_s=first_s if cut else -inf,
        end_s=inf if end_s is None else float(begin_s) + end_s,
        shift_s=first_s if cut or info.path in segments else Fraction(0),
    )
    options = timescale(info) if name in ("mp4", "mov") else {}
    try:
        with replacing(out, overwrite=overwrite) as temporary, opened(info.path) as source:
            with av.open(
                f"file:{temporary}",
                "w",
                format=name,
                container_options=options,
                metadata_errors=METADATA_ERRORS,
            ) as film:
                _write(film, segments, info, source, part, name, first, comment)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
    except (av.FFmpegError, ValueError) as error:
        reason = words(error) if isinstance(error, av.FFmpegError) else str(error)
        raise OutputError(
            f"cannot write {out}: {reason}; the stretches of film are kept"
        ) from error
    return left


@dataclass(frozen=True)
class _Part:
    """begin_s, end_s: of the source, in its own time. shift_s: what is taken off all times."""

    begin_s: float | Fraction
    end_s: float
    shift_s: Fraction

    def moved(self, packet: Packet[Any]) -> Packet[Any] | None:
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


@dataclass(frozen=True)
class _First:
    """What the first stretch says for all of them."""

    codec: Codec
    start_s: Fraction
    """As the stretches count it: `lead` after the film's first frame is 0."""
    delay: int
    """Frames that the decoder holds back to put them in order."""


def _look_at(segments: Sequence[Path]) -> _First:
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


def _look_at_one(path: Path) -> tuple[_First, tuple[Any, ...]]:
    try:
        with opened(path) as container:
            stream = film_stream(container)
            if stream is None:
                raise OutputError(f"{path} is no stretch of film; colour it again")
            context = stream.codec_context
            begin, delay = _order(path, container.demux(stream))
            first = _First(_codec_of(stream), begin, delay)
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


def _codec_of(stream: VideoStream) -> Codec:
    name = stream.codec_context.codec.canonical_name
    for codec in KINDS:
        if codec == name:
            return codec
    raise OutputError(f"{name} is no codec that photochrom writes")


def _write(
    film: OutputContainer,
    segments: Sequence[Path],
    info: FilmInfo,
    source: av.container.InputContainer,
    part: _Part,
    name: str,
    first: _First,
    comment: str | None,
) -> None:
    own = film_stream(source)
    others = other_streams(source)
    copies: dict[int, Stream] = {}
    with opened(segments[0]) as container:
        template = film_stream(container)
        if template is None or own is None:
            raise OutputError(f"{segments[0]} is no stretch of film; colour it again")
        video = _video_stream(film, template, info, name)
        _copy_words(own, video)
    for stream in others:
        if _takes(name, stream):
            copies[stream.index] = _copy_stream(film, stream)
    film.metadata.update(_kept(source.metadata))
    if comment:
        key = next((k for k in film.metadata if k.lower() == "comment"), "comment")
        earlier = film.metadata.pop(key, "")
        film.metadata["comment"] = f"{earlier}; {comment}" if earlier else comment
    film.set_chapters([c for c in (_cut(c, part) for c in source.chapters()) if c])
    film.start_encoding()
    wanted = [s for s in others if s.index in copies and s.type != "attachment"]
    both = heapq.merge(
        _video_packets(segments, info, part, first.delay),
        _other_packets(source, wanted, part) if wanted else iter(()),
        key=lambda timed: timed[0],
    )
    for _, packet in both:
        own_packet = packet.stream.container is source
        packet.stream = copies[packet.stream_index] if own_packet else video
        film.mux_one(packet)


def _video_stream(
    film: OutputContainer, template: VideoStream, info: FilmInfo, name: str
) -> VideoStream:
    stream = film.add_stream_from_template(template, opaque=True)
    context = stream.codec_context
    for tag, code in colour_tags(info).items():
        setattr(context, tag, code)
    context.sample_aspect_ratio = info.sample_aspect
    if info.rate:
        context.framerate = info.rate  # Matroska writes it down as the usual distance
    if template.codec_context.codec.canonical_name == "hevc" and name in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # Apple's players read no other
    stream.time_base = info.time_base
    if info.rotation:
        stream.set_display_rotation(info.rotation)
    return stream


def _copy_stream(film: OutputContainer, stream: Stream) -> Stream:
    copy = film.add_stream_from_template(stream, opaque=True)
    _copy_words(stream, copy)
    return copy


def _copy_words(stream: Stream, copy: Stream) -> None:
    """Language, title and what the stream is for."""
    copy.metadata.update(_kept(stream.metadata))
    copy.disposition = stream.disposition


def _kept(metadata: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _OWN_KEYS
        and not key.lower().startswith(("_statistics", "duration-", "bps-", "number_of_"))
    }


def _cut(chapter: Chapter, part: _Part) -> Chapter | None:
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


def _video_packets(
    segments: Sequence[Path], info: FilmInfo, part: _Part, delay: int
) -> Iterator[tuple[float, Packet[Any]]]:
    """All stretches' packets. Each one's decoding time is the presentation time that comes
    `delay` frames before its own place in order; the first ones' lie before the film's start.
    """
    base = info.time_base
    step = max(1, round(1 / (info.rate or 25) / base))
    off = round(part.shift_s / base) - info.start_pts + lead(info)
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


def _other_packets(
    source: av.container.InputContainer, streams: Sequence[Stream], part: _Part
) -> Iterator[tuple[float, Packet[Any]]]:
    for packet in source.demux(*streams):
        if packet.pts is None and packet.dts is None:
            continue  # the mark of the end
        if packet.size == 2 and packet.stream.codec_context.name == "mov_text":
            continue  # a gap between two titles; whoever writes an .mp4 makes its own
        moved = part.moved(packet)
        if moved is not None:
            time = moved.dts if moved.dts is not None else moved.pts or 0
            yield float(time * moved.time_base), moved


def _container_of(out: Path) -> str:
    name = CONTAINERS.get(out.suffix.lower())
    if name is None:
        raise OutputError(
            f"cannot write {out}: {out.suffix or 'a name without suffix'} is no film that can be "
            f"written; use one of {', '.join(CONTAINERS)}"
        )
    return name


def _scratch(name: str) -> OutputContainer:
    return av.open(io.BytesIO(), "w", format=name)


def _takes(name: str, stream: Stream) -> bool:
    """Whether a container holds a stream as it is; tried, with a header into memory."""
    with _scratch(name) as container:
        try:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True
