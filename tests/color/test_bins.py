from __future__ import annotations

import numpy as np
import pytest

from photochrom.color.bins import ColorBins
from photochrom.color.space import lab_to_rgb, rgb_to_lab


@pytest.fixture(scope="module")
def bins():
    return ColorBins.in_gamut()


def in_gamut_colors(n=2000):
    return rgb_to_lab(np.random.default_rng(0).random((n, 3)))[:, 1:].astype(np.float32)


def test_bins_lie_on_a_10_unit_grid_and_none_twice(bins):
    assert (bins.centres % 10 == 0).all()
    assert len(np.unique(bins.centres, axis=0)) == len(bins)
    assert 200 <= len(bins) <= 313


def test_every_bin_can_be_shown_by_some_lightness(bins):
    L = np.linspace(1, 99, 99)
    lab = np.stack(np.broadcast_arrays(L[:, None], *bins.centres.T), axis=-1)
    rgb = lab_to_rgb(lab)
    assert ((rgb > -0.03) & (rgb < 1.03)).all(axis=-1).any(axis=0).all()


def test_every_colour_of_srgb_has_a_bin_nearby(bins):
    colors = in_gamut_colors()
    nearest = np.sqrt(((colors[:, None] - bins.centres) ** 2).sum(-1)).min(axis=1)
    assert nearest.max() < 11


def test_soft_encoding_sums_to_one_and_names_the_nearest_bin_first(bins):
    colors = in_gamut_colors()
    index, weight = bins.soft_encode(colors)
    assert index.shape == weight.shape == (len(colors), 5)
    assert np.allclose(weight.sum(axis=-1), 1, atol=1e-6)
    nearest = ((colors[:, None] - bins.centres) ** 2).sum(-1).argmin(axis=1)
    assert (index[:, 0] == nearest).mean() > 0.8  # the table has cells of 2 units


def test_soft_encoding_and_mean_give_the_colour_back(bins):
    colors = in_gamut_colors()
    index, weight = bins.soft_encode(colors)
    back = (bins.centres[index] * weight[..., None]).sum(axis=-2)
    error = np.sqrt(((back - colors) ** 2).sum(axis=-1))
    assert np.median(error) < 2.5


def test_colours_beyond_the_table_are_those_of_its_edge(bins):
    far = bins.soft_encode(np.array([[500.0, 0.0]], np.float32))
    edge = bins.soft_encode(np.array([[128.0, 0.0]], np.float32))
    assert (far[0] == edge[0]).all()


def test_annealed_mean_is_the_mean_at_1_and_the_mode_near_0(bins):
    logits = np.random.default_rng(0).normal(0, 2, (7, len(bins)))
    probability = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert np.allclose(bins.annealed_mean(logits, 1.0), probability @ bins.centres, atol=1e-4)
    mode = bins.centres[logits.argmax(axis=-1)]
    assert np.allclose(bins.annealed_mean(logits, 0.001), mode, atol=1e-2)


def test_annealed_mean_of_huge_logits_is_finite(bins):
    logits = np.full((len(bins),), -1e4, np.float32)
    logits[3] = 1e4
    assert np.allclose(bins.annealed_mean(logits), bins.centres[3])


def test_torch_and_numpy_agree_along_the_channel_axis(bins):
    torch = pytest.importorskip("torch")
    logits = np.random.default_rng(0).normal(0, 2, (2, len(bins), 3, 4)).astype(np.float32)
    ours = bins.annealed_mean(logits, axis=1)
    theirs = bins.annealed_mean(torch.from_numpy(logits), axis=1)
    assert ours.shape == (2, 2, 3, 4)
    assert np.allclose(theirs.numpy(), ours, atol=1e-3)
