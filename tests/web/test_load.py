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
    command = [sys.executable, str(PROGRAM), "--users", "10", "--seconds", "5", "--side", "256"]
    command += ["--model", str(tiny_model(tmp_path / "tiny.onnx"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5xx: 0 " in done.stdout
