"""benchmarks/ablation.py: each run lacks what it says and nothing else, and all are measured."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from fixtures.programs import load_program
from fixtures.training import drawn_folder

from photochrom.errors import RecipeError
from photochrom.training import checkpoint
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.toml import from_table, read_recipe

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "ablation.py"

pytestmark = pytest.mark.skipif(
    not PROGRAM.is_file(), reason="benchmarks/ is only in the repository"
)


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load_program(PROGRAM)


def test_a_variation_leaves_out_one_thing_where_it_is(program: ModuleType) -> None:
    recipe = read_recipe(recipe_path("photochrom-base"))
    assert program.variations(recipe, [7], ["distillation"], ["patch"], ["old.zip"]) == {
        "as it is": {},
        "as it is seed 7": {"seed": 7},
        "without distillation": {
            "stages.0.losses.distillation": 0,
            "stages.1.losses.distillation": 0,
        },
        "critic patch": {"critic.name": "patch", "critic.options": {}},
        "without old.zip": {"data.weights": {"old.zip": 0}},
    }
    with pytest.raises(RecipeError, match=r"no stage of photochrom-base has losses\.l2"):
        program.variations(recipe, [], ["l2"], [], [])
    with pytest.raises(RecipeError, match="projected is the critic of photochrom-base"):
        program.variations(recipe, [], [], ["projected"], [])


@pytest.mark.long
def test_runs_are_trained_once_and_measured_side_by_side(
    program: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photos, test = drawn_folder(tmp_path / "photos", 8), drawn_folder(tmp_path / "test", 2)
    arguments = ["smoke", str(test), "--data", str(photos), "--minutes", "1e-4", "--out",
                 str(tmp_path / "runs"), "--again", "4", "--without", "colorfulness",
                 "--set", "monitor.grid=0", "--set", "seed=3"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["ablation.py", *arguments])
    program.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| run | views | PSNR, dB | CIEDE2000 | LPIPS (squeeze) |")
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| as it is", "8"], ["| as it is seed 4", "8"], ["| without colorfulness", "8"],
    ]  # fmt: skip
    for folder, weight, seed in (
        ("as-it-is", 0.1, 3), ("as-it-is-seed-4", 0.1, 4), ("without-colorfulness", 0.0, 3),
    ):  # fmt: skip
        _, stored, _ = checkpoint.load(tmp_path / "runs" / folder / "checkpoint.pt")
        recipe = from_table(stored)
        assert recipe.stages[1].losses["colorfulness"] == weight
        assert recipe.seed == seed
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*.onnx")}
    assert len(files) == 3
    program.main()
    assert capsys.readouterr().out.splitlines() == lines
    assert files == {path: path.stat().st_mtime_ns for path in files}
