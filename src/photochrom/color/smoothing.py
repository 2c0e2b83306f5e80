"""Calmer colours within what the lightness shows to be one thing: post-processing of chroma.

* ``slic``: one colour for each superpixel of the lightness (Achanta et al., *SLIC Superpixels*,
  2012).
* ``felzenszwalb``: one colour for each segment of it (Felzenszwalb, Huttenlocher, *Efficient
  Graph-Based Image Segmentation*, 2004).
* ``tv``: total variation of chroma (Rudin, Osher, Fatemi 1992), which costs less where the
  lightness has an edge; by Chambolle's projection (2004).
* ``crf``: a dense conditional random field over colour bins (Krähenbühl, Koltun 2011), whose
  neighbours are near in place and in lightness.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.bins import ColorBins
from photochrom.color.fit import shrink
from photochrom.errors import InputError, requires_extra

Smoothing: TypeAlias = Literal["none", "slic", "felzenszwalb", "tv", "crf"]
SMOOTHINGS: tuple[Smoothing, ...] = get_args(Smoothing)

_SUPERPIXELS = 400
_COMPACTNESS = 0.05
_SEGMENT_SCALE = 20.0
_SEGMENT_SIGMA = 0.5
_SEGMENT_PX = 20
_TV_STRENGTH = 6.0
"""CIELAB units: how much more than this a step of chroma has to be, times px, to stay as it is."""
_TV_EDGE_L = 4.0
"""Step of lightness from one px to the next at which variation costs a third."""
_TV_STEP, _TV_ROUNDS = 0.125, 60
_CRF_PLACE_SHARE, _CRF_LIGHTNESS = 0.08, 6.0
"""Reach of the kernel: share of the short side, and units of L*."""
_CRF_NEAR_PX = 2.0
_CRF_WEIGHTS = (1.0, 2.0)
"""Of the kernel of places alone, and of places and lightness."""
_CRF_FAR, _CRF_ROUNDS = 40.0, 5
"""CIELAB units: distance from which two bins disagree in full."""


def smooth_chroma(
    ab: NDArray[np.float32], L: NDArray[np.float32], method: Smoothing
) -> NDArray[np.float32]:
    """Chroma that is calmer where the lightness is.

    ab: (h/k, w/k, 2) float32, CIELAB units. L: (h, w) float32, [0, 100].
    Returns (h', w', 2) float32, of the size of one of the two. Raises InputError for another word,
    MissingDependencyError where the package of a method is not installed.
    """
    if method == "none":
        return ab
    check_smoothing(method)
    if method == "crf":
        return _random_field(ab, shrink(L, (ab.shape[0], ab.shape[1])))
    fine = cv2.resize(ab, (L.shape[1], L.shape[0]), interpolation=cv2.INTER_CUBIC)
    if method == "tv":
        return _total_variation(np.asarray(fine, np.float32), L)
    return _uniform(np.asarray(fine, np.float32), _SEGMENTATIONS[method](L))


def check_smoothing(method: str) -> None:
    """Raise InputError for no method, MissingDependencyError where its package is missing."""
    if method not in SMOOTHINGS:
        raise InputError(
            f"colours cannot be smoothed by {method!r}; choose of {', '.join(SMOOTHINGS)}"
        )
    if method in _SEGMENTATIONS:
        _segmentation()
    if method == "crf":
        _dense_crf()


def _segmentation() -> Any:
    with requires_extra("guided", "smoothing by segments"):
        from skimage import segmentation
    return segmentation


def _dense_crf() -> Any:
    # Built from source, so that not every environment of ours has it.
    with requires_extra("crf", "smoothing by a random field"):
        return importlib.import_module("pydensecrf.densecrf")


def _superpixels(L: NDArray[np.float32]) -> NDArray[Any]:
    labels: NDArray[Any] = _segmentation().slic(
        L / 100.0,
        n_segments=_SUPERPIXELS,
        compactness=_COMPACTNESS,
        channel_axis=None,
        start_label=0,
    )
    return labels


def _segments(L: NDArray[np.float32]) -> NDArray[Any]:
    labels: NDArray[Any] = _segmentation().felzenszwalb(
        L / 100.0,
        scale=_SEGMENT_SCALE,
        sigma=_SEGMENT_SIGMA,
        min_size=_SEGMENT_PX,
        channel_axis=None,
    )
    return labels


_SEGMENTATIONS: dict[str, Callable[[NDArray[np.float32]], NDArray[Any]]] = {
    "slic": _superpixels,
    "felzenszwalb": _segments,
}
"""From L (h, w) to the number of each pixel's segment, (h, w), from 0."""


