"""``photochrom turning-point``: which kept checkpoint is picked, and what is left behind."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from fixtures.training import drawn_folder
from numpy.typing import NDArray

from photochrom.cli import FAILED, OK, main
from photochrom.evaluation.report import Estimate, Row
from photochrom.evaluation.turning_point import CheckpointScores, turning_point
from photochrom.evaluation.views import View, sheet
from photochrom.imageio import read
from photochrom.nets import build
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.toml import load_recipe, to_table

pytestmark = pytest.mark.slow


def checkpoint_scores(
    number: int, lpips: float | None, colourfulness: float, blotchiness: float
) -> CheckpointScores:
    def row(name: str, **values: float | None) -> Row:
        return Row(
            name, {k: None if v is None else Estimate(v, v, v) for k, v in values.items()}, {}
        )

    ours = row("x", lpips=lpips, ciede2000=9.0 - number, colourfulness=colourfulness,
               blotchiness=blotchiness)  # fmt: skip
    return CheckpointScores(
        f"step-{number}", number, ours, row("true", colourfulness=40, blotchiness=6), {}
    )


def test_the_nearest_to_the_true_photos_before_the_overshoot_is_picked() -> None:
    point = turning_point(
        [
            checkpoint_scores(1, 0.20, 20, 3),
            checkpoint_scores(2, 0.16, 28, 4),
            checkpoint_scores(3, 0.17, 33, 5),
            checkpoint_scores(4, 0.15, 38, 6.5),  # nearer still, but blotchier than life
        ]
    )
    assert (point.best, point.overshoot) == (1, 3)
    assert "blotchiness exceeds the true photographs' from step-4" in point.reason


def test_without_an_overshoot_the_best_of_all_is_picked() -> None:
    point = turning_point([checkpoint_scores(1, 0.2, 20, 3), checkpoint_scores(2, 0.15, 39, 5.9)])
    assert (point.best, point.overshoot) == (1, None)
    assert "never exceed" in point.reason


def test_where_all_overshoot_the_best_is_picked_and_that_is_said() -> None:
    point = turning_point([checkpoint_scores(1, 0.3, 41, 3), checkpoint_scores(2, 0.2, 45, 5)])
    assert (point.best, point.overshoot) == (1, 0)
    assert "although colourfulness exceeds" in point.reason


def test_without_lpips_the_colour_difference_decides() -> None:
    point = turning_point([checkpoint_scores(1, None, 20, 3), checkpoint_scores(2, None, 21, 3)])
    assert point.best == 1
    assert "CIEDE2000" in point.reason


def test_kept_checkpoints_are_measured_drawn_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    photos, run = drawn_folder(tmp_path / "photos", 3), tmp_path / "run"
    arguments = ["turning-point", str(run), "--data", str(photos), "--limit", "2"]
    (run / "kept").mkdir(parents=True)
    assert main(arguments) == FAILED
    assert "keep_every_images" in capsys.readouterr().err
    recipe = load_recipe(recipe_path("smoke"), [f"data.sources=['{photos}']"])
    for images in (320, 640):
        average = build(recipe.net.name, recipe.net.options).state_dict()
        path = run / "kept" / f"step-{images:07d}.pt"
        checkpoint.save(path, Position(images=images), to_table(recipe), {"average": average})
    assert main(arguments) == OK
    told = capsys.readouterr()
    assert "step-0000320" in told.out
    assert "picked" in told.err
    rows = list(csv.DictReader((run / "turning-point.csv").read_text().splitlines()))
    assert [row["images"] for row in rows] == ["320", "640"]
    assert sorted(row["picked"] for row in rows) == ["0", "1"]
    for name in ("turning-point.png", "turning-point-look.png"):
        assert min(read(run / name).pixels.shape[:2]) > 200
    assert main(arguments) == FAILED  # is there already


def test_photos_of_several_shapes_keep_them_on_a_sheet() -> None:
    def view(height: int, width: int, code: int) -> View:
        rgb: NDArray[np.uint8] = np.full((height, width, 3), code, np.uint8)
        return View("", "", "", rgb)

    picture = sheet([[view(40, 80, 10)], [view(80, 40, 20)]])
    for code, shape in ((10, (160, 320)), (20, (320, 160))):
        mask = (picture == code).all(axis=-1).astype(np.uint8)
        _, _, width, height = cv2.boundingRect(mask)
        assert (height, width) == shape
