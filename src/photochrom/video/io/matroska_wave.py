"""Sound that Matroska holds as a .wav does: WMA, ADPCM, mu-law and the like.

libav can write it ("A_MS/ACM", with a WAVEFORMATEX), but PyAV asks libav's table of Matroska's own
codecs and refuses. So the packets go into a track of PCM that has this header for its private data,
and the name of the track's codec is put right when the file is complete.
Source: RFC 9559 (Matroska), RFC 8794 (EBML), draft-ietf-cellar-codec ("A_MS/ACM").
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from av.container import OutputContainer
from av.stream import Stream

from photochrom.errors import OutputError
from photochrom.video.io.container import av

_ACM = b"A_MS/ACM"
_SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_TRACK_NUMBER, _CODEC_ID = 0xD7, 0x86
_PLAIN_RATE = 44100


class _Element(NamedTuple):
    """An element of EBML: where its content is in the file."""

    id: int
    start: int
    end: int


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
        found = set()
        for track in _tracks(file, path.stat().st_size):
            elements = {element.id: element for element in _elements(file, track.start, track.end)}
            number = int.from_bytes(_content(file, elements[_TRACK_NUMBER]), "big")
            if number in numbers:
                codec = elements[_CODEC_ID]
                file.seek(codec.start)
                file.write(_ACM.ljust(codec.end - codec.start, b"\0"))  # EBML pads with zeros
                found.add(number)
    if found != numbers:
        raise OutputError(f"cannot write {path}: its tracks of sound are not found again")


def _tracks(file: IO[bytes], size: int) -> Iterator[_Element]:
    for top in _elements(file, 0, size):
        if top.id == _SEGMENT:
            for part in _elements(file, top.start, min(top.end, size)):
                if part.id == _TRACKS:
                    tracks = _elements(file, part.start, part.end)
                    yield from (track for track in tracks if track.id == _TRACK)
                    return


def _elements(file: IO[bytes], place: int, end: int) -> Iterator[_Element]:
    while place < end:
        file.seek(place)
        head = file.read(12)
        id_bytes = 9 - head[0].bit_length()
        size_bytes = 9 - head[id_bytes].bit_length()
        number = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big")
        start = place + id_bytes + size_bytes
        place = start + (number & ((1 << 7 * size_bytes) - 1))
        yield _Element(int.from_bytes(head[:id_bytes], "big"), start, place)


def _content(file: IO[bytes], element: _Element) -> bytes:
    file.seek(element.start)
    return file.read(element.end - element.start)


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
