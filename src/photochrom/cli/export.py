"""``photochrom export``: a checkpoint becomes a model file that needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.errors import requires_extra

if TYPE_CHECKING:
    from photochrom.training.onnx_weights import StoredWeights


@click.command(name="export")
@click.argument("checkpoint", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--recipe", metavar="RECIPE",
    help="Of the network, for a .safetensors file: one that comes with photochrom, or a TOML file.",
)  # fmt: skip
@click.option(
    "--weights", type=click.Choice(["fp32", "fp16", "int8"]), default="fp16", show_default=True,
    help="How the file stores large weights: int8 is half of fp16, with a scale for each channel.",
)  # fmt: skip
@click.option("--full-precision", is_flag=True, hidden=True, help="As --weights fp32.")
@click.option(
    "--size", type=click.IntRange(min=32), help="Default working size, px.  [default: the recipe's]"
)
@click.option(
    "--chroma-gain", type=click.FloatRange(min=0.1, max=4.0),
    help="Factor on the network's chroma at vividness 1.  [default: the recipe's]",
)  # fmt: skip
@click.option(
    "--metrics", type=click.Path(dir_okay=False, path_type=Path),
    help="Figures for the card: the --json output of photochrom evaluate.",
)  # fmt: skip
@click.option(
    "--noise", is_flag=True,
    help="Leave the network's dropout on, as pix2pix does: the model colours the same picture "
    "differently each time.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def export(
    checkpoint: Path,
    out: Path,
    recipe: str | None,
    weights: StoredWeights,
    full_precision: bool,
    size: int | None,
    chroma_gain: float | None,
    metrics: Path | None,
    noise: bool,
    overwrite: bool,
) -> int:
    """Write the averaged network of CHECKPOINT to OUT, an ONNX file with its model card.

    CHECKPOINT may also be a .safetensors file of a network's weights, with the --recipe that
    describes the network. A CHECKPOINT of the recipe restoration becomes a file for photochrom
    restore --network.

    The file is run once and compared with the network in torch before it is kept.
    """
    with requires_extra("train", "exporting"):
        from photochrom.evaluation.card_metrics import read_card_metrics
        from photochrom.training.export import export as write
        from photochrom.training.recipe.builtin import recipe_path
        from photochrom.training.recipe.toml import read_recipe

    report = write(
        checkpoint,
        out,
        recipe=read_recipe(recipe_path(recipe)) if recipe else None,
        weights="fp32" if full_precision else weights,
        metrics=read_card_metrics(metrics) if metrics else None,
        size=size,
        chroma_gain=chroma_gain,
        noise=noise,
        overwrite=overwrite,
    )
    note(
        f"{out}: {report.size_bytes / 1e6:.1f} MB; differs from torch by "
        f"{report.exact_difference:.1e} of the outputs' scale, "
        f"{report.stored_difference:.1e} as stored"
    )
    return OK
