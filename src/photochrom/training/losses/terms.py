"""The generator's losses: one row of `LOSSES` each.

A row is all that there is to a loss. The recipe's keys with their ranges, the training step, the
columns of the logs and docs/recipes.md are made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.bins import ColorBins
from photochrom.color.colorfulness import colorfulness
from photochrom.nets.contract import AB_SCALE
from photochrom.tables import Range
from photochrom.training.losses.gan import GanLoss
from photochrom.training.recipe.number_types import UNBOUNDED

_L1_UNIT = 5.0
_COLORFULNESS_UNIT = 10.0
_PRIOR_UNIFORM = 0.5
_LITE_WEIGHTS = (0.2, 0.2, 0.03, 0.015)
_LEAST_MEAN = 1e-6
_LEAST_LENGTH = 1e-4
_WEIGHTS = Range(0.0, UNBOUNDED)

Sees = Literal[
    "ab", "logits", "features", "lite_features", "deepest", "scores", "critic_features", "rgb"
]
"""What a loss is computed from; the arguments that its function gets, all of one batch:

* ab: (ab, true_ab), (N, 2, h, w) CIELAB units each, at the size of the network's output; of a
  network that answers in another colour space (N, C, h, w) of that, on the scale of ab;
* logits: (logits, true_ab, classes), (N, Q, h, w) over the network's colour bins; as above; and
  their `ClassWeights`. Only networks that classify have them;
* features: (features, true_features), lists of VGG-19's (N, C, h, w), of the pictures under rgb;
* lite_features: (features, true_features), likewise of EfficientNet-Lite2 at strides 4, 8, 16, 32;
* deepest: (features, true_features), (N, 1280, h, w) at stride 32: those of the network's encoder,
  and those of EfficientNet-Lite2 for the true crop in colour. Only distillable networks have them;
* scores: (scores, gan, scale_weights), the discriminator's (N, S, h, w) of the generated pictures,
  the `GanLoss` of the stage, and how much each of the S scales counts. A stage with such a loss
  trains the discriminator beside the generator;
* critic_features: (features, true_features), the discriminator's (M, C, h, w) of generated
  pictures, those of data.grey where there are any, and (N, C, h, w) of real ones. A stage with such
  a loss trains the discriminator, too;
* rgb: (rgb, true_rgb), (N, 3, s, s) sRGB in [0, 1] at the stage's loss_side.
"""


class LossNumber(NamedTuple):
    """A number that recipes set under ``losses``. doc: what it is, with its unit."""

    default: float
    range: Range
    doc: str


@dataclass(frozen=True)
class Loss:
    """One loss.

    function: takes what ``sees`` names, and the options by name; returns a scalar.
    unit: of its value. doc: what it is, and where it comes from.
    log_name: its column in the logs is ``loss_G_`` and this; of losses with the same one a stage
        has at most one.
    range: of its weight, which is the recipe's ``losses.NAME``. default: the weight where a recipe
        says nothing. weighted_log: whether the logs show it multiplied with its weight.
    options: by name; in recipes ``losses.NAME_OPTION``.
    """

    function: Callable[..., Tensor]
    sees: Sees
    unit: str
    doc: str
    log_name: str
    range: Range = _WEIGHTS
    default: float = 0.0
    weighted_log: bool = False
    options: Mapping[str, LossNumber] = field(default_factory=dict)


def smooth_l1(ab: Tensor, true_ab: Tensor, beta: float) -> Tensor:
    """Smooth L1 (Huber 1964) on ab, in units of 5 CIELAB units. (N, 2, h, w) both.

    beta: the error up to which it is quadratic, CIELAB units. A small one finds the median of the
    possible colours, which is often grey; a large one their mean.
    """
    return F.smooth_l1_loss(ab, true_ab, beta=beta) / _L1_UNIT


def pix2pix_l1(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Mean |Δab| / 110: the L1 of Isola et al. (CVPR 2017) on colours in [-1, 1]."""
    return F.l1_loss(ab, true_ab) / AB_SCALE


