"""Functions and classes are called by what they do or are, not by half a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import photochrom

PACKAGE = Path(photochrom.__file__).parent
ROOMS = ("batch", "cli", "color", "engine", "evaluation", "imageio", "video")
"""The rooms whose names are kept so."""

PREPOSITIONS = {
    *("about", "after", "along", "at", "before", "behind", "between", "by", "for", "from", "in"),
    *("into", "near", "of", "on", "onto", "over", "through", "to", "under", "up", "upon", "with"),
}
PARTICIPLES = {
    *("begun", "built", "chosen", "done", "drawn", "found", "given", "gone", "heard", "held"),
    *("kept", "known", "left", "lost", "made", "said", "seen", "shown", "sought", "taken", "told"),
    *("written", "wanted"),
}
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


def definitions(room: str) -> Iterator[tuple[str, str]]:
    """Files and the functions and classes in them."""
    for file in sorted((PACKAGE / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield file.relative_to(PACKAGE).as_posix(), node.name


@pytest.mark.parametrize("room", ROOMS)
def test_no_name_is_dialect(room: str) -> None:
    found = list(definitions(room))
    assert found
    assert [(file, name) for file, name in found if is_dialect(name)] == []


@pytest.mark.parametrize("name", ["noted", "_told", "methods_of", "carried_on", "TakenIn", "at"])
def test_dialect_is_seen(name: str) -> None:
    assert is_dialect(name)


@pytest.mark.parametrize("name", ["feed", "decoded_frames", "FrameBuffer", "__init__", "to_rgb"])
def test_names_of_the_field_are_left_alone(name: str) -> None:
    assert not is_dialect(name)
