"""``photochrom archive``: a folder, share or bucket full of scans, coloured once and provably."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from photochrom.archive import (
    DEFAULT_LIMIT,
    DEFAULT_SAMPLE,
    DEFAULT_SHARE,
    REASONS,
    SIGNING_ALGORITHMS,
    ArchiveSettings,
    ClusterEngine,
    ClusterOptions,
    Counts,
    Engine,
    Entry,
    Estimate,
    LocalEngine,
    Manifest,
    Provenance,
    Result,
    RunReport,
    SigningAlgorithm,
    State,
    Store,
    apply_decisions,
    default_manifest,
    estimate,
    find_doubts,
    listed_entries,
    open_manifests,
    open_store,
    parse_shard,
    prepare_run,
    run_archive,
    verify_originals,
    write_gallery,
    write_rows,
)
from photochrom.batch import BatchOptions
from photochrom.cli import FAILED, OK, verbosity
from photochrom.cli.messages import Bar, complain, note
from photochrom.cli.options import (
    damaged_option,
    device_option,
    max_pixels_option,
    model_option,
    photo_jobs_option,
    refuse_given,
    size_option,
    vividness_option,
    white_balance_options,
)
from photochrom.damage import DamagePolicy
from photochrom.engine import local_model
from photochrom.errors import InputError
from photochrom.locks import output_lock
from photochrom.pipeline import WhiteBalance

_Command = TypeVar("_Command", bound=Callable[..., Any])
_DEFAULT = ArchiveSettings()
_CLUSTER = ClusterOptions()
_STATES: dict[State, str] = {
    "waiting": "waiting",
    "coloured": "coloured",
    "in colour": "in colour already",
    "failed": "failed",
    "left out": "left out",
    "rejected": "rejected",
    "missing": "gone from the source",
}
_MEGA, _HOUR_S = 1e6, 3600.0


class _RunsByDefault(click.Group):
    """A group whose command ``run`` need not be named: ``photochrom archive SRC DST``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunsByDefault)
def archive() -> None:
    """Colour an archive: many photographs in a folder, on a share or in a bucket, once.

    `photochrom archive SRC DST` is `photochrom archive run SRC DST`. What is done is in a manifest,
    so the same call goes on after any break and takes up what is new or changed. Addresses such as
    s3://bucket/scans need the extra `archive`, folders do not.
    """


