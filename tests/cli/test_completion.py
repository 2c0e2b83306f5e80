"""Shells complete commands, options and files, as docs/cli.md says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from photochrom.cli.app import COMMANDS

SHELLS = ("bash", "zsh", "fish")
COMPLETE = "_PHOTOCHROM_COMPLETE"
CODE = (
    "import sys; from photochrom.cli import main\n"
    "try:\n    main([])\n"
    "finally:\n"
    "    slow = {'numpy', 'cv2', 'PIL', 'av', 'onnxruntime', 'torch'} & set(sys.modules)\n"
    "    assert not slow, slow"
)


def completed(shell: str, *words: str) -> list[str]:
    """What the program answers a shell whose cursor stands behind the last of the words."""
    told = {
        COMPLETE: f"{shell}_complete",
        "COMP_WORDS": " ".join(("photochrom", *words)),
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | told, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_are_offered_and_nothing_slow_is_imported_for_it(shell: str) -> None:
    lines = completed(shell, "")
    for name, row in COMMANDS.items():
        if shell == "bash":
            assert f"plain,{name}" in lines
        elif shell == "fish":
            assert f"plain,{name}\t{row.summary}" in lines
        else:
            at = lines.index(name)
            assert lines[at - 1 : at + 2] == ["plain", name, row.summary]


def test_a_beginning_is_completed() -> None:
    assert completed("bash", "im") == ["plain,image"]
    assert completed("bash", "--log") == ["plain,--log-level"]
    assert completed("bash", "--log-level", "in") == ["plain,info"]


@pytest.mark.slow
def test_options_and_values_of_a_command_are_completed() -> None:
    assert answered("models", "--j") == ["plain,--json"]
    assert answered("image", "--device", "cp") == ["plain,cpu"]
    assert answered("image", "a") == ["file,a"]  # the shell itself knows its files


def answered(*words: str) -> list[str]:
    """As `completed` for bash, of a command, which is imported for it."""
    told = {
        COMPLETE: "bash_complete",
        "COMP_WORDS": " ".join(("photochrom", *words)),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-m", "photochrom"]
    done = subprocess.run(command, env=os.environ | told, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_documented_line_defines_it_in_the_shell(shell: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"{COMPLETE}={shell}_source photochrom" in page
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    command = [sys.executable, "-m", "photochrom"]
    told = {COMPLETE: f"{shell}_source"}
    script = subprocess.run(command, env=os.environ | told, capture_output=True, text=True).stdout
    checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "photochrom" in script
