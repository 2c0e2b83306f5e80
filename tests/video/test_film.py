"""Whole films in colour: everything is kept, nothing is lost when the work is interrupted."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from fixtures.film import ORDERLESS, Film, decoded, luma, make_film, payloads
from fixtures.model import tiny_model

from photochrom.color.tone import tone
from photochrom.engine import load, local_model
from photochrom.errors import InputError, ModelError, OutputError
from photochrom.hints import Hint
from photochrom.imageio import Picture, read, write
from photochrom.video.film import color_film, manifest
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.options import FilmHint, FilmProgress, FilmSettings, KeyFrame
from photochrom.video.preview import preview_film
from photochrom.video.segments import UnusableSegmentsError, segments_folder
from photochrom.video.session import open_session
from photochrom.video.stills import read_keyframes, write_stills
from photochrom.video.temporal.propagation import UserColors
from photochrom.video.temporal.smoothing import steady_chroma
from photochrom.video.user_colors import propagate_to_shot_starts, user_colors_by_shot

pytestmark = pytest.mark.slow

LOSSLESS = Encoding("ffv1")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> FilmSettings:
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return FilmSettings(model=model, size=32, encoding=LOSSLESS)


def test_a_film_keeps_its_luma_times_and_sound_and_gets_colour(
    tmp_path: Path, settings: FilmSettings
) -> None:
    film = Film(
        rotation=0,
        time_base=Fraction(1, 1000),
        times=tuple(500 + i * 40 + (i % 3) * 5 for i in range(24)),
        audio="flac",
        subtitle="subrip",
    )
    source, target = make_film(tmp_path / "in.mkv", film), tmp_path / "out.mkv"
    seen: list[FilmProgress] = []
    outcome = color_film(source, target, settings, seen.append)
    assert (outcome.frames, outcome.resumed_frames, outcome.model) == (24, 0, "tiny 1.2.3")
    assert [p.frames for p in seen] == list(range(1, 25))
    for (time_s, y, u), (time_before_s, y_before, _) in zip(
        decoded(target), decoded(source), strict=True
    ):
        assert time_s == time_before_s
        np.testing.assert_array_equal(y, y_before)
        assert u.mean() < 126  # the tiny network makes light things yellow
    for kind in ("audio", "subtitle"):
        assert payloads(target, kind) == payloads(source, kind)
    with av.open(str(target)) as container:
        assert "tiny 1.2.3" in str(container.metadata)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


@pytest.mark.parametrize(
    "film",
    [
        Film(frames=1),
        Film(size=(47, 85)),
        Film(pix_fmt="yuv420p10le"),
        Film(pix_fmt="gray"),
        Film(rate=Fraction(60000, 1001)),
        Film(size=(64, 96), encoder="libx264", format="mp4", rotation=90),
    ],
    ids=["one frame", "odd", "10 bits", "grey", "59.94", "turned"],
)
def test_films_of_many_kinds_keep_every_frame(
    tmp_path: Path, settings: FilmSettings, film: Film
) -> None:
    source = make_film(tmp_path / "in.mkv", film)
    color_film(source, tmp_path / "out.mkv", settings)
    before, after = decoded(source), decoded(tmp_path / "out.mkv")
    assert len(before) == len(after) == film.frames
    for (_, y_before, _), (_, y, u) in zip(before, after, strict=True):
        np.testing.assert_array_equal(y, y_before)
        assert abs(float(u.mean()) - (512 if u.dtype == np.uint16 else 128)) > 2


def test_segments_do_not_show(tmp_path: Path, settings: FilmSettings) -> None:
    """With enough frames to warm up, cutting the work into segments changes nothing visible."""
    source = make_film(tmp_path / "in.mkv", Film(frames=60))
    color_film(source, tmp_path / "whole.mkv", settings)
    color_film(source, tmp_path / "cut.mkv", replace(settings, segment_frames=17))
    whole, cut = decoded(tmp_path / "whole.mkv"), decoded(tmp_path / "cut.mkv")
    assert [time_s for time_s, _, _ in whole] == [time_s for time_s, _, _ in cut]
    for (_, y, u), (_, y_cut, u_cut) in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(y, y_cut)
        assert np.abs(u.astype(int) - u_cut).max() <= 1


class Killed(Exception):
    """What ends a run in a test."""


def stopping_at(frames: int) -> Callable[[FilmProgress], None]:
    def progress(done: FilmProgress) -> None:
        if done.frames >= frames:
            raise Killed

    return progress


def test_what_was_finished_is_gone_on_with(tmp_path: Path, settings: FilmSettings) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=50))
    in_segments = replace(settings, segment_frames=12)
    color_film(source, tmp_path / "whole.mkv", in_segments)
    target = tmp_path / "out.mkv"
    with pytest.raises(Killed):
        color_film(source, target, in_segments, stopping_at(40))
    assert not target.exists()
    with pytest.raises(OutputError, match="--resume to go on"):
        color_film(source, target, in_segments)
    with pytest.raises(OutputError, match=r"vividness was 1.0 and is 2.0"):
        color_film(source, target, replace(in_segments, resume=True, vividness=2.0))
    outcome = color_film(source, target, replace(in_segments, resume=True))
    assert outcome.resumed_frames in (24, 36)  # the encoder may lag behind
    assert not segments_folder(target).exists()
    assert payloads(target, "video") == payloads(tmp_path / "whole.mkv", "video")


@pytest.mark.parametrize("kind", ORDERLESS)
def test_films_whose_packets_are_not_their_frames_are_gone_on_with(
    tmp_path: Path, settings: FilmSettings, kind: str
) -> None:
    source, out, whole = (tmp_path / name for name in ("in", "out.mkv", "whole.mkv"))
    ORDERLESS[kind](source, 160)
    in_segments = replace(settings, segment_frames=20)
    color_film(source, whole, in_segments)
    with pytest.raises(Killed):
        color_film(source, out, in_segments, stopping_at(158))
    assert color_film(source, out, replace(in_segments, resume=True)).resumed_frames >= 120
    assert payloads(out, "video") == payloads(whole, "video")
    assert [time_s for time_s, _, _ in decoded(out)] == [time_s for time_s, _, _ in decoded(whole)]
    for (_, y, _), (_, y_before, _) in zip(decoded(out), decoded(source), strict=True):
        np.testing.assert_array_equal(y, y_before)


@pytest.mark.parametrize("kind", ORDERLESS)
def test_a_hint_at_a_time_is_for_the_frame_shown_then(
    tmp_path: Path, settings: FilmSettings, kind: str
) -> None:
    source = ORDERLESS[kind](tmp_path / "in", 45)
    info = probe(source)
    asked_s = info.seconds([frame.pts for frame in read_frames(info)][37])
    alone = replace(settings, steady=0.0)
    color_film(source, tmp_path / "plain.mkv", alone)
    blue = replace(alone, hints=(FilmHint(asked_s, Hint(80, 10, (20, 40, 220))),))
    color_film(source, tmp_path / "blue.mkv", blue)
    plain, hinted = decoded(tmp_path / "plain.mkv"), decoded(tmp_path / "blue.mkv")
    changed = [i for i in range(45) if np.any(plain[i][2] != hinted[i][2])]
    assert changed[-1] == 37
    assert set(changed) <= {1, 13, 25, 37}  # earlier ones of the shot hear of it, too


def test_work_that_does_not_fit_the_film_is_not_gone_on_with(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=30)), tmp_path / "out.mkv"
    in_segments = replace(settings, segment_frames=5)
    with pytest.raises(Killed):
        color_film(source, target, in_segments, stopping_at(30))
    record = max(segments_folder(target).glob("0*.json"))
    segment = json.loads(record.read_text())
    record.write_text(json.dumps({**segment, "last_pts": segment["last_pts"] - 1}))
    with pytest.raises(UnusableSegmentsError, match=r"does not give the frame at 0\.\d+ s again"):
        color_film(source, target, replace(in_segments, resume=True))
    del segment["last_pts"]
    record.write_text(json.dumps({**segment, "first": 20}))
    with pytest.raises(UnusableSegmentsError, match="of another version"):
        color_film(source, target, replace(in_segments, resume=True))


@pytest.mark.parametrize("change", ["another film", "grown", "gone", "another time"])
def test_a_film_that_changes_while_it_is_coloured_is_noticed(
    tmp_path: Path, settings: FilmSettings, change: str
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=20, audio="flac"))
    other = make_film(tmp_path / "other.mkv", Film(frames=20, audio="flac", cut_at=3))

    def change_at_ten(done: FilmProgress) -> None:
        if done.frames == 10 and change == "another film":
            other.replace(source)
        elif done.frames == 10 and change == "grown":
            with source.open("ab") as file:
                file.write(b"more")
        elif done.frames == 10 and change == "gone":
            source.unlink()
        elif done.frames == 10:
            os.utime(source, (1, 1))

    with pytest.raises(InputError, match=r"in\.mkv has changed while it was coloured"):
        color_film(source, tmp_path / "out.mkv", settings, change_at_ten)
    assert not (tmp_path / "out.mkv").exists()


def test_what_killed_runs_left_goes_with_the_next_run(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=30)), tmp_path / "out.mkv"
    in_segments = replace(settings, segment_frames=8)
    with pytest.raises(Killed):
        color_film(source, target, in_segments, stopping_at(25))
    kept = segments_folder(target)
    (kept / ".photochrom-0123.tmp").write_bytes(b"a segment")
    (tmp_path / ".photochrom-4567.tmp").write_bytes(b"a film that was being joined")
    with pytest.raises(Killed):
        color_film(source, target, replace(in_segments, resume=True), stopping_at(29))
    assert not list(kept.glob(".photochrom-*.tmp"))
    assert not list(tmp_path.glob(".photochrom-*.tmp"))


def test_a_folder_of_references_is_the_same_whatever_else_is_in_it(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=2))
    write(tmp_path / "reference.png", Picture(np.full((8, 8, 3), 90, np.uint8)), overwrite=False)
    network = load(local_model(settings.model), confidence="none")
    chosen = replace(settings, reference_folder=tmp_path)
    before = manifest(probe(source), network, chosen)
    segments_folder(tmp_path / "in.color.mkv").mkdir()
    (tmp_path / ".#notes.txt").symlink_to("nobody@nowhere")  # as an editor locks a file
    assert manifest(probe(source), network, chosen) == before
    os.utime(tmp_path / "reference.png", (1, 1))
    assert manifest(probe(source), network, chosen) != before


def test_overwriting_begins_anew(tmp_path: Path, settings: FilmSettings) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=30)), tmp_path / "out.mkv"
    with pytest.raises(Killed):
        color_film(source, target, replace(settings, segment_frames=8), stopping_at(25))
    assert color_film(source, target, replace(settings, overwrite=True)).resumed_frames == 0
    with pytest.raises(OutputError, match="exists; pass --overwrite"):
        color_film(source, target, settings)
    with pytest.raises(OutputError, match="is the input itself"):
        color_film(source, source, replace(settings, overwrite=True))


_RUN = """
import sys
from pathlib import Path
from photochrom.video.film import color_film
from photochrom.video.options import FilmSettings, FilmHint
from photochrom.video.io.codecs import Encoding
from photochrom.hints import Hint

