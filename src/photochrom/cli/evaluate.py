"""``photochrom evaluate``: how good a model is, in numbers and to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from photochrom.errors import InputError
from photochrom.evaluate.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from photochrom.evaluate.lpips import Lpips
    from photochrom.evaluate.report import Estimate, Report
    from photochrom.evaluate.run import Evaluation, Method

_DEFAULT = Settings()


def evaluate(
    data: Annotated[
        Path, typer.Option(help="Folder (with subfolders) or zip file of colour pictures.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model by name, path or address; give it several times to compare. "
            "The shipped default model where none is given."
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Take this many pictures, drawn at random by --seed."),
    ] = _DEFAULT.limit,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the draw of pictures and of the bootstrap intervals.")
    ] = _DEFAULT.seed,
    size: Annotated[
        str, typer.Option(help="Working size of the network, px on the short side; or 'auto'.")
    ] = str(_DEFAULT.size),
    vividness: Annotated[
        float, typer.Option(min=0.0, help="Factor on the chroma that the model predicts.")
    ] = _DEFAULT.vividness,
    device: Annotated[str, typer.Option(help="Where the network runs.")] = _DEFAULT.device,
    crop: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Bring the short side to this many px and take the centre square first, "
            "as published figures do (256).",
        ),
    ] = _DEFAULT.crop,
    lpips_weights: Annotated[
        Path | None,
        typer.Option(
            help="Weights of LPIPS (squeeze) as safetensors. Else PHOTOCHROM_LPIPS, else "
            "lpips-squeeze.safetensors in the cache; without any, LPIPS is not measured."
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write all values, of each picture too, to this file.")
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option(help="Write an HTML gallery (grey, ours, true), from worst to best."),
    ] = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write a PNG with many results side by side.")
    ] = None,
    sort_by: Annotated[
        str, typer.Option(help="Metric that orders gallery and contact sheet.")
    ] = _DEFAULT.sort_by,
    sheet_pictures: Annotated[
        int,
        typer.Option(
            min=1, help="Pictures on the contact sheet, evenly spaced from worst to best."
        ),
    ] = _DEFAULT.sheet_pictures,
    thumbnail: Annotated[
        int, typer.Option(min=16, help="Longest side of the pictures in the gallery, px.")
    ] = _DEFAULT.thumbnail_px,
    no_truth: Annotated[
        bool,
        typer.Option(
            "--no-truth",
            help="The pictures have no true colour (old photographs): colour and show them only.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs that exist.")
    ] = False,
) -> None:
    """Measure how well a model colours pictures whose true colours are known.

    The pictures are made grey, coloured, and compared with the truth, beside the grey floor (the
    grey picture itself as the answer), with 95 % bootstrap intervals. A picture that cannot be read
    is named and skipped; the exit code is then 1.
    """
    from rich.console import Console

    from photochrom.engine import DEFAULT_MODEL
    from photochrom.evaluate.dataset import open_pictures
    from photochrom.evaluate.methods import load_methods
    from photochrom.evaluate.outputs import Results, write_contact_sheet, write_gallery, write_json
    from photochrom.evaluate.report import check_metric, summarize
    from photochrom.evaluate.scores import PairMeter
    from photochrom.imageio.atomic import check_target

    settings = Settings(
        limit=limit,
        seed=seed,
        size=_working_size(size),
        vividness=vividness,
        device=device,
        crop=crop,
        sort_by=sort_by,
        thumbnail_px=thumbnail,
        sheet_pictures=sheet_pictures,
    )
    messages = Console(stderr=True)
    writers = {json: write_json, gallery: write_gallery, contact_sheet: write_contact_sheet}
    outputs = {path: write for path, write in writers.items() if path is not None}
    for path in outputs:
        check_target(path, overwrite=overwrite)
    if no_truth and not outputs:
        raise typer.BadParameter("--no-truth needs --gallery, --contact-sheet or --json")
    check_metric(sort_by)
    pictures = open_pictures(data)
    meter = None if no_truth else PairMeter(_lpips(lpips_weights, messages))
    methods = load_methods(model or [DEFAULT_MODEL], settings)
    evaluation = _run(pictures, methods, meter, settings, messages)
    ...
