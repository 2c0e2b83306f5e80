"""What people see while models are measured on photographs; and LPIPS, or why it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photochrom.cli.messages import Bar, complain, note

if TYPE_CHECKING:
    from photochrom.evaluation.dataset import PictureSet
    from photochrom.evaluation.options import EvaluationOptions
    from photochrom.evaluation.run import Method, Results
    from photochrom.evaluation.scores import PairMeter


def load_meter(lpips_weights: Path | None) -> PairMeter:
    """The measuring instrument, with LPIPS where its weights are at hand; says where not."""
    from photochrom.evaluation.lpips import WEIGHTS_NAME, WEIGHTS_VARIABLE, load_lpips
    from photochrom.evaluation.scores import PairMeter
    from photochrom.folders import cache_dir

    lpips = load_lpips(lpips_weights)
    if lpips is None:
        note(
            f"LPIPS is not measured: there is no {cache_dir() / WEIGHTS_NAME}. Name the weights "
            f"with --lpips-weights or {WEIGHTS_VARIABLE}."
        )
    return PairMeter(lpips)


def open_selection(
    data: Path | None, table: Path | None, conditions: Sequence[str]
) -> PictureSet | Path | None:
    """What to measure on: of ``data`` the pictures of which a table says what is asked for, or all.

    Raises InputError as `photochrom.evaluation.selection.select_pictures`, UsageError where one of
    the three is missing.
    """
    if table is None and not conditions:
        return data
    if data is None or table is None or not conditions:
        raise click.UsageError("--data, --table and --where choose pictures together; give all.")
    from photochrom.evaluation.dataset import open_pictures
    from photochrom.evaluation.selection import select_pictures

    return select_pictures(open_pictures(data), table, conditions)


def run_evaluation(
    methods: Sequence[Method],
    data: Path | PictureSet,
    meter: PairMeter | None,
    settings: EvaluationOptions,
    *,
    thumbnails: bool,
) -> Results:
    """Evaluate under a progress bar and say what could not be measured.

    Arguments and errors as :func:`photochrom.evaluation.run.evaluate`.
    """
    from photochrom.evaluation.run import evaluate

    for method in (one for one in methods if one.points == methods[0].points):
        note(f"{method.name}: {method.facts['device']}")
    with Bar("pictures") as bar:
        results = evaluate(
            methods,
            data,
            meter,
            settings,
            thumbnails=thumbnails,
            progress=bar.show,
        )
    evaluation = results.evaluation
    for name, reason in evaluation.failures.items():
        complain(f"left out: {name}: {reason}")
    note(f"{len(evaluation.samples)} pictures, {len(evaluation.failures)} left out")
    if grey := evaluation.colorless():
        note(
            f"{grey} of the pictures have no colour themselves; they are measured all the same. "
            "For old photographs without a truth: photochrom evaluate --no-truth.",
        )
    return results
