"""A run on one page: an HTML file with plots, tables and pictures inside, that needs no network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from PIL import Image

from photochrom.atomic import write_atomically
from photochrom.training.reports.curves import Curves
from photochrom.training.reports.plots import FOLDER, PLOTS, read_run

NAME = "report.html"
"""The page's name in the run's folder."""

_HEADINGS = {
    "losses": "Losses",
    "critic": "The critic",
    "learning-rate": "Learning rate",
    "validation": "Held-out photos",
    "colourfulness": "Colourfulness",
    "colours": "Colours: true against predicted",
}
_GRID_PX = 2304
_GRID_QUALITY = 85


def write_report(run: Path, out: Path, recipe: Mapping[str, Any]) -> Path:
    """Write ``out/report.html`` from the run's tables and last picture grid, and ``out/plots``.

    recipe: as `recipe.toml.to_table` gives it. Raises OutputError where it cannot be written.
    """
    curves = read_run(run)
    template = files("photochrom.training.reports").joinpath("run_report.html")
    page = template.read_text(encoding="utf-8")
    _, images = curves.losses.pairs("step", "images")
    views_text = f"{images[-1]:,.0f} image views" if len(images) else "nothing logged yet"
    network = recipe["net"]["name"]
    facts = [
        recipe.get("summary", ""),
        f"Network {network}, seed {recipe.get('seed')}, {views_text}.",
    ]
    text = Template(page).substitute(
        title=escape(f"Run {run.resolve().name}: {recipe['name']}"),
        facts="\n".join(f"<p>{escape(fact)}</p>" for fact in facts if fact),
        sections="\n".join(_sections(run, out, curves.epochs, curves.validation)),
        recipe=escape(json.dumps(recipe, indent=1, ensure_ascii=False)),
    )
    path = out / NAME
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode("utf-8", "backslashreplace"), overwrite=True)
    return path


def _sections(run: Path, out: Path, epochs: Curves, validation: Curves) -> Iterator[str]:
    grids = sorted(run.glob("grid-*.png"))
    if grids:
        alt = "held-out photos: grey, coloured, true"
        yield f"<h2>Grey, coloured, true ({escape(grids[-1].stem)})</h2>"
        yield _image(_thumbnail_jpeg(grids[-1]), "image/jpeg", alt)
    for name in PLOTS:
        path = out / FOLDER / f"{name}.png"
        if path.is_file():
            yield f"<h2>{_HEADINGS[name]}</h2>"
            yield _image(path.read_bytes(), "image/png", _HEADINGS[name])
    for heading, table in (("Losses by epoch", epochs), ("Validation", validation)):
        if table.stages:
            yield f'<h2>{heading}</h2>\n<div class="table">{_table(table)}</div>'


def _image(data: bytes, kind: str, alt: str) -> str:
    base64_text = base64.b64encode(data).decode()
    return f'<img src="data:{kind};base64,{base64_text}" alt="{escape(alt)}" loading="lazy">'


def _thumbnail_jpeg(grid: Path) -> bytes:
    with Image.open(grid) as file_picture:
        picture = file_picture.convert("RGB")
    picture.thumbnail((_GRID_PX, 10 * _GRID_PX), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_GRID_QUALITY)
    return file.getvalue()


def _table(table: Curves) -> str:
    keys = list(table.columns)
    head = "".join(f"<th>{escape(key)}</th>" for key in ("stage", *keys))
    rows = []
    for row, stage in enumerate(table.stages):
        cells: Sequence[str] = [_number_text(table.columns[key][row]) for key in keys]
        rows.append("".join(f"<td>{escape(cell)}</td>" for cell in (stage, *cells)))
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _number_text(value: float) -> str:
    if value != value:  # not a number: the stage has no such loss
        return ""
    return f"{value:.0f}" if value == int(value) and abs(value) >= 1 else f"{value:.4g}"
