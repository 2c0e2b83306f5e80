"""Smoothing makes chroma calmer within what the lightness shows as one thing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model
from numpy.typing import NDArray

from photochrom.color.smoothing import SMOOTHINGS, Smoothing, smooth_chroma
from photochrom.errors import InputError, MissingDependencyError
from photochrom.pipeline import colorize

K = 4
PACKAGES = {"slic": "skimage", "felzenszwalb": "skimage", "crf": "pydensecrf.densecrf"}


def two_halves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A dark red and a light blue half, with noise in the chroma."""
    left = np.arange(24) < 12
    L = np.repeat(np.repeat(np.where(left, 30.0, 70.0)[None], 16, 0), K, 0).repeat(K, 1)
    clean = np.where(left[:, None], (40.0, 20.0), (-10.0, -40.0))[None].repeat(16, 0)
    noise = np.random.default_rng(0).normal(0.0, 4.0, clean.shape)
    return (clean + noise).astype(np.float32), L.astype(np.float32)


@pytest.mark.parametrize("method", SMOOTHINGS[1:])
def test_noise_goes_and_edges_stay(method: Smoothing) -> None:
    if method == "crf":
        pytest.importorskip("pydensecrf")
    ab, L = two_halves()
    smooth = smooth_chroma(ab, L, method)
    k = smooth.shape[0] // ab.shape[0]
    assert smooth.shape == (16 * k, 24 * k, 2)
    assert smooth.dtype == np.float32
    small = smooth.reshape(16, k, 24, k, 2).mean(axis=(1, 3))
    for half in (np.s_[:, :11], np.s_[:, 13:]):
        assert small[half].std(axis=(0, 1)).mean() < 0.9 * ab[half].std(axis=(0, 1)).mean()
        np.testing.assert_allclose(
            small[half].mean(axis=(0, 1)), ab[half].mean(axis=(0, 1)), atol=2.5
        )


def test_none_changes_nothing_and_others_are_refused(
    tmp_path: Path, grey_scene: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    ab, L = two_halves()
    assert smooth_chroma(ab, L, "none") is ab
    model = tiny_model(tmp_path / "tiny.onnx")
    plain = colorize(grey_scene, model=model)
    np.testing.assert_array_equal(colorize(grey_scene, model=model, smooth="none"), plain)
    assert (colorize(grey_scene, model=model, smooth="tv") != plain).any()
    with pytest.raises(InputError, match="cannot be smoothed by 'blur'; choose of none, slic"):
        colorize(grey_scene, model=model, smooth="blur")  # type: ignore[arg-type]
    for method, package in PACKAGES.items():
        monkeypatch.setitem(sys.modules, package, None)
        extra = "crf" if method == "crf" else "guided"
        with pytest.raises(MissingDependencyError, match=rf"photochrom\[{extra}\]"):
            colorize(grey_scene, model=model, smooth=method)  # type: ignore[arg-type]
