"""The worker: one process that holds the model and colours what waits.

Photos and films have a thread each. Only one worker works on a data folder at a time, which a lock
on a file there ensures; so what a new worker finds claimed belonged to one that died.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import IO, Final

import numpy as np
from flask import Flask

from photochrom.engine import Network, load_with_features, local_model
from photochrom.errors import (
    InputError,
    MissingDependencyError,
    ModelError,
    OutputError,
    PhotochromError,
)
from photochrom.locks import file_lock
from photochrom.pipeline import colorize
from photochrom.web import jobs
from photochrom.web.app import create_app
from photochrom.web.cleanup import sweep
from photochrom.web.colors.search import ColorSearch
from photochrom.web.database import db, is_outage, new_id, upgrade_database
from photochrom.web.errors import SettingsError
from photochrom.web.i18n import _, is_own_sentence
from photochrom.web.logs import start_logs
from photochrom.web.pictures.edit_colorizer import ColorizerCache, EditColorizer
from photochrom.web.pictures.history import past_references
from photochrom.web.pictures.reasons import decoder_words
from photochrom.web.priority import FILM_NICENESS, PHOTO_NICENESS, lower_process, lower_thread
from photochrom.web.render import CancelledError, RenderTask, render
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage, make_private, mark_alive

READY: Final = "The worker is ready."
"""What it says when it begins to look at the queue."""

_POLL_INTERVAL_S: Final = 0.05
_QUERY_INTERVAL_S: Final = 10.0
_SWEEP_INTERVAL_S: Final = 3600.0
_LOCK_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 5.0
_FILM_TURN_S: Final = 300.0
"""A film that has been at work for so long lets another user's go first; it goes on later."""
_REFERENCE_KEPT_S: Final = 3600.0
"""The copy of a reference is kept so long for those who take its removal back."""
_RETRY_S: Final = 60.0
"""A film that could not be written is tried again after so long, the next time after four times
as long, and so on: a disk that is full stays so for a while."""

_log = logging.getLogger(__name__)


