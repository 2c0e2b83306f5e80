"""The documentation says what the code does, and leaves no option or metric out."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from fixtures.docs import load_generator

from photochrom.cli.app import app
from photochrom.evaluation.metric_table import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PLAIN_KEYS = {
    *("name", "summary", "version", "licence", "training_data", "seed", "precision", "options"),
    *("batch", "lr", "critic_lr", "betas", "weight_decay"),
    *("checkpoint_minutes", "validate_minutes"),
}
"""Recipe keys whose name says it all."""
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), ROOT / "examples" / "README.md"])


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py as a module."""
    return load_generator()


@pytest.mark.slow
@pytest.mark.parametrize("script", ["generate.py", "diagrams.py"])
def test_what_is_generated_is_up_to_date(script: str) -> None:
    result = subprocess.run(
        [sys.executable, DOCS / script, "--check"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_every_command_and_option_explains_itself_and_is_documented(generate: ModuleType) -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    for context in generate.contexts(generate.top()):
        assert f"## `{context.command_path}`" in page
        assert context.command.help, context.command_path
        assert "\\b" not in context.command.help, "click's mark is a real backspace"
        section = page.partition(f"## `{context.command_path}`\n")[2].partition("\n## ")[0]
        for option in context.command.get_params(context):
            shared = generate.is_shared(option, context)
            if isinstance(option, click.Option) and not option.hidden and not shared:
                assert option.help, f"{context.command_path} {option.opts}"
                for name in (*option.opts, *option.secondary_opts):
                    assert name in section, f"{context.command_path} {name}"


def test_every_recipe_key_is_explained_or_plain(generate: ModuleType) -> None:
    rows = [line.split(" | ") for line in generate.recipes_page().splitlines() if "| `" in line]
    assert len(rows) > 30
    silent = {row[0].strip("| `") for row in rows if row[-1].strip(" |") == ""}
    assert silent <= PLAIN_KEYS


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_of_a_report_is_explained(metric: str) -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert f"| {METRICS[metric].label} |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_documentation_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/comparison.md",
        "docs/training.md",
        "docs/metrics.md",
        "docs/films.md",
        "docs/workbench.md",
        "docs/studio.md",
    ],
)
def test_a_page_written_by_hand_names_only_options_that_exist(page: str) -> None:
    commands = (DOCS / "cli.md", *(ROOT / "benchmarks").glob("*.py"))
    known = {
        option
        for path in commands
        for option in re.findall(r"--[a-z][a-z-]+", path.read_text(encoding="utf-8"))
    }
    text = re.sub(r"`docker [^`]*`", "", (ROOT / page).read_text(encoding="utf-8"))
    assert set(re.findall(r"--[a-z][a-z-]+", text)) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shown_commands_have_the_options_that_they_need(page: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    context = click.Context(app)
    for shown in re.findall(r"(?:^|do |&& )photochrom (.*)", "\n".join(lines), re.MULTILINE):
        words = shlex.split(shown, comments=True)
        named = app.get_command(context, words[0])
        if isinstance(named, click.Group):
            named = named.get_command(context, words[1]) or named.get_command(context, "run")
        assert named is not None, shown
        options = [p for p in named.params if isinstance(p, click.Option)]
        given = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert given <= {name for o in options for name in (*o.opts, *o.secondary_opts)}, shown
        if "--help" not in given:
            assert all(given & set(o.opts) for o in options if o.required), shown


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_the_architecture_names_every_room_and_only_files_that_there_are() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = set(re.findall(r"^\| `(\w+)/?` \|", page, re.MULTILINE))
    package = ROOT / "src" / "photochrom"
    there = {path.stem for path in package.iterdir() if not path.name.startswith(("__", "py."))}
    assert there == rooms
    files = {path.name for path in (*package.rglob("*.py"), *package.rglob("*.js"))}
    files |= {path.name for path in (ROOT / "tests").rglob("*.py")} | {"pyproject.toml"}
    named = re.findall(r"`(?:[\w/]+/)?(\w+\.(?:py|js|toml))`", page)
    assert len(named) > 30
    assert not set(named) - files
