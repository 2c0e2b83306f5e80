"""What a person decides of an archive's results, and how it flows back into the next run.

The gallery (`photochrom.archive.gallery`) hands out a JSON file: a list with a ``key`` and a
``decision`` for each input, and ``hints`` where colours are said. Their places are shares of the
picture's width and height, so that they hold for its thumbnail and for the original.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from photochrom.archive.manifest import Manifest
from photochrom.archive.provenance import sidecar_key
from photochrom.archive.stores import Store
from photochrom.errors import InputError
from photochrom.hints import Hint, parse_color
from photochrom.imageio import Picture

Decision: TypeAlias = Literal["approve", "reject", "hint", "color"]
"""The result is good; there shall be none; colour again with hints; colour although it has colours.
"""
DECISIONS: Final[tuple[Decision, ...]] = get_args(Decision)
_KEYS = {"key", "decision", "hints"}


def parse_hints(text: str, picture: Picture) -> tuple[Hint, ...]:
    """Hints of a picture, from their JSON. Raises InputError."""
    height, width = picture.pixels.shape[:2]
    return tuple(
        Hint(
            min(width - 1.0, hint["x"] * width),
            min(height - 1.0, hint["y"] * height),
            hint["color"],
            hint.get("radius", 0.0) * min(height, width),
        )
        for hint in _checked_hints(json.loads(text), "the manifest")
    )


def read_decisions(path: Path) -> list[dict[str, Any]]:
    """What a file of the gallery says. Raises InputError for a file that is none, and what is wrong
    in it.
    """
    try:
        rows = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}") from error
    if not isinstance(rows, list):
        raise InputError(f"{path} holds no list of decisions; save it from the gallery")
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("key"), str):
            raise InputError(f"{path} has an entry without a key: {row!r}")
        if unknown := set(row) - _KEYS:
            raise InputError(
                f"{path}: {row['key']} has the unknown {', '.join(sorted(unknown))}; known are "
                f"{', '.join(sorted(_KEYS))}"
            )
        if row.get("decision") not in DECISIONS:
            raise InputError(
                f"{path}: the decision on {row['key']} is {row.get('decision')!r}; choose of "
                f"{', '.join(DECISIONS)}"
            )
        if row["decision"] == "hint":
            _checked_hints(row.get("hints"), str(path))
    return rows


def _checked_hints(hints: Any, name: str) -> list[dict[str, Any]]:
    """The hints of one picture. Raises InputError."""
    if not isinstance(hints, list) or not hints:
        raise InputError(f"{name} has a decision `hint` without hints; say at least one colour")
    for hint in hints:
        fits = isinstance(hint, dict) and all(
            isinstance(hint.get(axis), (int, float)) and 0 <= hint[axis] <= 1 for axis in ("x", "y")
        )
        if not fits:
            raise InputError(
                f"{name} has the hint {hint!r}; x and y are shares of the picture, from 0 to 1"
            )
        parse_color(hint.get("color", ""))
    return hints


def apply_decisions(manifest: Manifest, target: Store, path: Path) -> Counter[str]:
    """Take up a file of decisions: rejected results are removed at once, what is to be coloured
    again waits for the next run. Returns how many of which, "unknown" for inputs that there are
    not.

    Raises InputError for a file that is none, before anything is taken up; OutputError.
    """
    counts: Counter[str] = Counter()
    for row in read_decisions(path):
        hints = json.dumps(row["hints"]) if row["decision"] == "hint" else None
        if not manifest.decide(row["key"], row["decision"], hints):
            counts["unknown"] += 1
            continue
        counts[row["decision"]] += 1
    remove_rejected(manifest, target)
    return counts


def remove_rejected(manifest: Manifest, target: Store) -> None:
    """Remove the results of inputs of which a person wants none. Raises OutputError."""
    for row in manifest.rows("state = 'rejected' AND result IS NOT NULL"):
        remove_result(target, row["result"])
        manifest.drop_result(row["key"])


def remove_result(target: Store, result: str) -> None:
    """Remove a result with its sidecar. Raises OutputError."""
    target.remove(result)
    target.remove(sidecar_key(result))
