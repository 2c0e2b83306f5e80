"""The keys of a recipe of the method ``digits``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from photochrom.errors import RecipeError
from photochrom.nets.digits import DigitGan
from photochrom.nets.layers import Norm
from photochrom.tables import Range
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.number_types import (
    AdamBeta,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Share,
)

DigitLoss = Literal["minimax", "bce", "wgan-gp"]


@dataclass(frozen=True)
class DigitData:
    """Where the digits come from."""

    sources: tuple[str, ...] = ()
    """MNIST as published: a folder with ``…-images-idx3-ubyte`` and ``…-labels-idx1-ubyte`` files,
    each perhaps with ``.gz``, or an ``.npz`` file; none: the 1,797 digits of scikit-learn."""
    limit: NonNegativeInt = 0
    """Use at most this many digits (0: all), drawn at random."""
    validation: PositiveInt = 200
    """Digits held out, to measure the classifier with."""


@dataclass(frozen=True)
class DigitsRecipe(RecipeHead):
    """A run of the method ``digits``: a classifier, then a generator against a critic."""

    method: Literal["digits"] = "digits"
    """What kind of run this is."""
    data: DigitData = field(default_factory=DigitData)
    gan: DigitGan = "dcgan"
    """The two networks: two dense layers each, or the convolutions of DCGAN."""
    loss: DigitLoss = "bce"
    """minimax: the generator makes log(1 − D(G(z))) small, as the game is written down; bce: it
    makes −log D(G(z)) small, which has a slope where the critic is sure; wgan-gp."""
    noise: PositiveInt = 100
    """Numbers that a picture is made from, each N(0, 1)."""
    width: Annotated[int, Range(1, 512)] = 32
    """Channels of DCGAN's networks at half the side of the pictures."""
    conditional: bool = False
    """Generator and critic are given the digit that a picture is to show, beside noise and
    picture: samples can be asked for by digit, and none lies between two."""
    side: Literal[0, 8, 16, 32] = 32
    """Side of the pictures that are made, px; 0: the least of these that the digits do not exceed,
    8 for scikit-learn's and 32 for MNIST's. The classifier sees all pictures at 32 px: smaller ones
    enlarged, samples and true digits alike."""
    norm: Norm = "batch"
    """Between the layers of DCGAN's critic; wgan-gp wants one that does not mix pictures."""
    images: PositiveInt = 200_000
    """Real digits that the critic sees, over the whole run."""
    epoch_images: PositiveInt = 10_000
    """Of them in an epoch: after each there is a grid of samples, a row of figures and a
    checkpoint."""
    batch: Annotated[int, Range(2, 4096)] = 64
    lr: NonNegativeFloat = 2e-4
    """Of generator and critic alike; Adam."""
    lr_falls: Share = 0.0
    """Share of the run, at its end, in which the learning rate falls in a straight line to 0."""
    betas: tuple[AdamBeta, AdamBeta] = (0.5, 0.999)
    ema: Share = 0.0
    """Decay, per step, of the generator's averaged weights, which samples are made with; 0: of
    none."""
    critic_steps: PositiveInt = 1
    """Steps of the critic for each of the generator."""
    lambda_gp: NonNegativeFloat = 10.0
    """Weight of the gradient penalty of wgan-gp."""
    classifier_images: PositiveInt = 100_000
    """Digits, and as many pictures of none, that the classifier learns from."""
    sure: Share = 0.9
    """A sample counts as recognised where the classifier gives one digit this probability."""
    samples: PositiveInt = 1_000
    """Samples behind the figures of each epoch."""

    def __post_init__(self) -> None:
        if self.loss == "wgan-gp" and self.gan == "dcgan" and self.norm == "batch":
            raise RecipeError(
                "loss wgan-gp penalises the slope at each picture by itself, and norm = 'batch' "
                "mixes pictures; set norm to 'layer', 'instance' or 'none'"
            )
