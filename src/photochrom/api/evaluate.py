"""Measuring models on pictures whose colours are known."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

from photochrom.api.paths import Paths, each_path
from photochrom.api.progress import Progress, progress_reporter
from photochrom.engine import DEFAULT_MODEL
from photochrom.errors import requires_extra
from photochrom.pipeline import DEFAULT_VIVIDNESS, Size


def evaluate(
    data: str | os.PathLike[str],
    *,
    models: Paths = DEFAULT_MODEL,
    limit: int | None = None,
    seed: int = 0,
    crop: int | None = None,
    points: int | Sequence[int] = 0,
    lpips_weights: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
    device: str = "auto",
    size: Size = "auto",
    vividness: float = DEFAULT_VIVIDNESS,
) -> dict[str, dict[str, float]]:
    """Score models on colour pictures, which are turned grey, coloured, and compared.

    Needs `pip install 'photochrom[evaluate]'`. A picture that cannot be read or measured is left
    out, with a warning.

    Args:
        data: A folder of colour pictures with its subfolders, or a zip file.
        models: One model or several, each as for `colorize`.
        limit: Take this many pictures, drawn at random by `seed`; None takes all.
        seed: Of the draw of pictures and of the bootstrap intervals.
        crop: First bring the short side to this many px and take the centre square, as published
            figures do with 256; None leaves pictures as they are.
        points: Colour each picture with this many hints, of its true colours at random places;
            several numbers make a method each.
        lpips_weights: LPIPS (squeeze) as safetensors; else the file that `PHOTOCHROM_LPIPS` names,
            else lpips-squeeze.safetensors in the cache. Without any, LPIPS is not measured.
        progress: Called with the numbers of pictures that are done and of all; or True for a bar
            on stderr.
        device: As for `colorize`.
        size: As for `colorize`.
        vividness: As for `colorize`.

    Returns:
        By method, by metric, ready for `pandas.DataFrame(...)`: each metric of docs/metrics.md with
        the bounds of its 95 % interval (`psnr`, `psnr_low`, `psnr_high`; nan where it was not
        measured), and `pictures`, how many were measured. The methods are the models by name and
        version, "grey" for the grey pictures themselves, and "true" for what the true pictures have
        by themselves.

    Raises:
        InputError: There are no pictures, or none could be measured.
        ModelError: A model cannot be used, or is given twice.
        MissingDependencyError: The extra `evaluate` is not installed.
    """
    with requires_extra("evaluate", "measuring"):
        from photochrom.evaluation import run
        from photochrom.evaluation.lpips import load_lpips
        from photochrom.evaluation.methods import load_methods
        from photochrom.evaluation.metric_table import METRICS
        from photochrom.evaluation.options import EvaluationOptions
        from photochrom.evaluation.report import Estimate
        from photochrom.evaluation.scores import PairMeter
    settings = EvaluationOptions(
        limit=limit,
        seed=seed,
        size=size,
        vividness=vividness,
        device=device,
        crop=crop,
        points=tuple(points) if isinstance(points, Iterable) else (int(points),),
    )
    lpips = load_lpips(None if lpips_weights is None else Path(lpips_weights))
    methods = load_methods([os.fspath(model) for model in each_path(models)], settings)
    with progress_reporter(progress, Path(data).name) as report:
        results = run.evaluate(methods, Path(data), PairMeter(lpips), settings, progress=report)
    for name, reason in results.evaluation.failures.items():
        warnings.warn(f"left out: {name}: {reason}", stacklevel=2)
    assert results.report is not None, "there is a meter"
    table: dict[str, dict[str, float]] = {}
    unmeasured = Estimate(math.nan, math.nan, math.nan)
    for row in (*results.report.rows, results.report.truth):
        figures = table[row.method] = {"pictures": float(len(results.evaluation.samples))}
        for metric in METRICS:
            estimate = row.estimates.get(metric) or unmeasured
            figures[metric] = estimate.value
            figures[f"{metric}_low"], figures[f"{metric}_high"] = estimate.low, estimate.high
    return table
