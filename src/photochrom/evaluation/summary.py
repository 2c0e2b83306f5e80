"""Scores to a report: data-set means with bootstrap intervals.

Every value comes with the interval that holds it in 95 % of data sets drawn like this one
(percentile bootstrap over pictures, seeded; Efron, Tibshirani, *An Introduction to the Bootstrap*,
1993). All rows are resampled alike, so their differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.evaluation.metrics import GREY_COLORFULNESS, rebalancing_weights
from photochrom.evaluation.options import Settings
from photochrom.evaluation.report import (
    METRICS,
    PICTURE_METRICS,
    TRUE,
    TRUTH_METRICS,
    Estimate,
    Report,
    Row,
)
from photochrom.evaluation.scores import PairScores

_CHUNK = 100


def summarize(
    scores: Mapping[str, Sequence[PairScores]],
    bins: ColorBins,
    *,
    seed: int = Settings.seed,
    resamples: int = Settings.resamples,
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


def _row(
    method: str,
    columns: Mapping[str, NDArray[np.float64]],
    draws: Mapping[str, NDArray[np.float64]],
) -> Row:
    means = {key: np.mean(v, keepdims=True) for key, v in columns.items()}
    values = _figures(means)
    spread = _figures(draws)
    if means["true_colourfulness"] < GREY_COLORFULNESS:
        del values["colourfulness_percent"]  # a share of nothing
    estimates = {
        key: _estimate(values[key].item(), spread[key]) if key in values else None
        for key in METRICS
    }
    pictures = {key: columns[key] for key in PICTURE_METRICS if key in columns}
    pictures["auc_rebalanced"] = 100 * columns["rebalanced"] / columns["rebalanced_weight"]
    return Row(method, estimates, pictures)


def _truth_row(
    columns: Mapping[str, NDArray[np.float64]], draws: Mapping[str, NDArray[np.float64]]
) -> Row:
    pictures = {key: columns[f"true_{key}"] for key in TRUTH_METRICS}
    estimates = {
        key: _estimate(float(v.mean()), draws[f"true_{key}"]) for key, v in pictures.items()
    }
    return Row(TRUE, estimates, pictures)


def _columns(
    scores: Sequence[PairScores], bin_weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Per-picture values, (P,) each, whose means make every figure of the report."""
    columns = {
        key: np.array([getattr(s, key) for s in scores], np.float64)
        for key in (
            "psnr",
            "ssim",
            "ciede2000",
            "ab_l1",
            *TRUTH_METRICS,
            *(f"true_{key}" for key in TRUTH_METRICS),
        )
    }
    if all(s.lpips is not None for s in scores):
        columns["lpips"] = np.array([s.lpips for s in scores], np.float64)
    columns["auc"] = 100 * np.array([s.auc for s in scores])
    columns["rebalanced"] = np.array([s.accuracy_per_bin @ bin_weights for s in scores])
    columns["rebalanced_weight"] = np.array([s.share_per_bin @ bin_weights for s in scores])
    return columns


def _figures(means: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The report's figures from data-set means, for one data set or many at once."""
    figures = {key: means[key] for key in METRICS if key in means}
    figures["auc_rebalanced"] = 100 * means["rebalanced"] / means["rebalanced_weight"]
    for variant in ("", "_ddcolor"):
        figures[f"delta_colourfulness{variant}"] = np.abs(
            means[f"colourfulness{variant}"] - means[f"true_colourfulness{variant}"]
        )
    figures["colourfulness_percent"] = 100 * means["colourfulness"] / means["true_colourfulness"]
    return figures


def _resampled_means(
    tables: Sequence[Mapping[str, NDArray[np.float64]]], seed: int, resamples: int
) -> list[dict[str, NDArray[np.float64]]]:
    """Means over bootstrap data sets, (resamples,) per column, for each table."""
    stacked = np.column_stack([column for table in tables for column in table.values()])
    pictures = len(stacked)
    generator = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, _CHUNK):
        draws = min(_CHUNK, resamples - start)
        counts = generator.multinomial(pictures, np.full(pictures, 1 / pictures), size=draws)
        means.append(counts @ stacked / pictures)
    columns = iter(np.concatenate(means).T)
    return [{key: next(columns) for key in table} for table in tables]


def _estimate(value: float, draws: NDArray[np.float64]) -> Estimate:
    """A value with its 95 % interval. draws: (resamples,), the value in bootstrap data sets."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(value, float(low), float(high))
