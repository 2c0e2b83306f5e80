"""How the studio is doing, for whoever looks after it: space, what waits, what failed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from photochrom.web import jobs
from photochrom.web.database import Picture, User, db
from photochrom.web.settings import current_settings
from photochrom.web.storage import is_worker_alive

MAX_FAILURES: Final = 20


@dataclass(frozen=True)
class QueueState:
    """What is to be coloured of a kind, photo or film."""

    kind: str
    waiting: int
    working: int
    oldest_at: datetime | None
    """Since when the one waits that has waited longest; None: nothing waits."""


@dataclass(frozen=True)
class Failure:
    """A picture that could not be coloured; neither its name nor what it shows."""

    email: str
    """Its owner's."""
    kind: str
    problem: str
    finished_at: datetime | None


@dataclass(frozen=True)
class Overview:
    """The studio at one moment."""

    users: int
    pictures: int
    stored_bytes: int
    reserved_bytes: int
    """What results take that are not there yet, about."""
    limit_bytes: int
    """Of all users together; 0: what the disk has."""
    disk_bytes: int
    free_bytes: int
    queues: tuple[QueueState, ...]
    queue_answers: bool
    worker_is_alive: bool
    failed: int
    failures: Sequence[Failure]
    """The latest `MAX_FAILURES`, the last one first."""


def read_overview() -> Overview:
    """The studio now."""
    settings = current_settings()
    disk = shutil.disk_usage(settings.data_dir)
    sums = select(func.count(), func.sum(Picture.bytes), func.sum(Picture.reserved_bytes))
    pictures, stored, reserved = db.session.execute(sums.select_from(Picture)).one()
    failed = select(func.count()).select_from(Picture).where(Picture.state == "failed")
    return Overview(
        users=db.session.scalar(select(func.count(User.id))) or 0,
        pictures=pictures,
        stored_bytes=int(stored or 0),
        reserved_bytes=int(reserved or 0),
        limit_bytes=settings.total_quota_mb * 1_000_000,
        disk_bytes=disk.total,
        free_bytes=disk.free,
        queues=tuple(map(_read_queue, jobs.KINDS)),
        worker_is_alive=is_worker_alive(settings.data_dir),
        queue_answers=jobs.queue_length() is not None,
        failed=db.session.scalar(failed) or 0,
        failures=_read_failures(),
    )


def _read_queue(kind: str) -> QueueState:
    rows = select(Picture.state, func.count(), func.min(Picture.created_at)).where(
        Picture.kind == kind, Picture.state.in_(("waiting", "working"))
    )
    states = {row[0]: row for row in db.session.execute(rows.group_by(Picture.state))}
    _state, waiting, oldest_at = states.get("waiting", ("waiting", 0, None))
    return QueueState(kind, waiting, states["working"][1] if "working" in states else 0, oldest_at)


def _read_failures() -> list[Failure]:
    rows = (
        select(User.email, Picture.kind, Picture.problem, Picture.name, Picture.finished_at)
        .join(Picture)
        .where(Picture.state == "failed")
        .order_by(Picture.finished_at.desc(), Picture.id)
        .limit(MAX_FAILURES)
    )
    return [
        Failure(email, kind, (problem or "").replace(name, "…"), finished_at)
        for email, kind, problem, name, finished_at in db.session.execute(rows)
    ]
