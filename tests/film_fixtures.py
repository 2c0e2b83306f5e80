"""Small films of every kind, made on the spot with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photochrom.video.frames import FilmInfo, Frame
from photochrom.video.reading import read_frames
from photochrom.video.writing import Encoding, FilmWriter

MILLISECONDS = Fraction(1, 1000)
_VP8_SHOWN = 0x10
"""Of the first byte of a frame, RFC 6386, 9.1."""


@dataclass(frozen=True)
class Film:
    """How a film is made: FFV1 in Matroska unless told otherwise, so that it loses nothing."""

    frames: int = 24
    size: tuple[int, int] = (64, 96)
    grain: int = 8  # codes from the darkest to the brightest
    cut_at: int | None = None  # from this frame on the picture is upside down
    encoder: str = "ffv1"
    format: str = "matroska"
    pix_fmt: str = "yuv420p"
    rate: Fraction = Fraction(24)
    time_base: Fraction | None = None
    times: tuple[int, ...] = ()  # in time_base; none: one after the other
    options: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, int], ...] = ()
    aspect: Fraction = Fraction(1)
    rotation: int = 0
    mirrored: bool = False
    audio: str = ""
    audio_s: float = 0.0  # 0: as long as the film
    subtitle: str = ""
    attachment: bytes = b""
    chapters: bool = False
    metadata: tuple[tuple[str, str], ...] = ()
    faststart: bool = False  # the table of an .mp4 at its beginning

    def pts(self) -> tuple[int, ...]:
        return self.times or tuple(range(self.frames))

    def base(self) -> Fraction:
        return self.time_base or 1 / self.rate


def h264_in_avi(path: Path, frames: int) -> Path:
    """With B-frames, of which an .avi does not say when they are shown."""
    options = (("bf", "3"), ("g", "12"), ("crf", "18"), ("x264-params", "b-adapt=0:b-pyramid=2"))
    return make_film(path, Film(frames=frames, encoder="libx264", format="avi", options=options))


def vp8_with_hidden_frames(path: Path, frames: int) -> Path:
    """One packet in fifteen has a frame that is not shown, beside as many frames as are named."""
    packets = frames + (frames - 1) // 14
    film = Film(frames=packets, encoder="libvpx", format="webm", options=(("g", "40"),))
    every = make_film(path.with_name(f"every-{path.name}"), film)
    hide_frames(path, every, range(14, packets, 15))
    every.unlink()
    return path


ORDERLESS = {"H.264 in AVI": h264_in_avi, "hidden frames": vp8_with_hidden_frames}
"""Films whose packets do not tell which frame is shown when."""


def luma(film: Film, index: int) -> NDArray[Any]:
    """A disc that moves over a noisy ramp; (H, W) codes of the film's depth."""
    height, width = film.size
    y, x = np.mgrid[:height, :width].astype(np.float64)
    noise = np.random.default_rng(index).integers(0, film.grain, (height, width))
    disc = (y - height / 2) ** 2 + (x - 8 - 2 * index) ** 2 < 150
    codes = 40 + 120 * x / width + noise + 50 * disc
    if film.cut_at is not None and index >= film.cut_at:
        codes = codes[::-1, ::-1]
    if "10" in film.pix_fmt:
        return np.round(codes * 4 + 1).astype(np.uint16)
    return np.round(codes).astype(np.uint8)


def make_film(path: Path, film: Film) -> Path:
    """Write the film; its luma is `luma(film, i)` where the encoder loses nothing."""
    flags = {"movflags": "faststart"} if film.faststart else {}
    with av.open(str(path), "w", format=film.format, container_options=flags) as container:
        video = container.add_stream(
            film.encoder,
            rate=film.rate,
            options=dict(film.options),
            time_base=film.base(),
            width=film.size[1],
            height=film.size[0],
            pix_fmt=film.pix_fmt,
        )
        video.codec_context.sample_aspect_ratio = film.aspect
        for name, code in film.tags:
            setattr(video.codec_context, name, code)
        if film.rotation or film.mirrored:
            video.set_display_rotation(film.rotation, hflip=film.mirrored)
        audio = container.add_stream(film.audio, rate=48000) if film.audio else None
        if audio is not None:
            audio.metadata["language"] = "eng"
        subtitle = _subtitle_stream(container, film) if film.subtitle else None
        if film.attachment:
            container.add_attachment("font.ttf", "font/ttf", film.attachment)
        container.metadata.update(dict(film.metadata))
        end_s = float((film.pts()[-1] + 1) * film.base())
        if film.chapters:
            container.set_chapters(
                [
                    {
                        "id": i + 1,
                        "start": round(i * end_s * 500),
                        "end": round((i + 1) * end_s * 500),
                        "time_base": MILLISECONDS,
                        "metadata": {"title": title},
                    }
                    for i, title in enumerate(["Dawn", "Dusk"])
                ]
            )
        for index, pts in enumerate(film.pts()):
            container.mux(video.encode(_picture(film, index, pts)))
        container.mux(video.encode(None))
        if audio is not None:
            _write_audio(container, audio, film.audio_s or end_s)
        if subtitle is not None:
            _write_subtitles(container, subtitle, film, end_s)
    return path


