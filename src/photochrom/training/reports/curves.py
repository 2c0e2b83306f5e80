"""The CSV files of a run as columns of numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Curves:
    """One CSV file. stages: (R,) names. columns: (R,) float64 each, NaN where a row has none."""

    stages: Sequence[str] = ()
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def pairs(self, x: str, y: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two columns where both have a value; empty ones where a column is missing."""
        if x not in self.columns or y not in self.columns:
            return np.empty(0), np.empty(0)
        in_both = np.isfinite(self.columns[x]) & np.isfinite(self.columns[y])
        return self.columns[x][in_both], self.columns[y][in_both]

    def stage_starts(self) -> list[tuple[int, str]]:
        """Row and name of each stage's beginning."""
        return [
            (row, name)
            for row, name in enumerate(self.stages)
            if row == 0 or name != self.stages[row - 1]
        ]


def read_curves(path: Path) -> Curves:
    """Read a CSV of a run; no rows where the file is missing. A line cut short is left out."""
    if not path.is_file():
        return Curves()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = list(csv.DictReader(line for line in lines if line.endswith("\n")))
    keys = [key for key in (rows[0] if rows else {}) if key != "stage"]
    columns = {key: np.array([_number(row.get(key)) for row in rows]) for key in keys}
    return Curves([row.get("stage") or "" for row in rows], columns)


def _number(text: str | None) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        return float("nan")
