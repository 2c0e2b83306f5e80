"""The coloured segments, one behind the other, together with all that the film carried."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from math import inf
from pathlib import Path
from typing import Any

from av.container import OutputContainer
from av.packet import Packet

from photochrom.atomic import check_target, replacement_file
from photochrom.errors import OutputError
from photochrom.video.io.clock import clock_start_s
from photochrom.video.io.codecs import CODECS
from photochrom.video.io.concat import inspect_segments, one_by_one, video_packets
from photochrom.video.io.container import (
    METADATA_ERRORS,
    InputContainer,
    VideoStream,
    av,
    error_text,
    film_stream,
    open_container,
    shown_path,
)
from photochrom.video.io.encoder import color_tags, container_options, lead_ticks
from photochrom.video.io.frame import FilmInfo
from photochrom.video.io.matroska_display import display_size, set_display_size
from photochrom.video.io.matroska_wave import name_wave_tracks
from photochrom.video.io.passthrough import (
    StreamDamage,
    TimeRange,
    container_name,
    cut_chapter,
    other_packets,
)
from photochrom.video.io.side_streams import (
    SideStreams,
    copy_metadata,
    copyable_metadata,
    metadata_options,
)
from photochrom.video.io.timecode import shifted_timecode


def join_segments(
    segments: Sequence[Path],
    info: FilmInfo,
    out: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    last_duration: int | None = None,
    overwrite: bool = False,
    comment: str | None = None,
    check_source: Callable[[], None] | None = None,
    pictures_only: bool = False,
) -> tuple[str, ...]:
    """Make the film of its segments (`FilmWriter`) and of the source's sound, titles, chapters.

    segments: in order of time. Their packets are copied; presentation times stay, decoding times
        are made anew so that they rise throughout.
    start_s, end_s: the part of the film that the segments are, seconds as in `read_frames`; the
        other streams are cut to it (at packets), and the new film begins at 0. None: times stay,
        but those of a recording whose clock did not begin at 0: the earliest becomes 0.
    last_duration: how long the last frame is shown, in the film's unit of time; None: the usual.
    info: of the source; of a segment itself where there is nothing else to carry, and the new film
        then begins at 0.
    comment: goes to the film's metadata, behind an earlier comment: who made the colours.
    check_source: called when all is written; what it raises keeps `out` from appearing.
    pictures_only: what the source carries beside its pictures stays behind, without a word of it.
    Audio, subtitles and whatever else the container takes are copied packet by packet, bit for
    bit. `out` appears when it is complete, and not before; an earlier one stays otherwise.

    Returns sentences about damage in the other streams; `check_container` has those about streams
    that stay behind. Raises OutputError for an existing `out` without `overwrite`, a full disk, and
    segments or streams that do not fit together.
    """
    out = Path(out)
    check_target(out, overwrite=overwrite)
    if not segments:
        raise OutputError(f"cannot write {out}: there is no segment of a film to join")
    first = inspect_segments(segments)
    name = container_name(out)
    begin_s = info.start_pts * info.time_base
    first_s = begin_s + first.start_s - lead_ticks(info) * info.time_base
    cut = start_s is not None and start_s > 0
    damage = StreamDamage()
    try:
        with (
            replacement_file(out, overwrite=overwrite) as temporary,
            open_container(info.path, late_streams=True) as source,
            open_container(segments[0]) as first_segment,
        ):
            at_zero = cut or info.path in segments
            part = TimeRange(
                begin_s=first_s if cut else -inf,
                end_s=inf if end_s is None else float(begin_s) + end_s,
                shift_s=first_s if at_zero else clock_start_s(source),
            )
            words = {} if pictures_only else source.metadata
            options = {**container_options(name, info), **metadata_options(name, words)}
            with av.open(
                f"file:{temporary}",
                "w",
                format=name,
                container_options=options,
                metadata_errors=METADATA_ERRORS,
            ) as film:
                side_streams = SideStreams(film, name, source)
                join = _Join(film, info, source, part, side_streams, pictures_only)
                join.write_header(first_segment, name, first.codec, comment)
                opened = chain([first_segment], one_by_one(segments[1:]))
                join.write_packets(
                    video_packets(opened, info, part.shift_s, first, last_duration), damage
                )
            if side_streams.wave_tracks:
                name_wave_tracks(temporary, side_streams.wave_tracks)
            if (
                info.sample_aspect != 1
                and name == "matroska"
                and not CODECS[first.codec].tells_aspect
            ):
                shown = display_size(info.height, info.width, info.sample_aspect)
                set_display_size(temporary, join.video.index + 1, *shown)
            if check_source is not None:
                check_source()
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
    except (av.FFmpegError, ValueError) as error:
        reason = error_text(error) if isinstance(error, av.FFmpegError) else str(error)
        raise OutputError(
            f"cannot write {out}: {reason}; the segments of the film are kept"
        ) from error
    return damage.sentences()


@dataclass
class _Join:
    """The new film while it is written."""

    film: OutputContainer
    info: FilmInfo
    source: InputContainer
    part: TimeRange
    side_streams: SideStreams
    pictures_only: bool
    video: VideoStream = field(init=False)

    def write_header(
        self, segment: InputContainer, name: str, codec: str, comment: str | None
    ) -> None:
        own, template = film_stream(self.source), film_stream(segment)
        if template is None or own is None:
            raise OutputError(f"{shown_path(segment)} is no segment of a film; colour it again")
        self.video = _video_stream(self.film, template, self.info, name, codec)
        if not self.pictures_only:
            self._copy_others(own)
        if comment:
            metadata = self.film.metadata
            key = next((k for k in metadata if k.lower() == "comment"), "comment")
            earlier = metadata.pop(key, "")
            metadata["comment"] = f"{earlier}; {comment}" if earlier else comment
        self.film.start_encoding()

    def _copy_others(self, own: VideoStream) -> None:
        """All that the film carries beside its pictures. own: the source's stream of these."""
        copy_metadata(own, self.video)
        self.side_streams.add_streams()
        self._copy_timecode()
        self.film.metadata.update(copyable_metadata(self.source.metadata))
        chapters = (cut_chapter(chapter, self.part) for chapter in self.source.chapters())
        self.film.set_chapters([chapter for chapter in chapters if chapter])

    def _copy_timecode(self) -> None:
        """The film's time code, of its first frame, also where a part of it is written."""
        text = self.video.metadata.get("timecode") or self.side_streams.timecode
        if text is None:
            return
        if self.part.begin_s != -inf:
            rate = self.info.nominal_rate
            begin_s = Fraction(self.part.begin_s) - self.info.start_pts * self.info.time_base
            text = shifted_timecode(text, round(begin_s * rate), rate)
        self.video.metadata["timecode"] = text

    def write_packets(
        self, pictures: Iterable[tuple[float, Packet[Any]]], damage: StreamDamage
    ) -> None:
        for packet in self.side_streams.cover_packets():
            self.film.mux_one(packet)
        streams = self.side_streams.streams
        cuts_off = self.side_streams.name in ("mp4", "mov")
        others = (
            other_packets(self.source, streams, self.part, damage, with_cut_off=cuts_off)
            if streams
            else ()
        )
        for _, packet in heapq.merge(pictures, others, key=lambda timed: timed[0]):
            from_source = packet.stream.container is self.source
            packet.stream = self.side_streams.target_stream(packet) if from_source else self.video
            self.film.mux_one(packet)


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
