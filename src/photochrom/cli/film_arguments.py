"""Arguments about films: times, hints, key frames, shots, and what becomes what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from photochrom.batch.places import place_keys
from photochrom.cli.options import parse_place
from photochrom.errors import InputError
from photochrom.hints import Hint
from photochrom.video.io.codecs import CONTAINERS
from photochrom.video.io.passthrough import holds_codec
from photochrom.video.options import FilmHint, KeyFrame, Shot
from photochrom.video.shots_file import parse_time, read_shots


def seconds(text: str) -> float:
    """``75.5``, ``1:15.5`` or ``0:01:15.5`` as seconds. Raises click.BadParameter."""
    try:
        return parse_time(text)
    except InputError as error:
        raise click.BadParameter(f"{error}.") from None


def parse_seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """An option's time in seconds."""
    return None if value is None else seconds(value)


def parse_hints(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> tuple[FilmHint, ...]:
    """``TIME,X,Y,COLOR[,RADIUS]`` as hints."""
    hints = []
    for value in values:
        time, _, place = value.partition(",")
        time_s = seconds(time)
        x, y, rgb, radius = parse_place(place, "RADIUS", before="TIME,")
        hints.append(FilmHint(time_s, Hint(x, y, rgb, radius or 0.0)))
    return tuple(hints)


def parse_shots(
    _ctx: click.Context, _param: click.Parameter, value: Path | None
) -> tuple[Shot, ...]:
    """A film's file as what it says of its shots."""
    if value is None:
        return ()
    try:
        return read_shots(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from None


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


def plan_targets(
    films: Sequence[Path], out: Path | None, mark: str, codec: str
) -> list[tuple[Path, Path]]:
    """What becomes what: films and their outputs, of their own kind where that is written and holds
    the codec. Raises click.UsageError.
    """
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
    targets = [(source, _target(source, out, mark, codec)) for source in films]
    keys = place_keys(target for _, target in targets)
    taken: dict[str, Path] = {}
    for source, target in targets:
        other = taken.setdefault(keys[target], source)
        if other is not source:
            raise click.UsageError(f"{other} and {source} would both become {target}.")
    return targets


def _target(source: Path, out: Path | None, mark: str, codec: str) -> Path:
    suffix = source.suffix if holds_codec(source.suffix, codec) else ".mkv"
    return (out or source.parent) / f"{source.stem}.{mark}{suffix}"
