"""Losses and a critic that see through a frozen EfficientNet-Lite2: who learns by them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from photochrom.color.space import rgb_to_lab
from photochrom.errors import RecipeError
from photochrom.nets import build
from photochrom.nets.contract import Discriminator
from photochrom.nets.efficientnet_lite import EfficientNetLite
from photochrom.nets.lite_features import LiteFeatures
from photochrom.pretrained import EFFICIENTNET_LITE2, weights_file
from photochrom.training.data.loader import Batch
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.distributed import Ranks
from photochrom.training.losses.gan import GAN_LOSSES, score_pair
from photochrom.training.losses.inputs import LossInputs
from photochrom.training.models import Models
from photochrom.training.recipe.recipe import CriticRecipe, DataRecipe, NetRecipe, Recipe
from photochrom.training.recipe.stage import Losses, Stage
from photochrom.training.step import StageStep
from photochrom.training.weights import check_stages, load_critic, load_lite

pytestmark = pytest.mark.slow

SMALL = {"encoder_size": 0, "width_16": 16, "width_8": 8, "width_4": 8, "attention": 0}
CRITIC = CriticRecipe("projected", {"width": 8})


def recipe(**losses: float) -> Recipe:
    """One stage, with these losses alone."""
    stage = Stage(
        "only", images=8, crop=64, batch=2, lr=1e-3, encoder_lr=1e-3, weight_decay=0.0, warmup=0.0,
        loss_side=64, losses=Losses(**{"l1": 0.0, **losses}),
    )  # fmt: skip
    net = NetRecipe("lite-unet", options=SMALL)
    return Recipe(DataRecipe(("photos",)), (stage,), name="lite", net=net, critic=CRITIC)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = torch.load(weights_file(EFFICIENTNET_LITE2), weights_only=True)
    return tensors


@pytest.fixture(scope="module")
def lite() -> LiteFeatures:
    judge = load_lite(recipe(distillation=1.0), torch.device("cpu"))
    assert judge is not None
    return judge


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Input, lightness and true colours of two pictures."""
    random = torch.Generator().manual_seed(0)
    rgb = torch.rand(2, 3, 8, 8, generator=random).repeat_interleave(8, 2).repeat_interleave(8, 3)
    lab = rgb_to_lab(rgb, axis=1)
    L, ab = lab[:, :1], lab[:, 1:]
    return Batch(torch.cat([L, torch.zeros(2, 3, 64, 64)], dim=1), L, ab)


@pytest.fixture(scope="module")
def new_critic() -> Discriminator:
    torch.manual_seed(0)
    return load_critic(CRITIC)


@pytest.fixture
def critic(new_critic: Discriminator) -> Discriminator:
    return copy.deepcopy(new_critic)


def models(recipe: Recipe, critic: Discriminator, lite: LiteFeatures) -> Models:
    torch.manual_seed(0)
    net = build(recipe.net.name, recipe.net.options)
    nn.init.normal_(net.get_parameter("regress.weight"), 0.0, 0.05)  # colours from the start
    return Models(net, copy.deepcopy(net).eval(), critic, None, lite)


def changed(module: nn.Module, before: dict[str, Tensor]) -> set[str]:
    """Names of the parameters and buffers that are not as they were."""
    now = dict([*module.named_parameters(), *module.named_buffers()])
    return {name for name, tensor in now.items() if not torch.equal(tensor, before[name])}


def tensors(module: nn.Module) -> dict[str, Tensor]:
    pairs = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in pairs}


class TestFrozenFeatures:
    def test_they_are_the_classifiers_own(
        self, lite: LiteFeatures, published: dict[str, Tensor]
    ) -> None:
        encoder = EfficientNetLite(2, channels=3)
        encoder.load_imagenet(published)
        rgb = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            expected = encoder.eval()((rgb * 255 - 127) / 128)
            found = lite(rgb)
        assert tuple(f.shape[1] for f in found) == lite.channels == (24, 48, 120, 1280)
        assert [f.shape[2:] for f in found] == [(16, 24), (8, 12), (4, 6), (2, 3)]
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)

    def test_nothing_of_them_learns_or_is_kept(self, lite: LiteFeatures) -> None:
        assert not list(lite.parameters())
        assert not lite.state_dict()
        assert all(not b.requires_grad for b in lite.requires_grad_(True).buffers())

    def test_a_picture_in_colour_teaches_more_than_the_grey_one(self, lite: LiteFeatures) -> None:
        rgb = torch.rand(1, 3, 2, 2, generator=torch.Generator().manual_seed(3))
        rgb = rgb.repeat_interleave(32, 2).repeat_interleave(32, 3)
        grey = rgb.mean(dim=1, keepdim=True).expand_as(rgb)
        with torch.no_grad():
            cosine = torch.cosine_similarity(lite(rgb)[-1], lite(grey)[-1], dim=1)
        assert cosine.max() < 0.9


Step = Callable[..., tuple[dict[str, float], set[str], set[str]]]


