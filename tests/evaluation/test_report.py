"""From pairs of pictures to a report: means, intervals, shares, order."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.evaluation.dataset import grey_to_rgb, to_grey
from photochrom.evaluation.metric_table import METRICS, PictureMetric, RebalancedMetric
from photochrom.evaluation.report import Report, picture_values, to_json, to_table
from photochrom.evaluation.scores import PairMeter, PairScores, evaluate_pairs
from photochrom.evaluation.summary import summarize

pytestmark = pytest.mark.slow

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def truths(_scene: NDArray[np.float64]) -> list[Picture]:
    """Eight crops of the drawn landscape."""
    scene = np.rint(_scene * 255).astype(np.uint8)
    corners = [(y, x) for y in (0, 14, 28, 42) for x in (0, 56)]
    return [np.ascontiguousarray(scene[y : y + 48, x : x + 64]) for y, x in corners]


def faded(truth: Picture) -> Picture:
    """Half of the true colour."""
    grey = grey_to_rgb(to_grey(truth)).astype(np.uint16)
    return ((grey + truth) // 2).astype(np.uint8)


@pytest.fixture(scope="module")
def report(truths: list[Picture]) -> Report:
    """Grey, half coloured and truth itself as methods."""
    methods: dict[str, Callable[[Picture], Picture]] = {
        "grey": lambda truth: grey_to_rgb(to_grey(truth)),
        "faded": faded,
        "perfect": lambda truth: truth,
    }
    scores = {
        name: evaluate_pairs((color(truth), truth) for truth in truths)
        for name, color in methods.items()
    }
    return summarize(scores, ColorBins.in_gamut())


def value(report: Report, row: int, metric: str) -> float:
    estimate = report.rows[row].estimates[metric]
    assert estimate is not None
    return estimate.value


UNMEASURED = {"lpips", "brown_bias"}
"""There is no network, and nothing in the drawn landscape is grey."""
GROSS = {"hue_error", "left_grey"}
"""Where the half coloured pictures are as good as the truth: they are not grossly wrong."""


@pytest.mark.parametrize("metric", [key for key in METRICS if key not in UNMEASURED | GROSS])
def test_every_metric_ranks_grey_below_faded_below_perfect(report: Report, metric: str) -> None:
    grey, half, perfect = (value(report, row, metric) for row in range(3))
    better = METRICS[metric].better
    assert grey > half > perfect if better == "lower" else grey < half < perfect


def test_a_perfect_method_scores_full_marks(report: Report) -> None:
    perfect = {metric: value(report, 2, metric) for metric in METRICS if metric not in UNMEASURED}
    assert perfect["ssim"] == pytest.approx(1)
    assert perfect["ciede2000"] == pytest.approx(0, abs=1e-6)
    assert (perfect["auc"], perfect["auc_rebalanced"]) == pytest.approx((100, 100))
    assert perfect["colourfulness_percent"] == pytest.approx(100)
    assert perfect["delta_colourfulness"] == 0


def test_grey_has_none_of_the_true_colourfulness(report: Report) -> None:
    truth = report.truth.estimates["colourfulness"]
    assert truth is not None
    assert value(report, 0, "colourfulness_percent") == pytest.approx(0, abs=0.1)
    assert value(report, 0, "delta_colourfulness") == pytest.approx(truth.value, abs=0.01)


def test_rebalanced_accuracy_of_grey_is_lower_than_plain(report: Report) -> None:
    """Most pixels are nearly grey; the rebalanced figure gives the vivid ones their say."""
    assert value(report, 0, "auc_rebalanced") < value(report, 0, "auc")


def test_intervals_hold_their_value_and_repeat_with_the_seed(truths: list[Picture]) -> None:
    scores = {"faded": evaluate_pairs((faded(truth), truth) for truth in truths)}
    bins = ColorBins.in_gamut()
    first, again, other = (summarize(scores, bins, seed=seed) for seed in (3, 3, 4))
    for metric, estimate in first.rows[0].estimates.items():
        if estimate is not None:
            assert estimate.low <= estimate.value <= estimate.high, metric
    assert first.rows[0].estimates == again.rows[0].estimates
    assert first.rows[0].estimates != other.rows[0].estimates


def test_the_interval_is_that_of_the_normal_law_for_many_pictures() -> None:
    rng = np.random.default_rng(0)
    bins = np.zeros(len(ColorBins.in_gamut()))
    bins[0] = 1.0
    psnr = rng.normal(20, 2, 400)
    ones = {key: 1.0 for key, metric in METRICS.items() if isinstance(metric, PictureMetric)}
    sums = {key: bins for key, metric in METRICS.items() if isinstance(metric, RebalancedMetric)}
    scores = [PairScores({**ones, "psnr": p}, ones, bins, sums) for p in psnr]
    estimate = summarize({"m": scores}, ColorBins.in_gamut()).rows[0].estimates["psnr"]
    assert estimate is not None
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * 2 / 20, rel=0.1)


def test_lpips_without_a_network_is_not_measured(report: Report) -> None:
    assert all(row.estimates["lpips"] is None for row in report.rows)
    assert "not measured" in {cell for line in to_table(report) for cell in line}


def test_colourless_truths_have_no_share_of_colour(truths: list[Picture]) -> None:
    grey = [grey_to_rgb(to_grey(truth)) for truth in truths]
    report = summarize({"m": evaluate_pairs(zip(truths, grey, strict=True))}, ColorBins.in_gamut())
    assert report.rows[0].estimates["colourfulness_percent"] is None


def test_pictures_are_ordered_from_worst_to_best(report: Report) -> None:
    row = report.rows[1]
    for metric in row.pictures:
        values = row.pictures[metric][report.order(metric, row)]
        values = values[np.isfinite(values)]
        if METRICS[metric].better == "higher":
            assert (np.diff(values) >= 0).all()
        elif METRICS[metric].better == "lower":
            assert (np.diff(values) <= 0).all()
    with pytest.raises(InputError, match="lpips"):
        report.order("lpips", row)


def test_the_json_has_every_value_of_every_picture(report: Report) -> None:
    content = json.loads(json.dumps(to_json(report), allow_nan=False))
    assert [row["method"] for row in content["rows"]] == ["grey", "faded", "perfect", "true"]
    assert content["metrics"].keys() == METRICS.keys()
    psnr = [picture_values(report, index)["faded"]["psnr"] for index in range(8)]
    assert np.mean(np.array(psnr, np.float64)) == pytest.approx(
        content["rows"][1]["values"]["psnr"]["value"]
    )


def test_every_value_lies_in_its_metrics_range(report: Report) -> None:
    for row in (*report.rows, report.truth):
        for metric, estimate in row.estimates.items():
            low, high = METRICS[metric].range
            if estimate is not None:
                assert low <= estimate.low <= estimate.high <= high + 0.05, metric


def test_grey_has_no_wrong_hue_and_leaves_all_vivid_pixels_grey(report: Report) -> None:
    assert value(report, 0, "hue_error") == value(report, 2, "hue_error") == 0
    assert value(report, 0, "left_grey") == 100
    assert value(report, 1, "left_grey") == value(report, 2, "left_grey") == 0
    assert report.rows[2].estimates["brown_bias"] is None


def patches(*colors: tuple[int, int, int]) -> Picture:
    """A picture of equal upright stripes."""
    stripes = [np.full((48, 24, 3), color, np.uint8) for color in colors]
    return np.concatenate(stripes, axis=1)


def test_a_picture_without_such_pixels_counts_as_not_measured() -> None:
    vivid, grey = patches((200, 60, 40), (128, 128, 128)), patches((90, 90, 90), (140, 140, 140))
    pairs = [(grey_to_rgb(to_grey(vivid)), vivid), *[(grey, grey)] * 3]
    report = summarize({"m": evaluate_pairs(pairs)}, ColorBins.in_gamut())
    assert value(report, 0, "left_grey") == 100  # not 25: three of the four have nothing vivid
    estimate = report.rows[0].estimates["left_grey"]
    assert estimate is not None
    assert (estimate.low, estimate.high) == (100, 100)
    assert report.heading("left_grey") == "left grey, % (1 of 4 pictures)"
    assert report.heading("brown_bias") == "brown bias"
    assert report.order("left_grey", report.rows[0])[0] == 0
    values = [picture_values(report, index)["m"]["left_grey"] for index in range(4)]
    assert values == [100, None, None, None]
    json.dumps([to_json(report), values], allow_nan=False)


def test_what_no_picture_has_is_not_measured_at_all() -> None:
    grey = patches((90, 90, 90), (140, 140, 140))
    report = summarize({"m": evaluate_pairs([(grey, grey)] * 2)}, ColorBins.in_gamut())
    assert report.rows[0].estimates["hue_error"] is None
    (line,) = (line for line in to_table(report) if line[0].startswith("hue errors"))
    assert line == ["hue errors, % (0 of 2 pictures)", "not measured", ""]


def test_the_interval_is_that_of_the_measured_pictures() -> None:
    """Half of the pictures have nothing vivid: the others alone make mean and interval."""
    rng = np.random.default_rng(1)
    bins = np.zeros(len(ColorBins.in_gamut()))
    bins[0] = 1.0
    ones = {key: 1.0 for key, metric in METRICS.items() if isinstance(metric, PictureMetric)}
    sums = {key: bins for key, metric in METRICS.items() if isinstance(metric, RebalancedMetric)}
    shares = np.where(np.arange(400) % 2, rng.normal(30, 4, 400), np.nan)
    scores = [PairScores({**ones, "left_grey": s}, ones, bins, sums) for s in shares]
    estimate = summarize({"m": scores}, ColorBins.in_gamut()).rows[0].estimates["left_grey"]
    assert estimate is not None
    assert estimate.value == pytest.approx(np.nanmean(shares))
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * 4 / 200**0.5, rel=0.1)


def test_methods_must_have_seen_the_same_pictures(truths: list[Picture]) -> None:
    pairs = [(truth, truth) for truth in truths]
    scores = {"one": evaluate_pairs(pairs), "other": evaluate_pairs(pairs[1:])}
    with pytest.raises(InputError, match="same pictures"):
        summarize(scores, ColorBins.in_gamut())


@pytest.mark.parametrize(
    "prediction",
    [np.zeros((48, 60, 3), np.uint8), np.zeros((48, 64), np.uint8), np.zeros((48, 64, 3))],
)
def test_predictions_of_another_size_or_type_are_refused(
    truths: list[Picture], prediction: Picture
) -> None:
    with pytest.raises(InputError):
        PairMeter().measure([prediction], truths[0])