class Worker:
    """Colours what waits, until it is told to stop."""

    def __init__(self, app: Flask, settings: WebSettings, network: Network) -> None:
        self._app, self._settings, self._colorizer = app, settings, EditColorizer(network)
        self._others = ColorizerCache()
        self._storage = Storage(settings.data_dir)
        self._name = new_id()
        self._stop = threading.Event()
        self._turns = {kind: jobs.Turns() for kind in jobs.KINDS}
        self._colors = ColorSearch(network, self._storage)
        self._retry_at: dict[tuple[str, int], float] = {}  # on the monotonic clock

    def stop(self) -> None:
        """Take nothing more; a film is left where it is, to go on with later."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`; returns when the photo in hand is done, or after some seconds."""
        with self._app.app_context():
            jobs.reclaim_all()
        threads = [
            threading.Thread(target=self._run_queue, args=(kind,), name=kind, daemon=True)
            for kind in jobs.KINDS
        ]
        for thread in threads:
            thread.start()
        sweep_s = -_SWEEP_INTERVAL_S
        # A signal is seen between two waits only.
        while not self._stop.wait(0.2):
            if time.monotonic() - sweep_s > _SWEEP_INTERVAL_S:
                sweep_s = time.monotonic()
                with self._app.app_context(), _log_errors("sweep"):
                    sweep(self._settings, self._storage)
            mark_alive(self._settings.data_dir)
            if not all(thread.is_alive() for thread in threads):
                break
        self._stop.set()
        until = time.monotonic() + _STOP_TIMEOUT_S
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def work(self, picture_id: str, revision: int) -> None:
        """Colour one picture, if it still waits for this revision.

        Where the database goes away meanwhile, the row stays this worker's until it is back.
        """
        with self._app.app_context():
            try:
                self._work(picture_id, revision)
            except Exception as error:  # noqa: BLE001  # one picture must not keep others waiting
                if is_outage(error):
                    kind = type(error).__name__
                    _log.warning("picture %s: the database does not answer (%s)", picture_id, kind)
                else:
                    _log.exception("picture %s: its end cannot be written down", picture_id)
                    jobs.release(picture_id, revision, self._name, count_attempt=True)

    def _work(self, picture_id: str, revision: int) -> None:
        picture = jobs.claim(picture_id, revision, self._name)
        if picture is None:
            return
        kind, attempts, name = picture.kind, picture.attempts, picture.name
        try:
            if attempts > jobs.MAX_ATTEMPTS:
                raise InputError(_("The studio broke down each time it tried this picture."))
            task = RenderTask.from_picture(picture)
            db.session.rollback()
            self._render(task)
        except CancelledError:
            jobs.release(picture_id, revision, self._name, count_attempt=False)
        except PhotochromError as error:
            _log.warning("picture %s: %s", picture_id, type(error).__name__)
            if kind == "film" and isinstance(error, OutputError) and attempts < jobs.MAX_ATTEMPTS:
                # The disk may have space again, and the finished segments are worth hours.
                wait_s = _RETRY_S * 4 ** (attempts - 1)
                self._retry_at[picture_id, revision] = time.monotonic() + wait_s
                jobs.release(picture_id, revision, self._name, count_attempt=True)
            else:
                self._fail(picture_id, revision, self._owner_message(error, picture_id, name))
        except Exception as error:
            if is_outage(error):
                raise  # neither the picture nor the studio is to blame
            _log.exception("picture %s", picture_id)
            self._fail(picture_id, revision, _internal_problem(error))

    def _fail(self, picture_id: str, revision: int, problem: str) -> None:
        self._storage.remove_segments(picture_id)
        size = self._storage.size(picture_id)
        jobs.fail(picture_id, revision, self._name, problem, size)

    def _render(self, task: RenderTask) -> None:
        start_s = time.perf_counter()
        turn_ends_s = time.monotonic() + _FILM_TURN_S

        def on_progress(progress: float, seconds_left: float | None) -> bool:
            nonlocal turn_ends_s
            is_wanted = jobs.report_progress(
                task.picture_id, task.revision, self._name, progress, seconds_left
            )
            if task.kind == "film" and time.monotonic() > turn_ends_s:
                turn_ends_s = time.monotonic() + _QUERY_INTERVAL_S
                is_wanted = is_wanted and not jobs.others_wait(task.picture_id, "film")
            return is_wanted and not self._stop.is_set()

        result = render(task, self._storage, self._load_colorizer, self._settings, on_progress)
        size = self._storage.size(task.picture_id)
        if jobs.finish(task.picture_id, task.revision, self._name, size, *result):
            self._storage.forget_revisions(task.picture_id, before=task.revision)
            wanted = {task.edit.reference, *past_references(task.picture_id)}
            db.session.rollback()
            self._storage.forget_references(task.picture_id, wanted, older_s=_REFERENCE_KEPT_S)
            if (remaining := self._storage.size(task.picture_id)) != size:
                jobs.update_size(task.picture_id, remaining)
            took_s = time.perf_counter() - start_s
            _log.info("coloured a %s in %.2f s", task.kind, took_s)
        else:
            # It was corrected, stopped or deleted meanwhile; a later revision makes its own result,
            # and until then the one before counts.
            self._storage.forget_revisions(
                task.picture_id, before=task.revision + 1, keep=jobs.done_revision(task.picture_id)
            )

    def _load_colorizer(self, model: str | None) -> EditColorizer:
        if model is None or model == self._settings.model:
            return self._colorizer
        return self._others.get(model, self._settings.device)

    def _owner_message(self, error: PhotochromError, picture_id: str, name: str) -> str:
        """An error for the picture's owner, who must not read where files lie here."""
        if isinstance(error, OutputError):
            # The place stands before the reason, and behind it advice for the command line.
            place, _colon, reason = str(error).rpartition(": ")
            why = reason.partition(";")[0] if place else _("something is in the way")
            return _("The result could not be stored: {why}").format(why=why)
        if isinstance(error, MissingDependencyError):
            return _("This studio cannot read this kind of file any more.")
        if is_own_sentence(str(error)):
            return str(error)
        # Of a decoder or a model: it may name the file, and is English for good.
        folder = f"{self._storage.folder(picture_id)}{os.sep}"
        _log.warning("picture %s: %s", picture_id, decoder_words(error, folder, name))
        if isinstance(error, ModelError):
            return _("The model of this studio cannot colour it so.")
        return _("The studio cannot read this file: it is damaged, or of a kind it does not know.")

    def _run_queue(self, kind: str) -> None:
        """The loop of one thread."""
        if kind == "film":
            lower_thread(FILM_NICENESS)
        queue = jobs.make_queue(self._settings, kind)
        task = jobs.color_task(queue, self.work)
        with _log_errors("start of the queue"):
            queue.storage.flush_queue()  # the rows know better
        query_s = search_s = -_QUERY_INTERVAL_S
        while not self._stop.is_set():
            with _log_errors("queue"):
                message = queue.dequeue()
                if message is not None:
                    # It says that something waits; what is next, the turns say.
                    self._work_next(kind)
                    search_s = -_QUERY_INTERVAL_S
                    continue
                if kind == "photo" and time.monotonic() - search_s > _QUERY_INTERVAL_S:
                    if self._search_colors():
                        continue
                    search_s = time.monotonic()
                if time.monotonic() - query_s > _QUERY_INTERVAL_S:
                    query_s = time.monotonic()
                    for job in self._list_due(kind):
                        jobs.put(task, job)
                    continue
            self._stop.wait(_POLL_INTERVAL_S)

    def _work_next(self, kind: str) -> None:
        with self._app.app_context():
            job = self._turns[kind].take(kind, self._is_due)
        if job is not None:
            self.work(job.picture_id, job.revision)

    def _search_colors(self) -> bool:
        """Look for saved colours in one photograph; False where none waits for that."""
        with self._app.app_context():
            return self._colors.search_one()

    def _list_due(self, kind: str) -> list[jobs.Job]:
        """What is due; for the thread of this kind, while it has nothing in hand."""
        with self._app.app_context():
            jobs.reclaim_own(kind, self._name)
            waiting = jobs.list_waiting(kind)
        return [job for job in waiting if self._is_due(job)]

    def _is_due(self, job: jobs.Job) -> bool:
        key = (job.picture_id, job.revision)
        due = self._retry_at.get(key, 0.0) <= time.monotonic()
        if due:
            self._retry_at.pop(key, None)
        return due


