"""Is it alive, can it work, and how is it doing: for the machines that watch over it."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Iterable

from flask import Flask, Response, abort, current_app, g, jsonify, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from photochrom.web import jobs
from photochrom.web.database import Picture, User, db
from photochrom.web.logs import request_method
from photochrom.web.security import is_loopback
from photochrom.web.settings import current_settings
from photochrom.web.storage import RESERVE_MB, free_bytes, is_worker_alive

Check = Callable[[], str | None]
"""Answers what is wrong, or None."""
_CHECKS, _METRICS = "photochrom-checks", "photochrom-metrics"


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "photochrom_requests",
            "Requests answered.",
            ("method", "page", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "photochrom_request_seconds",
            "Time from a request to the start of its answer.",
            ("page",),
            buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 15),
            registry=self.registry,
        )
        self.registry.register(_DatabaseCollector())


class _DatabaseCollector(Collector):
    """What the database knows, whichever process did it."""

    def collect(self) -> Iterable[Metric]:
        """Counted at each reading."""
        pictures = GaugeMetricFamily("photochrom_pictures", "Pictures by state.", labels=["state"])
        counts: dict[str, int] = dict.fromkeys(("waiting", "working", "done", "failed"), 0)
        rows = db.session.execute(select(Picture.state, func.count()).group_by(Picture.state))
        counts.update((state, number) for state, number in rows)
        for state, number in counts.items():
            pictures.add_metric([state], number)
        yield pictures
        yield GaugeMetricFamily(
            "photochrom_queued_jobs",
            "Messages in the queues; -1: they do not answer.",
            value=-1 if (length := jobs.queue_length()) is None else length,
        )
        users = db.session.scalar(select(func.count(User.id))) or 0
        yield GaugeMetricFamily("photochrom_users", "Accounts.", value=users)
        stored_bytes = db.session.scalar(select(func.sum(Picture.bytes))) or 0
        yield GaugeMetricFamily(
            "photochrom_stored_bytes", "Disk space of all pictures.", value=int(stored_bytes)
        )
        yield GaugeMetricFamily(
            "photochrom_worker_alive",
            "1: a worker has gone on within the last minute.",
            value=int(is_worker_alive(current_settings().data_dir)),
        )
        yield GaugeMetricFamily(
            "photochrom_disk_free_bytes",
            "Space left on the disk of the data folder.",
            value=free_bytes(current_settings().data_dir),
        )


def init_health(app: Flask) -> None:
    """Add the three addresses, and count every request."""
    app.extensions[_CHECKS] = {
        "database": _check_database,
        "data_dir": _check_data_dir,
        "queue": _check_queue,
    }
    app.extensions[_METRICS] = Metrics()
    app.add_url_rule("/healthz", view_func=healthz)
    app.add_url_rule("/readyz", view_func=readyz)
    app.add_url_rule("/metrics", view_func=metrics)
    app.after_request(_count_request)


def add_check(app: Flask, name: str, check: Check) -> None:
    """Ask ``check`` too before the studio calls itself ready."""
    app.extensions[_CHECKS][name] = check


def healthz() -> Response:
    """The process answers; nothing more is asked, so that a slow database restarts nobody."""
    response = jsonify({"status": "alive"})
    response.headers["Cache-Control"] = "no-store"
    return response


def readyz() -> Response:
    """Whether requests can be served: 200, or 503 with what is missing."""
    checks: dict[str, Check] = current_app.extensions[_CHECKS]
    problems = {name: problem for name, check in checks.items() if (problem := check())}
    response = jsonify({"status": "not ready" if problems else "ready", "problems": problems})
    response.status_code = 503 if problems else 200
    response.headers["Cache-Control"] = "no-store"
    return response


def metrics() -> Response:
    """The numbers in Prometheus's text format, for whoever may see them."""
    token = current_settings().metrics_token
    if token:
        header = request.headers.get("Authorization", "")
        if not hmac.compare_digest(header.encode(), f"Bearer {token}".encode()):
            abort(401)
    elif not is_loopback(request.remote_addr):
        abort(404)
    collected_metrics: Metrics = current_app.extensions[_METRICS]
    return Response(generate_latest(collected_metrics.registry), content_type=CONTENT_TYPE_LATEST)


def _count_request(response: Response) -> Response:
    collected_metrics: Metrics = current_app.extensions[_METRICS]
    page = request.url_rule.rule if request.url_rule else "none"
    collected_metrics.requests.labels(request_method(), page, str(response.status_code)).inc()
    collected_metrics.seconds.labels(page).observe(
        time.perf_counter() - g.get("start_s", time.perf_counter())
    )
    return response


def _check_database() -> str | None:
    try:
        # Fails too where the tables are not there yet.
        db.session.execute(text("SELECT 1 FROM pictures LIMIT 1"))
    except SQLAlchemyError as error:
        db.session.rollback()
        return f"the database does not answer ({type(error).__name__})"
    return None


def _check_queue() -> str | None:
    return "the queue does not answer" if jobs.queue_length() is None else None


def _check_data_dir() -> str | None:
    folder = current_settings().data_dir
    if not os.access(folder, os.W_OK):
        return "data_dir cannot be written to"
    free_mb = free_bytes(folder) // 1_000_000
    return None if free_mb >= RESERVE_MB else f"the disk of data_dir has {free_mb} MB left"
