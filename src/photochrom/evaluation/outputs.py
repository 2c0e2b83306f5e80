"""What an evaluation leaves behind: JSON, gallery, contact sheet; each whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from photochrom import __version__
from photochrom.atomic import write_atomically
from photochrom.evaluation.contact_sheet import contact_sheet, evenly_spaced
from photochrom.evaluation.gallery import gallery_html, leading_row
from photochrom.evaluation.metric_table import METRICS, captions
from photochrom.evaluation.report import picture_values, to_json
from photochrom.evaluation.run import Results
from photochrom.evaluation.skin import skin_json


def write_json(path: Path, results: Results, *, overwrite: bool) -> None:
    """Everything in one JSON file. Raises OutputError where it cannot be written."""
    text = json.dumps(results_json(results), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, _bytes(f"{text}\n"), overwrite=overwrite)


def results_json(results: Results) -> dict[str, object]:
    """Everything as JSON-ready data: versions, settings, methods with their cards, all values."""
    evaluation = results.evaluation
    content: dict[str, object] = {
        "photochrom": __version__,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "settings": dataclasses.asdict(results.settings),
        "data": {
            "path": str(results.pictures.path),
            "measured": len(evaluation.samples),
            "failures": dict(evaluation.failures),
        },
        "methods": [{"name": method.name, **method.facts} for method in results.methods],
        "pictures": [
            {
                "name": sample.name,
                "height": sample.height,
                "width": sample.width,
                "values": {} if results.report is None else picture_values(results.report, index),
            }
            for index, sample in enumerate(evaluation.samples)
        ],
    }
    if results.report is not None:
        content |= to_json(results.report)
    if results.settings.skin:
        content["skin"] = skin_json(results.skin)
    return content


def _bytes(text: str) -> bytes:
    """UTF-8; names of files may hold bytes that are none, which JSON and people read as escapes."""
    return text.encode("utf-8", "backslashreplace")


def write_gallery(path: Path, results: Results, *, overwrite: bool) -> None:
    """The HTML gallery. Raises OutputError where it cannot be written."""
    write_atomically(path, _bytes(gallery_page(results)), overwrite=overwrite)


def gallery_page(results: Results, figures: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The HTML gallery as text. figures: more lines of its table: heading to method to text."""
    settings = results.settings
    names = ", ".join(method.name for method in results.methods)
    facts = [
        f"{len(results.evaluation.samples)} pictures of {results.pictures.path.resolve().name}, "
        f"working size {settings.size}, vividness {settings.vividness:g}, "
        f"photochrom {__version__}"
    ]
    if results.report is not None:
        legend = (
            f"{short}: {METRICS[metric].heading}"
            for metric, short in captions().items()
            if not METRICS[metric].label.startswith(short)
        )
        facts.append(
            "Each value with the interval that holds it in 95 % of bootstrap data sets. "
            f"{'; '.join(legend)}."
        )
    return gallery_html(
        results.evaluation,
        results.report,
        title=f"In colour by {names}",
        facts=facts,
        sort_by=settings.sort_by,
        figures=figures or {},
    )


def write_contact_sheet(path: Path, results: Results, *, overwrite: bool) -> None:
    """The contact sheet, worst first. Raises OutputError where it cannot be written."""
    samples, report = results.evaluation.samples, results.report
    order: Sequence[int] = range(len(samples))
    if report is not None:
        order = report.order(results.settings.sort_by, leading_row(report))
    chosen = [samples[i] for i in evenly_spaced(order, results.settings.sheet_pictures)]
    write_atomically(path, contact_sheet(chosen), overwrite=overwrite)
