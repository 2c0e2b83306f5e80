"""What is said of single shots: hints, strokes, areas, stills, references, tone; also by file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import skimage.data
from av.video.frame import VideoFrame
from fixtures.film import Film, decoded, make_film
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom import Area, Hint, Stroke, WhiteBalance, film
from photochrom.errors import InputError
from photochrom.evaluation.dataset import to_grey
from photochrom.guided.color_file import ColorFile
from photochrom.guided.reference import SAME_SCENE, ReferenceGuide, ReferenceScore
from photochrom.video.film import color_film, manifest
from photochrom.video.film_frames import FilmFrames
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.probe import probe
from photochrom.video.options import FilmHint, FilmProgress, FilmSettings, Shot
from photochrom.video.session import open_session
from photochrom.video.shot_guide import MATCH_EVERY, ShotGuide
from photochrom.video.shot_spans import shot_span
from photochrom.video.shots_file import read_shots, write_shots
from photochrom.video.stills import read_keyframes, write_stills
from photochrom.video.temporal.smoothing import WorkingFrame
from photochrom.video.user_colors import all_hints

pytestmark = pytest.mark.slow


def guess(
    _L: NDArray[np.float32], hint_ab: NDArray[np.float32], mask: NDArray[np.float32], **_: Any
) -> NDArray[np.float32]:
    """A network with a cast: (3, 8) everywhere but at hints."""
    return np.where(mask[..., None] > 0, hint_ab, np.array((3.0, 8.0), np.float32)).astype(
        np.float32
    )


class _Guide(ReferenceGuide):
    """Of a reference that shows the left half of everything, in red."""

    def __init__(self, agreement: float) -> None:
        self._agreement = agreement

    @property
    def scores(self) -> tuple[ReferenceScore, ...]:
        return (ReferenceScore("red.png", self._agreement),)

    def __call__(self, L: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        mask = np.zeros(L.shape, np.float32)
        mask[:, : L.shape[1] // 2] = self._agreement >= SAME_SCENE
        return mask[..., None] * np.array((60.0, 40.0), np.float32), mask


def test_tone_is_one_shift_of_a_shot_that_leaves_hints_alone() -> None:
    L = np.random.default_rng(1).uniform(45, 85, (24, 32)).astype(np.float32)
    mask = np.zeros(L.shape, np.float32)
    mask[:4] = 1.0
    hint_ab = mask[..., None] * np.array((-30.0, 5.0), np.float32)
    tones = {0: WhiteBalance(temperature=6, tint=-2), 1: WhiteBalance(neutral=0.5)}
    guide = ShotGuide(guess, lambda _: None, lambda pts: tones.get(pts, WhiteBalance()))
    for pts, expected in ((0, (1, 14)), (1, (1.5, 4)), (2, (3, 8))):
        assert guide.frame_colors(pts, L, True) is None
        ab = guide.guess(L, hint_ab, mask)
        np.testing.assert_allclose(ab[10, 10], expected, atol=1e-5)
        np.testing.assert_allclose(ab[:4], hint_ab[:4], atol=1e-5)
    dark = np.full_like(L, 10.0)
    guide.frame_colors(0, dark, True)
    np.testing.assert_allclose(guide.guess(dark, hint_ab, mask)[10, 10], (2.5, 9.5), atol=1e-5)


def test_references_are_asked_where_a_shot_begins_and_now_and_then() -> None:
    L = np.random.default_rng(1).uniform(45, 85, (24, 32)).astype(np.float32)
    warm = WhiteBalance(temperature=5)
    guide = ShotGuide(guess, lambda pts: (lambda: _Guide(0.5)) if pts else None, lambda _: warm)
    colors = [guide.frame_colors(pts, L, pts in (0, 30)) for pts in range(45)]
    asked = [pts for pts, found in enumerate(colors) if found is not None]
    assert asked == [8, 16, 24, 30, 38]
    assert MATCH_EVERY == 8
    found = colors[30]
    assert found is not None
    assert found.mask.mean() == 0.5
    np.testing.assert_allclose(found.ab[0, 0], (60, 45), err_msg="the tone is of references, too")
    assert guide.notes() == ("shots of it have colours of red.png (50% of a frame)",)
    later = iter([0.0, 0.0, 0.5, 0.5])
    read = (WorkingFrame(pts, L) for pts in range(40))
    late = ShotGuide(guess, lambda _: lambda: _Guide(next(later)), lambda _: warm, lambda _: read)
    found_at = [pts for pts in range(30) if late.frame_colors(pts, L, pts == 0) is not None]
    assert found_at == [4, 16, 24], "what matches later is brought back"
    other = ShotGuide(guess, lambda _: lambda: _Guide(0.02), lambda _: warm)
    assert other.frame_colors(0, L, True) is None
    assert other.notes() == (
        "no shot matches a reference (best: red.png (2% of a frame)); they gave no colours",
    )


SHOTS = """
[[shot]]
time = "0:00:00.2"
hints = [{x = 80, y = 10, color = "#1428dc", radius = 3}]
areas = [{x = 20, y = 30, color = "green", tolerance = 6}]
strokes = "strokes.json"
still = "still.png"

