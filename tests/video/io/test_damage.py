"""A damaged spot does not end a film; what is damaged and lost is counted, with its time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from fixtures.film import Film, make_film
from fixtures.model import tiny_model

from photochrom.cli import main
from photochrom.errors import InputError
from photochrom.video.frames import color_frames
from photochrom.video.io.clock import ContinuousClock
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.damage import DamagedFrame, DamagedSpot, DamageLog, DamageWatch
from photochrom.video.io.pictures import planes_420, rgb_frames
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import decoded_frames, nearest_pts, read_frames
from photochrom.video.options import FilmSettings
from photochrom.video.preview import preview_film
from photochrom.video.stills import write_stills

pytestmark = pytest.mark.slow

H264 = Film(
    frames=96, encoder="libx264", options=(("bf", "2"), ("g", "24"), ("crf", "18")), audio="aac"
)
TS = replace(H264, format="mpegts", audio="ac3")
TS_PACKET = 188
FILES = Path(__file__).parent / "files"
"""`still_end.ogv`: Theora by ffmpeg, of whose 49 frames 45 only say that the one before stays."""


def packets(path: Path, kind: str) -> list[tuple[int, int, float]]:
    """Place in the file, size and time in s of a stream's packets."""
    with av.open(str(path)) as film:
        stream = next(s for s in film.streams if s.type == kind)
        return [
            (p.pos or 0, p.size, float((p.pts or 0) * p.time_base))
            for p in film.demux(stream)
            if p.size
        ]


def zeros(path: Path, start: int, count: int) -> Path:
    """A bad sector."""
    data = bytearray(path.read_bytes())
    data[start : start + count] = bytes(count)
    path.write_bytes(data)
    return path


def without(path: Path, start: int, count: int) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[:start] + data[start + count :])
    return path


def bad_sector(path: Path, film: Film) -> Path:
    """Some frames from 2 s on are zeros."""
    place = next(pos for pos, _, at_s in packets(make_film(path, film), "video") if at_s > 2.0)
    return zeros(path, place, 4000)


def lost_packet(path: Path, kind: str, at_s: float) -> Path:
    """A transport stream of which one packet, 188 bytes in a frame or in the sound, is lost."""
    make_film(path, TS)
    data = path.read_bytes()
    pid = {"video": 0x100, "audio": 0x101}[kind]
    of_stream = [
        place
        for place in range(0, len(data), TS_PACKET)
        if int.from_bytes(data[place + 1 : place + 3], "big") & 0x1FFF == pid
    ]
    place = of_stream[round(at_s / 4 * len(of_stream))]
    return without(path, place, TS_PACKET)


def two_recordings(path: Path) -> Path:
    first = make_film(path.with_name("first.ts"), TS).read_bytes()
    second = make_film(path.with_name("second.ts"), replace(TS, frames=48)).read_bytes()
    path.write_bytes(first + second)
    return path


