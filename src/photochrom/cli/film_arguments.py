"""Arguments about films: times, hints, key frames, and what becomes what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from photochrom.cli.options import color
from photochrom.video.io.codecs import CONTAINERS
from photochrom.video.options import FilmHint, KeyFrame

_NUMBER = r"(\d+(?:\.\d*)?)"
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)")
_HINT = re.compile(rf"([\d:.]+),{_NUMBER},{_NUMBER},([^,]+)")


def seconds(text: str) -> float:
    """``75.5``, ``1:15.5`` or ``0:01:15.5`` as seconds. Raises click.BadParameter."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is no time; write seconds, or H:MM:SS.")
    hours, minutes, rest = match.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + float(rest)


def parse_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """An option's time in seconds."""
    return None if value is None else seconds(value)


def parse_hints(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> tuple[FilmHint, ...]:
    """``TIME,X,Y,COLOR`` as hints."""
    hints = []
    for value in values:
        match = _HINT.fullmatch(value.replace(" ", ""))
        if match is None:
            raise click.BadParameter(f"{value!r} is not TIME,X,Y,COLOR.")
        time, x, y, name = match.groups()
        hints.append(FilmHint(seconds(time), float(x), float(y), color(name)))
    return tuple(hints)


def parse_keyframes(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> tuple[KeyFrame, ...]:
    """``TIME=PICTURE`` as key frames."""
    frames = []
    for value in values:
        time, equals, picture = value.partition("=")
        if not equals or not picture:
            raise click.BadParameter(f"{value!r} is not TIME=PICTURE.")
        frames.append(KeyFrame(seconds(time), Path(picture)))
    return tuple(frames)


def plan_targets(films: Sequence[Path], out: Path | None, mark: str) -> list[tuple[Path, Path]]:
    """What becomes what: films and their outputs. Raises click.UsageError."""
    into_folder = out is not None and (out.is_dir() or out.suffix.lower() not in CONTAINERS)
    if out is not None and not into_folder:
        if len(films) > 1:
            raise click.UsageError(f"{out} is one film, but {len(films)} are given; name a folder.")
        return [(films[0], out)]
    if out is not None and not out.is_dir():
        raise click.UsageError(
            f"{out} is neither a folder nor a film ({', '.join(CONTAINERS)}). Make it first, or "
            "name a film."
        )
    targets: dict[Path, Path] = {}
    for source in films:
        suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
        target = (out or source.parent) / f"{source.stem}.{mark}{suffix}"
        if target in targets:
            raise click.UsageError(f"{targets[target]} and {source} would both become {target}.")
        targets[target] = source
    return [(source, target) for target, source in targets.items()]
