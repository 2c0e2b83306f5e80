"""docs/reports.md leaves no table and no figure of the five reports out, and its commands exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from photochrom.cli.app import app
from photochrom.training.recipe.builtin import recipe_names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")

FIGURES = {
    "S0": [
        *("3.1", "3.2", "3.3", "3.4", "3.5", "4.1", "4.2", "4.4", "4.5", "4.6", "4.7", "4.8"),
        *(f"4.{number}" for number in range(9, 21)),
    ],
    "S1": [*("2.1", "2.2", "2.3", "2.4", "2.5", "2.6"), *(f"3.{n}" for n in range(1, 8))],
    "S3": ["1", "2"],
    "S4": [
        *("2.1", "3.1", "3.2", "3.3", "3.4", "3.5", "3.6", "3.7"),
        *("4.1", "4.2", "4.3", "5.1", "5.2"),
    ],
}
"""Numbers of the figures and tables of each report; the slides (S2) have none."""


def section(report: str) -> str:
    """What the page says of one report."""
    return PAGE.partition(f"\n## {report}: ")[2].partition("\n## ")[0]


def numbers(text: str) -> set[str]:
    """Numbers of figures and tables that the first cells of its tables name, ranges filled."""
    found: set[str] = set()
    for line in text.splitlines():
        cell = line.strip("| ").partition(" | ")[0] if line.startswith("|") else ""
        for first, last in re.findall(r"((?:\d+\.)?\d+)(?: to ((?:\d+\.)?\d+))?", cell):
            found.add(first)
            if last:
                stem, _, start = first.rpartition(".")
                ends = range(int(start), int(last.rpartition(".")[2]) + 1)
                found |= {f"{stem}.{n}" if stem else str(n) for n in ends}
    return found


@pytest.mark.parametrize("report", FIGURES)
def test_every_figure_and_table_has_a_row(report: str) -> None:
    assert set(FIGURES[report]) <= numbers(section(report))


def test_every_command_exists_with_its_options_and_recipe() -> None:
    context = click.Context(app)
    shown = [words for words in re.findall(r"`photochrom ([^`]+)`", PAGE) if "…" not in words]
    assert len(shown) > 30
    for line in shown:
        words = shlex.split(line)
        command = app.get_command(context, words[0])
        if isinstance(command, click.Group) and len(words) > 1:
            command = command.get_command(context, words[1])
        assert command is not None, line
        options = {
            name
            for option in command.params
            if isinstance(option, click.Option)
            for name in (*option.opts, *option.secondary_opts)
        }
        assert {word for word in words if word.startswith("-")} <= options, line
        if words[0] == "train" and len(words) > 1 and not words[1].startswith("-"):
            assert words[1] in recipe_names() or words[1] == "with", line


@pytest.mark.long
def test_every_command_runs_in_its_small_form(tmp_path: Path) -> None:
    script = ROOT / "tools" / "report_commands.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "work")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.rpartition(" commands, ")[0].splitlines()[-1]) > 45


def test_the_tests_that_it_names_and_the_headings_that_it_links_to_exist() -> None:
    for name in re.findall(r"`(tests/[^`]+)`", PAGE):
        assert (ROOT / name).exists(), name
    for page, anchor in re.findall(r"\]\(([\w.-]*)#([\w-]+)\)", PAGE):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8") if page else PAGE
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", h.lower()).strip().replace(" ", "-") for h in headings}
        assert anchor in slugs, f"{page}#{anchor}"
