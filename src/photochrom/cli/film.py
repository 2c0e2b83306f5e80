"""``photochrom film``: colour films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from photochrom.cli import FAILED, OK
from photochrom.cli.film_arguments import (
    parse_hints,
    parse_keyframes,
    parse_seconds,
    parse_shots,
    plan_targets,
)
from photochrom.cli.film_progress import FilmReporter, closing_bars, note_finished
from photochrom.cli.messages import note
from photochrom.cli.options import (
    FiniteRange,
    blend_option,
    codec_options,
    color_file_option,
    damaged_option,
    device_option,
    every_frame_option,
    film_model_option,
    parse_film_kinds_option,
    reference_options,
    refuse_given,
    size_option,
    vividness_option,
    white_balance_options,
)
from photochrom.damage import DamagePolicy
from photochrom.errors import OutputError, PhotochromError
from photochrom.pipeline import WhiteBalance
from photochrom.restoration import FILM_KINDS, FilmKind
from photochrom.variants import MOST_ALTERNATIVES
from photochrom.video.film import color_film
from photochrom.video.io.codecs import CONTAINERS, Encoding
from photochrom.video.options import FilmHint, FilmOutcome, FilmSettings, KeyFrame, Progress, Shot
from photochrom.video.parallel import Work, color_films
from photochrom.video.preview import PREVIEW_CLIPS, preview_film
from photochrom.video.stills import read_keyframes, write_stills

_DEFAULT = FilmSettings()


@click.command()
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IN...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help=f"The film to write ({', '.join(CONTAINERS)}), or a folder. Without it, beside the film "
    "as NAME.color.EXT, or .mkv where films of that kind are not written or do not hold the codec.",
)
@codec_options
@click.option(
    "--steady",
    type=FiniteRange(min=0.0, max=1.0),
    default=_DEFAULT.steady,
    show_default=True,
    help="How far colours follow the motion; 0 colours every frame by itself.",
)
@every_frame_option
@film_model_option
@size_option
@vividness_option
@white_balance_options
@device_option
@click.option(
    "--from",
    "start_s",
    callback=parse_seconds,
    metavar="TIME",
    help="Begin here (seconds or H:MM:SS).",
)
@click.option("--to", "end_s", callback=parse_seconds, metavar="TIME", help="End here.")
@click.option(
    "--hint",
    "hints",
    multiple=True,
    callback=parse_hints,
    metavar="TIME,X,Y,COLOR[,RADIUS]",
    help="Say the colour of a place (px from the upper left) in the frame at a time: #RRGGBB or a "
    "CSS name. It holds through the shot. For one film; repeatable.",
)
@click.option(
    "--shots",
    callback=parse_shots,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Say of single shots their hints, strokes, areas, stills, references and tone, in a TOML "
    "file (docs/films.md). For one film; --hint and --keyframe count more.",
)
@reference_options(
    "shots that show it get",
    "Find the reference of each shot in a folder of pictures in colours.",
)
@color_file_option("the shots that show them")
@click.option(
    "--stills",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a coloured still of every shot into this folder, for retouching, and no film.",
)
@click.option(
    "--alternatives",
    type=click.IntRange(min=2, max=MOST_ALTERNATIVES),
    help="Write so many clearly different versions of each still, the likeliest first, as "
    "NAME.alternative2.png and so on; name the one to take in the file of --shots.",
)
@click.option(
    "--keyframes",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Give every shot the colours of its still in this folder (from --stills).",
)
@click.option(
    "--keyframe",
    "keyframe",
    multiple=True,
    callback=parse_keyframes,
    metavar="TIME=PICTURE",
    help="Give the shot at a time the colours of this still; repeatable.",
)
@click.option(
    "--restore",
    is_flag=True,
    help="Mend damage to the pictures before colouring, as photochrom restore does: first the film "
    "is looked through. One without any comes out as without this.",
)
@click.option(
    "--restore-only",
    callback=parse_film_kinds_option,
    metavar="KIND,...",
    help=f"Mend damage of these kinds alone: {', '.join(FILM_KINDS)}.",
)
@click.option(
    "--preview",
    type=FiniteRange(min=0.0, min_open=True),
    metavar="SECONDS",
    help=f"Only so many seconds, from {PREVIEW_CLIPS} places, grey and in colour side by side.",
)
@damaged_option(
    "mend: damaged spots do not end a film, but one without its end is refused; salvage: colour "
    "what is there; refuse: refuse both."
)
@click.option("--deinterlace", is_flag=True, help="Make whole frames of an interlaced film.")
@click.option(
    "--threads",
    type=click.IntRange(min=1, max=256),
    help="Of the network and of the encoder, each. Unless given, each takes as many as suit it.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    default=1,
    show_default=True,
    help="Colour so many films at once, each with its own memory; for machines with many "
    "processor cores.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with what an interrupted run has finished; films that are finished are skipped.",
)
@click.option("--overwrite", is_flag=True, help="Replace a film that is there, and begin anew.")
@blend_option
def film(
    films: tuple[Path, ...],
    out: Path | None,
    codec: str,
    crf: int | None,
    preset: str | None,
    hardware: str | None,
    steady: float,
    every_frame: bool,
    model: str,
    size: int | str,
    vividness: float,
    temperature: float,
    tint: float,
    neutral: float,
    device: str,
    start_s: float | None,
    end_s: float | None,
    hints: tuple[FilmHint, ...],
    shots: tuple[Shot, ...],
    references: tuple[Path, ...],
    reference_folder: Path | None,
    color_file: Path | None,
    stills: Path | None,
    alternatives: int | None,
    keyframes: Path | None,
    keyframe: tuple[KeyFrame, ...],
    restore: bool,
    restore_only: tuple[FilmKind, ...],
    preview: float | None,
    damage: DamagePolicy,
    deinterlace: bool,
    threads: int | None,
    jobs: int,
    resume: bool,
    overwrite: bool,
) -> int:
    """Colour films, with their sound and all else that they carry.

    A film that fails does not stop the others; the exit code is then 1. After Ctrl-C or a crash,
    the same call with --resume goes on.
    """
    if len(films) > 1 and (hints or shots or keyframe or keyframes or stills):
        raise click.UsageError(
            "stills, key frames, hints and shots are of one film; give only one."
        )
    if references and reference_folder is not None:
        raise click.UsageError("--reference names pictures, --reference-from finds one; give one.")
    if alternatives is not None and stills is None:
        raise click.UsageError("--alternatives are versions of stills; give --stills FOLDER, too.")
    if stills is not None and preview is not None:
        raise click.UsageError("--stills and --preview are two different runs.")
    if stills is not None:
        names = ("out", "codec", "crf", "preset", "hardware", "steady", "every_frame", "jobs")
        refuse_given("is of a film, and with --stills none is written; leave it out.", *names)
    if (stills is not None or preview is not None) and resume:
        raise click.UsageError("--resume goes on with a whole film, not with stills or a preview.")
    try:
        encoding = Encoding(codec, crf, preset, hardware=hardware)
    except OutputError as error:
        raise click.UsageError(str(error)) from None
    settings = FilmSettings(
        model=model,
        device=device,
        threads=threads,
        size="auto" if isinstance(size, str) else size,
        vividness=vividness,
        white_balance=WhiteBalance(temperature, tint, neutral),
        steady=steady,
        ask_every=1 if every_frame else _DEFAULT.ask_every,
        encoding=encoding,
        start_s=start_s,
        end_s=end_s,
        deinterlace=deinterlace,
        damage=damage,
        hints=hints,
        keyframes=keyframe,
        shots=shots,
        references=references,
        reference_folder=reference_folder,
        color_file=color_file,
        alternatives=alternatives or 1,
        restore=restore_only or (FILM_KINDS if restore else ()),
        overwrite=overwrite,
        resume=resume,
    )
    if keyframes is not None:
        settings = replace(settings, keyframes=(*read_keyframes(keyframes), *keyframe))
    if stills is not None:
        return _stills(films[0], stills, settings)
    targets = plan_targets(films, out, "preview" if preview is not None else "color", codec)
    if preview is None:
        return _color(targets, settings, color_film, jobs)

    def work(
        source: Path, target: Path, chosen: FilmSettings, progress: Progress | None
    ) -> FilmOutcome:
        return preview_film(source, target, preview, chosen, progress)

    return _color(targets, settings, work, jobs)


def _color(
    films: Sequence[tuple[Path, Path]], settings: FilmSettings, work: Work, jobs: int
) -> int:
    """All films; whatever goes wrong with one concerns it alone."""
    todo = []
    for source, target in films:
        if settings.resume and not settings.overwrite and target.is_file():
            note_finished(target)
        else:
            todo.append((source, target))
    reporters = [FilmReporter(source, target) for source, target in todo]
    with closing_bars(reporters, resumable=work is color_film):
        failed = False
        callbacks = [reporter.progress for reporter in reporters]
        for number, outcome in color_films(todo, settings, work, callbacks, jobs):
            if isinstance(outcome, PhotochromError):
                reporters[number].fail(outcome)
                failed = True
            else:
                reporters[number].report(outcome)
    return FAILED if failed else OK


def _stills(source: Path, folder: Path, settings: FilmSettings) -> int:
    reporter = FilmReporter(source, folder)
    with closing_bars([reporter], resumable=False):
        try:
            written = write_stills(source, folder, settings, reporter.progress)
        except PhotochromError as error:
            reporter.fail(error)
            return FAILED
        reporter.close()
        note(f"{len(written)} stills in {folder}; retouch them, then use --keyframes")
    return OK
