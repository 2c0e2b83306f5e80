"""LPIPS as an ONNX graph: the properties of a distance, and the same numbers as in torch."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from photochrom.errors import InputError, ModelError
from photochrom.evaluation.lpips import WEIGHTS_NAME, WEIGHTS_VARIABLE, Lpips, find_weights
from photochrom.evaluation.report import Estimate
from photochrom.evaluation.scores import PairMeter
from photochrom.evaluation.summary import summarize

pytestmark = pytest.mark.slow

FIRES = {
    3: (64, 16, 64),
    4: (128, 16, 64),
    6: (128, 32, 128),
    7: (256, 32, 128),
    9: (256, 48, 192),
    10: (384, 48, 192),
    11: (384, 64, 256),
    12: (512, 64, 256),
}
"""SqueezeNet 1.1: channels in, squeezed, expanded (each of two), by layer."""
HEADS = (64, 128, 256, 384, 384, 512, 512)

Weights = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def weights() -> Weights:
    """Random weights in the layout of the real ones; the heads are non-negative as those are."""
    rng = np.random.default_rng(5)

    def convolution(key: str, channels_out: int, channels_in: int, side: int) -> Weights:
        deviation = (2 / (channels_in * side * side)) ** 0.5
        shape = (channels_out, channels_in, side, side)
        return {
            f"{key}.weight": rng.normal(0, deviation, shape).astype(np.float32),
            f"{key}.bias": rng.normal(0, 0.1, channels_out).astype(np.float32),
        }

    tensors = convolution("features.0", 64, 3, 3)
    for layer, (channels, squeezed, expanded) in FIRES.items():
        key = f"features.{layer}"
        tensors |= convolution(f"{key}.squeeze", squeezed, channels, 1)
        tensors |= convolution(f"{key}.expand1x1", expanded, squeezed, 1)
        tensors |= convolution(f"{key}.expand3x3", expanded, squeezed, 3)
    for index, channels in enumerate(HEADS):
        head = rng.uniform(0, 0.5, (1, channels, 1, 1)).astype(np.float32)
        tensors[f"lin{index}.model.1.weight"] = head
    return tensors


@pytest.fixture(scope="module")
def lpips(weights: Weights) -> Lpips:
    return Lpips(weights)


def noisy(rgb: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, sigma, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def test_equal_pictures_have_no_distance_and_noise_adds_to_it(
    lpips: Lpips, scene: NDArray[np.uint8]
) -> None:
    candidates = np.stack([scene, *(noisy(scene, sigma) for sigma in (4, 16, 64))])
    distances = lpips.distances(scene, candidates)
    assert distances.shape == (4,)
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert (np.diff(distances) > 0).all()


def test_the_distance_is_symmetric(lpips: Lpips, scene: NDArray[np.uint8]) -> None:
    other = noisy(scene, 30)
    there, back = lpips.distances(scene, other[None]), lpips.distances(other, scene[None])
    assert there == pytest.approx(back, rel=1e-4)


def test_candidates_do_not_influence_each_other(lpips: Lpips, scene: NDArray[np.uint8]) -> None:
    one, other = noisy(scene, 10), noisy(scene, 40)
    together = lpips.distances(scene, np.stack([one, other]))
    alone = [lpips.distances(scene, picture[None])[0] for picture in (one, other)]
    assert together == pytest.approx(alone, rel=1e-4)


def test_torch_computes_the_same(lpips: Lpips, weights: Weights, scene: NDArray[np.uint8]) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    tensors = {key: torch.from_numpy(value) for key, value in weights.items()}

    def convolve(x: object, key: str, **options: int) -> object:
        return functional.relu(
            functional.conv2d(x, tensors[f"{key}.weight"], tensors[f"{key}.bias"], **options)
        )

    def taps(rgb: NDArray[np.uint8]) -> list[object]:
        shift = torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1)
        scale = torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1)
        x = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        x = convolve((x - shift) / scale, "features.0", stride=2)
        layers = [x]
        for layer in range(2, 13):
            if layer in FIRES:
                small = convolve(x, f"features.{layer}.squeeze")
                narrow = convolve(small, f"features.{layer}.expand1x1")
                wide = convolve(small, f"features.{layer}.expand3x3", padding=1)
                x = torch.cat([narrow, wide], dim=1)
            else:
                x = functional.max_pool2d(x, 3, stride=2, ceil_mode=True)
            layers.append(x)
        return [layers[0], *(layers[i - 1] for i in (4, 7, 9, 10, 11, 12))]

    other = noisy(scene, 25)
    expected = 0.0
    for index, (one, two) in enumerate(zip(taps(scene), taps(other), strict=True)):
        difference = functional.normalize(one, dim=1) - functional.normalize(two, dim=1)
        head = tensors[f"lin{index}.model.1.weight"]
        expected += float(functional.conv2d(difference**2, head).mean())
    assert lpips.distances(scene, other[None])[0] == pytest.approx(expected, rel=1e-4)


def test_a_meter_with_the_network_reports_lpips(lpips: Lpips, scene: NDArray[np.uint8]) -> None:
    meter = PairMeter(lpips)
    near, far = meter.measure([noisy(scene, 8), noisy(scene, 40)], scene)
    row = summarize({"near": [near], "far": [far]}, meter.bins).rows[0]
    assert near.values["lpips"] < far.values["lpips"]
    estimate = row.estimates["lpips"]
    assert isinstance(estimate, Estimate)
    assert dataclasses.astuple(estimate) == pytest.approx((near.values["lpips"],) * 3)


def test_pictures_too_small_for_the_network_are_refused(lpips: Lpips) -> None:
    tiny = np.zeros((31, 64, 3), np.uint8)
    with pytest.raises(InputError, match="32×32"):
        lpips.distances(tiny, tiny[None])


def test_weights_are_read_from_a_safetensors_file(
    weights: Weights, scene: NDArray[np.uint8], tmp_path: Path
) -> None:
    save_file(weights, tmp_path / WEIGHTS_NAME)
    lpips = Lpips.load(tmp_path / WEIGHTS_NAME)
    assert lpips.distances(scene, scene[None])[0] == pytest.approx(0, abs=1e-6)


def test_weights_without_a_tensor_are_refused_by_its_name(weights: Weights, tmp_path: Path) -> None:
    missing = {key: value for key, value in weights.items() if key != "lin3.model.1.weight"}
    save_file(missing, tmp_path / "half.safetensors")
    with pytest.raises(ModelError, match=r"lin3\.model\.1\.weight"):
        Lpips.load(tmp_path / "half.safetensors")


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        Lpips.load(tmp_path / "weights.safetensors")


def test_the_named_weights_come_before_the_variable_and_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, variable, cached = (tmp_path / n for n in ("named", "variable", WEIGHTS_NAME))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    assert find_weights(None, tmp_path) is None
    for file in (named, variable, cached):
        file.touch()
    assert find_weights(None, tmp_path) == cached
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(variable))
    assert find_weights(None, tmp_path) == variable
    assert find_weights(named, tmp_path) == named


def test_named_weights_that_are_not_there_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match="--lpips-weights"):
        find_weights(tmp_path / "none", tmp_path)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ModelError, match=WEIGHTS_VARIABLE):
        find_weights(None, tmp_path)


@pytest.mark.parametrize("key", ["features.3.squeeze.weight", "lin0.model.1.weight"])
def test_weights_of_other_shapes_are_refused_before_the_work(weights: Weights, key: str) -> None:
    odd = {**weights, key: weights[key][:, :3]}
    with pytest.raises(ModelError, match="do not fit together"):
        Lpips(odd)
