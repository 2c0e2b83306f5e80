"""What the package imports is what pyproject.toml declares."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import photochrom

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(photochrom.__file__).parent
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
EXTRAS = tuple(set(PROJECT["optional-dependencies"]) - {"dev", "docs"})
NEEDS_AN_EXTRA = {"nets", "style_transfer", "training", "evaluation", "video", "web"}
NOT_IN_CI = {"c2pa": "c2pa-python"}
"""Packages of extras that CI does not install, which are not called as what is imported of them."""
ROOMS = sorted({path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py")})


def declared(*extras: str) -> set[str]:
    """Names of what an install with these extras brings along, as on the package index."""
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][e] for e in extras)]
    return {normal(Requirement(line).name) for lines in lists for line in lines}


def normal(name: str) -> str:
    return name.lower().replace("_", "-")


def imported(room: str, *, at_import: bool) -> set[str]:
    """Packages that a room imports; at_import: only those without which importing it fails."""
    files = (PACKAGE / room).rglob("*.py") if (PACKAGE / room).is_dir() else [PACKAGE / room]
    roots: set[str] = set()
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for name in modules(tree.body if at_import else ast.walk(tree)):
            roots.add(name.partition(".")[0])
    # tomllib is in Python from 3.11 on; before that tomli stands in for it. _typeshed is types.
    outside = roots - {"photochrom", "tomllib", "_typeshed"} - sys.stdlib_module_names
    return {normal(owners().get(root, [NOT_IN_CI.get(root, root)])[0]) for root in outside}


def modules(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@cache
def owners() -> dict[str, list[str]]:
    return dict(packages_distributions())


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_is_declared(room: str) -> None:
    assert imported(room, at_import=False) <= declared(*EXTRAS)


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in NEEDS_AN_EXTRA])
def test_what_colours_a_picture_imports_without_extras(room: str) -> None:
    assert imported(room, at_import=True) <= declared()


def test_a_plain_install_declares_no_torch() -> None:
    assert not declared() & {"torch", "openvino", "tensorboard", "matplotlib"}
