"""What a film carries beside its pictures comes through, or is named before any work."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.packet import Packet
from fixtures.film import MILLISECONDS, Film, decoded, make_film, payloads, write_segments
from PIL import Image

from photochrom.errors import OutputError
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.matroska_wave import name_wave_tracks
from photochrom.video.io.mux import join_segments
from photochrom.video.io.passthrough import check_container
from photochrom.video.io.probe import probe
from photochrom.video.io.timecode import shifted_timecode

pytestmark = pytest.mark.slow

MP4 = Film(frames=6, encoder="libx264", format="mp4", options=(("qp", "0"),))
AVI = Film(frames=6, encoder="mpeg4", format="avi")


def joined(source: Path, target: Path, **part: object) -> Path:
    """The film, as if it had been coloured."""
    info = probe(source)
    encoding = Encoding("h264", crf=0)
    check_container(info, target, "h264")
    count = len(decoded(source))
    segments = write_segments(target.parent / f"{target.name}-parts", info, encoding, [count])
    join_segments(segments, info, target, **part)  # type: ignore[arg-type]
    return target


def remux(source: Path, target: Path, name: str, **words: str) -> Path:
    """The video of a film in another container, with words of the stream's metadata."""
    with av.open(str(source)) as film, av.open(str(target), "w", format=name) as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        stream.metadata.update(words)
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                copy.mux_one(packet)
    return target


def sound(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray() for frame in film.decode(audio=0)]


SOUNDS = ("wmav1", "wmav2", "adpcm_ms", "adpcm_ima_wav", "adpcm_swf", "pcm_mulaw", "pcm_alaw")


@pytest.mark.parametrize("codec", SOUNDS)
def test_matroska_holds_the_sound_of_old_films(tmp_path: Path, codec: str) -> None:
    source = make_film(tmp_path / "in.avi", replace(AVI, audio=codec, audio_hz=44100))
    out = joined(source, tmp_path / "out.mkv")
    assert payloads(out, "audio") == payloads(source, "audio")
    with av.open(str(out)) as film:
        assert film.streams.audio[0].codec_context.name == codec
        assert film.streams.audio[0].sample_rate == 44100
        assert film.streams[0].type == "video"
    for one, other in zip(sound(out), sound(source), strict=True):
        np.testing.assert_array_equal(one, other)


