"""From a film file to its decoded frames in order, each with the time at which it is shown.

That time is what a frame is known by: nothing is counted, since packets are no frames. Some hold
none that is shown (VP8's hidden references), or half of one (H.264's fields).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from av.packet import Packet
from av.video.frame import VideoFrame

from photochrom.errors import InputError
from photochrom.video.io.avi import is_cut_avi
from photochrom.video.io.clock import ContinuousClock
from photochrom.video.io.container import (
    UNLISTED_FORMAT,
    InputContainer,
    VideoStream,
    av,
    error_text,
    film_stream,
    open_container,
    packet_time,
    readable_packets,
    timed_streams,
)
from photochrom.video.io.damage import DamagedFrame, DamageLog, DamageWatch
from photochrom.video.io.frame import FilmInfo

_SHORT_S = 0.5
"""A file whose streams all end so much before the duration in its header was cut off."""
_MOST_TAIL_S = 2.0
"""So much of a file may come behind its pictures: as many bytes as these seconds of them have."""
_DURATION_FORMATS = ("mov,mp4", "matroska", "flv")
"""Formats that write the duration down; for the others libav guesses it from the file's size."""
_SEEK_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""How much earlier than asked for to look for a key frame, if none was found before the time."""
_PTS_FORMATS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "flv", "nut", "mxf"}
"""Formats with the time at which a frame is shown in each packet. In others, such as MPEG program
streams, libav makes up what is missing, and otherwise when it begins in the middle."""
_DTS_FORMATS = {"avi", "asf"}
"""Formats with the time at which it is decoded."""
_REPEATING_FORMATS = ("ogg",)
"""Formats in which a packet of nothing is usual: the frame before stays."""
_REORDERING_CODECS = {"h264", "hevc", "vvc"}
"""Codecs of which libav does not find out the order of showing without decoding."""
_DENSE_FORMATS = ("matroska,webm", "flv")
"""Formats in which one packet follows the other: bytes between them are what libav skipped."""
_MOST_OVERHEAD = 1000
"""Bytes that may lie between two packets there."""
_KEY_FRAMES_BACK = 2
"""Key frames before a time from which frames are decoded: the last one may be damaged."""
_MOST_SKIPPED_PACKETS = 5000
"""Packets that are held in search of a key frame."""


class DecodedFrame(NamedTuple):
    """One frame as libav gives it."""

    pts: int
    """As `Frame.pts`."""
    picture: VideoFrame
    intact: bool
    """Whether nothing of it can have been damaged: no frame is, after damage, up to the next key
    frame."""
    wrong: DamagedFrame | None
    """What is wrong at it, if anything."""


@contextmanager
def open_decoder(info: FilmInfo, damage: DamageLog | None = None) -> Iterator[Decoder]:
    """A decoder of the film file. Raises InputError where it is no film any more.

    damage: what becomes of a damaged film; None: `DamageLog()`.
    """
    with open_container(info.path) as container:
        stream = film_stream(container)
        if stream is None:
            raise InputError(f"{info.path} has changed: it has no moving picture any more")
        yield Decoder(info, container, stream, damage or DamageLog())


def check_complete(info: FilmInfo) -> None:
    """Raise InputError where the file breaks off, with the second at which it does.

    All of it is read, but nothing decoded: a film may still not decode.
    """
    with open_decoder(info) as decoder:
        decoder.check_packets()


@dataclass
class Decoder:
    """Decodes, goes on after damaged spots, and watches whether the film has its end."""

    info: FilmInfo
    container: InputContainer
    stream: VideoStream
    damage: DamageLog

    def __post_init__(self) -> None:
        name = self.container.format.name
        codec = self.stream.codec_context.codec.canonical_name
        dts_only = name in _DTS_FORMATS
        self._reorders = dts_only and codec in _REORDERING_CODECS
        self._seekable = name in _PTS_FORMATS or (dts_only and not self._reorders)
        self._begin()

    def _begin(self) -> None:
        """Forget what was read: the next packet is the first."""
        if not self.stream.codec_context.is_open:
            self.stream.thread_type = "AUTO"
        rate = self.info.rate
        self._watch = DamageWatch(1 / rate / self.info.time_base if rate else None)
        self._clock = ContinuousClock(self.container)
        self._previous: int | None = None
        self._reached_s = 0.0
        self._last_packet: int | None = None
        self._incomplete: set[int] = set()
        self._break_reason = ""
        self._pending: list[int] = []
        self._late_streams = False
        self._own_end = 0
        self._others_begin: dict[int, int] = {}

    def check_packets(self) -> None:
        """Go through all packets without decoding them. Raises InputError as decoding does."""
        for packet in self._packets():
            if packet.pts is not None:
                self._previous = max(packet.pts, self._previous or packet.pts)
        self._check_end()

    def frames(self, pts: int | None) -> Iterator[DecodedFrame]:
        """Decoded frames as they are shown, beginning at that time or before.

        None: with the first one. A film whose packets do not all have the time at which their
        frames are shown is read from its beginning, as a frame's time hangs on those before it.
        """
        return self._seek(pts) if pts is not None and self._seekable else self._decode()

    def _seek(self, pts: int) -> Iterator[DecodedFrame]:
        """Decoded frames from a key frame at the time or before it on."""
        if self._clock.may_jump:
            yield from self._skip(pts)
            return
        for back_s in _SEEK_BACK_S:
            target = pts - round(back_s / self.info.time_base)
            if target <= self.info.start_pts:
                break
            try:
                self.container.seek(target, stream=self.stream)
            except av.FFmpegError:
                break  # a format without seeking: read from the beginning
            self._begin()
            frames = self._decode()
            first = next(frames, None)
            if first is not None and first.pts <= pts:
                yield first
                yield from frames
                return
        yield from self._from_start()

    def _skip(self, pts: int) -> Iterator[DecodedFrame]:
        """As `_seek`, where only going through all packets tells at which time one is: those in
        front of the last two key frames are not decoded.
        """
        packets = self._packets()
        recent: list[Packet[Any]] = []
        key_places: list[int] = []
        for packet in packets:
            if packet.is_keyframe and packet.pts is not None and packet.pts <= pts:
                key_places.append(len(recent))
                if len(key_places) > _KEY_FRAMES_BACK:
                    dropped = key_places[1]
                    recent = recent[dropped:]
                    key_places = [place - dropped for place in key_places[1:]]
            recent.append(packet)
            if packet.dts is not None and packet.dts > pts:
                break
            if len(recent) > _MOST_SKIPPED_PACKETS:
                yield from self._from_start()
                return
        yield from self._decode(chain(recent, packets))

    def _from_start(self) -> Iterator[DecodedFrame]:
        with open_container(self.info.path) as container:
            stream = film_stream(container)
            if stream is None:
                raise InputError(f"{self.info.path} has changed while it was read")
            self.container, self.stream = container, stream
            self._begin()
            yield from self._decode()

    def _frame_time(self, frame: VideoFrame) -> int:
        """Its time; one unit after the frame before where the file has none or goes backwards."""
        if self._reorders:
            pts = self._next_pending(frame)
        elif self.info.packed:
            pts = frame.dts
        else:
            pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:
            step = self.info.rate and round(1 / self.info.rate / self.info.time_base)
            pts = self.info.start_pts if self._previous is None else self._previous + (step or 1)
        if self._previous is not None and pts <= self._previous:
            pts = self._previous + 1
        self._previous = pts
        return pts

    def _next_pending(self, frame: VideoFrame) -> int | None:
        """The earliest time of the packets that had no frame yet, which is the frame's."""
        if frame.key_frame and frame.pts is not None:
            # What is earlier than a key frame's own packet belongs to frames that were lost.
            while self._pending and self._pending[0] < frame.pts:
                heapq.heappop(self._pending)
        return heapq.heappop(self._pending) if self._pending else None

    def _decode(self, packets: Iterable[Packet[Any]] | None = None) -> Iterator[DecodedFrame]:
        some = False
        for packet in self._without_repeats(self._packets() if packets is None else packets):
            try:
                frames = self.stream.decode(packet)
            except av.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                if some:  # what comes before the first key frame cannot be decoded
                    self._watch.undecoded_packet(packet_time(packet))
                continue
            if self._reorders and packet.pts is not None:
                heapq.heappush(self._pending, packet.pts)
            for frame in frames:
                some = True
                if not self._comes_too_late(frame):
                    yield self._describe_frame(frame)
        with suppress(av.FFmpegError):  # what the decoder still holds
            yield from map(self._describe_frame, self.stream.decode(None))
        if some:  # else it was sought behind the last key frame
            self._check_end()

    def _without_repeats(self, packets: Iterable[Packet[Any]]) -> Iterator[Packet[Any]]:
        """The packets with a frame. By one without anything the frame before is shown for longer,
        in Theora most often.
        """
        if self.container.format.name not in _REPEATING_FORMATS:
            yield from (packet for packet in packets if packet.size)
            return
        held: Packet[Any] | None = None
        for packet in packets:
            if packet.size:
                if held is not None:
                    yield held
                held = packet
            elif held is not None:
                held.duration = (held.duration or 0) + (packet.duration or 0)
        if held is not None:
            yield held

    def _comes_too_late(self, frame: VideoFrame) -> bool:
        """Whether a frame is out of order behind a damaged spot; it counts as lost."""
        ordered = self._reorders or self.info.packed
        if ordered or self._previous is None or frame.pts is None:
            return False
        return self._watch.in_doubt and frame.pts <= self._previous

    def _describe_frame(self, frame: VideoFrame) -> DecodedFrame:
        pts = self._frame_time(frame)
        wrong, intact = self._watch.frame(pts, corrupt=frame.is_corrupt, key=frame.key_frame)
        frame.pts = pts
        return DecodedFrame(pts, frame, intact, wrong)

    def _packets(self) -> Iterator[Packet[Any]]:
        """The film's own packets. Those of the other streams also say how far the file goes."""
        for packet in self._all_packets():
            own = packet.stream_index == self.stream.index
            if self._clock.correct(packet) and packet.pts is not None:
                self._watch.restart(self._own_time(packet) or 0)
            if packet.is_corrupt:
                self._note_corrupt(packet, own)
            elif packet.size:
                self._incomplete.discard(packet.stream_index)
            if packet.pts is not None and packet.time_base:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._reached_s = max(self._reached_s, end_s)
            self._note_streams(packet, own)
            if own:
                self._last_packet = packet_time(packet) or self._last_packet
                yield packet

    def _note_streams(self, packet: Packet[Any], own: bool) -> None:
        """Where in the file the film's pictures end, and those of other streams begin."""
        if packet.pos is None or packet.stream.type != "video":
            return
        if own:
            self._own_end = max(self._own_end, packet.pos)
        else:
            self._others_begin.setdefault(packet.stream_index, packet.pos)

    def _goes_on_elsewhere(self) -> bool:
        """Whether the film's pictures go on in another stream, as in joined recordings."""
        if not self._clock.may_jump or self._previous is None or not self._own_end:
            return False  # of some codecs libav does not tell where packets are
        if any(begin > self._own_end for begin in self._others_begin.values()):
            return True
        rest = self.info.path.stat().st_size - self._own_end
        per_s = self._own_end / max(self.info.seconds(self._previous), _SHORT_S)
        return self._late_streams and rest > _MOST_TAIL_S * per_s

    def _all_packets(self) -> Iterator[Packet[Any]]:
        """The packets of all streams; the film's damage is noticed where bytes were skipped."""
        position = None
        try:
            streams = timed_streams(self.container)
            for packet in readable_packets(self.container, streams, self._find_late_streams):
                if self._skips_bytes(position, packet):
                    self._watch.sign(self._own_time(packet))
                if packet.pos is not None and packet.pos >= 0:
                    position = packet.pos + packet.size
                yield packet
        except av.FFmpegError as error:
            self._break_reason = error_text(error)

    def _find_late_streams(self) -> None:
        self._late_streams = self.container.format.name != UNLISTED_FORMAT

    def _skips_bytes(self, position: int | None, packet: Packet[Any]) -> bool:
        """Whether a file without gaps has one before a packet."""
        return (
            position is not None
            and packet.pos is not None
            and packet.pos > position + _MOST_OVERHEAD
            and self.container.format.name in _DENSE_FORMATS
        )

    def _note_corrupt(self, packet: Packet[Any], own: bool) -> None:
        self._incomplete.add(packet.stream_index)
        if own:
            self._watch.corrupt_packet(packet_time(packet))
            return
        time = self._own_time(packet)
        at_s = 0.0 if time is None else self.info.seconds(time)
        self.damage.refuse_other(packet.stream.type, max(0.0, at_s), self.info)

    def _own_time(self, packet: Packet[Any]) -> int | None:
        """A packet's time in the unit of the film's."""
        time = packet_time(packet)
        return None if time is None else round(time * packet.time_base / self.info.time_base)

    def _check_end(self) -> None:
        """See whether the film has its end. Raises InputError unless its loss is allowed."""
        reason = self._break_reason
        if not reason and self._incomplete:
            reason = "the data stops in the middle of a frame"
        if not reason and (self._ends_early() or is_cut_avi(self.container, self.info.path)):
            reason = "the file ends before its own duration"
        if not reason and self._goes_on_elsewhere():
            reason = "its pictures go on in another stream, as where recordings were joined"
        if not reason and self._watch.undecoded and self._last_packet is not None:
            rest = self._last_packet - (self._previous or self.info.start_pts)
            if rest * self.info.time_base > _SHORT_S:
                reason = "the rest of it does not decode"
        if not reason and self._watch.undecoded and self._previous is not None:
            last = DamagedFrame(self._previous, 0, self._watch.undecoded)
            self.damage.add(last, self.info)
        self.damage.has_late_streams |= self._late_streams
        if reason:
            at_s = 0.0 if self._previous is None else self.info.seconds(self._previous)
            self.damage.end_early(at_s, reason, self.info)

    def _ends_early(self) -> bool:
        """Whether every stream ended well before the file's own duration."""
        name = self.container.format.name
        if not self.container.duration or not name.startswith(_DURATION_FORMATS):
            return False
        start_s = (self.container.start_time or 0) / av.time_base
        if name.startswith("matroska"):
            start_s = 0.0  # its duration counts from 0, wherever the film begins
        return self._reached_s < start_s + self.container.duration / av.time_base - _SHORT_S
