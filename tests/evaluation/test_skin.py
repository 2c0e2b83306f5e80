"""Skin in portraits by its tone: whose pixels, which group, and how far the colours are off."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import CARD, tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import OK, USAGE, main
from photochrom.color.space import lab_to_rgb
from photochrom.evaluation.dataset import grey_to_rgb, to_grey
from photochrom.evaluation.skin import (
    ALL_TONES,
    PER_LIGHTNESS,
    TONE_GROUPS,
    SkinFigure,
    SkinScores,
    measure_skin,
    skin_json,
    skin_mask,
    skin_table,
    summarize_skin,
)

SIDE = 100
SKIN = {
    "very light": (80, 12, 14),
    "tan": (60, 16, 20),
    "brown": (45, 14, 18),
    "dark": (30, 12, 16),
}
"""CIELAB of skin whose ITA is 65°, 27°, -16° and -51°."""


def portrait(L: float, a: float, b: float) -> NDArray[np.uint8]:
    """A blue background, and a disc of one colour, the upper half of it 10 L* darker."""
    lab = np.full((SIDE, SIDE, 3), (60.0, 0.0, -30.0), np.float32)
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = (x - 49.5) ** 2 + (y - 49.5) ** 2 < 30**2
    lab[disc] = (L, a, b)
    lab[disc & (y < 50), 0] = L - 10
    return np.rint(np.clip(lab_to_rgb(lab), 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("tone", SKIN)
def test_skin_is_found_in_the_middle_whatever_its_tone(tone: str) -> None:
    face = portrait(*SKIN[tone])
    mask = skin_mask(face)
    assert mask.sum() == pytest.approx(np.pi * 30**2, rel=0.03)
    assert mask[50, 50]
    assert not skin_mask(np.roll(face, SIDE // 2, axis=1))[50, 50]
    assert measure_skin({"x": face}, grey_to_rgb(to_grey(face))) == {}


@pytest.mark.parametrize("tone", ["tan", "brown", "dark"])
def test_the_tone_is_that_of_the_true_skin(tone: str) -> None:
    face = portrait(*SKIN[tone])
    scores = measure_skin({"grey": grey_to_rgb(to_grey(face)), "true": face}, face)
    L, _, b = SKIN[tone]
    angles = [np.degrees(np.arctan2(lightness - 50, b)) for lightness in (L - 10, L)]
    for of_method in scores.values():
        assert angles[0] - 2 < of_method.tone < angles[1] + 2
        assert of_method.lightness == pytest.approx(L - 5, abs=0.5)
    true, grey = scores["true"], scores["grey"]
    assert (true.hue_error, true.chroma_shift) == (0, 0)
    assert true.hue_shift == pytest.approx(0)
    assert np.isnan(grey.hue_shift)
    assert grey.chroma_shift == pytest.approx(-np.hypot(*SKIN[tone][1:]), abs=0.6)


def test_shifts_are_turns_of_hue_and_growth_of_chroma_in_shadows_and_lights() -> None:
    truth = portrait(60, 20, 0.1 * 20)
    hue = np.arctan2(0.1, 1.0) + np.radians(30)
    ours = portrait(60, 28 * np.cos(hue), 28 * np.sin(hue))
    ours[50:] = portrait(60, 14 * np.cos(hue), 14 * np.sin(hue))[50:]
    (scores,) = measure_skin({"x": ours}, truth).values()
    chroma = np.hypot(20, 2)
    assert scores.hue_shift == pytest.approx(30, abs=1.5)
    assert scores.shadows_shift == pytest.approx(28 - chroma, abs=0.6)
    assert scores.lights_shift == pytest.approx(14 - chroma, abs=0.6)
    assert scores.chroma_shift == pytest.approx(21 - chroma, abs=0.6)
    assert scores.hue_error == 0


def test_the_hue_turns_the_short_way() -> None:
    (scores,) = measure_skin({"x": portrait(60, 20, -4)}, portrait(60, 20, 4)).values()
    assert scores.hue_shift == pytest.approx(-2 * np.degrees(np.arctan2(4, 20)), abs=1.5)


def face(tone: float, lightness: float, chroma_shift: float, hue: float = 0.0) -> SkinScores:
    return SkinScores(tone, lightness, 0.0, hue, chroma_shift, chroma_shift, chroma_shift)


def test_every_face_counts_in_its_group_in_all_and_in_the_slope() -> None:
    faces = [face(60, 70, 2), face(56, 70, 4), face(-40, 30, -5), face(41, 50, -1, float("nan"))]
    rows = summarize_skin([{"m": one} for one in faces], seed=0, resamples=200)
    assert [row.group for row in rows] == [*TONE_GROUPS, ALL_TONES, PER_LIGHTNESS]
    by_group = {row.group: row for row in rows}
    counts = [by_group[group].faces for group in (*TONE_GROUPS, ALL_TONES)]
    assert counts == [2, 0, 1, 0, 0, 1, 4]  # 41 is not above 41
    light, dark, all_tones = (by_group[g].figures for g in ("very light", "dark", ALL_TONES))
    assert light["chroma_shift"] == SkinFigure(3, 2, 4)
    assert dark["chroma_shift"] == SkinFigure(-5, -5, -5)
    assert by_group["tan"].figures["chroma_shift"] is None
    assert by_group["intermediate"].figures["hue_shift"] is None
    assert all_tones["chroma_shift"] is not None
    assert all_tones["chroma_shift"].value == 0
    slope = by_group[PER_LIGHTNESS].figures["chroma_shift"]
    assert slope is not None
    expected = 10 * np.polyfit([70, 70, 30, 50], [2, 4, -5, -1], 1)[0]
    assert slope.value == pytest.approx(expected)
    assert slope.low <= slope.value <= slope.high
    table = skin_table(rows)
    assert len({len(line) for line in table}) == 1
    assert table[1][:4] == ["m", "very light", "2", "0.0 [0.0, 0.0]"]
    json.dumps(skin_json(rows), allow_nan=False)


def test_faces_of_one_lightness_have_no_slope_and_no_faces_no_rows() -> None:
    rows = summarize_skin([{"m": face(0, 50, 1)}] * 3, seed=0, resamples=20)
    assert rows[-1].figures["chroma_shift"] is None
    assert summarize_skin([], seed=0, resamples=20) == []


@pytest.mark.slow
def test_the_command_adds_a_table_and_the_json_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    faces, model, out = tmp_path / "faces", tiny_model(tmp_path / "m.onnx"), tmp_path / "o.json"
    faces.mkdir()
    for tone, lab in SKIN.items():
        Image.fromarray(portrait(*lab)).save(faces / f"{tone}.png")
    arguments = ["evaluate", "--data", str(faces), "--model", str(model), "--skin"]
    assert main([*arguments, "--json", str(out)]) == OK
    assert "hue shift, °" in capsys.readouterr().out
    content = json.loads(out.read_text(encoding="utf-8"))
    assert content["settings"]["skin"] is True
    rows = {(row["method"], row["group"]): row["faces"] for row in content["skin"]}
    assert rows[CARD.title, ALL_TONES] == rows["grey", ALL_TONES] == 4
    assert rows[CARD.title, "dark"] >= 1
    assert main([*arguments, "--no-truth", "--gallery", str(tmp_path / "g.html")]) == USAGE


@pytest.mark.slow
def test_pictures_without_a_face_are_said_to_have_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    scene: NDArray[np.uint8],
) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "meadow").mkdir()
    Image.fromarray(scene[60:, 60:]).save(tmp_path / "meadow" / "a.png")
    model = tiny_model(tmp_path / "m.onnx")
    assert (
        main(["evaluate", "--data", str(tmp_path / "meadow"), "--model", str(model), "--skin"])
        == OK
    )
    assert "Skin is not measured" in capsys.readouterr().err
