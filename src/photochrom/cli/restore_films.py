"""Films among what ``photochrom restore`` mends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from photochrom.cli.film_arguments import plan_targets
from photochrom.cli.film_progress import FilmReporter, closing_bars, note_finished
from photochrom.damage import DamagePolicy
from photochrom.errors import InputError, PhotochromError, requires_extra
from photochrom.restoration import FilmKind
from photochrom.video.io.codecs import Encoding


class RestoreFilmOptions(NamedTuple):
    """How films are mended, as the command line has it."""

    kinds: tuple[FilmKind, ...]
    encoding: Encoding
    damage: DamagePolicy
    deinterlace: bool
    overwrite: bool
    resume: bool
    changes: Path | None
    """Where to write what was mended in each frame."""
    mask: Path | None
    """Where to write it as a film."""
    shots: Path | None
    """A file that says of single shots what is mended in them."""
    as_json: bool


def restore_films(films: Sequence[Path], out: Path | None, options: RestoreFilmOptions) -> bool:
    """Films, one after the other; False where one fails."""
    with requires_extra("video", "a film"):
        from photochrom.video.io.probe import probe
        from photochrom.video.options import FilmSettings
        from photochrom.video.restore import restore_film, write_changes
        from photochrom.video.shots_file import read_shots
    try:
        shots = () if options.shots is None else read_shots(options.shots)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    settings = FilmSettings(
        restore=options.kinds,
        shots=shots,
        encoding=options.encoding,
        damage=options.damage,
        deinterlace=options.deinterlace,
        overwrite=options.overwrite,
        resume=options.resume,
    )
    good = True
    for source, target in plan_targets(films, out, "restored", options.encoding.codec):
        if options.resume and not options.overwrite and target.is_file():
            note_finished(target)
            continue
        reporter = FilmReporter(source, target)
        with closing_bars([reporter], resumable=True):
            try:
                outcome = restore_film(source, target, settings, reporter.progress, options.mask)
                if options.changes is not None:
                    write_changes(options.changes, outcome.changes, probe(source))
            except PhotochromError as error:
                reporter.fail(error)
                good = False
                continue
            reporter.report(outcome)
            if options.as_json:
                record = {
                    "source": str(source),
                    "target": str(target),
                    "status": "restored" if outcome.changes else "undamaged",
                    "frames": outcome.frames,
                    "changed_frames": len(outcome.changes),
                    "notes": outcome.notes,
                }
                click.echo(json.dumps(record))
    return good
