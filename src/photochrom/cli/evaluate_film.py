"""``photochrom evaluate --film``: films with known colours, under a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photochrom.cli.messages import Bar, note
from photochrom.cli.table import align_columns
from photochrom.evaluation.options import EvaluationOptions

if TYPE_CHECKING:
    from photochrom.evaluation.lpips import Lpips


def measure_films(
    models: Sequence[str],
    films: Sequence[Path],
    settings: EvaluationOptions,
    lpips: Lpips | None,
    json: Path | None,
    *,
    steady: float,
    every_frame: bool,
    overwrite: bool,
) -> None:
    """Print the table of all films and write the JSON file that was asked for.

    Raises InputError for a film that cannot be measured, ModelError, OutputError; and a usage
    error for more than one model.
    """
    from photochrom.engine import FILM_MODEL, load
    from photochrom.evaluation.film import (
        FilmEvaluationOptions,
        evaluate_film,
        to_table,
        write_json,
    )
    from photochrom.video.temporal.guess_interval import ASK_EVERY

    if len(models) > 1:
        raise click.UsageError("--film measures one model at a time.")
    network = load(models[0] if models else FILM_MODEL, device=settings.device)
    note(f"{network.card.title}: {network.device}")
    choices = FilmEvaluationOptions(
        size=settings.size,
        vividness=settings.vividness,
        steady=steady,
        ask_every=1 if every_frame else ASK_EVERY,
        limit=settings.limit,
    )
    reports = []
    for film in films:
        with Bar(film.name, settings.limit, "frames") as bar:
            reports.append(evaluate_film(film, network, choices, lpips, bar.advance))
        for text in reports[-1].notes:
            note(f"{film}: {text}")
    click.echo(align_columns(to_table(reports)))
    if json is not None:
        write_json(json, reports, choices, network.card.title, overwrite=overwrite)
        note(f"wrote {json}")
