"""Some of a set's pictures, by what a table says of them: landscapes alone, or one licence."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from photochrom.errors import InputError
from photochrom.evaluation.dataset import DecodedPictures, PictureSet

NAME = "name"
"""The column of a table with the pictures' names."""

_SHOWN_VALUES = 8


def select_pictures(
    pictures: PictureSet, table: Path, conditions: Sequence[str]
) -> DecodedPictures:
    """The pictures of which a table says what is asked for.

    table: CSV in UTF-8 with a header; its column ``name`` has the pictures' names, with the folder
    inside the set or without. conditions: COLUMN=VALUE each, where * in VALUE stands for anything;
    those of one column are alternatives, those of different columns hold together.

    Raises InputError for a table that cannot be used, a condition that names no column of it, and
    where no picture of the set is left.
    """
    columns, rows = _read_table(table)
    wanted = _by_column(conditions, columns, table)
    chosen = {
        row[NAME]
        for row in rows
        if all(
            any(fnmatchcase(row[column] or "", value) for value in values)
            for column, values in wanted.items()
        )
    }
    names = [n for n in pictures.names if n in chosen or PurePosixPath(n).name in chosen]
    if not names:
        known = "; ".join(f"{column}: {_values(rows, column)}" for column in wanted)
        raise InputError(
            f"no picture of {pictures.path} is {' and '.join(conditions)} in {table}; there are "
            f"{known}"
        )
    return DecodedPictures(pictures.path, names, pictures.read)


def _read_table(table: Path) -> tuple[Sequence[str], list[dict[str, str | None]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the table {table}: {error}") from error
    columns = reader.fieldnames or ()
    if NAME not in columns:
        raise InputError(
            f"the table {table} has the columns {', '.join(columns) or 'of nothing'}; one of them "
            f"must be {NAME!r}"
        )
    return columns, rows


def _by_column(
    conditions: Iterable[str], columns: Sequence[str], table: Path
) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals or column not in columns:
            raise InputError(
                f"{condition!r} names no column of {table}; write COLUMN=VALUE, with one of "
                f"{', '.join(columns)}"
            )
        wanted.setdefault(column, []).append(value)
    return wanted


def _values(rows: Iterable[dict[str, str | None]], column: str) -> str:
    """The values of a column, some of them."""
    values = sorted({row[column] or "" for row in rows})
    dots = ", …" if len(values) > _SHOWN_VALUES else ""
    return ", ".join(values[:_SHOWN_VALUES]) + dots
