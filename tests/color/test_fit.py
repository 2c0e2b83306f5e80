from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photochrom.color.fit import shrink, shrink_lightness, working_shape
from photochrom.color.luminance import lightness


@pytest.mark.parametrize(
    ("picture", "size", "multiple", "expected"),
    [
        ((3000, 4000), 256, 32, (256, 352)),
        ((4000, 3000), 256, 32, (352, 256)),
        ((500, 500), 250, 32, (256, 256)),
        ((100, 150), 256, 32, (256, 384)),  # enlarged: the network sees its usual size
        ((100, 4000), 256, 32, (32, 1024)),  # a panorama: long side at 4 × 256
        ((1, 10_000), 256, 32, (32, 1024)),
    ],
)
def test_working_shape_keeps_aspect_in_multiples(picture, size, multiple, expected):
    assert working_shape(picture[0], picture[1], size, multiple) == expected


@given(
    height=st.integers(1, 20_000),
    width=st.integers(1, 20_000),
    size=st.integers(1, 1024),
    multiple=st.sampled_from([1, 8, 32]),
)
def test_working_shape_is_bounded_whatever_the_picture(height, width, size, multiple):
    h, w = working_shape(height, width, size, multiple)
    assert h % multiple == w % multiple == 0
    assert min(h, w) >= multiple
    assert max(h, w) <= 4 * size + multiple
    assert min(h, w) <= size + multiple


def test_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="size=0"):
        working_shape(10, 10, 0, 32)


def test_shrinking_averages_areas():
    plane = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = plane.reshape(2, 2, 2, 3).mean(axis=(1, 3))
    assert np.allclose(shrink(plane, (2, 2)), expected)


def test_shrinking_keeps_channels_and_the_mean():
    plane = np.random.default_rng(0).random((90, 70, 2)).astype(np.float32)
    small = shrink(plane, (32, 33))
    assert small.shape == (32, 33, 2)
    assert np.allclose(small.mean(axis=(0, 1)), plane.mean(axis=(0, 1)), atol=1e-4)


@pytest.mark.parametrize("shape", [(32, 64), (8, 64), (32, 4), (20, 20)])
def test_a_side_may_grow_within_the_range_of_values(shape):
    plane = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    fitted = shrink(plane, shape)
    assert fitted.shape == shape
    assert fitted.min() >= plane.min()
    assert fitted.max() <= plane.max()


@pytest.mark.parametrize("shape", [(200, 300), (210, 299, 3), (20, 30)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_in_strips_is_shrunk_as_in_one_piece(shape, dtype):
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    whole = shrink(lightness(picture), (32, 48))
    assert np.abs(shrink_lightness(picture, (32, 48)) - whole).max() <= 1e-3
