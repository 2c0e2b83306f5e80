"""The door to PyAV: the optional package, how a film is opened, and what went wrong in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, requires_extra

with requires_extra("video", "a film"):
    import av
    from av.codec import CodecContext
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.plane import VideoPlane
    from av.video.stream import VideoStream

    from photochrom.video.io.animated_webp import animated_webp_film, is_animated_webp

__all__ = [
    "UNLISTED_FORMAT",
    "InputContainer",
    "VideoStream",
    "av",
    "codec_name",
    "error_text",
    "film_stream",
    "has_captions",
    "is_transparent",
    "open_container",
    "other_streams",
    "packet_time",
    "plane_codes",
    "readable_packets",
    "timed_streams",
]

AV_VERSION = av.__version__
"""Of PyAV, whose wheels bring libav and the encoders along."""
_MOST_FAILURES = 100
_OPAQUE = 255
UNLISTED_FORMAT = "mpeg"
"""MPEG program streams (.vob, .mpg): there is a stream from its first packet on."""
_LOOK_THROUGH = {"probesize": str(1 << 50), "analyzeduration": str(1 << 50), "fflags": "nobuffer"}
"""libav's options to look at more than the first 5 MB, and not to keep what it has seen."""
METADATA_ERRORS = "surrogateescape"
"""Old files carry titles in other encodings than UTF-8; their bytes go through unchanged."""


def error_text(error: av.FFmpegError) -> str:
    """What libav says of an error, without its numbers and file names."""
    return (error.strerror or type(error).__name__).lower()


@contextmanager
def open_container(path: Path, *, late_streams: bool = False) -> Iterator[InputContainer]:
    """The film file, open for reading; only local files, also where a playlist names others.

    late_streams: look all of a file through whose format does not list its streams, for those that
        begin late. Of its pictures, some packets are then without the time at which they are shown.
    Raises InputError where the file cannot be opened or is no film at all.
    """
    container = _open(path)
    if late_streams and container.format.name == UNLISTED_FORMAT:
        container.close()
        container = _open(path, _LOOK_THROUGH)
        container.seek(0, unsupported_byte_offset=True)
    with container:
        yield container


def _open(path: Path, options: Mapping[str, str] = MappingProxyType({})) -> InputContainer:
    source = animated_webp_film(path) if is_animated_webp(path) else f"file:{path}"
    try:
        return av.open(
            source,
            "r",
            container_options={"protocol_whitelist": "file", **options},
            metadata_errors=METADATA_ERRORS,
        )
    except av.FFmpegError as error:
        raise InputError(
            f"cannot read {path}: {error_text(error)}; it is no film, or damaged, or cut off "
            "before its table of contents (an .mp4 that was never finished)"
        ) from error


def shown_path(container: InputContainer) -> str:
    """What to call the file of a container in messages."""
    return container.name.removeprefix("file:")


def film_stream(container: InputContainer) -> VideoStream | None:
    """The first video stream that is no cover picture; of an animated AVIF, its animation."""
    streams = [stream for stream in container.streams.video if not is_cover(stream)]
    moving = (stream for stream in streams if not _is_still(stream))
    return next(moving, next(iter(streams), None))


def is_cover(stream: Stream) -> bool:
    """Whether a stream is a picture of the film's cover."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _is_still(stream: Stream) -> bool:
    """Whether it is the picture that stands for an animated AVIF where that is shown as a still."""
    return stream.type == "video" and stream.frames == 1 and stream.duration is None


def other_streams(container: InputContainer) -> list[Stream]:
    """All streams but the film itself, the picture that stands for it in an AVIF, and the titles of
    an .mp4's chapters, which libav hands out as chapters.
    """
    film = film_stream(container)
    return [
        stream
        for stream in container.streams
        if (film is None or stream.index != film.index)
        and (is_cover(stream) or not _is_still(stream))
        and not (stream.type == "data" and stream.discard == av.stream.Discard.all)
    ]


def readable_packets(
    container: InputContainer,
    streams: Sequence[Stream],
    on_late_streams: Callable[[], None] = lambda: None,
) -> Iterator[Packet[Any]]:
    """The packets of some streams, also behind places of the file that cannot be read.

    on_late_streams: called at the end where more streams have turned up, which cannot be read.
    Raises av.FFmpegError where many readings, one after the other, fail: the rest is given up.
    """
    packets = container.demux(*streams)
    failures = 0
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            failures += 1
            if failures > _MOST_FAILURES or isinstance(error, MemoryError):
                raise
            packets = container.demux(*streams)
            continue
        except IndexError:  # PyAV's, at the end of a file in which more streams turned up
            on_late_streams()
            return
        if packet is None:
            return
        failures = 0
        if packet.size or packet.pts is not None or packet.dts is not None:
            yield packet  # else the mark of the end


def codec_name(stream: Stream) -> str:
    """libav's name of a stream's codec; empty where libav does not know it, or there is none."""
    context: CodecContext | None = stream.codec_context
    return "" if context is None else context.name


def packet_time(packet: Packet[Any]) -> int | None:
    """When its frame is shown, or else when it is decoded, in its own unit of time."""
    return packet.pts if packet.pts is not None else packet.dts


def timed_streams(container: InputContainer) -> list[Stream]:
    """The streams that have packets along the film."""
    return [s for s in container.streams if s.type in ("video", "audio", "subtitle")]


def has_captions(frame: VideoFrame) -> bool:
    """Whether closed captions (CEA-608, CEA-708; ATSC A/53) come with a frame."""
    return frame.side_data.get("A53_CC") is not None


def is_transparent(frame: VideoFrame) -> bool:
    """Whether any pixel of a frame lets something through; False for kinds without alpha."""
    kind = frame.format
    if not kind.has_palette and not any(part.is_alpha for part in kind.components):
        return False
    if kind.is_planar and not kind.has_palette:
        bits = kind.components[-1].bits
        alpha = plane_codes(frame.planes[-1], np.dtype(np.uint8 if bits == 8 else "<u2"))
        return bool(alpha.min() < (1 << bits) - 1)
    packed = frame if kind.name in ("rgba", "bgra") else frame.reformat(format="rgba")
    return bool(np.asarray(packed.to_ndarray())[..., 3].min() < _OPAQUE)


def plane_codes(plane: VideoPlane, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A view of a picture plane's memory: (height, width) codes; writable if the plane is."""
    memory: Any = plane  # PyAV's planes are buffers, which its type stubs do not say
    rows = np.frombuffer(memory, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    codes: NDArray[Any] = rows[: plane.height, : plane.width]
    return codes
