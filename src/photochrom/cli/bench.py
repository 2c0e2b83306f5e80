"""``photochrom bench``: how fast pictures are coloured here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.cli.options import FiniteRange, model_option, refuse_given
from photochrom.cli.table import align_columns
from photochrom.engine import DEVICES, FILM_MODEL
from photochrom.evaluation.bench import (
    DEFAULT_MEGAPIXELS,
    DEFAULT_REPEATS,
    STAGES,
    Measurement,
)
from photochrom.evaluation.bench import bench as measure
from photochrom.imageio import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from photochrom.evaluation.bench_film import FilmMeasurement


@click.command()
@model_option
@click.option(
    "--device",
    "devices",
    type=click.Choice(list(DEVICES)),
    multiple=True,
    help="Measure this device; repeatable. All that are available, unless given.",
)
@click.option(
    "--megapixels",
    type=FiniteRange(min=0.01, max=DEFAULT_MAX_PIXELS / 1e6),
    multiple=True,
    default=DEFAULT_MEGAPIXELS,
    show_default=True,
    help="Measure this size of picture; repeatable.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=DEFAULT_REPEATS,
    show_default=True,
    help="The median of so many runs is told.",
)
@click.option(
    "--film",
    type=click.Path(path_type=Path),
    help="Measure this film instead: photochrom film, beside a plain decoding and encoding.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per measurement.")
def bench(
    model: str,
    devices: tuple[str, ...],
    megapixels: tuple[float, ...],
    repeats: int,
    film: Path | None,
    as_json: bool,
) -> int:
    """Measure how fast pictures are coloured here, in seconds.

    For each size and device: the stages of a picture in a process that is warm, their sum, a fresh
    process for one picture (cold), its processor time and its peak memory.
    """
    if film is not None:
        refuse_given("is of pictures; a film has its own size.", "megapixels")
        # PyAV is an extra: pictures are measured without it.
        from photochrom.evaluation.bench_film import bench_film

        if click.get_current_context().get_parameter_source("model") is ParameterSource.DEFAULT:
            model = FILM_MODEL
        for device in devices or ("auto",):
            _print_film(bench_film(film, model=model, device=device, repeats=repeats), as_json)
        return OK
    rows: list[tuple[str, ...]] = [("MP", "engine", *STAGES, "warm", "cold", "CPU", "peak MB")]
    for measurement in measure(
        model=model, devices=devices or None, megapixels=megapixels, repeats=repeats
    ):
        if as_json:
            click.echo(json.dumps(_record(measurement)))
        else:
            note(f"{measurement.megapixels:g} MP on {measurement.device}: done")
        rows.append(_row(measurement))
    if not as_json:
        click.echo(align_columns(rows))
    return OK


def _row(measurement: Measurement) -> tuple[str, ...]:
    cold = measurement.cold
    stages = (f"{measurement.warm_s[stage]:.3f}" for stage in STAGES)
    return (
        f"{measurement.megapixels:g}",
        measurement.engine,
        *stages,
        f"{measurement.warm_total_s:.2f}",
        f"{cold.seconds:.2f}",
        "?" if cold.cpu_s is None else f"{cold.cpu_s:.2f}",
        "?" if cold.peak_mb is None else f"{cold.peak_mb:.0f}",
    )


def _print_film(measurement: FilmMeasurement, as_json: bool) -> None:
    if as_json:
        record = dataclasses.asdict(measurement)
        del record["color"]
        runs = {"plain": measurement.plain._asdict(), "colour": measurement.color._asdict()}
        click.echo(json.dumps({**record, **runs, "times_plain": measurement.times_plain}))
        return
    rows: list[tuple[str, ...]] = [("", "seconds", "fps", "CPU", "peak MB")]
    for name, run in (("plain", measurement.plain), ("in colour", measurement.color)):
        rows.append(
            (
                name,
                f"{run.seconds:.1f}",
                f"{measurement.frames / run.seconds:.1f}",
                "?" if run.cpu_s is None else f"{run.cpu_s:.1f}",
                "?" if run.peak_mb is None else f"{run.peak_mb:.0f}",
            )
        )
    size = f"{measurement.width} x {measurement.height}, {measurement.frames} frames"
    click.echo(f"{measurement.film}: {size}, {measurement.times_plain:.2f} times as long as plain")
    click.echo(align_columns(rows))


def _record(measurement: Measurement) -> dict[str, object]:
    record = dataclasses.asdict(measurement)
    return {**record, "warm_total_s": measurement.warm_total_s, "cold": measurement.cold._asdict()}
