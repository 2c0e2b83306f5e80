"""One run over an archive, on one page: look, check, colour what waits, verify, report.

Whatever ends a run early, the same call goes on: the manifest says what has its result.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from photochrom.archive.decisions import remove_rejected, remove_result
from photochrom.archive.films import hash_file
from photochrom.archive.manifest import Counts, Manifest, Result, Task, timestamp
from photochrom.archive.scan import scan
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Entry, Store
from photochrom.batch.run import work_in_threads
from photochrom.engine import ModelIdentity, local_model, model_identity
from photochrom.errors import InputError, OutputError
from photochrom.locks import output_lock

_READERS = 4
_COMMIT_RESULTS = 64
_COMMIT_S = 1.0
"""Results are written down after so many, or after so long: what a kill can cost."""


class Engine(Protocol):
    """What colours pictures: this process, or a cluster."""

    @property
    def workers(self) -> int:
        """How many pictures are coloured at the same time."""

    def run(self, tasks: Iterable[Task], source: Store, target: Store) -> Iterator[Result]:
        """What became of pictures, as they are done."""

    def run_films(
        self, tasks: Iterable[Task], source: Store, target: Store, work: Path
    ) -> Iterator[Result]:
        """What became of films, as they are done. work: a folder for unfinished ones."""

    def close(self) -> None:
        """Give back what is held."""


class Verification(NamedTuple):
    """Originals that were read again. altered: keys of those that are not as they were."""

    number: int = 0
    altered: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunReport:
    """What a run has done, and how the archive is then."""

    counts: Counts
    results: dict[str, int]
    """Of this run, by state; "unchanged" are inputs that only seemed to be changed."""
    seconds: float
    verified: Verification


Progress = Callable[[Result], None]


def prepare_run(
    manifest: Manifest,
    source: Store,
    target: Store,
    settings: ArchiveSettings,
    entries: Iterable[Entry] | None = None,
) -> int:
    """Bring the manifest up to date with both places. Returns the number of the settings.

    entries: the inputs, as for `scan`.
    Raises InputError where the manifest is another archive's or the source cannot be listed,
    OutputError where results are of other settings and neither `overwrite` nor `keep_finished` is
    chosen.
    """
    check_places(manifest, source, target, settings.shard)
    _remove_leftovers(target, settings)
    remove_rejected(manifest, target)  # what was touched since would wait
    scan(
        manifest,
        source,
        shard=settings.shard,
        entries=entries,
        below=_below(source, target),
        among=_below(target, source),
        films=settings.films,
    )
    model = model_identity(local_model(settings.options.model))
    number = manifest.settings_id(settings.pixel_settings(model.signature))
    check_settings(manifest, number, model, settings)
    manifest.mark_absent(target.results() if target.exists() else ())
    return number


def run_archive(
    manifest: Manifest,
    source: Store,
    target: Store,
    settings: ArchiveSettings,
    engine: Engine,
    *,
    entries: Iterable[Entry] | None = None,
    progress: Progress = lambda result: None,
    begin: Callable[[Counts], None] = lambda counts: None,
) -> RunReport:
    """Colour what is new, changed, or left from a run that was stopped.

    entries: the inputs, as for `scan`. progress: called after each input. begin: called once, when
    it is known what there is to do.
    Raises what `prepare_run` raises, ModelError, and OutputError where another run is at it.
    """
    start_s, began_at = time.perf_counter(), timestamp()
    with output_lock(manifest.path):
        number = prepare_run(manifest, source, target, settings, entries)
        begin(manifest.counts())
        log = _ResultLog(manifest, target, number, progress)
        try:
            log.take(engine.run(manifest.tasks("picture"), source, target))
            if settings.films:
                work = manifest.path.with_name(f"{manifest.path.name}.films")
                log.take(engine.run_films(manifest.tasks("film"), source, target, work))
        finally:
            engine.close()
        _remove_leftovers(target, settings)  # of workers that were killed
        checked = (
            verify_originals(manifest, source, began_at) if settings.verify else Verification()
        )
    return RunReport(manifest.counts(), dict(log.counts), time.perf_counter() - start_s, checked)


def _remove_leftovers(target: Store, settings: ArchiveSettings) -> None:
    """Remove what killed processes have half written; on a disk, locks tell it from what other
    shards are writing.
    """
    if settings.shard[1] == 1 or target.path("") is not None:
        target.remove_leftovers()


class _ResultLog:
    """Writes results down, several at once, and those at hand also when a run breaks off."""

    def __init__(
        self, manifest: Manifest, target: Store, settings: int, progress: Progress
    ) -> None:
        self._manifest, self._target = manifest, target
        self._settings, self._progress = settings, progress
        self._waiting: list[Result] = []
        self._since_s = time.monotonic()
        self.counts: Counter[str] = Counter()
        """Of this run, by state; "unchanged" are those that only seemed to be changed."""

    def take(self, results: Iterable[Result]) -> None:
        try:
            for result in results:
                self._waiting.append(result)
                full = len(self._waiting) == _COMMIT_RESULTS
                if full or time.monotonic() - self._since_s > _COMMIT_S:
                    self._write()
        finally:
            self._write()

    def _write(self) -> None:
        results, self._waiting = self._waiting, []
        for orphan in self._manifest.finish(
            [result for result in results if not result.unchanged], self._settings
        ):
            remove_result(self._target, orphan)
        self._manifest.confirm([result.key for result in results if result.unchanged])
        for result in results:
            self.counts["unchanged" if result.unchanged else result.state] += 1
            self._progress(result)
        self._since_s = time.monotonic()


def check_places(
    manifest: Manifest, source: Store, target: Store, shard: tuple[int, int] = (1, 1)
) -> None:
    """Raise InputError where a manifest belongs to other places, or to another shard; else note
    that it belongs to these.
    """
    if _are_same(source, target) and not target.adds_beside:
        raise InputError(
            f"{source.name} is both source and target; originals are never touched, so name "
            "another target"
        )
    for name, value in (
        ("source", source.name),
        ("target", target.name),
        ("shard", f"{shard[0]}/{shard[1]}"),
    ):
        before = manifest.fact(name)
        if before is not None and before != value:
            raise InputError(
                f"{manifest.path} is the manifest of the {name} {before}, not of {value}; give the "
                "same, or name another --manifest"
            )
        manifest.set_fact(name, value)


def check_settings(
    manifest: Manifest, number: int, model: ModelIdentity, settings: ArchiveSettings
) -> None:
    """Let results of other settings be made again, or leave them, as a person has chosen.

    number: of the settings now. Raises OutputError where there are some and nothing is chosen.
    """
    others = {key: value for key, value in manifest.settings().items() if key != number}
    if not others:
        return
    if settings.overwrite:
        manifest.requeue("state IN ('coloured', 'waiting') AND settings <> ?", (number,))
    elif not settings.keep_finished:
        now = settings.pixel_settings(model.signature)
        first = next(iter(others.values()))
        differing = sorted(key for key in now if first.get(key) != _as_json(now[key]))
        raise OutputError(
            f"results in the target were made with another {' and '.join(differing) or 'model'}; "
            "--overwrite colours them again, --keep-finished keeps them and goes on beside them"
        )


def _as_json(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _are_same(source: Store, target: Store) -> bool:
    """Whether two names, such as a relative and an absolute one, are of one place."""
    one, other = source.path(""), target.path("")
    if source.place() == target.place() or one is None or other is None:
        return source.place() == target.place()
    return one.is_dir() and other.is_dir() and one.samefile(other)


def _below(outer: Store, inner: Store) -> str:
    """Where a place is inside of another, as the beginning of keys; empty where it is not."""
    beginning = outer.place().rstrip("/") + "/"
    inside = inner.place()
    return f"{inside.removeprefix(beginning)}/" if inside.startswith(beginning) else ""


def verify_originals(manifest: Manifest, source: Store, since: str = "") -> Verification:
    """Read originals again and compare them with what was coloured.

    since: a `timestamp`; those that were coloured before are left aside. Raises InputError.
    """
    rows = manifest.rows("sha256 IS NOT NULL AND state <> 'missing' AND finished_at >= ?", (since,))
    inputs = ((str(row["key"]), str(row["kind"]), str(row["sha256"])) for row in rows)

    def is_same(item: tuple[str, str, str]) -> tuple[str, bool]:
        key, kind, digest = item
        try:
            return key, _hash(source, key, kind) == digest
        except (InputError, OSError):
            return key, False

    number, altered = 0, []
    pool = ThreadPoolExecutor(_READERS)
    for key, same in work_in_threads(pool, inputs, is_same, _READERS):
        number += 1
        if not same:
            altered.append(key)
    return Verification(number, tuple(sorted(altered)))


def _hash(source: Store, key: str, kind: str) -> str:
    path = source.path(key)
    if path is not None:
        return hash_file(path)
    if kind == "picture":
        return hashlib.sha256(source.read(key)).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        source.download(key, Path(folder) / "film")
        return hash_file(Path(folder) / "film")
