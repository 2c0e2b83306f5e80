"""The streams of a film beside its pictures, and how each gets into the new film."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from photochrom.video.io.container import (
    METADATA_ERRORS,
    InputContainer,
    av,
    codec_name,
    is_cover,
    other_streams,
)
from photochrom.video.io.matroska_wave import add_wave_stream, wave_header

Way = Literal["packets", "wave", "cover", "attached cover", "time code"]
"""How a stream is carried: its packets as they are; its packets in a track of Matroska that is
described as in a .wav; as the cover picture, which is a stream in MP4 and an attachment in
Matroska; as a word of the film's metadata, of which MOV and MP4 make a track."""

_IMAGE_TYPES = {
    "mjpeg": ("jpg", "image/jpeg"),
    "png": ("png", "image/png"),
    "bmp": ("bmp", "image/bmp"),
    "tiff": ("tif", "image/tiff"),
    "gif": ("gif", "image/gif"),
    "webp": ("webp", "image/webp"),
}
"""Codecs of cover pictures: suffix and type of their files."""
_NO_WAVES = {"amrnb", "amrwb", "amr_nb", "amr_wb", "libopencore_amrnb", "libopencore_amrwb"}
"""Telephones' sound: a .mov holds it, and no player looks for it in a .wav's description."""
_CONTAINER_KEYS = {
    *("major_brand", "minor_version", "compatible_brands", "encoder"),
    *("duration", "bps", "number_of_frames", "number_of_bytes"),
}
"""What a container says of itself; the new one says it anew, of what it holds now."""
_MP4_KEYS = {
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre"),
    *("copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id"),
    *("network", "keywords", "episode_sort", "season_number", "media_type", "hd_video"),
    *("gapless_playback", "compilation", "track", "disc", "creation_time"),
}
"""Words that libav writes into the places that MP4 and MOV have for them."""


def carrying_way(name: str, stream: Stream) -> Way | None:
    """How a container (libav's name) takes a stream of another; None: it does not hold it, or there
    is nothing to hold.
    """
    if is_empty(stream):
        return None
    if is_cover(stream):
        if name == "matroska":
            return "attached cover" if codec_name(stream) in _IMAGE_TYPES else None
        return "cover" if name in ("mp4", "mov") and _accepts_packets(name, stream) else None
    if stream.type == "data" and "timecode" in stream.metadata:
        return "time code"
    if _accepts_packets(name, stream):
        return "packets"
    wave = name == "matroska" and stream.type == "audio"
    if wave and codec_name(stream) not in _NO_WAVES and wave_header(stream) is not None:
        return "wave"
    return None


def is_empty(stream: Stream) -> bool:
    """Whether a track of sound is only declared, as in some transport streams: libav has found
    neither its rate nor its channels, since it has no packets.
    """
    if not isinstance(stream, AudioStream) or not codec_name(stream):
        return False
    return not (stream.rate or stream.channels)


@dataclass
class SideStreams:
    """The streams of a new film that take those of the source."""

    film: OutputContainer
    name: str
    source: InputContainer
    wave_tracks: set[int] = field(default_factory=set)
    """Numbers of the tracks for `matroska_wave.name_wave_tracks`."""
    _copies: dict[int, Stream] = field(default_factory=dict)
    _covers: dict[int, bytes] = field(default_factory=dict)

    def add_streams(self) -> None:
        """Make them; before the new film's header, and behind its own stream."""
        streams = other_streams(self.source)
        self._covers = cover_pictures(self.source, [s for s in streams if is_cover(s)])
        for stream in streams:
            way = carrying_way(self.name, stream)
            if way is not None:
                self._add(stream, way)

    def _add(self, stream: Stream, way: Way) -> None:
        if way == "attached cover":
            suffix, mime = _IMAGE_TYPES[codec_name(stream)]
            filename = stream.metadata.get("filename") or f"cover.{suffix}"
            self.film.add_attachment(filename, mime, self._covers[stream.index])
        elif way == "wave":
            copy = add_wave_stream(self.film, stream, wave_header(stream) or b"")
            copy_metadata(stream, copy)
            self._copies[stream.index] = copy
            self.wave_tracks.add(sum(s.type != "attachment" for s in self.film.streams))
        elif way in ("packets", "cover"):
            copy = self.film.add_stream_from_template(stream, opaque=True)
            copy_metadata(stream, copy)
            self._copies[stream.index] = copy

    @property
    def timecode(self) -> str | None:
        """The time code of a track of its own, if the source has one."""
        codes = (stream.metadata.get("timecode") for stream in other_streams(self.source))
        return next((code for code in codes if code), None)

    @property
    def streams(self) -> list[Stream]:
        """Those of the source whose packets are to be copied, but covers."""
        return [
            stream
            for stream in other_streams(self.source)
            if stream.index in self._copies and stream.type != "attachment" and not is_cover(stream)
        ]

    def target_stream(self, packet: Packet[Any]) -> Stream:
        """The new film's stream for a packet of the source."""
        return self._copies[packet.stream_index]

    def cover_packets(self) -> Iterator[Packet[Any]]:
        """The covers that are streams of the new film."""
        for index, data in self._covers.items():
            if index in self._copies:
                packet = Packet(data)
                packet.stream = self._copies[index]
                packet.pts = packet.dts = 0
                packet.is_keyframe = True
                yield packet


def cover_pictures(source: InputContainer, covers: Sequence[Stream]) -> dict[int, bytes]:
    """The files of cover pictures, by their streams' indices. The source is at its start after."""
    found: dict[int, bytes] = {}
    if covers:
        with av.open(source.name, metadata_errors=METADATA_ERRORS) as again:
            streams = [again.streams[stream.index] for stream in covers]
            for packet in again.demux(streams):
                if packet.size:
                    found.setdefault(packet.stream_index, bytes(packet))
                if len(found) == len(covers):
                    break
    return found


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


def metadata_options(name: str, metadata: dict[str, str]) -> dict[str, str]:
    """Options of a container that has to hold words of its own kind, which MP4 and MOV do not hold
    in their usual places: they then all go into a list of keys and values.
    """
    own = [key for key in copyable_metadata(metadata) if key.lower() not in _MP4_KEYS]
    return {"movflags": "use_metadata_tags"} if own and name in ("mp4", "mov") else {}


def memory_container(name: str) -> OutputContainer:
    """A film in memory, to try things on."""
    return av.open(io.BytesIO(), "w", format=name, metadata_errors=METADATA_ERRORS)


def _accepts_packets(name: str, stream: Stream) -> bool:
    """Whether a container holds a stream as it is; tried, with a header into memory."""
    with memory_container(name) as container:
        try:
            container.add_stream_from_template(stream, opaque=True)
            container.start_encoding()
        except (av.FFmpegError, ValueError):
            return False
        return True
