"""Jobs: each picture is coloured once, whatever is killed, corrected or deleted meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from film_fixtures import Film, make_film
from flask import Flask
from flask.testing import FlaskClient
from numpy.typing import NDArray
from studio_fixtures import (
    Browser,
    Studio,
    ask,
    colour_all,
    jpeg,
    model_in,
    running,
    uploaded,
    worker_of,
)
from web_fixtures import MakeApp

from photochrom.imageio import read
from photochrom.video.probe import probe
from photochrom.web import colouring, jobs
from photochrom.web.database import Picture, db
from photochrom.web.settings import WebSettings
from photochrom.web.storage import Storage

pytest_plugins = ["web_fixtures"]


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    model = model_in(tmp_path)
    return WebSettings(data_dir=tmp_path / "studio", model=model, device="cpu", local=True)


@pytest.fixture
def app(make_app: MakeApp, settings: WebSettings) -> Flask:
    app = make_app(model=settings.model, device="cpu", local=True)
    app.test_client_class = Browser
    return app


@pytest.fixture
def photo(grey_scene: NDArray[np.uint8]) -> bytes:
    return jpeg(grey_scene)


def id_of(url: str) -> str:
    return url.rpartition("/")[2]


def test_only_one_can_claim_a_picture(app: Flask, client: FlaskClient, photo: bytes) -> None:
    picture_id = id_of(uploaded(client, photo))
    with app.app_context():
        assert jobs.claim(picture_id, 2, "eager") is None  # not its revision
        claimed = [jobs.claim(picture_id, 1, f"worker {n}") is not None for n in range(3)]
        assert claimed == [True, False, False]
        assert not jobs.finished(picture_id, 1, "worker 1", 5)
        assert jobs.finished(picture_id, 1, "worker 0", 5)
        assert not jobs.finished(picture_id, 1, "worker 0", 5)


def test_a_message_is_json_and_runs_nothing(
    settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    picture_id = id_of(uploaded(client, photo))
    queue = jobs.make_queue(settings)
    (message,) = queue.storage.enqueued_items()
    assert json.loads(bytes(message))[-2:] == [picture_id, 1]
    seen: list[tuple[str, int]] = []
    jobs.colour_task(queue, lambda *job: seen.append(job))
    queue.execute(queue.dequeue())
    assert seen == [(picture_id, 1)]
    queue.storage.enqueue(b"cos\nsystem\n(S'false'\ntR.", 0)
    with pytest.raises(ValueError, match="Expecting value"):
        queue.dequeue()


def test_small_pictures_come_before_large_ones(settings: WebSettings) -> None:
    settings.data_dir.mkdir()
    queue = jobs.make_queue(settings)
    order: list[str] = []
    task = jobs.colour_task(queue, lambda picture_id, _revision: order.append(picture_id))
    for name, megapixels in (("panorama", 90), ("photo", 12), ("thumb", 0), ("scan", 40)):
        jobs.put(task, jobs.Job(name, 1, "photo", megapixels * 1_000_000))
    while (taken := queue.dequeue()) is not None:
        queue.execute(taken)
    assert order == ["thumb", "photo", "scan", "panorama"]


def test_what_waits_is_found_without_the_queue(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = uploaded(client, photo)
    jobs.make_queue(settings).storage.flush_queue()  # killed between the row and the queue
    with app.app_context():
        jobs.claim(id_of(url), 1, "a worker that then died")
    worker = worker_of(app, settings)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while client.get(f"{url}/state").get_json()["state"] != "done":
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        worker.stop()
        thread.join(20)
    assert not thread.is_alive()


def test_a_result_that_is_there_is_not_made_again(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = uploaded(client, photo)
    colour_all(app, settings)
    path = Storage(settings.data_dir).result(id_of(url), 1)
    assert path is not None
    before = path.stat()
    with app.app_context():  # as if it had been killed between the file and the row
        db.session.query(Picture).update({"state": "waiting", "done_revision": 0})
        db.session.commit()
    colour_all(app, settings)
    assert client.get(f"{url}/state").get_json()["done_revision"] == 1
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_correction_meanwhile_replaces_the_result(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = uploaded(client, photo)
    worker, colour = worker_of(app, settings), colouring.colour

    def slowly(order: colouring.Order, *rest: object) -> None:
        colour(order, *rest)  # type: ignore[arg-type]
        if order.revision == 1:
            assert ask(app.test_client(), f"{url}/edit", {"vividness": 0.0}).status_code == 200

    monkeypatch.setattr("photochrom.web.worker.colour", slowly)
    worker.work(id_of(url), 1)
    assert Storage(settings.data_dir).result(id_of(url), 1) is None
    assert client.get(f"{url}/state").get_json()["state"] == "waiting"
    worker.work(id_of(url), 1)  # an old message does nothing
    worker.work(id_of(url), 2)
    told = client.get(f"{url}/state").get_json()
    assert (told["state"], told["done_revision"]) == ("done", 2)
    result = Storage(settings.data_dir).result(id_of(url), 2)
    assert result is not None
    assert np.ptp(read(result).pixels.astype(int), axis=-1).max() < 12  # vividness 0 is grey


def test_a_picture_that_is_deleted_meanwhile_leaves_nothing(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = uploaded(client, photo)
    colour = colouring.colour

    def deleted(order: colouring.Order, *rest: object) -> None:
        assert ask(app.test_client(), f"{url}/delete").status_code == 200
        colour(order, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("photochrom.web.worker.colour", deleted)
    worker_of(app, settings).work(id_of(url), 1)
    assert client.get(url).status_code == 404
    assert not Storage(settings.data_dir).folder(id_of(url)).exists()


def test_one_that_kills_its_worker_is_given_up(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = uploaded(client, photo)
    for _ in range(jobs.MAX_ATTEMPTS):
        with app.app_context():
            assert jobs.claim(id_of(url), 1, "it dies") is not None
            jobs.reclaim_all()
    worker_of(app, settings).work(id_of(url), 1)
    told = client.get(f"{url}/state").get_json()
    assert told["state"] == "failed"
    assert "broke down" in told["problem"]


def test_a_problem_is_told_without_the_servers_paths(
    app: Flask, settings: WebSettings, client: FlaskClient, photo: bytes
) -> None:
    url = uploaded(client, photo, "Oma.jpg")
    Storage(settings.data_dir).original(id_of(url), "image/jpeg").write_bytes(photo[:500])
    colour_all(app, settings)
    told = client.get(f"{url}/state").get_json()
    assert told["state"] == "failed"
    assert "Oma.jpg" in told["problem"]
    assert str(settings.data_dir) not in told["problem"]
    assert ask(client, f"{url}/edit", {"vividness": 1.0}).status_code == 200  # can be tried again


def test_a_mistake_of_ours_fails_one_picture_only(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = [uploaded(client, photo), uploaded(client, photo)]
    colour = colouring.colour

    def broken(order: colouring.Order, *rest: object) -> None:
        if order.picture_id == id_of(urls[0]):
            raise ZeroDivisionError(str(settings.data_dir))
        colour(order, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("photochrom.web.worker.colour", broken)
    colour_all(app, settings)
    told = [client.get(f"{url}/state").get_json() for url in urls]
    assert [one["state"] for one in told] == ["failed", "done"]
    assert str(settings.data_dir) not in told[0]["problem"]


def test_a_film_is_coloured_with_a_preview_and_goes_on_after_a_stop(
    app: Flask,
    settings: WebSettings,
    client: FlaskClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = make_film(tmp_path / "film.mkv", Film(frames=30, audio="flac"))
    url = uploaded(client, film.read_bytes(), "wedding.mkv")
    worker = worker_of(app, settings)
    monkeypatch.setattr("photochrom.web.colouring._TELL_EVERY_S", 0.0)
    told, tell = [], jobs.told_progress

    def stopped(picture_id: str, revision: int, name: str, progress: float) -> bool:
        told.append(progress)
        if 0.3 < progress < 0.9 and not worker._stop.is_set():
            worker.stop()
        return tell(picture_id, revision, name, progress)

    monkeypatch.setattr("photochrom.web.jobs.told_progress", stopped)
    worker.work(id_of(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "waiting"
    assert told == sorted(told)
    worker_of(app, settings).work(id_of(url), 1)
    assert client.get(f"{url}/state").get_json()["state"] == "done"
    storage = Storage(settings.data_dir)
    result = storage.result(id_of(url), 1)
    assert result is not None
    assert probe(result).streams == ("audio: flac, eng",)
    assert probe(storage.film_preview(id_of(url))).width == 2 * probe(film).width
    assert client.get(f"{url}/preview.mp4").mimetype == "video/mp4"
    assert (
        client.get(f"{url}/download").headers["Content-Disposition"].endswith("wedding.color.mkv")
    )
    assert not list(storage.folder(id_of(url)).glob(".*"))
    assert client.get(f"{url}/variants").status_code == 400


def test_nothing_is_lost_or_done_twice_when_web_and_worker_are_killed(
    tmp_path: Path, photo: bytes
) -> None:
    dice = random.Random(5)
    studio = Studio(tmp_path / "studio", model_in(tmp_path))
    accepted: list[str] = []
    finished: dict[str, tuple[int, int]] = {}
    storage = Storage(tmp_path / "studio")

    def note_finished() -> None:
        """Remember which file is the result of what is done."""
        for url in accepted:
            if url not in finished and studio.state(url)["state"] == "done":
                finished[url] = identity(storage, url)

    with running(studio):
        for round_ in range(5):
            accepted += [studio.upload(photo) for _ in range(3)]
            if round_ % 2:
                note_finished()
                killer = threading.Timer(dice.uniform(0.0, 0.3), studio.stop, [signal.SIGKILL])
                killer.start()
                with contextlib.suppress(OSError, http.client.HTTPException):
                    while True:  # killed in the middle of an upload, or between two
                        accepted.append(studio.upload(photo))
                killer.join()
                studio.start()
            elif (worker := studio.worker_pid()) is not None:
                time.sleep(dice.uniform(0.0, 0.4))
                os.kill(worker, signal.SIGKILL)
        states = [studio.wait_until_done(url) for url in accepted]
        note_finished()
    assert {state["state"] for state in states} == {"done"}
    assert len(accepted) >= 15
    for url in accepted:
        assert finished[url] == identity(storage, url)
        results = list(storage.folder(id_of(url)).glob("result-*"))
        assert [path.name for path in results] == ["result-1.jpg"]
        assert read(results[0]).pixels.shape == (90, 120, 3)


def identity(storage: Storage, url: str) -> tuple[int, int]:
    """Which file a result is, and when it was written."""
    path = storage.result(id_of(url), 1)
    assert path is not None
    return path.stat().st_ino, path.stat().st_mtime_ns
