"""Coloured frames into a segment of a film: the source's luma, the new chroma, one encoder."""

from __future__ import annotations

import contextlib
import os
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from av.codec.hwaccel import HWAccel
from av.video.frame import PictureType, VideoFrame
from numpy.typing import NDArray

from photochrom.errors import OutputError
from photochrom.video.io.codecs import CODECS, HARDWARE, Encoding
from photochrom.video.io.container import VideoStream, av, error_text, plane_codes
from photochrom.video.io.frame import UNSPECIFIED, FilmInfo, Frame
from photochrom.video.io.probe import MATRIX_CODES
from photochrom.video.io.scheduling import usual_scheduling

_LEAD_S = 3600


class FilmWriter:
    """Writes a segment of a film: `with FilmWriter(...) as writer: writer.write(frame, chroma)`.

    The file (in the codec's `segment_format`, whatever its name) has the video alone, with the
    source's time base, times (moved by `lead_ticks`), colour tags and pixel aspect;
    `mux.join_segments` makes the film of it. Two segments of one film have the same codec
    parameters and each begins with a key frame that nothing reaches over. 8-bit films have 8 bits
    and 10-bit ones 10, where the codec does not always have 10. Where it has no odd sizes, the last
    column or row is there twice.

    Raises OutputError where the encoder refuses, or the disk does.
    """

    def __init__(self, path: str | Path, info: FilmInfo, encoding: Encoding | None = None) -> None:
        self.path, self.info = Path(path), info
        self.encoding = encoding or Encoding()
        codec = CODECS[self.encoding.codec]
        for name, value in codec.environment.items():
            os.environ.setdefault(name, value)
        self._deep = info.bits > 8 or codec.ten_bits
        self._rows_doubled = codec.sampling == "yuv422p"
        self._height = info.height + (info.height % 2 if codec.even_sizes else 0)
        self._width = info.width + (info.width % 2 if codec.even_sizes else 0)
        self._format = self._encoded_format = codec.sampling + ("10le" if self._deep else "")
        hardware = HARDWARE[self.encoding.hardware] if self.encoding.hardware else None
        on_device = {}
        if hardware is not None:
            self._encoded_format = hardware.formats[self._deep]
            if hardware.device is not None:
                on_device["hwaccel"] = HWAccel(hardware.device, allow_software_fallback=False)
        try:
            self._container = av.open(
                f"file:{self.path}",
                "w",
                format=codec.segment_format,
                container_options=container_options(codec.segment_format, info),
            )
            stream = self._container.add_stream(
                self.encoding.encoder,
                rate=info.nominal_rate,
                options=self.encoding.options(),
                time_base=info.time_base,
                width=self._width,
                height=self._height,
                pix_fmt=self._encoded_format,
                **on_device,
            )
        except (av.FFmpegError, ValueError, NotImplementedError) as error:
            raise self._write_error(error) from error
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._tags = color_tags(info)
        context = stream.codec_context
        context.thread_count = self.encoding.threads
        context.sample_aspect_ratio = info.sample_aspect
        for name, code in self._tags.items():
            setattr(context, name, code)

    def write(self, frame: Frame, chroma: NDArray[Any]) -> None:
        """Encode one frame.

        frame: its luma (H, W) in the film's dtype and range goes into the file as it is.
        chroma: (ceil(H / 2), ceil(W / 2), 2) of the same dtype, U and V codes.
        Raises ValueError for other shapes, OutputError where the encoder or the disk refuses.
        """
        half = ((self.info.height + 1) // 2, (self.info.width + 1) // 2, 2)
        if frame.luma.shape != (self.info.height, self.info.width) or chroma.shape != half:
            raise ValueError(
                f"luma {frame.luma.shape} and chroma {chroma.shape} are not "
                f"{(self.info.height, self.info.width)} and {half}"
            )
        if frame.luma.dtype != chroma.dtype:
            raise ValueError(f"luma is {frame.luma.dtype}, chroma {chroma.dtype}")
        picture = self._picture(frame.captioned)
        rows = 2 if self._rows_doubled else 1
        for plane, codes, repeat in (
            (0, frame.luma, 1),
            (1, chroma[..., 0], rows),
            (2, chroma[..., 1], rows),
        ):
            self._fill(picture, plane, codes, repeat)
        picture.pts = frame.pts - self.info.start_pts + lead_ticks(self.info)
        picture.time_base = self.info.time_base
        picture.duration = frame.duration
        for name, code in self._tags.items():
            setattr(picture, name, code)
        try:
            if self._encoded_format != self._format:
                picture = self._to_encoded_format(picture)
            self._mux(picture)
        except (av.FFmpegError, ValueError) as error:
            raise self._write_error(error) from error

    def _to_encoded_format(self, picture: VideoFrame) -> VideoFrame:
        """The same codes as the encoder takes them, such as U and V interleaved."""
        moved = picture.reformat(format=self._encoded_format)
        moved.pts, moved.time_base, moved.duration = (
            picture.pts,
            self.info.time_base,
            picture.duration,
        )
        for name, code in self._tags.items():
            setattr(moved, name, code)
        return moved

    def _picture(self, captioned: VideoFrame | None) -> VideoFrame:
        """What the planes are written into: a frame with the captions that are to be kept."""
        upright = not (self.info.rotation or self.info.mirrored)
        if captioned is None or not (CODECS[self.encoding.codec].captions and upright):
            return VideoFrame(self._width, self._height, self._format)
        picture = captioned.reformat(self._width, self._height, self._format)
        picture.make_writable()
        picture.pict_type = PictureType.NONE
        return picture

    def close(self) -> None:
        """Encode what the encoder still holds and finish the file. Raises OutputError."""
        try:
            self._mux(None)
            self._container.close()
        except (av.FFmpegError, ValueError) as error:
            raise self._write_error(error) from error

    def abandon(self) -> None:
        """Close the file as it is, unfinished; that it cannot even be closed is no news then."""
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()

    def __enter__(self) -> FilmWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()  # what is there stays unfinished

    def _mux(self, picture: VideoFrame | None) -> None:
        begins = not self._stream.codec_context.is_open
        with usual_scheduling() if begins else contextlib.nullcontext():
            packets = self._stream.encode(picture)
        for packet in packets:
            if packet.pts is not None:
                # x265 leaves the decoding time of a single frame unset or at random.
                known = packet.dts is not None and 0 <= packet.dts <= packet.pts
                packet.dts = packet.dts if known else packet.pts
            self._container.mux_one(packet)

    def _fill(self, picture: VideoFrame, index: int, codes: NDArray[Any], repeat: int) -> None:
        if self._deep and self.info.bits == 8:
            codes = _to_ten_bits(codes, luma=index == 0, full_range=self.info.full_range)
        if repeat == 2:
            codes = np.repeat(codes, 2, axis=0)
        plane = picture.planes[index]
        dtype = np.dtype("<u2" if self._deep else np.uint8)
        there = plane_codes(plane, dtype)
        height, width = min(codes.shape[0], plane.height), codes.shape[1]
        there[:height, :width] = codes[:height]
        if width < plane.width:
            there[:height, width:] = there[:height, width - 1 : width]
        if height < plane.height:
            there[height:] = there[height - 1]

    def _write_error(self, error: Exception) -> OutputError:
        reason = error_text(error) if isinstance(error, av.FFmpegError) else str(error)
        return OutputError(
            f"cannot write {self.path} as {self.encoding.codec}, {self._width} x {self._height}, "
            f"{self._format}: {reason}; check the space on the disk, or choose another --codec"
        )


def lead_ticks(info: FilmInfo) -> int:
    """What segments add to the time since the film's first frame, in its time base.

    Decoding times come before presentation times, and NUT has none below 0.
    """
    return ceil(_LEAD_S / info.time_base)


def container_options(container: str, info: FilmInfo) -> dict[str, str]:
    """Options of a container: MP4 and MOV are to keep the film's unit of time."""
    if container not in ("mp4", "mov"):
        return {}
    return {"video_track_timescale": str(info.time_base.denominator)}


def color_tags(info: FilmInfo) -> dict[str, int]:
    """The tags of the coloured film, as H.273 numbers them, by libav's names.

    The source's own; but where it does not name the matrix, the one that the chroma was computed
    with is named: now there are colours that another guess would spoil.
    """
    named = info.matrix_code != UNSPECIFIED
    return {
        "color_range": 2 if info.full_range else 1,
        "colorspace": info.matrix_code if named else MATRIX_CODES[info.matrix],
        "color_primaries": info.primaries,
        "color_trc": info.transfer,
    }


def _to_ten_bits(codes: NDArray[Any], *, luma: bool, full_range: bool) -> NDArray[np.uint16]:
    """8-bit codes as 10-bit ones."""
    deep: NDArray[np.uint16] = codes.astype(np.uint16) * np.uint16(4)
    if luma and full_range:
        deep += codes >> 6  # white is 1023
    return deep