def _parse_shard(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> tuple[int, int]:
    try:
        return (1, 1) if value is None else parse_shard(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from None


_manifest_option = click.option(
    "--manifest",
    "manifest_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.sqlite",
    help="Where it is kept what became of each input; a file on a disk of this machine.  "
    "[default: .photochrom-archive.sqlite in a DST that is a folder]",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _provenance_options(command: _Command) -> _Command:
    for option in (
        click.option(
            "--c2pa-algorithm",
            type=click.Choice(SIGNING_ALGORITHMS),
            default=_DEFAULT.provenance.algorithm,
            show_default=True,
            help="How --c2pa-key signs.",
        ),
        click.option(
            "--c2pa-key",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="PEM",
            help="The private key of --c2pa-certificate.",
        ),
        click.option(
            "--c2pa-certificate",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="PEM",
            help="Sign each result: a C2PA manifest names its original, the model and IPTC's "
            "source type. The archive's certificate, then those that vouch for it.",
        ),
        click.option(
            "--sidecar", is_flag=True, help="Write the mark of generated colours as NAME.xmp, too."
        ),
    ):
        command = option(command)
    return command


@archive.command(params=[*verbosity.OPTIONS])
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@_manifest_option
@click.option(
    "--list",
    "list_file",
    type=click.File("r", encoding="utf-8", errors="surrogateescape"),
    metavar="FILE|-",
    help="Take these files of SRC alone, a line each; - is standard input.",
)
@click.option(
    "--shard",
    callback=_parse_shard,
    metavar="K/N",
    help="Colour the K-th of N parts, by names alone: N machines share an archive without a "
    "cluster, each with a manifest of its own.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Tell what there is to do, and how long it takes, by a sample that is coloured by this "
    "machine's workers and thrown away; nothing is written to DST but the manifest.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=DEFAULT_SAMPLE,
    show_default=True,
    help="Photographs that --dry-run colours.",
)
@click.option(
    "--watch",
    "watch_s",
    type=click.FloatRange(min=0.1),
    metavar="SECONDS",
    help="Look again after so many seconds, and so on until Ctrl-C.",
)
@click.option(
    "--actors",
    type=click.IntRange(min=1),
    help="Colour by Ray, in so many processes with a network each (extra `archive`).  [default: "
    "this process alone; with --gpus or --address one for each GPU or processor]",
)
@click.option(
    "--gpus",
    type=click.FloatRange(min=0.0),
    default=_CLUSTER.gpus,
    help="GPUs that the actors share.",
)
@click.option(
    "--address",
    metavar="RAY",
    help="Use this running cluster (auto, ray://head:10001) in place of processes of this machine.",
)
@click.option("--films", is_flag=True, help="Colour films, too, after the photographs.")
@model_option
@click.option("--film-model", default=_DEFAULT.film_model, show_default=True, help="Of films.")
@size_option
@vividness_option
@white_balance_options
@click.option("--restore", is_flag=True, help="Mend damage of photographs before colouring.")
@click.option(
    "--find-damage",
    is_flag=True,
    help="Look at each photograph for scratches, dust and fading, to show it as doubtful.",
)
@click.option("--force", is_flag=True, help="Colour also photographs that are in colour already.")
@click.option(
    "--keep-colors/--no-keep-colors",
    default=_DEFAULT.options.keep_colors,
    show_default=True,
    help="Coloured places of otherwise grey photographs keep their colours.",
)
@click.option(
    "--overwrite", is_flag=True, help="Colour again what was coloured with other options."
)
@click.option(
    "--keep-finished",
    is_flag=True,
    help="Go on also where what is finished was coloured otherwise, which is refused without.",
)
@click.option(
    "--verify/--no-verify",
    default=_DEFAULT.verify,
    show_default=True,
    help="Read the originals once more at the end, and compare their hashes.",
)
@_provenance_options
@device_option
@photo_jobs_option
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Of the network of each process.  [default: as it likes best; with actors 1]",
)
@max_pixels_option
@damaged_option(
    "mend: what is broken around the pixels is mended, with a note; a photograph of which a part "
    "is missing fails. refuse: both fail. salvage: what is there is coloured."
)
@_json_option
def run(
    source: str,
    target: str,
    manifest_path: Path | None,
    list_file: IO[str] | None,
    shard: tuple[int, int],
    dry_run: bool,
    sample: int,
    watch_s: float | None,
    actors: int | None,
    gpus: float,
    address: str | None,
    films: bool,
    model: str,
    film_model: str,
    size: int | str,
    vividness: float,
    temperature: float,
    tint: float,
    neutral: float,
    restore: bool,
    find_damage: bool,
    force: bool,
    keep_colors: bool,
    overwrite: bool,
    keep_finished: bool,
    verify: bool,
    sidecar: bool,
    c2pa_certificate: Path | None,
    c2pa_key: Path | None,
    c2pa_algorithm: SigningAlgorithm,
    device: str,
    jobs: int,
    threads: int | None,
    max_pixels: int,
    damage: DamagePolicy,
    as_json: bool,
) -> int:
    """Colour what is new, changed or unfinished of SRC into DST, folders or addresses.

    Results have the names and places of their originals. Each input has exactly one result, or a
    reason why it has none, whatever stops a run. The exit code is 1 where inputs have failed, or
    where originals are not as they were.
    """
    settings = ArchiveSettings(
        options=BatchOptions(
            model=model,
            device=device,
            threads=threads,
            size="auto" if isinstance(size, str) else size,
            vividness=vividness,
            white_balance=WhiteBalance(temperature, tint, neutral),
            force=force,
            keep_colors=keep_colors,
            max_pixels=max_pixels,
            damage=damage,
            restore=restore,
        ),
        provenance=Provenance(sidecar, c2pa_certificate, c2pa_key, c2pa_algorithm),
        find_damage=find_damage,
        films=films,
        film_model=film_model,
        overwrite=overwrite,
        keep_finished=keep_finished,
        shard=shard,
        verify=verify,
        in_flight=jobs,
    )
    if watch_s is not None and (list_file is not None or dry_run):
        raise click.UsageError("--watch looks for new files by itself, again and again; it goes "
                               "neither with --list nor with --dry-run.")  # fmt: skip
    _check_combinations(
        dry_run=dry_run,
        films=films,
        signs=c2pa_certificate is not None,
        watches=watch_s is not None,
        with_actors=actors is not None or bool(gpus) or address is not None,
        forced=force and keep_colors,
    )
    if overwrite and keep_finished:
        raise click.UsageError("--overwrite colours again what --keep-finished keeps; give one.")
    place = _manifest_path(manifest_path, target, shard)
    places = open_store(source), open_store(target)
    path = local_model(model)
    with Manifest(place) as manifest:
        entries = None if list_file is None else list(listed_entries(places[0], list_file))
        while True:
            engine: Engine = LocalEngine(path, settings)
            if actors is not None or gpus or (address is not None and not dry_run):
                here = None if dry_run else address
                engine = ClusterEngine(model, settings, ClusterOptions(here, actors, gpus))
            if dry_run:
                return _dry_run(
                    manifest, places, engine, settings, entries, sample, as_json=as_json
                )
            report = _run(manifest, places, settings, engine, entries, quiet=watch_s is not None)
            if watch_s is None:
                break
            time.sleep(watch_s)
    if as_json:
        click.echo(json.dumps(_report_record(report)))
    return FAILED if report.counts.states.get("failed") or report.verified.altered else OK


def _check_combinations(
    *, dry_run: bool, films: bool, signs: bool, watches: bool, with_actors: bool, forced: bool
) -> None:
    """Raise UsageError for options that would do nothing beside, or without, others."""
    if not dry_run:
        refuse_given("is what --dry-run colours; add that, or leave it out.", "sample")
    if not films:
        refuse_given("is of films; add --films, or leave it out.", "film_model")
    if not signs:
        refuse_given("is of --c2pa-certificate; add that, or leave it out.", "c2pa_algorithm")
    if watches:
        refuse_given("is printed at the end, and --watch has none.", "as_json")
    if with_actors:
        refuse_given("is of this process alone; --actors says how many there are.", "jobs")
    if forced:
        refuse_given("keeps what --force colours; give one of the two.", "keep_colors")


def _manifest_path(chosen: Path | None, target: str, shard: tuple[int, int] = (1, 1)) -> Path:
    path = chosen or default_manifest(target, shard)
    if path is None:
        raise click.UsageError(
            f"{target} is no folder of this machine; say by --manifest FILE.sqlite where the "
            "manifest is kept."
        )
    return path


def _run(
    manifest: Manifest,
    places: tuple[Store, Store],
    settings: ArchiveSettings,
    engine: Engine,
    entries: Iterable[Entry] | None,
    *,
    quiet: bool,
) -> RunReport:
    """One run, told to people on stderr; quiet: unless there was nothing to do."""
    with Bar("archive", total=None) as bar:

        def report_result(result: Result) -> None:
            bar.advance()
            if result.state == "failed":
                complain(f"Error: {result.error}")

        report = run_archive(
            manifest, *places, settings, engine, entries=entries, progress=report_result
        )
    if quiet and not report.results:
        return report
    done = [f"{number} {state}" for state, number in sorted(report.results.items())]
    if done:
        note(f"This run: {', '.join(done)} ({report.seconds:.1f} s).")
    _show_counts(report.counts)
    if settings.verify and report.verified.number:
        note(f"Originals verified by their hashes: {report.verified.number}.")
    for key in report.verified.altered:
        complain(f"Error: the original {key} is not as it was when it was coloured")
    return report


def _show_counts(counts: Counts) -> None:
    parts = [
        f"{counts.states[state]} {text} ({counts.sizes[state] / _MEGA:.1f} MB)"
        for state, text in _STATES.items()
        if counts.states.get(state)
    ]
    note(f"The archive: {counts.total} inputs; {', '.join(parts) or 'none'}.")


def _counts_record(counts: Counts) -> dict[str, Any]:
    return {
        "inputs": counts.total,
        "states": {state: counts.states.get(state, 0) for state in _STATES},
        "bytes": {state: counts.sizes.get(state, 0) for state in _STATES},
    }


def _report_record(report: RunReport) -> dict[str, Any]:
    return {
        **_counts_record(report.counts),
        "this_run": report.results,
        "seconds": round(report.seconds, 3),
        "verified": report.verified.number,
        "altered": list(report.verified.altered),
    }


def _dry_run(
    manifest: Manifest,
    places: tuple[Store, Store],
    engine: Engine,
    settings: ArchiveSettings,
    entries: Iterable[Entry] | None,
    sample: int,
    *,
    as_json: bool,
) -> int:
    with output_lock(manifest.path):
        try:
            prepare_run(manifest, *places, settings, entries)
            counts = manifest.counts()
            found = estimate(manifest, places[0], engine, settings, sample)
        finally:
            engine.close()
    if as_json:
        record = {**_counts_record(counts), "estimate": _estimate_record(found)}
        click.echo(json.dumps(record))
        return OK
    _show_counts(counts)
    if found.sampled:
        note(
            f"{found.pictures} photographs take about {_duration(found.seconds)} here "
            f"(± {found.error:.0%}), by {found.sampled} of them: {found.picture_s:.3f} s each, "
            f"{found.processor_s:.3f} s of a processor."
        )
    return OK


def _estimate_record(found: Estimate) -> dict[str, Any]:
    return {**dataclasses.asdict(found), "seconds": found.seconds}


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * _HOUR_S else f"{seconds / _HOUR_S:.1f} h"


@archive.command()
@click.argument("target", metavar="DST")
@_manifest_option
@click.option("--reason", metavar="TEXT", help="Only those whose reason has this text in it.")
def retry(target: str, manifest_path: Path | None, reason: str | None) -> None:
    """Let what has failed wait again, for the next run.

    Their reasons are shown by `photochrom archive report`.
    """
    number = 0
    for path in _manifest_paths(manifest_path, target):
        with Manifest(path, create=False) as manifest, output_lock(path):
            number += manifest.requeue("state = 'failed' AND instr(error, ?)", (reason or "",))
            source = manifest.fact("source")
    note(f"{number} inputs wait again; photochrom archive {source} {target} colours them.")


def _manifest_paths(chosen: Path | None, target: str) -> list[Path]:
    """The manifests of a target: one, or those of its shards."""
    if chosen is not None:
        return [chosen]
    path = _manifest_path(None, target)
    shards = sorted(path.parent.glob(".photochrom-archive-*-of-*.sqlite"))
    return [path] if path.is_file() or not shards else shards


@archive.command()
@click.argument("target", metavar="DST")
@_manifest_option
@click.option(
    "--rows",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write a row for each input: hash, size, state, result, model, time, worker, reason.",
)
@_json_option
def report(target: str, manifest_path: Path | None, rows: Path | None, as_json: bool) -> None:
    """Show how an archive is: counts, sizes and why inputs failed. Shards are put together."""
    total, reasons = Counts(), Counter[str]()
    with open_manifests(_manifest_paths(manifest_path, target)) as manifests:
        for manifest in manifests:
            counts = manifest.counts()
            for state in counts.states:
                total.states[state] = total.states.get(state, 0) + counts.states[state]
                total.sizes[state] = total.sizes.get(state, 0) + counts.sizes[state]
            reasons.update(dict(manifest.reasons()))
        if rows is not None:
            write_rows(rows, manifests)
    if as_json:
        record = {**_counts_record(total), "reasons": dict(reasons.most_common())}
        click.echo(json.dumps(record))
        return
    _show_counts(total)
    for text, number in reasons.most_common():
        note(f"  failed: {number} x {text}")
    if rows is not None:
        note(f"wrote {rows}")


@archive.command()
@click.argument("target", metavar="DST")
@_manifest_option
def verify(target: str, manifest_path: Path | None) -> int:
    """Read every original again, and compare its hash with the one that was coloured."""
    code = OK
    for path in _manifest_paths(manifest_path, target):
        with Manifest(path, create=False) as manifest:
            checked = verify_originals(manifest, open_store(manifest.fact("source") or ""))
        note(f"{checked.number} originals read, {len(checked.altered)} not as they were.")
        for key in checked.altered:
            complain(f"Error: the original {key} is not as it was when it was coloured")
            code = FAILED
    return code


@archive.command()
@click.argument("target", metavar="DST")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_manifest_option
def decide(target: str, file: Path, manifest_path: Path | None) -> int:
    """Take up FILE, the decisions that the gallery has saved.

    Rejected results are removed; what has hints, or is to be coloured although it has colours,
    waits for the next run.
    """
    path = _manifest_path(manifest_path, target)
    with Manifest(path, create=False) as manifest, output_lock(path):
        counts = apply_decisions(manifest, open_store(target), file)
    note(", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none")
    return FAILED if counts["unknown"] else OK


@archive.command()
@click.argument("target", metavar="DST")
@click.argument("folder", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path))
@_manifest_option
@click.option(
    "--share",
    type=click.FloatRange(min=0.0, max=1.0, min_open=True),
    default=DEFAULT_SHARE,
    show_default=True,
    help="Of the results that count as doubtful by the network's confidence, and by their cast.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="Show at most so many for each reason.",
)
def gallery(
    target: str, folder: Path, manifest_path: Path | None, share: float, limit: int
) -> None:
    """Write what is doubtful into FOLDER: contact sheets, and a page to approve, reject or hint.

    Doubtful is what the network is least sure of, what has the strongest cast, what was in colour
    already, and what is damaged. The page saves decisions.json for `photochrom archive decide`.
    """
    with Manifest(_manifest_path(manifest_path, target), create=False) as manifest:
        doubts = find_doubts(manifest, share=share, limit=limit)
        source = open_store(manifest.fact("source") or "")
        done = write_gallery(folder, manifest, source, open_store(target), doubts)
    shown = ", ".join(f"{n} {REASONS[reason]}" for reason, n in done.shown.items() if n)
    note(f"wrote {done.page} and {len(done.sheets)} contact sheets: {shown}")
    for key in done.unreadable:
        note(f"  {key} cannot be shown")
