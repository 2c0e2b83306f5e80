"""A metric is one row of a table: whatever shows metrics reads it there."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.docs import load_generator
from fixtures.model import tiny_model
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import OK, main
from photochrom.evaluation.metric_table import (
    METRICS,
    Metric,
    NetworkMetric,
    PairMetric,
    PictureMetric,
    SetMetric,
    picture_metrics,
)

RED_SHARE = PictureMetric(
    label="share of red",
    better="truth",
    range=(0, 100),
    decimals=1,
    unit="%",
    summary="of the light, the share that is red",
    source="this test",
    caption="red",
    function=lambda picture: 100 * float(picture.rgb[..., 0].sum() / picture.rgb.sum()),
)
RED_ERROR = PairMetric(
    label="error of red",
    better="lower",
    range=(0, math.inf),
    decimals=2,
    summary="mean absolute error of R",
    source="this test",
    function=lambda ours, true: float(
        np.abs(ours.rgb[..., 0].astype(float) - true.rgb[..., 0]).mean()
    ),
)
RED_DISTANCE = SetMetric(
    label="ΔR",
    better="lower",
    range=(0, math.inf),
    decimals=2,
    unit="points",
    compared=False,
    summary="difference of the two data-set means of the share of red",
    source="this test",
    function=lambda means: np.abs(means["red_share"] - means["true_red_share"]),
)
DUMMIES: dict[str, Metric] = {
    "red_share": RED_SHARE,
    "red_error": RED_ERROR,
    "red_distance": RED_DISTANCE,
}


@pytest.fixture
def dummies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Metric]:
    """Three more rows of the table, and nothing else."""
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    for key, metric in DUMMIES.items():
        monkeypatch.setitem(METRICS, key, metric)
    # The command reads the table when it is imported.
    monkeypatch.delitem(sys.modules, "photochrom.cli.evaluate", raising=False)
    return DUMMIES


@pytest.fixture
def photos(tmp_path: Path, scene: NDArray[np.uint8]) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, shift in (("a.png", 0), ("b.png", 50)):
        Image.fromarray(np.roll(scene, shift, axis=1)).save(folder / name)
    return folder


@pytest.mark.slow
def test_a_new_row_is_in_table_json_gallery_and_sorting_of_an_evaluation(
    dummies: dict[str, Metric], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out, page = tiny_model(tmp_path / "tiny.onnx"), tmp_path / "o.json", tmp_path / "g.html"
    arguments = ["evaluate", "--data", str(photos), "--model", str(model), "--json", str(out)]
    assert main([*arguments, "--gallery", str(page), "--sort-by", "red_error"]) == OK
    printed = capsys.readouterr().out
    gallery = page.read_text(encoding="utf-8")
    content = json.loads(out.read_text(encoding="utf-8"))
    for key, metric in dummies.items():
        assert f"\n{metric.heading} " in printed
        assert f"<th>{metric.heading}</th>" in gallery
        assert content["metrics"][key]["heading"] == metric.label
        assert content["metrics"][key]["unit"] == metric.unit
        assert content["rows"][1]["values"][key]["low"] <= content["rows"][1]["values"][key]["high"]
    pictures = [picture["values"] for picture in content["pictures"]]
    for values in pictures:
        assert {"red_share", "red_error"} <= set(values["grey"])
        assert set(values["true"]) & set(dummies) == {"red_share"}
    assert gallery.count("<span>red ") == 2 * 3
    assert '<option value="rederror" selected>error of red</option>' in gallery
    first, other = (picture["grey"]["red_share"] for picture in pictures)
    assert content["rows"][0]["values"]["red_share"]["value"] == pytest.approx((first + other) / 2)


@pytest.mark.slow
def test_a_new_row_is_a_column_of_a_comparison_unless_it_says_no(
    dummies: dict[str, Metric], photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tiny_model(tmp_path / "tiny.onnx"), tmp_path / "out"
    assert main(["compare", str(model), "--data", str(photos), "-o", str(out)]) == OK
    head = (out / "compare.md").read_text(encoding="utf-8").splitlines()[0]
    assert "| share of red, % |" in head
    assert "| error of red |" in head
    assert "ΔR" not in head
    assert "share of red, %" in capsys.readouterr().out
    assert set(dummies) <= set(json.loads((out / "compare.json").read_text())["rows"][1]["values"])


@pytest.mark.slow
@pytest.mark.usefixtures("dummies")
def test_a_new_row_is_a_row_of_the_page_of_metrics() -> None:
    page = load_generator().metrics_page()
    assert (
        "| share of red | 0 to 100 % | as the truth | of the light, the share that is red | "
        "this test |" in page
    )
    assert "| error of red | from 0 | lower | mean absolute error of R | this test |" in page
    assert "| ΔR | from 0 points | lower |" in page


@pytest.mark.parametrize("key", METRICS)
def test_every_row_is_whole(key: str) -> None:
    metric = METRICS[key]
    assert metric.label
    assert metric.summary
    assert metric.source
    low, high = metric.range
    assert low < high
    assert key.isidentifier()
    # Only a picture's own value can be compared with the true picture's.
    assert metric.better != "truth" or isinstance(metric, PictureMetric | SetMetric)
    assert metric.caption == "" or key in picture_metrics()


def test_no_two_rows_look_alike() -> None:
    labels = [metric.label for metric in METRICS.values()]
    captions = [metric.caption for metric in METRICS.values() if metric.caption]
    attributes = [key.replace("_", "") for key in METRICS]
    for names in (labels, captions, attributes):
        assert len(set(names)) == len(names)
    assert [key for key, m in METRICS.items() if isinstance(m, NetworkMetric)] == ["lpips"]