model, source, target = sys.argv[1:]
settings = FilmSettings(
    model=model, size=32, segment_frames=6, resume=True, encoding=Encoding("h264"),
    hints=(FilmHint(0.1, Hint(20, 20, (200, 30, 30))),),
)
color_film(source, target, settings, lambda done: print(done.frames, flush=True))
"""


@pytest.mark.parametrize("most_kills", [2, pytest.param(12, marks=pytest.mark.long)])
def test_a_film_killed_at_random_moments_comes_out_the_same(
    most_kills: int, tmp_path: Path, settings: FilmSettings
) -> None:
    """SIGKILL leaves no time to tidy up; what counts is what is on the disk."""
    frames = 20 * most_kills
    source = make_film(tmp_path / "in.mkv", Film(frames=frames, audio="flac"))
    killed, whole = tmp_path / "killed.mp4", tmp_path / "whole.mp4"

    def start(target: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _RUN, str(settings.model), str(source), str(target)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with start(whole) as run:
        assert run.stdout is not None
        run.stdout.read()
    assert run.returncode == 0
    chance = random.Random(4)
    kills = 0
    for _ in range(5 * most_kills):
        with start(killed) as run:
            assert run.stdout is not None
            if kills < most_kills:
                for _ in range(chance.randrange(4, 16)):
                    if not run.stdout.readline():
                        break
                time.sleep(chance.uniform(0.0, 0.05))
                run.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
                kills += 1
            run.stdout.read()
        if run.returncode == 0:
            break
        if killed.exists():
            break  # hit between its completion and its end
    assert kills >= most_kills - 1
    for kind in ("video", "audio"):
        assert payloads(killed, kind) == payloads(whole, kind)
    assert [time_s for time_s, _, _ in decoded(killed)] == [
        time_s for time_s, _, _ in decoded(whole)
    ]


def test_a_part_of_a_film_is_the_same_frames(tmp_path: Path, settings: FilmSettings) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=48))
    color_film(source, tmp_path / "part.mkv", replace(settings, start_s=0.5, end_s=1.0))
    part = decoded(tmp_path / "part.mkv")
    assert len(part) == 12
    for index, (_, y, _) in enumerate(part, start=12):
        np.testing.assert_array_equal(y, luma(Film(frames=48), index))


def test_a_hint_holds_through_the_shot_and_over_segments(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=80))
    blue = replace(settings, hints=(FilmHint(0.2, Hint(80, 10, (20, 40, 220))),), segment_frames=12)
    place = slice(2, 8), slice(37, 43)

    def strength(chosen: FilmSettings, name: str) -> list[float]:
        color_film(source, tmp_path / name, chosen)
        return [float(u[place].mean()) for _, _, u in decoded(tmp_path / name)]

    plain, cut = strength(settings, "plain.mkv"), strength(blue, "cut.mkv")
    whole = strength(replace(blue, segment_frames=80), "whole.mkv")
    assert whole[4] > plain[4] + 10
    # A segment begins with a guess of its own, so other frames are asked for than in the whole.
    for index in (4, 11, 12, 20, 40, 50, 60):
        assert cut[index] > whole[index] - 4, index


def blue_still(path: Path, film: Film, index: int) -> Path:
    grey = luma(film, index)
    blue = np.minimum(grey.astype(int) + 60, 255)
    picture = np.stack([grey // 2, grey // 2, blue], axis=-1).astype(np.uint8)
    write(path, Picture(picture))
    return path


def test_a_still_late_in_a_shot_holds_from_its_beginning(
    tmp_path: Path, settings: FilmSettings
) -> None:
    film = Film(frames=80, grain=2)
    source = make_film(tmp_path / "in.mkv", film)
    still = blue_still(tmp_path / "still.png", film, 72)
    blue = replace(settings, keyframes=(KeyFrame(3.0, still),))
    color_film(source, tmp_path / "blue.mkv", blue)
    color_film(source, tmp_path / "plain.mkv", settings)
    plain, hinted = (
        [float(u[:, 30:].mean()) for _, _, u in decoded(tmp_path / name)]
        for name in ("plain.mkv", "blue.mkv")
    )
    assert all(b > a + 8 for a, b in zip(plain, hinted))  # the disc comes between for a while
    assert min(hinted[46:]) > 165


def test_what_is_said_does_not_reach_back_over_a_cut(
    tmp_path: Path, settings: FilmSettings
) -> None:
    film = Film(frames=70, grain=2, cut_at=30)
    info = probe(make_film(tmp_path / "cut.mkv", film))
    still = KeyFrame(2.5, blue_still(tmp_path / "still.png", film, 60))
    reached = user_colors_by_shot(open_session(info, replace(settings, keyframes=(still,))))
    assert [(pts, reached[pts].propagated) for pts in sorted(reached)] == [
        (1500, True), (2000, True), (2500, False)
    ]  # fmt: skip


def test_of_two_words_in_a_shot_the_earlier_one_holds_until_the_later(
    tmp_path: Path, settings: FilmSettings
) -> None:
    film = Film(frames=60, grain=2)
    info = probe(make_film(tmp_path / "in.mkv", film))
    session = open_session(info, settings)
    shape = session.converter.working_shape
    times = [frame.pts for frame in read_frames(info)]
    first, second = (
        UserColors(
            times[i],
            np.full((*shape, 2), ab, np.float32),
            np.ones(shape, "f"),
        )
        for i, ab in ((10, (0.0, -40.0)), (50, (50.0, 30.0)))
    )
    user_colors = propagate_to_shot_starts(session, {times[10]: first, times[50]: second})
    assert {pts for pts in user_colors if not user_colors[pts].propagated} == {times[10], times[50]}
    frames = [item.working for item in session.frames()]
    colors = steady_chroma(frames, session.guess, user_colors=user_colors)
    a = [float(frame.ab[4:, 12:, 0].mean()) for frame in colors]
    assert max(a[:26]) < 10
    assert min(a[50:]) > 40


def test_a_coloured_still_gives_the_shot_its_colours(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=30))
    still = blue_still(tmp_path / "still.png", Film(), 0)
    blue = replace(settings, keyframes=(KeyFrame(0.0, still),))
    color_film(source, tmp_path / "out.mkv", blue)
    assert all(u.mean() > 135 for _, _, u in decoded(tmp_path / "out.mkv"))
    write(tmp_path / "wrong.png", Picture(cv2.resize(read(still).pixels, (50, 64))))
    wrong = replace(settings, keyframes=(KeyFrame(0.0, tmp_path / "wrong.png"),), overwrite=True)
    with pytest.raises(InputError, match="proportions of 96 x 64"):
        color_film(source, tmp_path / "out.mkv", wrong)


def test_what_is_outside_of_the_film_is_refused(tmp_path: Path, settings: FilmSettings) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film()), tmp_path / "out.mkv"
    late = replace(settings, hints=(FilmHint(2.0, Hint(1, 1, (1, 2, 3))),))
    with pytest.raises(InputError, match=r"no frame of .* at 2 s; its last one is at 0.95"):
        color_film(source, target, late)
    outside = replace(settings, hints=(FilmHint(0.0, Hint(96, 1, (1, 2, 3))),))
    with pytest.raises(InputError, match="outside the picture of 96 x 64"):
        color_film(source, target, outside)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_a_film_that_breaks_off_is_told_and_leaves_no_half_film(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=60))
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"in\.mkv"):
        color_film(source, tmp_path / "out.mkv", settings)
    assert not (tmp_path / "out.mkv").exists()


def test_damage_is_reported_whole_by_a_run_that_goes_on(
    tmp_path: Path, settings: FilmSettings
) -> None:
    film = Film(
        frames=96,
        encoder="libx264",
        format="mp4",
        audio="aac",
        options=(("g", "24"), ("bf", "2"), ("crf", "18")),
    )
    source = make_film(tmp_path / "in.mp4", film)
    with av.open(str(source)) as container:
        places = [p.pos or 0 for p in container.demux(video=0) if p.size]
    data = bytearray(source.read_bytes())
    for place in (places[10], places[60]):
        data[place : place + 200] = bytes(200)
    source.write_bytes(data)
    target, in_segments = tmp_path / "out.mkv", replace(settings, segment_frames=12)
    with pytest.raises(Killed):
        color_film(source, target, in_segments, stopping_at(50))
    outcome = color_film(source, target, replace(in_segments, resume=True))
    first, second = outcome.damage
    assert 0.3 < first.start_s < 1.0 < 2.2 < second.start_s < 3.0
    assert sum(s.damaged + s.lost for s in outcome.damage) >= 2
    assert outcome.notes[-1].startswith("the film is damaged at 0.")
    info = probe(source)
    there = [info.seconds(frame.pts) for frame in read_frames(info)]
    shown = [float(time_s) for time_s, _, _ in decoded(target)]
    assert [time_s - shown[0] for time_s in shown] == pytest.approx(there, abs=0.001)
    assert payloads(target, "audio") == payloads(source, "audio")


def test_what_is_there_of_a_cut_film_is_coloured_when_asked(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=60, audio="flac"))
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    outcome = color_film(source, tmp_path / "out.mkv", replace(settings, damage="salvage"))
    assert 20 < outcome.frames < 40
    assert outcome.notes == (
        f"the end of the film is missing, from {(outcome.frames - 1) / 24:.1f} s on",
    )
    assert len(decoded(tmp_path / "out.mkv")) == outcome.frames


def test_a_damaged_manifest_is_no_reason_to_guess(tmp_path: Path, settings: FilmSettings) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=30)), tmp_path / "out.mkv"
    with pytest.raises(Killed):
        color_film(source, target, replace(settings, segment_frames=5), stopping_at(30))
    (segments_folder(target) / "manifest.json").write_text(json.dumps([1]))
    with pytest.raises(OutputError, match="is damaged"):
        color_film(source, target, replace(settings, segment_frames=5, resume=True))


def test_every_shot_has_its_still_which_gives_its_colours_back(
    tmp_path: Path, settings: FilmSettings
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=30))
    (still,) = write_stills(source, tmp_path / "stills", settings)
    assert still.name == "0h00m00.167s.png"
    assert tone(read(still).pixels) != "grey"
    (keyframe,) = read_keyframes(tmp_path / "stills")
    assert keyframe == KeyFrame(0.167, still)
    with pytest.raises(InputError, match="no stills"):
        read_keyframes(tmp_path)


def test_stills_are_from_a_little_into_each_shot(tmp_path: Path, settings: FilmSettings) -> None:
    two = make_film(tmp_path / "two.mkv", Film(frames=60, grain=2, cut_at=30))
    stills = write_stills(two, tmp_path / "two", settings)
    assert [still.name for still in stills] == ["0h00m00.167s.png", "0h00m01.417s.png"]
    short = make_film(tmp_path / "short.mkv", Film(frames=3))
    (last,) = write_stills(short, tmp_path / "short", settings)
    assert last.name == "0h00m00.083s.png"


def test_a_preview_shows_both_side_by_side(tmp_path: Path, settings: FilmSettings) -> None:
    source, target = make_film(tmp_path / "in.mkv", Film(frames=96)), tmp_path / "preview.mp4"
    outcome = preview_film(source, target, 1.0, replace(settings, encoding=Encoding()))
    frames = decoded(target)
    assert outcome.frames == len(frames) == 24
    for _, y, u in frames:
        assert y.shape == (64, 192)
        assert np.abs(u[:, :46].astype(int) - 128).max() <= 2
        assert u[:, 50:].mean() < 124


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/full/photochrom-preview-1"),
            "cannot make a preview's folder in /full: No space left on device; free some space",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/full']"),
            "cannot make a preview's folder in any folder for temporary files: none can be written",
        ),
    ],
    ids=["full", "none"],
)
def test_a_preview_that_finds_no_space_says_where(
    tmp_path: Path,
    settings: FilmSettings,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    message: str,
) -> None:
    def full(**_options: str) -> None:
        raise error

    source, target = make_film(tmp_path / "in.mkv", Film(frames=24)), tmp_path / "preview.mp4"
    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with pytest.raises(OutputError) as caught:
        preview_film(source, target, 1.0, replace(settings, encoding=Encoding()))
    assert str(caught.value).startswith(message)
    assert not target.exists()


def test_faces_are_not_coloured_from_close_up_in_films(
    tmp_path: Path, settings: FilmSettings
) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=2))
    both = replace(settings, model=f"faces:{settings.model}:{settings.model}")
    with pytest.raises(ModelError, match="and films would flicker; name one model"):
        open_session(probe(film), both)