DAMAGED: dict[str, Callable[[Path], Path]] = {
    "mp4": lambda path: bad_sector(path, replace(H264, format="mp4")),
    "mkv": lambda path: bad_sector(path, H264),
    "mov": lambda path: bad_sector(path, replace(H264, format="mov")),
    "ts": lambda path: lost_packet(path, "video", 2.0),
    "MPEG-4 in avi": lambda path: bad_sector(
        path, replace(H264, encoder="mpeg4", options=(("g", "24"),), format="avi", audio="mp2")
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_spot_does_not_end_a_film(tmp_path: Path, kind: str) -> None:
    info = probe(DAMAGED[kind](tmp_path / "a"))
    log = DamageLog()
    frames = list(read_frames(info, damage=log))
    wrong = log.frames.values()
    lost, harmed = sum(f.lost for f in wrong), sum(f.damaged for f in wrong)
    assert lost + harmed > 0
    if kind != "MPEG-4 in avi":  # which has no times to miss
        assert len(frames) + lost == 96
    spots = log.spots(info)
    assert all(1.5 <= s.start_s <= s.end_s <= 3.2 for s in spots), spots
    (sentence,) = log.sentences(info)
    assert sentence.startswith(f"the film is damaged at {spots[0].start_s:.1f} s")
    if kind != "MPEG-4 in avi":
        assert info.seconds(frames[-1].pts) == pytest.approx(95 / 24, abs=0.002)
    with pytest.raises(InputError, match=r"is damaged at [12]\.\d s .*--damaged refuse"):
        list(read_frames(info, damage=DamageLog("refuse")))


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts"])
def test_a_part_behind_the_damage_is_whole_and_the_same(tmp_path: Path, kind: str) -> None:
    info = probe(DAMAGED[kind](tmp_path / "a"))
    all_of_it = DamageLog()
    whole = list(read_frames(info, damage=all_of_it))
    (spot,) = all_of_it.spots(info)  # where it lies, the encoder's choices on this processor decide
    for start_s in (0.5, 1.9, 3.1):
        log = DamageLog()
        part = list(read_frames(info, start_s=start_s, damage=log))
        rest = [frame for frame in whole if info.seconds(frame.pts) >= start_s - 1e-6]
        assert [frame.pts for frame in part] == [frame.pts for frame in rest]
        assert bool(log.frames) == (start_s < spot.end_s)
    assert nearest_pts(info, info.seconds(whole[-1].pts)) == whole[-1].pts
    list(read_frames(info, start_s=3.1, damage=DamageLog("refuse")))


def test_damage_of_the_sound_is_not_the_films(tmp_path: Path) -> None:
    info = probe(lost_packet(tmp_path / "a.ts", "audio", 2.0))
    log = DamageLog()
    assert len(list(read_frames(info, damage=log))) == 96
    assert log.sentences(info) == ()
    with pytest.raises(InputError, match=r"is damaged at [12]\.\d s \(its audio\)"):
        list(read_frames(info, damage=DamageLog("refuse")))


def test_joined_recordings_are_one_film(tmp_path: Path) -> None:
    info = probe(two_recordings(tmp_path / "a.ts"))
    frames = list(read_frames(info))
    seconds = [info.seconds(frame.pts) for frame in frames]
    assert len(frames) == 144
    steps = [b - a for a, b in pairwise(seconds)]
    assert max(steps[:95] + steps[96:]) < 0.05
    assert 0.03 < steps[95] < 0.15  # the sound of the first one lasts a little longer
    for start in (0, 30, 95, 96, 97, 130):
        part = list(read_frames(info, start_s=seconds[start]))
        assert [frame.pts for frame in part] == [frame.pts for frame in frames[start:]]


def test_of_joined_recordings_all_streams_move_alike(tmp_path: Path) -> None:
    path = two_recordings(tmp_path / "a.ts")
    offsets: dict[str, set[Fraction]] = {"video": set(), "audio": set()}
    with av.open(str(path)) as film:
        clock = ContinuousClock(film)
        for packet in film.demux():
            if packet.dts is not None and packet.size:
                before = packet.dts
                clock.correct(packet)
                assert packet.dts is not None
                offsets[packet.stream.type].add((packet.dts - before) * packet.time_base)
    assert offsets["video"] == offsets["audio"]
    assert len(offsets["video"]) == 2
    assert 3.9 < max(offsets["video"]) < 4.2


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "flv"])
def test_a_missing_end_is_refused_or_what_is_there_is_taken(tmp_path: Path, suffix: str) -> None:
    names = {"mkv": "matroska"}
    film = replace(
        H264,
        frames=72,
        format=names.get(suffix, suffix),
        faststart=suffix == "mp4",
        audio="mp2" if suffix == "avi" else "aac",
    )
    path = make_film(tmp_path / "a", film)
    data = path.read_bytes()
    path.write_bytes(data[: round(0.7 * len(data))])
    info = probe(path)
    with pytest.raises(InputError, match=r"breaks off at \d\.\d s: .*--damaged salvage"):
        list(read_frames(info))
    with pytest.raises(InputError, match=r"breaks off at|is damaged at"):
        list(read_frames(info, damage=DamageLog("refuse")))
    log = DamageLog("salvage")
    frames = list(read_frames(info, damage=log))
    assert 24 < len(frames) < 72
    assert log.end_s == pytest.approx(info.seconds(frames[-1].pts))
    assert log.sentences(info)[-1] == (f"the end of the film is missing, from {log.end_s:.1f} s on")