@pytest.fixture
def learn(critic: Discriminator, lite: LiteFeatures, batch: Batch) -> Step:
    """One step under some losses: the logs, and what has changed in generator and critic."""

    def step(**losses: float) -> tuple[dict[str, float], set[str], set[str]]:
        plan = recipe(**losses)
        ours = models(plan, critic, lite)
        photos = PhotoSet((), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
        step = StageStep(plan, plan.stages[0], ours, photos, Ranks())
        before, judged_before, frozen = map(tensors, (ours.generator, critic, lite))
        logs = step([batch], 0.5, 0)
        assert not changed(lite, frozen)
        parameters = {name for name, _ in ours.generator.named_parameters()}
        return logs, changed(ours.generator, before) & parameters, changed(critic, judged_before)

    return step


class TestWhoLearns:
    """One step under one loss alone; the frozen network stays, bit for bit."""

    def test_distillation_teaches_the_encoder_alone(self, learn: Step) -> None:
        logs, learned, judged = learn(distillation=1.0)
        assert 0 < logs["loss_G_distillation"] < 2
        assert {"encoder.stem.conv.weight", "encoder.head.conv.weight"} <= learned
        assert all(name.startswith(("encoder.", "add_")) for name in learned)
        assert not judged

    def test_the_perceptual_loss_teaches_the_colours(self, learn: Step) -> None:
        logs, learned, judged = learn(perceptual_lite=1.0)
        assert logs["loss_G_perceptual_lite"] > 0
        assert {"regress.weight", "encoder.head.conv.weight"} <= learned
        assert not judged

    def test_the_critic_teaches_the_colours_and_learns_beside(self, learn: Step) -> None:
        logs, learned, judged = learn(gan=1.0)
        assert logs["loss_D"] > 0
        assert {"regress.weight", "encoder.head.conv.weight"} <= learned
        assert {name.partition(".")[0] for name in judged} == {"heads"}

    def test_at_the_truth_nothing_is_lost(self, lite: LiteFeatures, batch: Batch) -> None:
        plan = recipe(perceptual_lite=1.0, distillation=1.0)
        _, L, ab = batch
        truth = LossInputs(plan.stages[0], L, ab, ab)
        with torch.no_grad():
            judged = lite(truth.true_rgb)
            torch.testing.assert_close(judged, lite(truth.rgb), rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(lite(truth.true_crop), judged, rtol=1e-4, atol=1e-4)


def test_the_projected_critic_learns_to_tell_true_colours_from_exchanged_ones(
    critic: Discriminator,
) -> None:
    """On pictures that it has not seen; what it looks through and its projections stay."""

    def pictures(seed: int) -> tuple[Tensor, Tensor]:
        """Blue above green; and green above blue."""
        random = torch.Generator().manual_seed(seed)
        light = torch.empty(4, 1, 1, 1).uniform_(0.5, 0.9, generator=random)
        real = torch.zeros(4, 3, 32, 32)
        real[:, :, :16] = light * torch.tensor([0.4, 0.6, 1.0]).view(1, 3, 1, 1)
        real[:, :, 16:] = light * torch.tensor([0.3, 0.7, 0.2]).view(1, 3, 1, 1)
        return rgb_to_lab(real, axis=1), rgb_to_lab(real.flip(2), axis=1)

    def tell_apart(critic: Discriminator, seed: int) -> tuple[Tensor, Tensor]:
        return score_pair(critic, *pictures(seed))

    before = tensors(critic)
    optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.0, 0.9))
    for seed in range(12):
        real, fake = tell_apart(critic.train(), seed)
        loss = GAN_LOSSES["hinge"].real(real) + GAN_LOSSES["hinge"].fake(fake)
        optimizer.zero_grad()
        torch.autograd.backward([loss])
        optimizer.step()
    assert loss.item() < 1.5
    with torch.no_grad():
        real, fake = tell_apart(critic.eval(), 99)
    assert (real.mean(dim=(1, 2, 3)) > fake.mean(dim=(1, 2, 3)) + 0.2).all()
    assert all(name.startswith("heads") for name in changed(critic, before))


def test_a_critics_state_has_its_projections_and_not_the_frozen_network(
    critic: Discriminator,
) -> None:
    state = critic.state_dict()
    assert {"projection_0", "projection_3"} <= set(state)
    assert not any(name.startswith("features") for name in state)
    twin = load_critic(CRITIC)
    twin.load_state_dict(state)
    lab = torch.rand(1, 3, 32, 32) * 50
    with torch.no_grad():
        assert torch.equal(critic.eval()(lab), twin.eval()(lab))


def test_networks_whose_features_cannot_be_compared_are_refused_before_any_work() -> None:
    plan = recipe(distillation=1.0)
    check_stages(plan, build("lite-unet", SMALL))
    with pytest.raises(RecipeError, match=r"has no features that losses\.distillation"):
        check_stages(plan, build("unet", {"levels": 2, "width": 4}))
