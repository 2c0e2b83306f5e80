"""``photochrom film``: colour films."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from photochrom.cli import FAILED, OK
from photochrom.cli.film_progress import FilmReporter
from photochrom.cli.options import (
    FiniteRange,
    device_option,
    model_option,
    size_option,
    vividness_option,
)
from photochrom.errors import OutputError, PhotochromError
from photochrom.video.film import colour_film
from photochrom.video.joining import CONTAINERS
from photochrom.video.preview import PREVIEW_PLACES, preview_film
from photochrom.video.segments import forget_parts
from photochrom.video.settings import FilmHint, FilmOutcome, FilmSettings, KeyFrame, Progress
from photochrom.video.stills import keyframes_in, write_stills
from photochrom.video.writing import CODECS, KINDS, Codec, Encoding

_DEFAULT = FilmSettings()
_NUMBER = r"(\d+(?:\.\d*)?)"
_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?)")
_HINT = re.compile(rf"([\d:.]+),{_NUMBER},{_NUMBER},#?([0-9a-fA-F]{{6}})")
_CRF = ", ".join(f"{kind.crf} for {codec}" for codec, kind in KINDS.items() if kind.crf is not None)
_PRESET = ", ".join(f"{kind.preset} for {codec}" for codec, kind in KINDS.items() if kind.preset)


def seconds(text: str) -> float:
    """``75.5``, ``1:15.5`` or ``0:01:15.5`` as seconds. Raises click.BadParameter."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise click.BadParameter(f"{text!r} is no time; write seconds, or H:MM:SS.")
    hours, minutes, rest = match.groups()
    return 3600.0 * int(hours or 0) + 60.0 * int(minutes or 0) + float(rest)


def _time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else seconds(value)


def _hints(
    _ctx: click.Context, _param: click.Parameter, values: Sequence[str]
) -> tuple[FilmHint, ...]:
    """``TIME,X,Y,#RRGGBB`` as hints."""
    hints = []
    for value in values:
        match = _HINT.fullmatch(value.replace(" ", ""))
        if match is None:
            raise click.BadParameter(f"{value!r} is not TIME,X,Y,#RRGGBB.")
        time, x, y, colour = match.groups()
        red, green, blue = bytes.fromhex(colour)
        hints.append(FilmHint(seconds(time), float(x), float(y), (red, green, blue)))
    return tuple(hints)