def _uniform(ab: NDArray[np.float32], labels: NDArray[Any]) -> NDArray[np.float32]:
    """The mean colour of each segment."""
    pixels = np.maximum(np.bincount(labels.ravel()), 1)
    means = [np.bincount(labels.ravel(), ab[..., i].ravel()) / pixels for i in range(2)]
    return np.asarray(np.stack(means, axis=-1)[labels], np.float32)


def _total_variation(ab: NDArray[np.float32], L: NDArray[np.float32]) -> NDArray[np.float32]:
    """The minimum of ‖∇u‖, weighted, + ‖u − ab‖² / (2 · strength), both channels together."""
    weight = np.exp(-np.hypot(*_gradient(L)) / _TV_EDGE_L)[..., None] + np.float32(1e-3)
    down, right = np.zeros_like(ab), np.zeros_like(ab)
    for _ in range(_TV_ROUNDS):
        grow_down, grow_right = _gradient(_divergence(down, right) - ab / _TV_STRENGTH)
        length = np.sqrt((grow_down**2 + grow_right**2).sum(axis=-1, keepdims=True))
        divisor = 1.0 + _TV_STEP * length / weight
        down = (down + _TV_STEP * grow_down) / divisor
        right = (right + _TV_STEP * grow_right) / divisor
    return np.asarray(ab - _TV_STRENGTH * _divergence(down, right), np.float32)


def _gradient(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Steps to the next row and to the next column; 0 at the last."""
    down, right = np.zeros_like(values), np.zeros_like(values)
    down[:-1] = values[1:] - values[:-1]
    right[:, :-1] = values[:, 1:] - values[:, :-1]
    return down, right


def _divergence(down: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """The negative adjoint of `_gradient`."""
    total = down + right
    total[1:] -= down[:-1]
    total[:, 1:] -= right[:, :-1]
    return total


def _random_field(ab: NDArray[np.float32], L: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each pixel's colour bins after the field, where it was their mean before."""
    bins = ColorBins.in_gamut()
    index, weight = bins.soft_encode(ab)
    used, index = np.unique(index, return_inverse=True)
    centers = bins.centres[used]
    h, w = L.shape
    shares = np.full((h * w, len(used)), 1e-4, np.float32)
    np.put_along_axis(shares, index.reshape(h * w, -1), weight.reshape(h * w, -1) + 1e-4, axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    distance = np.hypot(*(centers[:, None] - centers[None]).transpose(2, 0, 1))
    agreement = 1.0 - np.minimum(distance / _CRF_FAR, 1.0)
    field = _dense_crf().DenseCRF(h * w, len(used))
    field.setUnaryEnergy(np.ascontiguousarray(-np.log(shares).T))
    places = np.indices((h, w), np.float32).reshape(2, -1)
    reach = max(1.0, _CRF_PLACE_SHARE * min(h, w))
    near = places / np.float32(_CRF_NEAR_PX)
    alike = np.concatenate([places / reach, L.reshape(1, -1) / _CRF_LIGHTNESS])
    for features, strength in zip((near, alike), _CRF_WEIGHTS, strict=True):
        field.addPairwiseEnergy(
            np.ascontiguousarray(features, np.float32),
            compat=np.asarray(-strength * agreement, np.float32),
        )
    after = np.array(field.inference(_CRF_ROUNDS), np.float32).T
    return np.asarray(ab + ((after - shares) @ centers).reshape(h, w, 2), np.float32)
