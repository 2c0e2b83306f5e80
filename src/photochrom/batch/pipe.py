"""Colouring one picture from a stream or into one: a part of somebody's pipe."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO

from photochrom.atomic import check_target
from photochrom.batch.plan import Job
from photochrom.batch.run import (
    BatchOptions,
    Outcome,
    color_with_tools,
    copy_times,
    judge_tone,
    load_tools,
    read_picture,
)
from photochrom.engine import local_model
from photochrom.errors import OutputError
from photochrom.imageio import (
    Picture,
    read_content,
    write,
    writing_notes,
)
from photochrom.imageio.streams import stream_name, write_all

PIPE = "-"
"""What stands for standard input as a source, and for standard output as a target."""


def color_stream(
    source: Path | IO[bytes],
    target: Path | IO[bytes],
    options: BatchOptions,
    *,
    format_name: str = "",
) -> Outcome:
    """Colour a picture that comes from a stream or goes into one; the other may be a file.

    A picture that is in colour already goes into a stream as it is, and is not written to a file.
    format_name: of the result, as for `photochrom.imageio.write`; empty: what the target's name
        says, else the picture's own. options.overwrite: of a target that is a file.
    Raises InputError, OutputError and ModelError; nothing has gone into the stream then.
    """
    start = time.perf_counter()
    job = Job(stream_path(source), stream_path(target))
    if isinstance(target, Path):
        check_target(target, overwrite=options.overwrite)
    content = read_content(source, max_pixels=options.max_pixels)
    picture = read_picture(content.data, options, name=content.name)
    judgement = judge_tone(picture, options)
    if judgement is not None and judgement.tone == "colour":
        if not isinstance(target, Path):
            write_unchanged(picture, content.data, target, format_name)
        return Outcome(job, "in colour", f"{content.name} is in colour already; --force colours it")
    tools = load_tools(local_model(options.model), options)
    done = color_with_tools(picture, judgement, options, tools, source=Path(content.name))
    write(target, done.picture, format_name=format_name, overwrite=options.overwrite)
    notes = done.notes + writing_notes(target, picture, format_name=format_name)
    if options.keep_time and isinstance(source, Path) and isinstance(target, Path):
        notes += copy_times(source, target)
    height, width = picture.pixels.shape[:2]
    return Outcome(
        job,
        "coloured",
        notes=notes,
        size=(height, width),
        model=tools.network.card.title,
        device=tools.network.device,
        seconds=time.perf_counter() - start,
        references=done.references,
        findings=done.findings,
    )


def stream_path(place: Path | IO[bytes]) -> Path:
    """What outcomes call a place."""
    return place if isinstance(place, Path) else Path(PIPE)


def write_unchanged(picture: Picture, data: bytes, target: IO[bytes], format_name: str) -> None:
    """A picture that is left alone: its own bytes, unless another format is asked for."""
    if format_name:
        write(target, picture, format_name=format_name)
        return
    try:
        write_all(target, data)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {stream_name(target)}: {error}") from error
