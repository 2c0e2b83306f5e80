"""docs/security.md names tests that there are, and each requirement once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "security.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here")
LAST = {"V1": "1.5.2", "V7": "7.6.2", "V16": "16.5.3"}
"""A requirement of some chapters, by which a chapter that is gone is seen."""


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").partition("## The requirements")[2].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in cells if re.match(r"\d", row[0])]


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 60
    sources = {file: (HERE / file).read_text(encoding="utf-8") for file, _name in named}
    gone = [(file, name) for file, name in named if f"def {name}(" not in sources[file]]
    assert gone == []


def test_every_requirement_has_one_answer() -> None:
    found: list[str] = []
    for numbers, answer, how, test in rows():
        assert answer in ("yes", "part", "no", "host"), numbers
        assert how, numbers
        if answer in ("yes", "part"):
            assert "`test_" in test or test == "documentation", numbers
        for part in numbers.split(", "):
            first, _dash, last = part.partition("–")
            chapter, _dot, start = first.rpartition(".")
            end = int(last.rpartition(".")[2]) if last else int(start)
            found += [f"{chapter}.{number}" for number in range(int(start), end + 1)]
    assert sorted(found) == sorted(set(found))
    assert set(LAST.values()) <= set(found)
