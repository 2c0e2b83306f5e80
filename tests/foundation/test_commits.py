"""Commit subjects are `room: what changed`; where history is missing, that is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fixtures.programs import load_program

import photochrom

PROGRAM = Path(__file__).parents[2] / "tools" / "check_commits.py"
LONG = "video: " + "a" * 66


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load_program(PROGRAM)


def git(repository: Path, *arguments: str) -> str:
    command = [
        "git",
        "-C",
        str(repository),
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def commit(repository: Path, subject: str) -> str:
    git(repository, "commit", "--allow-empty", "-qm", subject)
    return git(repository, "rev-parse", "HEAD")


def checked(repository: Path, since: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), since, "--repository", str(repository)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "-q")
    commit(path, "As one wrote before")
    return path


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("video: one decode loop for all", None),
        ("cli, web: the same words for the same fault", None),
        (LONG[:72], None),
        (LONG, "has 73 characters"),
        ("One decode loop for all", "is not `room: what changed`"),
        ("video:one decode loop", "is not `room: what changed`"),
        ("video: ", "is not `room: what changed`"),
        ("Video: one decode loop", "is not `room: what changed`"),
        ("cellar: one decode loop", "names no room: cellar; there are android, api, archive"),
        ("video: one decode loop.", "ends with a full stop"),
    ],
)
def test_a_subject_names_its_room_in_a_line(
    program: ModuleType, subject: str, said: str | None
) -> None:
    problem = program.problem(subject)
    assert problem is None if said is None else problem.startswith(said)


def test_every_room_of_the_package_may_be_named(program: ModuleType) -> None:
    entries = [p for p in Path(photochrom.__file__).parent.iterdir() if not p.name.startswith("_")]
    rooms = {entry.stem for entry in entries if entry.suffix == ".py" or entry.is_dir()}
    assert rooms <= set(program.ROOMS)
    assert len(set(program.ROOMS)) == len(program.ROOMS)


def test_commits_after_the_given_one_are_checked(repository: Path) -> None:
    since = git(repository, "rev-parse", "HEAD")
    commit(repository, "docs: how a film is coloured")
    fine = checked(repository, since)
    assert (fine.returncode, fine.stdout) == (0, "Commit subjects: 1 checked, 0 wrong.\n")
    short = commit(repository, "Read again")[:7]
    wrong = checked(repository, since)
    assert wrong.returncode == 1
    assert wrong.stderr == f"{short} 'Read again' is not `room: what changed`\n"


def test_a_missing_history_is_said(repository: Path, tmp_path: Path) -> None:
    since = git(repository, "rev-parse", "HEAD")
    commit(repository, "Read again")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(shallow))
    said = checked(shallow, since)
    assert said.returncode == 0
    assert said.stdout == (
        f"Commit subjects: not checked; the history here does not reach back to {since[:7]}.\n"
    )


def test_an_unpacked_archive_is_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    said = checked(tmp_path, "HEAD")
    assert said.returncode == 0
    assert said.stdout == f"Commit subjects: not checked; {tmp_path} is no git repository.\n"