def l2(ab: Tensor, true_ab: Tensor) -> Tensor:
    """Mean squared error of ab / 110, the baseline of Zhang et al. (ECCV 2016)."""
    return F.mse_loss(ab / AB_SCALE, true_ab / AB_SCALE)


class ClassWeights:
    """Colour bins, and how much each counts in a classification: rare ones more.

    Source: Zhang et al. (ECCV 2016): weights ∝ 1 / ((1 − λ) p + λ / Q), λ = 0.5, mean 1 under p.
    """

    def __init__(self, bins: ColorBins, prior: NDArray[np.float64], device: torch.device) -> None:
        """prior: (Q,) share of each bin in the data, sums to 1."""
        weights = 1.0 / ((1 - _PRIOR_UNIFORM) * prior + _PRIOR_UNIFORM / len(bins))
        weights /= (weights * prior).sum()
        self.bins = bins
        self.weights = torch.tensor(weights, dtype=torch.float32, device=device)
        """(Q,)"""


def class_cross_entropy(logits: Tensor, true_ab: Tensor, classes: ClassWeights) -> Tensor:
    """Cross-entropy against the softly encoded true colour, rebalanced: Zhang et al. (ECCV 2016).

    logits: (N, Q, h, w). true_ab: (N, 2, h, w). Every other row and column counts.
    """
    logits, true_ab = logits[:, :, ::2, ::2], true_ab[:, :, ::2, ::2]
    index, weight = classes.bins.soft_encode(true_ab, axis=1)
    log_p = F.log_softmax(logits.float(), dim=1).gather(1, index)
    rebalance = classes.weights[index[:, :1]]
    loss: Tensor = -(rebalance * weight * log_p).sum(dim=1).mean()
    return loss


def perceptual(features: Sequence[Tensor], true_features: Sequence[Tensor]) -> Tensor:
    """Mean over layers of ‖f − f*‖₁ / ‖f*‖₁, after Johnson et al. (ECCV 2016). (N, C, h, w)."""
    pairs = zip(features, true_features, strict=True)
    return torch.stack([(f - true).abs().mean() / true.abs().mean() for f, true in pairs]).mean()


def perceptual_lite(features: Sequence[Tensor], true_features: Sequence[Tensor]) -> Tensor:
    """Σ over strides 4, 8, 16, 32 of weight · ‖f − f*‖₁ / ‖f*‖₁, after Johnson et al. (ECCV 2016).

    (N, C, h, w). The weights bring the gradients of the four at the picture near to each other:
    those of deep features are many times larger.
    """
    scales = zip(_LITE_WEIGHTS, features, true_features, strict=True)
    terms = [w * (f - true).abs().mean() / _mean_abs(true) for w, f, true in scales]
    return torch.stack(terms).sum()


def distillation(features: Tensor, true_features: Tensor) -> Tensor:
    """1 − mean cosine between the features of pupil and teacher, at each place; 0 to 2.

    (N, C, h, w) both. After Romero et al., *FitNets* (ICLR 2015), with a cosine for the distance.
    """
    cosine = F.cosine_similarity(features.float(), true_features.float(), dim=1, eps=_LEAST_LENGTH)
    return 1.0 - cosine.mean()


def adversarial(scores: Tensor, gan: GanLoss, scale_weights: Sequence[float] = (1.0,)) -> Tensor:
    """The generator's side of the GAN.

    scores: (N, S, h, w). scale_weights: S numbers, how much each channel counts.
    """
    scales = zip(scale_weights, scores.chunk(scores.shape[1], dim=1), strict=True)
    return torch.stack([weight * gan.generator(scale) for weight, scale in scales]).sum()


def feature_matching(features: Tensor, true_features: Tensor) -> Tensor:
    """‖E f(real) − E f(G(grey))‖² of the discriminator's features f (Salimans et al. 2016, §3.1).

    features: (M, C, h, w), true_features: (N, C, h, w); the mean is over pictures and places, and
    no pair of pictures need belong together.
    """
    means = [part.float().mean(dim=(0, 2, 3)) for part in (features, true_features)]
    return (means[0] - means[1]).square().sum()


def _mean_abs(features: Tensor) -> Tensor:
    return features.abs().mean().clamp_min(_LEAST_MEAN)