def hide_frames(path: Path, source: Path, hidden: Sequence[int]) -> Path:
    """A copy of a film in VP8 of which some frames are only looked back at, and never shown.

    They have the time of the frame behind them, as an encoder's own hidden ones (alt-ref) have it.
    """
    with av.open(str(source)) as film, av.open(str(path), "w", format="webm") as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        packets = [packet for packet in film.demux(video=0) if packet.size]
        for index, packet in enumerate(packets):
            data = bytearray(bytes(packet))
            if index in hidden:
                data[0] &= ~_VP8_SHOWN
            written = av.Packet(bytes(data))
            behind = packets[index + 1] if index in hidden else packet
            written.pts, written.dts = behind.pts, behind.dts
            written.time_base, written.is_keyframe = packet.time_base, packet.is_keyframe
            written.stream = stream
            copy.mux_one(written)
    return path


def _picture(film: Film, index: int, pts: int) -> VideoFrame:
    codes = luma(film, index)
    if film.pix_fmt in ("rgb24", "bgr0", "gbrp"):
        picture = VideoFrame.from_ndarray(np.repeat(codes[..., None], 3, 2), format="rgb24")
        picture = picture.reformat(format=film.pix_fmt)
    else:
        picture = VideoFrame(film.size[1], film.size[0], film.pix_fmt)
        for i, plane in enumerate(picture.planes):
            there = np.frombuffer(plane, np.uint8).view(codes.dtype)
            there = there.reshape(plane.height, -1)
            there[:] = 128 if codes.dtype == np.uint8 else 512
            if i == 0:
                there[:, : film.size[1]] = codes
    picture.pts, picture.time_base = pts, film.base()
    return picture


def _subtitle_stream(container: Any, film: Film) -> Any:
    stream = container.add_mux_stream(film.subtitle)
    stream.time_base = MILLISECONDS
    stream.metadata["language"] = "deu"
    return stream


def _write_audio(container: Any, stream: Any, seconds: float) -> None:
    samples = np.random.default_rng(1).integers(-9000, 9000, (1, int(48000 * seconds) * 2))
    sound = av.AudioFrame.from_ndarray(samples.astype(np.int16), format="s16", layout="stereo")
    sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
    container.mux(stream.encode(sound))
    container.mux(stream.encode(None))


def _write_subtitles(container: Any, stream: Any, film: Film, end_s: float) -> None:
    for i, text in enumerate(["Who is there?", "It is I."]):
        payload = text.encode()
        if film.subtitle == "mov_text":
            payload = len(payload).to_bytes(2, "big") + payload
        packet = av.Packet(payload)
        packet.stream, packet.time_base = stream, MILLISECONDS
        packet.pts = packet.dts = round(i * end_s * 500)
        packet.duration = round(end_s * 400)
        packet.is_keyframe = True
        container.mux(packet)


def neutral(info: FilmInfo) -> NDArray[Any]:
    """Chroma planes without colour."""
    shape = ((info.height + 1) // 2, (info.width + 1) // 2, 2)
    return np.full(shape, 1 << (info.bits - 1), np.uint8 if info.bits == 8 else np.uint16)


def write_segments(
    folder: Path, info: FilmInfo, encoding: Encoding, counts: Sequence[int], **part: float
) -> list[Path]:
    """Write the film's frames, with a chroma that drifts, in stretches of so many frames."""
    folder.mkdir(exist_ok=True)
    frames = enumerate(read_frames(info, **part))
    paths = []
    for number, count in enumerate(counts):
        path = folder / f"{number:04}.nut"
        with FilmWriter(path, info, encoding) as writer:
            for index, frame in islice(frames, count):
                writer.write(frame, neutral(info) + neutral(info).dtype.type(index % 16))
        paths.append(path)
    return paths


def decoded(path: Path) -> list[tuple[Fraction, NDArray[Any], NDArray[Any]]]:
    """Time in seconds, luma, U of every frame, read without photochrom."""
    with av.open(str(path)) as container:
        frames = []
        for frame in container.decode(video=0):
            assert frame.pts is not None
            frames.append((frame.pts * frame.time_base, plane(frame, 0), plane(frame, 1)))
    return frames


def plane(frame: VideoFrame, index: int) -> NDArray[Any]:
    if index >= len(frame.planes):
        return np.zeros(0)
    there = frame.planes[index]
    dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
    rows = np.frombuffer(there, np.uint8).view(dtype).reshape(-1, there.line_size // dtype().nbytes)
    return rows[: there.height, : there.width].copy()


def payloads(path: Path, kind: str) -> list[bytes]:
    """What is in the packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


__all__ = [
    "ORDERLESS",
    "Film",
    "Frame",
    "decoded",
    "h264_in_avi",
    "hide_frames",
    "luma",
    "make_film",
    "neutral",
    "payloads",
    "plane",
    "replace",
    "vp8_with_hidden_frames",
    "write_segments",
]
