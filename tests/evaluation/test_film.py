"""Flicker is measured as published; films are measured from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray

from photochrom.cli import OK, USAGE, main
from photochrom.engine import load
from photochrom.errors import InputError
from photochrom.evaluation.film import (
    PER_FRAME,
    STEADY,
    TRUE,
    FilmEvaluationOptions,
    FilmReport,
    FilmScores,
    evaluate_film,
    to_table,
)
from photochrom.evaluation.flicker import ColorConsistency, Correspondence

RGB = NDArray[np.uint8]


def flat(*codes: int) -> list[RGB]:
    return [np.full((8, 8, 3), code, np.uint8) for code in codes]


def cdc(frames: list[RGB]) -> float:
    meter = ColorConsistency()
    for frame in frames:
        meter.add(frame)
    return meter.value


def test_an_unchanging_film_has_no_divergence() -> None:
    assert cdc(flat(90, 90, 90, 90, 90, 90)) == 0.0


def test_histograms_without_overlap_diverge_by_ln_2() -> None:
    assert cdc(flat(10, 200)) == pytest.approx(np.log(2))
    # Distance 1 always changes, 2 and 4 never.
    assert cdc(flat(10, 200, 10, 200, 10)) == pytest.approx(np.log(2) / 3)


def test_divergence_is_that_of_scipy() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    rng = np.random.default_rng(0)
    a, b = (rng.normal(mean, 20, (64, 64, 3)).clip(0, 255).astype(np.uint8) for mean in (90, 110))
    expected = [
        distance.jensenshannon(*(np.bincount(f[..., c].ravel(), minlength=256) for f in (a, b)))
        ** 2
        for c in range(3)
    ]
    assert cdc([a, b]) == pytest.approx(np.mean(expected))


def test_one_frame_has_no_flicker_to_measure() -> None:
    assert np.isnan(cdc(flat(10)))


def textured(shift: int) -> RGB:
    wide = np.random.default_rng(1).uniform(40, 200, (16, 32)).repeat(8, 0).repeat(8, 1)
    grey: RGB = wide[:, shift : shift + 192].astype(np.uint8)
    return grey


def test_a_pan_has_next_to_no_warp_error_and_a_cast_has_its_square() -> None:
    earlier, later = textured(0), textured(3)
    motion = Correspondence(earlier, later)
    assert motion.visible.mean() > 0.5
    a, b = (np.repeat(grey[..., None], 3, -1) for grey in (earlier, later))
    still = motion.warp_error(a, b)
    assert still < 0.003
    cast = b + np.array([51, 0, 0], np.uint8)
    assert motion.warp_error(a, cast) == pytest.approx(0.2**2 + still, abs=0.003)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "true.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24, width=96, height=64, pix_fmt="yuv420p")
        for i in range(9):
            grey = textured(2 * i)[:64, :96]
            rgb = np.stack([grey, grey // 2, 255 - grey], axis=-1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny.onnx")


def test_a_film_is_measured_three_ways(film: Path, model: Path) -> None:
    report = evaluate_film(film, load(model, device="cpu"), FilmEvaluationOptions(size=32))
    assert report.frames == 9
    assert list(report.scores) == [TRUE, PER_FRAME, STEADY]
    assert report.scores[TRUE].psnr is None
    for name in (PER_FRAME, STEADY):
        assert 5 < (report.scores[name].psnr or 0) < 40
        assert report.scores[name].lpips is None


def test_without_steadiness_both_ways_are_one(film: Path, model: Path) -> None:
    report = evaluate_film(
        film, load(model, device="cpu"), FilmEvaluationOptions(size=32, steady=0.0)
    )
    assert report.scores[PER_FRAME] == report.scores[STEADY]


def test_one_frame_is_refused(film: Path, model: Path) -> None:
    with pytest.raises(InputError, match="at least 2"):
        evaluate_film(film, load(model, device="cpu"), FilmEvaluationOptions(size=32, limit=1))


def test_the_command_prints_a_table_and_writes_json(
    film: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    target = tmp_path / "film.json"
    arguments = ["evaluate", "--film", str(film), "--model", str(model), "--size", "32"]
    assert main([*arguments, "--limit", "6", "--json", str(target)]) == OK
    told = capsys.readouterr()
    assert "excess left" in told.out
    assert "LPIPS is not measured" in told.err
    (measured,) = json.loads(target.read_text())["films"]
    assert measured["frames"] == 6
    assert set(measured["scores"]) == {TRUE, PER_FRAME, STEADY}


@pytest.mark.parametrize(
    "arguments",
    [[], ["--film", "a.mp4", "--data", "b"], ["--film", "a.mp4", "--crop", "64"]],
)
def test_choices_that_do_not_go_together_are_refused(arguments: list[str]) -> None:
    assert main(["evaluate", *arguments]) == USAGE


def test_a_warp_that_could_not_be_measured_is_null_in_the_json() -> None:
    scores = FilmScores(cdc=0.1, warp=float("nan"), psnr=None, lpips=0.2)
    content = FilmReport(Path("a.mkv"), 2, {TRUE: scores}).to_json()
    assert content["scores"] == {TRUE: {"cdc": 0.1, "warp": None, "psnr": None, "lpips": 0.2}}


@pytest.mark.parametrize(
    ("warps", "left"), [((1.0, 2.0, 1.5), "50 %"), ((1.0, 1.1, 0.5), "0 %"), ((1.0, 1.0, 0.9), "-")]
)
def test_the_share_of_flicker_that_is_left_is_a_share(
    warps: tuple[float, float, float], left: str
) -> None:
    """Steadier than the truth is none, and where single guesses are steady there is no share."""
    films = zip((TRUE, PER_FRAME, STEADY), warps, strict=True)
    scores = {name: FilmScores(cdc=warp, warp=warp, psnr=None, lpips=None) for name, warp in films}
    assert to_table([FilmReport(Path("a.mkv"), 2, scores)])[-1][3:5] == [left, left]
