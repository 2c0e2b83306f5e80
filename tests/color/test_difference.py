"""CIEDE2000 is the published formula."""

from __future__ import annotations

import numpy as np
from skimage.color import deltaE_ciede2000

from photochrom.color.difference import ciede2000

PUBLISHED = (
    # Sharma, Wu, Dalal (2005), Table 1: pairs in which an implementation is likely to be wrong.
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, 0.0, 0.0), (50.0, -1.0, 2.0), 2.3669),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
)


def test_published_pairs_have_their_differences() -> None:
    first, second, expected = (np.array(column) for column in zip(*PUBLISHED))
    np.testing.assert_allclose(ciede2000(first, second), expected, atol=5e-5)


def test_any_pair_is_as_in_scikit_image() -> None:
    lab = np.random.default_rng(0).uniform((0, -100, -100), (100, 100, 100), (2, 40, 30, 3))
    np.testing.assert_allclose(ciede2000(*lab), deltaE_ciede2000(*lab), atol=1e-9)
    assert ciede2000(lab[0], lab[0]).max() == 0.0
