"""`photochrom film`, as a person calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.film import Film, decoded, make_film, payloads
from fixtures.model import tiny_model

from photochrom.cli import main
from photochrom.cli.film_arguments import plan_targets
from photochrom.video.segments import segments_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return ["--model", str(model), "--size", "32"]


def test_a_film_goes_beside_itself_with_its_sound(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_film(
        tmp_path / "in.mp4", Film(encoder="libx264", format="mp4", audio="aac", frames=30)
    )
    assert main(["film", str(source), *tiny]) == 0
    target = tmp_path / "in.color.mp4"
    assert len(decoded(target)) == 30
    assert payloads(target, "audio") == payloads(source, "audio")
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{source} -> {target} (30 frames, " in err
    assert main(["film", str(source), *tiny]) == 1
    assert "pass --overwrite" in capsys.readouterr().err
    assert main(["film", str(source), *tiny, "--resume"]) == 0
    assert "is finished" in capsys.readouterr().err


def test_one_bad_film_does_not_stop_the_others(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.mkv").write_bytes(b"")
    make_film(tmp_path / "good.mkv", Film())
    folder = tmp_path / "out"
    folder.mkdir()
    films = [str(tmp_path / "bad.mkv"), str(tmp_path / "good.mkv")]
    assert main(["film", *films, "-o", str(folder), *tiny]) == 1
    assert [path.name for path in folder.iterdir()] == ["good.color.mkv"]
    assert "it is empty" in capsys.readouterr().err


def test_part_codec_and_quality_are_as_asked(tmp_path: Path, tiny: list[str]) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=48))
    options = ["--from", "0:00.5", "--to", "1.0", "--codec", "ffv1", "--steady", "0"]
    assert main(["film", str(source), "-o", str(tmp_path / "part.mkv"), *tiny, *options]) == 0
    assert len(decoded(tmp_path / "part.mkv")) == 12


def test_stills_come_back_as_key_frames(tmp_path: Path, tiny: list[str]) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=30))
    stills = str(tmp_path / "stills")
    assert main(["film", str(source), "--stills", stills, *tiny]) == 0
    assert len(list((tmp_path / "stills").iterdir())) == 1
    assert not (tmp_path / "in.color.mkv").exists()
    hint = ["--hint", "0:00.1,10,10,#2030d0"]
    assert main(["film", str(source), "--keyframes", stills, *hint, *tiny]) == 0
    assert len(decoded(tmp_path / "in.color.mkv")) == 30


def test_a_preview_is_short_and_wide(tmp_path: Path, tiny: list[str]) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=72))
    assert main(["film", str(source), "--preview", "1", *tiny]) == 0
    frames = decoded(tmp_path / "in.preview.mkv")
    assert len(frames) == 24
    assert frames[0][1].shape == (64, 192)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--hint", "1,2,3"], "is not TIME,X,Y,COLOR"),
        (["--hint", "1,2,3,greenish"], "'greenish' is no colour"),
        (["--keyframe", "1:00"], "is not TIME=PICTURE"),
        (["--from", "soon"], "is no time"),
        (["--codec", "ffv1", "--crf", "3"], "--crf 3 does not go with ffv1"),
        (["--preset", "warp"], "--preset warp does not go with h264"),
        (["--steady", "2"], "2"),
        (["--stills", "x", "--preview", "3"], "two different runs"),
        (["-o", "nowhere/at/all"], "neither a folder nor a film"),
    ],
)
def test_a_wrong_call_is_told_before_any_work(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=2))
    assert main(["film", str(source), *options]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal there")
def test_ctrl_c_ends_with_130_and_resume_goes_on(tmp_path: Path, tiny: list[str]) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=2000, size=(32, 32)))
    target = tmp_path / "out.mkv"
    command = [sys.executable, "-m", "photochrom", "film", str(source), "-o", str(target), *tiny]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while not list(tmp_path.glob(".out.mkv.photochrom-parts/000000.json")):
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        _, message = run.communicate()
    assert run.returncode == 130
    assert "1500 finished frames are kept; the same call with --resume goes on" in message
    left = sorted(path.name for path in segments_folder(target).iterdir())
    assert left == ["000000.json", "000000.nut", "manifest.json"]
    assert main(["film", str(source), "-o", str(target), *tiny, "--resume"]) == 0
    assert len(decoded(target)) == 2000


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal there")
def test_ctrl_c_before_anything_is_finished_promises_nothing(
    tmp_path: Path, tiny: list[str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=1400, size=(32, 32)))
    target = tmp_path / "out.mkv"
    command = [sys.executable, "-m", "photochrom", "film", str(source), "-o", str(target), *tiny]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        while not list(tmp_path.glob(".out.mkv.photochrom-parts/.photochrom-*.tmp")):
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        _, message = run.communicate()
    assert run.returncode == 130
    assert "Nothing is kept yet; films are finished in segments of 1500 frames." in message
    assert "--resume" not in message
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["in.mkv"]


def test_a_film_is_measured_beside_plain_encoding(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=12))
    call = ["bench", "--film", str(source), "--model", tiny[1], "--repeats", "1", "--json"]
    assert main(call) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["frames"], report["width"], report["height"]) == (12, 96, 64)
    assert report["times_plain"] == report["colour"]["seconds"] / report["plain"]["seconds"]
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_a_finished_film_does_not_end_the_work_that_is_to_replace_it(
    tmp_path: Path, tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=3))
    target = make_film(tmp_path / "out.mkv", Film(frames=3))
    os.utime(target, (1, 1))
    folder = segments_folder(target)
    folder.mkdir()
    record = {"number": 0, "frames": 1500, "last_pts": 4, "restart_pts": 0}
    (folder / "000000.json").write_text(json.dumps(record))
    (folder / "000000.nut").touch()
    assert main(["film", str(source), "-o", str(target), *tiny, "--resume"]) == 0
    message = capsys.readouterr().err
    assert f"Skipped: {target} is finished" in message
    assert "1500 frames of a later run are kept; --overwrite with --resume goes on" in message
    assert (folder / "000000.json").exists()


@pytest.mark.parametrize(
    ("name", "codec", "target"),
    [
        ("a.webm", "h264", "a.color.mkv"),
        ("a.webm", "av1", "a.color.webm"),
        ("a.MP4", "prores", "a.color.mkv"),
        ("a.MP4", "hevc", "a.color.MP4"),
        ("a.vob", "h264", "a.color.mkv"),
    ],
)
def test_a_film_beside_itself_is_of_a_kind_that_holds_the_codec(
    name: str, codec: str, target: str
) -> None:
    assert plan_targets([Path(name)], None, "color", codec) == [(Path(name), Path(target))]
