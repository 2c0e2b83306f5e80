from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from photochrom.color.fit import shrink
from photochrom.color.luminance import lightness
from photochrom.color.resample import area_matrix, cubic_matrix, resampling_matrix
from photochrom.color.space import rgb_to_lab
from photochrom.color.upsample import upsample_chroma


@pytest.fixture(scope="module")
def ab_small():
    return np.random.default_rng(0).normal(0, 20, (12, 17, 2)).astype(np.float32)


def test_cubic_interpolation_is_that_of_opencv(ab_small):
    theirs = cv2.resize(ab_small, (301, 200), interpolation=cv2.INTER_CUBIC)
    down, across = cubic_matrix(200, 12), cubic_matrix(301, 17)
    ours = np.einsum("yi,ijc,xj->yxc", down, ab_small, across)
    assert np.abs(ours - theirs).max() <= 1e-3


def test_area_averages_are_those_of_opencv():
    plane = np.random.default_rng(0).random((97, 64)).astype(np.float32)
    theirs = cv2.resize(plane, (13, 20), interpolation=cv2.INTER_AREA)
    ours = area_matrix(20, 97) @ plane @ area_matrix(13, 64).T
    assert np.abs(ours - theirs).max() <= 1e-5


@pytest.mark.parametrize(
    ("target", "source"), [(1, 1), (5, 5), (40, 1), (1, 40), (37, 12), (12, 37)]
)
def test_resampling_keeps_a_constant(target, source):
    assert np.allclose(resampling_matrix(target, source).sum(axis=1), 1, atol=1e-6)


def test_bicubic_is_two_back_projections_of_the_whole_picture(ab_small):
    size, small = (301, 200), (17, 12)
    o = cv2.resize(ab_small, size, interpolation=cv2.INTER_CUBIC)
    for _ in range(2):
        missing = ab_small - cv2.resize(o, small, interpolation=cv2.INTER_AREA)
        o = o + cv2.resize(missing, size, interpolation=cv2.INTER_CUBIC)
    L = np.full((200, 301), 50, np.float32)
    assert np.abs(upsample_chroma(ab_small, L, "bicubic") - o).max() <= 2e-3


@pytest.mark.parametrize("method", ["bicubic", "guided"])
def test_averaging_gives_the_small_map_back(method):
    L, ab = photo_lab()
    ab_small = shrink(ab, (32, 32))
    back = shrink(upsample_chroma(ab_small, L, method), (32, 32))
    assert np.abs(back - ab_small).mean() <= 0.25


@pytest.mark.parametrize("method", ["bicubic", "guided"])
def test_one_colour_stays_one_colour(method):
    L = np.random.default_rng(0).uniform(0, 100, (60, 80)).astype(np.float32)
    ab = upsample_chroma(np.full((6, 8, 2), (25, -40), np.float32), L, method)
    assert np.allclose(ab, (25, -40), atol=1e-2)


@pytest.mark.parametrize("method", ["bicubic", "guided"])
def test_chroma_of_a_photo_is_nearer_the_truth_than_the_nearest_pixel(method):
    L, ab = photo_lab()
    ab_small = shrink(ab, (64, 64))
    nearest = cv2.resize(ab_small, L.shape[::-1], interpolation=cv2.INTER_NEAREST)
    error = np.abs(upsample_chroma(ab_small, L, method) - ab).mean()
    assert error < 0.9 * np.abs(nearest - ab).mean()


def test_guided_chroma_follows_an_edge_of_the_photograph():
    """A dark red and a bright blue half; the small map has a mixed column at the edge."""
    height, width, edge = 64, 96, 43
    left = np.arange(width) < edge
    L = np.broadcast_to(np.where(left, 30, 80), (height, width)).astype(np.float32)
    truth = np.where(left[None, :, None], (40, 20), (0, -30)) * np.ones((height, 1, 1))
    ab_small = shrink(truth.astype(np.float32), (8, 12))
    error = {
        method: np.abs(upsample_chroma(ab_small, L, method) - truth).mean()
        for method in ("bicubic", "guided")
    }
    assert error["guided"] < 0.7 * error["bicubic"]


def test_an_unknown_method_is_named(ab_small):
    with pytest.raises(ValueError, match="'nearest'"):
        upsample_chroma(ab_small, np.zeros((40, 40), np.float32), "nearest")  # type: ignore[arg-type]


def photo_lab():
    photo = skimage.data.astronaut()
    ab = rgb_to_lab(photo.astype(np.float32) / 255)[..., 1:]
    return lightness(photo), np.ascontiguousarray(ab)
