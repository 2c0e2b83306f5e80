"""`photochrom film` on films of every kind: each goes through the whole command, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from fixtures.film import Film, decoded, make_film, payloads
from fixtures.model import tiny_model

from photochrom.cli import main
from photochrom.locks import output_lock, output_lock_file
from photochrom.video.film import color_film
from photochrom.video.io.codecs import CODECS, Encoding
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmProgress, FilmSettings
from photochrom.video.parallel import color_films
from photochrom.video.segments import segments_folder

pytestmark = pytest.mark.slow

MP4 = Film(frames=4, encoder="libx264", format="mp4", options=(("qp", "0"),))
INTERLACED = Film(frames=6, encoder="libx264", options=(("x264-params", "tff=1"), ("qp", "0")))
KINDS = {
    "853 x 479": Film(frames=2, size=(479, 853)),
    "one frame": Film(frames=1),
    "turned": replace(MP4, rotation=90),
    "mirrored": replace(MP4, mirrored=True),
    "turned and mirrored": replace(MP4, rotation=270, mirrored=True),
    "10 bits": Film(frames=3, pix_fmt="yuv420p10le"),
    "59.94": replace(MP4, rate=Fraction(60000, 1001)),
    "uneven times": Film(frames=5, time_base=Fraction(1, 1000), times=(700, 740, 790, 900, 933)),
    "grey": Film(frames=3, pix_fmt="gray"),
    "grey, 10 bits": Film(frames=3, pix_fmt="gray10le"),
    "wide pixels": replace(MP4, aspect=Fraction(16, 11)),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return ["--model", str(model), "--size", "32"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_keeps_its_luma_times_and_shape(
    tmp_path: Path, tiny: list[str], kind: str
) -> None:
    source, target = make_film(tmp_path / "in.mkv", KINDS[kind]), tmp_path / "out.mkv"
    assert main(["film", str(source), "-o", str(target), "--codec", "ffv1", *tiny]) == 0
    before, after = decoded(source), decoded(target)
    assert len(before) == len(after) == KINDS[kind].frames
    for (_, y_before, _), (_, y, u) in zip(before, after, strict=True):
        np.testing.assert_array_equal(y, y_before)
        assert abs(float(u.mean()) - (512 if u.dtype == np.uint16 else 128)) > 1
    steps = [float(b[0] - a[0]) for a, b in zip(before, after)]
    assert max(map(abs, steps)) < 0.001  # Matroska counts in milliseconds
    now, was = probe(target), probe(source)
    assert (now.rotation % 360, now.mirrored) == (was.rotation % 360, was.mirrored)
    assert (now.height, now.width, now.bits) == (was.height, was.width, was.bits)


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_keeps_the_luma_up_to_its_loss(
    tmp_path: Path, tiny: list[str], codec: str
) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=6)), tmp_path / "out.mkv"
    crf = [] if CODECS[codec].crf is None else ["--crf", "4"]
    assert main(["film", str(source), "-o", str(target), "--codec", codec, *crf, *tiny]) == 0
    with av.open(str(target)) as film:
        assert film.streams.video[0].codec_context.codec.canonical_name == codec
    before, after = decoded(source), decoded(target)
    assert [time_s for time_s, _, _ in before] == [time_s for time_s, _, _ in after]
    for (_, y_before, _), (_, y, _) in zip(before, after, strict=True):
        there = y / 4.0 if CODECS[codec].ten_bits else y.astype(float)
        apart = np.abs(there - y_before).mean()
        assert apart == 0 if CODECS[codec].lossless else apart < 2


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_goes_on_to_the_same_film(tmp_path: Path, tiny: list[str], codec: str) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=24))
    # x265 does not always write the same for the same small frames, but what it keeps is the same.
    encoding = Encoding(codec) if CODECS[codec].deterministic else Encoding(codec, crf=0)
    settings = FilmSettings(model=tiny[1], size=32, encoding=encoding, segment_frames=8)
    color_film(source, tmp_path / "whole.mkv", settings)

    class Killed(Exception):
        pass

    def stop(done: FilmProgress) -> None:
        if done.frames >= 21:
            raise Killed

    with pytest.raises(Killed):
        color_film(source, tmp_path / "out.mkv", settings, stop)
    outcome = color_film(source, tmp_path / "out.mkv", replace(settings, resume=True))
    assert outcome.resumed_frames > 0
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    if not CODECS[codec].deterministic:
        for (at_s, y, u), (at_again_s, y_again, u_again) in zip(
            decoded(whole), decoded(out), strict=True
        ):
            assert at_s == at_again_s
            assert np.array_equal(y, y_again)
            assert np.array_equal(u, u_again)
    else:
        assert payloads(out, "video") == payloads(whole, "video")


def test_interlaced_films_are_refused_or_made_whole(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_film(tmp_path / "in.mkv", INTERLACED)
    assert main(["film", str(source), *tiny]) == 1
    assert "pass --deinterlace" in capsys.readouterr().err
    assert main(["film", str(source), "--deinterlace", *tiny]) == 0
    assert len(decoded(tmp_path / "in.color.mkv")) == 6
    assert not probe(tmp_path / "in.color.mkv").interlaced


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def sound(path: Path) -> Path:
    film = make_film(path.with_name("film.mkv"), Film(frames=2, audio="flac"))
    with av.open(str(film)) as source, av.open(str(path), "w", format="matroska") as container:
        copy = container.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = copy
                container.mux(packet)
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated": (lambda p: cut(make_film(p, Film(frames=72))), "breaks off at"),
    "without its table": (lambda p: cut(make_film(p, MP4)), "cut off"),
    "empty": (empty, "0 bytes"),
    "sound alone": (sound, "no moving picture"),
    "12 bits": (lambda p: make_film(p, Film(frames=1, pix_fmt="yuv420p12le")), "10 bits first"),
    "HDR": (
        lambda p: make_film(p, Film(frames=1, pix_fmt="yuv420p10le", tags=(("color_trc", 16),))),
        "HDR or BT.2020, which is not supported",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_coloured_is_refused_in_words(
    tmp_path: Path, tiny: list[str], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = REFUSED[kind]
    source = make(tmp_path / "in.mkv")
    assert main(["film", str(source), *tiny]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "in.color.mkv").exists()


def test_a_second_run_on_the_same_output_is_refused(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=3)), tmp_path / "out.mkv"
    with output_lock(target):
        assert main(["film", str(source), "-o", str(target), "--overwrite", *tiny]) == 1
        assert "another run is colouring" in capsys.readouterr().err
        assert output_lock_file(target).exists()
    output_lock_file(target).touch()  # of a run that was killed
    assert main(["film", str(source), "-o", str(target), *tiny]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


def test_several_films_at_once_come_out_as_one_by_one(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    films = [str(make_film(tmp_path / f"{i}.mkv", Film(frames=6 + i))) for i in range(3)]
    (tmp_path / "bad.mkv").touch()
    for jobs in ("1", "3"):
        (tmp_path / jobs).mkdir()
        call = ["film", *films, str(tmp_path / "bad.mkv"), "-o", str(tmp_path / jobs)]
        assert main([*call, "--jobs", jobs, *tiny]) == 1
        assert "bad.mkv: it is empty" in capsys.readouterr().err
    for i in range(3):
        one, other = (payloads(tmp_path / jobs / f"{i}.color.mkv", "video") for jobs in "13")
        assert one == other


def test_ctrl_c_stops_all_films_and_keeps_what_is_finished(tmp_path: Path, tiny: list[str]) -> None:
    films = [
        (make_film(tmp_path / f"{i}.mkv", Film(frames=30)), tmp_path / f"out{i}.mkv")
        for i in range(2)
    ]
    settings = FilmSettings(model=tiny[1], size=32, segment_frames=6, encoding=Encoding("ffv1"))
    seen: list[int] = []

    def report(done: FilmProgress) -> None:
        seen.append(done.frames)
        if len(seen) == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(color_films(films, settings, color_film, [report, report], 2))
    assert not any(target.exists() for _, target in films)
    assert any(list(segments_folder(target).glob("*.json")) for _, target in films)
    for source, target in films:
        assert not output_lock_file(target).exists()
        assert color_film(source, target, replace(settings, resume=True)).frames == 30
