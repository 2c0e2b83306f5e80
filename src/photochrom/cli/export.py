"""``photochrom export``: a checkpoint becomes a model file that needs no torch."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photochrom.atomic import check_target
from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.cli.options import refuse_given
from photochrom.errors import InputError, requires_extra

if TYPE_CHECKING:
    from photochrom.training.onnx_weights import ExportReport, StoredWeights
    from photochrom.training.standalone import HintInputs


@click.command(name="export")
@click.argument("checkpoint")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--recipe", metavar="RECIPE",
    help="Of the network, for a .safetensors file: one that comes with photochrom, or a TOML file.",
)  # fmt: skip
@click.option(
    "--weights", type=click.Choice(["fp32", "fp16", "int8"]),
    help="How the file stores large weights: int8 is half of fp16, with a scale for each channel.  "
    "[default: fp16; of a model that is exported standalone, its own]",
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
@click.option(
    "--standalone", is_flag=True,
    help="One graph for other programs: sRGB in, sRGB out, any size. CHECKPOINT may then also be a "
    "model: a name, a path or an address.",
)  # fmt: skip
@click.option(
    "--hints", type=click.Choice(["none", "optional", "required"]), default="optional",
    show_default=True,
    help="With --standalone: whether the graph has inputs for hints and vividness; optional ones "
    "may be left out, where a runtime knows such.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def export(
    checkpoint: str,
    out: Path,
    recipe: str | None,
    weights: StoredWeights | None,
    full_precision: bool,
    size: int | None,
    chroma_gain: float | None,
    metrics: Path | None,
    noise: bool,
    standalone: bool,
    hints: HintInputs,
    overwrite: bool,
) -> int:
    """Write the averaged network of CHECKPOINT to OUT, an ONNX file with its model card.

    CHECKPOINT may also be a .safetensors file of a network's weights, with the --recipe that
    describes the network. A CHECKPOINT of the recipe restoration becomes a file for photochrom
    restore --network.

    The file is run once and compared with the network in torch before it is kept.

    With --standalone, OUT takes a picture of any size and gives it back in colours, by a runtime of
    ONNX alone: docs/export.md has its inputs and outputs, and how each runtime does.
    """
    if not standalone:
        refuse_given("is of a standalone graph; add --standalone, or leave it out.", "hints")
    stored = "fp32" if full_precision else weights
    if standalone and not is_checkpoint(checkpoint):
        if recipe or metrics or chroma_gain or noise:
            raise InputError(
                f"{checkpoint} is a model; --recipe, --metrics, --chroma-gain and --noise are for "
                "checkpoints"
            )
        _export_standalone(checkpoint, out, stored, size, hints, overwrite)
        return OK
    with requires_extra("train", "exporting"):
        from photochrom.evaluation.card_metrics import read_card_metrics
        from photochrom.training.export import export as write
        from photochrom.training.recipe.builtin import recipe_path
        from photochrom.training.recipe.toml import read_recipe

    def write_model(target: Path, overwrite: bool) -> ExportReport:
        return write(
            Path(checkpoint),
            target,
            recipe=read_recipe(recipe_path(recipe)) if recipe else None,
            weights=stored or "fp16",
            metrics=read_card_metrics(metrics) if metrics else None,
            size=size,
            chroma_gain=chroma_gain,
            noise=noise,
            overwrite=overwrite,
        )

    if standalone:
        check_target(out, overwrite=overwrite)
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model.onnx"
            write_model(model, False)
            _export_standalone(model, out, None, None, hints, overwrite)
        return OK
    report = write_model(out, overwrite)
    note(
        f"{out}: {report.size_bytes / 1e6:.1f} MB; differs from torch by "
        f"{report.exact_difference:.1e} of the outputs' scale, "
        f"{report.stored_difference:.1e} as stored"
    )
    return OK


def is_checkpoint(text: str) -> bool:
    """Whether it is a file of training, by its ending, and no model's name, path or address."""
    return text.endswith((".pt", ".safetensors"))


def _export_standalone(
    model: str | Path,
    out: Path,
    weights: StoredWeights | None,
    size: int | None,
    hints: HintInputs,
    overwrite: bool,
) -> None:
    with requires_extra("train", "exporting"):
        from photochrom.training.standalone import export_standalone
    written = export_standalone(
        model, out, weights=weights, size=size, hints=hints, overwrite=overwrite
    )
    note(f"{out}: {written / 1e6:.1f} MB; sRGB in, sRGB out")
