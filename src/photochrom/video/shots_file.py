"""A film's file: what is said of its shots, each by the time of one of its frames. TOML."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from photochrom.atomic import write_atomically
from photochrom.errors import InputError
from photochrom.guided.areas import DEFAULT_TOLERANCE, Area
from photochrom.guided.strokes import Stroke, read_strokes, write_strokes
from photochrom.hints import Hint
from photochrom.pipeline import WhiteBalance
from photochrom.restoration.kinds import FilmKind, parse_film_kinds
from photochrom.tables import Source, build, read_toml
from photochrom.video.options import Shot

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)")
_ADVICE = "docs/films.md has an example"


def parse_time(text: str) -> float:
    """``75.5``, ``1:15.5`` or ``0:01:15.5`` as seconds. Raises InputError."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no time; write seconds, or H:MM:SS")
    hours, minutes, rest = match.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + float(rest)


@dataclass(frozen=True)
class _HintTable:
    x: float
    y: float
    color: str
    radius: float = 0.0


@dataclass(frozen=True)
class _AreaTable:
    x: float
    y: float
    color: str
    tolerance: float = DEFAULT_TOLERANCE


@dataclass(frozen=True)
class _ShotTable:
    time: str
    hints: tuple[_HintTable, ...] = ()
    areas: tuple[_AreaTable, ...] = ()
    strokes: Path | None = None
    still: Path | None = None
    references: tuple[Path, ...] = ()
    temperature: float | None = None
    tint: float | None = None
    neutral: float | None = None
    restore: tuple[str, ...] | None = None


@dataclass(frozen=True)
class _ShotsTable:
    shot: tuple[_ShotTable, ...]


def read_shots(path: Path) -> tuple[Shot, ...]:
    """What a file says of a film's shots; paths in it are taken from its folder.

    Raises InputError where it cannot be read or something in it makes no sense.
    """
    source = Source(str(path), InputError, advice=_ADVICE)
    rows = build(_ShotsTable, read_toml(path, "the film's file", InputError), source).shot
    if not rows:
        raise source.refuse(f"there is no [[shot]] in {path}")
    return tuple(_shot(row, path) for row in rows)


def _shot(row: _ShotTable, path: Path) -> Shot:
    try:
        return _checked_shot(row, path.parent)
    except InputError as error:
        raise InputError(f"{path}, shot at {row.time}: {error}") from error


def _checked_shot(row: _ShotTable, folder: Path) -> Shot:
    tones = {name: getattr(row, name) for name in ("temperature", "tint", "neutral")}
    given = {name: value for name, value in tones.items() if value is not None}
    return Shot(
        parse_time(row.time),
        (
            *(Area(area.x, area.y, area.color, area.tolerance) for area in row.areas),
            *(() if row.strokes is None else read_strokes(folder / row.strokes)),
            *(Hint(hint.x, hint.y, hint.color, hint.radius) for hint in row.hints),
        ),
        still=None if row.still is None else folder / row.still,
        references=tuple(folder / reference for reference in row.references),
        white_balance=WhiteBalance(**given) if given else None,
        restore=_kinds(row.restore),
    )


def _kinds(names: tuple[str, ...] | None) -> tuple[FilmKind, ...] | None:
    """Kinds of damage by their names; none are named where nothing is to be mended."""
    return parse_film_kinds(names) if names else None if names is None else ()


def write_shots(path: Path, shots: Sequence[Shot]) -> None:
    """Write a file that `read_shots` reads as these shots. Strokes go into files of their own,
    beside it. Raises OutputError.
    """
    tables = [_shot_table(path, number, shot) for number, shot in enumerate(shots, 1)]
    write_atomically(path, "\n".join(tables).encode(), overwrite=True)


def _shot_table(path: Path, number: int, shot: Shot) -> str:
    """One ``[[shot]]``."""
    lines = ["[[shot]]", f"time = {_text(f'{shot.time_s:.4f}')}"]
    points = [hint for hint in shot.hints if isinstance(hint, Hint)]
    areas = [hint for hint in shot.hints if isinstance(hint, Area)]
    strokes = [hint for hint in shot.hints if isinstance(hint, Stroke)]
    if areas:
        rows = [f"{_place(area)}, tolerance = {area.tolerance:g}}}" for area in areas]
        lines.append(f"areas = [{', '.join(rows)}]")
    if strokes:
        file = path.with_name(f"{path.stem}.{number}.json")
        write_strokes(file, strokes)
        lines.append(f"strokes = {_text(file.name)}")
    if points:
        rows = [f"{_place(point)}, radius = {point.radius:g}}}" for point in points]
        lines.append(f"hints = [{', '.join(rows)}]")
    if shot.still is not None:
        lines.append(f"still = {_text(os.path.relpath(shot.still, path.parent))}")
    if shot.references:
        names = [_text(os.path.relpath(reference, path.parent)) for reference in shot.references]
        lines.append(f"references = [{', '.join(names)}]")
    if shot.white_balance is not None:
        tone = dataclasses.asdict(shot.white_balance)
        lines += [f"{name} = {tone[name]:g}" for name in ("temperature", "tint", "neutral")]
    if shot.restore is not None:
        lines.append(f"restore = [{', '.join(_text(kind) for kind in shot.restore)}]")
    return "\n".join(lines) + "\n"


def _place(hint: Hint | Area) -> str:
    color = "#{:02x}{:02x}{:02x}".format(*hint.rgb)
    return f"{{x = {hint.x:g}, y = {hint.y:g}, color = {_text(color)}"


def _text(value: str) -> str:
    """A string as TOML has it, which is how JSON has it."""
    return json.dumps(value, ensure_ascii=False)
