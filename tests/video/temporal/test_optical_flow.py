"""Planes are carried along the motion, and trust is given where they show the same thing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.video.temporal.optical_flow import MotionFinder, match_exposure

SHAPE = (32, 48)
Planes = NDArray[np.float32]


def texture(seed: int, height: int = 160, width: int = 320) -> Planes:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return np.asarray(np.clip(50 + 15 * soft / soft.std(), 0, 100), np.float32)


def chroma(L: Planes) -> Planes:
    small = cv2.resize(L - 50, SHAPE[::-1], interpolation=cv2.INTER_AREA)
    return np.stack([small, -small], axis=-1).astype(np.float32)


@pytest.mark.parametrize("pan", [0, 4, 9])
def test_chroma_follows_a_pan_in_both_directions(pan: int) -> None:
    wide = texture(0)
    earlier, later = wide[:128, 50:242], wide[:128, 50 + pan : 242 + pan]
    forward, backward = MotionFinder().find(earlier, later).warps(SHAPE)
    inner = (slice(4, -4), slice(6, -6))
    for warp, source, target in ((forward, earlier, later), (backward, later, earlier)):
        carried = warp.apply(chroma(source))
        assert np.abs(carried - chroma(target))[inner].mean() < 1.0
        assert warp.trust[inner].mean() > 0.95
        assert warp.trust.min() >= 0.0
        assert warp.trust.max() <= 1.0


def test_what_comes_into_the_picture_is_not_trusted() -> None:
    wide = texture(1)
    forward, _ = MotionFinder().find(wide[:128, 50:242], wide[:128, 66:258]).warps(SHAPE)
    assert forward.trust[:, -2:].mean() < 0.3
    assert forward.trust[:, 8:-8].mean() > 0.9


def test_an_object_that_appears_is_not_trusted() -> None:
    earlier = texture(2)[:128, :192]
    later = earlier.copy()
    later[40:80, 60:120] = texture(3)[:40, :60] * 0.5
    forward, backward = MotionFinder().find(earlier, later).warps(SHAPE)
    for warp in (forward, backward):
        assert warp.trust[11:19, 16:29].mean() < 0.3
        assert warp.trust[:, 36:].mean() > 0.9


def test_weights_are_carried_without_overshoot() -> None:
    wide = texture(4)
    forward, _ = MotionFinder().find(wide[:128, 50:242], wide[:128, 53:245]).warps(SHAPE)
    weights = np.zeros(SHAPE, np.float32)
    weights[10:20, 10:20] = 7.0
    carried = forward.apply_linear(weights)
    assert carried.min() >= 0.0
    assert carried.max() <= 7.0


@pytest.mark.parametrize(("gain", "offset"), [(0.7, 0.0), (1.3, 0.0), (1.0, 12.0), (0.8, 15.0)])
def test_another_exposure_of_the_same_thing_is_trusted(gain: float, offset: float) -> None:
    wide = texture(0)
    earlier = wide[:128, 50:242]
    later = np.asarray(np.clip(gain * wide[:128, 53:245] + offset, 0, 100), np.float32)
    forward, backward = MotionFinder().find(earlier, later).warps(SHAPE)
    inner = (slice(4, -4), slice(6, -6))
    assert min(forward.trust[inner].mean(), backward.trust[inner].mean()) > 0.9


def test_what_comes_into_the_picture_does_not_count_as_exposure() -> None:
    earlier = texture(2)[:128, :192]
    later = earlier.copy()
    later[:128, :60] = 95.0
    np.testing.assert_array_equal(match_exposure(earlier, later), earlier)
    flat = np.full_like(earlier, 40.0)
    np.testing.assert_array_equal(match_exposure(flat, earlier), flat)
