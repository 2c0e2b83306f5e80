"""The programs of examples/ are short, use public names alone, and do what they say."""

from __future__ import annotations

import ast
import math
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.film import Film, make_film
from fixtures.training import drawn_folder
from PIL import Image

import photochrom
from photochrom import read

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != "studio_client.py")
MOST_LINES = 8


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the programs read, as their working directory."""
    (tmp_path / "examples").mkdir()
    for path in EXAMPLES.glob("*.jpg"):
        shutil.copy(path, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PHOTOCHROM_LPIPS", raising=False)
    return tmp_path


def run(name: str) -> dict[str, Any]:
    """Run a program, and return its variables."""
    return runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def is_colored(path: Path) -> bool:
    return bool(np.ptp(read(path).pixels.astype(int), axis=-1).mean() > 5)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_is_short_and_uses_public_names_alone(program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("photochrom"):
            assert node.module == "photochrom"
            assert {alias.name for alias in node.names} <= set(photochrom.__all__)
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("photochrom.") for alias in node.names)
    assert f"[{program.name}]({program.name})" in (EXAMPLES / "README.md").read_text()


def test_every_program_is_run_here() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{program.name}"' in tests for program in PROGRAMS)
    assert len(PROGRAMS) == 10


def test_pil_in_a_notebook() -> None:
    colored = run("pil_in_a_notebook.py")["colored"]
    assert isinstance(colored, Image.Image)
    height, width = read("examples/cat.jpg").pixels.shape[:2]
    assert (colored.mode, colored.size) == ("RGB", (width, height))


def test_folder_with_a_bar(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run("folder_with_a_bar.py")
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 4
    assert "4/4" in err
    assert all(is_colored(path) for path in (here / "colored").iterdir())


def test_fastapi_endpoint(here: Path) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx2")
    from fastapi.testclient import TestClient

    client = TestClient(run("fastapi_endpoint.py")["app"])
    photo = (here / "examples" / "cat.jpg").read_bytes()
    answer = client.post("/colorize", content=photo, headers={"content-type": "image/jpeg"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert read(answer.content).pixels.shape == (*read(photo).pixels.shape[:2], 3)
    assert "image/*" in str(client.get("/openapi.json").json())


def test_hints(here: Path) -> None:
    run("hints.py")
    red, green, _ = read(here / "coffee.red.jpg").pixels[200, 120].astype(int)
    assert red > green + 40


def test_film_as_a_generator(here: Path) -> None:
    make_film(here / "old.mp4", Film(frames=12, encoder="libx264", format="mp4"))
    run("film_as_a_generator.py")
    frames = sorted(here.glob("frame-*s.png"))
    assert [path.name for path in frames[:2]] == ["frame-00.000s.png", "frame-00.042s.png"]
    assert len(frames) == 12
    assert all(is_colored(path) for path in frames)


def test_another_model(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("another_model.py")
    assert "photochrom-faces" in capsys.readouterr().out
    assert is_colored(here / "astronaut.faces.jpg")
    assert b"photochrom-faces" in (here / "astronaut.faces.jpg").read_bytes()


@pytest.mark.long  # the tests of `photochrom.train` are its small form
def test_fine_tune_on_a_folder(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn_folder(here / "photos", 24)
    train = photochrom.train

    def train_briefly(*names: str, settings: dict[str, object], **options: Any) -> object:
        brief = {"budget_images": 8, "stages.0.batch": 4, "data.validation": 4}
        return train(*names, settings=settings | brief, **options)

    monkeypatch.setattr(photochrom, "train", train_briefly)
    run("fine_tune_on_a_folder.py")
    assert is_colored(here / "cat.mine.jpg")
    assert b"fine-tune 0.1.0" in (here / "cat.mine.jpg").read_bytes()
    assert (here / "runs" / "mine" / "report.html").is_file()
    out, err = capfd.readouterr()
    assert "validation" in out or "step" in out
    assert "fine-tune" in err


def test_evaluate_models(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn_folder(here / "photos", 3)
    scores = run("evaluate_models.py")["scores"]
    base, faces = (next(name for name in scores if name.startswith(n)) for n in MODELS)
    assert all(math.isfinite(scores[name]["psnr"]) for name in (base, faces))
    assert f"{base}: PSNR {scores[base]['psnr']:.2f} dB" in capsys.readouterr().out


MODELS = ("photochrom-base", "photochrom-faces")


def test_ab_and_confidence(capsys: pytest.CaptureFixture[str]) -> None:
    found = run("ab_and_confidence.py")
    assert found["ab"].shape == (*found["confidence"].shape, 2)
    assert f"least sure in row {found['row']}" in capsys.readouterr().out
    assert found["confidence"][found["row"], found["column"]] == found["confidence"].min()


@pytest.mark.long  # three processes import torch
def test_torch_data_loader(here: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "torch_data_loader.py"],
        capture_output=True, text=True, cwd=here,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shapes = [str(read(f"examples/{name}.jpg").pixels.shape[:2]) for name in ("cat", "palace")]
    assert done.stdout.splitlines() == [f"{shape[:-1]}, 3)" for shape in shapes]


def test_the_readme_shows_what_works(here: Path) -> None:
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    shown: dict[str, Any] = {}
    exec(readme.partition("```python\n")[2].partition("```")[0], shown)
    assert is_colored(here / "astronaut.color.jpg")
    assert shown["cup"].mode == "RGB"
    assert (shown["rgb"].dtype, shown["rgb"].shape) == (shown["grey"].dtype, (300, 451, 3))
