"""From a film file to its frames: the luma plane as the file has it, one frame after the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, inf
from typing import Any

import numpy as np
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.video.frames import FilmInfo, Frame
from photochrom.video.libav import (
    InputContainer,
    VideoStream,
    av,
    film_stream,
    opened,
    plane_codes,
    words,
)
from photochrom.video.probe import MATRIX_CODES

_SHORT_S = 0.5
"""A file whose streams all end so much before the duration in its header was cut off."""
_HONEST_DURATION = ("mov,mp4", "matroska", "flv", "avi")
"""Formats that write the duration down; for the others libav guesses it from the file's size."""
_SEEK_BACK_S = (0.0, 2.0, 10.0, 60.0)
"""How much earlier than asked for to look for a key frame, if none was found before the time."""
_DEINTERLACE_S = Fraction(1, 2)
_SLIP = Fraction(1, 1000)
"""Of a unit of time: a time that was a float on its way still means its own frame."""


def read_frames(
    info: FilmInfo,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    deinterlace: bool = False,
) -> Iterator[Frame]:
    """The frames of a film from `start_s` up to, not including, `end_s`, in order of time.

    start_s, end_s: seconds from the film's first frame (`FilmInfo.seconds`); None: all of it. The
        frames and their indices are the same whether reading starts there or at the beginning.
    deinterlace: make one progressive frame of each interlaced one (bwdif); the luma is then
        computed. An interlaced film is refused without it: its lines would be coloured as a comb.
    Luma of YUV and grey films is the untouched Y plane; RGB ones are converted (swscale, the
    range 16 to 235, `FilmInfo.matrix`). Memory does not grow with the film's length.

    Raises InputError for interlaced films, times outside of the film, and files that break off
    or do not decode, with the second where that happens.
    """
    if info.interlaced and not deinterlace:
        raise InputError(
            f"{info.path} is interlaced (two half pictures in each frame); pass --deinterlace to "
            "make whole frames of them"
        )
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise InputError(f"nothing of {info.path} lies between {start_s:g} s and {end_s:g} s")
    first = _pts_at(info, start_s)
    last = inf if end_s is None else _pts_at(info, end_s)
    index = 0
    with opened(info.path) as container:
        if start_s is not None and start_s > 0:
            index = _frames_before(container, first, info)
    with opened(info.path) as container:
        stream = film_stream(container)
        if stream is None:
            raise InputError(f"{info.path} has changed: it has no moving picture any more")
        stream.thread_type = "AUTO"
        decoder = _Decoder(info, container, stream, last)
        # A deinterlacer looks at the frame before as well.
        earlier = round(_DEINTERLACE_S / info.time_base) if info.interlaced else 0
        frames = decoder.frames_from(first - earlier if index else None)
        found = 0
        for frame in _deinterlaced(frames, stream, info) if info.interlaced else frames:
            pts = decoder.pts_of(frame)
            if pts < first:
                continue
            if pts >= last:
                break
            yield Frame(index + found, pts, luma_of(frame, info), _duration(frame))
            found += 1
    if not found:
        raise InputError(f"{info.path} has no frame from {start_s or 0:g} s on; it is shorter")


def luma_of(frame: VideoFrame, info: FilmInfo) -> NDArray[Any]:
    """The luma plane: (H, W) uint8, or uint16 for 10 bits, code values in the film's range.

    Raises InputError where the frame's size is not the film's.
    """
    if (frame.height, frame.width) != (info.height, info.width):
        raise InputError(
            f"{info.path} changes its size from {info.width} x {info.height} to "
            f"{frame.width} x {frame.height}; cut it into films of one size"
        )
    name = frame.format.name
    if not name.startswith(("yuv4", "yuvj4", "gray", "nv")):
        frame = _as_planes(frame, info)
        name = frame.format.name
    plane = frame.planes[0]
    dtype = np.dtype(np.uint8 if info.bits == 8 else ">u2" if name.endswith("be") else "<u2")
    codes = plane_codes(plane, dtype)
    return codes.astype(np.uint8 if info.bits == 8 else np.uint16, order="C")


def _as_planes(frame: VideoFrame, info: FilmInfo) -> VideoFrame:
    """Of packed YUV the luma is only moved; of RGB it is computed."""
    wanted = "yuv444p" if info.bits == 8 else "yuv444p10le"
    code = MATRIX_CODES[info.matrix]
    if info.rgb:
        return frame.reformat(format=wanted, dst_colorspace=code, dst_color_range=1)
    if info.monochrome:  # 1 bit for each pixel
        return frame.reformat(format="gray")
    both = 2 if info.full_range else 1
    return frame.reformat(format=wanted, src_color_range=both, dst_color_range=both)


def _pts_at(info: FilmInfo, seconds: float | None) -> int:
    if seconds is None or seconds <= 0:
        return info.start_pts
    return info.start_pts + ceil(Fraction(seconds) / info.time_base - _SLIP)


