"""``photochrom compare``: several runs or models, one table, one page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photochrom.cli import FAILED, OK
from photochrom.cli.evaluation_options import (
    crop_option,
    limit_option,
    lpips_option,
    seed_option,
    thumbnail_option,
)
from photochrom.cli.evaluation_progress import load_meter, open_selection, run_evaluation
from photochrom.cli.messages import note
from photochrom.cli.options import (
    data_option,
    device_option,
    overwrite_option,
    selection_options,
    size_option,
    vividness_option,
)
from photochrom.cli.table import align_columns
from photochrom.engine.find import model_parts
from photochrom.errors import requires_extra
from photochrom.evaluation.options import EvaluationOptions

if TYPE_CHECKING:
    from photochrom.evaluation.compare import Contender

_INSTEAD = ", or export the runs where they were trained and compare the .onnx files"


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@data_option(required=False)
@click.option(
    "--out",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("comparison"),
    show_default=True,
    help="Folder for the table (compare.md), everything as JSON (compare.json), the page "
    "(gallery.html), a blind test of people (blind-test.html) and the exported models.",
)
@selection_options
@limit_option
@seed_option
@size_option
@vividness_option
@device_option
@crop_option
@lpips_option
@thumbnail_option
@overwrite_option
def compare(
    runs: tuple[str, ...],
    data: Path | None,
    table: Path | None,
    conditions: tuple[str, ...],
    out: Path,
    lpips_weights: Path | None,
    overwrite: bool,
    **choices: Any,
) -> int:
    """Compare training runs and models on photographs with known colours.

    RUN is the folder of a run, a checkpoint, an .onnx file or the name of a shipped model;
    NAME=RUN gives its column another name. Runs are exported first, once per checkpoint. The table
    has the figures with their 95 % intervals, parameters, multiplications, the speed of training,
    and milliseconds per photo; on the page each photo is a row, each method a column.

    Without --data they are compared on the photographs that the first run held out, at the size at
    which it kept them, but for those that another run learnt from.
    """
    with requires_extra("evaluate", "comparing"):
        from photochrom.cli.held_out import held_out_pictures
        from photochrom.evaluation.compare import (
            check_folder,
            contender_costs,
            contender_methods,
            to_rows,
            write_comparison,
        )

    settings = EvaluationOptions(**choices)
    pictures = open_selection(data, table, conditions)
    check_folder(out, overwrite=overwrite)
    meter = load_meter(lpips_weights)
    contenders = [_parse_contender(run, out / "models") for run in runs]
    if data is None and not any(contender.run for contender in contenders):
        raise click.UsageError("Name pictures with --data: only runs have held some out.")
    own_runs = [contender.run for contender in contenders if contender.run is not None]
    if pictures is None:
        pictures = held_out_pictures(own_runs)
    methods = contender_methods(contenders, settings)
    results = run_evaluation(methods, pictures, meter, settings, thumbnails=True)
    costs = contender_costs(contenders, methods, results)
    if results.report is not None:
        click.echo(align_columns(to_rows(results.report, costs, intervals=False)))
    for path in write_comparison(out, results, costs, overwrite=overwrite):
        note(f"wrote {path}")
    return FAILED if results.evaluation.failures else OK


def _parse_contender(argument: str, models: Path) -> Contender:
    """A run, exported; or a model as it is."""
    from photochrom.evaluation.compare import Contender

    name, equals, rest = argument.partition("=")
    # "=" may stand in an address or a path; a name comes without either's marks.
    if not equals or any(mark in name for mark in "/\\:#"):
        name, rest = "", argument
    path = Path(rest)
    if path.suffix != ".pt" and not path.is_dir():
        # The weight of a blend is no suffix.
        return Contender(name or (path.stem if len(model_parts(rest)) == 1 else rest), rest)
    with requires_extra("train", "comparing runs", _INSTEAD):
        from photochrom.training.finished_run import export_once, run_facts
    facts = run_facts(path)
    name = name or (path.resolve().name if path.is_dir() else path.stem)
    note(f"{name}: {facts.images} images, {facts.checkpoint}")
    model = export_once(facts.checkpoint, models, name)
    return Contender(name, str(model), facts.images, facts.images_per_s, path)
