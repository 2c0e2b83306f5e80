"""A film that is cut off or interlaced gets the same answer, whatever it is read for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.film import Film, luma, make_film
from fixtures.model import tiny_model

from photochrom.engine import load
from photochrom.errors import InputError
from photochrom.evaluation.bench_film import transcode_and_count
from photochrom.evaluation.film import FilmEvaluationOptions, evaluate_film
from photochrom.training.data.film_frames import drawn_frames
from photochrom.video.film import color_film
from photochrom.video.io import decoder
from photochrom.video.io.codecs import Encoding
from photochrom.video.io.decoder import check_complete
from photochrom.video.io.probe import probe
from photochrom.video.io.reader import read_frames
from photochrom.video.options import FilmSettings
from photochrom.video.yuv import FilmPlanes
from photochrom.web.pictures.film_info import film_frame, inspect_film

pytestmark = pytest.mark.slow

H264 = Film(frames=96, encoder="libx264", options=(("bf", "3"), ("g", "12"), ("qp", "0")))
WHOLE = {
    "mp4": replace(H264, format="mp4", faststart=True),
    "mkv": H264,
    "mkv with sound": replace(H264, audio="aac"),
}
INTERLACED = Film(encoder="libx264", options=(("x264-params", "tff=1"), ("qp", "0")))
MPEG_TS = Film(encoder="libx264", format="mpegts", options=(("qp", "0"), ("g", "24")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


def film(path: Path, model: Path) -> None:
    settings = FilmSettings(model=model, size=32, encoding=Encoding("ffv1"))
    color_film(path, path.with_name("out.mkv"), settings)


def evaluate(path: Path, model: Path) -> None:
    evaluate_film(path, load(model, device="cpu"), FilmEvaluationOptions(size=32))


def train(path: Path, _model: Path) -> None:
    list(drawn_frames(path, 5.0))


def bench(path: Path, _model: Path) -> None:
    transcode_and_count(
        str(path), str(path.with_name("out.mkv")), str(path.with_name("frames.txt"))
    )


def studio(path: Path, _model: Path) -> None:
    inspect_film(path, 10**6, 60)


Door = Callable[[Path, Path], None]
DOORS: dict[str, Door] = {door.__name__: door for door in (film, evaluate, train, bench, studio)}
every_door = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


def cut_off(path: Path, whole: Film) -> Path:
    data = make_film(path, whole).read_bytes()
    path.write_bytes(data[: int(0.55 * len(data))])
    return path


@every_door
@pytest.mark.parametrize("kind", WHOLE)
def test_a_cut_off_film_is_refused_with_the_second(
    tmp_path: Path, model: Path, kind: str, door: Door
) -> None:
    path = cut_off(tmp_path / "cut.film", WHOLE[kind])
    with pytest.raises(InputError) as refused:
        door(path, model)
    message = re.fullmatch(
        re.escape(str(path)) + r" breaks off at (\d\.\d) s: .+; copy it again, take what is "
        r"there \(`photochrom film` has --damaged salvage for it\), or the part before "
        r"\(--to [\d.]+\)",
        str(refused.value),
    )
    assert message is not None, refused.value
    assert 1.0 <= float(message[1]) <= 2.6  # 55 % of 4 s; a decoder may hold frames back


@pytest.mark.parametrize("door", [film, evaluate, train, bench])
def test_an_interlaced_film_is_refused_with_what_to_do(
    tmp_path: Path, model: Path, door: Door
) -> None:
    path = make_film(tmp_path / "in.mkv", INTERLACED)
    with pytest.raises(InputError) as refused:
        door(path, model)
    assert str(refused.value) == (
        f"{path} is interlaced (two half pictures in each frame); pass --deinterlace to "
        "`photochrom film`, or make whole frames of it first (ffmpeg: -vf bwdif)"
    )


def test_the_studio_shows_a_film_of_one_picture_with_long_sound(tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.mkv", Film(frames=1, audio="flac", audio_s=5.0))
    height, width, screen = inspect_film(film, 10**6, 60)
    assert (height, width) == screen.shape[:2] == (64, 96)


def test_the_studio_makes_whole_frames_of_what_is_interlaced_later(tmp_path: Path) -> None:
    parts = [MPEG_TS, replace(MPEG_TS, frames=36, options=INTERLACED.options)]
    files = [make_film(tmp_path / f"{n}.ts", part) for n, part in enumerate(parts)]
    path = tmp_path / "in.ts"
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    info = probe(path)
    assert not info.interlaced
    whole = list(read_frames(info, deinterlace=True))
    time_s = info.seconds(whole[40].pts)
    grey = FilmPlanes(info.height, info.width, info.bits, info.full_range, info.matrix).grey
    assert np.array_equal(film_frame(path, time_s), grey(whole[40].luma))


def test_the_studio_makes_whole_frames_of_an_interlaced_film(tmp_path: Path) -> None:
    _, _, screen = inspect_film(make_film(tmp_path / "in.mkv", INTERLACED), 10**6, 60)
    apart = screen[..., 0] / 255 * 219 + 16 - luma(INTERLACED, 0).astype(float)
    assert np.abs(apart).mean() < 6  # the noise between the lines, not a comb


@every_door
@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_film_passes_every_door(tmp_path: Path, model: Path, kind: str, door: Door) -> None:
    door(make_film(tmp_path / "whole.film", WHOLE[kind]), model)


def test_nothing_but_the_decoder_and_the_probe_decodes_frames() -> None:
    """PyAV is imported under `video/io/` only, which the import rules see to."""
    folder = Path(decoder.__file__).parent
    decoding = [f.name for f in folder.glob("*.py") if ".decode(" in f.read_text(encoding="utf-8")]
    assert sorted(decoding) == ["decoder.py", "probe.py"]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_film_is_checked_without_being_decoded(tmp_path: Path, kind: str) -> None:
    check_complete(probe(make_film(tmp_path / "whole", WHOLE[kind])))
    with pytest.raises(InputError, match="breaks off"):
        check_complete(probe(cut_off(tmp_path / "cut", WHOLE[kind])))
