"""A film decoded and encoded again, with nothing in between: what colouring it is measured by."""

from __future__ import annotations

from pathlib import Path

from av.container import OutputContainer
from av.video.frame import VideoFrame

from photochrom.errors import OutputError
from photochrom.video.io.codecs import CODECS, Encoding
from photochrom.video.io.container import VideoStream, av, error_text
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import decoded_frames


def transcode(source: str | Path, target: str | Path, encoding: Encoding) -> int:
    """Decode a film and encode it as 4:2:0 with these settings, without sound.

    Returns the number of frames. Raises InputError as `probe` and `decoded_frames` do, OutputError
    where the encoder refuses.
    """
    info = probe(source)
    count = 0
    with av.open(f"file:{target}", "w") as out:
        encoder = out.add_stream(
            CODECS[encoding.codec].encoder,
            rate=info.nominal_rate,
            options=encoding.options(),
            width=info.width + info.width % 2,
            height=info.height + info.height % 2,
            pix_fmt="yuv420p" if info.bits == 8 else "yuv420p10le",
            time_base=info.time_base,
        )
        for decoded in decoded_frames(info):
            frame = decoded.picture
            frame.pict_type = 0
            _encode(out, encoder, frame, source)
            count += 1
        _encode(out, encoder, None, source)
    return count


def _encode(
    out: OutputContainer, encoder: VideoStream, frame: VideoFrame | None, source: str | Path
) -> None:
    try:
        out.mux(encoder.encode(frame))
    except av.FFmpegError as error:
        raise OutputError(f"cannot encode {source} again: {error_text(error)}") from error