def _duration(frame: VideoFrame) -> int:
    return max(0, frame.duration or 0)


def _frames_before(container: InputContainer, pts: int, info: FilmInfo) -> int:
    """How many frames come before a time: packets are counted, nothing is decoded."""
    stream = film_stream(container)
    times = sorted(
        packet.pts if packet.pts is not None else packet.dts or 0
        for packet in container.demux(stream)
        if packet.size and not packet.is_discard
    )
    return bisect_left(times, pts) - bisect_left(times, info.start_pts)


@dataclass
class _Decoder:
    """Decodes, and watches whether the file goes on as long as its header says."""

    info: FilmInfo
    container: InputContainer
    stream: VideoStream
    last: float
    _previous: int | None = None
    _reached_s: float = field(default=0.0)

    def frames_from(self, pts: int | None) -> Iterator[VideoFrame]:
        """Decoded frames, beginning at `pts` or before; None: with the first one."""
        if pts is None:
            yield from self._decoded()
            return
        for back_s in _SEEK_BACK_S:
            target = pts - round(back_s / self.info.time_base)
            if target <= self.info.start_pts:
                break
            try:
                self.container.seek(target, stream=self.stream)
            except av.FFmpegError:
                break  # a format without seeking: read from the beginning
            frames = self._decoded()
            first = next(frames, None)
            if first is not None and first.pts is not None and first.pts <= pts:
                yield first
                yield from frames
                return
        with opened(self.info.path) as container:
            stream = film_stream(container)
            if stream is None:
                raise InputError(f"{self.info.path} has changed while it was read")
            stream.thread_type = "AUTO"
            self.container, self.stream, self._previous = container, stream, None
            yield from self._decoded()

    def pts_of(self, frame: VideoFrame) -> int:
        """Its time; one unit after the frame before where the file has none or goes backwards."""
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:
            step = self.info.rate and round(1 / self.info.rate / self.info.time_base)
            pts = self.info.start_pts if self._previous is None else self._previous + (step or 1)
        if self._previous is not None and pts <= self._previous:
            pts = self._previous + 1
        self._previous = pts
        return pts

    def _decoded(self) -> Iterator[VideoFrame]:
        some = False
        try:
            for packet in self.container.demux(*_timed(self.container)):
                self._look_at(packet)
                if packet.stream.index != self.stream.index:
                    continue
                try:
                    frames = self.stream.decode(packet)
                except av.InvalidDataError:
                    if some:
                        raise
                    continue  # what comes before the first key frame cannot be decoded
                for frame in frames:
                    some = True
                    yield frame
        except av.FFmpegError as error:
            raise self._broken(words(error)) from error
        self._check_end()

    def _look_at(self, packet: Packet[Any]) -> None:
        if packet.is_corrupt:
            raise self._broken("the data stops in the middle of a frame")
        if packet.pts is not None and packet.time_base:
            end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self._reached_s = max(self._reached_s, end_s)

    def _check_end(self) -> None:
        """Raise InputError if every stream ended well before the file's own duration."""
        if not self.container.duration or not self.container.format.name.startswith(
            _HONEST_DURATION
        ):
            return
        start_s = (self.container.start_time or 0) / av.time_base
        if self.container.format.name.startswith("matroska"):
            start_s = 0.0  # its duration counts from 0, wherever the film begins
        if self._reached_s < start_s + self.container.duration / av.time_base - _SHORT_S:
            raise self._broken("the file ends before its own duration")

    def _broken(self, reason: str) -> InputError:
        at_s = 0.0 if self._previous is None else self.info.seconds(self._previous)
        return InputError(
            f"{self.info.path} breaks off at {at_s:.1f} s: {reason}; copy it again, or colour the "
            f"part before with --to {int(at_s * 10) / 10:g}"
        )


def _timed(container: InputContainer) -> list[Stream]:
    """The streams that have packets along the film."""
    return [s for s in container.streams if s.type in ("video", "audio", "subtitle")]


def _deinterlaced(
    frames: Iterator[VideoFrame], stream: VideoStream, info: FilmInfo
) -> Iterator[VideoFrame]:
    """One whole frame for each interlaced one, times as they were."""
    graph = Graph()
    source = graph.add_buffer(template=stream)
    filtered = graph.add("bwdif", "mode=send_frame:parity=auto:deint=all")
    sink = graph.add("buffersink")
    graph.link_nodes(source, filtered, sink).configure()
    for frame in _and_none(frames):
        graph.vpush(frame)
        while True:
            try:
                whole = graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                break
            ticks = (whole.time_base or info.time_base) / info.time_base
            if whole.pts is not None:
                whole.pts = round(whole.pts * ticks)
            whole.duration = round((whole.duration or 0) * ticks)
            yield whole


def _and_none(frames: Iterator[VideoFrame]) -> Iterator[VideoFrame | None]:
    yield from frames
    yield None
