"""``photochrom explain``: what a model does with one photograph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.cli.options import (
    MAX_SIZE_PX,
    MIN_SIZE_PX,
    device_option,
    model_option,
    overwrite_option,
    refuse_given,
    size_option,
)
from photochrom.errors import requires_extra

if TYPE_CHECKING:
    from photochrom.engine import Network
    from photochrom.evaluation.explain import CriticJudgement, Explanation
    from photochrom.evaluation.views import View
    from photochrom.pipeline import Size


@click.command()
@click.argument("photo", type=click.Path(dir_okay=False, path_type=Path))
@model_option
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="A training run's folder, or a checkpoint, instead of --model: its critic's map of real "
    "and coloured patches is shown as well.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="A picture file for the sheet; or a folder, which gets every view as a file of its own "
    "too.  [default: PHOTO.explained.png]",
)
@click.option(
    "--sizes",
    metavar="PX,PX,...",
    help="Show the photo at several working sizes instead (render factors), side by side, and what "
    "each of them changes.",
)
@click.option(
    "--layers",
    is_flag=True,
    help="With --run: show what some of the network's layers see in the photo, too.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=2),
    help="With --run, or a model of photochrom export --noise: colour so many times with the "
    "network's dropout on, as pix2pix does, and show where the colours differ.",
)
@size_option
@device_option
@overwrite_option
def explain(
    photo: Path,
    model: str,
    run: Path | None,
    out: Path | None,
    sizes: str | None,
    layers: bool,
    draws: int | None,
    size: Size,
    device: str,
    overwrite: bool,
) -> int:
    """Take the colours of PHOTO apart: R, G, B, L, a, b, bins, the network's doubts, the critic.

    PHOTO in colour is turned grey first, and its own colours are shown above those of the model. a
    and b are drawn in the colours they stand for; bins are the colours of classification networks;
    entropy is how undecided such a network is, place by place.
    """
    from photochrom.atomic import check_target
    from photochrom.engine import load
    from photochrom.evaluation.explain import size_rows, write_views
    from photochrom.imageio import eight_bit_rgb, read

    chosen_sizes = _parse_sizes(sizes)
    if run is not None:
        refuse_given("is another network than the run's own; give it or --run.", "model")
    if run is None and layers:
        raise click.UsageError("--layers looks into a --run; a model file is closed.")
    if chosen_sizes and (run is not None or draws or size != "auto"):
        raise click.UsageError("--sizes goes with --model, and without --size and --draws.")
    target = out or photo.with_name(f"{photo.stem}.explained.png")
    if target.suffix:
        check_target(target, overwrite=overwrite)
    rgb = eight_bit_rgb(read(photo))
    if chosen_sizes:
        rows = size_rows(rgb, load(model, device=device), chosen_sizes)
    elif run is None:
        rows = _rows_of_model(load(model, device=device), rgb, size, draws)
    else:
        rows = _rows_of_run(run, rgb, size, device, draws, with_layers=layers)
    for row in rows:
        for view in row:
            click.echo(f"{view.title:34}{view.note}")
    for path in write_views(rows, target, overwrite=overwrite):
        note(f"wrote {path}")
    return OK


def _parse_sizes(text: str | None) -> list[int]:
    sizes = [] if text is None else text.split(",")
    for size in sizes:
        if not size.strip().isdecimal() or not MIN_SIZE_PX <= int(size) <= MAX_SIZE_PX:
            raise click.BadParameter(
                f"{size!r} is not a number from {MIN_SIZE_PX} to {MAX_SIZE_PX}; sizes are "
                "separated by commas: 128,192,256"
            )
    return [int(size) for size in sizes]


def _rows_of_model(network: Network, rgb: Any, size: Size, draws: int | None) -> list[list[View]]:
    """The views by a model: with its draws, where its dropout is on."""
    from photochrom.evaluation.explain import card_bins, draw, draw_rows, views
    from photochrom.evaluation.explain import explain as explain_photo

    if draws and not network.card.noise:
        raise click.UsageError(
            f"{network.card.title} colours a photo the same each time; --draws wants a --run, or a "
            "model of photochrom export --noise."
        )
    explanation = explain_photo(rgb, network, size)
    rows = views(explanation, None, card_bins(network.card))
    return rows + draw_rows(draw(explanation.grey, network, draws, size)) if draws else rows


def _rows_of_run(
    run: Path, rgb: Any, size: Size, device: str, draws: int | None, *, with_layers: bool
) -> list[list[View]]:
    """The views by a run's network: with its critic's judgement, its draws, its layers."""
    with requires_extra("train", "looking into a run"):
        from photochrom.training.finished_run import (
            find_checkpoint,
            load_run,
            noisy_network,
            watched_network,
        )
        from photochrom.training.reports.inside import own_bins
    from photochrom.evaluation.explain import LayerView, draw, draw_rows, layer_rows, views
    from photochrom.evaluation.explain import explain as explain_photo

    checkpoint = find_checkpoint(run)
    network = load_run(checkpoint, device)
    explanation = explain_photo(rgb, network, size)
    rows = views(explanation, _judge(checkpoint, explanation), own_bins(checkpoint))
    if draws:
        noisy = noisy_network(checkpoint, network)
        rows += draw_rows(draw(explanation.grey, noisy, draws, size))
    if with_layers:
        watched, maps = watched_network(checkpoint, network)
        explain_photo(rgb, watched, size)
        height, width = explanation.grey.shape
        rows += layer_rows([LayerView(*layer) for layer in maps], (height, width))
    return rows


def _judge(checkpoint: Path, explanation: Explanation) -> CriticJudgement | None:
    """What the critic of a run says; None where it has none."""
    from photochrom.evaluation.explain import CriticJudgement
    from photochrom.training.reports.discriminator_maps import discriminator_maps

    pictures = [
        picture for picture in (explanation.true, explanation.colored) if picture is not None
    ]
    judgements = discriminator_maps(checkpoint, pictures)
    if judgements is None:
        note(f"{checkpoint} has no critic: there is no map of real and coloured")
        return None
    true = None if explanation.true is None else judgements.maps[0]
    return CriticJudgement(true, judgements.maps[-1], judgements.probability)