def test_wma_does_not_go_into_mp4(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.wmv", replace(AVI, format="asf", audio="wmav2"))
    with pytest.raises(OutputError, match=r"mp4 does not hold audio: wmav2.*; write to a \.mkv"):
        check_container(probe(source), tmp_path / "out.mp4", "h264")


def test_a_track_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mkv", Film(frames=1, audio="flac"))
    with pytest.raises(OutputError, match="tracks of sound are not found"):
        name_wave_tracks(path, {3})


def picture(kind: str) -> bytes:
    memory = io.BytesIO()
    Image.new("RGB", (20, 16), (200, 30, 30)).save(memory, kind)
    return memory.getvalue()


def with_cover(path: Path, kind: str) -> Path:
    """A film with a cover: a stream in .mp4, an attachment in .mkv."""
    plain = make_film(path.with_name("plain.mkv"), replace(MP4, format="matroska"))
    if path.suffix == ".mkv":
        with av.open(str(plain)) as film, av.open(str(path), "w") as copy:
            stream = copy.add_stream_from_template(film.streams.video[0])
            copy.add_attachment(f"cover.{kind}", f"image/{kind}", picture(kind))
            for packet in film.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    copy.mux_one(packet)
        return path
    memory = av.open(io.BytesIO(picture(kind)), format=f"{kind}_pipe")
    with memory, av.open(str(plain)) as film, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        cover = copy.add_stream_from_template(memory.streams.video[0])
        cover.disposition = av.stream.Disposition.attached_pic
        packet = Packet(picture(kind))
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        copy.mux_one(packet)
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                copy.mux_one(packet)
    return path


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("source", [".mp4", ".mkv"])
@pytest.mark.parametrize("target", [".mp4", ".mkv"])
def test_covers_are_kept(tmp_path: Path, source: str, target: str, kind: str) -> None:
    film = with_cover(tmp_path / f"in{source}", kind)
    with av.open(str(joined(film, tmp_path / f"out{target}"))) as out:
        (cover,) = [
            s for s in out.streams.video if s.disposition & av.stream.Disposition.attached_pic
        ]
        assert bytes(next(p for p in out.demux(cover) if p.size)) == picture(kind)
        assert len([s for s in out.streams.video if s is not cover]) == 1


def test_a_cover_that_stays_behind_is_named(tmp_path: Path) -> None:
    info = probe(with_cover(tmp_path / "in.mkv", "png"))
    (note,) = check_container(info, tmp_path / "out.webm", "av1")
    assert note == "video: png, cover.png stays behind: webm does not hold it"


def test_the_time_code_of_a_tape_is_kept_in_every_container(tmp_path: Path) -> None:
    plain = make_film(tmp_path / "plain.mkv", replace(MP4, format="matroska", frames=48))
    source = remux(plain, tmp_path / "in.mov", "mov", timecode="01:00:00:00")
    with av.open(str(source)) as film:
        assert [s.type for s in film.streams] == ["video", "data"]
    for suffix in (".mov", ".mp4", ".mkv"):
        out = joined(source, tmp_path / f"out{suffix}")
        with av.open(str(out)) as film:
            words = {k.lower(): v for k, v in film.streams.video[0].metadata.items()}
            assert words["timecode"] == "01:00:00:00"
            types = [s.type for s in film.streams]
            assert types == ["video", "data"][: 1 if suffix == ".mkv" else 2]
    info = probe(source)
    part = {"start_s": 1.0}
    segments = write_segments(tmp_path / "part", info, Encoding("h264", crf=0), [24], **part)
    join_segments(segments, info, tmp_path / "part.mov", start_s=1.0)
    with av.open(str(tmp_path / "part.mov")) as film:
        assert film.streams.video[0].metadata["timecode"] == "01:00:01:00"


@pytest.mark.parametrize(
    ("text", "frames", "rate", "later"),
    [
        ("01:00:00:00", 24, Fraction(24), "01:00:01:00"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", 107892, Fraction(30000, 1001), "01:00:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("reel 3", 5, Fraction(24), "reel 3"),
    ],
)
def test_time_codes_go_on(text: str, frames: int, rate: Fraction, later: str) -> None:
    assert shifted_timecode(text, frames, rate) == later


HOURS = tuple(36000 * 90000 + 3750 * i for i in range(6))
LATE: dict[str, Callable[[Path], Path]] = {
    "ts": lambda path: make_film(
        path, replace(MP4, format="mpegts", time_base=Fraction(1, 90000), times=HOURS)
    ),
    "mkv": lambda path: make_film(
        path,
        Film(frames=6, time_base=MILLISECONDS, times=tuple(36_000_000 + 40 * i for i in range(6))),
    ),
}


@pytest.mark.parametrize("kind", LATE)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_clock_that_begins_at_ten_hours_makes_no_hours_of_nothing(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    source = LATE[kind](tmp_path / f"in.{kind}")
    out = joined(source, tmp_path / f"out{suffix}")
    before, after = decoded(source), decoded(out)
    assert after[0][0] == pytest.approx(0, abs=0.001)
    for (earlier, _, _), (later, _, _) in zip(before, after, strict=True):
        assert float(later) == pytest.approx(float(earlier - before[0][0]), abs=0.001)
    duration_s = probe(out).duration_s
    assert duration_s is not None
    assert duration_s < 0.4


def with_long_last_frame(path: Path) -> Path:
    plain = make_film(
        path.with_name("plain.mkv"), replace(MP4, format="matroska", rate=Fraction(1))
    )
    with av.open(str(plain)) as film, av.open(str(path), "w") as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        packets = [packet for packet in film.demux(video=0) if packet.size]
        packets[-1].duration = round(10 / packets[-1].time_base)
        for packet in packets:
            packet.stream = stream
            copy.mux_one(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("encoding", [Encoding("h264", crf=0), Encoding("h264", preset="medium")])
def test_the_last_frame_is_shown_as_long_as_it_was(
    tmp_path: Path, suffix: str, encoding: Encoding
) -> None:
    source = with_long_last_frame(tmp_path / "in.mp4")
    info = probe(source)
    segments = write_segments(tmp_path / "parts", info, encoding, [6])
    last = round(10 / info.time_base)
    out = tmp_path / f"out{suffix}"
    join_segments(segments, info, out, last_duration=last)
    with av.open(str(source)) as before, av.open(str(out)) as after:
        assert before.duration == 15_000_000
        assert after.duration == pytest.approx(15_000_000, abs=2000)


def caption(number: int) -> bytes:
    """A field of CEA-608 for one frame."""
    return bytes([0xFC, 0x80 | number, 0x41 + number])


def caption_message(number: int) -> bytes:
    """The same as H.264 carries it: ATSC A/53 part 4, in a NAL unit (ITU-T H.264, D.2.5)."""
    payload = (
        bytes([0xB5, 0x00, 0x31]) + b"GA94" + bytes([3, 0x41, 0xFF]) + caption(number) + b"\xff"
    )
    return b"\0\0\0\1\x06\x04" + bytes([len(payload)]) + payload + b"\x80"


def captioned_film(path: Path) -> Path:
    plain = make_film(path.with_name("plain.h264"), replace(MP4, format="h264", frames=12))
    with av.open(str(plain)) as film, av.open(str(path), "w", format="mpegts") as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        for number, packet in enumerate(p for p in film.demux(video=0) if p.size):
            written = Packet(caption_message(number) + bytes(packet))
            written.pts = written.dts = number
            written.time_base, written.is_keyframe = Fraction(1, 24), packet.is_keyframe
            written.stream = stream
            copy.mux_one(written)
    return path


def captions(path: Path) -> Iterator[bytes]:
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            found = frame.side_data.get("A53_CC")
            yield b"" if found is None else bytes(found)


def test_closed_captions_inside_the_pictures_are_kept(tmp_path: Path) -> None:
    source = captioned_film(tmp_path / "in.ts")
    info = probe(source)
    assert info.captions
    out = joined(source, tmp_path / "out.mkv")
    assert list(captions(out)) == list(captions(source)) == [caption(n) for n in range(12)]
    for (_, y, _), (_, y_before, _) in zip(decoded(out), decoded(source), strict=True):
        np.testing.assert_array_equal(y, y_before)
    (note,) = check_container(info, tmp_path / "b.mkv", "ffv1")
    assert note.startswith("the closed captions inside the pictures stay behind: ffv1")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_words_of_ones_own_are_kept(tmp_path: Path, suffix: str) -> None:
    words = (("com.android.capture.fps", "120.0"), ("title", "Nächte"))
    source = make_film(tmp_path / "in.mkv", replace(MP4, format="matroska", metadata=words))
    with av.open(str(joined(source, tmp_path / f"out{suffix}"))) as film:
        found = {key.lower(): value for key, value in film.metadata.items()}
    assert {key: found[key] for key, _ in words} == dict(words)


def test_words_in_another_encoding_do_not_end_the_work(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((32, 48), grey, np.uint8)) for grey in (40, 120, 200)]
    source = tmp_path / "a.gif"
    frames[0].save(source, save_all=True, append_images=frames[1:], comment=b"caf\xe9 1926")
    info, target = probe(source), tmp_path / "b.mkv"
    assert check_container(info, target, "h264") == ()
    segments = write_segments(tmp_path / "parts", info, Encoding("h264", crf=0), [3])
    join_segments(segments, info, target)
    assert b"caf\xe9 1926" in target.read_bytes()


def test_a_track_that_is_declared_and_has_no_sound_stays_behind(tmp_path: Path) -> None:
    source = make_film(
        tmp_path / "a.ts", replace(MP4, format="mpegts", audio="aac", time_base=Fraction(1, 90000))
    )
    data = source.read_bytes()
    packets = [data[place : place + 188] for place in range(0, len(data), 188)]
    silent = [p for p in packets if int.from_bytes(p[1:3], "big") & 0x1FFF != 0x101]
    assert len(silent) < len(packets)
    source.write_bytes(b"".join(silent))
    for suffix in (".mkv", ".mp4"):
        assert check_container(probe(source), tmp_path / f"b{suffix}", "h264") == (
            "audio: aac, eng stays behind: it has no sound",
        )
        assert len(decoded(joined(source, tmp_path / f"b{suffix}"))) == len(decoded(source))


def test_sound_of_a_codec_that_nobody_knows_is_refused_in_words(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.avi", replace(AVI, audio="pcm_s16le"))
    data = bytearray(source.read_bytes())
    place = data.find(b"strf", data.find(b"auds")) + 8
    assert data[place : place + 2] == b"\1\0"  # PCM
    data[place : place + 2] = b"\x34\x12"
    source.write_bytes(data)
    with pytest.raises(OutputError, match="matroska does not hold audio: unknown codec"):
        check_container(probe(source), tmp_path / "b.mkv", "h264")


def test_a_title_in_another_encoding_does_not_hide_the_cover(tmp_path: Path) -> None:
    plain = with_cover(tmp_path / "plain.mp4", "jpeg")
    source = tmp_path / "in.mp4"
    with av.open(str(plain)) as film, av.open(str(source), "w") as copy:
        copies = [copy.add_stream_from_template(stream) for stream in film.streams]
        copies[1].disposition = av.stream.Disposition.attached_pic
        copy.metadata["title"] = "Caf# 1926"
        for packet in film.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                copy.mux_one(packet)
    source.write_bytes(source.read_bytes().replace(b"Caf# 1926", b"Caf\xe9 1926"))
    info, out = probe(source), tmp_path / "out.mp4"
    assert check_container(info, out, "h264") == ()
    segments = write_segments(tmp_path / "parts", info, Encoding("h264", crf=0), [6])
    join_segments(segments, info, out)
    assert b"Caf\xe9 1926" in out.read_bytes()
    with av.open(str(out), metadata_errors="surrogateescape") as film:
        assert len(film.streams.video) == 2


def test_sound_that_begins_late_in_a_program_stream_is_carried(tmp_path: Path) -> None:
    """In the middle, where libav does not look; such a file does not list its streams."""
    film = Film(
        frames=2, size=(240, 320), grain=200, encoder="mpeg1video", format="matroska", audio="mp2",
        audio_s=0.4, options=(("qmin", "1"), ("qmax", "1"), ("g", "1")),
    )  # fmt: skip
    plain = make_film(tmp_path / "plain.mkv", film)
    pictures, sound = payloads(plain, "video"), payloads(plain, "audio")
    source, target = tmp_path / "in.mpg", tmp_path / "out.mkv"
    with av.open(str(plain)) as short, av.open(str(source), "w", format="mpeg") as late:
        copies = [late.add_stream_from_template(stream) for stream in short.streams]
        for number in range(120):
            after = 100 <= number < 100 + len(sound)
            data = [pictures[number % 2], *([sound[number - 100]] if after else [])]
            for copy, content in zip(copies, data, strict=False):
                packet = Packet(content)
                packet.stream, packet.time_base = copy, Fraction(1, 24)
                packet.pts = packet.dts = number
                packet.is_keyframe = True
                late.mux_one(packet)
    info = probe(source)
    assert info.streams == ()
    check_container(info, target, "h264")
    segments = write_segments(tmp_path / "parts", info, Encoding("h264", preset="ultrafast"), [1])
    join_segments(segments, info, target)
    assert payloads(target, "audio") == sound
    with av.open(str(target)) as out:
        assert next(out.demux(audio=0)).pts == pytest.approx(100 * 1000 / 24, abs=30)


@pytest.mark.parametrize(("suffix", "packets"), [(".mp4", 48), (".mkv", 14)])
def test_sound_that_an_edit_list_cuts_off_does_not_come_back(
    tmp_path: Path, suffix: str, packets: int
) -> None:
    """Unless the new film has such a list, too: else it would begin before its pictures."""
    plain = make_film(tmp_path / "plain.mp4", replace(MP4, audio="aac", audio_s=1.0))
    source = tmp_path / "in.mp4"
    with av.open(str(plain)) as film, av.open(str(source), "w") as copy:
        copies = [copy.add_stream_from_template(stream) for stream in film.streams]
        for packet in film.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                if packet.stream_index:
                    packet.pts -= 38 * 1024
                    packet.dts = packet.pts
                copy.mux_one(packet)
    out = joined(source, tmp_path / f"out{suffix}")
    assert len(payloads(out, "audio")) == packets
    with av.open(str(out)) as film:
        first = next(film.decode(video=0))
    assert float(first.pts * first.time_base) < 0.2
