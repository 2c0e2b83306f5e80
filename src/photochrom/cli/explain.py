"""``photochrom explain``: what a model does with one photograph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.cli.options import device_option, model_option, overwrite_option, size_option
from photochrom.errors import requires_extra

if TYPE_CHECKING:
    from photochrom.evaluation.explain import CriticJudgement, Explanation
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
@size_option
@device_option
@overwrite_option
def explain(
    photo: Path,
    model: str,
    run: Path | None,
    out: Path | None,
    size: Size,
    device: str,
    overwrite: bool,
) -> int:
    """Take the colours of PHOTO apart: RGB, L, a, b, bins, the network's doubts, the critic.

    PHOTO in colour is turned grey first, and its own colours are shown above those of the model. a
    and b are drawn in the colours they stand for; bins are the colours of classification networks;
    entropy is how undecided such a network is, place by place.
    """
    from photochrom.atomic import check_target
    from photochrom.engine import load
    from photochrom.evaluation.explain import explain as explain_photo
    from photochrom.evaluation.explain import views, write_views
    from photochrom.imageio import eight_bit_rgb, read

    target = out or photo.with_name(f"{photo.stem}.explained.png")
    if target.suffix:
        check_target(target, overwrite=overwrite)
    rgb = eight_bit_rgb(read(photo))
    judgement = None
    if run is None:
        explanation = explain_photo(rgb, load(model, device=device), size)
    else:
        explanation, judgement = _explain_by_run(run, rgb, size, device)
    rows = views(explanation, judgement)
    for row in rows:
        for view in row:
            click.echo(f"{view.title:34}{view.note}")
    for path in write_views(rows, target, overwrite=overwrite):
        note(f"wrote {path}")
    return OK


def _explain_by_run(
    run: Path, rgb: Any, size: Size, device: str
) -> tuple[Explanation, CriticJudgement | None]:
    """The photo by a run's network, and the judgement of its critic where it has one."""
    with requires_extra("train", "looking into a run"):
        from photochrom.training.finished_run import find_checkpoint, load_run
        from photochrom.training.reports.discriminator_maps import discriminator_maps
    from photochrom.evaluation.explain import CriticJudgement
    from photochrom.evaluation.explain import explain as explain_photo

    checkpoint = find_checkpoint(run)
    explanation = explain_photo(rgb, load_run(checkpoint, device), size)
    pictures = [
        picture for picture in (explanation.true, explanation.colored) if picture is not None
    ]
    judgements = discriminator_maps(checkpoint, pictures)
    if judgements is None:
        note(f"{checkpoint} has no critic: there is no map of real and coloured")
        return explanation, None
    true = None if explanation.true is None else judgements.maps[0]
    return explanation, CriticJudgement(true, judgements.maps[-1], judgements.probability)
