"""Jobs: what waits to be coloured, who is at it, and how far it is.

The row of a picture is the truth; the queue only tells the worker to look at it. So whatever is
killed between the two, nothing is lost: the worker asks the rows again when it starts, and now
and then. A worker claims a row by an UPDATE that only one can win, and a result counts once a
second such UPDATE says so.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from flask import Flask, current_app
from huey import Huey, PriorityRedisHuey, SqliteHuey
from huey.api import TaskWrapper
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy import CursorResult, Update, func, select, tuple_, update

from photochrom.web.database import Picture, db, now
from photochrom.web.settings import WebSettings, current_settings

KINDS: Final = ("photo", "film")
"""Each has a queue and a thread of the worker, so that no picture waits for a film."""
MAX_ATTEMPTS: Final = 5
"""A picture that was begun so often without an end is given up.

Its worker died at it, or it is a film that could not be written.
"""

_EXTENSION: Final = "photochrom-jobs"
_LOOK_AT: Final = 50
"""So many of one user's jobs are asked whether they are due."""
_log = logging.getLogger(__name__)


class Job(NamedTuple):
    """A revision of a picture that is to be coloured."""

    picture_id: str
    revision: int
    kind: str


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON: huey's own pickles run whatever somebody puts into the queue."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps([data.id, data.name, data.priority, *data.args]).encode()

    def _deserialize(self, data: bytes) -> Message:
        key, name, priority, picture_id, revision = json.loads(data)
        arguments = (str(picture_id), int(revision))
        return Message(key, name, None, 0, 0, priority, arguments, {}, None, None)


def make_queue(settings: WebSettings, kind: str = "photo") -> Huey:
    """The queue of photos or of films."""
    common: dict[str, Any] = {"results": False, "serializer": JsonSerializer()}
    name = f"photochrom-{kind}"
    if settings.queue_url:
        return PriorityRedisHuey(name, url=settings.queue_url, blocking=False, **common)
    return SqliteHuey(name, filename=str(settings.data_dir / "queue.db"), **common)


def color_task(queue: Huey, work: Any) -> TaskWrapper:
    """The one kind of job: ``work(picture_id, revision)``. Called, it enqueues."""

    def color(picture_id: str, revision: int) -> None:
        work(picture_id, revision)

    return queue.task(name="colour")(color)


def put(task: TaskWrapper, job: Job) -> None:
    """Into the queue of its kind. Whose turn it is when the worker looks, `Turns` says."""
    task.huey.enqueue(task.task_class((job.picture_id, job.revision)))


def make_job(picture: Picture) -> Job:
    """The job that a picture's row asks for."""
    return Job(picture.id, picture.revision, picture.kind)


class Jobs:
    """The web process's end of the queues."""

    def __init__(self, settings: WebSettings) -> None:
        self._tasks = {kind: color_task(make_queue(settings, kind), _refuse_work) for kind in KINDS}

    def enqueue(self, job: Job) -> None:
        """Tell the worker of a picture whose row is committed."""
        put(self._tasks[job.kind], job)

    def queue_length(self) -> int:
        """Messages in all queues. Raises what the queue's storage does where it is gone."""
        return sum(int(task.huey.pending_count()) for task in self._tasks.values())


def wake() -> None:
    """Have the worker look what there is to do besides colouring, in the app that is answering."""
    # Its message names no picture: what is next, the rows say.
    enqueue(Job("", 0, "photo"))


def _refuse_work(_picture_id: str, _revision: int) -> None:
    raise AssertionError("the web process colours nothing")


def init_jobs(app: Flask, settings: WebSettings) -> None:
    """Connect ``app`` to the queues."""
    app.extensions[_EXTENSION] = Jobs(settings)


def enqueue(job: Job) -> None:
    """Tell the worker, in the app that is answering.

    Where the queue is away the worker is not told: it finds the row when the queue is back.
    """
    try:
        _jobs().enqueue(job)
    except _queue_errors() as error:
        _log.warning("the queue does not answer (%s)", type(error).__name__)


def queue_length() -> int | None:
    """How many messages wait in the queues; None where the queues cannot be asked."""
    try:
        return _jobs().queue_length()
    except _queue_errors():
        return None


