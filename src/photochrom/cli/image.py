"""``photochrom image``: colour photographs."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import click

from photochrom.batch import DEFAULT_JOBS, BatchOptions, Job, Outcome, color_files, plan
from photochrom.cli import FAILED, OK
from photochrom.cli.options import (
    FiniteRange,
    color,
    device_option,
    model_option,
    size_option,
    vividness_option,
)
from photochrom.cli.progress import Reporter
from photochrom.errors import InputError
from photochrom.pipeline import Hint
from photochrom.variants import VARIANTS

_DEFAULT = BatchOptions()
_NUMBER = r"(\d+(?:\.\d*)?)"
_HINT = re.compile(rf"{_NUMBER},{_NUMBER},([^,]+)(?:,{_NUMBER})?")
_MEGA = 1_000_000


def _hints(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> tuple[Hint, ...]:
    """``X,Y,COLOR[,RADIUS]`` as hints."""
    hints = []
    for value in values:
        match = _HINT.fullmatch(value.replace(" ", ""))
        if match is None:
            raise click.BadParameter(f"{value!r} is not X,Y,COLOR or X,Y,COLOR,RADIUS.")
        x, y, name, radius = match.groups()
        hints.append(Hint(float(x), float(y), color(name), float(radius or 0.0)))
    return tuple(hints)


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the results, or the file for a single one. Without it, they go beside the "
    "photographs as NAME.color.EXT.",
)
@model_option
@size_option
@vividness_option
@click.option(
    "--hint",
    "hints",
    multiple=True,
    callback=_hints,
    metavar="X,Y,COLOR[,RADIUS]",
    help="Say the colour of a place (px from the upper left): #RRGGBB or a CSS name. For one "
    "photograph; repeatable.",
)
@click.option(
    "--variants",
    is_flag=True,
    help="Write several plausible versions: as the model has it; NAME.color.detailed.EXT, seen in "
    "more detail; NAME.color.warm.EXT and NAME.color.cool.EXT, warmer and cooler where the model "
    "is least sure.",
)
@device_option
@click.option("--recursive", "-r", is_flag=True, help="Look into subfolders, too.")
@click.option("--overwrite", is_flag=True, help="Colour again what is finished already.")
@click.option("--force", is_flag=True, help="Colour also photographs that are in colour already.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    default=DEFAULT_JOBS,
    show_default=True,
    help="Photographs in flight at the same time. More need more memory.",
)
@click.option(
    "--max-megapixels",
    type=FiniteRange(min=0.0, min_open=True),
    default=_DEFAULT.max_pixels / _MEGA,
    show_default=True,
    help="Refuse larger photographs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per result.")
def image(
    paths: tuple[Path, ...],
    out: Path | None,
    model: str,
    size: int | str,
    vividness: float,
    hints: tuple[Hint, ...],
    variants: bool,
    device: str,
    recursive: bool,
    overwrite: bool,
    force: bool,
    jobs: int,
    max_megapixels: float,
    as_json: bool,
) -> int:
    """Colour photographs: files or whole folders.

    What is finished is skipped, so the same call goes on after a break. A photograph that fails
    does not stop the others; the exit code is then 1.
    """
    try:
        chosen = VARIANTS if variants else VARIANTS[:1]
        planned = plan(paths, out, recursive=recursive, variants=chosen)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    if hints and len({job.source for job in planned}) > 1:
        raise click.UsageError("--hint speaks of places in one photograph; give only one.")
    options = BatchOptions(
        model=model,
        device=device,
        size="auto" if isinstance(size, str) else size,
        vividness=vividness,
        hints=hints,
        overwrite=overwrite,
        force=force,
        max_pixels=round(max_megapixels * _MEGA),
    )
    return _color(planned, options, jobs, as_json=as_json)


def _color(planned: Sequence[Job], options: BatchOptions, jobs: int, *, as_json: bool) -> int:
    """Do it, and tell about it: people on stderr, programs on stdout."""
    with Reporter(len(planned)) as reporter:
        for outcome in color_files(planned, options, in_flight=jobs):
            reporter.report(outcome)
            if as_json:
                click.echo(json.dumps(_record(outcome)))
    return FAILED if reporter.counts["failed"] else OK


def _record(outcome: Outcome) -> dict[str, object]:
    """An outcome for programs."""
    height, width = outcome.size or (None, None)
    return {
        "input": str(outcome.job.source),
        "output": str(outcome.job.target) if outcome.status in ("coloured", "finished") else None,
        "status": outcome.status,
        "variant": outcome.job.variant.name,
        "message": outcome.message,
        "notes": outcome.notes,
        "width": width,
        "height": height,
        "model": outcome.model or None,
        "device": outcome.device or None,
        "seconds": round(outcome.seconds, 3),
    }
