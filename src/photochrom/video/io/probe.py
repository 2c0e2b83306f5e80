"""What a film file is, found out before any work is done on it."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from photochrom.errors import InputError
from photochrom.video.io.container import (
    InputContainer,
    VideoStream,
    av,
    codec_name,
    error_text,
    film_stream,
    has_captions,
    is_transparent,
    open_container,
    other_streams,
)
from photochrom.video.io.frame import UNSPECIFIED, FilmInfo, Matrix
from photochrom.video.io.orientation import display_orientation

HD_LINES = 720
"""From so many lines on, a film without a tag counts as BT.709, as most players have it."""

_MATRIX: dict[int, Matrix] = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709"}
"""ITU-T H.273 matrix codes; 7 (SMPTE 240M, analogue HD) differs from BT.709 by a hair."""
MATRIX_CODES: dict[Matrix, int] = {"bt709": 1, "bt601": 6}
_KNOWN_MATRICES = {*_MATRIX, UNSPECIFIED}
_WIDE = {9, 10}
_HDR = {16, 18}
_BARE_FORMATS = {
    *("h264", "hevc", "vvc", "m4v", "mpegvideo", "obu", "vc1", "cavsvideo", "dirac", "h263"),
}
"""Formats that are one stream and nothing else, without any times."""
_MOST_TIMES_GUESSED = 4
"""An average of more frames per second than so many times libav's guess is none."""
_PACKED_DIVX = re.compile(rb"DivX\d+(?:Build|b)\d+p")
_PROBE_FRAMES = 4
"""Frames looked at for the interlaced flag: some decoders raise it from the second one on."""

_PROBE_PACKETS = 1000
"""Packets in which they are looked for: a film may begin with a damaged spot."""


