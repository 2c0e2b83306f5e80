"""The two who play against each other: their losses, their turns, and several batches as one."""

from __future__ import annotations

import copy
import dataclasses
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fixtures.training import drawn_photo
from torch import Tensor, nn

from photochrom.errors import RecipeError
from photochrom.nets import build
from photochrom.nets.contract import Discriminator
from photochrom.nets.discriminators import build_discriminator
from photochrom.training.data.loader import Batch, BatchMaker
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.distributed import Ranks
from photochrom.training.losses.gan import GAN_LOSSES, gradient_penalty
from photochrom.training.losses.inputs import LossInputs, compose
from photochrom.training.models import Models
from photochrom.training.optimizers import OPTIMIZERS, lr_share
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.recipe import AugmentRecipe, DataRecipe, HintRecipe, Recipe
from photochrom.training.recipe.stage import Losses, Optimizer, Stage
from photochrom.training.recipe.toml import load_recipe
from photochrom.training.step import StageStep

pytestmark = pytest.mark.slow

SIDE = 16
PIX2PIX = Stage(
    "gan", images=8, crop=SIDE, batch=4, optimizer="adam", gan_mode="bce", critic_view="crop",
    ema=0.0, warmup=0.0, losses=Losses(l1=0.0, lambda_l1=100.0, gan=1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def photos() -> PhotoSet:
    photo = drawn_photo(0)
    return PhotoSet(("drawn",), np.array([0]), np.array([photo.shape[:2]]), photo.ravel())


@pytest.fixture
def models() -> Models:
    """None of them has batch norm, under which a batch is more than the sum of its parts."""
    torch.manual_seed(0)
    net = build("unet", {"levels": 2, "width": 4, "norm": "none", "dropout": 0.0})
    critic = build_discriminator("pixel", {"width": 4, "norm": "none"})
    return Models(net, copy.deepcopy(net), critic, None)


def make_step(stage: Stage, models: Models, photos: PhotoSet) -> StageStep:
    # A bfloat16, which is chosen where the processor has it, has but three digits.
    recipe = Recipe(DataRecipe(("photos",)), (stage,), name="test", precision="fp32")
    return StageStep(recipe, stage, models, photos, Ranks())


def batches(photos: PhotoSet, *sizes: int) -> list[Batch]:
    maker = BatchMaker(photos, HintRecipe(), AugmentRecipe(old=0.0), seed=0)
    starts = np.cumsum([0, *sizes])
    return [maker.make(int(at), size, SIDE) for at, size in zip(starts, sizes)]


def weights(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def test_every_optimizer_of_recipes_is_in_the_table() -> None:
    assert set(OPTIMIZERS) == set(get_args(Optimizer))


@pytest.mark.parametrize("mode", GAN_LOSSES)
def test_both_sides_lose_less_when_they_are_right(mode: str) -> None:
    loss = GAN_LOSSES[mode]  # type: ignore[index]
    low, high = torch.full((2, 1, 3, 3), -0.5), torch.full((2, 1, 3, 3), 0.5)
    assert loss.real(high) < loss.real(low)
    assert loss.fake(low) < loss.fake(high)
    assert loss.generator(high) < loss.generator(low)
    assert loss.log_score(low) < loss.log_score(high)


def test_cross_entropy_at_a_coin_toss_is_the_logarithm_of_two() -> None:
    loss = GAN_LOSSES["bce"]
    scores = torch.zeros(1, 1, 2, 2)
    loss_D = loss.discriminator_weight * (loss.real(scores) + loss.fake(scores))
    assert loss_D == pytest.approx(np.log(2))
    assert loss.log_score(scores) == 0.5
    assert loss.real(torch.full((1, 1, 1, 1), -200.0)) == pytest.approx(200.0)  # no overflow


def test_a_critics_accuracy_is_the_share_of_scores_on_the_right_side_of_even_odds() -> None:
    real, fake = torch.tensor([3.0, 0.1, -1.0, 0.0]), torch.tensor([-2.0, -0.1, -4.0, 0.2])
    values = {key: v.item() for key, v in GAN_LOSSES["bce"].accuracies(real, fake).items()}
    assert values == {"D_accuracy_real": 0.5, "D_accuracy_fake": 0.75}
    assert GAN_LOSSES["wgan-gp"].accuracies(real, fake) == {}


class _Slope(Discriminator):
    """Its score is a·steepness / 110 at every pixel, summed; so the slope's length is known."""

    conditional = True

    def __init__(self, steepness: float) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(steepness))

    def features(self, lab: Tensor) -> Tensor:
        return self.steepness * lab[:, 1:2] / 110

    def forward(self, lab: Tensor) -> Tensor:
        return self.features(lab).sum(dim=(2, 3), keepdim=True)


def test_the_gradient_penalty_is_the_squared_distance_of_the_slope_from_one() -> None:
    true, colored = torch.rand(2, 2, 3, 4, 4).unbind(0)
    critic = _Slope(0.5)
    penalty = gradient_penalty(critic, true * 50, colored * 50)
    assert penalty.item() == pytest.approx((0.5 * 4 - 1) ** 2)
    torch.autograd.backward([penalty])
    assert critic.steepness.grad is not None
    assert critic.steepness.grad.item() == pytest.approx(2 * (0.5 * 4 - 1) * 4)


def test_a_pix2pix_step_returns_every_loss_of_the_table(models: Models, photos: PhotoSet) -> None:
    values = make_step(PIX2PIX, models, photos)(batches(photos, 4), 0.5, 0)
    assert values["loss_D"] == pytest.approx(
        (values["loss_D_real"] + values["loss_D_fake"]) / 2, rel=1e-5
    )
    assert values["loss_G"] == pytest.approx(values["loss_G_GAN"] + values["loss_G_L1"], rel=1e-5)
    assert 0 < values["D_x"] < 1
    assert 0 < values["D_Gz"] < 1
    assert all(0 <= values[f"D_accuracy_{side}"] <= 1 for side in ("real", "fake"))
    true_ab = batches(photos, 4)[0].ab
    grey = 100 * true_ab.abs().mean().item() / 110
    assert values["loss_G_L1"] == pytest.approx(grey, rel=0.2)  # the network begins near grey


@pytest.mark.parametrize(
    ("name", "more"), [("pixel", {}), ("image", {"layers": 2}), ("patch70", {"layers": 1})]
)
@pytest.mark.parametrize("conditional", [True, False])
def test_every_critic_of_pix2pix_plays(
    models: Models, photos: PhotoSet, name: str, more: dict[str, int], conditional: bool
) -> None:
    critic = build_discriminator(name, {"width": 4, "conditional": conditional, **more})
    before = weights(critic)
    others = dataclasses.replace(models, discriminator=critic)
    values = make_step(PIX2PIX, others, photos)(batches(photos, 4), 0.5, 0)
    assert np.isfinite(list(values.values())).all()
    assert not torch.equal(before, weights(critic))


def test_accumulated_batches_learn_as_one_big_one(models: Models, photos: PhotoSet) -> None:
    twin = copy.deepcopy(models)
    big, small = (make_step(PIX2PIX, p, photos) for p in (models, twin))
    for step in range(3):
        as_one = big(batches(photos, 8), 0.5, step)
        in_parts = small(batches(photos, 4, 4), 0.5, step)
        assert in_parts == pytest.approx(as_one, rel=1e-3)
    torch.testing.assert_close(
        weights(twin.generator), weights(models.generator), atol=1e-4, rtol=1e-3
    )
    torch.testing.assert_close(
        weights(twin.discriminator), weights(models.discriminator), atol=1e-4, rtol=1e-3
    )


def test_the_critic_of_wgan_learns_more_often(models: Models, photos: PhotoSet) -> None:
    stage = dataclasses.replace(PIX2PIX, gan_mode="wgan-gp", critic_steps=3)
    step = make_step(stage, models, photos)
    learned_at = []
    for number in range(6):
        net, critic = weights(models.generator), weights(models.discriminator)
        values = step(batches(photos, 4), 0.5, number)
        learned_at.append(not torch.equal(net, weights(models.generator)))
        assert not torch.equal(critic, weights(models.discriminator))
        assert ("loss_G" in values) == learned_at[-1]
        assert values["loss_D_penalty"] >= 0
    assert learned_at == [False, False, True, False, False, True]


@pytest.mark.parametrize(("below", "learns"), [(0.01, False), (99.0, True)])
def test_the_generator_waits_for_the_critic(
    models: Models, photos: PhotoSet, below: float, learns: bool
) -> None:
    stage = dataclasses.replace(PIX2PIX, generator_waits=below)
    before = weights(models.generator)
    make_step(stage, models, photos)(batches(photos, 4), 0.5, 0)
    assert torch.equal(before, weights(models.generator)) != learns


def test_a_classification_is_the_generator_of_a_gan(photos: PhotoSet) -> None:
    """As docs/recipes.md has it: the critic begins alone; then its opinion reaches the bins."""
    documented = ["stages.0.losses.gan=0.1", "stages.0.critic_alone=0.05"]
    small = ["data.sources=['photos']", "net.options.width=2", "stages.0.batch=4"]
    recipe = load_recipe(recipe_path("classification"), [*documented, *small])
    torch.manual_seed(0)
    net = build(recipe.net.name, recipe.net.options)
    critic = build_discriminator("pixel", {"width": 4})
    models = Models(net, copy.deepcopy(net), critic, None)
    by_critic_alone = dataclasses.replace(recipe.stages[0], losses=Losses(l1=0.0, gan=0.1))
    for stage, share, learns in (
        (recipe.stages[0], 0.01, False),
        (recipe.stages[0], 0.5, True),
        (by_critic_alone, 0.5, True),
    ):
        bins, judge = weights(net.get_submodule("head")), weights(critic)
        values = make_step(stage, models, photos)(batches(photos, 4), share, 0)
        assert np.isfinite(list(values.values())).all()
        assert not torch.equal(judge, weights(critic))
        assert torch.equal(bins, weights(net.get_submodule("head"))) != learns
        assert ("loss_G_GAN" in values) == learns
        assert ("loss_G_classes" in values) == (learns and stage is recipe.stages[0])


def test_without_averaging_the_average_is_the_network(models: Models, photos: PhotoSet) -> None:
    make_step(PIX2PIX, models, photos)(batches(photos, 4), 0.5, 7)
    assert torch.equal(weights(models.average), weights(models.generator))


def test_what_is_frozen_does_not_learn(models: Models, photos: PhotoSet) -> None:
    name, frozen = next(iter(models.generator.named_parameters()))
    before, all_before = frozen.detach().clone(), weights(models.generator)
    stage = dataclasses.replace(PIX2PIX, freeze=(name,))
    make_step(stage, models, photos)(batches(photos, 4), 0.5, 0)
    assert torch.equal(before, frozen)
    assert not torch.equal(all_before, weights(models.generator))
    make_step(PIX2PIX, models, photos)(batches(photos, 4), 0.5, 1)
    assert not torch.equal(before, frozen)
    for freeze, message in (("absent", "no parameter"), ("", "whole network")):
        with pytest.raises(RecipeError, match=message):
            make_step(dataclasses.replace(PIX2PIX, freeze=(freeze,)), models, photos)


def test_what_is_frozen_keeps_the_statistics_of_its_batch_norms(photos: PhotoSet) -> None:
    torch.manual_seed(0)
    net = build("mobile-unet", {"width_16": 16, "width_8": 8, "width_4": 8})
    critic = build_discriminator("pixel", {"width": 4})
    x = torch.rand(2, 1280, 2, 2)
    frozen, trainable = net.get_submodule("top"), net.get_submodule("up16.1")
    with torch.no_grad():
        before = frozen.eval()(x)
    norms = (frozen[1], trainable)  # type: ignore[index]
    running_mean, other_mean = (norm.get_buffer("running_mean").clone() for norm in norms)
    stage = Stage("s", images=8, crop=32, batch=2, freeze=("top",))
    maker = BatchMaker(photos, HintRecipe(), AugmentRecipe(old=0.0), seed=0)
    step = make_step(stage, Models(net, copy.deepcopy(net), critic, None), photos)
    for number in range(2):
        step([maker.make(2 * number, 2, 32)], 0.5, number)
    assert torch.equal(frozen[1].get_buffer("running_mean"), running_mean)  # type: ignore[index]
    assert not torch.equal(trainable.get_buffer("running_mean"), other_mean)
    with torch.no_grad():
        assert torch.equal(frozen.eval()(x), before)


def with_frozen_encoder() -> Models:
    torch.manual_seed(0)
    net = build("mobile-unet", {"encoder_norm": True})
    for parameter in net.encoder_parameters():
        parameter.requires_grad_(False)
    average = copy.deepcopy(net).eval()
    return Models(net, average, build_discriminator("pixel", {"width": 4}), None)


def test_frozen_batch_norms_are_not_measured_either() -> None:
    models = with_frozen_encoder()
    before = {k: v.clone() for k, v in models.average.state_dict().items()}
    models.measure_statistics(iter([torch.rand(2, 4, 32, 32) * 50]))
    changed_keys = {
        k for k, v in models.average.state_dict().items() if not torch.equal(v, before[k])
    }
    assert {"top.1.running_mean", "refine.1.num_batches_tracked"} <= changed_keys
    assert not any(key.startswith("encoder") for key in changed_keys)
    assert not any(module.training for module in models.average.modules())


def test_frozen_batch_norms_are_measured_where_their_average_is_still_on_its_way() -> None:
    """As where an earlier stage taught the encoder, and a later one freezes it."""
    models = with_frozen_encoder()
    net = models.generator
    net.get_buffer("encoder.last.n.running_mean").add_(1.0)
    with torch.no_grad():
        net.get_parameter("encoder.stem.n.weight").add_(1.0)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    models.measure_statistics(iter([torch.rand(2, 4, 32, 32) * 50]))
    measured_keys = {
        k for k, v in models.average.state_dict().items() if k.endswith("tracked") and v
    }
    encoders = {k.rpartition(".")[0] for k in measured_keys if k.startswith("encoder")}
    assert encoders == {"encoder.stem.n", "encoder.last.n"}
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


@pytest.mark.parametrize(("side", "loss_side"), [(16, 16), (8, 16), (32, 16), (40, 16)])
def test_true_and_coloured_pictures_are_made_smaller_alike(side: int, loss_side: int) -> None:
    stage = dataclasses.replace(PIX2PIX, loss_side=loss_side)
    random = torch.Generator().manual_seed(0)
    ab = 20 * torch.randn(1, 2, side, side, generator=random)
    L = torch.full((1, 1, side, side), 60.0)
    inputs = LossInputs(stage, L, ab, ab)
    if side < loss_side:  # larger: between the network's colours, a straight line
        size = (loss_side, loss_side)
        larger = F.interpolate(ab, size=size, mode="bilinear", align_corners=False)
        assert torch.equal(inputs.rgb, compose(torch.full((1, 1, *size), 60.0), larger))
    else:
        torch.testing.assert_close(inputs.rgb, inputs.true_rgb)


def test_noise_is_a_function_of_seed_and_step(models: Models, photos: PhotoSet) -> None:
    twin = copy.deepcopy(models)
    stage = dataclasses.replace(PIX2PIX, gan_mode="wgan-gp")  # draws at random between pictures
    first = make_step(stage, models, photos)(batches(photos, 4), 0.5, 5)
    torch.rand(7)
    assert make_step(stage, twin, photos)(batches(photos, 4), 0.5, 5) == first


def test_the_constant_schedule_stays() -> None:
    stage = Stage("s", images=1, schedule="constant", warmup=0.1)
    assert lr_share(stage, 0.05) < 1
    assert [lr_share(stage, done) for done in (0.1, 0.5, 0.99)] == [1, 1, 1]
    assert lr_share(Stage("s", images=1), 0.999) < 0.03