def _queue_errors() -> tuple[type[Exception], ...]:
    """What is raised where a queue cannot be asked."""
    redis = sys.modules.get("redis")  # huey has it imported, if jobs wait there
    return (sqlite3.Error, OSError, *(() if redis is None else (redis.RedisError,)))


def _jobs() -> Jobs:
    if _EXTENSION not in current_app.extensions:
        init_jobs(current_app, current_settings())
    jobs: Jobs = current_app.extensions[_EXTENSION]
    return jobs


def claim(picture_id: str, revision: int, worker: str) -> Picture | None:
    """Make a waiting picture this worker's; None where it is not waiting (for this revision)."""
    is_ours = _update_row(
        update(Picture)
        .where(Picture.id == picture_id, Picture.revision == revision, Picture.state == "waiting")
        .values(
            state="working",
            claimed_by=worker,
            attempts=Picture.attempts + 1,
            progress=0.0,
            seconds_left=None,
            problem=None,
        )
    )
    return db.session.get(Picture, picture_id) if is_ours else None


def report_progress(
    picture_id: str, revision: int, worker: str, progress: float, seconds_left: float | None
) -> bool:
    """Write down how far it is, in [0, 1], and how long it takes yet; False where nobody wants it
    any more.
    """
    row = _own_row(picture_id, revision, worker)
    return _update_row(row.values(progress=progress, seconds_left=seconds_left))


def finish(
    picture_id: str,
    revision: int,
    worker: str,
    size: int,
    model: str | None,
    agreement: float | None = None,
    restored: list[str] | None = None,
    film_pace: float | None = None,
) -> bool:
    """The result file is there, and counts; False where the picture was changed or deleted.

    size: bytes of all its files. model: which made the result; None: it is not known. agreement:
    with its reference, as `Picture.reference_agreement`. restored, film_pace: as of `Picture`.
    """
    return _update_row(
        _own_row(picture_id, revision, worker).values(
            state="done",
            done_revision=revision,
            progress=1.0,
            finished_at=now(),
            claimed_by=None,
            bytes=size,
            reserved_bytes=0,
            model=None if model is None else model[:200],
            reference_agreement=agreement,
            restored=restored,
            film_pace=film_pace,
        )
    )


def done_revision(picture_id: str) -> int:
    """The revision whose result counts; 0: there is none, or the picture is gone."""
    number = db.session.scalar(select(Picture.done_revision).where(Picture.id == picture_id))
    db.session.rollback()
    return number or 0


def update_size(picture_id: str, size: int) -> bool:
    """All its files take so many bytes now."""
    return _update_row(update(Picture).where(Picture.id == picture_id).values(bytes=size))


def fail(picture_id: str, revision: int, worker: str, problem: str, size: int) -> bool:
    """It cannot be coloured, and why, in words for its owner. size: bytes of all its files."""
    return _update_row(
        _own_row(picture_id, revision, worker).values(
            state="failed",
            problem=problem[:500],
            claimed_by=None,
            finished_at=now(),
            bytes=size,
            reserved_bytes=0,
        )
    )


def stop(picture_id: str, problem: str) -> bool:
    """Whoever is at it gives it up; what is there of a film stays. False: nobody would be.

    problem: why, in words for its owner.
    """
    return _update_row(
        update(Picture)
        .where(Picture.id == picture_id, Picture.state.in_(("waiting", "working")))
        .values(state="failed", problem=problem, claimed_by=None, finished_at=now(),
                reserved_bytes=0)
    )  # fmt: skip


def resume(picture_id: str, reserved_bytes: int) -> bool:
    """What was stopped or failed waits again, as the same revision. False: it is neither.

    reserved_bytes: as of `Picture`.
    """
    return _update_row(
        update(Picture)
        .where(Picture.id == picture_id, Picture.state == "failed")
        .values(state="waiting", problem=None, attempts=0, progress=0.0, finished_at=None,
                reserved_bytes=reserved_bytes)
    )  # fmt: skip


def release(picture_id: str, revision: int, worker: str, *, count_attempt: bool) -> bool:
    """The worker stops before it is done; it waits again. tried: this counts as an attempt."""
    attempts = Picture.attempts - (0 if count_attempt else 1)
    return _update_row(
        _own_row(picture_id, revision, worker).values(
            state="waiting", claimed_by=None, attempts=attempts
        )
    )


