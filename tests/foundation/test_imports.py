"""The import rules of pyproject.toml hold, cover every room, and do fail when they are broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import photochrom

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGE = Path(photochrom.__file__).parent
ROOMS = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem != "__init__"
)
TORCH_ROOMS = {"nets", "style_transfer", "training"}


def lint_imports(copy: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts over ``copy``/photochrom, never over the installed package."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-logo", "--no-cache", "--config", ROOT / "pyproject.toml"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
    )


def intrude(copy: Path, room: str, line: str) -> str:
    """Add ``line`` to a room: to its file, or to a new module of its package; return its name."""
    package = copy / "photochrom" / room
    if (file := package.with_suffix(".py")).is_file():
        file.write_text(f"{file.read_text()}\n{line}\n")
        return f"photochrom.{room}"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    with (package / "intruder.py").open("a") as intruder:
        intruder.write(f"{line}\n")
    return f"photochrom.{room.replace('/', '.')}.intruder"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(
        PACKAGE, tmp_path / "photochrom", ignore=shutil.ignore_patterns("*.onnx", "__pycache__")
    )
    return tmp_path


def test_the_package_keeps_its_import_rules(copy: Path) -> None:
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout + result.stderr


BROKEN = [
    ("cli", "import torch", "The command line and the Python interface call training"),
    ("api", "import torch", "The command line and the Python interface call training"),
    ("engine", "import photochrom.pipeline", "Imports go one way"),
    ("errors", "import photochrom.color", "Imports go one way"),
    ("color", "import photochrom.imageio", "Imports go one way"),
    ("evaluation", "import photochrom.training", "Imports go one way"),
    ("pipeline", "import photochrom.variants", "Imports go one way"),
    ("color", "import PIL", "color/ knows neither files nor networks"),
    ("nets", "import photochrom.engine", "nets/ are definitions"),
    ("training", "import onnxruntime", "training/ meets inference engines only behind engine/"),
    ("training", "import photochrom.engine", "training/ learns without an engine"),
    ("cli", "import numpy", "Nothing is computed in cli/"),
    ("cli", "import photochrom.evaluation.summary", "Nothing is computed in cli/"),
    ("web", "import photochrom.color", "web/ computes no colour"),
    ("web", "import cv2", "web/ computes no colour"),
    ("evaluation", "import av", "Only video/io/ meets PyAV"),
    ("video/temporal", "import av", "Only video/io/ meets PyAV"),
    ("video/io", "import photochrom.video.temporal.shots", "video/io/ knows nothing"),
    ("video/temporal", "import photochrom.video.converter", "video/temporal/ knows no film"),
]


def test_broken_rules_are_named(copy: Path) -> None:
    intruded = [(intrude(copy, room, line), line, contract) for room, line, contract in BROKEN]
    intrude(copy, "gadgets", "")
    result = lint_imports(copy)
    assert result.returncode == 1
    assert "photochrom.gadgets" in result.stdout
    kept, _, details = result.stdout.partition("Broken contracts")
    for module, line, contract in intruded:
        assert any(text.startswith(contract) and " BROKEN" in text for text in kept.splitlines()), (
            contract
        )
        _, section, *_ = re.split(
            r"\n-+\n", details[details.index(f"\n{contract}") - 1 :], maxsplit=2
        )
        assert f"{module} -> {line.removeprefix('import ')} " in section, (module, line, contract)


def test_every_room_but_those_that_learn_is_kept_from_torch(copy: Path) -> None:
    kept_from_torch = [room for room in ROOMS if room not in TORCH_ROOMS]
    modules = [intrude(copy, room, "import torch") for room in kept_from_torch]
    result = lint_imports(copy)
    assert result.returncode == 1
    for module in modules:
        assert f"{module} -> torch " in result.stdout


def test_torch_is_not_reached_through_a_room_that_learns(copy: Path) -> None:
    module = intrude(copy, "engine", "import photochrom.nets.unet")
    result = lint_imports(copy)
    assert result.returncode == 1
    assert "photochrom.engine is not allowed to import torch" in result.stdout
    assert f"{module} -> photochrom.nets.unet " in result.stdout
