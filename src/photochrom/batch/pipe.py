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
    Content,
    Picture,
    page_count,
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
    picture = read_picture(content, options)
    judgement = judge_tone(picture, options)
    if judgement is not None and judgement.tone == "colour":
        notes: tuple[str, ...] = ()
        if not isinstance(target, Path):
            notes = write_unchanged(picture, content, target, format_name, options.page)
        message = f"{content.name} is in colour already; --force colours it"
        return Outcome(job, "in colour", message, notes)
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


def write_unchanged(
    picture: Picture, content: Content, target: IO[bytes], format_name: str, page: int | None
) -> tuple[str, ...]:
    """A picture that is left alone: its file's own bytes, unless another format is asked for, or
    one page of several. Returns the notes on what the picture has and the result has not.
    """
    if format_name or (page is not None and page_count(content) > 1):
        write(target, picture, format_name=format_name)
        return writing_notes(target, picture, format_name=format_name)
    try:
        write_all(target, content.data)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {stream_name(target)}: {error}") from error
    return ()
