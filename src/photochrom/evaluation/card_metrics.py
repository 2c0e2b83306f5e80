"""The figures of an evaluation, for a model's card."""

from __future__ import annotations

import json
from pathlib import Path

from photochrom.errors import InputError
from photochrom.evaluation.report import GREY, TRUE


def read_card_metrics(path: Path) -> dict[str, float]:
    """What ``photochrom evaluate --json`` measured of its one model: metric to value.

    Metrics that were not measured are left out. Raises InputError where the file is not such a
    JSON, or holds several models (or none, without truth).
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for row in content.get("rows", []) if row["method"] not in (GREY, TRUE)]
        values = [row["values"] for row in rows]
        figures = [{key: v["value"] for key, v in of_row.items() if v} for of_row in values]
    except OSError as error:
        raise InputError(f"cannot read the figures in {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not what `photochrom evaluate --json` writes") from error
    if len(figures) != 1:
        raise InputError(
            f"{path} holds figures of {len(figures)} models; a card needs those of one; run "
            "photochrom evaluate with that --model alone"
        )
    return figures[0]
