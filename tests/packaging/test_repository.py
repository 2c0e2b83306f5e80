"""The files around the code hold: workflows call what exists, versions and links agree."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fixtures.programs import load_program
from packaging.specifiers import SpecifierSet

import photochrom

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
HOME = "https://github.com/photochrom/photochrom"

pytestmark = pytest.mark.skipif(not GITHUB.is_dir(), reason=".github is only in the repository")

WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(
    set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
)


def parsed(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def commands(workflow: Path) -> list[str]:
    """Every line that the steps of a workflow run."""
    jobs = parsed(workflow)["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_calls_only_what_exists(workflow: Path) -> None:
    called = 0
    for line in commands(workflow):
        for words in re.findall(r"(?:^|&& |; )make((?: [\w=./-]+)+)", line):
            asked = [word for word in words.split() if "=" not in word]
            assert set(asked) <= targets(), line
            called += len(asked)
        for script in re.findall(
            r"(?:^|[ \"])((?:\.ci|tools|docs|benchmarks|packaging)/[\w./-]+)", line
        ):
            assert (ROOT / script).is_file(), line
            called += 1
    assert called, "it runs nothing of ours, or this test does not see it"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_only_read_and_ends_in_time(workflow: Path) -> None:
    content = parsed(workflow)
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["timeout-minutes"] <= 350
        needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        assert set(needed) <= set(content["jobs"])
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert "@" in step.get("uses", "@")


def test_each_system_and_python_is_tested_that_is_promised() -> None:
    jobs = parsed(GITHUB / "workflows" / "tests.yml")["jobs"]
    fast, whole = jobs["fast"]["strategy"]["matrix"], jobs["whole"]["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in fast["system"]] == ["ubuntu", "macos", "windows"]
    assert tuple(fast["python"]) == tuple(whole["python"]) == PYTHONS
    marks = [f"Programming Language :: Python :: {version}" for version in PYTHONS]
    assert set(marks) <= set(project()["classifiers"])
    assert all(version in SpecifierSet(project()["requires-python"]) for version in PYTHONS)


def test_only_publishing_may_write() -> None:
    jobs = parsed(GITHUB / "workflows" / "release.yml")["jobs"]
    allowed = {name: job["permissions"] for name, job in jobs.items() if "permissions" in job}
    assert allowed == {
        "pypi": {"id-token": "write"},
        "image": {"contents": "read", "packages": "write"},
        "notes": {"contents": "write"},
    }


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_form_asks_each_thing_once(form: Path) -> None:
    content = parsed(form)
    assert content["name"]
    assert content["description"]
    fields = [field for field in content["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 1
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_citation_is_of_this_version_and_licence() -> None:
    citation = parsed(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == photochrom.__version__
    assert citation["license"] == project()["license"]
    assert citation["repository-code"] == project()["urls"]["Repository"] == HOME


def test_what_is_given_private_leads_to_one_place() -> None:
    place = f"{HOME}/security/advisories/new"
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md", ".github/ISSUE_TEMPLATE/config.yml"):
        assert place in (ROOT / name).read_text(encoding="utf-8"), name


def test_notes_of_a_release_are_its_part_of_the_changelog() -> None:
    section = load_program("tools/release_notes.py").section
    released = "## 0.1.1 (2026-01-02)\n\n### Added\n\n* b\n\n## 0.1\n\na\n"
    changelog = f"# Changelog\n\n## 0.2.0 (not released)\n\nc\n\n{released}"
    assert section(changelog, "0.1.1") == "### Added\n\n* b"
    assert section(changelog, "0.1") == "a"
    assert section(changelog, "0.2.0") is None
    assert section(changelog, "0.1.2") is None