def colorfulness_shortfall(rgb: Tensor, true_rgb: Tensor) -> Tensor:
    """How much less colourful each picture is than its truth, mean over the batch, units of 10.

    (N, 3, H, W) sRGB [0, 1] both. Being more colourful than the truth costs nothing.
    """
    shortfall = colorfulness(true_rgb * 255.0) - colorfulness(rgb * 255.0)
    return F.relu(shortfall).mean() / _COLORFULNESS_UNIT


LOSSES: dict[str, Loss] = {
    "l1": Loss(
        smooth_l1,
        sees="ab",
        unit="5 CIELAB units",
        doc="Smooth L1 on ab (Huber 1964).",
        log_name="L1",
        default=1.0,
        options={
            "beta": LossNumber(
                20.0,
                Range(0.0, UNBOUNDED),
                "The ab error up to which the smooth L1 is quadratic, CIELAB units.",
            )
        },
    ),
    "lambda_l1": Loss(
        pix2pix_l1,
        sees="ab",
        unit="110 CIELAB units",
        doc="pix2pix's λ: weight of mean |Δab| / 110 (Isola et al., CVPR 2017). Logged with its "
        "weight, as its authors do; set l1 to 0 beside it.",
        log_name="L1",
        weighted_log=True,
    ),
    "l2": Loss(
        l2,
        sees="ab",
        unit="(110 CIELAB units)²",
        doc="Mean squared error of ab / 110 (Zhang et al., ECCV 2016).",
        log_name="L2",
    ),
    "classes": Loss(
        class_cross_entropy,
        sees="logits",
        unit="nats",
        doc="Cross-entropy against softly encoded colour bins, rebalanced (Zhang et al., ECCV "
        "2016); for networks that classify.",
        log_name="classes",
    ),
    "perceptual": Loss(
        perceptual,
        sees="features",
        unit="share of the true features",
        doc="Relative error of VGG features of the coloured picture (after Johnson et al., ECCV "
        "2016).",
        log_name="perceptual",
    ),
    "perceptual_lite": Loss(
        perceptual_lite,
        sees="lite_features",
        unit="share of the true features",
        doc="Relative error of EfficientNet-Lite2's features of the coloured picture at strides 4, "
        "8, 16 and 32, weighted 0.2, 0.2, 0.03, 0.015 (after Johnson et al., ECCV 2016).",
        log_name="perceptual_lite",
    ),
    "distillation": Loss(
        distillation,
        sees="deepest",
        unit="1 − cosine",
        doc="Distance of the encoder's deepest features, which see the grey picture, from those of "
        "EfficientNet-Lite2, which sees it in colour (after Romero et al., ICLR 2015); for "
        "lite-unet.",
        log_name="distillation",
    ),
    "gan": Loss(
        adversarial,
        sees="scores",
        unit="that of gan_mode",
        doc="What the critic says of the coloured picture, in the stage's gan_mode.",
        log_name="GAN",
    ),
    "feature_matching": Loss(
        feature_matching,
        sees="critic_features",
        unit="that of the critic's features, squared",
        doc="Squared distance between the critic's mean features of generated and of real pictures "
        "(Salimans et al., Improved Techniques for Training GANs, NeurIPS 2016); with data.grey, "
        "of its grey pictures coloured.",
        log_name="matching",
    ),
    "colorfulness": Loss(
        colorfulness_shortfall,
        sees="rgb",
        unit="10 units of colourfulness",
        doc="Shortfall of the picture's colourfulness (Hasler and Süsstrunk 2003), per picture.",
        log_name="colourfulness",
    ),
}
"""Every loss by its key in recipes, in the order in which they are added up."""


def loss_numbers() -> dict[str, LossNumber]:
    """What recipes set under ``losses``: the weight of every loss, and behind it its options."""
    numbers = {}
    for name, loss in LOSSES.items():
        numbers[name] = LossNumber(loss.default, loss.range, f"{loss.doc} Unit: {loss.unit}.")
        for option, number in loss.options.items():
            numbers[f"{name}_{option}"] = number
    return numbers
