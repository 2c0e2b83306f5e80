"""Scores to a report: data-set means with bootstrap intervals.

Every value comes with the interval that holds it in 95 % of data sets drawn like this one
(percentile bootstrap over pictures, seeded; Efron, Tibshirani, *An Introduction to the Bootstrap*,
1993). All rows are resampled alike, so their differences are paired. A picture that has nothing to
measure (nan) is left out of that metric's means, there and in every bootstrap data set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.evaluation.metric_table import METRICS, PictureMetric, RebalancedMetric, SetMetric
from photochrom.evaluation.metrics import rebalancing_weights
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.report import TRUE, Estimate, Report, Row
from photochrom.evaluation.scores import PairScores

Columns: TypeAlias = Mapping[str, NDArray[np.float64]]

_BIN_WEIGHT = "bin_weight"
_CHUNK = 100


def summarize(
    scores: Mapping[str, Sequence[PairScores]],
    bins: ColorBins,
    *,
    seed: int = EvaluationOptions.seed,
    resamples: int = EvaluationOptions.resamples,
) -> Report:
    """One row per method over the same pictures, and one for the truth.

    scores: by method, each with the same pictures in the same order; bins: those of the scores'
    meter. Raises InputError where there is no picture, or methods saw different numbers of them.
    """
    counts = {len(of_method) for of_method in scores.values()}
    if len(counts) != 1 or not min(counts):
        raise InputError(f"every method needs the same pictures, at least one: got {counts}")
    first = next(iter(scores.values()))
    weights = rebalancing_weights(np.sum([s.share_per_bin for s in first], axis=0), bins)
    columns = {method: _columns(of_method, weights) for method, of_method in scores.items()}
    draws = _resampled_means(list(columns.values()), seed, resamples)
    rows = tuple(
        _row(method, column, drawn)
        for (method, column), drawn in zip(columns.items(), draws, strict=True)
    )
    return Report(rows, _truth_row(next(iter(columns.values())), draws[0]))


def _row(method: str, columns: Columns, draws: Columns) -> Row:
    means = {key: _mean(values) for key, values in columns.items()}
    values, spread = _figures(means), _figures(draws)
    estimates = {
        key: _estimate(values[key].item(), spread[key]) if key in values else None
        for key in METRICS
    }
    # A picture's own value is the data set's of that picture alone.
    of_pictures = _figures(columns)
    pictures = {
        key: of_pictures[key]
        for key, metric in METRICS.items()
        if key in of_pictures and not isinstance(metric, SetMetric)
    }
    return Row(method, estimates, pictures)


def _truth_row(columns: Columns, draws: Columns) -> Row:
    pictures = {
        key: columns[f"true_{key}"]
        for key, metric in METRICS.items()
        if isinstance(metric, PictureMetric)
    }
    estimates = {
        key: _estimate(_mean(values).item(), draws[f"true_{key}"])
        for key, values in pictures.items()
    }
    return Row(TRUE, estimates, pictures)


def _columns(scores: Sequence[PairScores], bin_weights: NDArray[np.float64]) -> Columns:
    """Per-picture values, (P,) each, whose means make every figure of the report."""
    columns = {}
    for key, metric in METRICS.items():
        if isinstance(metric, RebalancedMetric):
            columns[key] = np.array([s.sums_per_bin[key] @ bin_weights for s in scores])
        elif all(key in s.values for s in scores):
            columns[key] = np.array([s.values[key] for s in scores], np.float64)
        if isinstance(metric, PictureMetric):
            columns[f"true_{key}"] = np.array([s.true_values[key] for s in scores], np.float64)
    columns[_BIN_WEIGHT] = np.array([s.share_per_bin @ bin_weights for s in scores])
    return columns


def _figures(means: Columns) -> dict[str, NDArray[np.float64]]:
    """The report's figures from data-set means, for one data set or many at once."""
    figures = {}
    for key, metric in METRICS.items():
        if isinstance(metric, SetMetric):
            figures[key] = metric.function(means)
        elif isinstance(metric, RebalancedMetric):
            figures[key] = means[key] / means[_BIN_WEIGHT]
        elif key in means:
            figures[key] = means[key]
    return figures


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the pictures that have a value, (1,); nan where none has."""
    measured = values[np.isfinite(values)]
    return np.array([measured.mean() if measured.size else np.nan])


def _resampled_means(tables: Sequence[Columns], seed: int, resamples: int) -> list[Columns]:
    """Means over bootstrap data sets, (resamples,) per column, for each table."""
    stacked = np.column_stack([column for table in tables for column in table.values()])
    pictures = len(stacked)
    measured = np.isfinite(stacked)
    values = np.where(measured, stacked, 0.0)
    generator = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, _CHUNK):
        draws = min(_CHUNK, resamples - start)
        counts = generator.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws)
        drawn = (counts @ measured).astype(np.float64)
        absent = np.full(drawn.shape, np.nan)
        means.append(np.divide(counts @ values, drawn, out=absent, where=drawn > 0))
    columns = iter(np.concatenate(means).T)
    return [{key: next(columns) for key in table} for table in tables]


def _estimate(value: float, draws: NDArray[np.float64]) -> Estimate | None:
    """A value with its 95 % interval; None where there is no value.

    draws: (resamples,), the value in bootstrap data sets; nan in those that happen to hold no
    picture that has one: they say nothing and are left out.
    """
    telling = draws[np.isfinite(draws)]
    if not np.isfinite(value) or not telling.size:
        return None
    low, high = np.percentile(telling, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
