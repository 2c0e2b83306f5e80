"""Every setting of a face autoencoder's training, once, with its meaning and default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from photochrom.errors import RecipeError
from photochrom.tables import Range
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.number_types import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
)


@dataclass(frozen=True)
class FaceData:
    """Where the faces come from."""

    sources: tuple[str, ...]
    """Folders or zip files of aligned faces, one person's in a folder of their own
    (``NAME/NAME_0001.jpg``); what lies in no such folder teaches reconstruction alone."""
    held_out: NonNegativeInt = 500
    """Number of people, of those with two pictures and more, that nothing is learned from; chosen
    by a hash of their names."""
    split_seed: Annotated[int, Range(-(2**63), 2**63 - 1)] = 0
    """Another number holds out other people."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise RecipeError("data.sources is empty; name a folder or zip file of faces")


@dataclass(frozen=True)
class Reconstruction:
    """The first stage: the autoencoder learns to rebuild faces."""

    images: NonNegativeInt = 60_000
    """Pictures that it sees; 0 leaves the stage out."""
    batch: PositiveInt = 64
    """Pictures in a step."""
    lr: NonNegativeFloat = 1e-3
    """Learning rate of latent and decoder, Adam; it falls to 0 along a cosine."""
    encoder_lr: NonNegativeFloat = 1e-4
    """The encoder's; 0 leaves it as it is."""


@dataclass(frozen=True)
class Identity:
    """The second stage: the metric head is fitted, then learns on with the encoder."""

    views: PositiveInt = 4
    """Times that each picture is seen, moved at random, while the head is fitted."""
    images: NonNegativeInt = 0
    """Pictures that head and encoder see afterwards, told apart by person; 0: the head stays as it
    was fitted."""
    people: Annotated[int, Range(2, 1000)] = 32
    """People in a step."""
    pictures: Annotated[int, Range(1, 1000)] = 2
    """Pictures of each of them in a step."""
    lr: NonNegativeFloat = 1e-4
    """Learning rate of the head and the encoder, Adam; it falls to 0 along a cosine."""
    scale: Annotated[float, Range(1.0, 1000.0)] = 24.0
    """Factor on the cosines of the large-margin loss."""
    margin: Annotated[float, Range(0.0, 1.0)] = 0.2
    """What the cosine to a picture's own person is lessened by."""
    reconstruction: NonNegativeFloat = 0.1
    """Weight of the reconstruction's loss beside it."""


@dataclass(frozen=True)
class FaceRecipe(RecipeHead):
    """A recipe of the method ``face-autoencoder``."""

    data: FaceData
    method: Literal["face-autoencoder"] = "face-autoencoder"
    """Which method this is."""
    latent: Annotated[int, Range(4, 4096)] = 256
    """Numbers between encoder and decoder."""
    embedding: Annotated[int, Range(2, 1024)] = 384
    """Numbers of the metric head; at most the number of people less one."""
    encoder_weights: Literal["mobilenet-v2", ""] = "mobilenet-v2"
    """ImageNet weights that the encoder starts from; empty: random ones."""
    max_angle: Annotated[float, Range(0.0, 180.0)] = 12.0
    """Faces are turned at random by up to so many degrees, to either side."""
    checkpoint_minutes: Annotated[float, Range(0.0, 1e6)] = 5.0
    """A checkpoint is written this often."""
    licence: str = "Apache-2.0"
    """Of the exported model."""
    training_data: str = ""
    """What the model's card says of the pictures; the sources' names unless given."""
    reconstruction: Reconstruction = field(default_factory=Reconstruction)
    identity: Identity = field(default_factory=Identity)

    def __post_init__(self) -> None:
        if not (self.reconstruction.images or self.reconstruction.lr):
            raise RecipeError("reconstruction.images and reconstruction.lr are 0; set one of them")
