"""Several people at once: everything is answered, and all that was accepted is delivered."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.model import tiny_model

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "studio_load.py"


@pytest.mark.long
@pytest.mark.skipif(not PROGRAM.is_file(), reason="benchmarks/ is only in the repository")
def test_ten_people_are_served_without_a_failure(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "--users", "10", "--seconds", "5"]
    command += ["--model", str(tiny_model(tmp_path / "tiny.onnx"))]
    for limit in ("page", "html", "hint"):  # whatever else this machine does
        command += [f"--{limit}-limit", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5xx: 0 " in done.stdout
    assert "| hint |" in done.stdout
    assert "| film, to its colours |" in done.stdout


@pytest.mark.long
@pytest.mark.skipif(not PROGRAM.is_file(), reason="benchmarks/ is only in the repository")
def test_a_studio_that_is_too_slow_fails(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "--users", "1", "--seconds", "6"]
    command += ["--model", str(tiny_model(tmp_path / "tiny.onnx")), "--page-limit", "0.0001"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "too slow: p95 of page with all its parts is" in done.stdout