def reclaim_all() -> None:
    """Pictures that a dead worker was at wait again; for a worker that knows it is alone."""
    _update_row(
        update(Picture).where(Picture.state == "working").values(state="waiting", claimed_by=None)
    )


def reclaim_own(kind: str, worker: str) -> None:
    """Pictures of a kind that are this worker's wait again; for one that has none in hand.

    So it is with those at which the database went away, which is no attempt of theirs. Another
    worker's stay its own.
    """
    _update_row(
        update(Picture)
        .where(Picture.state == "working", Picture.kind == kind, Picture.claimed_by == worker)
        .values(state="waiting", claimed_by=None, attempts=Picture.attempts - 1)
    )


def list_waiting(kind: str) -> list[Job]:
    """All that waits, the oldest first."""
    rows = select(Picture).where(Picture.state == "waiting", Picture.kind == kind)
    waiting = [
        make_job(picture) for picture in db.session.scalars(rows.order_by(Picture.created_at))
    ]
    db.session.rollback()
    return waiting


class Turns:
    """Whose picture is next: the users take turns, and of each the small pictures come first."""

    def __init__(self) -> None:
        self._last_turn: dict[int, int] = {}
        self._turn = 0

    def take(self, kind: str, is_due: Callable[[Job], bool]) -> Job | None:
        """The next job of a kind, of whoever has waited longest for a turn; None: nothing is due.

        is_due: whether a job that waits may be done now.
        """
        waits = (Picture.state == "waiting", Picture.kind == kind)
        since = select(Picture.user_id, func.min(Picture.created_at)).where(*waits)
        users = db.session.execute(since.group_by(Picture.user_id)).all()
        order = sorted(users, key=lambda row: (self._last_turn.get(row[0], 0), row[1]))
        small_first = (Picture.width * Picture.height / 1_000_000, Picture.created_at)
        job = None
        for user, _since in order:
            rows = select(Picture).where(*waits, Picture.user_id == user).order_by(*small_first)
            theirs = map(make_job, db.session.scalars(rows.limit(_LOOK_AT)))
            if (job := next(filter(is_due, theirs), None)) is not None:
                self._turn += 1
                self._last_turn[user] = self._turn
                break
        db.session.rollback()
        return job


def count_ahead(picture: Picture) -> int:
    """How many pictures are coloured before one that waits, as the turns stand now.

    Those that come later may be smaller, or another user's, and go first.
    """
    same = (Picture.state == "waiting", Picture.kind == picture.kind)
    pixels = Picture.width * Picture.height
    key = (picture.width * picture.height, picture.created_at)
    mine = select(func.count()).where(
        *same, Picture.user_id == picture.user_id, tuple_(pixels, Picture.created_at) < tuple_(*key)
    )
    before = db.session.scalar(mine) or 0
    others = select(func.count()).where(*same, Picture.user_id != picture.user_id)
    counts = db.session.scalars(others.group_by(Picture.user_id))
    in_hand = select(func.count()).where(Picture.state == "working", Picture.kind == picture.kind)
    turns = sum(min(count, before + 1) for count in counts)
    return before + turns + (db.session.scalar(in_hand) or 0)


def others_wait(picture_id: str, kind: str) -> bool:
    """Whether something of this kind waits that is of another user than this picture."""
    owner = select(Picture.user_id).where(Picture.id == picture_id).scalar_subquery()
    theirs = select(Picture.id).where(
        Picture.state == "waiting", Picture.kind == kind, Picture.user_id != owner
    )
    waits = db.session.scalar(theirs.limit(1)) is not None
    db.session.rollback()
    return waits


def _own_row(picture_id: str, revision: int, worker: str) -> Update:
    return update(Picture).where(
        Picture.id == picture_id,
        Picture.revision == revision,
        Picture.state == "working",
        Picture.claimed_by == worker,
    )


def _update_row(statement: Update) -> bool:
    """Do it, in a transaction of its own; whether a row was changed."""
    db.session.rollback()  # a write that comes first in its transaction waits for others, not fails
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.commit()
    return isinstance(result, CursorResult) and result.rowcount > 0
