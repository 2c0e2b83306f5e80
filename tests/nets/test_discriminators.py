"""Every critic of the table keeps one contract; a new row inherits these tests."""

from __future__ import annotations

import pytest
import torch

from photochrom.errors import RecipeError
from photochrom.nets.contract import Discriminator
from photochrom.nets.discriminators import DISCRIMINATORS, build_discriminator
from photochrom.nets.patchgan import Patch70Discriminator

pytestmark = pytest.mark.slow


@pytest.fixture(
    params=[(name, given) for name in DISCRIMINATORS for given in (True, False)], ids=str
)
def discriminator(request: pytest.FixtureRequest) -> Discriminator:
    name, conditional = request.param
    torch.manual_seed(0)
    return build_discriminator(name, {"width": 8, "conditional": conditional})


def lab_pictures(height: int, width: int) -> torch.Tensor:
    lab = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    return lab * torch.tensor([100.0, 160.0, 160.0]).view(1, 3, 1, 1) - torch.tensor(
        [0.0, 80.0, 80.0]
    ).view(1, 3, 1, 1)


class TestContract:
    @pytest.mark.parametrize(("height", "width"), [(64, 64), (72, 99)])
    def test_scores_have_a_channel_for_each_scale(
        self, discriminator: Discriminator, height: int, width: int
    ) -> None:
        scores = discriminator(lab_pictures(height, width))
        assert scores.shape[:2] == (2, len(discriminator.scale_weights))
        assert sum(discriminator.scale_weights) == pytest.approx(1)
        assert scores.isfinite().all()

    def test_a_gradient_reaches_every_parameter_and_the_colours(
        self, discriminator: Discriminator
    ) -> None:
        with torch.no_grad():
            for parameter in discriminator.parameters():
                parameter.add_(1e-3)  # the attention's weight starts at zero
        lab = lab_pictures(64, 64).requires_grad_()
        torch.autograd.backward([discriminator(lab).square().mean()])
        for name, parameter in discriminator.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
        assert lab.grad is not None
        assert lab.grad[:, 1:].abs().sum() > 0

    def test_only_a_conditional_discriminator_sees_lightness(
        self, discriminator: Discriminator
    ) -> None:
        lab = lab_pictures(64, 64)
        darker = lab.clone()
        darker[:, 0] *= 0.3
        with torch.no_grad():
            same = torch.equal(discriminator.eval()(lab), discriminator(darker))
        assert same is not discriminator.conditional

    def test_a_gradient_penalty_can_be_taken(self, discriminator: Discriminator) -> None:
        lab = lab_pictures(64, 64).requires_grad_()
        (slope,) = torch.autograd.grad(discriminator(lab).sum(), lab, create_graph=True)
        torch.autograd.backward([slope.square().mean()])
        assert any(
            p.grad is not None and p.grad.abs().sum() > 0 for p in discriminator.parameters()
        )


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_the_patch_that_a_score_sees_is_isolas(layers: int, field: int) -> None:
    discriminator = Patch70Discriminator(width=4, layers=layers, norm="none", init="torch")
    lab = lab_pictures(160, 160).requires_grad_()
    scores = discriminator(lab)
    middle = scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2]
    (slope,) = torch.autograd.grad(middle, lab)
    rows = slope[0].abs().sum(dim=(0, 2)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == field


@pytest.mark.parametrize("norm", ["batch", "instance", "layer", "spectral", "none"])
def test_discriminators_take_every_norm(norm: str) -> None:
    for name in ("patch70", "pixel", "image"):
        scores = build_discriminator(name, {"width": 8, "norm": norm})(lab_pictures(64, 64))
        assert scores.isfinite().all()


def test_pix2pix_initial_weights_are_narrow() -> None:
    torch.manual_seed(0)
    weight = next(build_discriminator("patch70", {}).parameters())
    assert float(weight.detach().std()) == pytest.approx(0.02, rel=0.1)


def test_unknown_critic_and_option_are_named() -> None:
    with pytest.raises(RecipeError, match="patch70"):
        build_discriminator("patch71", {})
    with pytest.raises(RecipeError, match="widht"):
        build_discriminator("patch", {"widht": 3})
    with pytest.raises(RecipeError, match="batch, instance"):
        build_discriminator("patch70", {"norm": "bacth"})
