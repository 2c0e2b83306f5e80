"""`evaluate` gives the figures of `photochrom evaluate` as a table."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import card_with, tiny_model
from fixtures.training import drawn_folder

from photochrom import evaluate
from photochrom.cli import main
from photochrom.errors import InputError, ModelError
from photochrom.evaluation.metric_table import METRICS


@pytest.fixture(autouse=True)
def no_lpips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
def test_the_figures_are_those_of_the_command_also_of_a_metric_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "more", replace(METRICS["colourfulness"], label="more"))
    photos = drawn_folder(tmp_path / "photos", 4)
    models = [
        tiny_model(tmp_path / "one.onnx"),
        tiny_model(tmp_path / "two.onnx", card_text=card_with(name="two"), ab_scale=0.5),
    ]
    steps: list[tuple[int, int | None]] = []
    table = evaluate(
        photos, models=models, limit=3, progress=lambda *step: steps.append(step), device="cpu"
    )
    assert steps == [(done, 3) for done in range(4)]
    assert list(table) == ["grey", "tiny 1.2.3", "two 1.2.3", "true"]
    arguments = ["evaluate", "--data", str(photos), "--limit", "3", "--device", "cpu"]
    for model in models:
        arguments += ["--model", str(model)]
    assert main([*arguments, "--json", str(tmp_path / "report.json")]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    for row in report["rows"]:
        figures = table[row["method"]]
        assert figures["pictures"] == 3
        for metric, estimate in row["values"].items():
            if estimate is None:
                assert math.isnan(figures[metric])
            else:
                assert figures[metric] == estimate["value"]
                assert figures[f"{metric}_low"] == estimate["low"]
                assert figures[f"{metric}_high"] == estimate["high"]
    assert {frozenset(figures) for figures in table.values()} == {frozenset(table["grey"])}
    assert math.isnan(table["tiny 1.2.3"]["lpips"])
    assert table["tiny 1.2.3"]["more"] == table["tiny 1.2.3"]["colourfulness"] > 0


@pytest.mark.slow
def test_a_picture_that_is_left_out_is_warned_about(tmp_path: Path) -> None:
    photos = drawn_folder(tmp_path / "photos", 2)
    (photos / "broken.png").write_bytes(b"no picture")
    model = tiny_model(tmp_path / "tiny.onnx")
    with pytest.warns(UserWarning, match=r"left out: broken\.png: cannot read"):
        table = evaluate(photos, models=model, device="cpu")
    assert table["tiny 1.2.3"]["pictures"] == 2


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        evaluate(tmp_path / "nothing")
    with pytest.raises(ModelError, match="LPIPS weights not found"):
        evaluate(tmp_path, lpips_weights=tmp_path / "none.safetensors")
    for wrong in ({"limit": 0}, {"points": np.int64(-1)}, {"points": ()}, {"crop": 0}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))} is"):
            evaluate(drawn_folder(tmp_path / "photos", 1), **wrong)
