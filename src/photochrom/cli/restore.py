"""``photochrom restore``: mend photographs and films without colouring them."""

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
    codec_options,
    damaged_option,
    keep_time_option,
    max_pixels_option,
    parse_names_option,
    photo_jobs_option,
    refuse_given,
    standard_bytes,
)
from photochrom.cli.progress import Reporter, outcome_record
from photochrom.damage import DamagePolicy
from photochrom.errors import InputError, OutputError, requires_extra
from photochrom.restoration import (
    FILM_KINDS,
    KINDS,
    FilmKind,
    Kind,
    parse_film_kinds,
    parse_kinds,
)
from photochrom.video.io.codecs import Encoding
from photochrom.video.names import is_film


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
    callback=parse_names_option,
    metavar="KIND,...",
    help="Look for damage of these kinds alone. Of scratches and dust of photographs that are "
    f"named, even one is mended.  [default: {','.join(KINDS)}; of films {','.join(FILM_KINDS)}]",
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
    help="Write what was changed as a picture, white on black, or of a film as a film without loss "
    "(.mkv). For one photograph or film.",
)
@click.option(
    "--changes",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write what was mended in each frame: its light, lines, specks, the share that they "
    "covered, and the strength of blocks and grain. For one film.",
)
@click.option(
    "--shots",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Mend single shots otherwise: a TOML file that names their kinds of damage, as photochrom "
    "film --shots takes it (docs/films.md); what it says of colours counts for nothing. For one "
    "film.",
)
@click.option("--recursive", "-r", is_flag=True, help="Look into subfolders, too.")
@click.option("--overwrite", is_flag=True, help="Mend again what is finished already.")
@click.option("--resume", is_flag=True, help="Go on with films that an interrupted run has begun.")
@codec_options
@click.option("--deinterlace", is_flag=True, help="Make whole frames of an interlaced film.")
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
    only: tuple[str, ...],
    network: Path | None,
    mask: Path | None,
    changes: Path | None,
    shots: Path | None,
    recursive: bool,
    overwrite: bool,
    resume: bool,
    codec: str,
    crf: int | None,
    preset: str | None,
    hardware: str | None,
    deinterlace: bool,
    jobs: int,
    max_pixels: int,
    damage: DamagePolicy,
    page: int | None,
    pages: str | None,
    keep_time: bool,
    as_json: bool,
) -> int:
    """Mend photographs, files or whole folders, and films, each named as a file.

    Blocks of JPEG, halftone dots, scratches, dust, grain, blur and fading are measured, and mended
    as far as they are there. A photograph without any comes out as it was, bit for bit. Nothing is
    coloured; photochrom image --restore does both.

    Of films, the light of frames that flicker is evened out, scratches and what one frame alone has
    are taken from around, and blocks and grain are averaged along the motion; a film without damage
    is copied.

    A PATH of - is standard input, from which the result goes to standard output, or to the file
    that -o names.
    """
    films = [Path(path) for path in paths if path != PIPE and is_film(Path(path))]
    photos = [path for path in paths if path == PIPE or not is_film(Path(path))]
    kinds, film_kinds = _kinds(only, photos=bool(photos), films=bool(films))
    one_film = len(films) == 1 and not photos
    if (changes is not None or shots is not None) and not one_film:
        raise click.UsageError("--changes and --shots are of one film; give only one.")
    if films and mask is not None and not one_film:
        raise click.UsageError("--mask is of one photograph or film; give only one.")
    _check_combinations(with_films=bool(films), with_photos=bool(photos))
    if page is not None and pages is not None:
        raise click.UsageError("--page is one page, --pages are all; give one of the two.")
    if photos and PIPE in (*photos, out) and (len(paths) != 1 or pages is not None):
        raise click.UsageError(f"{PIPE} is one photograph; give no other beside it.")
    film_failed = False
    if films:
        with requires_extra("video", "a film"):
            from photochrom.cli.restore_films import RestoreFilmOptions, restore_films
        film_options = RestoreFilmOptions(
            film_kinds,
            _encoding(codec, crf, preset, hardware),
            damage,
            deinterlace,
            overwrite,
            resume,
            changes,
            mask,
            shots,
            as_json,
        )
        film_failed = not restore_films(films, None if out is None else Path(out), film_options)
    if not photos:
        return FAILED if film_failed else OK
    options = RestoreOptions(
        kinds=kinds,
        network=network,
        mask=mask,
        overwrite=overwrite,
        max_pixels=max_pixels,
        damage=damage,
        page=page,
        keep_time=keep_time,
    )
    if PIPE in (*photos, out):
        return _restore_stream(photos[0], out, options, as_json=as_json)
    try:
        batch_jobs = plan(
            [Path(path) for path in photos],
            None if out is None else Path(out),
            recursive=recursive,
            all_pages=pages is not None,
            max_pixels=max_pixels,
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
    return FAILED if reporter.counts["failed"] or film_failed else OK


def _kinds(
    names: tuple[str, ...], *, photos: bool, films: bool
) -> tuple[tuple[Kind, ...] | None, tuple[FilmKind, ...]]:
    """What is looked for in photographs (None: all), and in films. Raises click.UsageError."""
    try:
        return (
            parse_kinds(names) if names and photos else None,
            parse_film_kinds(names) if names and films else FILM_KINDS,
        )
    except InputError as error:
        raise click.UsageError(f"--only: {error}") from None


def _check_combinations(*, with_films: bool, with_photos: bool) -> None:
    """Raise UsageError for options of films where there is none, or of photographs."""
    if not with_films:
        reason = "is of films, and none is given; leave it out."
        refuse_given(reason, "codec", "crf", "preset", "hardware", "deinterlace")
    if not with_photos:
        reason = "is of photographs, and none is given; leave it out."
        refuse_given(reason, "network", "page", "pages", "keep_time")


def _encoding(codec: str, crf: int | None, preset: str | None, hardware: str | None) -> Encoding:
    """How films are written. Raises click.UsageError."""
    try:
        return Encoding(codec, crf, preset, hardware=hardware)
    except OutputError as error:
        raise click.UsageError(str(error)) from None


def _restore_stream(path: str, out: str | None, options: RestoreOptions, *, as_json: bool) -> int:
    """One photograph from standard input, or to standard output."""
    source: Path | IO[bytes] = standard_bytes(sys.stdin, "input") if path == PIPE else Path(path)
    target: Path | IO[bytes]
    if out is None or out == PIPE:
        target = standard_bytes(sys.stdout, "output")
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
