"""Points of true colour, as a person would say them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photochrom.cli import OK, main
from photochrom.evaluation.points import simulated_points

pytestmark = pytest.mark.slow


def test_each_point_has_the_mean_colour_of_its_place(scene: NDArray[np.uint8]) -> None:
    for hint in simulated_points(scene, 50, "scene.png"):
        x, y, reach = int(hint.x), int(hint.y), int(hint.radius)
        assert scene.shape[0] > y >= 0 <= x < scene.shape[1]
        place = scene[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        assert np.abs(np.array(hint.rgb) - place.reshape(-1, 3).mean(0)).max() <= 0.5


def test_they_are_the_same_each_time_and_more_begin_with_fewer(scene: NDArray[np.uint8]) -> None:
    ten = simulated_points(scene, 10, "a.png")
    assert simulated_points(scene, 50, "a.png")[:10] == ten
    assert simulated_points(scene, 10, "b.png") != ten
    assert simulated_points(scene, 10, "a.png", seed=1) != ten
    assert simulated_points(scene, 0, "a.png") == []


def test_points_bring_pictures_nearer_to_the_truth(
    tmp_path: Path, scene: NDArray[np.uint8], capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(scene).save(photos / "scene.png")
    out, plot = tmp_path / "out.json", tmp_path / "plot.svg"
    command = ["evaluate", "--data", str(photos), "--json", str(out), "--overwrite"]
    assert main([*command, "--points", "30, 0,1", "--plot", str(plot)]) == OK
    head, grey, *rows = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "method"
    assert grey.startswith("grey")
    assert [row.split(", ")[1].split("  ")[0] for row in rows] == [
        "0 points", "1 point", "30 points",
    ]  # fmt: skip
    found = json.loads(out.read_text())
    assert found["settings"]["points"] == [0, 1, 30]
    assert [method["points"] for method in found["methods"]] == [0, 1, 30]
    psnr = [found["pictures"][0]["values"][m["name"]]["psnr"] for m in found["methods"]]
    assert psnr[2] > psnr[0] + 2
    assert "CIEDE2000" in plot.read_text()
    assert main([*command, "--points", "30"]) == OK
    alone = json.loads(out.read_text())
    values = alone["pictures"][0]["values"][alone["methods"][0]["name"]]
    assert values["psnr"] == psnr[2], "fewer beside them change nothing"
    capsys.readouterr()
    for more, reason in (
        (["--points", "3", "--no-truth", "--gallery", "x.html"], "--points needs the true colours"),
        (["--points", "3", "--plot", "x.svg"], "--plot needs several numbers"),
        (["--points", "1,2", "--plot", "x.pdf"], "plots are .png or .svg files"),
        (["--points", "1,-2"], "is not a whole number"),
    ):
        assert main([*command, *more]) != OK
        assert reason in capsys.readouterr().err
