"""What reused features are asked: which class a picture is of, or each of its pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photochrom.nets.contract import ColorNet
from photochrom.nets.reused_encoder import EncoderClassifier, EncoderSegmenter
from photochrom.training.transfer import data, masks
from photochrom.training.transfer.data import Division, LabelledSet
from photochrom.training.transfer.masks import NOT_COUNTED, MaskedDivision, MaskedSet
from photochrom.training.transfer.metrics import (
    Floats,
    accuracy,
    confusion_matrix,
    mean_average_precision,
    mean_iou,
    pixel_accuracy,
)
from photochrom.training.transfer.recipe import Task, TransferData

Places: TypeAlias = NDArray[np.int64]


class TransferTask(ABC):
    """A task: what is read, which head is taught, how it is measured.

    Its sets (`LabelledSet`, `MaskedSet`) have ``pictures`` and ``classes``.
    """

    figures: tuple[str, str]
    """What is measured on held-out pictures, in [0, 1], by column of a run's log."""

    @abstractmethod
    def read(self, recipe_data: TransferData, size: int, report: Callable[[str], None]) -> Any:
        """What is learned from and what is held out, ``training`` and ``held_out``. Raises
        InputError.
        """

    @abstractmethod
    def build(self, net: ColorNet, classes: int) -> EncoderClassifier | EncoderSegmenter:
        """The encoder with a new head. Raises RecipeError for a network without an encoder."""

    @abstractmethod
    def training_batch(
        self, training: Any, places: Places, size: int, zoom_in: float, random: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Random views of these pictures: (N, 1, size, size) L, and what is true of them."""

    @abstractmethod
    def held_out_views(self, held_out: Any, places: Places, size: int) -> Tensor:
        """The squares in the middle of these pictures: (N, 1, size, size) L."""

    @abstractmethod
    def loss(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Of the head's scores; truth: as of `training_batch`."""

    @abstractmethod
    def measure(self, scores: list[Tensor], held_out: Any, size: int) -> dict[str, float]:
        """The figures. scores: of all held-out pictures in their order, in batches."""

    @abstractmethod
    def chance(self, held_out: Any) -> dict[str, float]:
        """The figures that are reached without looking."""

    @abstractmethod
    def description(self, held_out: Any) -> str:
        """What is asked, in words, for the table."""


class Classification(TransferTask):
    """Which class a picture is of, or which several. Of `Division` and `LabelledSet`."""

    figures = ("accuracy", "mAP")

    def read(self, recipe_data: TransferData, size: int, report: Callable[[str], None]) -> Division:
        """See :meth:`TransferTask.read`."""
        return data.read_labelled(recipe_data, size, report)

    def build(self, net: ColorNet, classes: int) -> EncoderClassifier:
        """See :meth:`TransferTask.build`."""
        return EncoderClassifier(net, classes)

    def training_batch(
        self, training: LabelledSet, places: Places, size: int, zoom_in: float,
        random: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The truth is (N, C) float32 where a picture has several labels, else (N,) int64."""
        labels = torch.from_numpy(training.labels[places])
        truth = labels.float() if training.several else labels.to(torch.int8).argmax(dim=1)
        return data.training_views(training, places, size, zoom_in, random), truth

    def held_out_views(self, held_out: LabelledSet, places: Places, size: int) -> Tensor:
        """See :meth:`TransferTask.held_out_views`."""
        return data.central_views(held_out, places, size)

    def loss(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Binary cross-entropy where a picture has several labels, else cross-entropy."""
        if truth.is_floating_point():
            return F.binary_cross_entropy_with_logits(scores, truth)
        return F.cross_entropy(scores, truth)

    def measure(self, scores: list[Tensor], held_out: LabelledSet, size: int) -> dict[str, float]:
        """See :meth:`TransferTask.measure`."""
        values: Floats = torch.cat(scores).double().numpy()
        return {
            "accuracy": accuracy(values, held_out.labels, several=held_out.several),
            "mAP": mean_average_precision(values, held_out.labels),
        }

    def chance(self, held_out: LabelledSet) -> dict[str, float]:
        """Always the commonest class, or no label; random scores."""
        shares = held_out.labels.mean(axis=0)
        empty = float(np.mean(~held_out.labels.any(axis=1)))
        return {
            "accuracy": empty if held_out.several else float(shares.max()),
            "mAP": float(shares[shares > 0].mean()),
        }

    def description(self, held_out: LabelledSet) -> str:
        """See :meth:`TransferTask.description`."""
        return "several labels to a picture" if held_out.several else "one label to a picture"


class Segmentation(TransferTask):
    """Which class each pixel is of. Of `MaskedDivision` and `MaskedSet`."""

    figures = ("pixel accuracy", "mean IoU")

    def read(
        self, recipe_data: TransferData, size: int, report: Callable[[str], None]
    ) -> MaskedDivision:
        """See :meth:`TransferTask.read`."""
        return masks.read_masked(recipe_data, size, report)

    def build(self, net: ColorNet, classes: int) -> EncoderSegmenter:
        """See :meth:`TransferTask.build`."""
        return EncoderSegmenter(net, classes)

    def training_batch(
        self, training: MaskedSet, places: Places, size: int, zoom_in: float,
        random: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The truth is (N, size, size) int64."""
        return masks.training_views(training, places, size, zoom_in, random)

    def held_out_views(self, held_out: MaskedSet, places: Places, size: int) -> Tensor:
        """See :meth:`TransferTask.held_out_views`."""
        return masks.central_views(held_out, places, size)[0]

    def loss(self, scores: Tensor, truth: Tensor) -> Tensor:
        """Cross-entropy over the pixels that count; 0 where none does."""
        total = F.cross_entropy(scores, truth, ignore_index=NOT_COUNTED, reduction="sum")
        return total / (truth != NOT_COUNTED).sum().clamp_min(1)

    def measure(self, scores: list[Tensor], held_out: MaskedSet, size: int) -> dict[str, float]:
        """See :meth:`TransferTask.measure`; of the squares, all of them together."""
        classes = len(held_out.classes)
        matrix = np.zeros((classes, classes), np.int64)
        first = 0
        for batch in scores:
            places = np.arange(first, first + len(batch))
            truth = masks.central_views(held_out, places, size)[1].numpy()
            matrix += confusion_matrix(truth, batch.argmax(dim=1).numpy(), classes)
            first += len(batch)
        return {"pixel accuracy": pixel_accuracy(matrix), "mean IoU": mean_iou(matrix)}

    def chance(self, held_out: MaskedSet) -> dict[str, float]:
        """Every pixel is of the commonest class."""
        counts = held_out.counts()
        share = float(counts.max() / counts.sum())
        return {"pixel accuracy": share, "mean IoU": share / int(np.count_nonzero(counts))}

    def description(self, held_out: MaskedSet) -> str:
        """See :meth:`TransferTask.description`."""
        return "a class for each pixel"


TASKS: Mapping[Task, TransferTask] = {
    "classification": Classification(),
    "segmentation": Segmentation(),
}
"""Every task by its name in recipes."""
