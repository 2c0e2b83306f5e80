"""The manifest as a table that any program reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from photochrom.archive.manifest import Manifest
from photochrom.atomic import write_atomically

COLUMNS: Final = (
    *("key", "kind", "size", "sha256", "state", "result", "result_size", "result_sha256", "model"),
    *("finished_at", "worker", "seconds", "attempts", "error", "notes", "width", "height", "tone"),
    *("confidence", "cast_ab", "damage", "decision"),
)


def write_rows(path: Path, manifests: Sequence[Manifest]) -> None:
    """Write a CSV file with a row for each input, by their keys. Raises OutputError."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for manifest in manifests:
        writer.writerows([row[column] for column in COLUMNS] for row in manifest.rows())
    write_atomically(path, text.getvalue().encode("utf-8", "surrogateescape"), overwrite=True)
