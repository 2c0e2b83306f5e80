"""What is not installed is asked for in one way, by name."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

import photochrom
from photochrom.errors import MissingDependencyError, requires_extra

PACKAGE = Path(photochrom.__file__).parent
OTHER_ADVICE = {
    "errors.py",
    "engine/devices.py",
    "engine/find.py",
    "imageio/tiff_decoder.py",
    "models_package.py",
    "pretrained/__init__.py",
}
"""Where something else is to be installed than an extra whose import failed."""


def test_a_missing_package_is_named_with_the_extra_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "absent", None)
    message = "comparing needs absent: pip install 'photochrom[train]', or do without"
    with (
        pytest.raises(MissingDependencyError, match=re.escape(message)),
        requires_extra("train", "comparing", ", or do without"),
    ):
        importlib.import_module("absent.part")


def test_a_package_that_cannot_be_loaded_is_not_called_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("raise ImportError('no libx.so.7', name='broken')")
    monkeypatch.syspath_prepend(tmp_path)
    message = "a film needs broken, which is there but cannot be loaded (no libx.so.7): pip"
    with (
        pytest.raises(MissingDependencyError, match=re.escape(message)),
        requires_extra("video", "a film"),
    ):
        importlib.import_module("broken")


def test_a_mistake_of_ours_is_no_missing_package() -> None:
    with (
        pytest.raises(ModuleNotFoundError, match=r"photochrom\.nowhere"),
        requires_extra("train", "training"),
    ):
        importlib.import_module("photochrom.nowhere")


def test_no_room_writes_this_advice_by_itself() -> None:
    for path in PACKAGE.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {ast.get_docstring(node, clean=False) for node in nodes
                      if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))}  # fmt: skip
        advice = [
            node.lineno
            for node in nodes
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "pip install" in node.value
            and node.value not in docstrings
        ]
        assert not advice or path.relative_to(PACKAGE).as_posix() in OTHER_ADVICE, (path, advice)
