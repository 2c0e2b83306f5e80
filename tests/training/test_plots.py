"""Plots and report of a run, drawn from the files that it leaves."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from photochrom.cli import FAILED, OK, main
from photochrom.imageio import read
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.finished_run import training_speed
from photochrom.training.reports.curves import read_curves
from photochrom.training.reports.plots import ColorCounts, read_colors, read_run

pytestmark = pytest.mark.slow

LOSSES = """step,stage,loss_G_L1,loss_G,lr,images,images_per_s,D_x,D_Gz,loss_D
10,first,1.0,1.5,0.001,100,10,,,
20,first,0.9,1.4,0.001,200,20,,,
30,second,0.8,1.3,0.0005,400,20,0.6,0.4,0.7
40,second,0.7,1.2,0.0001,600,20,0.55,0.45,0.69
50,second,0.6"""
VALIDATION = """step,stage,validation_psnr,validation_ab_error,validation_colourfulness_share
20,first,22.5,15,0.4
40,second,23.5,14,0.6
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with all that plots are drawn from."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "losses.csv").write_text(LOSSES)
    (folder / "validation.csv").write_text(VALIDATION)
    (folder / "epochs.csv").write_text(VALIDATION.replace("validation_psnr", "loss_D_real"))
    cv2.imwrite(str(folder / "grid-0000040.png"), np.full((64, 96, 3), 128, np.uint8))
    counts = ColorCounts()
    counts.add(torch.full((1, 2, 4, 4), 30.0), torch.full((1, 2, 4, 4), -500.0))
    counts.write(folder)
    recipe = {"name": "x<y", "summary": "a & b", "seed": 3, "net": {"name": "mobile-unet"}}
    checkpoint.save(folder / "checkpoint.pt", Position(images=600), recipe, {})
    return folder


def test_a_run_is_drawn_and_described_on_one_page(run: Path) -> None:
    assert main(["plots", str(run)]) == OK
    names = {"losses", "critic", "learning-rate", "validation", "colourfulness", "colours"}
    assert {file.stem for file in (run / "plots").iterdir()} == names
    for name in names:
        assert min(read(run / "plots" / f"{name}.png").pixels.shape[:2]) > 200
    page = (run / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"data:image/(png|jpeg);base64,", page)) == len(names) + 1
    assert "x&lt;y" in page
    assert "loss_D_real" in page
    assert "http" not in page


def test_what_a_run_has_nothing_about_is_not_drawn(run: Path, tmp_path: Path) -> None:
    for name in ("validation.csv", "colours.npz", "grid-0000040.png", "epochs.csv"):
        (run / name).unlink()
    out = tmp_path / "elsewhere"
    assert main(["plots", str(run), "-o", str(out)]) == OK
    assert {file.stem for file in (out / "plots").iterdir()} == {
        "losses",
        "critic",
        "learning-rate",
    }
    assert not (run / "plots").exists()
    (run / "losses.csv").unlink()
    assert main(["plots", str(run), "-o", str(tmp_path / "empty")]) == OK
    assert "nothing logged yet" in (tmp_path / "empty" / "report.html").read_text()


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plots", str(tmp_path)]) == FAILED
    assert "holds no run" in capsys.readouterr().err


def test_tables_are_read_without_the_line_that_a_crash_cut_short(run: Path) -> None:
    losses = read_curves(run / "losses.csv")
    assert len(losses.stages) == 4
    assert losses.stage_starts() == [(0, "first"), (2, "second")]
    steps, scores = losses.pairs("step", "D_x")
    assert steps.tolist() == [30, 40]
    assert scores.tolist() == [0.6, 0.55]
    assert training_speed(losses) == pytest.approx(600 / (100 / 10 + 500 / 20))
    assert training_speed(read_curves(run / "none.csv")) is None


def test_steps_are_shown_as_the_images_seen_until_then(run: Path) -> None:
    images = read_run(run).images(np.array([0.0, 10.0, 25.0, 40.0, 80.0]))
    assert images.tolist() == pytest.approx([0.0, 0.1, 0.3, 0.6, 1.2])


def test_colours_are_counted_in_their_cells_and_the_farthest_at_the_edge(run: Path) -> None:
    counts = read_colors(run)
    assert counts is not None
    assert counts["true"].sum() == counts["predicted"].sum() == 16
    cell = (30 + 112) // 4
    assert counts["true"][cell, cell] == 16
    assert counts["predicted"][0, 0] == 16
