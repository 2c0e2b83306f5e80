"""The coloured segments, one behind the other, together with all that the film carried."""

from __future__ import annotations

import heapq
import os
from collections.abc import Sequence
from fractions import Fraction
from math import inf
from pathlib import Path

from av.container import OutputContainer
from av.stream import Stream

from photochrom.atomic import check_target, replacement_file
from photochrom.errors import OutputError
from photochrom.video.io.codecs import CODECS
from photochrom.video.io.concat import SegmentFormat, inspect_segments, video_packets
from photochrom.video.io.container import (
    METADATA_ERRORS,
    InputContainer,
    VideoStream,
    av,
    error_text,
    film_stream,
    open_container,
    other_streams,
)
from photochrom.video.io.encoder import color_tags, container_options, lead_ticks
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.passthrough import (
    StreamDamage,
    TimeRange,
    accepts_stream,
    check_container,
    container_name,
    copy_metadata,
    copy_stream,
    copyable_metadata,
    cut_chapter,
    other_packets,
)

__all__ = ["check_container", "join_segments"]


def join_segments(
    segments: Sequence[Path],
    info: FilmInfo,
    out: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    overwrite: bool = False,
    comment: str | None = None,
) -> tuple[str, ...]:
    """Make the film of its segments (`FilmWriter`) and of the source's sound, titles, chapters.

    segments: in order of time. Their packets are copied; presentation times stay, decoding times
        are made anew so that they rise throughout.
    start_s, end_s: the part of the film that the segments are, seconds as in `read_frames`; the
        other streams are cut to it (at packets), and the new film begins at 0. None: times stay.
    info: of the source; of a segment itself where there is nothing else to carry, and the new film
        then begins at 0.
    comment: goes to the film's metadata, behind an earlier comment: who made the colours.
    Audio, subtitles and whatever else the container takes are copied packet by packet, bit for
    bit. `out` appears when it is complete, and not before; an earlier one stays otherwise.

    Returns the sentences of `check_container`, and those about damage in the other streams. Raises
    OutputError for what it raises, for an
    existing `out` without `overwrite`, a full disk, and segments that do not fit together.
    """
    out = Path(out)
    check_target(out, overwrite=overwrite)
    if not segments:
        raise OutputError(f"cannot write {out}: there is no segment of a film to join")
    first = inspect_segments(segments)
    notes = check_container(info, out, first.codec)
    name = container_name(out)
    begin_s = info.start_pts * info.time_base
    first_s = begin_s + first.start_s - lead_ticks(info) * info.time_base
    cut = start_s is not None and start_s > 0
    part = TimeRange(
        begin_s=first_s if cut else -inf,
        end_s=inf if end_s is None else float(begin_s) + end_s,
        shift_s=first_s if cut or info.path in segments else Fraction(0),
    )
    damage = StreamDamage()
    try:
        with (
            replacement_file(out, overwrite=overwrite) as temporary,
            open_container(info.path) as source,
        ):
            with av.open(
                f"file:{temporary}",
                "w",
                format=name,
                container_options=container_options(name, info),
                metadata_errors=METADATA_ERRORS,
            ) as film:
                _write(film, segments, info, source, part, name, first, comment, damage)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
    except (av.FFmpegError, ValueError) as error:
        reason = error_text(error) if isinstance(error, av.FFmpegError) else str(error)
        raise OutputError(
            f"cannot write {out}: {reason}; the segments of the film are kept"
        ) from error
    return (*notes, *damage.sentences())


def _write(
    film: OutputContainer,
    segments: Sequence[Path],
    info: FilmInfo,
    source: InputContainer,
    part: TimeRange,
    name: str,
    first: SegmentFormat,
    comment: str | None,
    damage: StreamDamage,
) -> None:
    own = film_stream(source)
    others = other_streams(source)
    copies: dict[int, Stream] = {}
    with open_container(segments[0]) as container:
        template = film_stream(container)
        if template is None or own is None:
            raise OutputError(f"{segments[0]} is no segment of a film; colour it again")
        video = _video_stream(film, template, info, name, first.codec)
        copy_metadata(own, video)
    for stream in others:
        if accepts_stream(name, stream):
            copies[stream.index] = copy_stream(film, stream)
    film.metadata.update(copyable_metadata(source.metadata))
    if comment:
        key = next((k for k in film.metadata if k.lower() == "comment"), "comment")
        earlier = film.metadata.pop(key, "")
        film.metadata["comment"] = f"{earlier}; {comment}" if earlier else comment
    film.set_chapters([c for c in (cut_chapter(c, part) for c in source.chapters()) if c])
    film.start_encoding()
    wanted = [s for s in others if s.index in copies and s.type != "attachment"]
    both = heapq.merge(
        video_packets(segments, info, part.shift_s, first.delay),
        other_packets(source, wanted, part, damage) if wanted else iter(()),
        key=lambda timed: timed[0],
    )
    for _, packet in both:
        own_packet = packet.stream.container is source
        packet.stream = copies[packet.stream_index] if own_packet else video
        film.mux_one(packet)


def _video_stream(
    film: OutputContainer, template: VideoStream, info: FilmInfo, name: str, codec: str
) -> VideoStream:
    stream = film.add_stream_from_template(template, opaque=True)
    context = stream.codec_context
    for key, code in color_tags(info).items():
        setattr(context, key, code)
    context.sample_aspect_ratio = info.sample_aspect
    if info.rate:
        context.framerate = info.rate  # Matroska writes it down as the usual distance
    tag = CODECS[codec].tags.get(name)
    if tag is not None:
        context.codec_tag = tag
    stream.time_base = info.time_base
    if info.rotation or info.mirrored:
        stream.set_display_rotation(info.rotation, hflip=info.mirrored)
    return stream
