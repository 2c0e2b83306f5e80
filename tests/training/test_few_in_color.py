"""benchmarks/few_in_color.py: means over seeds, and the differences of pairs."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.programs import load_program

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "few_in_color.py"

pytestmark = pytest.mark.skipif(
    not PROGRAM.is_file(), reason="benchmarks/ is only in the repository"
)


def test_the_table_has_means_over_seeds_and_differences_of_pairs() -> None:
    program = load_program(PROGRAM)

    def figures(psnr: float) -> dict[str, float]:
        return {**dict.fromkeys(program.COLUMNS, 0.0), "psnr": psnr}

    without, more = [20.0, 22.0, 24.0], [20.1, 22.1, 24.1]
    rows = {
        program.WITHOUT: [figures(value) for value in without],
        program.WITH: [figures(value) for value in more],
    }
    true = {key: float("nan") for key in program.COLUMNS}
    lines = program.table(rows, figures(19.0), true).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.split(" | ")[1] for line in lines[2:]}
    # Student's t of two degrees of freedom: 4.303 * 2 / sqrt(3).
    assert cells["without the grey ones"] == "22.00 ± 4.97"
    assert cells["with them"] == "22.10 ± 4.97"
    # The seeds differ, the pairs all alike.
    assert cells["difference, seed by seed"] == "0.10 ± 0.00"
    assert cells["grey"] == "19.00"
    assert cells["true"] == ""