def _keyframes(
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


@click.command()
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IN...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="The film to write (.mp4, .mov, .mkv, .webm), or a folder. Without it, beside the film as "
    "NAME.color.EXT.",
)
@click.option(
    "--codec",
    type=click.Choice(CODECS),
    default=_DEFAULT.encoding.codec,
    show_default=True,
    help="h264 plays everywhere; prores is for editing; ffv1 loses nothing (into .mkv).",
)
@click.option(
    "--crf",
    type=click.IntRange(min=0, max=63),
    help=f"Constant quality, smaller is better. Unless given: {_CRF}.",
)
@click.option(
    "--preset",
    help=f"How much time the encoder takes. Unless given: {_PRESET}.",
)
@click.option(
    "--steady",
    type=FiniteRange(min=0.0, max=1.0),
    default=_DEFAULT.steady,
    show_default=True,
    help="How far colours follow the motion; 0 colours every frame by itself.",
)
@model_option
@size_option
@vividness_option
@device_option
@click.option(
    "--from", "start_s", callback=_time, metavar="TIME", help="Begin here (seconds or H:MM:SS)."
)
@click.option("--to", "end_s", callback=_time, metavar="TIME", help="End here.")
@click.option(
    "--hint",
    "hints",
    multiple=True,
    callback=_hints,
    metavar="TIME,X,Y,#RRGGBB",
    help="Say the colour of a place (px from the upper left) in the frame at a time; it holds "
    "through the shot. For one film; repeatable.",
)
@click.option(
    "--stills",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a coloured still of every shot into this folder, for retouching, and no film.",
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
    callback=_keyframes,
    metavar="TIME=PICTURE",
    help="Give the shot at a time the colours of this still; repeatable.",
)
@click.option(
    "--preview",
    type=FiniteRange(min=0.0, min_open=True),
    metavar="SECONDS",
    help=f"Only so many seconds, from {PREVIEW_PLACES} places, grey and in colour side by side.",
)
@click.option("--deinterlace", is_flag=True, help="Make whole frames of an interlaced film.")
@click.option(
    "--threads",
    type=click.IntRange(min=1, max=256),
    help="Of the network and of the encoder, each. Unless given, each takes as many as suit it.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with what an interrupted run has finished; films that are finished are skipped.",
)
@click.option("--overwrite", is_flag=True, help="Replace a film that is there, and begin anew.")
def film(
    films: tuple[Path, ...],
    out: Path | None,
    codec: Codec,
    crf: int | None,
    preset: str | None,
    steady: float,
    model: str,
    size: int | str,
    vividness: float,
    device: str,
    start_s: float | None,
    end_s: float | None,
    hints: tuple[FilmHint, ...],
    stills: Path | None,
    keyframes: Path | None,
    keyframe: tuple[KeyFrame, ...],
    preview: float | None,
    deinterlace: bool,
    threads: int | None,
    resume: bool,
    overwrite: bool,
) -> int:
    """Colour films, with their sound and all else that they carry.

    A film that fails does not stop the others; the exit code is then 1. After Ctrl-C or a crash,
    the same call with --resume goes on.
    """
    if len(films) > 1 and (hints or keyframe or keyframes or stills):
        raise click.UsageError("stills, key frames and hints are of one film; give only one.")
    if stills is not None and preview is not None:
        raise click.UsageError("--stills and --preview are two different runs.")
    if (stills is not None or preview is not None) and resume:
        raise click.UsageError("--resume goes on with a whole film, not with stills or a preview.")
    try:
        encoding = Encoding(codec, crf, preset)
    except OutputError as error:
        raise click.UsageError(str(error)) from None
    settings = FilmSettings(
        model=model,
        device=device,
        threads=threads,
        size="auto" if isinstance(size, str) else size,
        vividness=vividness,
        steady=steady,
        encoding=encoding,
        start_s=start_s,
        end_s=end_s,
        deinterlace=deinterlace,
        hints=hints,
        keyframes=keyframe,
        overwrite=overwrite,
        resume=resume,
    )
    if keyframes is not None:
        settings = replace(settings, keyframes=(*keyframes_in(keyframes), *keyframe))
    if stills is not None:
        return _stills(films[0], stills, settings)
    targets = _targets(films, out, "preview" if preview is not None else "color")
    if preview is None:
        return _colour(targets, settings, colour_film)

    def work(
        source: Path, target: Path, chosen: FilmSettings, progress: Progress | None
    ) -> FilmOutcome:
        return preview_film(source, target, preview, chosen, progress)

    return _colour(targets, settings, work)


_Work = Callable[[Path, Path, FilmSettings, "Progress | None"], FilmOutcome]


def _colour(films: Sequence[tuple[Path, Path]], settings: FilmSettings, work: _Work) -> int:
    """One film after the other; whatever goes wrong with one concerns it alone."""
    failed = False
    for source, target in films:
        if settings.resume and not settings.overwrite and target.is_file():
            click.echo(f"Skipped: {target} is finished", err=True)
            forget_parts(target)
            continue
        with FilmReporter(source, target) as reporter:
            try:
                reporter.tell(work(source, target, settings, reporter.progress))
            except PhotochromError as error:
                reporter.fail(error)
                failed = True
    return FAILED if failed else OK


def _stills(source: Path, folder: Path, settings: FilmSettings) -> int:
    with FilmReporter(source, folder) as reporter:
        try:
            written = write_stills(source, folder, settings, reporter.progress)
        except PhotochromError as error:
            reporter.fail(error)
            return FAILED
        reporter.say(f"{len(written)} stills in {folder}; retouch them, then use --keyframes")
    return OK


def _targets(films: Sequence[Path], out: Path | None, mark: str) -> list[tuple[Path, Path]]:
    """What becomes what."""
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
