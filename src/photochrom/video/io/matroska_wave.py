"""Sound that Matroska holds as a .wav does: WMA, ADPCM, mu-law and the like.

libav can write it ("A_MS/ACM", with a WAVEFORMATEX), but PyAV asks libav's table of Matroska's own
codecs and refuses. So the packets go into a track of PCM that has this header for its private data,
and the name of the track's codec is put right when the file is complete.
Source: RFC 9559 (Matroska), draft-ietf-cellar-codec ("A_MS/ACM").
"""

from __future__ import annotations

import io
from pathlib import Path

from av.container import OutputContainer
from av.stream import Stream

from photochrom.errors import OutputError
from photochrom.video.io.container import av
from photochrom.video.io.ebml import by_number, elements, find_tracks, renew_checksum

_ACM = b"A_MS/ACM"
_CODEC_ID = 0x86
_PLAIN_RATE = 44100


def wave_header(stream: Stream) -> bytes | None:
    """A sound stream's WAVEFORMATEX with all that its codec needs; None where a .wav has none."""
    memory = io.BytesIO()
    try:
        with av.open(memory, "w", format="wav") as wave:
            wave.add_stream_from_template(stream, opaque=True)
            wave.start_encoding()
            data = memory.getvalue()
    except (av.FFmpegError, ValueError):
        return None
    place = data.find(b"fmt ")
    size = int.from_bytes(data[place + 4 : place + 8], "little")
    return data[place + 8 : place + 8 + size] if place >= 0 else None


def add_wave_stream(film: OutputContainer, stream: Stream, header: bytes) -> Stream:
    """A track of a Matroska film for a sound stream; `name_wave_tracks` has to follow."""
    channels = int.from_bytes(header[2:4], "little")
    rate = int.from_bytes(header[4:8], "little") or _PLAIN_RATE
    with av.open(io.BytesIO(_empty_wave(channels, rate)), format="wav") as plain:
        track: Stream = film.add_stream_from_template(plain.streams.audio[0], opaque=True)
    track.codec_context.extradata = header
    track.time_base = stream.time_base
    return track


def name_wave_tracks(path: Path, numbers: set[int]) -> None:
    """Call the codec of some tracks of a complete Matroska file "A_MS/ACM".

    numbers: the tracks' numbers, from 1 on. Raises OutputError where a track is not found.
    """
    with path.open("rb+") as file:
        tracks = find_tracks(file, path)
        found = {} if tracks is None else by_number(file, tracks)
        if tracks is None or not numbers <= found.keys():
            raise OutputError(f"cannot write {path}: its tracks of sound are not found again")
        for number in numbers:
            track = found[number]
            for codec in elements(file, track.start, track.end):
                if codec.id == _CODEC_ID:
                    file.seek(codec.start)
                    file.write(_ACM.ljust(codec.end - codec.start, b"\0"))  # EBML pads with zeros
        renew_checksum(file, tracks)


def _empty_wave(channels: int, rate: int) -> bytes:
    """A .wav of 16-bit PCM with a single sample."""
    block = 2 * channels
    form = b"".join(
        number.to_bytes(size, "little")
        for number, size in (
            (1, 2),
            (channels, 2),
            (rate, 4),
            (rate * block, 4),
            (block, 2),
            (16, 2),
        )
    )
    body = b"WAVEfmt " + len(form).to_bytes(4, "little") + form
    body += b"data" + block.to_bytes(4, "little") + bytes(block)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