def run_worker(settings: WebSettings, *, with_parent: bool = False) -> None:
    """Work until SIGTERM or SIGINT.

    with_parent: stop too when standard input ends, as it does when the parent process dies; and
    wait, instead of ending, while another worker has this data folder: it colours for both.
    Raises SettingsError where another worker has this data folder, and ModelError.
    """
    start_logs(logging.WARNING if settings.local else logging.INFO)
    lower_process(PHOTO_NICENESS)
    make_private(settings.data_dir)
    app = create_app(settings)
    parent = _Parent(sys.stdin) if with_parent else None
    with _lock_folder(settings, parent) as alone:
        if parent is not None and parent.is_gone:
            return
        if not alone:
            raise SettingsError(
                f"another worker is at work on {settings.data_dir}; one is enough. Stop it, or "
                "name another data_dir"
            )
        migrate(app, settings)
        network = load_with_features(local_model(settings.model), device=settings.device)
        _warm_network(network)
        worker = Worker(app, settings, network)

        def stop(_number: int, _frame: FrameType | None) -> None:
            worker.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        if parent is not None:
            parent.stop_with_it(worker)
        _log.info("%s %s on %s", READY, network.card.title, network.device)
        worker.run()


class _Parent:
    """The process that started this one, known by standard input, which ends with it."""

    def __init__(self, stream: IO[str]) -> None:
        self._ended = threading.Event()
        self._worker: Worker | None = None
        threading.Thread(target=self._watch, args=(stream,), daemon=True).start()

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def stop_with_it(self, worker: Worker) -> None:
        """Stop ``worker`` when the parent ends, or has ended."""
        self._worker = worker
        if self.is_gone:
            worker.stop()

    def _watch(self, stream: IO[str]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while stream.read(1):
                pass
        self._ended.set()
        if self._worker is not None:
            self._worker.stop()


@contextlib.contextmanager
def _lock_folder(settings: WebSettings, parent: _Parent | None) -> Iterator[bool]:
    """Be the one worker of a data folder; False where another is, and stays, or nobody waits."""
    for attempt in itertools.count():
        with file_lock(settings.data_dir / "worker.lock", _LOCK_TIMEOUT_S) as alone:
            if alone or parent is None or parent.is_gone:
                yield alone
                return
        if attempt == 0:
            _log.warning("another worker is at work on this data folder; this one waits")


def migrate(app: Flask, settings: WebSettings) -> None:
    """Bring the database up to date; web and worker may start at the same moment."""
    with file_lock(settings.data_dir / "migrate.lock", _LOCK_TIMEOUT_S):
        upgrade_database(app)


def _warm_network(network: Network) -> None:
    """The first run of a network takes several times as long as the second."""
    colorize(np.zeros((64, 64), np.uint8), model=network)


def _internal_problem(error: Exception) -> str:
    if isinstance(error, MemoryError) or "Insufficient memory" in str(error):  # OpenCV's own error
        return _("This picture needs more memory than the studio has.")
    return _("The studio made a mistake with this picture. Its owner can read more in the log.")


@contextlib.contextmanager
def _log_errors(what: str) -> Iterator[None]:
    """Log whatever breaks, and wait a little: a queue or database that is away comes back."""
    try:
        yield
    except Exception:  # noqa: BLE001  # the loop that serves everybody must go on
        _log.exception("%s", what)
        time.sleep(1.0)
