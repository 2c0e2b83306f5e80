"""benchmarks/knn_critic.py: what can be told apart is, and what cannot is not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model
from fixtures.programs import load_program
from fixtures.training import drawn_folder

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "knn_critic.py"

pytestmark = [
    pytest.mark.slow,  # scikit-learn takes its time to be imported
    pytest.mark.skipif(not PROGRAM.is_file(), reason="benchmarks/ is only in the repository"),
]


def test_colours_of_a_poor_model_are_told_from_true_ones_and_its_lightness_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, photos = tiny_model(tmp_path / "tiny.onnx"), drawn_folder(tmp_path / "photos", 10)
    few = ["--photographs", "10", "--patches", "20", "--patch", "3", "-k", "3"]
    monkeypatch.setattr(sys, "argv", ["knn_critic.py", str(model), "--data", str(photos), *few])
    monkeypatch.setattr(sys, "path", list(sys.path))
    load_program(PROGRAM).main()
    name, both, colors, lightness = (
        cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].strip("|").split("|")
    )
    assert name == str(model)
    assert min(float(cell.rstrip("%")) for cell in (both, colors)) > 95
    assert float(lightness.rstrip("%")) == pytest.approx(50, abs=5)


def test_the_critic_learns_of_every_second_photograph_and_is_asked_about_the_others(
    rng: np.random.Generator,
) -> None:
    """The second pair is the other way round than the first: all of it is told wrongly."""
    dark, light = rng.normal(0, 1, (30, 3, 3, 3)), rng.normal(50, 1, (30, 3, 3, 3))
    accuracy = load_program(PROGRAM).accuracy
    assert accuracy([light, light], [dark, dark], slice(0, 3), 3) == 1
    assert accuracy([light, dark], [dark, light], slice(0, 3), 3) == 0
