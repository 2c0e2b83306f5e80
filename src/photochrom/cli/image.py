"""``photochrom image``: colour photographs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Literal

import click

from photochrom.atomic import check_target
from photochrom.batch import (
    PIPE,
    SMOOTHINGS,
    BatchOptions,
    Job,
    Outcome,
    Smoothing,
    Status,
    check_smoothing,
    color_files,
    color_stream,
    plan,
)
from photochrom.cli import FAILED, OK
from photochrom.cli.messages import note
from photochrom.cli.options import (
    FiniteRange,
    blend_option,
    color_file_option,
    damaged_option,
    device_option,
    faces_option,
    keep_time_option,
    max_pixels_option,
    model_option,
    parse_kinds_option,
    parse_place,
    photo_jobs_option,
    reference_options,
    refuse_given,
    size_option,
    standard_bytes,
    vividness_option,
    white_balance_options,
)
from photochrom.cli.progress import Reporter, outcome_record
from photochrom.damage import DamagePolicy
from photochrom.errors import InputError
from photochrom.guided.areas import DEFAULT_TOLERANCE, Area
from photochrom.hints import ColorHint, Hint
from photochrom.imageio import FORMATS
from photochrom.pipeline import SPREADS, Spread, WhiteBalance
from photochrom.restoration import KINDS, Kind
from photochrom.variants import ALTERNATIVES, CONFIDENCE, MOST_ALTERNATIVES, VARIANTS, Variant

_DEFAULT = BatchOptions()
_FORMAT_OF_FILES = "--format is of standard output; a file has the format of its name."
_WRITABLE = [name.lower() for name, row in FORMATS.items() if row.encode is not None]


def _parse_hints(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> tuple[Hint, ...]:
    """``X,Y,COLOR[,RADIUS]`` as hints."""
    places = [parse_place(value, "RADIUS") for value in values]
    return tuple(Hint(x, y, rgb, radius or 0.0) for x, y, rgb, radius in places)


def _parse_areas(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> tuple[Area, ...]:
    """``X,Y,COLOR[,TOLERANCE]`` as areas."""
    areas = []
    for value in values:
        x, y, rgb, tolerance = parse_place(value, "TOLERANCE")
        try:
            areas.append(Area(x, y, rgb, DEFAULT_TOLERANCE if tolerance is None else tolerance))
        except InputError as error:
            raise click.BadParameter(str(error)) from None
    return tuple(areas)


def _parse_strokes(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[ColorHint, ...]:
    """The strokes of a file as hints."""
    if value is None:
        return ()
    from photochrom.guided.strokes import read_strokes

    try:
        return read_strokes(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from None


def _check_smoothing(_ctx: click.Context, _param: click.Parameter, value: Smoothing) -> Smoothing:
    """The method; its package is missed before the first photograph, not at each."""
    check_smoothing(value)
    return value


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="PATH...")
@click.option(
    "-o",
    "--out",
    type=click.Path(),
    help="Folder for the results, or the file for a single one, or - for standard output. Without "
    "it, they go beside the photographs as NAME.color.EXT.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(_WRITABLE, case_sensitive=False),
    help="Format of what goes to standard output.  [default: that of the photograph, or the "
    "nearest that can be written]",
)
@model_option
@size_option
@vividness_option
@white_balance_options
@click.option(
    "--hint",
    "hints",
    multiple=True,
    callback=_parse_hints,
    metavar="X,Y,COLOR[,RADIUS]",
    help="Say the colour of a place (px from the upper left): #RRGGBB or a CSS name. For one "
    "photograph; repeatable.",
)
@click.option(
    "--strokes",
    callback=_parse_strokes,
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Say colours by painting: a PNG of the photograph's proportions, transparent but for "
    "what is painted, or a JSON file of lines (docs/guided.md). For one photograph; hints count "
    "more.",
)
@click.option(
    "--area",
    "areas",
    multiple=True,
    callback=_parse_areas,
    metavar="X,Y,COLOR[,TOLERANCE]",
    help="Say the colour of what a place is part of, as far as its edges; TOLERANCE is how much "
    f"its lightness may differ (L*, {DEFAULT_TOLERANCE:g} unless given). For one photograph; "
    "repeatable; strokes and hints count more.",
)
@reference_options(
    "what it shows gets",
    "Find the reference of each photograph in a folder, and tell how much of it each of the "
    "best shows (--json has all of them).",
)
@color_file_option("each photograph that shows them")
@click.option(
    "--spread",
    type=click.Choice(SPREADS),
    default=_DEFAULT.spread,
    show_default=True,
    help="How the colours of hints, strokes and areas spread: as the network sees things; exactly, "
    "by lightness alone and without the network; auto: exactly on drawings and maps.",
)
@click.option(
    "--smooth",
    type=click.Choice(SMOOTHINGS),
    callback=_check_smoothing,
    default=_DEFAULT.smooth,
    show_default=True,
    help="Calmer colours where the lightness is: one for each superpixel (slic) or segment "
    "(felzenszwalb), less total variation (tv), a dense random field (crf). What each does to a "
    "picture's figures is in docs/guided.md.",
)
@click.option(
    "--match",
    "album",
    multiple=True,
    metavar="FOLDER|FILE|series",
    help="One look over all photographs: their cast and vividness are brought nearer to those of "
    "colour pictures, a folder of them or some files (repeatable); or, with series, to the median "
    "of the photographs themselves, each of which is then read twice.",
)
@click.option(
    "--match-strength",
    type=FiniteRange(min=0.0, max=1.0),
    default=_DEFAULT.match_strength,
    show_default=True,
    help="Which share of the way to that look.",
)
@click.option(
    "--variants",
    is_flag=True,
    help="Write several plausible versions: as the model has it; NAME.color.detailed.EXT, seen in "
    "more detail; NAME.color.warm.EXT and NAME.color.cool.EXT, warmer and cooler where the model "
    "is least sure.",
)
@click.option(
    "--alternatives",
    type=click.IntRange(min=2, max=MOST_ALTERNATIVES),
    help="Write so many clearly different versions, the likeliest first: as the model has it, then "
    "NAME.color.alternative2.EXT and so on, which are what else the model holds possible.",
)
@click.option(
    "--confidence",
    is_flag=True,
    help="Write beside each result a grey picture of how sure the model is, "
    "NAME.color.confidence.EXT: white where it is, dark where a hint helps most.",
)
@click.option(
    "--restore",
    is_flag=True,
    help="Mend damage before colouring, as photochrom restore does; what has none stays as it is.",
)
@click.option(
    "--restore-only",
    callback=parse_kinds_option,
    metavar="KIND,...",
    help=f"Mend damage of these kinds alone: {', '.join(KINDS)}. Of scratches and dust that are "
    "named, even one is mended.",
)
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.png",
    help="With --alternatives or --variants: write all versions on one contact sheet, too, a row "
    "for each photograph.",
)
@device_option
@click.option("--recursive", "-r", is_flag=True, help="Look into subfolders, too.")
@click.option("--overwrite", is_flag=True, help="Colour again what is finished already.")
@click.option(
    "--keep-finished",
    is_flag=True,
    help="Go on also where what is finished was coloured by another model, which is refused "
    "otherwise.",
)
@click.option(
    "--force",
    is_flag=True,
    help="Colour also photographs that are in colour already, and coloured places of grey ones.",
)
@click.option(
    "--keep-colors/--no-keep-colors",
    default=_DEFAULT.keep_colors,
    show_default=True,
    help="In a photograph that is grey but for some places (a stamp, a red coat in snow, tinted "
    "cheeks) these keep their colours.",
)
@photo_jobs_option
@max_pixels_option
@damaged_option(
    "mend: what is broken around the pixels is mended, with a note; a photograph of which a part "
    "is missing fails. refuse: both fail. salvage: what is there is coloured, and a note says how "
    "much is missing."
)
@click.option(
    "--page",
    type=click.IntRange(min=1),
    help="Colour this page of a file with several (TIFF, PDF, MPO, HEIC).  [default: the first]",
)
@click.option(
    "--pages",
    type=click.Choice(["all"]),
    help="Colour every page, as NAME.color.p1.EXT, NAME.color.p2.EXT and so on.",
)
@keep_time_option
@click.option(
    "--fail-on-skipped",
    is_flag=True,
    help="Exit with code 1 also if something has no result without having failed: files of a "
    "folder that are left out, photographs in colour already.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per result.")
@blend_option
@faces_option
def image(
    paths: tuple[str, ...],
    out: str | None,
    format_name: str | None,
    model: str,
    size: int | str,
    vividness: float,
    temperature: float,
    tint: float,
    neutral: float,
    hints: tuple[Hint, ...],
    strokes: tuple[ColorHint, ...],
    areas: tuple[Area, ...],
    spread: Spread,
    smooth: Smoothing,
    references: tuple[Path, ...],
    reference_folder: Path | None,
    color_file: Path | None,
    album: tuple[str, ...],
    match_strength: float,
    variants: bool,
    alternatives: int | None,
    confidence: bool,
    restore: bool,
    restore_only: tuple[Kind, ...],
    sheet: Path | None,
    device: str,
    recursive: bool,
    overwrite: bool,
    keep_finished: bool,
    force: bool,
    keep_colors: bool,
    jobs: int,
    max_pixels: int,
    damage: DamagePolicy,
    page: int | None,
    pages: str | None,
    keep_time: bool,
    fail_on_skipped: bool,
    as_json: bool,
) -> int:
    """Colour photographs: files or whole folders.

    What is finished is skipped, so the same call goes on after a break. A photograph that fails
    does not stop the others; the exit code is then 1. What else is in a folder is left out, and
    told in the summary. A PATH of - is standard input, from which the
    result goes to standard output, or to the file that -o names.
    """
    options = BatchOptions(
        model=model,
        device=device,
        size="auto" if isinstance(size, str) else size,
        vividness=vividness,
        hints=(*areas, *strokes, *hints),
        spread=spread,
        smooth=smooth,
        white_balance=WhiteBalance(temperature, tint, neutral),
        overwrite=overwrite,
        keep_finished=keep_finished,
        force=force,
        keep_colors=keep_colors,
        max_pixels=max_pixels,
        damage=damage,
        page=page,
        keep_time=keep_time,
        references=references,
        reference_folder=reference_folder,
        color_file=color_file,
        match=_album(album),
        match_strength=match_strength,
        alternatives=alternatives or 1,
        restore=restore_only or restore,
    )
    _check_combinations(options, forced=force and keep_colors)
    versions = _versions(variants, alternatives, confidence)
    _check_sheet(sheet, versions, overwrite=overwrite)
    if alternatives is not None and (references or reference_folder is not None):
        raise click.UsageError("--alternatives are the model's own; give no reference beside it.")
    if page is not None and pages is not None:
        raise click.UsageError("--page is one page, --pages are all; give one of the two.")
    if PIPE in paths or out == PIPE:
        if len(versions) > 1:
            raise click.UsageError(
                f"--variants, --alternatives and --confidence are several results, {PIPE} is one."
            )
        if pages is not None:
            raise click.UsageError(f"--pages are several results, {PIPE} is one.")
        if color_file is not None:
            raise click.UsageError(f"--colors knows photographs by their files, {PIPE} is none.")
        if options.match == "series":
            raise click.UsageError(f"--match series is of several photographs, {PIPE} is one.")
        outcome = _color_stream(paths, out, format_name, options, as_json=as_json)
        # Into a pipe, what is in colour already goes as it is.
        skipped = outcome.status == "in colour" and out not in (None, PIPE)
        return FAILED if fail_on_skipped and skipped else OK
    if format_name is not None:
        raise click.UsageError(_FORMAT_OF_FILES)
    try:
        batch_jobs = plan(
            [Path(path) for path in paths],
            None if out is None else Path(out),
            recursive=recursive,
            variants=versions,
            all_pages=pages is not None,
            max_pixels=max_pixels,
        )
    except InputError as error:
        raise click.UsageError(str(error)) from None
    pictures = {(job.source, job.page) for job in batch_jobs if not job.skip_reason}
    if options.hints and len(pictures) > 1:
        name = "--hint speaks" if hints else "--strokes speak" if strokes else "--area speaks"
        raise click.UsageError(f"{name} of places in one photograph; give only one.")
    counts = _color(batch_jobs, options, jobs, sheet, as_json=as_json)
    skipped = bool(counts["left out"] + counts["in colour"])
    return FAILED if counts["failed"] or (fail_on_skipped and skipped) else OK


def _check_combinations(options: BatchOptions, *, forced: bool) -> None:
    """Raise UsageError for options that would do nothing beside, or without, others."""
    if not options.match:
        refuse_given("is of --match; say which look.", "match_strength")
    if forced:
        refuse_given("keeps what --force colours; give one of the two.", "keep_colors")
    if options.overwrite and options.keep_finished:
        raise click.UsageError("--overwrite colours again what --keep-finished keeps; give one.")
    if options.references and options.reference_folder is not None:
        raise click.UsageError("--reference names pictures, --reference-from finds one; give one.")


def _album(names: Sequence[str]) -> tuple[Path, ...] | Literal["series"]:
    """What `BatchOptions` matches."""
    if "series" not in names:
        return tuple(map(Path, names))
    if len(names) > 1:
        raise click.UsageError(
            "--match series is the look of the photographs themselves; give no album beside it."
        )
    return "series"


def _versions(variants: bool, alternatives: int | None, confidence: bool) -> tuple[Variant, ...]:
    """What is written of each photograph."""
    if variants and alternatives is not None:
        raise click.UsageError("--variants and --alternatives are both versions; give one of them.")
    found: tuple[Variant, ...] = VARIANTS if variants else VARIANTS[:1]
    if alternatives is not None:
        found = ALTERNATIVES[:alternatives]
    return (*found, CONFIDENCE) if confidence else found


def _check_sheet(sheet: Path | None, versions: Sequence[Variant], *, overwrite: bool) -> None:
    """Raise UsageError or OutputError where there can be no contact sheet later."""
    if sheet is None:
        return
    if len(set(versions) - {CONFIDENCE}) == 1:
        raise click.UsageError("--sheet shows versions; add --alternatives N or --variants.")
    if sheet.suffix.lower() != ".png":
        raise click.UsageError(f"--sheet writes PNG; call it {sheet.with_suffix('.png')}.")
    check_target(sheet, overwrite=overwrite)


def _color_stream(
    paths: Sequence[str],
    out: str | None,
    format_name: str | None,
    options: BatchOptions,
    *,
    as_json: bool,
) -> Outcome:
    """One photograph from standard input, or to standard output."""
    if len(paths) != 1:
        raise click.UsageError(f"{PIPE} is one photograph; give no other PATH beside it.")
    source: Path | IO[bytes] = (
        standard_bytes(sys.stdin, "input") if paths[0] == PIPE else Path(paths[0])
    )
    target: Path | IO[bytes]
    if out is None or out == PIPE:
        target = standard_bytes(sys.stdout, "output")
        if as_json:
            raise click.UsageError("--json would be in the midst of the photograph; name a file.")
        if sys.stdout.isatty():
            raise click.UsageError("a terminal shows no photographs; send it into a file.")
    else:
        target = Path(out)
        if format_name is not None:
            raise click.UsageError(_FORMAT_OF_FILES)
    outcome = color_stream(source, target, options, format_name=format_name or "")
    with Reporter(1) as reporter:
        reporter.report(outcome)
    if as_json:
        click.echo(json.dumps(outcome_record(outcome)))
    return outcome


def _color(
    batch_jobs: Sequence[Job],
    options: BatchOptions,
    jobs: int,
    sheet: Path | None,
    *,
    as_json: bool,
) -> Counter[Status]:
    """Colour, and report: to people on stderr, to programs on stdout. Returns how many of which.

    sheet: a contact sheet to write at the end.
    """
    outcomes = []
    with Reporter(sum(not job.skip_reason for job in batch_jobs)) as reporter:
        for outcome in color_files(batch_jobs, options, in_flight=jobs):
            reporter.report(outcome)
            if as_json:
                click.echo(json.dumps(outcome_record(outcome)))
            if sheet is not None:
                outcomes.append(outcome)
    if sheet is not None:
        from photochrom.batch.version_sheet import write_version_sheet  # it draws text

        write_version_sheet(sheet, batch_jobs, outcomes, options, overwrite=options.overwrite)
        note(f"wrote {sheet}")
    return reporter.counts