def test_a_film_whose_last_third_is_zeros_has_no_end(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", replace(H264, format="mp4", faststart=True, audio=""))
    size = path.stat().st_size
    info = probe(zeros(path, round(0.7 * size), size))
    with pytest.raises(InputError, match="the rest of it does not decode"):
        list(read_frames(info))
    assert 48 < len(list(read_frames(info, damage=DamageLog("salvage")))) < 80


def test_a_film_may_begin_with_damage(tmp_path: Path) -> None:
    path = make_film(tmp_path / "a.mp4", replace(H264, format="mp4", audio=""))
    place, size, _ = packets(path, "video")[0]
    info = probe(zeros(path, place, size))
    log = DamageLog()
    assert 60 < len(list(read_frames(info, damage=log))) < 96


def test_frames_after_damage_are_left_out_up_to_a_key_frame(tmp_path: Path) -> None:
    info = probe(DAMAGED["mp4"](tmp_path / "a"))
    log = DamageLog()
    doubtful = [d.pts for d in decoded_frames(info) if not d.intact]
    assert doubtful
    assert all(1.9 <= info.seconds(pts) < 3.0 for pts in doubtful)
    whole = len(list(read_frames(info)))
    kept = list(planes_420(info, log))
    assert len(kept) == whole - len(doubtful)
    assert [frame.continues for frame in kept].count(False) == 1
    assert log.left_out == len(doubtful)
    assert len(list(rgb_frames(info, 32, DamageLog()))) == len(kept)
    assert f"{len(doubtful)} frames are left out" in log.sentences(info)[1]


def test_no_door_takes_a_damaged_stretch_silently(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = DAMAGED["mp4"](tmp_path / "a.mp4")
    model = tiny_model(tmp_path / "tiny.onnx")
    settings = FilmSettings(model=model, size=32, encoding=Encoding("ffv1"), start_s=1.9, end_s=2.6)
    sentence = "the film is damaged at"
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path))
    outcome = preview_film(path, tmp_path / "preview.mkv", 4.0, settings)
    assert any(note.startswith(sentence) for note in outcome.notes), outcome.notes
    for door in (
        lambda: write_stills(path, tmp_path / "stills", settings),
        lambda: list(color_frames(path, settings)),
    ):
        caplog.clear()
        door()
        assert [record for record in caplog.records if sentence in record.getMessage()]
    assert (
        main(
            [
                "evaluate",
                "--film",
                str(path),
                "--model",
                str(model),
                "--size",
                "32",
                "--limit",
                "72",
            ]
        )
        == 0
    )
    told = capsys.readouterr()
    assert sentence in told.out + told.err
    assert "left out, as the damage" in told.out + told.err


def test_gaps_of_uneven_films_are_no_damage() -> None:
    watch = DamageWatch(Fraction(10))
    assert [watch.frame(t, corrupt=False, key=False)[0] for t in (0, 10, 50, 60)] == [None] * 4
    watch.undecoded_packet(110)
    for time in range(70, 110, 10):
        assert watch.frame(time, corrupt=False, key=False) == (None, False)
    assert watch.frame(130, corrupt=False, key=False) == (DamagedFrame(130, 0, 2), False)
    assert watch.frame(140, corrupt=True, key=True) == (DamagedFrame(140, 1, 0), False)
    for time in range(150, 200, 10):
        assert watch.frame(time, corrupt=False, key=True) == (None, True)
    assert watch.frame(250, corrupt=False, key=False) == (None, True)
    assert watch.frame(260, corrupt=True, key=False) == (DamagedFrame(260, 1, 5), False)


