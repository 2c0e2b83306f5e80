"""One stage of a training recipe: how long, by which losses, who learns and how fast."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from photochrom.errors import RecipeError
from photochrom.tables import Key, Range
from photochrom.training.losses.gan import GanMode
from photochrom.training.losses.terms import LOSSES, Sees, loss_numbers
from photochrom.training.recipe.number_types import (
    AdamBeta,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Share,
)

CriticView = Literal["small", "crop"]
Optimizer = Literal["adamw", "adam"]
Schedule = Literal["cosine", "constant"]


class Losses(Mapping[str, float]):
    """Weights of the losses, and their options; a loss of weight 0 is not computed.

    The keys are those of `LOSSES`: NAME for a loss's weight, NAME_OPTION for its options.
    """

    def __init__(self, **numbers: float) -> None:
        """numbers: those that are not the default's.

        Raises RecipeError for unknown ones, for losses that are the same, and where all are 0.
        """
        defaults = {name: number.default for name, number in loss_numbers().items()}
        for name in numbers.keys() - defaults.keys():
            raise RecipeError(f"there is no losses.{name}; known ones: {', '.join(defaults)}")
        self._numbers = {name: numbers.get(name, default) for name, default in defaults.items()}
        active = self.active()
        if not active:
            raise RecipeError("all losses of a stage are 0: it would learn nothing")
        for name, other in itertools.combinations(active, 2):
            if LOSSES[name].log_name == LOSSES[other].log_name:
                raise RecipeError(
                    f"losses.{name} and losses.{other} are the same loss; set one of them 0"
                )

    @staticmethod
    def table_keys() -> dict[str, Key]:
        """The keys of a recipe's table of losses."""
        return {
            name: Key(Annotated[float, number.range], False, number.default, number.doc)
            for name, number in loss_numbers().items()
        }

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __repr__(self) -> str:
        return f"Losses({', '.join(f'{name}={value}' for name, value in self.items())})"

    def active(self, *sees: Sees) -> list[str]:
        """Names of the losses that have a weight; of those alone that see one of these."""
        return [
            name
            for name, loss in LOSSES.items()
            if self._numbers.get(name) and (not sees or loss.sees in sees)
        ]

    def options(self, name: str) -> dict[str, float]:
        """The options of a loss, as its function takes them."""
        return {option: self._numbers[f"{name}_{option}"] for option in LOSSES[name].options}


@dataclass(frozen=True)
class Stage:
    """One stretch of training; its schedule runs over its images, epochs or minutes."""

    name: str
    images: NonNegativeInt = 0
    """Length in pictures seen; or"""
    epochs: NonNegativeFloat = 0.0
    """length in epochs, each once through the training photos, or monitor.epoch_images; or"""
    minutes: NonNegativeFloat = 0.0
    """length in minutes of training; or"""
    share: Share = 0.0
    """length as a share of the recipe's budget_images. Exactly one of the four is set."""
    minutes_share: Share = 0.0
    """Share of the recipe's budget_minutes, where that is set; 0: share, or the stage's part of the
    images, epochs or minutes of all stages. Images of some stages take longer than those of
    others."""
    repeated: bool = False
    """Whether the stage is one of those that the recipe's rounds repeat."""
    crop: PositiveInt = 128
    """Side of the square crops, px; a multiple of the network's multiple."""
    batch: PositiveInt = 32
    """Pictures that are computed together, in each of the processes."""
    accumulate: PositiveInt = 1
    """Batches whose gradients are added up to one step: as a bigger batch, in less memory."""
    lr: NonNegativeFloat = 1e-3
    encoder_lr: NonNegativeFloat = 3e-4
    """Learning rate of the pretrained encoder."""
    train_encoder: bool = True
    """Whether the pretrained encoder learns."""
    freeze: tuple[str, ...] = ()
    """Parameters of the network whose names begin so do not learn."""
    renew: tuple[str, ...] = ()
    """Parameters of the network whose names begin so start anew with this stage: from
    net.encoder_weights, or at random."""
    schedule: Schedule = "cosine"
    """What the learning rate does after the warm-up: falls to final_lr, or stays."""
    final_lr: Share = 0.02
    """Learning rate at the end of the cosine, as a share of the first."""
    warmup: Share = 0.02
    """Share of the stage in which the learning rate rises from 0."""
    optimizer: Optimizer = "adamw"
    """Of the network and of the critic. adam has no weight decay."""
    betas: tuple[AdamBeta, AdamBeta] = (0.9, 0.99)
    weight_decay: NonNegativeFloat = 0.01
    gradient_clip: NonNegativeFloat = 1.0
    """Largest norm of the network's gradient; 0: any."""
    ema: Share = 0.999
    """Decay of the averaged weights, per step; 0: no averaging."""
    gan_mode: GanMode = "hinge"
    """hinge, bce (cross-entropy, as pix2pix and NoGAN) or wgan-gp."""
    critic_view: CriticView = "small"
    """What the critic sees: the crop at loss_side, its colours inside the gamut, or the crop as the
    network made it."""
    critic_lr: NonNegativeFloat = 2e-4
    critic_betas: tuple[AdamBeta, AdamBeta] = (0.0, 0.9)
    """Adam's betas of the critic."""
    critic_alone: Share = 0.0
    """NoGAN: share of the stage, from its beginning, in which only the critic learns."""
    critic_steps: PositiveInt = 1
    """Steps of the critic for each one of the network."""
    saved_pictures: NonNegativeInt = 0
    """NoGAN: the critic, alone for the whole stage, learns from so many pictures that the network
    coloured beforehand, kept in the run's folder; 0: from what is coloured on the way."""
    generator_waits: NonNegativeFloat = 0.0
    """NoGAN: the network learns only after steps in which loss_D was below this; 0: always."""
    lambda_gp: NonNegativeFloat = 10.0
    """wgan-gp: weight of the gradient penalty."""
    loss_side: Annotated[int, Range(8, 100_000)] = 64
    """Side at which the perceptual and adversarial losses look at the crop, px."""
    keep_every_images: NonNegativeInt = 0
    """Averaged weights are kept in the run's folder every so many pictures, for
    ``photochrom turning-point``; 0: not."""
    keep_network: bool = False
    """Whether the averaged network as it is at the stage's end stays in the run's folder, as
    stages/NAME.pt: a checkpoint to export, to compare or to start from."""
    losses: Losses = field(default_factory=Losses)

    def __post_init__(self) -> None:
        if self.saved_pictures and (self.critic_alone < 1 or not self.adversarial):
            raise RecipeError(
                f"stage {self.name!r}: saved_pictures are for a critic alone; set critic_alone = 1 "
                "and losses.gan above 0"
            )

    @property
    def adversarial(self) -> bool:
        """Whether a critic learns beside the network."""
        return bool(self.losses.active("scores", "critic_features"))

    @property
    def step_images(self) -> int:
        """Pictures that one process sees in a step."""
        return self.batch * self.accumulate
