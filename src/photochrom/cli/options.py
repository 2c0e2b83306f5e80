"""Options that several commands share."""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TextIO, TypeVar, cast

import click
from click.core import ParameterSource

from photochrom.batch import DEFAULT_JOBS
from photochrom.cli.messages import note
from photochrom.damage import DAMAGE_POLICIES, DEFAULT_DAMAGE_POLICY
from photochrom.engine import DEFAULT_MODEL, DEVICE_NAMES, FACE_MODEL, FILM_MODEL
from photochrom.engine.find import ADDRESSES, BLEND, FACES, model_parts
from photochrom.engine.guests import GUESTS, accept_licence, is_licence_accepted, split_guest
from photochrom.errors import InputError, ModelError
from photochrom.hints import parse_color
from photochrom.imageio import DEFAULT_MAX_PIXELS
from photochrom.pipeline import DEFAULT_VIVIDNESS, MAX_SHIFT, NO_SHIFT
from photochrom.restoration import FilmKind, Kind, parse_film_kinds, parse_kinds

MIN_SIZE_PX, MAX_SIZE_PX = 32, 2048
_MEGA = 1_000_000

_NUMBER = r"(\d+(?:\.\d*)?)"
_PLACE = re.compile(rf"{_NUMBER},{_NUMBER},([^,]+)(?:,{_NUMBER})?")
_Command = TypeVar("_Command", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A number in a range; "nan", which is in every range, and "inf" are no numbers here."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; a usage error where it is none."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def _parse_size(_ctx: click.Context, _param: click.Parameter, value: str) -> int | str:
    """A number of px, or "auto"."""
    if value == "auto":
        return value
    if not value.isdecimal() or not MIN_SIZE_PX <= int(value) <= MAX_SIZE_PX:
        raise click.BadParameter(
            f"{value!r} is neither 'auto' nor a number from {MIN_SIZE_PX} to {MAX_SIZE_PX}."
        )
    return int(value)


def refuse_given(reason: str, *names: str) -> None:
    """Raise UsageError for an option of the command at hand that is given but would do nothing.

    names: of the command's parameters. reason: why, after the option's name.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if name in names and given:
            raise click.UsageError(f"{max(parameter.opts, key=len)} {reason}")


def parse_kinds_option(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[Kind, ...]:
    """``scratches,dust`` as kinds of damage; none where the option is not there."""
    if value is None:
        return ()
    try:
        return parse_kinds(value.split(","))
    except InputError as error:
        raise click.BadParameter(str(error)) from None


def parse_names_option(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[str, ...]:
    """``scratches,flicker`` as names; none where the option is not there."""
    return () if value is None else tuple(value.split(","))


def parse_film_kinds_option(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[FilmKind, ...]:
    """``flicker,dust`` as kinds of damage to films; none where the option is not there."""
    if value is None:
        return ()
    try:
        return parse_film_kinds(value.split(","))
    except InputError as error:
        raise click.BadParameter(str(error)) from None


def color(text: str) -> tuple[int, int, int]:
    """The colour of a hint, sRGB [0, 255]. Raises click.BadParameter."""
    try:
        return parse_color(text)
    except InputError as error:
        raise click.BadParameter(str(error)) from None


def standard_bytes(stream: TextIO | None, name: str) -> IO[bytes]:
    """A standard stream, as what - stands for. name: "input" or "output".

    Raises click.UsageError where the command was started without it.
    """
    if stream is None:
        raise click.UsageError(f"there is no standard {name}; name a file in place of -.")
    return stream.buffer


def parse_place(
    value: str, last: str, *, before: str = ""
) -> tuple[float, float, tuple[int, int, int], float | None]:
    """``X,Y,COLOR`` and maybe a further number, which messages call by the name ``last``.

    before: what messages put in front, where a place is a part of what was given.
    Raises click.BadParameter.
    """
    match = _PLACE.fullmatch(value.replace(" ", ""))
    if match is None:
        raise click.BadParameter(f"{value!r} is not {before}X,Y,COLOR or {before}X,Y,COLOR,{last}.")
    x, y, name, number = match.groups()
    return float(x), float(y), color(name), None if number is None else float(number)


def _parse_model(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    return _with_licence(value)


def _with_licence(value: str) -> str:
    """The model; where it is to be downloaded from others, once their licence is accepted."""
    try:
        parts = model_parts(value)
    except ModelError as error:
        raise click.BadParameter(str(error)) from None
    for model in parts:
        guest = split_guest(model)
        if guest is None or not guest[1].startswith(ADDRESSES) or is_licence_accepted(guest[0]):
            continue
        row = GUESTS[guest[0]]
        if sys.stdin.isatty() and sys.stderr.isatty():
            note(f"The weights of {row.title} are under {row.licence}, as its authors say.")
            click.confirm("Do you accept that?", abort=True, err=True)
            accept_licence(guest[0])
    return value


def blend_option(command: _Command) -> _Command:
    """``--blend``, which takes the place of ``--model``."""

    @click.option(
        "--blend",
        metavar="A:B:WEIGHT",
        help="Mean of the colours of two models, each as for --model, in place of --model; WEIGHT "
        "is that of the second, from 0 to 1.",
    )
    @functools.wraps(command)
    def call_with_blend(*args: Any, blend: str | None, model: str, **options: Any) -> Any:
        context = click.get_current_context()
        if blend is not None:
            if context.get_parameter_source("model") is ParameterSource.COMMANDLINE:
                raise click.UsageError("--blend names both models; leave --model out.")
            model = _with_licence(BLEND + blend)
        return command(*args, model=model, **options)

    return cast(_Command, call_with_blend)


def faces_option(command: _Command) -> _Command:
    """``--faces``, which has a second model for them."""

    @click.option(
        "--faces",
        is_flag=True,
        help=f"Look for faces, and colour each by itself, from close up, by {FACE_MODEL}; all else "
        "is coloured by --model. With --reference and --alternatives the whole picture is.",
    )
    @functools.wraps(command)
    def call_with_faces(*args: Any, faces: bool, model: str, **options: Any) -> Any:
        if faces:
            if len(model_parts(model)) > 1:
                raise click.UsageError("--faces goes with one --model, not with several.")
            model = f"{FACES}{model}:{FACE_MODEL}"
        return command(*args, model=model, **options)

    return cast(_Command, call_with_faces)


def _model_option(default: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--model",
        default=default,
        show_default=True,
        metavar="NAME|FILE|ADDRESS",
        callback=_parse_model,
        help="A shipped model, an .onnx file, or https://... or hf:owner/repo/file.onnx with "
        "#sha256=... behind it. Of others' networks with their name in front, as "
        "ddcolor:FILE|ADDRESS (docs/guests.md).",
    )


model_option = _model_option(DEFAULT_MODEL)
film_model_option = _model_option(FILM_MODEL)
size_option = click.option(
    "--size",
    callback=_parse_size,
    metavar="PX|auto",
    default="auto",
    show_default=True,
    help="Working size of the network, px on the short side (the render factor). Smaller is "
    "steadier, larger sees more detail.",
)
vividness_option = click.option(
    "--vividness",
    type=FiniteRange(min=0.0),
    default=DEFAULT_VIVIDNESS,
    show_default=True,
    help="Factor on the colours: 0 is grey, below 1 calmer, above 1 stronger.",
)


def white_balance_options(command: _Command) -> _Command:
    """``--temperature``, ``--tint`` and ``--neutral``."""
    shift = FiniteRange(min=-MAX_SHIFT, max=MAX_SHIFT)
    for option in (
        click.option(
            "--neutral",
            type=FiniteRange(min=0.0, max=1.0),
            default=NO_SHIFT.neutral,
            show_default=True,
            help="How much of a cast over the whole is taken away, by what is the least colourful.",
        ),
        click.option(
            "--tint",
            type=shift,
            default=NO_SHIFT.tint,
            show_default=True,
            help="Shift of all colours to magenta (above 0) or green (below), in units of a*.",
        ),
        click.option(
            "--temperature",
            type=shift,
            default=NO_SHIFT.temperature,
            show_default=True,
            help="Shift of all colours to warm (above 0) or cool (below), in units of b*.",
        ),
    ):
        command = option(command)
    return command


device_option = click.option(
    "--device",
    type=click.Choice(DEVICE_NAMES),
    default="auto",
    show_default=True,
    help="Where the network runs; auto takes the fastest that is installed.",
)
every_frame_option = click.option(
    "--every-frame",
    is_flag=True,
    help="Ask the network for each frame of a film, and not only where there is news.",
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")


def damaged_option(description: str) -> Callable[[_Command], _Command]:
    """``--damaged``, what becomes of damaged inputs. description: its help."""
    return click.option(
        "--damaged",
        "damage",
        type=click.Choice(DAMAGE_POLICIES),
        default=DEFAULT_DAMAGE_POLICY,
        show_default=True,
        help=description,
    )


photo_jobs_option = click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    default=DEFAULT_JOBS,
    show_default=True,
    help="Photographs in flight at the same time. More need more memory.",
)

max_pixels_option = click.option(
    "--max-megapixels",
    "max_pixels",
    type=FiniteRange(min=0.0, min_open=True),
    callback=lambda _ctx, _param, megapixels: round(megapixels * _MEGA),
    default=DEFAULT_MAX_PIXELS / _MEGA,
    show_default=True,
    help="Refuse larger photographs.",
)

keep_time_option = click.option(
    "--keep-time", is_flag=True, help="Give results the date and time of their photographs' files."
)


def reference_options(shows: str, search: str) -> Callable[[_Command], _Command]:
    """``--reference`` and ``--reference-from``. shows: what gets a reference's colours. search:
    help of the second.
    """

    def add(command: _Command) -> _Command:
        for option in (
            click.option(
                "--reference-from",
                "reference_folder",
                type=click.Path(path_type=Path),
                metavar="FOLDER",
                help=search,
            ),
            click.option(
                "--reference",
                "references",
                multiple=True,
                type=click.Path(path_type=Path),
                metavar="REF",
                help=f"A picture in colours of the same scene, people or things: {shows} its "
                "colours. One that shows something else changes nothing. Repeatable.",
            ),
        ):
            command = option(command)
        return command

    return add


def color_file_option(use: str) -> Callable[[_Command], _Command]:
    """``--colors``. use: for what the places are hints."""
    return click.option(
        "--colors",
        "color_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Saved colours and the places accepted for them (photochrom colors), as hints for "
        f"{use}.",
    )


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file with settings, in a table [web].",
)


def data_option(*, required: bool) -> Callable[[_Command], _Command]:
    """``--data``, the colour pictures to measure on."""
    return click.option(
        "--data",
        required=required,
        type=click.Path(path_type=Path),
        metavar="FOLDER|ZIP",
        help="Colour pictures: a folder with its subfolders, or a zip file.",
    )


def selection_options(command: _Command) -> _Command:
    """``--table`` and ``--where``, which of the pictures of ``--data`` to measure on."""
    table = click.option(
        "--table",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="CSV",
        help="A table with a row for each picture of --data, its name in the column `name`.",
    )
    where = click.option(
        "--where",
        "conditions",
        metavar="COLUMN=VALUE",
        multiple=True,
        help="Only pictures of which --table says so; * in VALUE stands for anything. Several of "
        "one column are alternatives, those of different columns hold together.",
    )
    return table(where(command))


def codec_options(command: _Command) -> _Command:
    """How a film is written: ``codec``, ``crf``, ``preset`` and ``hardware``."""
    from photochrom.video.io.codecs import ANY_HARDWARE, CODECS, HARDWARE, Encoding

    crf = ", ".join(f"{row.crf} for {name}" for name, row in CODECS.items() if row.crf is not None)
    preset = ", ".join(f"{row.preset} for {name}" for name, row in CODECS.items() if row.preset)
    for option in (
        click.option(
            "--hardware",
            type=click.Choice((ANY_HARDWARE, *HARDWARE)),
            help="Encode h264, hevc or av1 by the machine's own hardware, if it passes a trial; "
            f"{ANY_HARDWARE}: by the first that does.",
        ),
        click.option("--preset", help=f"How much time the encoder takes. Unless given: {preset}."),
        click.option(
            "--crf",
            type=click.IntRange(min=0, max=max(row.crf_max for row in CODECS.values())),
            help=f"Constant quality, smaller is better. Unless given: {crf}.",
        ),
        click.option(
            "--codec",
            type=click.Choice(tuple(CODECS)),
            default=Encoding().codec,
            show_default=True,
            help="; ".join(f"{name} {row.summary}" for name, row in CODECS.items()) + ".",
        ),
    ):
        command = option(command)
    return command
