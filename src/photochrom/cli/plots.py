"""``photochrom plots``: a run's plots and its report, drawn anew."""

from __future__ import annotations

from pathlib import Path

import click

from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.errors import requires_extra


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--out",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for plots/ and report.html.  [default: the run's own]",
)
def plots(run: Path, out: Path | None) -> int:
    """Draw the plots of RUN, the folder of a training run, and its report.

    Training draws them itself at every validation; this is for runs from elsewhere or before.
    RUN/plots gets losses, D(x) and D(G(z)), learning rate, validation figures, colourfulness and
    the histogram of true and predicted colours as PNG; RUN/report.html has all of it on a page.
    """
    with requires_extra("train", "drawing a run"):
        from photochrom.training.finished_run import draw_run

    for path in draw_run(run, out or run):
        note(f"wrote {path}")
    return OK