[[shot]]
time = "0.9"
references = ["red.png"]
temperature = 20
"""


def test_the_file_says_of_shots_what_calls_say(tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    path.write_text(SHOTS)
    stroke = '{"strokes": [{"points": [[1, 2], [30, 2]], "color": "navy", "width": 4}]}'
    (tmp_path / "strokes.json").write_text(stroke)
    first, second = read_shots(path)
    assert first.time_s == pytest.approx(0.2)
    assert first.hints == (
        Area(20, 30, "green", 6),
        Stroke([(1, 2), (30, 2)], "navy", 4),
        Hint(80, 10, "#1428dc", 3),
    )
    assert (first.still, first.white_balance) == (tmp_path / "still.png", None)
    assert second.references == (tmp_path / "red.png",)
    assert second.white_balance == WhiteBalance(temperature=20)
    for text, message in (
        (SHOTS + 'spread = "exact"', r"unknown key shot.1.spread; known keys here: time, hints"),
        (SHOTS.replace("green", "greem"), r"film.toml, shot at 0:00:00.2: 'greem' is no colour"),
        (SHOTS.replace('"0.9"', '"late"'), r"shot at late: 'late' is no time"),
        ("shot = []", r"there is no \[\[shot\]\] in"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_shots(path)


def test_a_shot_has_its_own_tone_and_hints_and_other_settings_are_another_run(
    tmp_path: Path,
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=24, cut_at=12))
    info = probe(source)
    settings = FilmSettings(
        model=tiny_model(tmp_path / "tiny.onnx"), size=32, encoding=Encoding("ffv1")
    )
    session = open_session(info, settings)
    assert shot_span(info, session.frames, session_pts(0.6, info)) == (500, 958)
    color_film(source, tmp_path / "plain.mkv", settings)
    warm = Shot(0.6, white_balance=WhiteBalance(temperature=25))
    color_film(source, tmp_path / "warm.mkv", replace(settings, shots=(warm,)))
    area = Shot(0.1, hints=(Area(80, 40, "blue", 30),))
    color_film(source, tmp_path / "blue.mkv", replace(settings, shots=(area,)))
    plain, warmer, bluer = (decoded(tmp_path / f"{n}.mkv") for n in ("plain", "warm", "blue"))
    for number in range(24):
        (_, _, u), (_, _, warm_u), (_, _, blue_u) = plain[number], warmer[number], bluer[number]
        assert (warm_u.mean() < u.mean() - 3) == (number >= 12), "yellow is little U"
        assert np.array_equal(warm_u, u) == (number < 12)
        assert (blue_u[16:24, 36:44].mean() > u[16:24, 36:44].mean() + 10) == (number < 12)
    (tmp_path / "red.png").write_bytes(b"red")

    def run(**options: Any) -> dict[str, object]:
        return manifest(info, session.network, replace(settings, **options))

    runs = [
        run(),
        run(references=(tmp_path / "red.png",)),
        run(reference_folder=tmp_path),
        run(white_balance=WhiteBalance(neutral=1)),
        run(shots=(warm,)),
        run(shots=(area,)),
        run(hints=(FilmHint(0.1, Stroke([(1, 2)], "navy")),)),
    ]
    assert all(a != b for i, a in enumerate(runs) for b in runs[:i])
    assert run(shots=(area,)) == runs[5]


def session_pts(time_s: float, info: Any) -> int:
    return round(time_s / info.time_base)


def test_saved_colors_are_found_after_cuts_and_stills_have_alternatives(
    tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    grey = to_grey(astronaut[::2, ::2])
    darker = np.rint(255.0 * (grey[:, ::-1] / 255.0) ** 1.3).astype(np.uint8)
    first = [grey[:192, i : i + 208] for i in range(8)]
    source = write_film(tmp_path / "in.mkv", first + [darker[4:196, 20:228]] * 8)
    settings = FilmSettings(
        model="photochrom-film", device="cpu", alternatives=2, color_file=tmp_path / "colors.json"
    )
    network = open_session(probe(source), replace(settings, color_file=None)).network
    frames = FilmFrames(network.card)
    shots = list(frames.of_shots(source))
    np.testing.assert_allclose([shot.time_s for shot in shots], (4 / 24, 12 / 24), atol=1e-3)
    np.testing.assert_array_equal(frames.frame(source, shots[1].time_s), shots[1].pixels)

    colors = ColorFile(tmp_path / "colors.json", must_exist=False)
    colors.save("the flag", shots[0], Hint(60, 30, "#20b040"), network)
    (found,) = colors.find(shots, network)
    assert (found.photo, found.time_s) == ("in.mkv", shots[1].time_s)
    expected = (255 - (60 + 4) - 20, 30 - 4)
    assert np.hypot(found.x - expected[0], found.y - expected[1]) <= 2.5
    colors.write_sheet(tmp_path / "sheet.png", frames.frame)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert (sheet == (0x20, 0xB0, 0x40)).all(axis=-1).sum() > 100
    assert [hint.time_s for hint in all_hints(settings, source)] == [shots[0].time_s]
    ColorFile(tmp_path / "colors.json").accept([1])
    assert [hint.time_s for hint in all_hints(settings, source)] == [s.time_s for s in shots]

    written = write_stills(source, tmp_path / "stills", settings)
    assert [path.name.partition("s.")[2] for path in written] == ["png", "alternative2.png"] * 2
    for still, other in zip(written[::2], written[1::2]):
        here, there = (np.asarray(Image.open(path), int) for path in (still, other))
        assert np.abs(here - there).mean() > 2
        red, green, blue = (
            here[round(found.y), round(found.x)] if still != written[0] else here[30, 60]
        )
        assert green > max(red, blue)
    assert len(read_keyframes(tmp_path / "stills")) == 2


def write_film(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    """Grey frames, losslessly."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("ffv1", rate=24, pix_fmt="yuv420p")
        video.height, video.width = frames[0].shape
        for grey in frames:
            frame = VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, -1), format="rgb24")
            container.mux(video.encode(frame.reformat(format="yuv420p")))
        container.mux(video.encode(None))
    return path