def test_spots_close_together_are_told_as_one(tmp_path: Path) -> None:
    info = probe(make_film(tmp_path / "a.mkv", Film(frames=2)))
    log = DamageLog()
    for pts, harmed, lost in (
        (1000, 0, 12),
        (1200, 1, 0),
        *((3000 * n, 1, 0) for n in range(1, 8)),
    ):
        log.add(DamagedFrame(pts, harmed, lost), info)
    assert log.spots(info)[0] == DamagedSpot(0.5, 1.2, 1, 12)
    (sentence,) = log.sentences(info)
    assert sentence == (
        "the film is damaged at 0.5 s to 1.2 s (12 frames lost, 1 damaged), at 3.0 s (1 frame "
        "damaged), at 6.0 s (1 frame damaged), at 9.0 s (1 frame damaged), at 12.0 s (1 frame "
        "damaged), and in 3 more places; it goes on behind"
    )
    assert [frame.pts for frame in log.frames_within(1000, 3000)] == [1200, 3000]


def test_a_frame_that_is_shown_again_is_no_damage(tmp_path: Path) -> None:
    info = probe(FILES / "still_end.ogv")
    frames = list(read_frames(info, damage=DamageLog("refuse")))
    assert [(frame.pts, frame.duration) for frame in frames] == [(0, 2), (2, 1), (3, 1), (4, 45)]
    film = make_film(tmp_path / "a.webm", Film(frames=6, encoder="libvpx", format="webm"))
    with av.open(str(film)) as source, av.open(str(tmp_path / "b.nut"), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        coded = [bytes(packet) for packet in source.demux(video=0) if packet.size]
        for number, data in enumerate([*coded, *[b""] * 30]):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 24)
            packet.pts = packet.dts = number
            packet.is_keyframe = number == 0
            copy.mux_one(packet)
    assert len(list(read_frames(probe(tmp_path / "b.nut"), damage=DamageLog("refuse")))) == 6


def transport_stream(path: Path, film: Film, streams: tuple[int, ...], pid: int = 0x100) -> bytes:
    """A recording with some of a film's streams, by their numbers, from one PID on."""
    plain = make_film(path.with_suffix(".mkv"), replace(film, format="matroska"))
    options = {"mpegts_start_pid": str(pid)}
    with av.open(str(plain)) as source, av.open(str(path), "w", options=options) as copy:
        copies = [copy.add_stream_from_template(source.streams[number]) for number in streams]
        for packet in source.demux():
            if packet.size and packet.stream_index < len(copies):
                packet.stream = copies[packet.stream_index]
                copy.mux_one(packet)
    return path.read_bytes()


def test_pictures_that_go_on_in_another_stream_are_missed(tmp_path: Path) -> None:
    """As where a receiver that joins its recordings has got other numbers for them."""
    film = replace(TS, frames=48)
    path = tmp_path / "a.ts"
    first = transport_stream(tmp_path / "first.ts", film, (0, 1))
    path.write_bytes(first + transport_stream(tmp_path / "second.ts", film, (0, 1), pid=0x200))
    info = probe(path)
    with pytest.raises(InputError, match=r"breaks off at 2\.0 s: its pictures go on in another"):
        list(read_frames(info))
    log = DamageLog("salvage")
    assert len(list(read_frames(info, damage=log))) == 48
    assert log.sentences(info) == ("the end of the film is missing, from 2.0 s on",)


def test_streams_that_turn_up_in_the_middle_are_told(tmp_path: Path) -> None:
    noisy = replace(TS, frames=24, size=(128, 192), grain=200, options=(("qp", "0"), ("g", "12")))
    path = tmp_path / "a.ts"
    silent = transport_stream(tmp_path / "silent.ts", noisy, (0,))
    path.write_bytes(silent + transport_stream(tmp_path / "loud.ts", noisy, (0, 1)) + silent)
    info, log = probe(path), DamageLog()
    assert info.streams == ()
    assert len(list(read_frames(info, damage=log))) == 72
    assert any("turn up in the middle of it" in sentence for sentence in log.sentences(info))


def test_damage_is_told_while_another_thread_finds_more() -> None:
    log = DamageLog()
    done = threading.Event()

    def find() -> None:
        for pts in range(30_000):
            log.frames[pts] = DamagedFrame(pts, 1, 0)
        done.set()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(1) as pool:
            finding = pool.submit(find)
            while not done.is_set():
                log.frames_within(None, 30_000)
            finding.result()
    finally:
        sys.setswitchinterval(usual)
    assert len(log.frames_within(9, 19)) == 10
