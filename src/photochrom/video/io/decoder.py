"""From a film file to its decoded frames in order, each with the time at which it is shown.

That time is what a frame is known by: nothing is counted, since packets are no frames. Some hold
none that is shown (VP8's hidden references), or half of one (H.264's fields).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame

from photochrom.errors import InputError
from photochrom.video.io.container import (
    InputContainer,
    VideoStream,
    av,
    error_text,
    film_stream,
    open_container,
)
from photochrom.video.io.frame import FilmInfo

_SHORT_S = 0.5
"""A file whose streams all end so much before the duration in its header was cut off."""
_DURATION_FORMATS = ("mov,mp4", "matroska", "flv", "avi")
"""Formats that write the duration down; for the others libav guesses it from the file's size."""
_SEEK_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""How much earlier than asked for to look for a key frame, if none was found before the time."""
_PTS_FORMATS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "flv", "nut", "mxf"}
"""Formats with the time at which a frame is shown in each packet. In others, such as MPEG program
streams, libav makes up what is missing, and otherwise when it begins in the middle."""
_DTS_FORMATS = {"avi", "asf"}
"""Formats with the time at which it is decoded."""
_REORDERING_CODECS = {"h264", "hevc", "vvc"}
"""Codecs of which libav does not find out the order of showing without decoding."""


@contextmanager
def open_decoder(info: FilmInfo) -> Iterator[Decoder]:
    """A decoder of the film file. Raises InputError where it is no film any more."""
    with open_container(info.path) as container:
        stream = film_stream(container)
        if stream is None:
            raise InputError(f"{info.path} has changed: it has no moving picture any more")
        yield Decoder(info, container, stream)


def check_complete(info: FilmInfo) -> None:
    """Raise InputError where the file breaks off, with the second at which it does.

    All of it is read, but nothing decoded: a film may still not decode.
    """
    with open_decoder(info) as decoder:
        decoder.check_packets()


@dataclass
class Decoder:
    """Decodes, and watches whether the file goes on as long as its header says."""

    info: FilmInfo
    container: InputContainer
    stream: VideoStream
    _previous: int | None = None
    _reached_s: float = 0.0
    _pending: list[int] = field(default_factory=list)
    """Times of packets in disorder, as a heap: the next frame has the earliest of them."""

    def __post_init__(self) -> None:
        self.stream.thread_type = "AUTO"
        name = self.container.format.name
        codec = self.stream.codec_context.codec.canonical_name
        dts_only = name in _DTS_FORMATS
        self._reorders = dts_only and codec in _REORDERING_CODECS
        self._seekable = name in _PTS_FORMATS or (dts_only and not self._reorders)

    def check_packets(self) -> None:
        """Go through all packets without decoding them. Raises InputError as decoding does."""
        try:
            for packet in self._packets():
                if packet.pts is not None:
                    self._previous = max(packet.pts, self._previous or packet.pts)
        except av.FFmpegError as error:
            raise self._break_error(error_text(error)) from error
        self._check_end()

    def frames(self, pts: int | None) -> Iterator[VideoFrame]:
        """Decoded frames, `pts` as they are shown, beginning at that time or before.

        None: with the first one. A film whose packets do not all have the time at which their
        frames are shown is read from its beginning, as a frame's time hangs on those before it.
        """
        frames = self._seek(pts) if pts is not None and self._seekable else self._decode()
        for frame in frames:
            frame.pts = self._frame_time(frame)
            yield frame

    def _seek(self, pts: int) -> Iterator[VideoFrame]:
        """Decoded frames from a key frame at the time or before it on."""
        for back_s in _SEEK_BACK_S:
            target = pts - round(back_s / self.info.time_base)
            if target <= self.info.start_pts:
                break
            try:
                self.container.seek(target, stream=self.stream)
            except av.FFmpegError:
                break  # a format without seeking: read from the beginning
            frames = self._decode()
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts <= pts:
                yield first
                yield from frames
                return
        with open_container(self.info.path) as container:
            stream = film_stream(container)
            if stream is None:
                raise InputError(f"{self.info.path} has changed while it was read")
            stream.thread_type = "AUTO"
            self.container, self.stream, self._previous = container, stream, None
            yield from self._decode()

    def _frame_time(self, frame: VideoFrame) -> int:
        """Its time; one unit after the frame before where the file has none or goes backwards."""
        if self._reorders:
            pts = heapq.heappop(self._pending) if self._pending else None
        else:
            pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:
            step = self.info.rate and round(1 / self.info.rate / self.info.time_base)
            pts = self.info.start_pts if self._previous is None else self._previous + (step or 1)
        if self._previous is not None and pts <= self._previous:
            pts = self._previous + 1
        self._previous = pts
        return pts

    def _decode(self) -> Iterator[VideoFrame]:
        some = False
        try:
            for packet in self._packets():
                try:
                    frames = self.stream.decode(packet)
                except av.InvalidDataError:
                    if some:
                        raise
                    continue  # what comes before the first key frame cannot be decoded
                if self._reorders and packet.size and packet.pts is not None:
                    heapq.heappush(self._pending, packet.pts)
                for frame in frames:
                    some = True
                    yield frame
        except av.FFmpegError as error:
            raise self._break_error(error_text(error)) from error
        if some:  # else it was sought behind the last key frame
            self._check_end()

    def _packets(self) -> Iterator[Packet[Any]]:
        """The film's own packets. Those of the other streams also say how far the file goes."""
        for packet in self.container.demux(*_timed_streams(self.container)):
            if packet.is_corrupt:
                raise self._break_error("the data stops in the middle of a frame")
            if packet.pts is not None and packet.time_base:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                self._reached_s = max(self._reached_s, end_s)
            if packet.stream.index == self.stream.index:
                yield packet

    def _check_end(self) -> None:
        """Raise InputError if every stream ended well before the file's own duration."""
        if not self.container.duration or not self.container.format.name.startswith(
            _DURATION_FORMATS
        ):
            return
        start_s = (self.container.start_time or 0) / av.time_base
        if self.container.format.name.startswith("matroska"):
            start_s = 0.0  # its duration counts from 0, wherever the film begins
        if self._reached_s < start_s + self.container.duration / av.time_base - _SHORT_S:
            raise self._break_error("the file ends before its own duration")

    def _break_error(self, reason: str) -> InputError:
        at_s = 0.0 if self._previous is None else self.info.seconds(self._previous)
        return InputError(
            f"{self.info.path} breaks off at {at_s:.1f} s: {reason}; copy it again, or take the "
            f"part before (`photochrom film` has --to {int(at_s * 10) / 10:g} for it)"
        )


def _timed_streams(container: InputContainer) -> list[Stream]:
    """The streams that have packets along the film."""
    return [s for s in container.streams if s.type in ("video", "audio", "subtitle")]
