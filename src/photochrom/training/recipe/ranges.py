"""Smallest and largest sensible value of a recipe's numbers."""

from __future__ import annotations

from collections.abc import Mapping

from photochrom.training.recipe.recipe import (
    AugmentRecipe,
    DataRecipe,
    Export,
    HintRecipe,
    Monitor,
    Recipe,
)
from photochrom.training.recipe.stage import Losses, Stage

SIZES, SHARES, WEIGHTS = (1.0, 1e9), (0.0, 1.0), (0.0, 1e9)
RANGES: Mapping[type, Mapping[str, tuple[float, float]]] = {
    Recipe: {"seed": (0, 2**32 - 1), "budget_images": SIZES, "rounds": (1, 99)},
    DataRecipe: {
        "short_side": (16, 1e5), "validation": SIZES, "limit": WEIGHTS, "grey_below": WEIGHTS,
        "frames_per_s": (1e-3, 1e3),
    },
    HintRecipe: {"points": SHARES, "point_p": (1e-3, 1.0), "full": SHARES, "field": SHARES},
    AugmentRecipe: {"zoom_out": (0.01, 1.0), "zoom_in": (0.01, 1.0), "old": SHARES},
    Losses: {
        "l1": WEIGHTS, "l1_beta": WEIGHTS, "lambda_l1": WEIGHTS, "l2": WEIGHTS,
        "classes": WEIGHTS, "perceptual": WEIGHTS, "gan": WEIGHTS, "colourfulness": WEIGHTS,
    },
    Stage: {
        "images": WEIGHTS, "minutes": WEIGHTS, "share": SHARES, "crop": SIZES, "batch": SIZES,
        "accumulate": SIZES, "lr": WEIGHTS, "encoder_lr": WEIGHTS, "final_lr": SHARES,
        "warmup": SHARES, "betas": (0.0, 0.9999), "weight_decay": WEIGHTS,
        "gradient_clip": WEIGHTS, "ema": SHARES, "critic_lr": WEIGHTS,
        "critic_betas": (0.0, 0.9999), "critic_alone": SHARES, "critic_steps": SIZES,
        "saved_pictures": WEIGHTS, "generator_waits": WEIGHTS, "lambda_gp": WEIGHTS,
        "loss_side": (8, 1e5), "keep_every_images": WEIGHTS,
    },
    Monitor: {
        "log_steps": SIZES, "checkpoint_minutes": WEIGHTS, "validate_minutes": WEIGHTS,
        "epoch_images": WEIGHTS, "grid": WEIGHTS,
    },
    Export: {"size": SIZES, "chroma_gain": (0.01, 99.0)},
}  # fmt: skip
"""By dataclass and field; numbers not named here are free."""
