"""One stage of a training recipe: how long, by which losses, who learns and how fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from photochrom.errors import RecipeError

GanMode = Literal["hinge", "bce", "wgan-gp"]
CriticView = Literal["small", "crop"]
Optimizer = Literal["adamw", "adam"]
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True)
class Losses:
    """Weights of the losses; a loss of weight 0 is not computed."""

    l1: float = 1.0
    """Smooth L1 on ab, in units of 5 CIELAB units."""
    l1_beta: float = 20.0
    """The ab error up to which the smooth L1 is quadratic, CIELAB units."""
    lambda_l1: float = 0.0
    """pix2pix's λ: weight of mean |Δab| / 110. Told with its weight, as its authors do; set l1 to
    0 beside it."""
    l2: float = 0.0
    """Mean squared error of ab / 110."""
    classes: float = 0.0
    """Cross-entropy against softly encoded colour bins, rebalanced."""
    perceptual: float = 0.0
    """Relative error of VGG-19 features of the coloured picture."""
    gan: float = 0.0
    """What the critic says, in the stage's gan_mode."""
    colourfulness: float = 0.0
    """Shortfall of the picture's colourfulness, per picture, in units of 10."""

    def __post_init__(self) -> None:
        if self.l1 and self.lambda_l1:
            raise RecipeError("losses.l1 and losses.lambda_l1 are the same loss; set one of them 0")
        learning = (self.l1, self.lambda_l1, self.l2, self.classes, self.perceptual, self.gan,
                    self.colourfulness)  # fmt: skip
        if not any(learning):
            raise RecipeError("all losses of a stage are 0: it would learn nothing")


@dataclass(frozen=True)
class Stage:
    """One stretch of training; its schedule runs over its images or minutes."""

    name: str
    images: int = 0
    """Length in pictures seen; or"""
    minutes: float = 0.0
    """length in minutes of training; or"""
    share: float = 0.0
    """length as a share of the recipe's budget_images. Exactly one of the three is set."""
    repeated: bool = False
    """Whether the stage is one of those that the recipe's rounds repeat."""
    crop: int = 128
    """Side of the square crops, px; a multiple of the network's multiple."""
    batch: int = 32
    """Pictures that are computed together, in each of the processes."""
    accumulate: int = 1
    """Batches whose gradients are added up to one step: as a bigger batch, in less memory."""
    lr: float = 1e-3
    encoder_lr: float = 3e-4
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
    final_lr: float = 0.02
    """Learning rate at the end of the cosine, as a share of the first."""
    warmup: float = 0.02
    """Share of the stage in which the learning rate rises from 0."""
    optimizer: Optimizer = "adamw"
    """Of the network and of the critic. adam has no weight decay."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    """Largest norm of the network's gradient; 0: any."""
    ema: float = 0.999
    """Decay of the averaged weights, per step; 0: no averaging."""
    gan_mode: GanMode = "hinge"
    """hinge, bce (cross-entropy, as pix2pix and NoGAN) or wgan-gp."""
    critic_view: CriticView = "small"
    """What the critic sees: the crop at loss_side, its colours inside the gamut, or the crop as the
    network made it."""
    critic_lr: float = 2e-4
    critic_betas: tuple[float, float] = (0.0, 0.9)
    """Adam's betas of the critic."""
    critic_alone: float = 0.0
    """NoGAN: share of the stage, from its beginning, in which only the critic learns."""
    critic_steps: int = 1
    """Steps of the critic for each one of the network."""
    saved_pictures: int = 0
    """NoGAN: the critic, alone for the whole stage, learns from so many pictures that the network
    coloured beforehand, kept in the run's folder; 0: from what is coloured on the way."""
    generator_waits: float = 0.0
    """NoGAN: the network learns only after steps in which loss_D was below this; 0: always."""
    lambda_gp: float = 10.0
    """wgan-gp: weight of the gradient penalty."""
    loss_side: int = 64
    """Side at which the perceptual and adversarial losses look at the crop, px."""
    keep_every_images: int = 0
    """Averaged weights are kept in the run's folder every so many pictures, for
    ``photochrom turning-point``; 0: not."""
    losses: Losses = field(default_factory=Losses)

    def __post_init__(self) -> None:
        if self.saved_pictures and (self.critic_alone < 1 or not self.losses.gan):
            raise RecipeError(
                f"stage {self.name!r}: saved_pictures are for a critic alone; set critic_alone = 1 "
                "and losses.gan above 0"
            )

    @property
    def step_images(self) -> int:
        """Pictures that one process sees in a step."""
        return self.batch * self.accumulate
