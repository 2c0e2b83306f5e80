"""What is known of an archive's files: one row for each input, in an SQLite file on a disk.

The row is the truth. A result counts when its row says so, which is written after the result is
whole in its store; a run that is killed between the two makes the same result once more, in the
same place. So every input has one result or one reason, whenever and however a run ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, TypeAlias, get_args

from photochrom.archive.stores import Entry, is_address
from photochrom.errors import InputError, OutputError

State: TypeAlias = Literal[
    "waiting", "coloured", "in colour", "failed", "left out", "rejected", "missing"
]
"""To be coloured; has its result; had colours before and was left alone; could not be coloured, and
says why; is no picture or film; a person wants no result of it; is not in the source any more."""
STATES: Final[tuple[State, ...]] = get_args(State)
Kind: TypeAlias = Literal["picture", "film"]

FORMAT = 1
"""Of the file; raised when an older photochrom could not go on with it."""
_COMMIT_ROWS = 5_000
_NO_TEXT = "its name is no UTF-8, and so it cannot be told from others; rename it"
_SCHEMA = """
CREATE TABLE archive (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE inputs (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, stamp TEXT NOT NULL,
  scan INTEGER NOT NULL, state TEXT NOT NULL, target TEXT, transparent_target TEXT,
  sha256 TEXT, result TEXT, result_size INTEGER, result_sha256 TEXT,
  model TEXT, settings INTEGER REFERENCES settings (id), finished_at TEXT, worker TEXT,
  seconds REAL, attempts INTEGER NOT NULL DEFAULT 0, error TEXT, notes TEXT,
  height INTEGER, width INTEGER, tone TEXT, confidence REAL, cast_ab REAL, damage TEXT,
  decision TEXT, hints TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX inputs_target ON inputs (target) WHERE target IS NOT NULL;
CREATE INDEX inputs_state ON inputs (state);
"""


class Task(NamedTuple):
    """An input that waits for its result. Plain values, which go from process to process."""

    key: str
    kind: Kind
    size: int
    target: str
    transparent_target: str | None = None
    sha256: str | None = None
    """Of the content that has a result already, or shall have none; None where there is neither."""
    hints: str | None = None
    """A person's, as JSON: `photochrom.archive.decisions`."""
    force: bool = False
    """Whether it is coloured although it has colours."""


@dataclass(frozen=True)
class Result:
    """What became of a task. Plain values, which go from process to process."""

    key: str
    state: State
    sha256: str | None = None
    result: str | None = None
    """Key of the result in the target."""
    result_size: int | None = None
    result_sha256: str | None = None
    model: str = ""
    worker: str = ""
    seconds: float = 0.0
    error: str = ""
    """Why it has no result."""
    notes: tuple[str, ...] = ()
    height: int | None = None
    width: int | None = None
    tone: str = ""
    confidence: float | None = None
    """Mean confidence of the network, [0, 1]; None where it says none."""
    cast_ab: float | None = None
    """Length of the mean (a, b) of the result, CIELAB units."""
    damage: str = ""
    """What is wrong with the photograph, in words."""
    unchanged: bool = False
    """Whether the input only seemed to be changed: its result is there, and nothing else counts."""
    keeps_result: bool = False
    """Whether an earlier result stays: the new one could be made, and not be written."""


@dataclass
class Counts:
    """Inputs by state, and the bytes of all of them."""

    states: dict[State, int] = field(default_factory=dict)
    sizes: dict[State, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many inputs there are."""
        return sum(self.states.values())


class Manifest:
    """The rows of one archive; a context manager, closed on leaving it. For one thread."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open it, or begin one. Raises InputError for a file that is none, OutputError."""
        self.path = path
        if not create and not path.is_file():
            raise InputError(
                f"there is no manifest {path}; name the one of the run, or begin one with "
                "photochrom archive SRC DST"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(path, timeout=60.0)
            self._base.row_factory = sqlite3.Row
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            with self._base:
                self._base.execute("BEGIN IMMEDIATE")
                if not self._base.execute("PRAGMA user_version").fetchone()[0]:
                    for statement in _SCHEMA.split(";"):
                        self._base.execute(statement)
                    self._base.execute(f"PRAGMA user_version = {FORMAT}")
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} is no manifest of an archive: {error}") from error
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            self._base.close()
            raise InputError(
                f"{path} is of format {version}, and this photochrom knows {FORMAT}; use the "
                "photochrom that began it, or begin a new one"
            )

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()

    def fact(self, name: str) -> str | None:
        """What is known of the archive itself, such as its "source"; None: nothing."""
        row = self._base.execute("SELECT value FROM archive WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Keep something of the archive itself."""
        with self._base:
            self._base.execute("INSERT OR REPLACE INTO archive VALUES (?, ?)", (name, value))

    def settings_id(self, settings: dict[str, Any]) -> int:
        """The number of all that changes a pixel, given as JSON values; the same for the same."""
        text = json.dumps(settings, sort_keys=True)
        with self._base:
            self._base.execute("INSERT OR IGNORE INTO settings (value) VALUES (?)", (text,))
        row = self._base.execute("SELECT id FROM settings WHERE value = ?", (text,)).fetchone()
        return int(row[0])

    def settings(self) -> dict[int, dict[str, Any]]:
        """All settings that the results of what is in the source were made with, by their numbers.

        What is gone from there, or rejected, cannot be coloured again.
        """
        rows = self._base.execute(
            "SELECT id, value FROM settings WHERE id IN (SELECT settings FROM inputs "
            "WHERE state IN ('coloured', 'waiting'))"
        )
        return {row["id"]: json.loads(row["value"]) for row in rows}

    def begin_scan(self) -> int:
        """The number of a new look through the source."""
        number = int(self.fact("scan") or 0) + 1
        self.set_fact("scan", str(number))
        return number

    def add_entries(
        self, entries: Iterable[tuple[Entry, Kind, str | None, str | None, str]], scan: int
    ) -> None:
        """Take up what is in the source: new inputs and changed ones wait, all others stay.

        entries: with their kind, target, place for transparent results, and the reason why it is
            left out, empty for pictures and films.
        """
        self._base.execute("BEGIN")
        for rows, (entry, kind, target, transparent_target, reason) in enumerate(entries, 1):
            self._add_entry(entry, kind, target, transparent_target, reason, scan)
            if rows % _COMMIT_ROWS == 0:
                self._base.commit()
                self._base.execute("BEGIN")
        self._base.commit()

    def _add_entry(
        self,
        entry: Entry,
        kind: Kind,
        target: str | None,
        transparent_target: str | None,
        reason: str,
        scan: int,
    ) -> None:
        if not _is_text(entry.key):
            key = entry.key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            self._put(entry._replace(key=key), kind, "failed", None, None, _NO_TEXT, scan)
            return
        before = self._base.execute(
            "SELECT size, stamp, state, target FROM inputs WHERE key = ?", (entry.key,)
        ).fetchone()
        if before is not None:
            is_changed = (before["size"], before["stamp"]) != (entry.size, entry.stamp)
            is_back = before["state"] == "missing" or (before["state"] == "left out" and not reason)
            has_place_now = before["target"] is None and target is not None
            if not (is_changed or is_back or has_place_now):
                self._base.execute("UPDATE inputs SET scan = ? WHERE key = ?", (scan, entry.key))
                return
        state: State = "left out" if reason else "waiting"
        try:
            self._put(entry, kind, state, target, transparent_target, reason or None, scan)
        except sqlite3.IntegrityError:
            other = self._base.execute(
                "SELECT key FROM inputs WHERE target = ?", (target,)
            ).fetchone()
            problem = f"its result would be {target}, as that of {other['key']}; rename one of them"
            self._put(entry, kind, "failed", None, None, problem, scan)

    def _put(
        self,
        entry: Entry,
        kind: Kind,
        state: State,
        target: str | None,
        transparent_target: str | None,
        error: str | None,
        scan: int,
    ) -> None:
        """Add an input, or let one begin anew; the place that its result has stays."""
        self._base.execute(
            "INSERT INTO inputs (key, kind, size, stamp, scan, state, target, transparent_target, "
            "error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
            "size = excluded.size, stamp = excluded.stamp, scan = excluded.scan, "
            "state = excluded.state, error = excluded.error, attempts = 0, "
            "transparent_target = CASE WHEN target IS NULL THEN excluded.transparent_target "
            "ELSE transparent_target END, target = coalesce(target, excluded.target)",
            (
                *(entry.key, kind, entry.size, entry.stamp, scan),
                *(state, target, transparent_target, error),
            ),
        )

    def end_scan(self, scan: int) -> None:
        """Mark what was not seen by it as missing; its result stays, and is told of."""
        with self._base:
            self._base.execute("UPDATE inputs SET state = 'missing' WHERE scan <> ?", (scan,))

    def tasks(self, kind: Kind) -> Iterator[Task]:
        """The pictures, or the films, that wait and were seen by the last scan, by their keys."""
        scan = int(self.fact("scan") or 0)
        for row in self.rows("state = 'waiting' AND kind = ? AND scan = ?", (kind, scan)):
            yield _task(row)

    def results(self, state: State = "coloured") -> Iterator[Result]:
        """What became of the inputs of a state, by their keys."""
        for row in self.rows("state = ?", (state,)):
            yield Result(
                key=row["key"],
                state=row["state"],
                sha256=row["sha256"],
                result=row["result"],
                result_size=row["result_size"],
                result_sha256=row["result_sha256"],
                model=row["model"] or "",
                worker=row["worker"] or "",
                seconds=row["seconds"] or 0.0,
                error=row["error"] or "",
                notes=tuple(json.loads(row["notes"] or "[]")),
                height=row["height"],
                width=row["width"],
                tone=row["tone"] or "",
                confidence=row["confidence"],
                cast_ab=row["cast_ab"],
                damage=row["damage"] or "",
            )

    def rows(self, where: str = "1", values: Sequence[Any] = ()) -> Iterator[sqlite3.Row]:
        """Whole rows by a condition in SQL, by their keys; they may be changed meanwhile."""
        after = ""
        while True:
            found = self._base.execute(
                f"SELECT * FROM inputs WHERE ({where}) AND key > ? ORDER BY key LIMIT ?",
                (*values, after, _COMMIT_ROWS),
            ).fetchall()
            yield from found
            if len(found) < _COMMIT_ROWS:
                return
            after = found[-1]["key"]

    def number(self, where: str) -> int:
        """How many inputs there are of a condition in SQL."""
        return int(self._base.execute(f"SELECT count(*) FROM inputs WHERE {where}").fetchone()[0])

    def first_rows(self, where: str, order: str, limit: int) -> list[sqlite3.Row]:
        """The first rows of a condition in SQL, by an order in SQL, then by their keys."""
        sql = f"SELECT * FROM inputs WHERE {where} ORDER BY {order}, key LIMIT ?"
        return self._base.execute(sql, (limit,)).fetchall()

    def finish(self, results: Sequence[Result], settings: int) -> list[str]:
        """Write down what became of inputs, all of it or nothing.

        settings: of `settings_id`. Returns the keys of results before, which have no row any more.
        """
        now = timestamp()
        orphans = []
        with self._base:
            for result in results:
                before = self._base.execute(
                    "SELECT result, result_size, result_sha256 FROM inputs WHERE key = ?",
                    (result.key,),
                ).fetchone()
                if before is None:
                    continue
                kept = dict(before) if result.keeps_result else {}
                done = dataclasses.replace(result, **kept)
                if before["result"] not in (None, done.result):
                    orphans.append(str(before["result"]))
                self._base.execute(
                    "UPDATE inputs SET state = ?, sha256 = ?, result = ?, result_size = ?, "
                    "result_sha256 = ?, model = ?, settings = ?, finished_at = ?, worker = ?, "
                    "seconds = ?, attempts = attempts + 1, error = ?, notes = ?, height = ?, "
                    "width = ?, tone = ?, confidence = ?, cast_ab = ?, damage = ?, "
                    "decision = nullif(decision, 'reject') WHERE key = ?",
                    (
                        done.state,
                        done.sha256,
                        done.result,
                        done.result_size,
                        done.result_sha256,
                        done.model or None,
                        settings if done.state == "coloured" else None,
                        now,
                        done.worker,
                        done.seconds,
                        done.error or None,
                        json.dumps(done.notes) if done.notes else None,
                        done.height,
                        done.width,
                        done.tone or None,
                        done.confidence,
                        done.cast_ab,
                        done.damage or None,
                        done.key,
                    ),
                )
        return orphans

    def confirm(self, keys: Sequence[str]) -> None:
        """Inputs that only seemed to be changed have the results that they had, or none again."""
        with self._base:
            self._base.executemany(
                "UPDATE inputs SET error = NULL, state = CASE decision WHEN 'reject' "
                "THEN 'rejected' ELSE 'coloured' END WHERE key = ?",
                [(key,) for key in keys],
            )

    def sample(self, kind: Kind, number: int) -> tuple[int, list[Task]]:
        """How many pictures, or films, wait, and some of them: of each ending as many as it has its
        share of all, and of all sizes.
        """
        where = "state = 'waiting' AND kind = ?1 AND scan = ?2"
        scan = int(self.fact("scan") or 0)
        count = f"SELECT count(*) FROM inputs WHERE {where}"
        total = int(self._base.execute(count, (kind, scan)).fetchone()[0])
        self._base.create_function("suffix", 1, _suffix, deterministic=True)
        rows = self._base.execute(
            "SELECT * FROM (SELECT *, row_number() OVER (ORDER BY suffix(key), size, key) - 1 AS "
            f"place FROM inputs WHERE {where}) "
            "WHERE (place * ?3 + ?3 + ?4 / 2) / ?4 <> (place * ?3 + ?4 / 2) / ?4",
            (kind, scan, min(number, total), max(1, total)),
        )
        return total, [_task(row) for row in rows]

    def mark_absent(self, entries: Iterable[Entry]) -> int:
        """Let inputs wait again whose results are not in the target, or not of their size.

        entries: all files of the target. Returns how many inputs these are.
        """
        self._base.execute(
            "CREATE TEMP TABLE IF NOT EXISTS present (key TEXT PRIMARY KEY, size INTEGER)"
        )
        with self._base:
            self._base.execute("DELETE FROM present")
            self._base.executemany(
                "INSERT OR REPLACE INTO present VALUES (?, ?)",
                ((entry.key, entry.size) for entry in entries if _is_text(entry.key)),
            )
        absent = (
            "state IN ('coloured', 'waiting') AND result IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM present WHERE "
            "present.key = inputs.result AND present.size IN (-1, inputs.result_size))"
        )
        return self.requeue(absent)

    def requeue(self, where: str, values: Sequence[Any] = ()) -> int:
        """Let inputs wait again, by a condition in SQL. Returns how many."""
        with self._base:
            done = self._base.execute(
                "UPDATE inputs SET state = 'waiting', attempts = 0, sha256 = NULL "
                f"WHERE ({where}) AND target IS NOT NULL",
                values,
            )
        return done.rowcount

    def decide(self, key: str, decision: str, hints: str | None = None) -> bool:
        """Keep what a person decides of an input; False where there is no such input."""
        state = {"approve": None, "reject": "rejected"}.get(decision, "waiting")
        with self._base:
            done = self._base.execute(
                "UPDATE inputs SET decision = ?, hints = coalesce(?, hints), "
                "state = coalesce(?, state), sha256 = CASE WHEN ? THEN NULL ELSE sha256 END "
                "WHERE key = ? AND target IS NOT NULL",
                (decision, hints, state, state == "waiting", key),
            )
        return done.rowcount == 1

    def drop_result(self, key: str) -> None:
        """An input has no result any more."""
        with self._base:
            self._base.execute(
                "UPDATE inputs SET result = NULL, result_size = NULL, result_sha256 = NULL "
                "WHERE key = ?",
                (key,),
            )

    def counts(self) -> Counts:
        """How many inputs are in which state."""
        counts = Counts()
        for row in self._base.execute(
            "SELECT state, count(*) AS number, sum(max(size, 0)) AS bytes FROM inputs "
            "GROUP BY state"
        ):
            counts.states[row["state"]] = row["number"]
            counts.sizes[row["state"]] = row["bytes"] or 0
        return counts

    def reasons(self) -> list[tuple[str, int]]:
        """Why inputs failed, the commonest reason first; what names a file counts as one reason."""
        found: dict[str, int] = {}
        for row in self.rows("state = 'failed'"):
            text = str(row["error"] or "").replace(row["key"], "NAME")
            found[text] = found.get(text, 0) + 1
        return sorted(found.items(), key=lambda item: (-item[1], item[0]))


def timestamp() -> str:
    """The moment, in UTC; later ones are greater."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _is_text(key: str) -> bool:
    """Whether SQLite can keep it: a name of a file may have bytes that are no UTF-8."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _suffix(key: str) -> str:
    return PurePosixPath(key).suffix.lower()


def _task(row: sqlite3.Row) -> Task:
    return Task(
        row["key"],
        row["kind"],
        row["size"],
        row["target"],
        row["transparent_target"],
        row["sha256"] if row["result"] is not None or row["decision"] == "reject" else None,
        row["hints"],
        row["decision"] == "color",
    )


def default_manifest(target: str, shard: tuple[int, int] = (1, 1)) -> Path | None:
    """Where the manifest of a target is unless a person names a file: in the target, hidden.

    None: the target is on no disk of this machine. shard: k of n, each of which has its own.
    """
    if is_address(target):
        return None
    number = "" if shard[1] == 1 else f"-{shard[0]}-of-{shard[1]}"
    return Path(target) / f".photochrom-archive{number}.sqlite"


@contextlib.contextmanager
def open_manifests(paths: Sequence[Path]) -> Iterator[list[Manifest]]:
    """Several manifests that are there, such as those of all shards. Raises InputError."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Manifest(path, create=False)) for path in paths]
