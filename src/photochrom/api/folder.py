"""Colouring a folder of pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from photochrom.api.paths import Paths, each_path
from photochrom.api.progress import Progress, progress_reporter
from photochrom.batch import DEFAULT_JOBS, BatchOptions, Outcome, color_files, plan
from photochrom.color.look import DEFAULT_STRENGTH
from photochrom.color.smoothing import Smoothing
from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.engine import DEFAULT_MODEL
from photochrom.errors import InputError
from photochrom.imageio import DEFAULT_MAX_PIXELS
from photochrom.pipeline import DEFAULT_VIVIDNESS, NO_SHIFT, Size, WhiteBalance
from photochrom.restoration import Kind, parse_kinds


def folder(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    recursive: bool = False,
    overwrite: bool = False,
    keep_finished: bool = False,
    force: bool = False,
    keep_colors: bool = True,
    progress: bool | Progress = False,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
    threads: int | None = None,
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    in_flight: int = DEFAULT_JOBS,
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY,
    all_pages: bool = False,
    keep_time: bool = False,
    white_balance: WhiteBalance = NO_SHIFT,
    smooth: Smoothing = "none",
    match: Paths = (),
    match_strength: float = DEFAULT_STRENGTH,
    restore: bool | Sequence[str] = False,
) -> list[Outcome]:
    """Colour the pictures of a folder into another one, as `photochrom image` does.

    A picture that fails does not stop the others. What is finished is left alone, so the same call
    goes on after a break; so are pictures that are in colour already.

    Args:
        source: Folder of pictures.
        target: Folder for the results, made where it is missing; they have the pictures' names.
        recursive: Look into subfolders, too; results have the same places in the target.
        overwrite: Colour again what is finished.
        keep_finished: Go on also where what is finished was coloured by another model.
        force: Colour also what is in colour already, and coloured places of grey pictures.
        keep_colors: Coloured places of otherwise grey pictures keep their colours.
        progress: Called with the numbers of pictures that are done and of all; or True for a bar
            on stderr.
        model: As for `colorize`.
        device: As for `colorize`.
        threads: Of the processor, for the network; None lets the engine choose.
        size: As for `colorize`.
        vividness: As for `colorize`.
        max_pixels: Larger pictures are refused.
        in_flight: Pictures that are worked on at the same time. More need more memory.
        damage: As for `read`.
        all_pages: Colour every page of a TIFF or PDF, every picture of an MPO or HEIC.
        keep_time: Give each result the date and time of its photograph's file.
        white_balance: As for `colorize`.
        restore: Mend damage before colouring, as `photochrom.restore` does; or the kinds of it that
            are mended.
        smooth: As for `colorize`.
        match: A picture in colours, a folder of them, or several of both, whose common cast and
            vividness the results get; or "series" for the median of the pictures themselves.
        match_strength: Which share of the way to that look, from 0 to 1.

    Returns:
        What became of each file: `job.source`, `job.target`, `status` ("coloured", "finished"
        before, "in colour", "left out" as no picture, "failed"), `message` (why it failed or
        was left alone), `notes`, `seconds`.

    Raises:
        InputError: There is no such folder, or no picture in it, or no such kind of damage; what is
            to be matched has no colours.
        ModelError: The model cannot be used.
        OutputError: What is finished was coloured by another model, and there is more to colour.
    """
    place = Path(source)
    if not place.is_dir():
        raise InputError(f"{place} is no folder; to colour a single picture, call colorize")
    jobs = plan(
        [place], Path(target), recursive=recursive, all_pages=all_pages, max_pixels=max_pixels
    )
    for job in jobs:
        if job.source == place and job.problem is not None:
            raise job.problem
    options = BatchOptions(
        model=model if isinstance(model, str) else Path(model),
        device=device,
        threads=threads,
        size=size,
        vividness=vividness,
        overwrite=overwrite,
        keep_finished=keep_finished,
        force=force,
        keep_colors=keep_colors,
        max_pixels=max_pixels,
        damage=damage,
        keep_time=keep_time,
        white_balance=white_balance,
        smooth=smooth,
        match=_match(match),
        match_strength=match_strength,
        restore=_kinds(restore),
    )
    outcomes: list[Outcome] = []
    with progress_reporter(progress, place.name) as report:
        report(0, len(jobs))
        for outcome in color_files(jobs, options, in_flight=in_flight):
            outcomes.append(outcome)
            report(len(outcomes), len(jobs))
    return outcomes


def _kinds(restore: bool | Sequence[str]) -> bool | tuple[Kind, ...]:
    """As `BatchOptions` has it."""
    if isinstance(restore, bool):
        return restore
    return parse_kinds([restore] if isinstance(restore, str) else restore)


def _match(match: Paths) -> tuple[Path, ...] | Literal["series"]:
    """As `BatchOptions` has it."""
    return "series" if match == "series" else tuple(map(Path, each_path(match)))