def test_a_reference_colors_the_shot_that_it_shows_and_no_other(
    tmp_path: Path, astronaut: NDArray[np.uint8]
) -> None:
    true = np.ascontiguousarray(astronaut[::2, ::2][:192, :224])
    cat = skimage.data.chelsea()[40:232, 60:284]
    here, other = to_grey(true), to_grey(np.ascontiguousarray(cat))
    frames = [np.roll(here, -i, axis=1)[:, :208] for i in range(8)]
    source = write_film(tmp_path / "in.mkv", frames + [other[:, i : 208 + i] for i in range(8)])
    reference = tmp_path / "reference.png"
    Image.fromarray(astronaut[10:400:2, 420:20:-2]).save(reference)
    options: dict[str, Any] = {"model": "photochrom-film", "device": "cpu"}
    plain = [rgb for _, rgb in film(source, **options)]
    colored = [rgb for _, rgb in film(source, reference=reference, **options)]

    def error(rgb: NDArray[np.uint8]) -> float:
        return float(np.square(rgb[:, :190] / 255.0 - true[:, 7:197] / 255.0).mean())

    assert error(colored[7]) < 0.6 * error(plain[7])
    for number in range(8, 16):
        np.testing.assert_array_equal(colored[number], plain[number])


def _note_frames(counts: list[int], done: FilmProgress) -> None:
    counts.append(done.frames)


def test_only_shots_of_which_something_else_is_said_are_colored_again(tmp_path: Path) -> None:
    film = make_film(tmp_path / "two.mkv", Film(frames=36, grain=2, cut_at=18))
    said = (Shot(1.2, hints=(Hint(40, 30, "red"), Area(60, 20, "navy"), Stroke([(5, 6)], "lime"))),)
    file = tmp_path / "shots.toml"
    write_shots(file, said)
    assert read_shots(file)[0].hints == (said[0].hints[1], said[0].hints[2], said[0].hints[0])
    settings = FilmSettings(
        model=tiny_model(tmp_path / "tiny.onnx"),
        size=32,
        encoding=Encoding("ffv1"),
        shot_folder=tmp_path / "kept",
        segment_frames=12,
    )
    films, calls = [], []
    for number, shots in enumerate(((), read_shots(file), read_shots(file), ())):
        counts: list[int] = []
        target = tmp_path / f"{number}.mkv"
        chosen = replace(settings, shots=shots)
        color_film(film, target, chosen, partial(_note_frames, counts))
        assert counts[-1] == 36
        films.append([u for _, _, u in decoded(target)])
        calls.append(len(counts))
    # Frames that are coloured are reported one by one, kept segments (12 and 6 frames) at once.
    assert calls == [36, 2 + 18, 4, 2 + 18]
    plain, red, same, back = (np.stack(film) for film in films)
    assert (plain[:18] == red[:18]).all()
    assert (plain[18:] != red[18:]).any()
    assert (same == red).all()
    assert (back == plain).all()
