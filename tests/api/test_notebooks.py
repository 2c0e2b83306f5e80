"""The notebooks of examples/ and the script of an episode do what they say, in a small form."""

from __future__ import annotations

import ast
import functools
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from fixtures.training import drawn_photo
from PIL import Image

import photochrom
from photochrom.api.train import TrainingRun
from photochrom.cli import OK, main
from photochrom.cli.app import app
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.toml import load_recipe, override

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
TINY: dict[str, object] = {
    "data.limit": 10,
    "data.validation": 2,
    "net.options.width": 8,
    "critic.options.width": 8,
    "stages.0.crop": 64,
    "stages.0.batch": 4,
}
SETTINGS = {
    "coco_pix2pix": TINY | {"net.options.levels": 5},
    "coco_two_phase": TINY | {"net.options.width": 32, "stages.1.crop": 64, "stages.1.batch": 4},
}


def cells(notebook: Path) -> list[dict[str, Any]]:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    found: list[dict[str, Any]] = content["cells"]
    return found


def program(cell: dict[str, Any]) -> str:
    """A code cell as plain Python: a line that begins with ! becomes a call of the command line."""
    text = "".join(cell["source"])
    return re.sub(r"^!photochrom (.*)$", r'_command(f"\1")', text, flags=re.MULTILINE)


def check_calls(text: str, settings: dict[str, object]) -> int:
    """Each call of photochrom's has a public name and parameters that it takes; says how many.

    The recipe of `photochrom.train` is read with the notebook's settings, which names their keys.
    """
    count = 0
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner, name = ast.unparse(node.func.value), node.func.attr
        if owner == "photochrom":
            signature = inspect.signature(getattr(photochrom, name))
        elif owner == "result":
            signature = inspect.signature(functools.partial(getattr(TrainingRun, name), None))
        else:
            continue
        signature.bind(*node.args, **{str(keyword.arg): None for keyword in node.keywords})
        if name == "train":
            overrides = [override(key, value) for key, value in settings.items()]
            load_recipe(recipe_path(ast.literal_eval(node.args[0])), overrides)
        count += 1
    return count


def colored_film(path: Path) -> Path:
    """Two shots of drawn photos that move, 24 frames each."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        for index in range(48):
            photo = np.roll(drawn_photo(index // 24, 80, 96), 2 * index, axis=1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(photo, "rgb24")))
        out.mux(stream.encode())
    return path


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_clean_and_known(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOCHROM_DATA", ".")  # where the recipes' own photographs lie
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    parameters: dict[str, Any] = {}
    calls = 0
    assert len([cell for cell in code if cell["metadata"].get("tags") == ["parameters"]]) == 1
    for cell in code:
        compile(program(cell), notebook.name, "exec")
        assert cell["outputs"] == [], "what a run showed is not kept"
        assert cell["execution_count"] is None
        for line in re.findall(r"^!photochrom (\S+)", "".join(cell["source"]), re.MULTILINE):
            assert app.get_command(None, line) is not None  # type: ignore[arg-type]
        if cell["metadata"].get("tags"):
            exec(compile(program(cell), notebook.name, "exec"), parameters)
        calls += check_calls(program(cell), parameters["settings"])
    assert calls >= 4  # train, read, export, colorize
    assert f"[{notebook.name}]({notebook.name})" in (EXAMPLES / "README.md").read_text()
    assert notebook.stem in SETTINGS


@pytest.mark.long
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_trains_measures_and_colors(
    notebook: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLES / "cat.jpg", tmp_path / "examples")
    with tarfile.open("sample.tgz", "w:gz") as out:
        for seed in range(12):
            Image.fromarray(drawn_photo(seed)).save(buffer := io.BytesIO(), "PNG")
            entry = tarfile.TarInfo(f"train_sample/{seed:012}.png")
            entry.size = buffer.tell()
            buffer.seek(0)
            out.addfile(entry, buffer)

    def command(line: str) -> None:
        assert main(shlex.split(line)) == OK

    names: dict[str, Any] = {"_command": command}
    for cell in cells(notebook):
        if cell["cell_type"] != "code":
            continue
        if cell["metadata"].get("tags"):
            settings = SETTINGS[notebook.stem]
            names |= {"data": "sample.tgz", "run": "runs/tiny", "epochs": 2, "settings": settings}
        else:
            exec(compile(program(cell), notebook.name, "exec"), names)
    assert len((tmp_path / "runs" / "tiny" / "held-out.txt").read_text().splitlines()) == 2
    assert (tmp_path / "runs" / "tiny.onnx").is_file()


@pytest.mark.long
def test_an_episode_comes_to_its_comparison(tmp_path: Path) -> None:
    film = colored_film(tmp_path / "episode.mkv")
    tiny = ["stages.0.crop=64", "stages.1.crop=64", "stages.0.batch=4", "stages.1.batch=4"]
    tiny += ["data.validation=2", "budget_images=16"]
    train = " ".join(f"--set {change}" for change in tiny)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", str(EXAMPLES / "episode.sh"), str(film), "run"],
        cwd=tmp_path,
        env={**os.environ, "TRAIN": train, "PATH": path, "PHOTOCHROM_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "episode.color.mp4").is_file()
    assert "photochrom-film" in (tmp_path / "run" / "comparison" / "compare.md").read_text()
    assert done.stdout.count("CDC") >= 2, "each model's flicker is measured"
