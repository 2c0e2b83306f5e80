"""`film` hands out a film's frames in colour, or writes them into another film."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fixtures.film import Film, make_film
from fixtures.model import tiny_model
from PIL import Image

from photochrom import Hint, film, pipeline
from photochrom.color.luminance import lightness
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, ModelError, OutputError
from photochrom.video.io.codecs import CODECS, Codec

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    model = tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return {"model": model, "device": "cpu", "size": 32}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "old.mkv"
    return make_film(path, Film(frames=30, cut_at=15, rate=Fraction(10), rotation=90, audio="flac"))


def test_the_frames_come_with_their_times_in_color_and_upright(
    old: Path, options: dict[str, Any]
) -> None:
    frames = list(film(old, **options))
    np.testing.assert_allclose([time_s for time_s, _ in frames], np.arange(30) / 10, atol=1e-3)
    shapes = {(rgb.shape, rgb.dtype.name) for _, rgb in frames}
    assert shapes == {((96, 64, 3), "uint8")}, "the film is turned by 90 degrees"
    assert all(np.ptp(rgb.astype(int), axis=-1).mean() > 20 for _, rgb in frames)
    with av.open(str(old)) as container:
        for (_, rgb), frame in zip(frames, container.decode(video=0), strict=True):
            codes = np.rot90(frame.to_ndarray(format="yuv420p")[:64])
            grey = np.clip((codes.astype(float) - 16) / 219, 0, 1)
            np.testing.assert_allclose(lightness(rgb), lightness(grey), atol=0.5)


def test_without_steadiness_a_frame_is_colored_as_a_photograph(
    old: Path, options: dict[str, Any]
) -> None:
    _, rgb = next(film(old, steady=0, **options))
    grey = np.rint(255 * lightness_to_grey(lightness(rgb))).astype(np.uint8)
    expected = pipeline.colorize(grey, **options)
    difference = rgb_to_lab(rgb / 255.0) - rgb_to_lab(expected / 255.0)
    assert np.abs(difference[..., 1:]).mean() < 1.0


def lightness_to_grey(L: Any) -> Any:
    y = np.where(L > 8, ((L + 16) / 116) ** 3, L / 903.3)
    return np.where(y > 0.0031308, 1.055 * y ** (1 / 2.4) - 0.055, 12.92 * y)


def test_a_part_and_hints_and_stills(tmp_path: Path, old: Path, options: dict[str, Any]) -> None:
    part = list(film(old, start_s=1.0, end_s=1.25, **options))
    np.testing.assert_allclose([time_s for time_s, _ in part], [1.0, 1.1, 1.2], atol=1e-3)
    hinted = next(film(old, hints={0.0: [Hint(30, 48, "blue")]}, **options))[1]
    plain = next(film(old, **options))[1]
    assert hinted[48, 30, 2] > plain[48, 30, 2] + 20
    Image.new("RGB", (64, 96), "#2040c0").save(tmp_path / "still.png")
    with_still = next(film(old, stills={0.0: tmp_path / "still.png"}, **options))[1]
    assert (with_still[..., 2].mean() - with_still[..., 0].mean()) > 30


def test_a_codec_more_is_one_row(
    tmp_path: Path, old: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Codec("mpeg4", "is there for a test", lambda crf, *_: {"qscale": str(crf)}, 4, 31)
    monkeypatch.setitem(CODECS, "mpeg4", row)
    film(old, tmp_path / "new.mkv", codec="mpeg4", end_s=0.5, **options)
    with av.open(str(tmp_path / "new.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    monkeypatch.undo()
    with pytest.raises(OutputError, match="codec 'mpeg4' is unknown; use one of h264"):
        film(old, tmp_path / "other.mkv", codec="mpeg4", **options)


def test_leaving_early_ends_all_threads(old: Path, options: dict[str, Any]) -> None:
    before = threading.active_count()
    frames = film(old, **options)
    assert len(list(islice(frames, 3))) == 3
    frames.close()
    assert threading.active_count() == before


@pytest.mark.slow
def test_with_a_target_a_film_is_written(
    tmp_path: Path, old: Path, options: dict[str, Any]
) -> None:
    target = tmp_path / "new.mkv"
    steps: list[tuple[int, int | None]] = []
    outcome = film(old, target, codec="ffv1", progress=lambda *step: steps.append(step), **options)
    assert (outcome.frames, outcome.target, outcome.model) == (30, target, "tiny 1.2.3")
    assert [done for done, _ in steps] == [*range(1, 31)]
    with av.open(str(target)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.video[0].codec_context.name == "ffv1"
        written = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frames = list(film(old, **options))
    for (_, rgb), other in zip(frames, written, strict=True):
        difference = rgb_to_lab(rgb / 255.0) - rgb_to_lab(np.rot90(other[:64]) / 255.0)
        assert np.abs(difference[..., 1:]).mean() < 3.0, "chroma is at half resolution there"
    with pytest.raises(OutputError, match="exists"):
        film(old, target, **options)


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (["no-such.mkv"], {}, r"cannot read no-such\.mkv"),
        (["old"], {"codec": "h264", "resume": True}, "nothing for codec, resume to do"),
        (["old"], {"progress": True}, "nothing for progress to do"),
        (["old"], {"hints": {99.0: [Hint(1, 1, "red")]}}, r"there is no frame of .* at 99 s"),
        (["old"], {"hints": {0.0: Hint(1, 1, "red")}}, "hints are a list .* not Hint"),
        (["old"], {"stills": {0: "none.png"}}, r"cannot read none\.png"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    old: Path, options: dict[str, Any], arguments: list[str], more: dict[str, Any], message: str
) -> None:
    source = old if arguments == ["old"] else arguments[0]
    with pytest.raises(InputError, match=message):
        film(source, **options, **more)
    with pytest.raises(ModelError, match="no model called 'nonsense'"):
        film(old, model="nonsense")
