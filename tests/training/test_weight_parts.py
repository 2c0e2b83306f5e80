"""A run's averaged weights in small files, from which another run can start."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from photochrom.errors import ModelError
from photochrom.training import weight_parts
from photochrom.training.weight_parts import load_parts, save_parts


@pytest.fixture
def weights() -> dict[str, Tensor]:
    """Two kernels of 600 kB and 400 kB as fp16, a vector beyond what fp16 can hold, a counter."""
    torch.manual_seed(1)
    return {
        "a.weight": torch.randn(100, 3000),
        "a.running_var": torch.full((10,), 1e6),
        "b.weight": torch.randn(100, 2000).t(),  # not contiguous
        "b.batches": torch.tensor(7),
    }


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_parts, "PART_BYTES", 700_000)


def test_they_come_back_in_parts_of_a_limited_size(
    weights: dict[str, Tensor], tmp_path: Path
) -> None:
    save_parts(tmp_path / "weights", weights, images=100)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "weights").iterdir())]
    assert len(sizes) == 2
    assert max(sizes) < 702_000
    found = load_parts(tmp_path / "weights", "net.start_from")
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(found[name], tensor.float(), rtol=1e-3, atol=1e-4)
    assert torch.equal(found["a.running_var"], weights["a.running_var"])


def test_parts_of_two_moments_are_no_network(weights: dict[str, Tensor], tmp_path: Path) -> None:
    save_parts(tmp_path, weights, images=100)
    first = (tmp_path / "part-1.safetensors").read_bytes()
    save_parts(tmp_path, weights, images=200)
    load_parts(tmp_path, "x")
    (tmp_path / "part-1.safetensors").write_bytes(first)  # as if killed between the two
    with pytest.raises(ModelError, match="not all of one moment"):
        load_parts(tmp_path, "x")


@pytest.mark.parametrize("damage", ["missing", "cut off", "none there"])
def test_damaged_parts_are_refused(weights: dict[str, Tensor], tmp_path: Path, damage: str) -> None:
    save_parts(tmp_path, weights, images=100)
    last = tmp_path / "part-2.safetensors"
    if damage == "cut off":
        last.write_bytes(last.read_bytes()[:1000])
    else:
        last.unlink()
    if damage == "none there":
        (tmp_path / "part-1.safetensors").unlink()
    with pytest.raises(ModelError, match="copy"):
        load_parts(tmp_path, "net.start_from")
