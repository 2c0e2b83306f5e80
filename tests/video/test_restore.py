"""Films are mended steadily: what one frame has alone, what stays for many, and the light."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures.film import Film, decoded, make_film, payloads
from fixtures.model import tiny_model
from numpy.typing import NDArray

from photochrom.cli import main
from photochrom.errors import InputError, OutputError
from photochrom.restoration import FILM_KINDS, FilmKind, parse_film_kinds
from photochrom.restoration.grain import measure_grain
from photochrom.video.film import color_film
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.encoder import FilmWriter
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.mux import join_segments
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmProgress, FilmSettings, Shot
from photochrom.video.restoration.blocks import block_quality, lack_on_grid
from photochrom.video.restoration.dust import find_specks
from photochrom.video.restoration.flicker import Exposure
from photochrom.video.restoration.measure import measure_film
from photochrom.video.restoration.mend import FilmMender, FrameChange
from photochrom.video.restoration.motion import FlowFinder, fetch, small_codes, small_shares
from photochrom.video.restoration.noise import mean_over_time, renewed_grain, shot_grain
from photochrom.video.restoration.plan import RestorationPlan, ShotPlan
from photochrom.video.restoration.scale import LumaScale
from photochrom.video.restoration.simulation import film_damage
from photochrom.video.restore import restore_film, write_changes
from photochrom.video.shots_file import read_shots, write_shots

SHAPE = (120, 160)
SCALE = LumaScale(8, full_range=False)


@cache
def scene(number: int, cut_at: int = 1000) -> NDArray[np.float32]:
    """A textured wall that the camera pans over; another one from `cut_at` on."""
    random = np.random.default_rng(1 if number < cut_at else 2)
    wall = random.random((10, 24), np.float32)
    wide = np.asarray(cv2.resize(wall, (24 * 16, 10 * 16), interpolation=cv2.INTER_CUBIC))
    part = np.clip(wide, 0, 1)[20 : 20 + SHAPE[0], 2 * number :][:, : SHAPE[1]]
    return 0.05 + 0.9 * part


def frames_of(
    kinds: Sequence[FilmKind], count: int, cut_at: int = 1000
) -> tuple[list[Frame], list[Frame]]:
    """True frames, and the same damaged."""
    damages = [film_damage(kind, 5) for kind in kinds]
    true, damaged = [], []
    for number in range(count):
        shares = scene(number, cut_at)
        true.append(Frame(number, SCALE.codes(shares), 1))
        for damage in damages:
            shares = damage(shares, number)
        damaged.append(Frame(number, SCALE.codes(shares), 1))
    return true, damaged


def error(frames: Sequence[Frame], true: Sequence[Frame]) -> float:
    """Root of the mean squared difference, in codes."""
    pairs = zip(frames, true, strict=True)
    return float(np.sqrt(np.mean([(a.luma.astype(float) - b.luma) ** 2 for a, b in pairs])))


LEFT: dict[FilmKind, float] = {
    "blocks": 0.9, "flicker": 0.5, "scratches": 0.6, "dust": 0.7, "grain": 0.4, "fading": 0.8,
}  # fmt: skip
"""What is left of the error, at most."""


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind == "dust" else pytest.mark.long) for kind in FILM_KINDS],
)
def test_each_kind_is_found_and_mended_up_to_the_cuts(kind: FilmKind) -> None:
    # A scratch stays for some samples of a shot.
    cut_at = 1000 if kind == "scratches" else 19
    true, damaged = frames_of([kind], 40, cut_at)
    plan = measure_film(damaged, SCALE)
    assert kind in {found for shot in plan.shots for found in shot.kinds}
    assert [shot.first_pts for shot in plan.shots] == [0, 19][: len(plan.shots)]
    changes: dict[int, FrameChange] = {}
    mended = list(FilmMender(plan, SCALE, changes).frames(damaged))
    assert error(mended, true) < LEFT[kind] * error(damaged, true)
    assert changes
    # A frame is the same wherever reading begins.
    part = list(FilmMender(plan, SCALE, {}).frames(islice(damaged, 20, None)))
    assert all((a.luma == b.luma).all() for a, b in zip(part[3:], mended[23:], strict=True))


def test_blocks_of_a_codec_show_on_its_grid_alone() -> None:
    true, damaged = (frames[0].luma for frames in frames_of(["blocks"], 1))
    assert lack_on_grid(true, SCALE) < 0.2
    lack = lack_on_grid(damaged, SCALE)
    assert 12 <= (block_quality(lack) or 100) <= 40
    assert block_quality(lack_on_grid(damaged[3:, 2:], SCALE)) is None
    assert lack_on_grid(damaged[:12], SCALE) == 0.0


def test_neighbors_count_where_they_show_the_same() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, (3, 32, 32)).astype(np.float32)
    frame, there, apart = noise + np.float32(0.5)
    calm = np.full_like(frame, 0.5)
    mean, share = mean_over_time(frame, calm, [(there, calm), (apart, calm + 0.3)], 0.05**2)
    assert share == pytest.approx(0.5, abs=0.01)
    assert mean == pytest.approx((frame + there) / 2, abs=0.01)


def test_what_stays_in_its_place_is_no_grain() -> None:
    texture = np.random.default_rng(0).normal(0.5, 0.05, (2, 128, 128)).astype(np.float32)
    measured = measure_grain(texture[0])
    stays = renewed_grain(texture[0], texture[0], measured)
    changes = renewed_grain(texture[0], texture[1], measured)
    assert stays is not None
    assert changes is not None
    assert stays.sigma == 0.0
    assert changes.sigma == pytest.approx(0.05, rel=0.1)
    assert shot_grain([stays, changes, stays, None], None) is None
    assert shot_grain([None], changes) is changes


def test_a_shot_is_mended_as_is_said_of_it(tmp_path: Path) -> None:
    file = tmp_path / "shots.toml"
    file.write_text(
        '[[shot]]\ntime = "0"\nrestore = ["Grain", "dust"]\n[[shot]]\ntime = "9"\nrestore = []\n'
    )
    one, none = read_shots(file)
    assert (one.restore, none.restore) == (("dust", "grain"), ())
    write_shots(tmp_path / "again.toml", (one, none))
    assert read_shots(tmp_path / "again.toml") == (one, none)
    file.write_text('[[shot]]\ntime = "0"\nrestore = ["rust"]\n')
    with pytest.raises(InputError, match="shot at 0: there is no kind of damage called rust"):
        read_shots(file)
    shots = tuple(ShotPlan(at, at + 9, True, has_dust=True) for at in (0, 10, 20))
    plan = RestorationPlan(shots, range(30), [Exposure(1.1, 0.0)] * 30)
    chosen = plan.only(["flicker"], [(3, ("dust", "grain")), (25, ())])
    assert [shot.kinds for shot in chosen.shots] == [("dust",), ("flicker",), ()]
    # The light of a shot that is not to be evened out stays.
    frame = Frame(25, SCALE.codes(scene(0)), 1)
    assert list(FilmMender(chosen, SCALE, {}).frames([frame])) == [frame]


def write_film(path: Path, frames: Sequence[Frame]) -> FilmInfo:
    """A film of frames, without loss, with sound."""
    template = make_film(
        path.with_name("template.mkv"), Film(frames=len(frames), size=SHAPE, audio="flac")
    )
    info = probe(template)
    times = [float(time_s) for time_s, _, _ in decoded(template)]
    segment = path.with_name("segment.nut")
    with FilmWriter(segment, info, Encoding("ffv1")) as writer:
        for frame, time_s in zip(frames, times, strict=True):
            pts = info.start_pts + round(Fraction(time_s) / info.time_base)
            chroma = np.full((60, 80, 2), 140, np.uint8)
            writer.write(replace(frame, pts=pts), chroma)
    join_segments([segment], info, path)
    return probe(path)


class Killed(Exception):
    """The run is over."""


def test_what_glitters_all_the_time_is_no_dust() -> None:
    random = np.random.default_rng(0)
    frames = np.full((3, 160, 160), 0.4, np.float32)
    for frame in frames:  # water on the left, new in each frame
        frame[:, :80][random.random((160, 80)) < 0.03] += 0.04
    frames[1, 80:82, 40:42] = frames[1, 80:82, 120:122] = 0.48
    found = find_specks(frames[1], frames[0], frames[2])
    assert found.number == 1
    assert np.argwhere(found.mask).mean(axis=0) == pytest.approx((80.5, 120.5))
    frames[1, 60:66, 40:46] = 0.95  # dust over the water
    assert find_specks(frames[1], frames[0], frames[2]).number == 2


def test_dust_is_found_where_the_camera_shakes() -> None:
    wide = np.concatenate([scene(0), scene(70)], axis=1)
    planes = [wide[:, x : x + SHAPE[1]].copy() for x in (0, 7, 3)]
    planes[1][50:56, 60:66] = 0.98
    earlier, frame, later = (small_codes(small_shares(plane)) for plane in planes)
    finder = FlowFinder()
    before = fetch(planes[0], finder.find(earlier, frame).back)
    after = fetch(planes[2], finder.find(frame, later).forth)
    found = find_specks(planes[1], before, after)
    assert found.number == 1
    assert np.argwhere(found.mask).mean(axis=0) == pytest.approx((52.5, 62.5), abs=0.5)


@pytest.mark.slow
def test_a_film_is_mended_keeps_the_rest_and_goes_on_where_it_was(tmp_path: Path) -> None:
    _, damaged = frames_of(["dust", "flicker"], 22)
    source = tmp_path / "in.mkv"
    info = write_film(source, damaged)
    settings = FilmSettings(restore=FILM_KINDS, encoding=Encoding("ffv1"), segment_frames=7)
    masks = [tmp_path / "whole.mask.mkv", tmp_path / "resumed.mask.mkv"]
    whole = restore_film(source, tmp_path / "whole.mkv", settings, mask=masks[0])
    assert whole.frames == 22
    assert "mended: flicker, dust" in whole.notes
    assert len(whole.changes) == 22
    assert sum(change.specks for change in whole.changes) > 15

    def stop(progress: FilmProgress) -> None:
        if not progress.is_measuring and progress.frames > 18:
            raise Killed

    target = tmp_path / "resumed.mkv"
    with pytest.raises(Killed):
        restore_film(source, target, settings, stop, masks[1])
    go_on = replace(settings, resume=True)
    differing = re.escape("mask was 'resumed.mask.mkv' and is None; shots was [] and is [[0.0, [")
    with pytest.raises(OutputError, match=differing):
        restore_film(source, target, replace(go_on, shots=(Shot(0.0, restore=("dust",)),)))
    masks[1].touch()  # as a run leaves it that is killed while it joins its segments
    resumed = restore_film(source, target, go_on, mask=masks[1])
    assert resumed.resumed_frames == 14
    assert resumed.changes == whole.changes
    one, other = (list(decoded(tmp_path / name)) for name in ("whole.mkv", "resumed.mkv"))
    assert len(one) == 22
    for (time_a, *planes_a), (time_b, *planes_b) in zip(one, other, strict=True):
        assert time_a == time_b
        assert all((a == b).all() for a, b in zip(planes_a, planes_b, strict=True))
    assert payloads(tmp_path / "whole.mkv", "audio") == payloads(source, "audio")
    was = list(decoded(source))
    white, white_again = (list(decoded(path)) for path in masks)
    for (at, luma, _), (_, mended, _), (shown_at, mask, no_color), (_, again, _) in zip(
        was, one, white, white_again, strict=True
    ):
        assert shown_at == at
        assert (mask == (mended != luma) * np.uint8(255)).all()
        assert mask.any()
        assert (no_color == 128).all()
        assert (again == mask).all()
    assert not probe(masks[0]).streams
    table = tmp_path / "changes.csv"
    write_changes(table, whole.changes, info)
    lines = table.read_text().splitlines()
    assert lines[0] == "seconds,gain,offset,lines,specks,covered,noise"
    assert len(lines) == 23


def test_the_command_mends_shots_as_is_said_and_writes_masks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, damaged = frames_of(["dust"], 6)
    source, mask, file = (tmp_path / name for name in ("in.mkv", "mask.mkv", "shots.toml"))
    write_film(source, damaged)
    file.write_text('[[shot]]\ntime = "0"\nrestore = []\n')
    call = ["restore", str(source), "--shots", str(file), "--mask"]
    assert main([*call, str(mask)]) == 0
    assert "no damage was found" in capsys.readouterr().err
    assert (tmp_path / "in.restored.mkv").read_bytes() == source.read_bytes()
    assert [luma.any() for _, luma, _ in decoded(mask)] == [False] * 6
    refused = {"mask.mp4": "name a .mkv", "mask.mkv": "mask.mkv exists"}
    for name, words in refused.items():
        assert main([*call, str(tmp_path / name), "-o", str(tmp_path / "again.mkv")]) == 1
        assert words in capsys.readouterr().err
    assert main([*call, str(mask), str(source)]) == 2
    assert "--shots are of one film" in capsys.readouterr().err


@pytest.mark.long
def test_a_clean_film_is_copied_and_coloured_as_without(tmp_path: Path) -> None:
    true, _ = frames_of([], 14)
    source = tmp_path / "in.mkv"
    write_film(source, true)
    settings = FilmSettings(restore=FILM_KINDS, encoding=Encoding("ffv1"))
    outcome = restore_film(source, tmp_path / "copy.mkv", settings)
    assert outcome.notes[-1] == "no damage was found, so every frame is as it was"
    assert (tmp_path / "copy.mkv").read_bytes() == source.read_bytes()
    colored = replace(settings, model=tiny_model(tmp_path / "tiny.onnx"), size=32)
    color_film(source, tmp_path / "with.mkv", colored)
    color_film(source, tmp_path / "without.mkv", replace(colored, restore=()))
    with_it, without = (list(decoded(tmp_path / f"{n}.mkv")) for n in ("with", "without"))
    for (_, *planes_a), (_, *planes_b) in zip(with_it, without, strict=True):
        assert all((a == b).all() for a, b in zip(planes_a, planes_b, strict=True))


def test_a_clean_film_without_its_end_is_not_copied_as_if_whole(tmp_path: Path) -> None:
    true, _ = frames_of([], 40)
    whole = tmp_path / "whole.mkv"
    write_film(whole, true)
    source = tmp_path / "in.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    settings = FilmSettings(restore=("fading",), encoding=Encoding("ffv1"), damage="salvage")
    outcome = restore_film(source, tmp_path / "out.mkv", settings)
    assert 5 < outcome.frames < 30
    assert any("the end of the film is missing" in note for note in outcome.notes)
    assert len(decoded(tmp_path / "out.mkv")) == outcome.frames
    frames = list(decoded(tmp_path / "out.mkv"))
    assert (frames[-1][1] == true[len(frames) - 1].luma).all()


@pytest.mark.parametrize("shape", [(2, 2), (8, 64), (24, 400)])
def test_films_of_a_few_lines_are_measured(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    frames = [Frame(n, random.integers(20, 200, shape, np.uint8), 1) for n in range(12)]
    plan = measure_film(frames, SCALE)
    mended = list(FilmMender(plan, SCALE, {}).frames(frames))
    assert [frame.luma.shape for frame in mended] == [shape] * 12


def test_kinds_of_films_have_their_own_names() -> None:
    assert parse_film_kinds(["Dust", "flicker"]) == ("flicker", "dust")
    with pytest.raises(InputError, match="no kind of damage called halftone; choose of blocks"):
        parse_film_kinds(["halftone"])
