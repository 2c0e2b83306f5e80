"""Functions and classes are called by what they do or are, not by half a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import photochrom

PACKAGE = Path(photochrom.__file__).parent
ROOMS = sorted(p.stem for p in PACKAGE.iterdir() if not p.name.startswith(("_", "py.")))

PREPOSITIONS = {
    *("about", "after", "along", "at", "before", "behind", "between", "by", "for", "from", "in"),
    *("into", "near", "of", "on", "onto", "over", "through", "to", "under", "up", "upon", "with"),
}
PARTICIPLES = {
    *("begun", "built", "chosen", "done", "drawn", "found", "given", "gone", "heard", "held"),
    *("kept", "known", "left", "lost", "made", "said", "seen", "shown", "sought", "taken", "told"),
    *("written", "wanted"),
}
TOLD = {"told", "said", "heard", "hears", "wishes", "asked"}
"""In no name, not even of a variable: what is told is a message, what is heard an input."""
OVERRIDDEN = {("web/http_server.py", "received")}
"""Names that a base class of somebody else's gives."""
NO_PARTICIPLES = {"embed", "exceed", "feed", "need", "seed", "speed"}


def words(name: str) -> list[str]:
    """The words of a name: ``read_frames`` or ``FrameBuffer``."""
    return re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", name)


def is_dialect(name: str) -> bool:
    """Whether a name is a participle alone, or ends in a preposition."""
    parts = [word.lower() for word in words(name)]
    if not parts:
        return False
    alone = len(parts) == 1 and parts[0] not in NO_PARTICIPLES
    participle = parts[0].endswith("ed") or parts[0] in PARTICIPLES
    return (alone and participle) or parts[-1] in PREPOSITIONS


def trees(room: str) -> Iterator[tuple[str, ast.Module]]:
    """The files of a room."""
    folder = PACKAGE / room
    for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]:
        yield file.relative_to(PACKAGE).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def definitions(room: str) -> Iterator[tuple[str, str]]:
    """Files and the functions and classes in them."""
    for file, tree in trees(room):
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield file, node.name


def variables(room: str) -> Iterator[tuple[str, str]]:
    """Files and the parameters and variables in them."""
    for file, tree in trees(room):
        for node in ast.walk(tree):
            if isinstance(node, ast.arg):
                yield file, node.arg
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield file, node.id


@pytest.mark.parametrize("room", ROOMS)
def test_no_name_is_dialect(room: str) -> None:
    found = [name for name in definitions(room) if name not in OVERRIDDEN]
    assert found or room == "damage", "which has values alone"
    assert [(file, name) for file, name in found if is_dialect(name)] == []
    found += variables(room)
    assert [(file, name) for file, name in found if TOLD & set(name.lower().split("_"))] == []


@pytest.mark.parametrize("name", ["noted", "_told", "methods_of", "carried_on", "TakenIn", "at"])
def test_dialect_is_seen(name: str) -> None:
    assert is_dialect(name)


@pytest.mark.parametrize("name", ["feed", "decoded_frames", "FrameBuffer", "__init__", "to_rgb"])
def test_names_of_the_field_are_left_alone(name: str) -> None:
    assert not is_dialect(name)
