"""``photochrom colors``: colours with names, found again in the photographs of an album."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photochrom.batch import plan
from photochrom.cli import OK
from photochrom.cli.messages import Bar, note
from photochrom.cli.options import FiniteRange, device_option, model_option, parse_place
from photochrom.cli.table import align_columns
from photochrom.engine import Network, load, local_model
from photochrom.errors import requires_extra
from photochrom.guided.color_file import AlbumPlace, ColorFile, FilmFrame
from photochrom.guided.names import COLOR_FILE_NAME, SHEET_NAME
from photochrom.guided.saved_colors import LEAST_SCORE
from photochrom.hints import Hint
from photochrom.imageio import is_picture_name

if TYPE_CHECKING:
    from photochrom.video.film_frames import FilmFrames

_PATH = click.Path(path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_HERE = f"{COLOR_FILE_NAME} in this folder"
_PROJECT = click.option(
    "--project", type=_PATH, metavar="FILE", help=f"File of saved colours.  [default: {_HERE}]"
)


@click.group()
def colors() -> None:
    """Name the colour of a thing once, and find it again in an album, and in the shots of films.

    What is found is only proposed: look at the sheet, then accept what is right.

    \b
    photochrom colors save "Anna's coat" album/1934.jpg 310,240,#7a2230
    photochrom colors find album
    photochrom colors accept 1 2 4 --project album/photochrom-colors.json
    photochrom image album --colors album/photochrom-colors.json
    """


def _parse_hint(_ctx: click.Context, _param: click.Parameter, value: str) -> Hint:
    """``X,Y,COLOR``."""
    x, y, rgb, radius = parse_place(value, "RADIUS")
    if radius is not None:
        raise click.BadParameter(f"{value!r} is not X,Y,COLOR.")
    return Hint(x, y, rgb)


@colors.command()
@click.argument("name")
@click.argument("photo", type=_PATH)
@click.argument("hint", callback=_parse_hint, metavar="X,Y,COLOR")
@click.option(
    "--time",
    "time",
    metavar="TIME",
    help="PHOTO is a film, and the place is in its frame at this time (seconds or H:MM:SS).",
)
@click.option(
    "--project",
    type=_PATH,
    metavar="FILE",
    help=f"File of saved colours, made where it is missing.  [default: {COLOR_FILE_NAME} beside "
    "PHOTO]",
)
@model_option
@device_option
def save(
    name: str,
    photo: Path,
    hint: Hint,
    time: str | None,
    project: Path | None,
    model: str,
    device: str,
) -> int:
    """Save the colour of a place of PHOTO (px from the upper left) as NAME."""
    target = ColorFile(project or photo.parent / COLOR_FILE_NAME, must_exist=False)
    network = load(local_model(model), device=device)
    target.save(name, photo if time is None else _frame(photo, time, network), hint, network)
    note(f"saved {name!r} in {target.path}")
    return OK


@colors.command("list")
@_PROJECT
@_JSON
def list_colors(project: Path | None, as_json: bool) -> int:
    """Show saved colours, and the places proposed and accepted for them."""
    target = ColorFile(project or Path(COLOR_FILE_NAME))
    saved = [
        {"name": c.name, "color": "#{:02x}{:02x}{:02x}".format(*c.rgb), "photo": c.photo,
         "time_s": c.time_s, "x": c.x, "y": c.y}
        for c in target.colors
    ]  # fmt: skip
    if as_json:
        places = _records(target, target.places)
        click.echo(json.dumps({"project": str(target.path), "colors": saved, "places": places}))
        return OK
    rows = [
        (str(c["name"]), str(c["color"]), _picture_name(c), f"{c['x']:g},{c['y']:g}") for c in saved
    ]
    click.echo(align_columns(rows))
    _show(target, target.places)
    return OK


@colors.command()
@click.argument("album", nargs=-1, required=True, type=_PATH, metavar="ALBUM...")
@click.option(
    "--project",
    type=_PATH,
    metavar="FILE",
    help=f"File of saved colours.  [default: {COLOR_FILE_NAME} in the first ALBUM]",
)
@click.option(
    "--sheet",
    type=_PATH,
    metavar="FILE",
    help=f"Picture of all places for a look, a PNG.  [default: {SHEET_NAME} beside the file]",
)
@click.option(
    "--least-score",
    type=FiniteRange(min=0.0, max=1.0),
    default=LEAST_SCORE,
    show_default=True,
    help="Of what is proposed. Lower finds more of what moves, and more that is wrong.",
)
@click.option("--accept", "accepts", is_flag=True, help="Accept at once all that is found.")
@click.option("--recursive", "-r", is_flag=True, help="Look into subfolders, too.")
@model_option
@device_option
@_JSON
def find(
    album: tuple[Path, ...],
    project: Path | None,
    sheet: Path | None,
    least_score: float,
    accepts: bool,
    recursive: bool,
    model: str,
    device: str,
    as_json: bool,
) -> int:
    """Propose where the photographs of ALBUM, folders or files, show the things saved.

    A film, named as a file, is looked through shot by shot. Accepted places stay as they are;
    earlier proposals in these photographs and films are replaced.
    """
    folder = album[0] if album[0].is_dir() else album[0].parent
    target = ColorFile(project or folder / COLOR_FILE_NAME)
    films = [path for path in album if path.is_file() and not is_picture_name(path.name)]
    others = [path for path in album if path not in films]
    photos = _photos(others, recursive=recursive) if others else []
    network = load(local_model(model), device=device)
    pictures: Iterator[Path | FilmFrame] = chain(photos, _shot_frames(films, network))
    total, unit = (None, "pictures") if films else (len(photos), "photographs")
    with Bar("find", total=total, unit=unit) as bar:
        proposed = target.find(pictures, network, bar.show, least_score=least_score)
    if accepts:
        first = len(target.places) - len(proposed) + 1
        numbers = range(first, len(target.places) + 1)
        proposed = target.accept(numbers) if proposed else proposed
    picture = sheet or target.path.with_name(SHEET_NAME)
    if target.places:
        target.write_sheet(picture, lambda film, time_s: _film_frames(network).frame(film, time_s))
    if as_json:
        click.echo(json.dumps(_records(target, proposed)))
    else:
        _show(target, proposed)
    if target.places:
        note(f"{len(proposed)} places found; {picture} shows them")
    else:
        note("nothing was found")
    return OK


@colors.command()
@click.argument("numbers", nargs=-1, type=int, metavar="[NUMBER...]")
@_PROJECT
def accept(numbers: tuple[int, ...], project: Path | None) -> int:
    """Accept the proposed places of these numbers, which the sheet and list show; or all."""
    target = ColorFile(project or Path(COLOR_FILE_NAME))
    note(f"accepted: {len(target.accept(numbers))} places")
    return OK


@colors.command()
@click.argument("name")
@_PROJECT
def forget(name: str, project: Path | None) -> int:
    """Remove the saved colour NAME and its places."""
    target = ColorFile(project or Path(COLOR_FILE_NAME))
    note(f"forgotten: {name!r} and {target.forget(name)} places")
    return OK


def _photos(paths: Sequence[Path], *, recursive: bool) -> list[Path]:
    jobs = [job for job in plan(list(paths), recursive=recursive) if not job.skip_reason]
    for job in jobs:
        if job.problem is not None:
            raise job.problem
    return [job.source for job in jobs]


def _film_frames(network: Network) -> FilmFrames:
    with requires_extra("video", "a film"):
        from photochrom.video.film_frames import FilmFrames
    return FilmFrames(network.card)


def _shot_frames(films: Sequence[Path], network: Network) -> Iterator[FilmFrame]:
    """A frame of each shot of films."""
    for path in films:
        yield from _film_frames(network).of_shots(path)


def _frame(film: Path, time: str, network: Network) -> FilmFrame:
    """A film's frame at a time as an option has it."""
    frames = _film_frames(network)
    from photochrom.video.shots_file import parse_time

    time_s = parse_time(time)
    return FilmFrame(film, time_s, frames.frame(film, time_s))


def _records(target: ColorFile, places: Sequence[AlbumPlace]) -> list[dict[str, object]]:
    """Places for programs."""
    return [
        {"number": target.places.index(place) + 1, "name": place.name, "photo": place.photo,
         "time_s": place.time_s, "x": place.x, "y": place.y, "score": place.score,
         "accepted": place.accepted}
        for place in places
    ]  # fmt: skip


def _picture_name(record: Mapping[str, object]) -> str:
    at = "" if record["time_s"] is None else f" at {record['time_s']:g} s"
    return f"{record['photo']}{at}"


def _show(target: ColorFile, places: Sequence[AlbumPlace]) -> None:
    """Places for people."""
    rows = [
        (
            str(record["number"]), str(record["name"]), _picture_name(record),
            f"{record['x']:g},{record['y']:g}", f"{record['score']:.2f}",
            "accepted" if record["accepted"] else "proposed",
        )
        for record in _records(target, places)
    ]  # fmt: skip
    if rows:
        click.echo(align_columns(rows))
