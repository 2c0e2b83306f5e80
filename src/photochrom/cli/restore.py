"""``photochrom restore``: mend photographs without colouring them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO

import click

from photochrom.batch import (
    PIPE,
    RESTORED_MARK,
    RestoreOptions,
    plan,
    restore_files,
    restore_stream,
)
from photochrom.cli import FAILED, OK
from photochrom.cli.options import (
    damaged_option,
    keep_time_option,
    max_pixels_option,
    parse_kinds_option,
    photo_jobs_option,
)
from photochrom.cli.progress import Reporter, outcome_record
from photochrom.damage import DamagePolicy
from photochrom.errors import InputError
from photochrom.restoration import KINDS, Kind


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="PATH...")
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    help="Folder for the results, or the file for a single one, or - for standard output. Without "
    "it, they go beside the photographs as NAME.restored.EXT.",
)
@click.option(
    "--only",
    callback=parse_kinds_option,
    metavar="KIND,...",
    help="Look for damage of these kinds alone. Of scratches and dust that are named, even one is "
    f"mended.  [default: {','.join(KINDS)}]",
)
@click.option(
    "--network",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="See scratches and dust by a network: an .onnx file that photochrom export has made of a "
    "run of the recipe restoration.",
)
@click.option(
    "--mask",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was changed as a picture, white on black. For one photograph.",
)
@click.option("--recursive", "-r", is_flag=True, help="Look into subfolders, too.")
@click.option("--overwrite", is_flag=True, help="Mend again what is finished already.")
@photo_jobs_option
@max_pixels_option
@damaged_option(
    "Of files, not of what they show. mend: what is broken around the pixels is mended, with a "
    "note; a photograph of which a part is missing fails. refuse: both fail. salvage: what is "
    "there is taken, and a note says how much is missing."
)
@click.option(
    "--page",
    type=click.IntRange(min=1),
    help="Mend this page of a file with several (TIFF, PDF, MPO, HEIC).  [default: the first]",
)
@click.option(
    "--pages",
    type=click.Choice(["all"]),
    help="Mend every page, as NAME.restored.p1.EXT, NAME.restored.p2.EXT and so on.",
)
@keep_time_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per result.")
def restore(
    paths: tuple[str, ...],
    out: str | None,
    only: tuple[Kind, ...],
    network: Path | None,
    mask: Path | None,
    recursive: bool,
    overwrite: bool,
    jobs: int,
    max_pixels: int,
    damage: DamagePolicy,
    page: int | None,
    pages: str | None,
    keep_time: bool,
    as_json: bool,
) -> int:
    """Mend photographs: files or whole folders.

    Blocks of JPEG, halftone dots, scratches, dust, grain, blur and fading are measured, and mended
    as far as they are there. A photograph without any comes out as it was, bit for bit. Nothing is
    coloured; photochrom image --restore does both.

    A PATH of - is standard input, from which the result goes to standard output, or to the file
    that -o names.
    """
    options = RestoreOptions(
        kinds=only or None,
        network=network,
        mask=mask,
        overwrite=overwrite,
        max_pixels=max_pixels,
        damage=damage,
        page=page,
        keep_time=keep_time,
    )
    if page is not None and pages is not None:
        raise click.UsageError("--page is one page, --pages are all; give one of the two.")
    if PIPE in paths or out == PIPE:
        if len(paths) != 1 or pages is not None:
            raise click.UsageError(f"{PIPE} is one photograph; give no other beside it.")
        return _restore_stream(paths[0], out, options, as_json=as_json)
    try:
        batch_jobs = plan(
            [Path(path) for path in paths],
            None if out is None else Path(out),
            recursive=recursive,
            all_pages=pages is not None,
            mark=RESTORED_MARK,
        )
    except InputError as error:
        raise click.UsageError(str(error)) from None
    pictures = [job for job in batch_jobs if not job.skip_reason]
    if mask is not None and len(pictures) > 1:
        raise click.UsageError("--mask is of one photograph; give only one.")
    with Reporter(len(pictures)) as reporter:
        for outcome in restore_files(batch_jobs, options, in_flight=jobs):
            reporter.report(outcome)
            if as_json:
                click.echo(json.dumps(outcome_record(outcome)))
    return FAILED if reporter.counts["failed"] else OK


def _restore_stream(path: str, out: str | None, options: RestoreOptions, *, as_json: bool) -> int:
    """One photograph from standard input, or to standard output."""
    source: Path | IO[bytes] = sys.stdin.buffer if path == PIPE else Path(path)
    target: Path | IO[bytes]
    if out is None or out == PIPE:
        target = sys.stdout.buffer
        if as_json:
            raise click.UsageError("--json would be in the midst of the photograph; name a file.")
        if sys.stdout.isatty():
            raise click.UsageError("a terminal shows no photographs; send it into a file.")
    else:
        target = Path(out)
    outcome = restore_stream(source, target, options)
    with Reporter(1) as reporter:
        reporter.report(outcome)
    if as_json:
        click.echo(json.dumps(outcome_record(outcome)))
    return OK
