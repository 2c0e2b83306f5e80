"""Networks that give no colours, and so stand in no row of `NETS`: each keeps its own contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from photochrom.nets import build
from photochrom.nets.digits import (
    DcganCritic,
    DcganGenerator,
    DigitClassifier,
    NaiveCritic,
    NaiveGenerator,
)
from photochrom.nets.face_autoencoder import INPUT_PX, FaceAutoencoder
from photochrom.nets.patches import PatchMlp, PatchNeighbors
from photochrom.nets.reused_encoder import EncoderClassifier, EncoderSegmenter

_UNET = {"levels": 3, "width": 2}


class Network(NamedTuple):
    """make: a small one. shape: of its input. outputs: the shapes of what it gives for it."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]


NETWORKS = {
    "naive generator": Network(lambda: NaiveGenerator(5, 8), (2, 5), ((2, 1, 8, 8),)),
    "naive critic": Network(lambda: NaiveCritic(16), (2, 1, 16, 16), ((2, 1, 1, 1),)),
    "DCGAN generator": Network(lambda: DcganGenerator(5, 2, 32), (2, 5), ((2, 1, 32, 32),)),
    "DCGAN critic": Network(lambda: DcganCritic(2, 32, "layer"), (2, 1, 32, 32), ((2, 1, 1, 1),)),
    "digit classifier": Network(DigitClassifier, (2, 1, 32, 32), ((2, 11),)),
    "patch network": Network(lambda: PatchMlp(5, 4, 0.5, 6), (2, 4, 8, 16), ((2, 2, 8, 16),)),
    "patch neighbours": Network(
        lambda: PatchNeighbors(3, 4, 0.5, 9, 3), (2, 4, 8, 16), ((2, 2, 8, 16),)
    ),
    "encoder and class": Network(
        lambda: EncoderClassifier(build("unet", _UNET), 3), (2, 1, 16, 24), ((2, 3),)
    ),
    "encoder and mask": Network(
        lambda: EncoderSegmenter(build("unet", _UNET), 3), (2, 1, 16, 24), ((2, 3, 16, 24),)
    ),
    "face autoencoder": Network(
        lambda: FaceAutoencoder(latent=6, embedding=4),
        (2, 1, INPUT_PX, INPUT_PX),
        ((2, 6), (2, 4), (2, 1, INPUT_PX, INPUT_PX)),
    ),
}


def tensors(output: object) -> list[Tensor]:
    """What a network gives, as a list; without what it has none of."""
    parts = output if isinstance(output, tuple) else (output,)
    return [part for part in parts if isinstance(part, Tensor)]


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_gradients_and_state(name: str) -> None:
    make, shape, outputs = NETWORKS[name]
    torch.manual_seed(0)
    net, x = make(), torch.randn(shape)
    found = tensors(net.train()(x))
    assert tuple(tuple(part.shape) for part in found) == outputs
    assert all(part.isfinite().all() for part in found)
    learning = dict(net.named_parameters())
    if isinstance(net, (EncoderClassifier, EncoderSegmenter)):
        encoder = {id(p) for p in net.encoder_parameters()}
        learning = {k: p for k, p in learning.items() if id(p) in encoder or k.startswith("head")}
    if learning:
        # No plain sum: that of a batch norm's output, say, does not depend on its input.
        loss = torch.stack([(part * torch.randn_like(part)).sum() for part in found]).sum()
        torch.autograd.backward([loss])
    for key, parameter in learning.items():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
    twin = make()
    twin.load_state_dict(net.state_dict())
    with torch.no_grad():
        pairs = zip(tensors(net.eval()(x)), tensors(twin.eval()(x)), strict=True)
        assert all(torch.equal(own, other) for own, other in pairs)


def test_an_embedding_of_a_face_has_length_one_and_the_latent_rebuilds_it() -> None:
    torch.manual_seed(0)
    net = FaceAutoencoder(latent=6, embedding=4).eval()
    with torch.no_grad():
        out = net(torch.randn(2, 1, INPUT_PX, INPUT_PX))
        assert out.embedding.norm(dim=1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
        assert torch.equal(net.decode(out.latent), out.reconstruction)