def probe(path: str | Path) -> FilmInfo:
    """Look at a film file: its tables and its first frames.

    Raises InputError, with what to do about it, where the file is missing, empty, cut off, a
    picture, sound only, or of a kind whose luma cannot be kept (12 bits, HDR, transparent).
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"cannot read {path}: there is no such file")
    if not path.is_file():
        raise InputError(f"cannot read {path}: it is not a regular file")
    if path.stat().st_size == 0:
        raise InputError(f"cannot read {path}: it is empty (0 bytes); copy it again")
    with open_container(path) as container:
        stream = film_stream(container)
        if stream is None:
            kinds = ", ".join(s.type for s in container.streams) or "nothing"
            raise InputError(f"{path} has no moving picture, only {kinds}; name a film")
        if container.format.name == "image2" or container.format.name.endswith("_pipe"):
            raise InputError(f"{path} is a picture, not a film; use `photochrom image`")
        others = tuple(describe_stream(s) for s in other_streams(container))
        of_container = _color_tags(stream.codec_context) if codec_name(stream) else _NO_TAGS
        frames, first_packet = _first_frames(path, container, stream)
        tags = _color_tags(frames[0]).or_else(of_container)
        _check_kind(path, frames[0], tags)
        # libav decodes no alpha of VP8 and VP9, which is a second picture in each packet.
        if stream.metadata.get("alpha_mode") == "1" or any(map(is_transparent, frames)):
            raise alpha_error(path, 0.0)
        return _describe_film(path, container, stream, frames, tags, others, first_packet)


class _ColorTags(NamedTuple):
    """As ITU-T H.273 numbers them; the range as libav does: 0 is not said."""

    matrix: int
    primaries: int
    transfer: int
    range: int

    def or_else(self, others: _ColorTags) -> _ColorTags:
        """With others where these say nothing: of HEVC libav forgets what its container says."""
        pairs = zip(self, others, _NO_TAGS, strict=True)
        return _ColorTags(*(other if own == unsaid else own for own, other, unsaid in pairs))


_NO_TAGS = _ColorTags(UNSPECIFIED, UNSPECIFIED, UNSPECIFIED, 0)


def _color_tags(tagged: VideoFrame | VideoCodecContext) -> _ColorTags:
    """Those of a frame; or of its file, as long as no frame is decoded."""
    codes = (tagged.colorspace, tagged.color_primaries, tagged.color_trc, tagged.color_range)
    return _ColorTags(*map(int, codes))


def alpha_error(path: Path, at_s: float) -> InputError:
    """What to say of a film that is transparent somewhere."""
    return InputError(
        f"{path} is partly transparent at {at_s:.1f} s, and a film in colours has no alpha; lay it "
        "on a background first (ffmpeg: -f lavfi -i color=black -i FILM -filter_complex "
        "'[0][1]scale2ref[b][f];[b][f]overlay=shortest=1')"
    )


def frame_size(path: Path) -> tuple[int, int]:
    """(height, width) in px of a film's frames, as the file says before any of them is decoded.

    (0, 0) where it does not say. Raises InputError where it cannot be read.
    """
    with open_container(path) as container:
        stream = film_stream(container)
        context = None if stream is None else stream.codec_context
        return (0, 0) if context is None else (context.height, context.width)


def describe_stream(stream: Stream) -> str:
    """A stream in words: "subtitle: subrip, eng"."""
    codec = codec_name(stream) or "unknown codec"  # as for fonts and the like
    name = stream.metadata.get("filename") or stream.metadata.get("title") or stream.language
    return f"{stream.type}: {codec}" + (f", {name}" if name else "")


def _first_frames(
    path: Path, container: InputContainer, stream: VideoStream
) -> tuple[list[VideoFrame], bytes]:
    """Some frames, and what is in the first packet."""
    first_packet = b""
    stream.thread_type = "AUTO"
    frames: list[VideoFrame] = []
    failure: av.FFmpegError | None = None
    packets = container.demux(stream)
    for _ in range(_PROBE_PACKETS):
        try:
            packet = next(packets, None)
            if packet is None:
                break
            first_packet = first_packet or bytes(packet)
            frames += stream.decode(packet)
        except av.FFmpegError as error:  # a damaged beginning; the film may come later
            failure = failure or error
        if len(frames) >= _PROBE_FRAMES:
            break
    if not frames and failure is not None:
        raise InputError(
            f"cannot read {path}: its first frames do not decode ({error_text(failure)}); "
            "the file is damaged, or of a kind that libav does not know"
        ) from failure
    if not frames:
        raise InputError(f"cannot read {path}: it has no frames; it is cut off or was never filled")
    return frames, first_packet


def _is_packed(container: InputContainer, stream: VideoStream, first_packet: bytes) -> bool:
    """Whether some packets of MPEG-4 in an .avi have two frames, which their encoder tells by a
    "p" behind its name. Source: as libavcodec reads these names.
    """
    context = stream.codec_context
    if context.name != "mpeg4" or container.format.name not in ("avi", "asf"):
        return False
    return any(map(_PACKED_DIVX.search, (first_packet, bytes(context.extradata or b""))))


def _check_kind(path: Path, frame: VideoFrame, tags: _ColorTags) -> None:
    kind = frame.format
    bits = luma_bits(kind)
    if bits not in (8, 10):
        raise InputError(
            f"{path} has {bits} bits ({kind.name}); only 8 and 10 are kept exactly: convert it to "
            "10 bits first (ffmpeg: -pix_fmt yuv420p10)"
        )
    # libav calls the greys of a .png "RGB", too; they need no matrix.
    grey = len(kind.components) < 3
    if not (kind.is_rgb or grey) and tags.matrix not in _KNOWN_MATRICES | _WIDE:
        raise InputError(
            f"{path} has the colour matrix {tags.matrix} of ITU-T H.273 (such as YCgCo), "
            "whose luma is not that of BT.601 or BT.709; convert it first (ffmpeg: "
            "-vf scale=out_color_matrix=bt709)"
        )
    if tags.matrix in _WIDE or tags.transfer in _HDR:
        raise InputError(
            f"{path} is HDR or BT.2020, which is not supported; convert it to BT.709 first"
        )


def luma_bits(kind: VideoFormat) -> int:
    """Bits of a luma code of frames of a pixel format."""
    bits = kind.components[0].bits
    return 8 if kind.has_palette or kind.is_bit_stream or (kind.is_rgb and bits < 8) else bits


def _describe_film(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    frames: list[VideoFrame],
    tags: _ColorTags,
    others: tuple[str, ...],
    first_packet: bytes,
) -> FilmInfo:
    frame = frames[0]
    kind = frame.format
    context = stream.codec_context
    rgb = kind.is_rgb or kind.has_palette
    monochrome = len(kind.components) == 1 and not rgb
    matrix = _MATRIX.get(tags.matrix) or ("bt709" if frame.height >= HD_LINES else "bt601")
    tagged_full, tagged_limited = tags.range == 2, tags.range == 1
    # libav's grey formats are full range unless the file says otherwise.
    full_range = tagged_full or (monochrome and not tagged_limited)
    rate = _rate(container, stream)
    rotation, mirrored = display_orientation(frame)
    return FilmInfo(
        path=path,
        height=frame.height,
        width=frame.width,
        bits=luma_bits(kind),
        full_range=full_range and not rgb,
        matrix=matrix,
        time_base=stream.time_base or Fraction(1, av.time_base),
        rate=Fraction(rate) if rate else None,
        duration_s=_duration_s(container, stream),
        frames=stream.frames or None,
        interlaced=context.field_order >= 2 or any(f.interlaced_frame for f in frames),
        rotation=rotation,
        monochrome=monochrome,
        streams=others,
        rgb=rgb,
        sample_aspect=Fraction(stream.sample_aspect_ratio or 1),
        primaries=tags.primaries or UNSPECIFIED,
        transfer=tags.transfer or UNSPECIFIED,
        matrix_code=MATRIX_CODES[matrix] if rgb else tags.matrix or UNSPECIFIED,
        start_pts=first_pts(frame),
        mirrored=mirrored,
        alpha=any(part.is_alpha for part in kind.components) or kind.has_palette,
        packed=_is_packed(container, stream, first_packet),
        captions=any(map(has_captions, frames)),
    )


def _rate(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Frames per second, as far as the file says."""
    average, guessed = stream.average_rate, stream.guessed_rate
    # For bare streams libav makes up an average, and finds the rate in the stream itself; of DV
    # it takes the ticks of the clock for frames.
    made_up = container.format.name in _BARE_FORMATS or (
        average and guessed and average > _MOST_TIMES_GUESSED * guessed
    )
    return (guessed if made_up else None) or average or guessed


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds, as far as the file says."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if not container.duration:
        return None
    # Matroska's duration counts from 0, wherever the film begins.
    offset = container.start_time or 0 if container.format.name.startswith("matroska") else 0
    return float(Fraction(container.duration - offset, av.time_base))


def first_pts(frame: VideoFrame) -> int:
    """Presentation time of the film's first frame; 0 where the file has no times at all."""
    if frame.pts is not None:
        return frame.pts
    return frame.dts if frame.dts is not None else 0
